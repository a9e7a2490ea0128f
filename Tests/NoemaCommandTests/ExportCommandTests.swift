import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct ExportCommandTests {
  private let x = Workspace.noise([2, 1, 8, 8], seed: 9)

  @Test func partsComputeWhatTheWholeDoes() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    let prefix = try workspace.run("extract", "net.onnx", "--layer", "relu1", "fc1", "-o", "part.onnx")
    #expect(prefix.code == 0, "\(prefix.errors)")
    #expect(prefix.output.contains("outputs  /relu1/Relu_output_0, /fc1/Gemm_output_0"))
    #expect(try workspace.run("extract", "net.onnx", "--from", "fc1", "-o", "head.onnx").code == 0)
    let whole = try Network(contentsOf: workspace.file("net.onnx")).graph(batch: 2).interpreted([x])[0]
    let part = try Network(contentsOf: workspace.file("part.onnx"))
    #expect(part.hasDynamicBatch)
    let hidden = try part.graph(batch: 2).interpreted([x])
    let head = try Network(contentsOf: workspace.file("head.onnx"))
    #expect(try head.graph(batch: 2).interpreted([hidden[1]])[0].elements(as: Float.self) == whole.elements())
  }

  @Test func gradientsAreThoseOfTheNetwork() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    let outcome = try workspace.run(
      "gradient", "--model", "net.onnx", "--target", "square", "--layer", "relu1", "--batch", "2", "-o",
      "grad.onnx")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let written = try Network(contentsOf: workspace.file("grad.onnx"))
    #expect(written.outputs.map(\.name) == ["logits", "gradient of /relu1/Relu_output_0"])
    let found = try written.graph(batch: 2).interpreted([x])
    let graph = try Network(contentsOf: workspace.file("net.onnx")).graph(batch: 2)
    let hook = try #require(
      graph.nodes.flatMap(\.results).first { graph.names(of: $0).contains("/relu1/Relu_output_0") })
    var back = try graph.backward(from: graph.outputs[0], to: [hook])
    back.graph.outputs = [graph.outputs[0], try #require(back.cotangents[0])]
    let seed = Tensor(shape: [2, 3], [0, 1, 0, 0, 1, 0] as [Float])
    for (a, b) in zip(found, try back.graph.interpreted([x, seed])) {
      #expect(try #require(scaledDifference(a, b)) < 1e-5)
    }
  }

  @Test func mistakesAreNamedAndLeaveNothing() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    for arguments in [
      ["extract", "net.onnx", "--layer", "relu7"], ["extract", "net.onnx"],
      ["gradient", "--model", "net.onnx", "--target", "pentagon"],
      ["gradient", "--model", "net.onnx", "--batch", "0"],
    ] {
      let outcome = try workspace.start(arguments + ["-o", "out.onnx"]).wait()
      #expect(outcome.code == 2, "\(arguments): \(outcome.code) \(outcome.errors)")
    }
    #expect(try workspace.entries() == ["net.onnx", "net.yaml"])
  }

  @Test func checkTellsWhatRunsAndDifferentiates() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    let outcome = try workspace.run("check", "net.onnx", "--json")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let report = try Workspace.object(Data(outcome.output.utf8))
    let operators = try #require(report["operators"] as? [[String: Any]])
    #expect(
      operators.map { $0["name"] as? String } == ["Conv", "Relu", "MaxPool", "Flatten", "Gemm", "Tanh"])
    #expect(
      operators.allSatisfy { $0["differentiation"] as? String == "full" && $0["isRead"] as? Bool == true })
    var draft = TinyModel.image()
    draft.node("ArgMax", ["logits"], ["best"], ["axis": .int(1)])
    draft.node("Nonsense", ["best"], ["worse"])
    try draft.write(to: workspace.file("odd.onnx"))
    let refused = try workspace.run("check", "odd.onnx")
    #expect(refused.code == 69 && refused.errors.contains("Nonsense"))
    #expect(refused.output.contains("1 of 8 do not run"))
  }
}
