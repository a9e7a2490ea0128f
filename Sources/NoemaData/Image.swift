/// An 8-bit image in row-major order with interleaved channels.
public struct Image: Sendable, Hashable {
  /// Width in pixels.
  public let width: Int
  /// Height in pixels.
  public let height: Int
  /// 1 for grey, 3 for RGB.
  public let channelCount: Int
  /// `height * width * channelCount` bytes.
  public var pixels: [UInt8]

  /// Makes an image of the given pixels.
  ///
  /// - Precondition: the pixel count fits the extents.
  public init(width: Int, height: Int, channelCount: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height * channelCount)
    self.width = width
    self.height = height
    self.channelCount = channelCount
    self.pixels = pixels
  }
}
