import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// What a network, a setting or a layer does not allow, method by method: each has its exit code and its sentence, and
/// leaves nothing behind. `ExplainErrorsTests` has what concerns all methods alike.
@Suite struct ExplainRefusalsTests {
  private typealias Case = RefusedCommand

  private static let image = "--model net.onnx --data x.npy"
  private static let table = "--model mlp.onnx --data rows.npy"
  private static let bent = "--model bent.onnx --data rows.npy"
  private static let split = "--model split.onnx --data rows.npy"

  // MARK: Methods that a network does not allow

  private static let networks = [
    Case(69, "\(table) --method score-cam", "the network has no named layer of channels over positions"),
    Case(69, "\(table) --method ablation-cam", "the network has no named layer of channels over positions"),
    Case(69, "\(table) --method eigen-cam", "the network has no named layer of channels over positions"),
    Case(
      69, "\(table) --method guided-grad-cam", "the network has no named layer of channels over positions"),
    Case(
      69, "\(table) --method full-grad",
      "full gradients make a map of an image's positions, and 'input' has shape [4] per example"),
    Case(69, "\(table) --method rise", "RISE masks images, [channels, height, width] per example"),
    Case(69, "\(table) --method fido-ssr", "FIDO masks images, [channels, height, width] per example"),
    Case(69, "\(table) --method fido-sdr", "FIDO masks images, [channels, height, width] per example"),
    Case(
      69, "\(table) --method meaningful-perturbation",
      "masks images, [channels, height, width] per example, and 'input' has shape [4]"),
    Case(69, "\(table) --method extremal-perturbation", "extremal perturbation masks images"),
    Case(69, "\(table) --method attention-rollout", "the network has no attention: no softmax of products"),
    Case(69, "\(image) --method attention", "the network has no attention: no softmax of products"),
    Case(69, "\(image) --method attention-flow", "the network has no attention: no softmax of products"),
    Case(
      69, "\(image) --method attention-x-gradient", "the network has no attention: no softmax of products"),
    Case(69, "\(image) --method attention-relevance", "the network has no attention: no softmax of products"),
    Case(69, "\(image) --method relevance-rollout", "the network has no attention: no softmax of products"),
    Case(
      69, "\(table) --method dasp",
      "Tanh node '/tanh/Tanh': propagation of means and variances (DASP) knows linear layers, rectifiers"),
    // Texts: their tokens are whole numbers, and an image has none.
    Case(2, "\(image) --method lime-groups --vocabulary vocab.txt", "but the network takes none."),
    Case(2, "\(image) --method lime-groups --tokens input", "no input of whole numbers named 'input'"),
    Case(2, "\(image) --method lime-text", "no method named 'lime-text'"),
    Case(
      69, "\(image) --method lrp-zero --output-scale probability",
      "relevance starts at the raw output, the logit"),
    Case(65, "\(image) --method lime-groups", "lime-groups needs the groups; give them with --groups"),
    Case(65, "\(image) --method maple", "maple needs training rows; give them with --references"),
    Case(65, "\(image) --method deep-shap", "deep-shap needs a reference set; give one with --references"),
  ]

  /// An operator without a rule is named, whatever the rules of the other layers.
  private static let operators = [
    "lrp-zero", "lrp-epsilon", "lrp-gamma", "lrp-epsilon-plus-flat", "lrp-epsilon-conserving",
    "lrp-contribution-propagation", "lrp-attention",
  ].map { method in
    Case(
      69, "\(bent) --method \(method)",
      "Cosh node '/head/bend': no relevance rule covers this operator; assign it pass, gradient, epsilon or block"
    )
  }

  // MARK: Settings

  private static let baselines = [
    "deeplift-reveal-cancel", "deeplift-reveal-cancel-dense", "occlusion",
    "feature-ablation", "rise", "kernel-shap", "shapley-sampling", "dasp", "lime-groups --groups one.npy",
  ].map { method in
    Case(
      65, "\(image) --method \(method) --baseline short.npy",
      "the baseline of 'input' has shape [1, 8, 7]; expected [1, 8, 8] or [1, 1, 8, 8]")
  }

  private static let references = ["expected-gradients", "deep-shap", "kernel-shap", "shapley-sampling"]
    .flatMap {
      method in
      [("short.npy", "[1, 8, 7]"), ("none.npy", "[0, 1, 8, 8]")].map { file, shape in
        Case(
          65, "\(image) --method \(method) --references \(file)",
          "the reference set of 'input' has shape \(shape); expected one or more examples of [1, 8, 8]")
      }
    }

  private static let groups =
    ["feature-permutation", "shapley", "shapley-sampling", "kernel-shap", "lime-groups", "feature-ablation"]
    .flatMap { method in
      [("empty.npy", "[0]"), ("hollow.npy", "[0, 1, 8, 8]")].map { file, shape in
        Case(
          65, "\(image) --method \(method) --groups \(file)",
          "the mask of 'input' has shape \(shape); expected [1, 8, 8]")
      }
    } + [
      Case(
        65, "\(image) --method lime-groups --groups one.npy",
        "example 0 has one player alone, which leaves nothing to compare")
    ]

  private static let numbers = [
    Case(2, "\(image) --method integrated-gradients --steps=-5", "--steps must be positive, found -5."),
    Case(2, "\(image) --method rise --samples 0", "--samples must be positive, found 0."),
    Case(2, "\(image) --method fido-ssr --samples 0", "--samples must be positive, found 0."),
    Case(
      65, "\(image) --method kernel-shap --samples 1", "KernelSHAP needs 2 to 10000000 coalitions, found 1"),
    Case(65, "\(image) --method shapley-sampling --samples 1", "Shapley sampling needs 1 to 10000000 orders"),
    Case(65, "\(image) --method smoothgrad --noise=-1", "the noise level must be 0 or more, found -1.0"),
    Case(65, "\(image) --method lrp-epsilon --epsilon=-1", "the epsilon rule needs ε ≥ 0, found -1.0"),
    Case(65, "\(image) --method lrp-gamma --gamma=-1", "the gamma rule needs γ ≥ 0, found -1.0"),
    Case(
      65, "\(image) --method lrp-epsilon-gamma-box --low 1 --high 0",
      "the box rule needs as many lowest as highest values, each lowest ≤ highest; found [1.0], [0.0]"),
    Case(
      65, "\(image) --method lrp-epsilon-gamma-box --low 0,0 --high 1,1",
      "Convolution node '/conv1/Conv': the box rule has bounds for 2 channels, the input has 1"),
    Case(
      65, "\(image) --method lrp-epsilon-gamma-box --low=-0.5 --high 0.5",
      "Convolution node '/conv1/Conv': the box rule is for values from -0.5 to 0.5, found"),
  ]

  private static let targets = [
    Case(2, "\(image) --target=-1", "no class (the network has 3) named '-1'"),
    Case(2, "\(image) --target 1.5", "no class named '1.5'"),
    Case(65, "\(image) --target-file below.npy", "below.npy: class indices must be whole numbers from 0"),
  ]

  // MARK: Layers

  /// A layer on no way to the output: nothing to attribute to, for no method.
  private static let layers = [
    "gradient", "smoothgrad", "integrated-gradients", "guided-backprop", "lrp-epsilon", "deeplift",
    "occlusion",
    "feature-ablation", "shapley", "kernel-shap",
  ].map { method in
    Case(69, "\(split) --layer aside --method \(method)", "the output does not depend on 'aside'")
  }

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try TinyModel.table().write(to: workspace.file("mlp.onnx"))
    try Self.bentModel().write(to: workspace.file("bent.onnx"))
    try Self.splitModel().write(to: workspace.file("split.onnx"))
    try workspace.write(Workspace.noise([3, 1, 8, 8], seed: 5), "x.npy")
    try workspace.write(Workspace.noise([3, 4], seed: 6), "rows.npy")
    try workspace.write(Workspace.noise([1, 8, 7], seed: 7), "short.npy")
    try workspace.write(Tensor(shape: [0, 1, 8, 8], [Float]()), "none.npy")
    try workspace.write(Tensor(shape: [0], [Int64]()), "empty.npy")
    try workspace.write(Tensor(shape: [0, 1, 8, 8], [Int64]()), "hollow.npy")
    try workspace.write(Tensor(shape: [1, 8, 8], repeating: Int64(0)), "one.npy")
    try workspace.write(Tensor(shape: [3], [Int64(0), -1, 1]), "below.npy")
    try workspace.write("good\nbad\n", "vocab.txt")
    return workspace
  }

  @Test(
    arguments: networks + operators + baselines + references + groups + numbers + targets + layers)
  func refusalsAreExplained(_ row: RefusedCommand) throws {
    try row.check(in: workspace(), first: ["explain"], last: ["-o", "out"])
  }

  /// A layer that other classes depend on and this one does not: the result is 0, and every method says so for every
  /// example instead of showing it as a finding.
  @Test(arguments: [
    "gradient-x-input", "smoothgrad", "guided-backprop", "lrp-zero", "lrp-epsilon-conserving", "deeplift",
    "deeplift-reveal-cancel", "occlusion", "feature-ablation", "shapley", "kernel-shap",
  ])
  func zeroRelevanceIsSaid(_ method: String) throws {
    let workspace = try workspace()
    let outcome = try workspace.run(
      "explain", "--model", "split.onnx", "--data", "rows.npy", "--method", method, "--layer", "a_sum",
      "--target", "2", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.floats("out/attributions.npy").allSatisfy { $0 == 0 })
    let remark = "all attributions are 0: nothing at a_sum speaks for or against the output here"
    #expect(outcome.errors.contains("\(method), rows.npy[0]: \(remark)"), "\(outcome.errors)")
    let methods = try #require(workspace.json("out/result.json")["methods"] as? [[String: Any]])
    let remarks = try #require(methods[0]["remarks"] as? [String: String])
    #expect(remarks == ["rows.npy[0]": remark, "rows.npy[1]": remark, "rows.npy[2]": remark])
  }

  /// Of all methods that pass backward, those that lack a rule are named and left out, and the rest explain.
  @Test func methodsWithoutRulesAreLeftOut() throws {
    let workspace = try workspace()
    let outcome = try workspace.run(
      "explain", "--model", "bent.onnx", "--data", "rows.npy", "--method", "all-backward", "-o", "out",
      "--pictures", "0")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("lrp-zero is left out: Cosh node '/head/bend': no relevance rule"))
    let methods = try #require(workspace.json("out/result.json")["methods"] as? [[String: Any]])
    let names = methods.compactMap { $0["name"] as? String }
    #expect(names.contains("gradient") && names.contains("deeplift"))
    #expect(!names.contains { $0.hasPrefix("lrp") })
  }

  /// Told to let an operator without a rule pass a gradient, a strict run names it as the place where sums went wrong.
  @Test func strictNamesTheNode() throws {
    let workspace = try workspace()
    try workspace.write("base: epsilon\ngradients: true\n", "rules.yaml")
    let arguments = [
      "explain", "--model", "bent.onnx", "--data", "rows.npy", "--method", "lrp", "--composite", "rules.yaml",
      "--pictures", "0", "-o", "out",
    ]
    let outcome = try workspace.start(arguments + ["--strict"]).wait()
    #expect(outcome.code == 65)
    #expect(outcome.errors.contains("at Cosh node '/head/bend', which received"), "\(outcome.errors)")
    #expect(try !workspace.entries().contains("out"))
    #expect(try workspace.start(arguments).wait().code == 0)
  }

  /// `ReLU → cosh → dense`: no relevance rule knows the hyperbolic cosine.
  private static func bentModel() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 4])
    draft.initialiser("head.weight", Workspace.noise([4, 3], seed: 3))
    draft.node("Relu", ["input"], ["open"], name: "/relu/Relu")
    draft.node("Cosh", ["open"], ["bent"], name: "/head/bend")
    draft.node("MatMul", ["bent", "head.weight"], ["logits"], name: "/head/MatMul")
    draft.output("logits", [nil, 3])
    return draft
  }

  /// Two branches with a pair of classes each, and a value that is an output of its own.
  private static func splitModel() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 4])
    for branch in ["a", "b"] {
      draft.initialiser("\(branch).weight", Workspace.noise([4, 2], seed: branch == "a" ? 1 : 2))
      draft.node("MatMul", ["input", "\(branch).weight"], ["\(branch)_sum"], name: "\(branch)_sum")
      draft.node("Relu", ["\(branch)_sum"], ["\(branch)_out"], name: "\(branch)_out")
    }
    draft.node("Concat", ["a_out", "b_out"], ["logits"], ["axis": .int(1)])
    draft.node("Tanh", ["input"], ["aside"], name: "aside")
    draft.output("logits", [nil, 4])
    draft.output("aside", [nil, 4])
    return draft
  }
}
