import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct ClauseTests {
  private let features = RandomRuleSource.features

  @Test func oneBoundOfEachKindStays() {
    let clause = Clause([
      .above(0, 1.5), .atMost(0, 9), .above(0, 2), .atMost(0, 7), .isIn(3, [0, 1]), .isIn(3, [1, 2]),
    ])
    #expect(clause.terms == [.above(0, 2), .atMost(0, 7), .isIn(3, [1])])
    #expect(clause.removing(.above(0, 2)).terms == [.atMost(0, 7), .isIn(3, [1])])
    #expect(clause.removing(feature: 0).terms == [.isIn(3, [1])])
    #expect(Clause([.atMost(0, 1), .above(0, 1)]).isContradictory)
    #expect(!Clause([.atMost(0, 1, orMissing: true), .above(0, 1, orMissing: true)]).isContradictory)
    #expect(Clause([.atMost(0, 1, orMissing: true), .above(0, 1, orMissing: true)]).terms == [.isMissing(0)])
  }

  @Test func theNormalFormMeansWhatTheTermsMean() throws {
    var source = RandomRuleSource(seed: 1)
    let table = try source.table(300)
    for _ in 0..<300 {
      let terms = source.terms(6)
      let clause = Clause(terms)
      let expected = (0..<300).filter { NaiveRules.holds(terms, table.row($0)) }
      #expect(clause.coveredRows(of: table) == expected, "\(terms)")
      #expect((0..<300).filter { clause.holds(row: $0, of: table) } == expected)
      #expect(clause.canonical(in: features).coveredRows(of: table) == expected)
      #expect(Clause(clause.terms) == clause && clause.termCount == clause.terms.count)
      #expect(clause.coveredRows(of: table, among: [5, 7, 8]) == expected.filter { [5, 7, 8].contains($0) })
    }
  }

  @Test func algebraIsThatOfSets() {
    var source = RandomRuleSource(seed: 2)
    var (subsumed, merged, equal) = (0, 0, 0)
    for round in 0..<400 {
      let a = Clause(source.terms(3)).canonical(in: features)
      var b = Clause(source.terms(3)).canonical(in: features)
      if round % 3 == 0 { b = Clause(a.terms.dropFirst() + source.terms(1)).canonical(in: features) }
      let rows = NaiveRules.allRows(a.terms + b.terms)
      let (x, y) = (rows.map { a.holds($0) }, rows.map { b.holds($0) })
      #expect(a.isSatisfiable(in: features) == x.contains(true), "\(a)")
      let both = a.intersection(b)
      #expect(rows.map { both.holds($0) } == zip(x, y).map { $0 && $1 })
      // Exact in both directions for canonical clauses.
      #expect(a.subsumes(b) == zip(x, y).allSatisfy { $0 || !$1 }, "\(a) and \(b)")
      if a.subsumes(b) { subsumed += 1 }
      if let union = a.union(b) {
        merged += 1
        #expect(rows.map { union.holds($0) } == zip(x, y).map { $0 || $1 }, "\(a) and \(b)")
      }
      if x.contains(true) {
        #expect((a == b) == (x == y), "\(a) and \(b)")
        if x == y { equal += 1 }
      }
      let pieces = a.complement(in: features)
      for (row, inside) in zip(rows, x) {
        #expect(pieces.count { $0.holds(row) } == (inside ? 0 : 1), "\(a) at \(row)")
      }
    }
    #expect(subsumed > 40 && merged > 40 && equal > 10)
  }

  @Test func unsatisfiableClausesAreFoundByTheKindOfFeature() {
    // No integer in (0.2, 0.8], but numbers.
    #expect(!Clause([.above(2, 0.2), .atMost(2, 0.8)]).isSatisfiable(in: features))
    #expect(Clause([.above(0, 0.2), .atMost(0, 0.8)]).isSatisfiable(in: features))
    #expect(!Clause([.above(4, 3)]).isSatisfiable(in: features))
    #expect(!Clause([.isIn(4, [0, 3]), .above(4, 0), .atMost(4, 2)]).isSatisfiable(in: features))
    #expect(Clause([.above(4, 3, orMissing: true)]).isSatisfiable(in: features))
    #expect(Clause([.isIn(4, [1, 2])]).canonical(in: features) == Clause([.above(4, 0), .atMost(4, 2)]))
    #expect(Clause([.isIn(3, [0, 1, 2, 3])]).canonical(in: features) == Clause([.isPresent(3)]))
    #expect(Clause([.atMost(2, 2.75)]).canonical(in: features) == Clause([.atMost(2, 2)]))
  }

  @Test func neighboursMerge() {
    let merge = { (a: [Term], b: [Term]) in Clause(a).union(Clause(b))?.terms }
    #expect(merge([.atMost(0, 1)], [.above(0, 1), .atMost(0, 2)]) == [.atMost(0, 2)])
    #expect(merge([.atMost(0, 1)], [.above(0, 1)]) == [.isPresent(0)])
    #expect(merge([.atMost(0, 1, orMissing: true)], [.above(0, 1)]) == [])
    #expect(merge([.atMost(0, 1)], [.above(0, 1.5)]) == nil)
    #expect(merge([.atMost(0, 1), .atMost(1, 1)], [.above(0, 1), .atMost(1, 2)]) == nil)
    #expect(
      merge([.isIn(3, [0]), .atMost(0, 1)], [.isIn(3, [2]), .atMost(0, 1)]) == [
        .atMost(0, 1), .isIn(3, [0, 2]),
      ])
    #expect(merge([.isMissing(0)], [.atMost(0, 1)]) == [.atMost(0, 1, orMissing: true)])
  }
}
