import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct ActivationsCommandTests {
  private func workspace(_ count: Int) throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(Workspace.noise([count, 1, 8, 8], seed: 5), "x.npy")
    return workspace
  }

  private func arguments(_ out: String) -> [String] {
    [
      "activations", "--model", "net.onnx", "--data", "x.npy", "--layer", "conv1", "--layer", "Tanh:1", "-o",
      out,
    ]
  }

  @Test(arguments: ["none", "mean", "max"])
  func arraysAreThoseOfTheNetwork(_ pooling: String) throws {
    let workspace = try workspace(5)
    let outcome = try workspace.start(arguments("out") + ["--pool", pooling, "--shard-rows", "2"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let manifest = try workspace.json("out/manifest.json")
    let layers = try #require(manifest["layers"] as? [[String: Any]])
    #expect(layers.map { $0["onnxValue"] as? String } == ["/conv1/Conv_output_0", "/tanh/Tanh_output_0"])
    #expect(layers.map { $0["name"] as? String } == ["conv1", "tanh"])
    #expect((manifest["examples"] as? [String])?.count == 5)
    #expect(try workspace.entries() == ["net.onnx", "net.yaml", "out", "x.npy"])

    var graph = try Network(bytes: TinyModel.image().bytes()).graph(batch: 5)
    graph.outputs = graph.layers().filter { ["Conv:1", "Tanh:1"].contains($0.ordinal) }.map(\.value)
    let values = try graph.interpreted([Workspace.noise([5, 1, 8, 8], seed: 5)])
    for (layer, value) in zip(layers, values) {
      let file = try #require(layer["file"] as? String)
      let found = try workspace.array("out/\(file)"), expected = pooled(value, pooling)
      #expect(layer["shape"] as? [Int] == expected.shape)
      #expect(scaledDifference(found, expected)! < valueTolerance)
    }
  }

  private func pooled(_ value: Tensor, _ pooling: String) -> Tensor {
    guard pooling != "none", value.rank == 4 else { return value }
    let positions = value.shape[2] * value.shape[3], numbers = value.elements(as: Float.self)
    let lanes = (0..<value.shape[0] * value.shape[1]).map { lane in
      let part = numbers[lane * positions..<(lane + 1) * positions]
      return pooling == "max" ? part.max()! : part.reduce(0, +) / Float(positions)
    }
    return Tensor(shape: Array(value.shape[..<2]), lanes)
  }

  /// A run that was killed goes on behind the last whole shard and ends with the arrays of an undisturbed one.
  @Test func killedRunIsResumed() throws {
    let count = 1200
    let workspace = try workspace(count)
    let whole = try workspace.start(arguments("whole") + ["--shard-rows", "64"]).wait()
    #expect(whole.code == 0, "\(whole.errors)")
    let running = try workspace.start(arguments("out") + ["--shard-rows", "1"])
    let partial = workspace.file("out.partial")
    func shards() -> Int {
      ((try? FileManager.default.contentsOfDirectory(atPath: partial)) ?? []).count { $0.hasSuffix(".npy") }
    }
    while shards() < 6, running.process.isRunning { sched_yield() }
    #expect(running.kill().code == SIGKILL, "the run ended before it could be killed")
    #expect(try workspace.entries().contains("out") == false)

    let resumed = try workspace.start(arguments("out") + ["--shard-rows", "1"]).wait()
    #expect(resumed.code == 0, "\(resumed.errors)")
    let message = try #require(resumed.errors.firstMatch(of: /continuing after (\d+) of 1200 examples/))
    #expect((1..<count).contains(Int(message.1)!))
    for file in ["conv1.npy", "tanh.npy"] {
      #expect(try workspace.array("out/\(file)") == workspace.array("whole/\(file)"), "\(file)")
    }
    #expect(try workspace.entries().contains("out.partial") == false)
  }

  /// Work of another model or layer is not continued.
  @Test func partialWorkOfAnotherLayerIsNotTaken() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<6)
    try workspace.write(TinyModel.brokenJPEG, "photos/9.jpg")
    func run(_ layer: String) throws -> Outcome {
      try workspace.run(
        "activations", "--model", "net.onnx", "--data", "photos", "--layer", layer, "--shard-rows", "2", "-o",
        "out")
    }
    #expect(try run("conv1").code == 65)
    #expect(try workspace.entries().contains("out.partial"))
    try FileManager.default.removeItem(atPath: workspace.file("photos/9.jpg"))
    try workspace.writePictures("photos", 9..<10)
    let outcome = try run("tanh")
    #expect(outcome.code == 0 && !outcome.errors.contains("continuing"), "\(outcome.errors)")
    #expect(try workspace.array("out/tanh.npy").shape == [7, 5])
  }

  @Test func badImagesAreSkippedOnRequest() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<4)
    try workspace.write(TinyModel.brokenJPEG, "photos/2a.jpg")
    let outcome = try workspace.run(
      "activations", "--model", "net.onnx", "--data", "photos", "--layer", "conv1", "--skip-bad", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let manifest = try workspace.json("out/manifest.json")
    #expect(manifest["examples"] as? [String] == ["0.png", "1.png", "2.png", "3.png"])
    #expect((manifest["skipped"] as? [String])?.count == 1)
    #expect(try workspace.array("out/conv1.npy").shape == [4, 4, 8, 8])
  }
}
