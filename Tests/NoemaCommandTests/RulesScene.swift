import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// A table of two numbers and a colour, and a network that was not trained but written: it says yes to what is red, and
/// to x > 5 with y ≤ 3. Values lie a twentieth beside tenths, so that its steps fall between them.
enum RulesScene {
  static let colours = ["blue", "green", "red"]
  static let classes = ["no", "yes"]

  struct Row {
    var x, y: Double
    var colour: String

    var answer: String { colour == "red" || (x > 5 && y <= 3) ? "yes" : "no" }
    var fields: String { "\(x),\(y),\(colour)" }
  }

  static func rows(_ count: Int, seed: UInt64) -> [Row] {
    var random = RandomNumbers(seed: seed)
    func number() -> Double { Double(10 * random.index(below: 100) + 5) / 100 }
    return (0..<count).map { _ in
      Row(x: number(), y: number(), colour: colours[[0, 0, 1, 1, 2][random.index(below: 5)]])
    }
  }

  /// The table, with every tenth label turned over where it is `noisy`.
  static func table(_ rows: [Row], isNoisy: Bool = false) -> String {
    "x,y,colour,class\n"
      + rows.enumerated().map { index, row in
        let label = isNoisy && index % 10 == 3 ? (row.answer == "yes" ? "no" : "yes") : row.answer
        return "\(row.fields),\(label)\n"
      }.joined()
  }

  /// Steps of two rectifiers each, then one of what they add up to.
  static var network: ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 5])
    let steps: [[Float]] = [
      [20, 0, 0, 0, 0], [20, 0, 0, 0, 0], [0, -20, 0, 0, 0], [0, -20, 0, 0, 0], [0, 0, 0, 0, 1],
    ]
    draft.initialiser("fc1.weight", Tensor(shape: [5, 5], steps.flatMap { $0 }))
    draft.initialiser("fc1.bias", Tensor(shape: [5], [Float(-99.5), -100.5, 60.5, 59.5, 0]))
    draft.node(
      "Gemm", ["input", "fc1.weight", "fc1.bias"], ["/fc1/Gemm_output_0"], name: "/fc1/Gemm",
      ["transB": .int(1)])
    draft.node("Relu", ["/fc1/Gemm_output_0"], ["/relu1/Relu_output_0"], name: "/relu1/Relu")
    let scores: [Float] = [0, 0, 0, 0, 0, 10, -10, 10, -10, 20]
    draft.initialiser("fc2.weight", Tensor(shape: [2, 5], scores))
    draft.initialiser("fc2.bias", Tensor(shape: [2], [Float(0), -15]))
    draft.node(
      "Gemm", ["/relu1/Relu_output_0", "fc2.weight", "fc2.bias"], ["logits"], name: "/fc2/Gemm",
      ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    return draft
  }

  /// The rules that the network was written by, as a list.
  static let rules = """
    {"schema": "noema.rules/1", "kind": "list", "classes": ["no", "yes"], "counting": "marginal",
     "features": [{"name": "x", "type": "numeric"}, {"name": "y", "type": "numeric"},
                  {"name": "colour", "type": "categorical", "levels": ["blue", "green", "red"]}],
     "rules": [
       {"id": 1, "conclusion": "yes", "confidence": 1, "cover": 0, "correct": 0, "weight": 1,
        "terms": [{"feature": "colour", "op": "in", "values": ["red"]}]},
       {"id": 2, "conclusion": "yes", "confidence": 1, "cover": 0, "correct": 0, "weight": 1,
        "terms": [{"feature": "x", "op": ">", "value": 5}, {"feature": "y", "op": "<=", "value": 3}]}],
     "otherwise": {"conclusion": "no", "confidence": 1, "cover": 0, "correct": 0, "terms": [], "weight": 1}}
    """

  /// A folder with network, tables and rules.
  static func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try network.write(to: workspace.file("net.onnx"))
    try workspace.write(table(rows(240, seed: 1)), "train.csv")
    try workspace.write(table(rows(150, seed: 2), isNoisy: true), "test.csv")
    try workspace.write(rules, "planted.json")
    return workspace
  }

  /// A study without what takes long.
  static func arguments(_ out: String, _ further: [String] = []) -> [String] {
    [
      "rules", "--model", "net.onnx", "--data", "train.csv", "--test", "test.csv", "--label", "class",
      "--curve",
      "none", "--repeats", "0", "-o", out,
    ] + further
  }
}

extension [String: Any] {
  /// The same bytes for the same values.
  var sortedJSON: Data {
    get throws { try JSONSerialization.data(withJSONObject: self, options: .sortedKeys) }
  }
}

extension Workspace {
  func text(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }

  /// How many rules a file holds: leaves of a tree, those of a set or list without what is said otherwise.
  func ruleCount(_ name: String) throws -> Int {
    let document = try json(name)
    if let nodes = document["nodes"] as? [[String: Any]] { return nodes.count { $0["children"] == nil } }
    return try #require(document["rules"] as? [Any]).count
  }

  /// The rows of a table without quotes, by column.
  func rows(_ name: String) throws -> [[String: String]] {
    let lines = try text(name).split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let header = try #require(lines.first)
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, $0)) }
  }
}
