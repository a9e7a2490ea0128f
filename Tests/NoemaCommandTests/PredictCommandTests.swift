import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct PredictCommandTests {
  @Test func outputsAreThoseOfTheNetwork() throws {
    let workspace = try Workspace(), inputs = Workspace.noise([7, 1, 8, 8], seed: 5)
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    let outcome = try workspace.run(
      "predict", "--model", "net.onnx", "--data", "x.npy", "--top", "2", "-o", "out", "--quiet")
    #expect(outcome.code == 0 && outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome.errors)")
    let expected = try Network(bytes: TinyModel.image().bytes()).graph(batch: 7).interpreted([inputs])[0]
    #expect(scaledDifference(try workspace.array("out/outputs.npy"), expected)! < valueTolerance)

    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.predict/1")
    let rows = try #require(result["inputs"] as? [[String: Any]])
    let names = ["circle", "square", "star"], values = expected.elements(as: Float.self)
    for (index, row) in rows.enumerated() {
      let order = (0..<3).sorted { values[index * 3 + $0] > values[index * 3 + $1] }
      #expect(row["name"] as? String == "x.npy[\(index)]")
      #expect(row["classes"] as? [String] == order.prefix(2).map { names[$0] })
    }
    #expect(try workspace.entries("out") == ["outputs.npy", "result.json", "study.yaml"])
  }

  @Test func accuracyComparesWithLabels() throws {
    let workspace = try Workspace(), inputs = Workspace.noise([9, 1, 8, 8], seed: 6)
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    let values = try Network(bytes: TinyModel.image().bytes()).graph(batch: 9).interpreted([inputs])[0]
      .elements(as: Float.self)
    var answers = (0..<9).map { row in (0..<3).max { values[row * 3 + $0] < values[row * 3 + $1] }! }
    // Three of nine labels are wrong.
    for row in [1, 4, 8] { answers[row] = (answers[row] + 1) % 3 }
    try workspace.write(Tensor(shape: [9], answers.map(Int64.init)), "y.npy")
    let outcome = try workspace.run(
      "predict", "--model", "net.onnx", "--data", "x.npy", "--labels", "y.npy", "--json")
    let result = try Workspace.object(Data(outcome.output.utf8))
    #expect(abs((result["accuracy"] as? Double ?? 0) - 6.0 / 9) < 1e-9)
  }

  /// A corrupt file among good ones is named; with `--skip-bad` it is left out and reported.
  @Test func badImagesAreSkippedOnRequest() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<4)
    try workspace.write(TinyModel.brokenJPEG, "photos/2a.jpg")
    let arguments = ["predict", "--model", "net.onnx", "--data", "photos", "-o", "out"]
    let refused = try workspace.start(arguments).wait()
    #expect(refused.code == 65 && refused.errors.hasPrefix("noema: photos/2a.jpg: "), "\(refused.errors)")
    #expect(try workspace.entries() == ["net.onnx", "net.yaml", "photos"])
    let outcome = try workspace.start(arguments + ["--skip-bad"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    let skipped = try #require(result["skipped"] as? [String])
    #expect(skipped.count == 1 && skipped[0].hasPrefix("2a.jpg: "))
    #expect(
      (result["inputs"] as? [[String: Any]])?.map { $0["name"] as? String } == [
        "0.png", "1.png", "2.png", "3.png",
      ])
    let inputs = Tensor(
      shape: [4, 1, 8, 8], (0..<4).flatMap { TinyModel.picture($0).pixels.map { Float($0) / 255 } })
    let expected = try Network(bytes: TinyModel.image().bytes()).graph(batch: 4).interpreted([inputs])[0]
    #expect(scaledDifference(try workspace.array("out/outputs.npy"), expected)! < valueTolerance)
  }

  /// The size of images alone says what a file leaves open.
  @Test func openHeightAndWidthAreSetByTheImageSize() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("input", [nil, 3, nil, nil])
    draft.node("GlobalAveragePool", ["input"], ["pooled"])
    draft.node("Flatten", ["pooled"], ["logits"])
    draft.output("logits", [nil, 3])
    try draft.write(to: workspace.file("open.onnx"))
    let pixels = [UInt8]((0..<12).map { [255, 51, 0][$0 % 3] })
    try workspace.write(
      PNGFile.encode(Image(width: 2, height: 2, channelCount: 3, pixels: pixels)), "photos/red.png")
    let arguments = ["predict", "--model", "open.onnx", "--data", "photos", "-o", "out"]
    let outcome = try workspace.start(arguments + ["--input-size", "6x4"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try workspace.floats("out/outputs.npy")
    for (value, expected) in zip(found, [1, 0.2, 0] as [Float]) { #expect(abs(value - expected) < 1e-6) }
    let without = try workspace.start(arguments).wait()
    #expect(without.code == 65 || without.code == 2)
    #expect(without.errors.contains("--input-size"))
  }
}

/// Float32 rounding over a few layers, as a share of the largest magnitude.
let valueTolerance = 1e-4
