public import NoemaTensor

/// Where the largest element of each bin of regions lies; the elements themselves are taken from there.
///
/// - Shapes: `x [N, C, H, W]`, regions `[R, 5]` as image x₁ y₁ x₂ y₂ `→ [R, C, height, width]`, int64;
///   -1 for bins outside the image.
/// - Source: ONNX MaxRoiPool-1 to -22.
public struct RegionMaximum: FloatOperator {
  /// Bins of each region.
  public var height, width: Int
  /// From the regions' coordinates to elements.
  public var scale: Double

  /// Makes the operator.
  public init(height: Int, width: Int, scale: Double = 1) {
    (self.height, self.width, self.scale) = (height, width, scale)
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("MaxRoiPool") { node in
        guard let bins = node.ints("pooled_shape"), bins.count == 2 else {
          throw node.error("pooled_shape is missing or has not two extents")
        }
        let maximum = RegionMaximum(
          height: bins[0], width: bins[1], scale: node.float("spatial_scale", default: 1))
        return [
          try node.emit(Take(), node.operand(0), node.emit(maximum, node.operand(0), node.operand(1)))
        ]
      }
    ]
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 2, operands[0].rank == 4, operands[1].rank == 2, operands[1].shape[1] == 5,
      (1..<1 << 16).contains(height), (1..<1 << 16).contains(width)
    else { throw GraphError(.operands("\(height) × \(width) bins do not fit \(operands)")) }
    return [TensorType([operands[1].shape[0], operands[0].shape[1], height, width], .int64)]
  }

  public func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor]
  {
    let result = try resultTypes(of: operands.map { TensorType(of: $0) })[0].shape, shape = operands[0].shape
    let regions = operands[1].converted(to: .float64).elements(as: Double.self)
    guard regions.allSatisfy({ $0.magnitude < 0x1p30 }), scale.magnitude < 0x1p20 else {
      throw GraphError(.operands("a region is not finite or absurdly large"))
    }
    var positions = [Int64](repeating: -1, count: result.reduce(1, *))
    try operands[0].withElements(as: Element.self) { x in
      for region in 0..<result[0] {
        let image = Int(regions[5 * region])
        guard (0..<shape[0]).contains(image) else {
          throw GraphError(.operands("image \(image) lies outside a batch of \(shape[0])"))
        }
        let box = (1...4).map { (regions[5 * region + $0] * scale).rounded(.toNearestOrAwayFromZero) }
        for bin in 0..<height * width {
          let columns = Self.bin(bin % width, of: width, from: box[0], to: box[2], extent: shape[3])
          let rows = Self.bin(bin / width, of: height, from: box[1], to: box[3], extent: shape[2])
          for channel in 0..<shape[1] {
            var best = -1
            for row in rows {
              for column in columns {
                let at = ((image * shape[1] + channel) * shape[2] + row) * shape[3] + column
                if best < 0 || x[at] > x[best] { best = at }
              }
            }
            positions[(region * shape[1] + channel) * height * width + bin] = Int64(best)
          }
        }
      }
    }
    return [Tensor(shape: result, positions)]
  }

  /// The elements of a bin along one axis.
  private static func bin(_ index: Int, of count: Int, from start: Double, to end: Double, extent: Int)
    -> Range<Int>
  {
    let side = max(end - start + 1, 1) / Double(count)
    func clamped(_ at: Double) -> Int { Int(min(max(at, 0), Double(extent))) }
    let low = clamped((Double(index) * side).rounded(.down) + start)
    return low..<max(low, clamped((Double(index + 1) * side).rounded(.up) + start))
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil, nil] }
}
