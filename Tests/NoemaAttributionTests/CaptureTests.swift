import Foundation
import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct CaptureTests {
  private let fixture = Fixture(name: "tiny_cnn")
  private let layers = ["/relu2/Clip_output_0", "/tanh/Tanh_output_0"]
  private let count = 7

  private func inputs() -> Tensor { normalTensor([count, 2, 10, 10], seed: 3) }

  private func capture(_ pooling: Pooling = .none) throws -> Capture {
    var capture = Capture(try fixture.network(), layers: layers)
    capture.pooling = pooling
    return capture
  }

  /// What a layer's features are, from the definition.
  private func pooled(_ tensor: Tensor, _ pooling: Pooling, isGradient: Bool) -> [Float] {
    guard pooling != .none, tensor.rank == 4 else { return tensor.floats }
    let positions = tensor.shape[2] * tensor.shape[3]
    return (0..<tensor.shape[0] * tensor.shape[1]).map { lane in
      let values = tensor.floats[lane * positions..<(lane + 1) * positions]
      if isGradient { return values.reduce(0, +) }
      return pooling == .max ? values.max()! : values.reduce(0, +) / Float(positions)
    }
  }

  private func expectClose(
    _ found: [Float], _ expected: [Float], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      scaledDifference(Tensor(shape: [found.count], found), Tensor(shape: [expected.count], expected))!
        < valueTolerance, "\(what)", sourceLocation: sourceLocation)
  }

  @Test(arguments: Pooling.allCases, [1, 3, 32])
  func featuresAreThoseOfTheDefinition(_ pooling: Pooling, _ maximumBatch: Int) throws {
    var capture = try capture(pooling)
    capture.maximumBatch = maximumBatch
    let captured = try capture(TensorExamples(inputs(), name: "x"), classes: [2, 0])
    let readings = try HookedNetwork(
      try fixture.network(), layers: layers, gradients: 2, examples: count, maximumBatch: count
    ).read([inputs()], classes: [2, 0].map { Array(repeating: $0, count: count) })
    #expect(captured.indices == Array(0..<count))
    #expect(captured.bad.isEmpty)
    expectClose(captured.outputs.floats, readings.output.floats, "outputs")
    for layer in layers.indices {
      let expected = pooled(readings.activations[layer], pooling, isGradient: false)
      #expect(captured.activations[layer].columnCount == expected.count / count)
      #expect(try capture.widths()[layer] == expected.count / count)
      expectClose(try captured.activations[layer].floats(), expected, "activations at \(layers[layer])")
      for target in 0..<2 {
        expectClose(
          try captured.gradients[target][layer].floats(),
          pooled(readings.gradients[target * layers.count + layer], pooling, isGradient: true),
          "gradients of target \(target) at \(layers[layer])")
      }
    }
  }

  @Test func shapesTellWhatPoolingLeaves() throws {
    #expect(try capture(.none).shapesAfterPooling() == [[8, 5, 5], [9]])
    #expect(try capture(.mean).shapesAfterPooling() == [[8], [9]])
    #expect(try capture(.none).widths() == [200, 9])
    #expect(try capture(.max).widths() == [8, 9])
  }

  @Test func streamGivesTheSameRows() throws {
    var capture = try capture(.max)
    capture.maximumBatch = 2
    let source = try TensorExamples(inputs(), name: "x")
    var rows = layers.map { _ in [Float]() }
    var counts: [Int] = []
    try capture.stream(source) { tensors, done in
      for (layer, tensor) in tensors.enumerated() { rows[layer] += tensor.floats }
      counts.append(done)
    }
    #expect(counts == [2, 4, 6, 7])
    let whole = try capture(source)
    for layer in layers.indices { #expect(try whole.activations[layer].floats() == rows[layer]) }
  }

  @Test func featuresOnDiskAreThoseInMemory() throws {
    let source = try TensorExamples(inputs(), name: "x")
    let inMemory = try capture()(source, classes: [1])
    var capture = try capture()
    capture.scratchFolder = FileManager.default.temporaryDirectory.path
    let onDisk = try capture(source, classes: [1])
    for layer in layers.indices {
      #expect(try inMemory.activations[layer].floats() == onDisk.activations[layer].floats())
      #expect(try inMemory.gradients[0][layer].floats() == onDisk.gradients[0][layer].floats())
    }
  }

  @Test func skippedExamplesLeaveNoRow() throws {
    var capture = try capture(.mean)
    capture.maximumBatch = 3
    let source = Faulty(base: try TensorExamples(inputs(), name: "x"), bad: [0, 4])
    #expect(throws: DataError(.malformed("damaged"), at: "x[0]")) { try capture(source) }
    capture.skipsBad = true
    let captured = try capture(source)
    #expect(captured.indices == [1, 2, 3, 5, 6])
    #expect(captured.bad.map(\.name) == ["x[0]", "x[4]"])
    let whole = try capture(TensorExamples(inputs(), name: "x")).activations[1].floats()
    #expect(
      try captured.activations[1].floats()
        == captured.indices.flatMap { whole[$0 * 9..<($0 + 1) * 9] })
  }

  @Test func dataOfAnotherShapeAreRefused() throws {
    let error = #expect(throws: GraphError.self) {
      try capture()(TensorExamples(normalTensor([2, 2, 8, 10]), name: "x"))
    }
    #expect(
      error?.description
        == "the network takes examples of shape [2, 10, 10], the data has [2, 8, 10]; "
        + "set the input size in the model card or with --input-size")
  }

  @Test func valueThatIsNotFiniteNamesTheExample() throws {
    var capture = Capture(try ClosedForm.reciprocal(), layers: ["out"])
    capture.maximumBatch = 2
    let source = try TensorExamples(Tensor(shape: [5, 1], [Float(1), 2, 3, 0, 5]), name: "x")
    let error = #expect(throws: GraphError.self) { try capture(source) }
    #expect(
      error?.description
        == "x[3]: value 'output' is NaN or infinite; check that input and the model's preprocessing")
    #expect(throws: GraphError.self) { try capture.stream(source) { _, _ in } }
  }

  @Test func budgetTooSmallForOneExampleIsAnError() throws {
    var capture = try capture()
    capture.batchMemory = 1000
    let error = #expect(throws: GraphError.self) {
      try capture(TensorExamples(inputs(), name: "x"))
    }
    guard case .execution(let text)? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(text.hasPrefix("one batch of 1 needs ") && text.hasSuffix("raise --memory"))
  }
}

/// A source some of whose examples cannot be read.
private struct Faulty: ExampleSource {
  var areImages: Bool { false }
  let base: TensorExamples
  let bad: Set<Int>
  var count: Int { base.count }
  var exampleShape: [Int] { base.exampleShape }
  func name(of index: Int) -> String { base.name(of: index) }
  func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    if bad.contains(index) { throw DataError(.malformed("damaged"), at: name(of: index)) }
    try base.copy(index, into: target)
  }
  func image(at index: Int) throws(DataError) -> Image? { nil }
  func contentHash(of index: Int) throws(DataError) -> String { try base.contentHash(of: index) }
}
