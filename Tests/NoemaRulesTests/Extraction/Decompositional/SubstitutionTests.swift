import NoemaTensor
import Testing

@testable import NoemaRules

/// Replacing terms by clauses is composition: what it gives holds exactly where the terms of some upper clause are all
/// implied by some lower clause.
@Suite struct SubstitutionTests {
  private func limits(
    clauses: Int = 100_000, cover: Int = 0, _ unimplied: UnimpliedTerm = .dropsClause
  ) -> SubstitutionLimits {
    SubstitutionLimits(
      clauses: clauses, minimumCover: cover, unimplied: unimplied, time: TimeLimit(seconds: nil))
  }

  /// For each term a few clauses, none for one in eight.
  private func lower(
    _ terms: [Term], _ cube: inout SmallCube, _ table: RuleTable
  ) -> [Term: [Disjunction.Member]] {
    var clauses: [Term: [Disjunction.Member]] = [:]
    for term in terms {
      let count = cube.random.uniform() < 0.125 ? 0 : 1 + cube.random.index(below: 3)
      clauses[term] = Disjunction((0..<count).map { _ in cube.member(3, table) }).members
    }
    return clauses
  }

  /// Whether a disjunction over the upper layer holds, each term where one of its clauses over the lower one does.
  private func holds(
    _ upper: [Clause], _ lower: [Term: [Disjunction.Member]], _ lowerHolds: (Clause) -> Bool,
    _ unimplied: UnimpliedTerm
  ) -> Bool {
    upper.contains { clause in
      clause.terms.allSatisfy { term in
        let choices = lower[term] ?? []
        if choices.isEmpty { return unimplied == .dropsTerm }
        return choices.contains { lowerHolds($0.clause) }
      }
    }
  }

  @Test(arguments: UnimpliedTerm.allCases, [0, 1])
  func substitutionIsComposition(_ unimplied: UnimpliedTerm, _ cover: Int) throws {
    let table = try SmallCube.table()
    var cube = SmallCube(seed: 8)
    for _ in 0..<150 {
      let upper = Disjunction((0..<(1 + cube.random.index(below: 4))).map { _ in cube.member(4, table) })
      let lower = lower(upper.terms, &cube, table)
      let (found, isTruncated) = TermRules(clauses: lower).substituting(
        in: upper, table.features, rowCount: 64, limits(cover: cover, unimplied))
      #expect(!isTruncated)
      for row in 0..<64 {
        let expected = holds(
          upper.members.map(\.clause), lower, { $0.holds(row: row, of: table) }, unimplied)
        #expect(found.members.contains { $0.clause.holds(row: row, of: table) } == expected)
      }
      for member in found.members {
        let rows = member.clause.coveredRows(of: table)
        #expect(!rows.isEmpty && member.rows.count == rows.count)
        #expect((0...1).contains(member.confidence))
      }
    }
  }

  @Test func layerByLayerIsTheNestedComposition() throws {
    let table = try SmallCube.table()
    var cube = SmallCube(seed: 21)
    for _ in 0..<25 {
      let top = Disjunction((0..<2).map { _ in cube.member(3, table) })
      let upper = lower(top.terms, &cube, table).mapValues { members in
        // Clauses over the layer between; which examples they cover is not known yet.
        members.map {
          Disjunction.Member($0.clause, confidence: $0.confidence, rows: RowSet(64) { _ in true })
        }
      }
      let between = try RuleTable(
        features: SmallCube.features,
        rows: (0..<64).map { _ -> [Double] in (0..<3).map { _ in Double(cube.random.index(below: 4)) } })
      let (half, _) = TermRules(clauses: upper).substituting(
        in: top, table.features, rowCount: 64, limits())
      let classifier = LayerClassifier(
        data: try LayerData(table), learner: .cart(CART()), minimumCases: 1)
      let bottom = try TermRules(
        for: half.terms, over: between, by: classifier, until: TimeLimit(seconds: nil))
      let (found, isTruncated) = bottom.substituting(
        in: half, table.features, rowCount: 64, limits(cover: 1))
      #expect(!isTruncated)
      for row in 0..<64 {
        let expected = holds(
          top.members.map(\.clause), upper, { $0.holds(row: row, of: between) }, .dropsClause)
        #expect(found.members.contains { $0.clause.holds(row: row, of: table) } == expected)
      }
    }
  }

  @Test func confidencesAreMeansOfRuleTimesPrior() throws {
    let table = try SmallCube.table()
    func member(_ terms: [Term], _ confidence: Double) -> Disjunction.Member {
      let clause = Clause(terms)
      return .init(clause, confidence: confidence, rows: RowSet(64) { clause.holds(row: $0, of: table) })
    }
    let upper = Disjunction([
      member([.above(0, 0.5), .above(1, 0.5)], 0.8), member([.above(1, 0.5), .above(2, 0.5)], 0.5),
    ])
    let lower: [Term: [Disjunction.Member]] = [
      .above(0, 0.5): [member([.above(0, 1.5)], 0.9)], .above(1, 0.5): [member([.atMost(1, 1.5)], 0.6)],
      .above(2, 0.5): [member([.atMost(2, 0.5)], 1), member([.above(2, 2.5)], 0.7)],
    ]
    let (found, _) = TermRules(clauses: lower).substituting(in: upper, table.features, rowCount: 64, limits())
    #expect(
      found.members.map(\.clause) == [
        Clause([.above(0, 1.5), .atMost(1, 1.5)]), Clause([.atMost(1, 1.5), .atMost(2, 0.5)]),
        Clause([.atMost(1, 1.5), .above(2, 2.5)]),
      ])
    // The second term is in both clauses, so that its prior is 0.5.
    let expected: [Double] = [
      (0.9 * 0.8 + 0.6 * 0.5) / 2, (0.6 * 0.5 + 1 * 0.5) / 2, (0.6 * 0.5 + 0.7 * 0.5) / 2,
    ]
    for (a, b) in zip(found.members.map(\.confidence), expected) { #expect(abs(a - b) < 1e-12) }
  }

  @Test func limitsBoundTheProductAndSaySo() throws {
    let table = try SmallCube.table()
    let everything = RowSet(64) { _ in true }
    let upper = Disjunction([
      .init(Clause([.above(0, 0.5), .above(1, 0.5)]), confidence: 1, rows: everything)
    ])
    let members = { (feature: Int) -> [Disjunction.Member] in
      [Term.atMost(feature, 0.5), .above(feature, 2.5)].map {
        .init(Clause([$0]), confidence: 1, rows: everything)
      }
    }
    let rules = TermRules(clauses: [.above(0, 0.5): members(0), .above(1, 0.5): members(1)])
    for limit in 1...3 {
      let (found, isTruncated) = rules.substituting(
        in: upper, table.features, rowCount: 64, limits(clauses: limit))
      #expect(isTruncated && found.members.count <= limit)
    }
    let (found, isTruncated) = rules.substituting(
      in: upper, table.features, rowCount: 64, limits(clauses: 5))
    #expect(!isTruncated && found.members.count == 4)
  }

  @Test func clausesThatCoverTooLittleGo() throws {
    let table = try SmallCube.table()
    var cube = SmallCube(seed: 5)
    for _ in 0..<40 {
      let upper = Disjunction((0..<2).map { _ in cube.member(3, table) })
      let rules = TermRules(clauses: lower(upper.terms, &cube, table))
      let (all, _) = rules.substituting(in: upper, table.features, rowCount: 64, limits())
      let (some, _) = rules.substituting(in: upper, table.features, rowCount: 64, limits(cover: 9))
      #expect(some.members.allSatisfy { $0.rows.count >= 9 })
      let large = all.members.filter { $0.rows.count >= 9 }.map(\.clause)
      #expect(Set(large).isSubset(of: Set(some.members.map(\.clause))))
    }
  }

  @Test func aTermAndItsNegationShareATree() throws {
    let table = try SmallCube.table()
    let upper = try RuleTable(
      features: [Feature("u"), Feature("v")],
      rows: (0..<64).map { (row: Int) -> [Double] in
        let sum: Double = table[row, 0] + table[row, 1]
        return [sum > 3 ? 1 : 0, table[row, 2]]
      })
    let classifier = LayerClassifier(
      data: try LayerData(table), learner: .cart(CART()), minimumCases: 1)
    let rules = try TermRules(
      for: [.above(0, 0.5), .atMost(0, 0.5), .atMost(1, 1.5)], over: upper, by: classifier,
      until: TimeLimit(seconds: nil))
    #expect(
      Set(rules.clauses.keys) == [.above(0, 0.5), .atMost(0, 0.5), .atMost(1, 1.5), .above(1, 1.5)])
    for (term, members) in rules.clauses {
      for row in 0..<64 {
        #expect(
          members.contains { $0.clause.holds(row: row, of: table) } == term.holds(row: row, of: upper))
      }
    }
    #expect(rules.clauses[.atMost(1, 1.5)]?.map(\.clause) == [Clause([.atMost(2, 1.5)])])
  }
}
