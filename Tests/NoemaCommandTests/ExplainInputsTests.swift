import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Networks of several inputs: an array for each in the data, and one of attributions for each that holds floats.
@Suite struct ExplainInputsTests {
  private let left = Workspace.noise([5, 3], seed: 1)
  private let right = Workspace.noise([5, 2], seed: 2)
  private let counts = Tensor(shape: [5, 1], (0..<5).map { Int64($0) })
  private let leftWeights = Workspace.noise([2, 3], seed: 3)
  private let rightWeights = Workspace.noise([2, 2], seed: 4)

  /// A linear function of two inputs of floats, and of one of whole numbers.
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("left", [nil, 3])
    draft.input("in/right", [nil, 2])
    draft.input("count", [nil, 1], .int64)
    draft.initialiser("left.weight", leftWeights)
    draft.initialiser("right.weight", rightWeights)
    draft.node("Gemm", ["left", "left.weight"], ["a"], ["transB": .int(1)])
    draft.node("Gemm", ["in/right", "right.weight"], ["b"], ["transB": .int(1)])
    draft.node("Cast", ["count"], ["c"], ["to": .int(1)])
    draft.node("Add", ["a", "b"], ["ab"])
    draft.node("Add", ["ab", "c"], ["logits"])
    draft.output("logits", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    try workspace.write(
      ArchiveDraft.bytes([
        "count": counts, "in/right": right, "left": left,
        "labels": Tensor(shape: [5], [Int64(1), 0, 1, 1, 0]),
      ]), "x.npz")
    return workspace
  }

  private func explain(_ workspace: Workspace, _ arguments: String...) throws -> Outcome {
    try workspace.start(["explain", "--model", "net.onnx", "--data", "x.npz", "-o", "out"] + arguments).wait()
  }

  private func products(_ values: Tensor, _ weights: Tensor, _ classes: [Int]) -> [Float] {
    let (x, w, width) = (values.elements(as: Float.self), weights.elements(as: Float.self), values.shape[1])
    return (0..<x.count).map { x[$0] * w[classes[$0 / width] * width + $0 % width] }
  }

  @Test func eachInputHasItsAttributions() throws {
    let workspace = try workspace()
    let outcome = try explain(workspace, "--method", "gradient-x-input", "--target", "label")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let classes = [1, 0, 1, 1, 0]
    let (a, b) = (products(left, leftWeights, classes), products(right, rightWeights, classes))
    let found = [
      try workspace.array("out/attributions.left.npy"), try workspace.array("out/attributions.in-right.npy"),
    ]
    #expect(found.map(\.shape) == [[5, 3], [5, 2]])
    for (array, expected) in zip(found, [a, b]) {
      for (value, other) in zip(array.elements(as: Float.self), expected) {
        #expect(abs(value - other) < 1e-5)
      }
    }
    let result = try workspace.json("out/result.json")
    #expect(result["targets"] as? [Int] == classes && result["layer"] as? String == "left, in/right")
    let method = try #require((result["methods"] as? [[String: Any]])?.first)
    let values = try #require(method["values"] as? [[String: Any]])
    #expect(values.map { $0["name"] as? String } == ["left", "in/right"])
    #expect(values.map { $0["array"] as? String } == ["attributions.left.npy", "attributions.in-right.npy"])
    // Sums are over all inputs.
    let sums = try #require(method["sums"] as? [Double])
    for row in 0..<5 {
      let sum = a[row * 3..<row * 3 + 3].reduce(0, +) + b[row * 2..<row * 2 + 2].reduce(0, +)
      #expect(abs(sums[row] - Double(sum)) < 1e-5)
    }
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("gradient-x-input, in/right"))
  }

  /// Every method has its own files; what is complete shares out the difference from the baselines of an archive.
  @Test func severalMethodsAndBaselines() throws {
    let workspace = try workspace()
    try workspace.write(
      ArchiveDraft.bytes([
        "in/right": Tensor(shape: [2], [Float(1), -1]), "left": Tensor(shape: [3], repeating: Float(0.5)),
      ]), "base.npz")
    let outcome = try explain(
      workspace, "--method", "integrated-gradients,feature-ablation", "--target", "0", "--baseline",
      "base.npz",
      "--strict", "--limit", "4")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for method in ["integrated-gradients", "feature-ablation"] {
      for (input, extent) in [("left", 3), ("in-right", 2)] {
        #expect(try workspace.array("out/\(method).\(input).npy").shape == [4, extent])
      }
    }
    // The function is linear: what an element's absence costs is its share.
    let share = try workspace.floats("out/integrated-gradients.left.npy")
    for (one, other) in zip(share, try workspace.floats("out/feature-ablation.left.npy")) {
      #expect(abs(one - other) < 1e-4)
    }
  }

  @Test func unfitArchivesAreRefused() throws {
    let workspace = try workspace()
    func refused(_ arrays: KeyValuePairs<String, Tensor>) throws -> Outcome {
      try workspace.write(ArchiveDraft.bytes(arrays), "x.npz")
      return try explain(workspace)
    }
    let missing = try refused(["left": left, "in/righ": right, "count": counts])
    #expect(missing.code == 2 && missing.errors.contains("no array named 'in/right'; did you mean 'in/righ'"))
    let short = try refused(["left": left, "in/right": right.rows(0..<4), "count": counts])
    #expect(short.code == 65 && short.errors.contains("4 examples, but 'left' has 5"), "\(short.errors)")
    let wide = try refused(["left": left, "in/right": left, "count": counts])
    #expect(
      wide.code == 65
        && wide.errors.contains("input 'in/right' takes examples of shape [2], the data has [3]"),
      "\(wide.errors)")
    let hole = Tensor(shape: [5, 2], (0..<10).map { $0 == 3 ? Float.nan : 1 })
    let broken = try refused(["left": left, "in/right": hole, "count": counts])
    #expect(broken.code == 65 && broken.errors.contains("value 1 of example 1 is NaN"), "\(broken.errors)")
    try workspace.write(left, "left.npy")
    let single = try workspace.run("explain", "--model", "net.onnx", "--data", "left.npy", "-o", "out")
    #expect(
      single.code == 65 && single.errors.contains("several inputs come from a .npz file with the arrays"))
    #expect(try workspace.entries() == ["left.npy", "net.onnx", "x.npz"])
  }
}
