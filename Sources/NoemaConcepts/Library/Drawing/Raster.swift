internal import Glibc
internal import NoemaData
internal import NoemaTensor

/// A place in the image: (0, 0) is the top left corner and (1, 1) the bottom right.
typealias Point = SIMD2<Float>

/// A picture without pixels: the colour at each place.
typealias Shade = (Point) -> Colour

/// Turning shades into images.
enum Raster {
  /// Samples per pixel and axis; their mean smooths the edges.
  private static let samples = 3

  /// The image of a shade.
  ///
  /// - Parameters:
  ///   - size: Width and height in pixels.
  ///   - channelCount: 1 for grey, 3 for RGB.
  static func image(of shade: Shade, size: Int, channelCount: Int) -> Image {
    let step = 1 / Float(size * samples)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(size * size * channelCount)
    for row in 0..<size {
      for column in 0..<size {
        var sum = Colour.zero
        for y in 0..<samples {
          for x in 0..<samples {
            let place = Point(Float(column * samples + x) + 0.5, Float(row * samples + y) + 0.5) * step
            sum += shade(place).clamped(lowerBound: .zero, upperBound: .one)
          }
        }
        let mean = sum * (255 / Float(samples * samples))
        if channelCount == 1 {
          pixels.append(UInt8(mean.luma.rounded()))
        } else {
          for channel in 0..<3 { pixels.append(UInt8(mean[channel].rounded())) }
        }
      }
    }
    return Image(width: size, height: size, channelCount: channelCount, pixels: pixels)
  }
}

/// A turned and shifted frame of reference, so that patterns lie at any angle and phase.
struct Frame {
  private let cosine, sine: Float
  private let shift: Point

  /// A frame at an angle in radians, shifted by up to one image.
  init(angle: Float, _ random: inout RandomNumbers) {
    cosine = cos(angle)
    sine = sin(angle)
    shift = Point(random.float(0..<1), random.float(0..<1))
  }

  /// A frame at any angle.
  init(_ random: inout RandomNumbers) {
    self.init(angle: random.float(0..<2 * .pi), &random)
  }

  /// The coordinates of a place in this frame.
  func callAsFunction(_ place: Point) -> Point {
    let centred = place - 0.5
    return Point(cosine * centred.x + sine * centred.y, cosine * centred.y - sine * centred.x) + shift
  }
}

/// A share of the pictures gets uneven light, as photos do; the rest stays flat.
func lit(_ shade: @escaping Shade, _ random: inout RandomNumbers) -> Shade {
  let strength = random.float(0.15..<0.45)
  let angle = random.float(0..<2 * .pi)
  guard random.uniform() < 0.4 else { return shade }
  let direction = Point(cos(angle), sin(angle)) * strength
  return { place in shade(place) * (1 + (direction * (place - 0.5)).sum()) }
}
