import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct RegionAgreementTests {
  @Test func regionsAndMistakesByHand() throws {
    let features = [Feature("x"), Feature("y")]
    let rules = try RuleSet(
      features: features, classes: ["a", "b"],
      rules: [
        Rule(Clause([.atMost(0, 5)]), .label(0), confidence: 0.9),
        Rule(Clause([.atMost(0, 5), .above(1, 5)]), .label(1), confidence: 0.6),
        Rule(Clause([.above(0, 8), .above(1, 8)]), .label(1), confidence: 0.8),
      ], resolution: .confidenceVote, defaultConclusion: .label(0))
    let table = try RuleTable(features: features, rows: [[1, 1], [1, 9], [9, 9], [7, 9], [7, 1]])
    let network = [0, 1, 1, 1, 0]
    let regions = try RegionAgreement(rules, on: table, network: network).regions
    #expect(regions.map(\.rule) == [0, nil, 2])
    #expect(regions.map(\.mistakes) == [[1], [3], []])
    #expect(regions.map(\.fidelity) == [.share(1, of: 2), .share(1, of: 2), .share(1, of: 1)])
    let mistakes = try RegionAgreement.mistakes(of: rules, on: table, network: network)
    // The first is outvoted, the second fails on x alone in both rules; the more confident one is named.
    #expect(mistakes.map(\.row) == [1, 3] && mistakes.map(\.firing) == [[0, 1], []])
    #expect(mistakes.map(\.nearestRule) == [1, 2] && mistakes.map(\.failingFeatures) == [[], [0]])
    let list = try #require(rules.resolved(by: .firstMatch).list)
    #expect(try RegionAgreement(list, on: table, network: network).regions.map(\.rule) == [0, nil, 2])
  }

  @Test func regionsOfATreeAreItsLeaves() throws {
    var source = RandomRuleSource(seed: 1)
    let tree = try source.tree(depth: 5)
    let table = try source.table(200)
    let network = (0..<200).map { _ in source.random.index(below: 3) }
    let answers = try tree.labels(on: table)
    let regions = try RegionAgreement(tree, on: table, network: network).regions
    #expect(regions.allSatisfy { tree.nodes[$0.rule ?? 0].isLeaf })
    #expect(regions.reduce(0) { $0 + $1.fidelity.count } == 200)
    #expect(regions.flatMap(\.mistakes).sorted() == (0..<200).filter { answers[$0] != network[$0] })
  }
}
