public import NoemaTensor

/// A sparse linear map along one axis: each result is a weighted sum of a few elements of its lane.
///
/// Resampling is one such map an axis; its adjoint is the transposed map.
///
/// - Shapes: `[…, n, …] → […, m, …]`.
/// - Source: ONNX Resize and Upsample, written in terms of it.
public struct AxisMap: FloatOperator {
  /// The axis, in `0..<rank`.
  public var axis: Int
  /// The extent of the axis before.
  public var extent: Int
  /// Where the sum of each result begins in `sources` and `weights`; one more entry than results.
  public private(set) var starts: [Int]
  /// The element that each term reads.
  public private(set) var sources: [Int]
  /// The weight of each term.
  public private(set) var weights: [Double]

  /// Makes a map without results.
  public init(axis: Int, extent: Int) {
    (self.axis, self.extent) = (axis, extent)
    (starts, sources, weights) = ([0], [], [])
  }

  /// Makes a map of one sum a result.
  ///
  /// - Precondition: sources lie within the extent.
  public init(axis: Int, extent: Int, sums: [[(source: Int, weight: Double)]]) {
    self.init(axis: axis, extent: extent)
    for terms in sums { appendResult(terms) }
  }

  /// Adds a result behind the last: the sum of some terms.
  ///
  /// - Precondition: sources lie within the extent.
  public mutating func appendResult(_ terms: some Sequence<(source: Int, weight: Double)>) {
    for (source, weight) in terms {
      precondition((0..<extent).contains(source), "a source lies outside the axis")
      sources.append(source)
      weights.append(weight)
    }
    starts.append(sources.count)
  }

  public var relevanceRole: RelevanceRole { .pooling }

  /// Equal maps hash alike; millions of terms are not gone through for it.
  public func hash(into hasher: inout Hasher) {
    for number in [axis, extent, starts.count, sources.count] { hasher.combine(number) }
  }

  private var resultExtent: Int { starts.count - 1 }

  /// The adjoint map: the terms sorted by what they read, in time linear in their number.
  public var transposed: AxisMap {
    var map = self
    (map.extent, map.starts) = (resultExtent, [Int](repeating: 0, count: extent + 1))
    for source in sources { map.starts[source + 1] += 1 }
    for source in 0..<extent { map.starts[source + 1] += map.starts[source] }
    var next = map.starts
    for result in 0..<resultExtent {
      for term in starts[result]..<starts[result + 1] {
        let place = next[sources[term]]
        next[sources[term]] += 1
        (map.sources[place], map.weights[place]) = (result, weights[term])
      }
    }
    return map
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].shape.indices.contains(axis), operands[0].shape[axis] == extent
    else {
      throw GraphError(.operands("a map of \(extent) elements along axis \(axis) does not fit \(operands)"))
    }
    var shape = operands[0].shape
    shape[axis] = resultExtent
    return [TensorType(shape, operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let shape = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    var y = [Element](repeating: 0, count: shape.reduce(1, *))
    operands[0].withElements(as: Element.self) { x in
      y.withUnsafeMutableBufferPointer { y in apply(x, y, shape) }
    }
    return [Tensor(shape: shape, y)]
  }

  /// Adds every term to results that are 0.
  private func apply<Element: FloatElement>(
    _ x: UnsafeBufferPointer<Element>, _ y: UnsafeMutableBufferPointer<Element>, _ shape: [Int]
  ) {
    let inner = shape[(axis + 1)...].reduce(1, *), factors = weights.map { Element($0) }
    for outer in 0..<shape[..<axis].reduce(1, *) {
      for result in 0..<resultExtent {
        let target = (outer * resultExtent + result) * inner
        for term in starts[result]..<starts[result + 1] {
          let source = (outer * extent + sources[term]) * inner, factor = factors[term]
          for i in 0..<inner { y[target + i] += factor * x[source + i] }
        }
      }
    }
  }

  /// The same loops on the session's memory.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    guard results[0].element == .float32, results[0].count > 0 else { return nil }
    let shape = results[0].shape, before = operands[0].type.count, after = results[0].count
    return ClosureKernel(operands: [.plain], results: [.plain]) { memory in
      let x = UnsafeBufferPointer(
        start: memory.operands[0].assumingMemoryBound(to: Float.self), count: before)
      let y = UnsafeMutableBufferPointer(
        start: memory.results[0].assumingMemoryBound(to: Float.self), count: after)
      y.update(repeating: 0)
      apply(x, y, shape)
    }
  }

  public func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    resultExtent == 0 ? 0 : Shapes.work(results[0].count / resultExtent, weights.count)
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    guard let g = cotangents[0] else { return [nil] }
    return [try graph.apply(transposed, g)]
  }
}

// MARK: Export
extension AxisMap: ExportableOperator {
  /// Weights of a matrix that are written at most; larger maps gather their terms.
  private static let largestMatrix = 1 << 22

  func export(_ operands: [String], of node: Node, to writer: ONNXWriter) throws(GraphError) -> [String] {
    let type = writer.type(of: node.operands[0])
    guard extent <= Self.largestMatrix / max(resultExtent, 1) else {
      return [exportTerms(operands[0], type, to: writer)]
    }
    var matrix = [Double](repeating: 0, count: extent * resultExtent)
    for result in 0..<resultExtent {
      for term in starts[result]..<starts[result + 1] {
        matrix[sources[term] * resultExtent + result] += weights[term]
      }
    }
    let weights = writer.constant(Tensor(shape: [extent, resultExtent], matrix).converted(to: type.element))
    let last = type.rank - 1
    if axis == last { return [writer.emit("MatMul", [operands[0], weights])] }
    var order = Array(0...last)
    order.swapAt(axis, last)
    let swap = [("perm", ONNXWriter.Attribute.ints(order))]
    let product = writer.emit("MatMul", [writer.emit("Transpose", operands, swap), weights])
    return [writer.emit("Transpose", [product], swap)]
  }

  /// As many terms for each result as the longest sum has, those behind a shorter one with weight 0.
  private func exportTerms(_ x: String, _ type: TensorType, to writer: ONNXWriter) -> String {
    let width = max(1, (0..<resultExtent).map { starts[$0 + 1] - starts[$0] }.max() ?? 1)
    var places = [Int64](repeating: 0, count: resultExtent * width)
    var factors = [Double](repeating: 0, count: places.count)
    for result in 0..<resultExtent {
      for (slot, term) in (starts[result]..<starts[result + 1]).enumerated() {
        places[result * width + slot] = Int64(sources[term])
        factors[result * width + slot] = weights[term]
      }
    }
    let tail = [resultExtent, width] + type.shape[(axis + 1)...].map { _ in 1 }
    let weights = writer.constant(Tensor(shape: tail, factors).converted(to: type.element))
    let indices = writer.constant(Tensor(shape: [resultExtent, width], places))
    let terms = writer.emit("Gather", [x, indices], [("axis", .int(axis))])
    return writer.emit(
      "ReduceSum", [writer.emit("Mul", [terms, weights]), writer.integers([axis + 1])],
      [("keepdims", .int(0))])
  }
}
