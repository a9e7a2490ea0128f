public import NoemaTensor

/// Where on an image a unit fires: its map, brought to the image's size as a dissection does, above a threshold.
public struct UnitRegion: Sendable {
  private let bits: MapThreshold
  private let shape: [Int]

  /// Lays a layer's positions over images.
  ///
  /// - Parameters:
  ///   - shape: of the layer for one example: `[units, height, width]`.
  ///   - field: what its positions see.
  ///   - height: of the images.
  ///   - width: of the images.
  /// - Throws: `ConceptError.parameters` for a layer without maps.
  public init(shape: [Int], field: ReceptiveField, height: Int, width: Int) throws(ConceptError) {
    guard shape.count == 3, shape.allSatisfy({ $0 > 0 }), height > 0, width > 0 else {
      throw ConceptError(.parameters("a layer of \(shape) for each example has no maps"))
    }
    self.shape = shape
    bits = MapThreshold(
      rows: MapAxis(positions: shape[1], pixels: height, field: field.axes?[0]),
      columns: MapAxis(positions: shape[2], pixels: width, field: field.axes?[1]), width: shape[2])
  }

  /// The pixels at which a unit lies above a threshold.
  ///
  /// - Parameters:
  ///   - activations: `[examples, units, height, width]`, float32.
  ///   - row: the example.
  /// - Precondition: the layer's shape, and a row and a unit of it.
  public func callAsFunction(_ activations: Tensor, row: Int, unit: Int, above threshold: Double) -> [Bool] {
    precondition(
      Array(activations.shape.dropFirst()) == shape && unit < shape[0] && row < activations.shape[0])
    let found = activations.withElements(as: Float.self) { values in
      bits.bits(
        values.baseAddress! + (row * shape[0] + unit) * shape[1] * shape[2], above: threshold, isStrict: true)
    }
    return (0..<bits.pixelCount).map { found.words[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 }
  }
}
