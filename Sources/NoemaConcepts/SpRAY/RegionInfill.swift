internal import Foundation

/// What stands where a strategy's region is masked.
public enum RegionInfill: Sendable, Hashable, Codable {
  /// The image's own mean outside the region, channel by channel.
  case meanColour
  /// What lies around, weighted by a Gaussian of this standard deviation on images whose shorter side has 224 pixels;
  /// it scales with the image.
  case blur(sigma: Double = 10)
  /// One value, in the units that the network takes.
  case baseline(Float = 0)

  /// Refuses settings out of their range.
  ///
  /// - Throws: `ConceptError.parameters`.
  func validate() throws(ConceptError) {
    switch self {
    case .blur(let sigma) where !(sigma > 0 && sigma.isFinite):
      throw ConceptError(.parameters("the blur of the infill must be above 0, found \(sigma)"))
    case .baseline(let value) where !value.isFinite:
      throw ConceptError(.parameters("the value of the infill must be finite, found \(value)"))
    default: break
    }
  }
}

/// How the pixels of one input lie in memory.
struct PixelLayout: Sendable, Hashable {
  let channels, height, width: Int
  private let channelStride, pixelStride: Int

  /// Reads the shape of one input: `[channels, height, width]`, few channels last, or `[height, width]`.
  ///
  /// - Throws: `ConceptError.mismatch` for other shapes.
  init(_ shape: [Int]) throws(ConceptError) {
    guard shape.count == 2 || shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw ConceptError(
        .mismatch(
          "inputs of shape \(shape) are no images, so no region of them can be masked; expected "
            + "[channels, height, width]"))
    }
    let isLast = shape.count == 3 && shape[0] > 4 && shape[2] <= 4
    if shape.count == 2 {
      (channels, height, width) = (1, shape[0], shape[1])
    } else if isLast {
      (height, width, channels) = (shape[0], shape[1], shape[2])
    } else {
      (channels, height, width) = (shape[0], shape[1], shape[2])
    }
    (channelStride, pixelStride) = isLast ? (1, channels) : (height * width, 1)
  }

  /// The number of pixels.
  var pixels: Int { height * width }

  /// Where a channel of a pixel lies.
  func offset(_ channel: Int, _ pixel: Int) -> Int { channel * channelStride + pixel * pixelStride }
}

/// Replaces one region of many images whose maps were moved alike.
struct RegionMasker: Sendable {
  private let layout: PixelLayout
  private let infill: RegionInfill
  private let mask: [Bool]
  /// The masked pixels.
  private let pixels: [Int]
  /// What weighs pixels along one axis, from the middle out; empty without a blur.
  private let kernel: [Double]

  /// - Parameter offset: by how much the maps of these images were moved.
  init(_ region: MapRegion, _ infill: RegionInfill, _ layout: PixelLayout, movedBy offset: MapOffset = .zero)
  {
    (self.layout, self.infill) = (layout, infill)
    let mask = region.mask(height: layout.height, width: layout.width, movedBy: offset)
    self.mask = mask
    pixels = mask.indices.filter { mask[$0] }
    if case .blur(let sigma) = infill {
      let spread = sigma * Double(min(layout.height, layout.width)) / 224
      let reach = min(max(layout.height, layout.width), Int((4 * spread).rounded(.up)))
      kernel = (0...reach).map { exp(-Double($0 * $0) / (2 * spread * spread)) }
    } else {
      kernel = []
    }
  }

  /// Masks one image in place.
  func apply(to image: UnsafeMutableBufferPointer<Float>) {
    for channel in 0..<layout.channels {
      let filling: [Double]
      switch infill {
      case .baseline(let value): filling = [Double](repeating: Double(value), count: pixels.count)
      case .meanColour: filling = [Double](repeating: mean(image, channel), count: pixels.count)
      case .blur: filling = blurred(image, channel)
      }
      for (pixel, value) in zip(pixels, filling) { image[layout.offset(channel, pixel)] = Float(value) }
    }
  }

  /// The mean of the pixels that stay; 0 when none does.
  private func mean(_ image: UnsafeMutableBufferPointer<Float>, _ channel: Int) -> Double {
    var sum = 0.0
    for pixel in mask.indices where !mask[pixel] { sum += Double(image[layout.offset(channel, pixel)]) }
    return sum / Double(max(1, mask.count - pixels.count))
  }

  /// The weighted mean of the pixels that stay, at each masked pixel; their plain mean where none is near.
  private func blurred(_ image: UnsafeMutableBufferPointer<Float>, _ channel: Int) -> [Double] {
    let (height, width) = (layout.height, layout.width)
    // Sums along rows first, of values and of weights.
    var (values, weights) = (
      [Double](repeating: 0, count: mask.count), [Double](repeating: 0, count: mask.count)
    )
    for y in 0..<height {
      for x in 0..<width where !mask[y * width + x] {
        let value = Double(image[layout.offset(channel, y * width + x)])
        for to in max(0, x - kernel.count + 1)..<min(width, x + kernel.count) {
          values[y * width + to] += kernel[abs(to - x)] * value
          weights[y * width + to] += kernel[abs(to - x)]
        }
      }
    }
    let plain = mean(image, channel)
    return pixels.map { pixel in
      let (y, x) = (pixel / width, pixel % width)
      var (value, weight) = (0.0, 0.0)
      for from in max(0, y - kernel.count + 1)..<min(height, y + kernel.count) {
        value += kernel[abs(from - y)] * values[from * width + x]
        weight += kernel[abs(from - y)] * weights[from * width + x]
      }
      return weight > 1e-12 ? value / weight : plain
    }
  }
}
