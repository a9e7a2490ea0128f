import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct RelevanceCaptureTests {
  /// `out = relu(x) W`, for two classes; a hidden layer of four.
  private func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    draft.initialiser("w", Tensor(shape: [4, 2], (0..<8).map { Float($0) - 3.5 }))
    draft.node("Relu", ["x"], ["hidden"], name: "hidden")
    draft.node("MatMul", ["hidden", "w"], ["out"])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// Rows of which hardly any is negative throughout.
  private func examples(_ count: Int) throws -> TensorExamples {
    var random = RandomNumbers(seed: 8)
    return try TensorExamples(
      Tensor(shape: [count, 4], (0..<count * 4).map { _ in Float(random.normal() + 1.5) }), name: "x")
  }

  private func requests(_ indices: [Int]) -> [RelevanceCapture.Request] {
    indices.map { .init(RelevanceExample(index: $0, name: "x[\($0)]"), target: $0 % 2) }
  }

  private func subject(_ batch: Int, layers: [String] = []) throws -> Subject {
    var subject = Subject(try network(), layers: layers)
    subject.maximumBatch = batch
    return subject
  }

  private func weight(_ feature: Int, _ target: Int) -> Float { Float(feature * 2 + target) - 3.5 }

  /// Each example's map is `w · relu(x)` of its class, divided by its absolute sum, whatever the batches.
  @Test(arguments: [1, 4, 64])
  func mapsAreThoseOfTheClasses(_ batch: Int) throws {
    let source = try examples(23)
    let indices = [4, 9, 2, 22, 1, 0, 17, 8, 13]
    let capture = RelevanceCapture(try subject(batch), by: GradientTimesInput())
    var seen: [Int] = []
    let found = try capture(
      source, requests(indices),
      observing: { relevance, places in
        #expect(relevance.shape == [places.count, 4])
        seen += places
      })
    #expect(seen == Array(indices.indices) && found.count == 2)
    for target in 0..<2 {
      let maps = try #require(found[target]).finish()
      #expect(maps.examples.map(\.index) == indices.filter { $0 % 2 == target })
      for (row, example) in maps.examples.enumerated() {
        let input = try source.tensor(at: example.index).elements(as: Float.self)
        let products = (0..<4).map { max(0, input[$0]) * weight($0, target) }
        let size = products.reduce(0) { $0 + abs($1) }
        for (place, value) in maps.points.row(row).enumerated() {
          #expect(abs(value - products[place] / size) < 1e-5)
        }
      }
    }
  }

  @Test func answersAreTheLargestOutputs() throws {
    let source = try examples(11)
    let capture = RelevanceCapture(try subject(4), by: GradientTimesInput())
    let answers = try capture.answers(source, indices: [10, 3, 7])
    for (index, answer) in zip([10, 3, 7], answers) {
      let input = try source.tensor(at: index).elements(as: Float.self)
      let outputs = (0..<2).map { target in
        (0..<4).reduce(Float(0)) { $0 + max(0, input[$1]) * weight($1, target) }
      }
      #expect(answer == (outputs[0] >= outputs[1] ? 0 : 1))
    }
    #expect(try capture.answers(source, indices: []).isEmpty)
    #expect(try capture(source, []).isEmpty)
  }

  @Test func activationsStandForRelevance() throws {
    let source = try examples(6)
    var capture = RelevanceCapture(try subject(4, layers: ["hidden"]), by: LayerActivations())
    capture.preprocessing.normalisation = .none
    let found = try capture(source, (0..<6).map { .init(RelevanceExample(index: $0), target: 1) })
    let maps = try #require(found[1]).finish()
    for row in 0..<6 {
      let input = try source.tensor(at: row).elements(as: Float.self)
      #expect(Array(maps.points.row(row)) == input.map { max(0, $0) })
    }
    #expect(throws: GraphError.self) { try LayerActivations().attributor(for: subject(4)) }
  }

  /// Values that are not finite cost the example, not the batch.
  @Test(arguments: [1, 5, 64])
  func whatIsNotFiniteIsCounted(_ batch: Int) throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    draft.initialiser("w", Tensor(shape: [4, 2], (0..<8).map { Float($0) - 3.5 }))
    draft.node("Sqrt", ["x"], ["root"], name: "root")
    draft.node("MatMul", ["root", "w"], ["out"])
    draft.output("out", [nil, 2])
    var subject = Subject(try Network(bytes: draft.bytes()))
    subject.maximumBatch = batch
    var values = (0..<48).map { Float($0 % 7) + 0.5 }
    for example in [2, 7, 8] { values[example * 4 + example % 4] = -1 }
    let source = try TensorExamples(Tensor(shape: [12, 4], values), name: "x")
    var capture = RelevanceCapture(subject, by: GradientTimesInput())
    #expect(
      kind { _ = try capture.answers(source, indices: Array(0..<12)) }
        == .notFinite(
          "the outputs for 3 of 12 examples are NaN or infinite (x[2], x[7], x[8]); clean the data, or leave them out "
            + "with --skip-bad"))
    capture.preprocessing.excludesFlawed = true
    let answers = try capture.answers(source, indices: Array(0..<12))
    #expect(answers.indices.filter { answers[$0] == nil } == [2, 7, 8])
    let collectors = try capture(
      source, (0..<12).map { .init(RelevanceExample(index: $0, name: "x[\($0)]"), target: 0) })
    let found = try #require(collectors[0])
    #expect(
      found.flawed.map(\.example.index) == [2, 7, 8] && found.flawed.allSatisfy { $0.flaw == .notFinite })
    #expect(found.examples.map(\.index) == [0, 1, 3, 4, 5, 6, 9, 10, 11])
  }

  @Test func severalValuesAreRefused() throws {
    var draft = ModelDraft()
    draft.input("a", [nil, 4])
    draft.input("b", [nil, 4])
    draft.node("Add", ["a", "b"], ["out"])
    draft.output("out", [nil, 4])
    let arrays = try InputArrays(
      [Tensor(shape: [3, 4], repeating: Float(1)), Tensor(shape: [3, 4], repeating: Float(2))],
      names: ["a", "b"],
      name: "data.npz")
    let subject = Subject(try Network(bytes: draft.bytes()))
    let capture = RelevanceCapture(subject, by: GradientTimesInput())
    #expect(
      kind { _ = try capture(arrays, (0..<3).map { .init(RelevanceExample(index: $0), target: 0) }) }
        == .parameters("the method attributes to 2 values; choose one of them with --layer"))
    // One of them by name.
    let one = RelevanceCapture(
      Subject(try Network(bytes: draft.bytes()), layers: ["b"]), by: GradientTimesInput())
    let found = try one(arrays, [.init(RelevanceExample(index: 2), target: 3)])
    let maps = try #require(found[3])
    #expect(maps.examples.map(\.index) == [2])
    #expect(try Array(maps.finish().points.row(0)) == [0, 0, 0, 1])
  }
}
