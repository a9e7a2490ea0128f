import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// Searches for concepts of tables, texts and signals.
@Suite struct ACEBeyondImagesTests {
  private let few = [
    "--min-size", "4", "--keep", "none", "--runs", "10", "--null-runs", "5", "--random-concepts", "2",
    "--stability", "2", "--scenes", "5", "-o", "out",
  ]

  private func first(_ workspace: Workspace) throws -> (kind: String?, concept: [String: Any], html: String) {
    let result = try workspace.json("out/result.json")
    let layers = try #require(result["layers"] as? [[String: Any]])
    let concepts = try #require(layers.first?["concepts"] as? [[String: Any]])
    let html = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    return (result["kind"] as? String, try #require(concepts.first), html)
  }

  /// A network that adds up columns in pairs, and whose class 0 depends on the last pair.
  @Test func columnsOfTables() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("x", [nil, 8])
    var sums = [Float](repeating: 0, count: 32), weights = [Float](repeating: 0, count: 8)
    for column in 0..<8 { sums[4 * column + column / 2] = 1 }
    weights[6] = 1
    draft.initialiser("v", Tensor(shape: [8, 4], sums))
    draft.node("MatMul", ["x", "v"], ["sums"])
    draft.node("Relu", ["sums"], ["features"])
    draft.initialiser("w", Tensor(shape: [4, 2], weights))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["features", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    var random = RandomNumbers(seed: 3)
    var text = "a,b,c,d,e,f,income,debt,label\n"
    for row in 0..<60 {
      // Columns of a pair go together; rows of the class lie around 1, others anywhere.
      let pairs = (0..<4).map { _ in row < 30 ? 1 + 0.2 * random.normal() : random.normal() }
      let cells = (0..<8).map { "\(pairs[$0 / 2] + 0.02 * random.normal())" }
      text += (cells + [row < 30 ? "0" : "1"]).joined(separator: ",") + "\n"
    }
    try workspace.write(text, "table.csv")
    let outcome = try workspace.start(
      [
        "ace", "--model", "net.onnx", "--data", "table.csv", "--target", "0", "--layer", "features",
        "--segments", "4", "--concepts", "4", "--fill", "0",
      ] + few
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let (kind, concept, html) = try first(workspace)
    #expect(kind == "table")
    #expect((concept["totalIndex"] as? Double ?? 0) > 0.9)
    #expect(html.contains("income = ") && html.contains(", debt = "))
    #expect(try workspace.entries("out").contains("patches") == false)
    let name = try #require(concept["name"] as? String)
    #expect(try workspace.array("out/concepts/\(name)/patches.npy").shape[1] == 8)
  }

  @Test func phrasesOfTexts() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("ids", [nil, 8], .int64)
    var random = RandomNumbers(seed: 5)
    let table = (0..<25 * 8).map { place -> Float in
      let (token, feature) = (place / 8, place % 8)
      let noise = Float(0.02 * random.normal()), own: Float = token / 3 == feature ? 1 : 0
      return token < 24 ? own + noise : 0
    }
    draft.initialiser("table", Tensor(shape: [25, 8], table))
    draft.node("Gather", ["table", "ids"], ["embedded"], ["axis": .int(0)])
    draft.node("ReduceMean", ["embedded"], ["means"], ["axes": .ints([1]), "keepdims": .int(0)])
    var weights = [Float](repeating: 0, count: 16)
    weights[4] = 10
    draft.initialiser("w", Tensor(shape: [8, 2], weights))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["means", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    var ids: [Int64] = [], labels: [String] = []
    for row in 0..<90 {
      // Texts of four phrases of two words; those of the class have all of the first four groups.
      for group in random.sample(4, below: row < 30 ? 4 : 8) {
        ids += (0..<2).map { _ in Int64(3 * group + random.index(below: 3)) }
      }
      labels.append(row < 30 ? "0" : "1")
    }
    try workspace.write(Tensor(shape: [90, 8], ids), "texts.npy")
    try workspace.write(labels.joined(separator: "\n"), "labels.txt")
    let words = (0..<24).map { "word\($0)" } + ["[MASK]"]
    try workspace.write(words.joined(separator: "\n"), "words.txt")
    let arguments = [
      "ace", "--model", "net.onnx", "--data", "texts.npy", "--labels", "labels.txt", "--target", "0",
      "--layer", "embedded", "--vocabulary", "words.txt", "--segments", "1", "--concepts", "4",
    ]
    let refused = try workspace.start(arguments + few).wait()
    #expect(refused.code == 2 && refused.errors.contains("fill patches with the token that masks"))
    let outcome = try workspace.start(arguments + ["--fill", "24"] + few).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let (kind, concept, html) = try first(workspace)
    #expect(kind == "text")
    #expect((concept["totalIndex"] as? Double ?? 0) > 0.9)
    // The third group has words 6 to 8, of which the best patch of the first concept is made.
    let marked = html.components(separatedBy: "<mark>").dropFirst().prefix(2)
    let own = [" word6<", " word7<", " word8<"]
    for text in marked { #expect(own.contains { text.hasPrefix($0) }) }
    #expect(marked.count == 2)
  }

  @Test func windowsOfSignals() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 64])
    let filters: [Float] = [1, 1, 1, -1, -1, 1, -1, -1]
    draft.initialiser("filters", Tensor(shape: [4, 2, 1], filters))
    draft.initialiser("biases", Tensor(shape: [4], repeating: Float(-1)))
    draft.node("Conv", ["x", "filters", "biases"], ["responses"], ["kernel_shape": .ints([1])])
    draft.node("Relu", ["responses"], ["features"])
    draft.node("GlobalAveragePool", ["features"], ["means"])
    draft.node("Flatten", ["means"], ["pooled"])
    draft.initialiser("w", Tensor(shape: [4, 2], [10, 0, 0, 0, 0, 0, 0, 0] as [Float]))
    draft.initialiser("b", Tensor(shape: [2], [0, 1] as [Float]))
    draft.node("Gemm", ["pooled", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    var random = RandomNumbers(seed: 7)
    var values: [Float] = []
    for _ in 0..<30 {
      let order = random.sample(4, below: 4)
      for channel in 0..<2 {
        for step in 0..<64 {
          values.append(filters[2 * order[step / 16] + channel] + Float(0.05 * random.normal()))
        }
      }
    }
    try workspace.write(Tensor(shape: [30, 2, 64], values), "signals.npy")
    try workspace.write(Workspace.noise([40, 2, 64], seed: 9), "noise.npy")
    let outcome = try workspace.start(
      [
        "ace", "--model", "net.onnx", "--data", "signals.npy", "--target", "0", "--layer", "features",
        "--segments", "16,8", "--concepts", "4", "--fill", "0", "--random", "noise.npy",
      ] + few
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let (kind, concept, html) = try first(workspace)
    #expect(kind == "signal" && (concept["totalIndex"] as? Double ?? 0) > 0.5)
    #expect(html.contains("<div class=\"signals\""))
  }
}
