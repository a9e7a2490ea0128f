internal import NoemaGraph
internal import NoemaTensor

/// Refuses examples outside the bounds of the box rule, where the rule bounds relevance no longer.
///
/// What the rule's layer reads is looked at itself: an input, or what comes of it ahead of the layer, such as a
/// normalisation that belongs to the network.
struct BoundsCheck {
  private let operands: [Operand]
  /// Computes the operands that are no inputs; nil where there are none.
  private let runner: BatchRunner?

  fileprivate struct Operand {
    let box: BoxedOperand
    let name: String
    /// Elements for each example.
    let size: Int
    /// The place among the network's inputs and, behind them, what the runner computes.
    let place: Int
  }

  /// Finds what is to be looked at.
  ///
  /// - Parameter names: ONNX names of the values that relevance is passed down to; layers ahead of them are not passed.
  /// - Throws: `GraphError` for unknown names, and parameters of rules out of range.
  init(_ subject: Subject, _ composite: Composite, to names: [String]) throws {
    guard composite.hasBoxes else {
      (operands, runner) = ([], nil)
      return
    }
    func find(in graph: Graph) throws(GraphError) -> (graph: Graph, operands: [Operand]) {
      var graph = graph
      let (explained, targets) = try graph.prepare(for: subject, keeping: names)
      let boxes = try composite.boxedOperands(in: graph, from: explained, to: targets)
      var places = graph.inputs
      for box in boxes where !places.contains(box.value) { places.append(box.value) }
      let examples = max(1, graph.type(of: explained).shape[0])
      let operands = boxes.map { box in
        Operand(
          box: box, name: graph.displayName(of: box.value), size: box.shape.reduce(1, *) / examples,
          place: places.firstIndex(of: box.value)!)
      }
      graph.outputs = Array(places[graph.inputs.count...])
      return (graph, operands)
    }
    let found = try find(
      in: subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes))
    operands = found.operands
    runner =
      found.graph.outputs.isEmpty
      ? nil
      : try BatchRunner(
        subject.network, examples: subject.examples, memory: subject.memory,
        maximumBatch: subject.maximumBatch, shapes: subject.shapes
      ) { graph throws(GraphError) in try find(in: graph).graph }
  }

  /// Looks through some examples.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per network input, examples first.
  ///   - first: the place of the first example, for messages.
  /// - Throws: `GraphError.input` that names layer, example, channel, value and bounds.
  func callAsFunction(_ inputs: [Tensor], first: Int) throws {
    guard !operands.isEmpty, let rows = inputs.first?.shape.first, rows > 0 else { return }
    let size = runner?.batchSize ?? rows
    for start in stride(from: 0, to: rows, by: size) {
      let range = start..<min(start + size, rows)
      let batch = range.count == rows ? inputs : inputs.map { $0.rows(range) }
      let values = try batch + (runner?.run(batch) ?? [])
      for operand in operands where values.indices.contains(operand.place) {
        try operand.check(values[operand.place], first: first + start)
      }
    }
  }
}

extension BoundsCheck.Operand {
  /// How far a value may leave the bounds: what rounding does to one that lies on them.
  private static let tolerance = (ofRange: 1e-5, ofMagnitude: 1e-6)

  func check(_ values: Tensor, first: Int) throws(GraphError) {
    // Other shapes are refused where they run.
    guard values.shape.dropFirst() == box.shape.dropFirst() else { return }
    let limits = zip(box.low, box.high).map { low, high in
      let slack = max(
        Self.tolerance.ofRange * (high - low), Self.tolerance.ofMagnitude * max(abs(low), abs(high)))
      return (low: Float(low - slack), high: Float(high + slack))
    }
    let inner = max(1, box.shape[(box.axis + 1)...].reduce(1, *)), channels = box.shape[box.axis]
    let offender = values.converted(to: .float32).withElements(as: Float.self) { elements in
      elements.enumerated().first { offset, value in
        let limit = limits[limits.count == 1 ? 0 : offset / inner % channels]
        return value < limit.low || value > limit.high
      }
    }
    guard let (offset, value) = offender else { return }
    let channel = offset / inner % channels, bound = limits.count == 1 ? 0 : channel
    throw GraphError(
      .input(
        "the box rule is for values from \(box.low[bound]) to \(box.high[bound]), found \(value) in channel "
          + "\(channel) of '\(name)' of example \(first + offset / max(1, size)); widen the bounds (--low and --high, "
          + "or those of the composite), or bring the inputs between them"),
      at: box.layer)
  }
}
