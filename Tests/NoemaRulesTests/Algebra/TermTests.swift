import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct TermTests {
  @Test func comparisonsAreExactComplements() {
    for threshold in [0.1 + 0.2, -0.0, 1e300, .leastNonzeroMagnitude] {
      for value in [threshold, threshold.nextUp, threshold.nextDown, 0, -1] {
        #expect(Term.atMost(0, threshold).admits(value) != Term.above(0, threshold).admits(value))
      }
      #expect(
        Term.atMost(0, threshold).admits(threshold) && Term.above(0, threshold).admits(threshold.nextUp))
    }
  }

  @Test func aMissingValueFailsUnlessTheTermSaysSo() {
    for orMissing in [false, true] {
      #expect(Term.atMost(0, 1, orMissing: orMissing).admits(.nan) == orMissing)
      #expect(Term.above(0, 1, orMissing: orMissing).admits(.nan) == orMissing)
      #expect(Term.isIn(0, [1], orMissing: orMissing).admits(.nan) == orMissing)
    }
    #expect(Term.isMissing(0).admits(.nan) && !Term.isMissing(0).admits(1))
    #expect(!Term.isPresent(0).admits(.nan) && Term.isPresent(0).admits(1))
  }

  @Test func negationHoldsWhereTheTermDoesNot() {
    var source = RandomRuleSource(seed: 1)
    for _ in 0..<2_000 {
      let (term, row) = (source.term(), source.row())
      #expect(term.negated(in: RandomRuleSource.features).holds(row) != term.holds(row), "\(term) at \(row)")
      #expect(term.holds(row) == NaiveRules.holds(term, row))
    }
  }

  @Test func levelSetsAreSets() {
    var random = RandomNumbers(seed: 2)
    for _ in 0..<200 {
      let a = Set((0..<random.index(below: 20)).map { _ in random.index(below: 200) })
      let b = Set((0..<random.index(below: 20)).map { _ in random.index(below: 200) })
      let (x, y) = (LevelSet(a), LevelSet(b))
      #expect(x.levels == a.sorted() && x.count == a.count && x.isEmpty == a.isEmpty)
      #expect(x.union(y) == LevelSet(a.union(b)) && x.intersection(y) == LevelSet(a.intersection(b)))
      #expect(x.subtracting(y) == LevelSet(a.subtracting(b)) && x.isSubset(of: y) == a.isSubset(of: b))
    }
    let set: LevelSet = [1, 70]
    #expect(set.contains(value: 70) && !set.contains(value: 70.5) && !set.contains(value: .nan))
    #expect(!set.contains(value: -1) && !set.contains(value: 1e300) && !set.contains(value: .infinity))
    #expect(LevelSet([-1, Int.max]).isEmpty)
  }

  @Test func mOfNCountsItsLiterals() throws {
    var source = RandomRuleSource(seed: 3)
    for _ in 0..<100 {
      let literals = (0..<5).map { _ in source.term() }
      let test = MOfN(1 + source.random.index(below: 5), of: literals)
      let (clauses, negated) = (try test.clauses(), test.negated(in: RandomRuleSource.features))
      for _ in 0..<50 {
        let row = source.row()
        let holds = literals.count { NaiveRules.holds($0, row) } >= test.m
        #expect(test.holds(row) == holds && negated.holds(row) != holds)
        #expect(clauses.contains { $0.holds(row) } == holds)
      }
    }
    #expect(MOfN(5, of: (0..<9).map { .atMost($0, 0) }).clauseCount == 126)
    #expect(MOfN(50, of: (0..<200).map { .atMost($0, 0) }).clauseCount == nil)
    #expect(
      throws: RuleError(
        .limit("15 of 30 literals are more than 1000 clauses; keep the tree, or raise the limit"))
    ) { try MOfN(15, of: (0..<30).map { .atMost($0, 0) }).clauses() }
  }
}
