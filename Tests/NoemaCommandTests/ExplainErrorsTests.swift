import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// Methods and settings that do not fit the network or the data: each has its exit code, and a sentence that says what
/// was found and what to do; nothing is left behind.
@Suite struct ExplainErrorsTests {
  private typealias Case = RefusedCommand

  private static let image = "--model net.onnx --data x.npy"
  private static let table = "--model mlp.onnx --data rows.npy"

  /// Methods that ask for what a network does not have.
  private static let methods = [
    Case(
      69, "\(table) --method cam", "class activation maps need a network that ends in a mean over positions"),
    Case(
      69, "\(image) --method cam", "class activation maps need a network that ends in a mean over positions"),
    Case(69, "\(table) --method grad-cam", "the network has no named layer of channels over positions"),
    Case(69, "\(table) --method guided-backprop", "changes what rectifiers (ReLU, clips from 0) pass"),
    Case(69, "\(table) --method deconvnet", "this network has none"),
    Case(
      69, "\(table) --method lime-image", "LIME for images explains one value of [channels, height, width]"),
    Case(65, "\(image) --method expected-gradients", "give one with --references"),
    Case(65, "\(table) --method lime-tabular", "give them with --references"),
    Case(65, "\(image) --method lrp-epsilon-gamma-box", "give them with --low and --high"),
    Case(65, "\(image) --method lrp", "give one with --composite"),
    Case(65, "\(image) --method shapley", "64 players of example 0"),
    Case(65, "\(image) --limit 1 --method feature-permutation", "give 2 examples or more"),
    Case(2, "\(image) --method gradient,gradient", "--method expects different methods"),
    Case(2, "\(image) --method grad-camm", "no method named 'grad-camm'; did you mean"),
  ]

  private static let targets = [
    Case(2, "\(image) --target 3", "no class (the network has 3) named '3'"),
    Case(2, "\(table) --target 3", "no class (the network has 3) named '3'"),
    Case(2, "\(image) --target squares", "no class named 'squares'; did you mean 'square'?"),
    Case(
      2, "\(table) --target square", "class 'square' is no number, and the model card lists no class names"),
    Case(2, "\(image) --target label", "--target label needs labels"),
    Case(
      65, "\(image) --target-file far.npy",
      "far.npy: class 3 of example 1 does not exist; the network has classes 0 to 2"),
    Case(65, "\(image) --target-file half.npy", "half.npy: class indices must be whole numbers from 0"),
    Case(65, "\(image) --target-file few.npy", "few.npy: found shape [2], expected [3]"),
    Case(2, "\(image) --layer fc*", "'fc*' stands for 2 values: fc1, fc2; name one of them"),
    Case(2, "\(image) --layer pol1", "no layer named 'pol1'; did you mean 'pool1'"),
  ]

  private static let numbers = [
    Case(2, "\(image) --method integrated-gradients --steps 0", "--steps must be positive, found 0."),
    Case(65, "\(image) --method integrated-gradients --steps 100000", "1 to 10000 steps, found 100000"),
    Case(2, "\(image) --method smoothgrad --samples 0", "--samples must be positive, found 0."),
    Case(65, "\(image) --method lime-image --samples 1", "LIME needs 2 to 10000000 samples, found 1"),
    Case(2, "\(image) --method integrated-gradients --baseline nan", "--baseline must be a finite number"),
    Case(2, "\(image) --method integrated-gradients --baseline black", "expects a number or a .npy file"),
    Case(2, "\(image) --method occlusion --stride 0", "--stride expects positive numbers"),
    Case(2, "\(image) --method occlusion --window 0x2", "--window expects positive numbers"),
    Case(
      65, "\(image) --method occlusion --window 9x9",
      "a window of [1, 9, 9] does not fit 'input', which has shape [1, 8, 8] per example"),
    Case(65, "\(image) --method occlusion --window 2x2 --stride 3x3", "leaves out elements of 'input'"),
    Case(65, "\(image) --method occlusion --window 2x2 --stride 1", "do not fit"),
    Case(2, "\(image) --pictures=-1", "--pictures must be 0 or more"),
  ]

  private static let files = [
    Case(
      65, "\(image) --method integrated-gradients --baseline short.npy",
      "the baseline of 'input' has shape [1, 8, 7]; expected [1, 8, 8] or [1, 1, 8, 8]"),
    Case(
      65, "\(image) --method deeplift --baseline short.npy", "the baseline of 'input' has shape [1, 8, 7]"),
    Case(
      65, "\(image) --method occlusion --baseline hole.npy",
      "the baseline of 'input' holds a value that is not finite"),
    Case(66, "\(image) --method deeplift --baseline gone.npy", "gone.npy: no such file"),
    Case(
      65, "\(image) --method expected-gradients --references short.npy",
      "the reference set of 'input' has shape [1, 8, 7]; expected one or more examples of [1, 8, 8]"),
    Case(
      65, "\(image) --method feature-ablation --groups empty.npy",
      "the mask of 'input' has shape [0]; expected [1, 8, 8]"),
    Case(
      65, "\(image) --method feature-ablation --groups t.npy",
      "the mask of 'input' has shape [3]; expected [1, 8, 8]"),
    Case(65, "\(image) --method kernel-shap --groups empty.npy", "the mask of 'input' has shape [0]"),
    Case(
      65, "\(image) --method feature-ablation --groups black.npy",
      "the mask of 'input' holds float32; groups are numbered by integers"),
    Case(66, "\(image) --method lrp --composite gone.yaml", "gone.yaml"),
    Case(
      2, "\(image) --vocabulary vocab.txt", "--vocabulary names whole numbers, but the network takes none."),
    Case(2, "\(image) --tokens input", "no input of whole numbers named 'input'"),
  ]

  @Test(arguments: methods + targets + numbers + files)
  func failuresAreExplained(_ row: RefusedCommand) throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try TinyModel.table().write(to: workspace.file("mlp.onnx"))
    try workspace.write(Workspace.noise([3, 1, 8, 8], seed: 5), "x.npy")
    try workspace.write(Workspace.noise([3, 4], seed: 6), "rows.npy")
    try workspace.write(Workspace.noise([1, 8, 7], seed: 7), "short.npy")
    try workspace.write(Tensor(shape: [1, 8, 8], repeating: Float(0)), "black.npy")
    try workspace.write(Tensor(shape: [1, 8, 8], repeating: Float.nan), "hole.npy")
    try workspace.write(Tensor(shape: [0], [Int64]()), "empty.npy")
    try workspace.write(Tensor(shape: [3], [Int64(0), 1, 2]), "t.npy")
    try workspace.write(Tensor(shape: [3], [Int64(0), 3, 1]), "far.npy")
    try workspace.write(Tensor(shape: [3], [Float(0), 0.5, 1]), "half.npy")
    try workspace.write(Tensor(shape: [2], [Int64(0), 1]), "few.npy")
    try workspace.write("good\nbad\n", "vocab.txt")
    try row.check(in: workspace, first: ["explain"], last: ["-o", "out"])
  }

  /// Two branches, one for each pair of classes: what a class does not depend on has relevance 0, and is said to.
  @Test(arguments: ["gradient", "lrp-epsilon", "integrated-gradients"])
  func independenceOfALayerIsSaid(_ method: String) throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    for branch in ["a", "b"] {
      draft.initialiser("\(branch).weight", Workspace.noise([2, 4], seed: branch == "a" ? 1 : 2))
      draft.node(
        "Gemm", ["x", "\(branch).weight"], ["\(branch)_sum"], name: "\(branch)_sum", ["transB": .int(1)])
      draft.node("Relu", ["\(branch)_sum"], ["\(branch)_out"], name: "\(branch)_out")
    }
    draft.node("Concat", ["a_out", "b_out"], ["logits"], ["axis": .int(1)])
    draft.output("logits", [nil, 4])
    let workspace = try Workspace()
    try draft.write(to: workspace.file("net.onnx"))
    try workspace.write(Workspace.noise([3, 4], seed: 6), "rows.npy")
    let outcome = try workspace.run(
      "explain", "--model", "net.onnx", "--data", "rows.npy", "--method", method, "--layer", "a_sum",
      "--target",
      "2", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.floats("out/attributions.npy").allSatisfy { $0 == 0 })
    #expect(
      outcome.errors.contains("all attributions are 0: nothing at a_sum speaks for or against the output"))
    let methods = try #require(workspace.json("out/result.json")["methods"] as? [[String: Any]])
    let remarks = try #require(methods[0]["remarks"] as? [String: String])
    #expect(remarks.count == 3)
  }

  /// Groups by example cannot be told apart once examples are left out.
  @Test func groupsForEachExampleNeedEveryExample() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<2)
    try workspace.write(TinyModel.brokenJPEG, "photos/0a.jpg")
    try workspace.write(Tensor(shape: [3, 1, 8, 8], (0..<192).map { Int64($0 % 4) }), "groups.npy")
    let outcome = try workspace.run(
      "explain", "--model", "net.onnx", "--data", "photos", "--method", "shapley", "--groups", "groups.npy",
      "--skip-bad", "-o", "out")
    #expect(outcome.code == 2 && outcome.errors.contains("do not go with --skip-bad"), "\(outcome.errors)")
  }
}

extension TinyModel {
  /// Rows of 4 columns to 3 classes through a hidden layer without rectifiers.
  static func table() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 4])
    draft.initialiser("fc1.weight", Workspace.noise([5, 4], seed: 3))
    draft.initialiser("fc2.weight", Workspace.noise([3, 5], seed: 4))
    draft.node("Gemm", ["input", "fc1.weight"], ["hidden"], name: "/fc1/Gemm", ["transB": .int(1)])
    draft.node("Tanh", ["hidden"], ["bounded"], name: "/tanh/Tanh")
    draft.node("Gemm", ["bounded", "fc2.weight"], ["logits"], name: "/fc2/Gemm", ["transB": .int(1)])
    draft.output("logits", [nil, 3])
    return draft
  }
}
