internal import NoemaAttribution
internal import NoemaGraph
public import NoemaTensor

/// The positions of a layer as rows of activations, and the way back.
public struct PositionRows: Sendable, Hashable {
  /// Whether channels come behind the positions.
  public let hasChannelsLast: Bool
  /// The shape of the activations, examples first.
  public let shape: [Int]

  /// Reads the shape of activations: `[examples, channels, …]`, or `[examples, …, channels]`.
  ///
  /// - Parameter hasChannelsLast: nil to take sequences `[examples, tokens, features]` that way, and no others.
  /// - Throws: `ConceptError.mismatch` for fewer than two axes, or an empty one.
  public init(_ shape: [Int], hasChannelsLast: Bool? = nil) throws(ConceptError) {
    guard shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
      throw ConceptError(
        .mismatch(
          "activations of shape \(shape) have no channels; expected [examples, channels, …], none empty"))
    }
    self.shape = shape
    self.hasChannelsLast = hasChannelsLast ?? (shape.count == 3)
  }

  /// The number of examples.
  public var exampleCount: Int { shape[0] }
  /// The number of channels.
  public var channelCount: Int { hasChannelsLast ? shape[shape.count - 1] : shape[1] }
  /// The extents of the positions; none where examples are vectors.
  public var extents: [Int] { Array(hasChannelsLast ? shape[1..<(shape.count - 1)] : shape[2...]) }
  /// The number of positions of an example.
  public var positionCount: Int { extents.reduce(1, *) }

  /// A row for each position, examples one after the other.
  ///
  /// - Throws: `ConceptError.mismatch` for another shape, `.notFinite`.
  public func rows(_ activations: Tensor) throws(ConceptError) -> PointSet {
    guard activations.shape == shape, activations.elementType == .float32 else {
      throw ConceptError(.mismatch("found activations of \(activations), expected float32\(shape)"))
    }
    let values = activations.elements(as: Float.self)
    return try PointSet(
      hasChannelsLast ? values : Self.exchanged(values, exampleCount, channelCount, positionCount),
      count: exampleCount * positionCount, dimension: channelCount)
  }

  /// Rows for each position as a tensor, their numbers where channels were.
  ///
  /// - Precondition: there is a row for each position.
  func tensor(_ rows: Matrix) -> Tensor {
    precondition(
      rows.rowCount == exampleCount * positionCount, "\(rows.rowCount) rows are not one for each position")
    let values = rows.elements.map { Float($0) }, width = rows.columnCount
    return hasChannelsLast
      ? Tensor(shape: [exampleCount] + extents + [width], values)
      : Tensor(
        shape: [exampleCount, width] + extents, Self.exchanged(values, exampleCount, positionCount, width))
  }

  /// `[outer, a, b] → [outer, b, a]`.
  private static func exchanged(_ values: [Float], _ outer: Int, _ a: Int, _ b: Int) -> [Float] {
    guard a > 1, b > 1 else { return values }
    return [Float](unsafeUninitializedCapacity: values.count) { buffer, count in
      values.withUnsafeBufferPointer { values in
        for part in 0..<outer {
          for i in 0..<a {
            for j in 0..<b { buffer[(part * b + j) * a + i] = values[(part * a + i) * b + j] }
          }
        }
      }
      count = values.count
    }
  }
}

extension ConceptDictionary {
  /// How much of each concept is at each position of whole inputs.
  ///
  /// - Parameters:
  ///   - activations: `[examples, channels, …]`, or with channels last.
  ///   - hasChannelsLast: nil to take sequences `[examples, tokens, features]` that way, and no others.
  /// - Returns: the coefficients, a tensor of the same order with concepts in the place of channels.
  /// - Throws: `ConceptError.mismatch` when the channels are not the dictionary's features, and as encoding does.
  public func maps(of activations: Tensor, hasChannelsLast: Bool? = nil) throws(ConceptError) -> Tensor {
    let positions = try PositionRows(activations.shape, hasChannelsLast: hasChannelsLast)
    return positions.tensor(try encode(try positions.rows(activations)))
  }

  /// The activations that coefficients at positions stand for: the way back from `maps`.
  ///
  /// - Throws: `ConceptError.mismatch` when there is not one map for each concept.
  public func activations(of maps: Tensor, hasChannelsLast: Bool? = nil) throws(ConceptError) -> Tensor {
    let positions = try PositionRows(maps.shape, hasChannelsLast: hasChannelsLast)
    return positions.tensor(try decode(try positions.rows(maps).matrix))
  }

  /// Maps of images in another resolution, that of the input for showing them over it.
  ///
  /// - Parameters:
  ///   - activations: `[examples, channels, height, width]`.
  ///   - size: height and width of the maps.
  /// - Returns: `[examples, concepts] + size`.
  /// - Throws: as ``maps(of:hasChannelsLast:)``, and `ConceptError.mismatch` when the positions have other than as many
  ///   axes as the size.
  public func maps(of activations: Tensor, size: [Int]) throws(ConceptError) -> Tensor {
    let maps = try maps(of: activations, hasChannelsLast: false)
    let flat = maps.reshaped(to: [maps.shape[0] * maps.shape[1]] + maps.shape[2...])
    do throws(GraphError) {
      return try flat.resizedMaps(to: size).reshaped(to: Array(maps.shape[..<2]) + size)
    } catch {
      throw ConceptError(.mismatch(error.description))
    }
  }
}
