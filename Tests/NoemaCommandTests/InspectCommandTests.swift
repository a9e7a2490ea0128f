import Foundation
import NoemaTestSupport
import Testing

@Suite struct InspectCommandTests {
  @Test func layersAreListed() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    let outcome = try workspace.run("inspect", "net.onnx", "--json")
    #expect(outcome.code == 0)
    let report = try Workspace.object(Data(outcome.output.utf8))
    let layers = try #require(report["layers"] as? [[String: Any]])
    func column(_ key: String) -> [String] { layers.map { "\($0[key] ?? "")" } }
    #expect(
      column("ordinal") == ["Conv:1", "Relu:1", "MaxPool:1", "Reshape:1", "Gemm:1", "Tanh:1", "Gemm:2"])
    #expect(column("onnxNode").first == "/conv1/Conv")
    #expect(column("name").prefix(3) == ["conv1", "relu1", "pool1"])
    #expect(layers[0]["shape"] as? [Int] == [1, 4, 8, 8])
    #expect(layers[0]["parameters"] as? Int == 40)
    #expect(layers[0]["multiplyAdds"] as? Int == 4 * 8 * 8 * 9)
    #expect(layers.allSatisfy { $0["isCut"] as? Bool == true })
  }

  @Test func tableNamesWhatTheFileDeclares() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    let text = try workspace.run("inspect", "net.onnx").output
    for part in [
      "noema-tests, opset 17", "input float32[batch×1×8×8]", "logits float32[batch×3]", "383 parameters",
    ] {
      #expect(text.contains(part), "\(part)")
    }
  }
}
