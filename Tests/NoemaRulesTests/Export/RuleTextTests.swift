import Testing

@testable import NoemaRules

@Suite struct RuleTextTests {
  private let features = [
    Feature("length", unit: "cm"), Feature("colour", kind: .categorical(levels: ["red", "blue", "grey"])),
    Feature("grade", kind: .ordinal(levels: ["low", "fair", "high"])), Feature("count", kind: .integer),
  ]

  @Test func conditionsReadAsWords() {
    let cases: [([Term], String)] = [
      ([], "always"), ([.atMost(0, 1.5)], "length <= 1.5 cm"), ([.above(0, 2)], "length > 2 cm"),
      ([.above(0, 1.5), .atMost(0, 2)], "1.5 < length <= 2 cm"),
      (
        [.above(0, 1.5, orMissing: true), .atMost(0, 2, orMissing: true)], "(1.5 < length <= 2 cm or missing)"
      ),
      ([.isIn(1, [0]), .atMost(3, 2.5)], "colour = red AND count <= 2"),
      ([.isIn(1, [0, 2])], "colour in {red, grey}"), ([.atMost(2, 1)], "grade <= fair"),
      ([.above(2, 0)], "grade > low"), ([.isIn(2, [0, 2])], "grade in {low, high}"),
      ([.isMissing(0)], "length is missing"),
      ([.isPresent(1)], "colour is present"), ([.isIn(1, [])], "never"),
    ]
    for (terms, expected) in cases { #expect(RuleText.text(Clause(terms), in: features) == expected) }
  }

  @Test func rulesStayOnTheirLine() throws {
    let rules = try RuleSet(
      features: [Feature("two\nlines\u{202E}")], classes: ["a", "b"],
      rules: [
        Rule(Clause([.above(0, 0.25)]), .label(1), support: Support(cover: 120, correct: 112, weight: 2))
      ],
      defaultConclusion: .label(0))
    #expect(
      rules.text == """
        1 rules, conflicts by confidence-vote
        IF two\\u{a}lines\\u{202e} > 0.25 THEN b  [confidence 0.926, cover 120, correct 112, weight 2]
        OTHERWISE a

        """)
    let list = try #require(rules.resolved(by: .firstMatch).list)
    #expect(list.text.split(separator: "\n").last == "ELSE a  [confidence 0.500, cover 0, correct 0]")
  }

  @Test func treesAreDrawnWithTheirEdges() throws {
    let tree = try DecisionTree(
      features: features, classes: ["a \"x\"", "b\\"],
      nodes: [
        .init(
          split: .term(.atMost(0, 2)), children: [1, 2], defaultChild: 1, distribution: [6, 5], weight: 11),
        .init(distribution: [6, 0], weight: 6),
        .init(
          split: .mOfN(MOfN(1, of: [.isIn(1, [0]), .isMissing(0)])), children: [3, 4], distribution: [0, 5],
          weight: 5
        ),
        .init(distribution: [0, 3], weight: 3), .init(distribution: [0, 2], weight: 2),
      ])
    #expect(
      tree.text == """
        length <= 2 cm?
          yes: a "x"  [weight 6: a "x" 6]
          no or missing: at least 1 of {colour = red; length is missing}?
            yes: b\\  [weight 3: b\\ 3]
            no: b\\  [weight 2: b\\ 2]

        """)
    let dot = GraphvizSource.text(tree)
    #expect(dot.hasPrefix("digraph rules {\n") && dot.hasSuffix("}\n"))
    #expect(dot.contains("n0 -> n2 [label=\"no or missing\"];") && dot.contains("n0 -> n1 [label=\"yes\"];"))
    #expect(dot.contains(#"label="a \"x\"\na \"x\": 6""#) && dot.contains(#"label="b\\\nb\\: 3""#))
    #expect(dot.split(separator: "\n").count { $0.contains("->") } == 4)
    let list = try #require(tree.ruleSet().list)
    #expect(
      GraphvizSource.text(list).split(separator: "\n").count { $0.contains("->") } == 2 * list.rules.count)
  }
}
