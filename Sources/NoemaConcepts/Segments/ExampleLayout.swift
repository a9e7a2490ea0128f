/// How the values of one example lie on its positions: the pixels of an image, the steps of a signal, the tokens of a
/// text, the columns of a table.
///
/// A segment is a set of positions, and takes all their channels.
public struct ExampleLayout: Sendable, Hashable, Codable {
  /// What examples are.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// `[channels, height, width]`, few channels last, or `[height, width]`.
    case image
    /// `[channels, steps]` or `[steps]`.
    case signal
    /// `[tokens, features]` or `[tokens]`.
    case text
    /// `[columns]`.
    case table
  }

  /// What examples are.
  public let kind: Kind
  /// The shape of one example.
  public let shape: [Int]
  /// The extents of the positions: height and width, or one number.
  public let extents: [Int]
  /// Values at each position.
  public let channels: Int
  private let channelStride, positionStride: Int

  /// Reads the shape of one example.
  ///
  /// - Throws: `ConceptError.mismatch` for shapes that examples of the kind do not have.
  public init(_ kind: Kind, shape: [Int]) throws(ConceptError) {
    (self.kind, self.shape) = (kind, shape)
    if kind == .image {
      let pixels = try PixelLayout(shape)
      (extents, channels) = ([pixels.height, pixels.width], pixels.channels)
      channelStride = channels > 1 ? pixels.offset(1, 0) : pixels.pixels
      positionStride = pixels.pixels > 1 ? pixels.offset(0, 1) : channels
      return
    }
    guard shape.count == 1 || shape.count == 2 && kind != .table, shape.allSatisfy({ $0 > 0 }) else {
      let expected = kind == .table ? "[columns]" : kind == .text ? "[tokens, features]" : "[channels, steps]"
      throw ConceptError(
        .mismatch("examples of shape \(shape) are no \(kind.rawValue)s; expected \(expected)"))
    }
    let (first, last) = (shape[0], shape[shape.count - 1])
    if shape.count == 1 {
      (extents, channels, channelStride, positionStride) = ([first], 1, first, 1)
    } else if kind == .text {
      (extents, channels, channelStride, positionStride) = ([first], last, 1, last)
    } else {
      (extents, channels, channelStride, positionStride) = ([last], first, last, 1)
    }
  }

  /// The number of positions.
  public var positionCount: Int { extents.reduce(1, *) }
  /// The number of values.
  public var valueCount: Int { channels * positionCount }
  /// The rows and columns of the positions; one row where they have no height.
  public var grid: (height: Int, width: Int) {
    extents.count == 2 ? (extents[0], extents[1]) : (1, extents[0])
  }

  /// Where a channel of a position lies.
  public func offset(channel: Int, position: Int) -> Int {
    channel * channelStride + position * positionStride
  }

  /// The values channel by channel, `channels × positions`.
  ///
  /// - Precondition: there are `valueCount` values.
  func planes(_ values: [Float]) -> [Float] {
    guard positionStride != 1 else { return values }
    return (0..<valueCount).map { values[offset(channel: $0 / positionCount, position: $0 % positionCount)] }
  }

  /// The way back from `planes`.
  func values(_ planes: [Float]) -> [Float] {
    guard positionStride != 1 else { return planes }
    var values = planes
    for i in planes.indices {
      values[offset(channel: i / positionCount, position: i % positionCount)] = planes[i]
    }
    return values
  }
}
