import Foundation
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct RuleDocumentTests {
  @Test func documentsComeBackEqual() throws {
    var source = RandomRuleSource(seed: 1)
    let trees = try [
      RuleDocument.tree(source.tree(depth: 5, policy: .allChildren)),
      .tree(source.tree(depth: 4, numbers: true, policy: .allChildren)),
    ]
    let table = try source.table(200)
    for document in try ExportCases.documents(seed: 2) + trees {
      let bytes = document.json
      let back = try RuleDocument(json: bytes)
      #expect(back == document)
      #expect(back.json == bytes)
      #expect(try ExportCases.answers(back, table) == ExportCases.answers(document, table))
    }
  }

  @Test func doublesComeBackExactly() throws {
    for value in [
      0.1, 1.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0x1p53 + 2, -1e-300, Double.pi * 1e10,
    ] {
      let rules = try RuleSet(
        features: [Feature("x")], classes: [], rules: [Rule(Clause([.atMost(0, value)]), .value(value))],
        defaultConclusion: .value(-value))
      guard case .set(let back) = try RuleDocument(json: RuleDocument.set(rules).json) else {
        Issue.record("another form came back")
        return
      }
      #expect(back.rules[0].clause.terms[0].threshold == value && back.rules[0].conclusion == .value(value))
      #expect(back.defaultConclusion == .value(-value))
    }
  }

  @Test func filesAreWrittenAndRead() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "noema-\(UUID().uuidString).json"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let document = try ExportCases.documents(seed: 3)[0]
    try document.write(to: path)
    #expect(try RuleDocument(path: path) == document)
    #expect(throws: DataError(.missingFile, at: path + "x")) { try RuleDocument(path: path + "x") }
    #expect(throws: DataError(.unreadable("this is not a regular file; name a file"), at: "/dev/null")) {
      try RuleDocument(path: "/dev/null")
    }
  }

  @Test func rulesAreCodableAsDocuments() throws {
    struct Result: Codable, Equatable { var rules: RuleSet }
    var source = RandomRuleSource(seed: 4)
    let result = Result(rules: try source.ruleSet(8, .logOddsVote))
    let data = try JSONEncoder().encode(result)
    #expect(try JSONDecoder().decode(Result.self, from: data) == result)
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(RuleList.self, from: JSONEncoder().encode(result.rules))
    }
  }

  private let valid = """
    {"schema": "noema.rules/1", "kind": "set", "classes": ["a", "b"], "conflict": "first-match", "default": "a",
     "features": [{"name": "x", "type": "numeric"}, {"name": "c", "type": "categorical", "levels": ["u", "v"]}],
     "rules": [{"terms": [{"feature": "x", "op": "<=", "value": 1.5}, {"feature": "c", "op": "in", "values": ["v"]}],
                "conclusion": "b", "confidence": 0.9, "cover": 10, "correct": 9, "weight": 1}]}
    """

  @Test(arguments: [
    ("noema.rules/1", "noema.rules/7", "f.json: the schema is 'noema.rules/7', expected noema.rules/1"),
    (
      #""kind": "set""#, #""kind": "forest""#,
      "f.json: this is no rule file (noema.rules/1): the text is not valid at kind"
    ),
    (#""default": "a","#, "", "f.json: a set needs the key 'default'"),
    (#""rules""#, #""ruels""#, "f.json: a set needs the key 'rules'"),
    (
      #""cover": 10,"#, "",
      "f.json: this is no rule file (noema.rules/1): the key 'cover' is missing at rules.[0]"
    ),
    (#""feature": "x""#, #""feature": "z""#, "f.json: rule 1: the feature 'z' is not listed"),
    (#"["v"]}"#, #"["w"]}"#, "f.json: rule 1: 'c' lists no level 'w'"),
    (#""conclusion": "b""#, #""conclusion": "c""#, "f.json: rule 1: the class 'c' is not listed"),
    (
      #""conclusion": "b""#, #""conclusion": 3"#,
      "f.json: rule 1: it concludes the number 3.0, but there are classes"
    ),
    (#", "value": 1.5"#, "", "f.json: rule 1: a comparison with 'x' needs a value"),
    (
      #""feature": "x", "op": "<=""#, #""feature": "c", "op": "<=""#,
      "f.json: rule 1: 'c' is a category and has no thresholds"
    ),
    (#""name": "c""#, #""name": "x""#, "f.json: two columns are named 'x'; rename one"),
    (#"["u", "v"]"#, #"["v", "v"]"#, "f.json: feature 'c' needs levels, each named once"),
    ("1.5}", "1e999}", "f.json: this is no rule file (noema.rules/1): the text is not valid"),
    (
      #""confidence": 0.9"#, #""confidence": 1.9"#,
      "f.json: rule 1: cover, correct and weight must be finite and not negative, the confidence from 0 to 1"
    ),
    (#"["a", "b"]"#, #"["a", "a", "b"]"#, "f.json: two classes share a name; rename one"),
  ]) func brokenDocumentsAreNamed(_ change: (String, String, String)) throws {
    _ = try RuleDocument(json: [UInt8](valid.utf8))
    let text = valid.replacingOccurrences(of: change.0, with: change.1)
    #expect(text != valid)
    #expect { try RuleDocument(json: [UInt8](text.utf8), at: "f.json") } throws: { error in
      "\(error)".hasPrefix(change.2)
    }
  }

  @Test func hostileBytesGetAnErrorAndNoTrap() throws {
    var source = RandomRuleSource(seed: 5)
    let documents = try ExportCases.documents(seed: 6).map(\.json)
    let table = try source.table(5)
    for round in 0..<3_000 {
      var bytes = source.pick(documents)
      for _ in 0...source.random.index(below: 4) {
        let place = source.random.index(below: bytes.count)
        switch round % 3 {
        case 0: bytes[place] = UInt8(source.random.index(below: 256))
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + source.random.index(below: 40)))
        default:
          // Another number in the place of a digit.
          if let digit = bytes[place...].firstIndex(where: { (0x30...0x39).contains($0) }) {
            bytes.replaceSubrange(digit...digit, with: source.pick(["-1", "99999", "1e308", "0", "7"]).utf8)
          }
        }
        if bytes.isEmpty { break }
      }
      // What is read must also answer.
      if let document = try? RuleDocument(json: bytes) { _ = try? document.model.conclusions(on: table) }
    }
    for text in ["", "null", "[]", "{}", String(repeating: "[", count: 100_000), #"{"schema": 1}"#] {
      #expect(throws: RuleError.self) { try RuleDocument(json: [UInt8](text.utf8)) }
    }
  }

  @Test func decimalsReadBackAsTheSameDouble() {
    var source = RandomRuleSource(seed: 7)
    for _ in 0..<5_000 {
      let value = Double(bitPattern: source.random.next())
      guard value.isFinite else { continue }
      #expect(Double(DecimalText.exact(value)) == value && Double(DecimalText.real(value)) == value)
      #expect(Double(DecimalText.shortest(value)) == value)
    }
    #expect(DecimalText.shortest(2) == "2" && DecimalText.real(2) == "2.0" && DecimalText.exact(0.1) == "0.1")
    #expect(DecimalText.exact(0.1 + 0.2) == "0.30000000000000004" && DecimalText.real(1e20) == "1e+20")
  }
}
