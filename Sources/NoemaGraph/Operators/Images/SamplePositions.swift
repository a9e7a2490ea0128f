public import NoemaTensor

/// The positions of elements near points between the elements: what samplings read.
///
/// - Shapes: one operand a spatial axis, `[N, out…]`, of coordinates rounded to whole numbers;
///   the result, int64, is `[N, C, out…]` and counts elements of `shape`, -1 outside.
/// - Source: ONNX GridSample-16 to -22 and DeformConv-19, whose corners it finds.
public struct SamplePositions: FloatOperator {
  /// What coordinates outside mean.
  public enum Padding: String, Sendable, Hashable {
    /// Nothing is read.
    case zeros
    /// The element at the border is read.
    case border
    /// The axis goes on as its mirror image.
    case reflection
  }

  /// The shape `[N, C, spatial…]` of the tensor that is read.
  public var shape: [Int]
  /// What is added to the coordinate of each axis.
  public var offsets: [Int]
  /// What coordinates outside mean.
  public var padding: Padding
  /// Whether the axes are mirrored at the centres of their end elements instead of at their edges.
  public var mirrorsAtCentres: Bool

  /// Makes the positions in a tensor of a shape.
  public init(in shape: [Int], offsets: [Int], padding: Padding = .zeros, mirrorsAtCentres: Bool = false) {
    self.shape = shape
    self.offsets = offsets
    self.padding = padding
    self.mirrorsAtCentres = mirrorsAtCentres
  }

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard !operands.isEmpty, operands.count == offsets.count, operands.count == shape.count - 2,
      operands.allSatisfy({ $0.shape == operands[0].shape }), operands[0].shape.first == shape[0]
    else { throw GraphError(.operands("coordinates \(operands) do not fit a tensor of shape \(shape)")) }
    return [TensorType([shape[0], shape[1]] + operands[0].shape.dropFirst(), .int64)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let result = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape
    let points = operands[0].count / max(shape[0], 1), channels = shape[1]
    let strides = Shapes.strides(shape), area = shape[2...].reduce(1, *)
    var offsets = [Int](repeating: 0, count: operands[0].count)
    for (axis, operand) in operands.enumerated() {
      operand.withElements(as: Element.self) { coordinates in
        for (index, coordinate) in coordinates.enumerated() where offsets[index] >= 0 {
          let at = place(coordinate, axis)
          offsets[index] = at < 0 ? -1 : offsets[index] + at * strides[axis + 2]
        }
      }
    }
    var positions = [Int64](repeating: -1, count: result.reduce(1, *))
    for example in 0..<shape[0] {
      for channel in 0..<channels {
        let plane = example * channels + channel
        for point in 0..<points where offsets[example * points + point] >= 0 {
          positions[plane * points + point] = Int64(plane * area + offsets[example * points + point])
        }
      }
    }
    return [Tensor(shape: result, positions)]
  }

  private func place<Element: FloatElement>(_ coordinate: Element, _ axis: Int) -> Int {
    let extent = shape[axis + 2]
    guard extent > 0, !coordinate.isNaN else { return -1 }
    let at = Int(min(max(coordinate, -0x1p30), 0x1p30)) + offsets[axis]
    switch padding {
    case .zeros: return (0..<extent).contains(at) ? at : -1
    case .border: return min(max(at, 0), extent - 1)
    case .reflection:
      if extent == 1 { return 0 }
      let period = mirrorsAtCentres ? 2 * (extent - 1) : 2 * extent
      let folded = ((at % period) + period) % period
      return folded < extent ? folded : period - folded - (mirrorsAtCentres ? 0 : 1)
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { node.operands.map { _ in nil } }
}
