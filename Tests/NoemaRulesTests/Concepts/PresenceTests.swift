import NoemaData
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct PresenceTests {
  private let features = [
    Feature.presence("grass", origin: "the concept 'grass' at 'conv1'"), Feature("striped"),
  ]

  private func rules() throws -> RuleSet {
    try RuleSet(
      features: features, classes: ["horse", "zebra"],
      rules: [
        Rule(Clause([.above(1, 0.7), .isIn(0, LevelSet([0]))]), .label(1)),
        Rule(Clause([.isIn(0, LevelSet([1]))]), .label(0)),
      ], defaultConclusion: .label(0))
  }

  @Test func conceptsReadAsWords() throws {
    let text = try rules().text
    #expect(text.contains("IF not grass AND striped > 0.7 THEN zebra"), "\(text)")
    #expect(text.contains("IF grass THEN horse"), "\(text)")
    #expect(RuleText.text(.isIn(0, LevelSet([0, 1])), in: features) == "grass is present")
    // Other levels keep their words.
    let other = [Feature("grass", kind: .categorical(levels: ["no", "yes"]))]
    #expect(RuleText.text(.isIn(0, LevelSet([0])), in: other) == "grass = no")
    #expect(features[0].isPresence && !other[0].isPresence)
  }

  @Test func originsAreKept() throws {
    let document = RuleDocument.set(try rules())
    let back = try RuleDocument(json: document.json)
    #expect(back == document && back.model.features[0].origin == "the concept 'grass' at 'conv1'")
    #expect(back.model.features[1].origin == nil)
  }

  /// What only the network can tell is not looked for among the columns.
  @Test func aTableWithoutTheConceptIsExplained() throws {
    let csv = try CSVTable(bytes: [UInt8]("striped,grass\n0.9,absent\n0.2,present\n".utf8))
    #expect(try RuleTable(csv, features: features).values == [0, 1, 0.9, 0.2])
    let bare = try CSVTable(bytes: [UInt8]("striped\n0.9\n".utf8))
    let error = #expect(throws: RuleError.self) { try RuleTable(bare, features: features) }
    #expect(error?.category == .unsupported)
    #expect(error?.description.contains("which is no column but the concept 'grass' at 'conv1'") == true)
  }
}
