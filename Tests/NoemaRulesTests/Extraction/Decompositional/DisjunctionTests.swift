import NoemaTensor
import Testing

@testable import NoemaRules

/// Random conjunctions over features that take the numbers 0 to 3, and all their examples.
struct SmallCube {
  static let features = [Feature("a"), Feature("b"), Feature("c")]
  var random: RandomNumbers

  init(seed: UInt64) { random = RandomNumbers(seed: seed) }

  static func table() throws -> RuleTable {
    try RuleTable(
      features: features,
      rows: (0..<64).map { (row: Int) -> [Double] in
        let values: [Int] = [row % 4, row / 4 % 4, row / 16]
        return values.map { Double($0) }
      })
  }

  mutating func term() -> Term {
    let (feature, threshold) = (random.index(below: 3), Double(random.index(below: 3)) + 0.5)
    return random.uniform() < 0.5 ? .atMost(feature, threshold) : .above(feature, threshold)
  }

  /// A clause of up to so many terms that something satisfies.
  mutating func clause(_ most: Int) -> Clause {
    while true {
      let clause = Clause((0..<random.index(below: most + 1)).map { _ in term() })
      if clause.isSatisfiable(in: SmallCube.features) { return clause }
    }
  }

  mutating func member(_ most: Int, _ table: RuleTable) -> Disjunction.Member {
    let clause = clause(most)
    return Disjunction.Member(
      clause, confidence: random.uniform(),
      rows: RowSet(table.rowCount) { clause.holds(row: $0, of: table) })
  }
}

@Suite struct DisjunctionTests {
  @Test func itHoldsWhereAnyClauseDoes() throws {
    let table = try SmallCube.table()
    var cube = SmallCube(seed: 3)
    for _ in 0..<300 {
      let members = (0..<(1 + cube.random.index(below: 8))).map { _ in cube.member(4, table) }
      let disjunction = Disjunction(members)
      for row in 0..<table.rowCount {
        let truth = members.contains { $0.clause.holds(row: row, of: table) }
        #expect(disjunction.members.contains { $0.clause.holds(row: row, of: table) } == truth)
      }
      // None makes another one redundant, by truth table.
      for (first, a) in disjunction.members.enumerated() {
        for (second, b) in disjunction.members.enumerated() where first != second {
          #expect(b.rows.intersection(a.rows).count < b.rows.count || !a.clause.subsumes(b.clause))
        }
      }
      for member in disjunction.members {
        let equals = members.filter { $0.clause == member.clause }
        #expect(member.confidence == equals.map(\.confidence).max())
      }
    }
  }

  @Test func whatSubsumesStaysWhicheverComesFirst() throws {
    let table = try SmallCube.table()
    func member(_ terms: [Term], _ confidence: Double) -> Disjunction.Member {
      let clause = Clause(terms)
      return Disjunction.Member(
        clause, confidence: confidence, rows: RowSet(64) { clause.holds(row: $0, of: table) })
    }
    let wide = member([.above(0, 0.5)], 0.4)
    let narrow = member([.above(0, 1.5), .atMost(1, 0.5)], 0.9)
    let other = member([.atMost(2, 1.5)], 0.6)
    for order in [[wide, narrow, other], [narrow, wide, other]] {
      #expect(Disjunction(order).members.map(\.clause) == [wide.clause, other.clause])
      #expect(Disjunction(order).members.map(\.confidence) == [0.4, 0.6])
    }
    let again = member([.atMost(2, 1.5)], 0.7)
    #expect(Disjunction([other, wide, again]).members.map(\.confidence) == [0.7, 0.4])
    #expect(Disjunction([other, narrow]).terms == [.atMost(2, 1.5), .above(0, 1.5), .atMost(1, 0.5)])
    #expect(Disjunction([other, narrow, wide]).terms == [.atMost(2, 1.5), .above(0, 0.5)])
  }

  @Test func aTermsPriorIsItsLeastConfidentClauses() throws {
    var disjunction = Disjunction()
    let none = RowSet(1) { _ in true }
    disjunction.insert(.init(Clause([.above(0, 1), .atMost(1, 2)]), confidence: 0.8, rows: none))
    disjunction.insert(.init(Clause([.above(0, 1), .atMost(2, 2)]), confidence: 0.6, rows: none))
    #expect(
      disjunction.priors == [.above(0, 1): 0.6, .atMost(1, 2): 0.8, .atMost(2, 2): 0.6])
  }
}
