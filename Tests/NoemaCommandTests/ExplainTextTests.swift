import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Texts as numbers of tokens, explained at the embedding and shown as words.
@Suite struct ExplainTextTests {
  private static let tokens = ["[PAD]", "good", "bad", "##ly", "<b>", "&"]
  private let ids: [[Int]] = [[1, 3, 4, 0], [2, 5, 1, 1]]
  private let table = Workspace.noise([6, 3], seed: 1)
  private let weights = Workspace.noise([2, 3], seed: 2)

  /// The mean of the embeddings, and a linear classifier without biases: attributions are known in closed form.
  private func workspace(_ element: ElementType = .int64, card: Bool = true) throws -> Workspace {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("input_ids", [nil, nil], element)
    draft.initialiser("words", table)
    draft.initialiser("head", weights)
    draft.node("Gather", ["words", "input_ids"], ["embedding"], name: "/embedding/Gather")
    draft.node(
      "ReduceMean", ["embedding"], ["mean"], name: "/mean/ReduceMean",
      ["axes": .ints([1]), "keepdims": .int(0)])
    draft.node("Gemm", ["mean", "head"], ["logits"], name: "/head/Gemm", ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    try workspace.write(Self.tokens.joined(separator: "\n") + "\n", "vocab.txt")
    if card { try workspace.write("vocabulary: vocab.txt\nclasses: [negative, positive]\n", "net.yaml") }
    try workspace.write(Tensor(shape: [2, 4], ids.joined().map { Int64($0) }), "ids.npy")
    return workspace
  }

  private func explain(_ workspace: Workspace, _ arguments: String...) throws -> Outcome {
    try workspace.start(
      ["explain", "--model", "net.onnx", "--data", "ids.npy", "--target", "1", "-o", "out"] + arguments
    ).wait()
  }

  /// What each token adds to the logit of the second class.
  private var expected: [Float] {
    let (words, head) = (table.elements(as: Float.self), weights.elements(as: Float.self))
    return ids.joined().map { id in
      var share: Float = 0
      for feature in 0..<3 { share += words[id * 3 + feature] * head[3 + feature] }
      return share / 4
    }
  }

  private func isClose(_ a: Float, _ b: Float) -> Bool { abs(a - b) < 1e-5 * max(1, abs(b)) }

  @Test(arguments: [ElementType.int64, .int32])
  func featuresOfTokensSumToTheirShare(_ element: ElementType) throws {
    let workspace = try workspace(element)
    let outcome = try explain(workspace, "--method", "gradient-x-input,integrated-gradients")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for method in ["gradient-x-input", "integrated-gradients"] {
      let array = try workspace.array("out/\(method).npy")
      #expect(array.shape == [2, 4, 3])
      let found = array.elements(as: Float.self)
      for (place, share) in expected.enumerated() {
        #expect(isClose(found[place * 3..<place * 3 + 3].reduce(0, +), share), "\(method) at \(place)")
      }
    }
    #expect(try workspace.json("out/result.json")["layer"] as? String == "embedding")
  }

  /// Methods that take something away take whole tokens: the network is linear, and a token's drop its share.
  @Test(arguments: ["feature-ablation", "shapley", "kernel-shap"])
  func tokensAreGroups(_ method: String) throws {
    let workspace = try workspace()
    let outcome = try explain(workspace, "--method", method)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try workspace.floats("out/attributions.npy")
    for (place, share) in expected.enumerated() {
      for feature in 0..<3 { #expect(abs(found[place * 3 + feature] - share) < 1e-4, "\(place)") }
    }
  }

  @Test func reportColoursWords() throws {
    let workspace = try workspace()
    #expect(try explain(workspace, "--method", "gradient-x-input,shapley").code == 0)
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("The words of each input") && page.contains("ids.npy[1]"))
    // The piece stands close to its word, and what looks like markup is none.
    #expect(page.contains(">good</span><span title=\"") && page.contains(">ly</span> <span title=\""))
    #expect(page.contains(">&lt;b&gt;</span>") && page.contains(">&amp;</span>"))
    #expect(!page.contains("<b>") && !page.contains("<svg"))
    // Both methods agree on each token, the one by sums over features and the other by what all of them have.
    let titles = page.matches(of: /<span title="([^"]+)"/).map { String($0.1) }.dropFirst(3)
    #expect(titles.count == 16 && Array(titles[3..<7]) == Array(titles[7..<11]))
  }

  @Test func vocabularyMayBeAFlag() throws {
    let workspace = try workspace(card: false)
    let plain = try explain(workspace)
    #expect(plain.code == 65 && plain.errors.contains("no input holds floats"), "\(plain.errors)")
    #expect(try explain(workspace, "--vocabulary", "vocab.txt").code == 0)
    #expect(try explain(workspace, "--tokens", "input_ids", "--layer", "embedding").code == 0)
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains(">⟨5⟩</span>"))
  }

  @Test func tokensOutsideTheVocabularyAreNamed() throws {
    let workspace = try workspace()
    try workspace.write(Tensor(shape: [2, 2], [Int64(0), 1, 2, 6]), "ids.npy")
    let outcome = try explain(workspace)
    #expect(outcome.code == 65)
    #expect(
      outcome.errors.contains(
        "ids.npy[input_ids]: token 6 at position 1 of example 1 is not among the 6 of the vocabulary"),
      "\(outcome.errors)")
    try workspace.write(Tensor(shape: [2, 2], [Float(0), 1, 2.5, 3]), "ids.npy")
    let broken = try explain(workspace)
    #expect(broken.code == 65 && broken.errors.contains("cannot hold every number"), "\(broken.errors)")
    try workspace.write(Tensor(shape: [2], [Int64(0), 1]), "ids.npy")
    #expect(try explain(workspace).code == 65)
    #expect(try workspace.entries() == ["ids.npy", "net.onnx", "net.yaml", "vocab.txt"])
  }
}
