public import NoemaData

/// Attributions of one image as a picture: red for what speaks for the output, blue for what speaks against it, white
/// for nothing.
public struct AttributionMap: Sendable, Hashable {
  /// Columns and rows.
  public let width, height: Int
  /// One value per pixel, channels summed, row after row.
  public let values: [Float]

  /// Makes a map of an array's elements.
  ///
  /// - Parameters:
  ///   - values: the elements, row-major.
  ///   - shape: `[height, width]`, `[channels, height, width]`, or `[height, width, channels]` with 1 or 3 channels.
  /// - Returns: nil for other shapes.
  public init?(_ values: [Float], shape: [Int]) {
    let isLast = shape.count == 3 && ![1, 3].contains(shape[0]) && [1, 3].contains(shape[2])
    switch shape.count {
    case 2: (height, width) = (shape[0], shape[1])
    case 3 where isLast: (height, width) = (shape[0], shape[1])
    case 3: (height, width) = (shape[1], shape[2])
    default: return nil
    }
    let area = width * height
    guard area > 0, values.count == shape.reduce(1, *) else { return nil }
    let channels = values.count / area
    self.values = (0..<area).map { pixel in
      (0..<channels).reduce(Float(0)) { $0 + values[isLast ? pixel * channels + $1 : $1 * area + pixel] }
    }
  }

  /// What the darkest colours stand for, so that few pixels do not drown the others: the magnitude that one pixel in
  /// two hundred exceeds.
  public var limit: Float {
    let sorted = values.map(abs).sorted()
    let high = sorted[min(sorted.count - 1, sorted.count * 199 / 200)]
    return high > 0 ? high : sorted[sorted.count - 1]
  }

  /// The picture.
  ///
  /// - Parameters:
  ///   - limit: the magnitude of the darkest colours; the map's own when nil.
  ///   - input: the image that was explained, to shine through where there is little to show.
  public func image(limit: Float? = nil, over input: Image? = nil) -> Image {
    let limit = limit ?? self.limit
    let ground = input.flatMap { $0.width == width && $0.height == height ? $0.convertedToGrey() : nil }
    var pixels = [UInt8](repeating: 0, count: 3 * values.count)
    for (index, value) in values.enumerated() {
      let strength = limit > 0 ? max(-1, min(1, value / limit)) : 0
      let color = Self.color(strength)
      // Where little is to be shown the image stands behind, paler.
      let share = ground == nil ? 1 : 0.25 + 0.75 * abs(strength)
      let back = ground.map { Float($0.pixels[index]) } ?? 0
      for channel in 0..<3 {
        pixels[3 * index + channel] = UInt8((share * color[channel] + (1 - share) * back).rounded())
      }
    }
    return Image(width: width, height: height, channelCount: 3, pixels: pixels)
  }

  /// Blue over white to red, evenly spaced for the eye.
  static let stops: [[Float]] = [
    [5, 113, 176], [146, 197, 222], [247, 247, 247], [244, 165, 130], [202, 0, 32],
  ]

  static func color(_ strength: Float) -> [Float] {
    let place = (strength + 1) * 2, index = min(3, max(0, Int(place))), rest = place - Float(index)
    return (0..<3).map { stops[index][$0] + rest * (stops[index + 1][$0] - stops[index][$0]) }
  }
}
