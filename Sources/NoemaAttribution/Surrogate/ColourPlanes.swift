internal import Foundation
public import NoemaGraph

/// An image's colours made ready for segmentation: a plane for each coordinate, in float32.
///
/// Three channels are taken as sRGB and become CIELAB, after the range of all of them is stretched to 0…1; one channel
/// is grey and becomes the lightness of CIELAB, so that grey images and their copies in three channels are the same.
/// Other numbers of channels count each channel as lightness from 0 to 100.
///
/// - Source: IEC 61966-2-1 for sRGB; CIE 15 for CIELAB under D65.
public struct ColourPlanes: Sendable, Hashable {
  /// The rows of the image.
  public let height: Int
  /// The columns of the image.
  public let width: Int
  /// The number of coordinates of a colour.
  public let depth: Int
  /// The coordinates, `[depth, height, width]` in row-major order.
  public private(set) var values: [Float]

  /// Converts an image.
  ///
  /// - Parameters:
  ///   - pixels: an image `[channels, height, width]` in any finite range.
  ///   - smoothing: the standard deviation, in pixels, of the Gaussian that blurs the converted colours; 0 for none.
  /// - Throws: `GraphError.input` when the extents do not fit, a pixel is NaN or infinite, or the blur is negative.
  public init(
    _ pixels: [Float], channels: Int, height: Int, width: Int, smoothing: Double = 0
  ) throws(GraphError) {
    guard channels > 0, height > 0, width > 0, pixels.count == channels * height * width else {
      throw GraphError(
        .input(
          "\(pixels.count) values are no image of \(channels) channels and \(height) × \(width) pixels; all "
            + "three numbers are 1 or more and their product is the number of values"))
    }
    if let bad = pixels.firstIndex(where: { !$0.isFinite }) {
      let pixel = bad % (height * width)
      throw GraphError(
        .input(
          "channel \(bad / (height * width)) of the pixel in row \(pixel / width), column \(pixel % width) is NaN "
            + "or infinite"))
    }
    guard smoothing >= 0, smoothing < 1000 else {
      throw GraphError(.input("images are smoothed by 0 to 1000 pixels, found \(smoothing)"))
    }
    (self.height, self.width) = (height, width)
    depth = channels
    values = Self.stretched(pixels)
    switch channels {
    case 1: Self.convertToLightness(&values)
    case 3: Self.convertToLab(&values)
    default: for i in values.indices { values[i] *= 100 }
    }
    if smoothing > 0 { smooth(sigma: smoothing) }
  }

  /// The pixels with the least of all values at 0 and the greatest at 1; zeros when they are equal.
  private static func stretched(_ pixels: [Float]) -> [Float] {
    let low = pixels.min() ?? 0, high = pixels.max() ?? 0
    // Halves, as the difference of two large numbers may be none.
    let range = high / 2 - low / 2
    return pixels.map { range > 0 ? ($0 / 2 - low / 2) / range : 0 }
  }
}

// MARK: CIELAB
extension ColourPlanes {
  private static func convertToLightness(_ values: inout [Float]) {
    values.withUnsafeMutableBufferPointer { values in
      for i in values.indices { values[i] = 116 * response(linear(values[i])) - 16 }
    }
  }

  private static func convertToLab(_ values: inout [Float]) {
    let size = values.count / 3
    values.withUnsafeMutableBufferPointer { values in
      for i in 0..<size {
        let (red, green, blue) = (linear(values[i]), linear(values[i + size]), linear(values[i + 2 * size]))
        let x = response((0.412453 * red + 0.357580 * green + 0.180423 * blue) * (1 / 0.95047))
        let y = response(0.212671 * red + 0.715160 * green + 0.072169 * blue)
        let z = response((0.019334 * red + 0.119193 * green + 0.950227 * blue) * (1 / 1.08883))
        values[i] = 116 * y - 16
        values[i + size] = 500 * (x - y)
        values[i + 2 * size] = 200 * (y - z)
      }
    }
  }

  /// The light of an sRGB value in 0…1.
  @inline(__always)
  private static func linear(_ value: Float) -> Float {
    let u = (value + 0.055) * (1 / 1.055)
    // u^2.4 = u² (u^⅕)².
    let root = u * fifthRoot(u)
    return value > 0.04045 ? root * root : value * (1 / 12.92)
  }

  /// What the eye makes of light, CIELAB's f.
  @inline(__always)
  private static func response(_ light: Float) -> Float {
    light > 0.008856 ? cubeRoot(light) : 7.787 * light + 16 / 116
  }

  // The exponent divided by the root's degree is right to a few percent; Halley's step triples the digits, and two
  // of them reach float32. Loops of them run in vectors, which those of the C library do not.

  @inline(__always)
  static func cubeRoot(_ x: Float) -> Float {
    var y = Float(
      bitPattern: UInt32(bitPattern: Int32(Float(Int32(bitPattern: x.bitPattern)) * (1 / 3))) &+ 0x2a51_2ce3)
    for _ in 0..<2 {
      let cube = y * y * y
      y *= (cube + 2 * x) / (2 * cube + x)
    }
    return y
  }

  @inline(__always)
  static func fifthRoot(_ x: Float) -> Float {
    var y = Float(
      bitPattern: UInt32(bitPattern: Int32(Float(Int32(bitPattern: x.bitPattern)) * (1 / 5))) &+ 0x32c9_af22)
    for _ in 0..<2 {
      let square = y * y
      let power = square * square * y
      y *= (2 * power + 3 * x) / (3 * power + 2 * x)
    }
    return y
  }
}

// MARK: Smoothing
extension ColourPlanes {
  /// Blurs each plane, mirrored at its borders, by a Gaussian that ends at four standard deviations.
  private mutating func smooth(sigma: Double) {
    let reach = Int(4 * sigma + 0.5)
    guard reach > 0 else { return }
    var weights = (-reach...reach).map { exp(-0.5 * Double($0 * $0) / (sigma * sigma)) }
    let total = weights.reduce(0, +)
    for i in weights.indices { weights[i] /= total }
    let taps = weights.map { Float($0) }
    for plane in 0..<depth { smoothColumns(plane * height * width, taps) }
    smoothRows(taps)
  }

  /// A place outside `0..<count`, mirrored at the outer edges of the first and the last.
  private static func mirrored(_ place: Int, _ count: Int) -> Int {
    let folded = ((place % (2 * count)) + 2 * count) % (2 * count)
    return folded < count ? folded : 2 * count - 1 - folded
  }

  private mutating func smoothColumns(_ start: Int, _ taps: [Float]) {
    let reach = taps.count / 2, width = width, height = height
    let source = Array(values[start..<(start + height * width)])
    values.withUnsafeMutableBufferPointer { values in
      source.withUnsafeBufferPointer { source in
        for row in 0..<height {
          let target = values.baseAddress! + start + row * width
          target.update(repeating: 0, count: width)
          for (tap, weight) in taps.enumerated() {
            let line = source.baseAddress! + Self.mirrored(row + tap - reach, height) * width
            for x in 0..<width { target[x] += weight * line[x] }
          }
        }
      }
    }
  }

  /// All rows of all planes.
  private mutating func smoothRows(_ taps: [Float]) {
    let reach = taps.count / 2, width = width
    let margins = Array(-reach..<0) + Array(width..<(width + reach))
    var line = [Float](repeating: 0, count: width + 2 * reach)
    values.withUnsafeMutableBufferPointer { values in
      line.withUnsafeMutableBufferPointer { line in
        for start in stride(from: 0, to: values.count, by: width) {
          let row = values.baseAddress! + start
          (line.baseAddress! + reach).update(from: row, count: width)
          for place in margins { line[place + reach] = row[Self.mirrored(place, width)] }
          row.update(repeating: 0, count: width)
          for (tap, weight) in taps.enumerated() {
            for x in 0..<width { row[x] += weight * line[x + tap] }
          }
        }
      }
    }
  }
}
