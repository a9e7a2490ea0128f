import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct ProbeCommandTests {
  /// Forty pictures in pairs of equal ones, of which the brightness tells the label.
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    var values: [Float] = []
    var (labels, pairs) = ("", "")
    var random = RandomNumbers(seed: 5)
    for pair in 0..<20 {
      let isBright = pair % 2 == 0
      let picture = (0..<64).map { _ in Float(random.uniform()) + (isBright ? 1 : 0) }
      for _ in 0..<2 {
        values += picture
        labels += isBright ? "bright\n" : "dark\n"
        pairs += "pair \(pair)\n"
      }
    }
    try workspace.write(Tensor(shape: [40, 1, 8, 8], values), "data.npy")
    try workspace.write(labels, "labels.txt")
    try workspace.write(pairs, "pairs.txt")
    return workspace
  }

  private func results(_ workspace: Workspace, _ flags: String...) throws -> [[String: Any]] {
    let common = [
      "probe", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt", "--layer", "relu1",
      "-o",
      "out",
    ]
    let outcome = try workspace.start(common + flags).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try #require(try workspace.json("out/result.json")["results"] as? [[String: Any]])
  }

  @Test func theInputIsNotPooled() throws {
    let results = try results(workspace(), "--pool", "mean")
    #expect(results.map { $0["featureCount"] as? Int } == [64, 4])
    for result in results { #expect(try #require(result["accuracy"] as? Double) > 0.9) }
  }

  /// Pairs of equal pictures on both sides of a split can be remembered, so a control task over pairs is
  /// learnable; split as a whole it is not.
  @Test func controlTasksFollowTypesAndGroups() throws {
    let workspace = try workspace()
    let types = try results(workspace, "--types", "pairs.txt", "--control-draws", "20")
    #expect(types.allSatisfy { $0["controlUnit"] as? String == "type" })
    #expect(try #require(types[0]["controlAccuracy"] as? Double) > 0.8)
    let groups = try results(workspace, "--groups", "pairs.txt", "--control-draws", "20")
    #expect(groups.allSatisfy { $0["controlUnit"] as? String == "group" })
    #expect(try #require(groups[0]["controlAccuracy"] as? Double) < 0.7)
    for result in types + groups { #expect(result["trainSelectivity"] is Double) }
  }

  @Test func filesOfAnotherLengthAreRefused() throws {
    let workspace = try workspace()
    try workspace.write("a\nb\n", "short.txt")
    let outcome = try workspace.run(
      "probe", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt", "--layer", "relu1",
      "--groups", "short.txt", "-o", "out")
    #expect(outcome.code == 65)
    #expect(outcome.errors.contains("2 words for the 40 examples"))
    #expect(!FileManager.default.fileExists(atPath: workspace.file("out")))
  }
}
