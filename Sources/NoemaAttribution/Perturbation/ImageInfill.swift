internal import NoemaGraph
public import NoemaTensor

/// What stands where a mask removes a part of an image. The choice changes explanations: say which one was
/// made.
///
/// Lengths are for images whose shorter side has 224 pixels and scale with the image.
public enum ImageInfill: Sendable {
  /// One value, in the units that the network takes: 0 is the mean colour of normalised images.
  case constant(Float)
  /// The image blurred by a Gaussian of this standard deviation.
  case blur(sigma: Double = 10)
  /// The mean of what is kept in a square window of this side, 0 where nothing is.
  case localMean(window: Double = 15)
  /// A random colour for each draw, uniform between the lowest and the highest value that the network takes,
  /// one for all channels or one for each, with noise of `noise` times their distance; limited to them.
  case randomColour(low: [Float], high: [Float], noise: Double = 0.2)
  /// Any image of the same shape, given the image and the mask, `[height, width]`, 1 where it is kept.
  case custom(@Sendable (_ image: Tensor, _ mask: Tensor) throws -> Tensor)
}

/// The infills of a batch of images: made once where they depend on nothing else.
struct Infills {
  private let infill: ImageInfill
  private let layout: ImageLayout
  private let images: [[Float]]
  private let fixed: [[Float]]

  /// Whether infills follow the mask or the draw.
  var varies: Bool { fixed.isEmpty }

  init(_ infill: ImageInfill, of images: [[Float]], _ layout: ImageLayout) {
    (self.infill, self.layout, self.images) = (infill, layout, images)
    switch infill {
    case .constant(let value):
      fixed = images.map { _ in [Float](repeating: value, count: layout.count) }
    case .blur(let sigma):
      let blur = SeparableMap.blurring((layout.height, layout.width), sigma: layout.scaled(sigma))
      fixed = images.map { blur($0, layout) }
    case .localMean, .randomColour, .custom: fixed = []
    }
  }

  /// What stands for an image where a mask, 1 where it is kept, removes it.
  ///
  /// - Throws: what a custom infill throws, and `GraphError.input` for what it gives that does not fit.
  func callAsFunction(_ example: Int, mask: [Float], _ random: RandomNumbers) throws -> [Float] {
    if !varies { return fixed[example] }
    switch infill {
    case .constant, .blur: return fixed[example]
    case .localMean(let window): return localMean(of: images[example], mask, window: window)
    case .randomColour(let low, let high, let noise):
      var random = random
      return colour(low, high, noise: noise, &random)
    case .custom(let make):
      let made = try make(
        Tensor(shape: layout.shape, images[example]),
        Tensor(shape: [layout.height, layout.width], mask.map { $0.rounded() })
      )
      guard made.shape == layout.shape, made.firstNonFinite() == nil else {
        throw GraphError(
          .input(
            "the infill has shape \(made.shape), or values that are not finite; expected finite values of "
              + "shape \(layout.shape)"))
      }
      return made.converted(to: .float32).elements(as: Float.self)
    }
  }

  private func localMean(of image: [Float], _ mask: [Float], window: Double) -> [Float] {
    let reach = max(1, Int((layout.scaled(window) / 2).rounded(.down)))
    let kept = mask.map { $0 >= 0.5 ? 1.0 : 0 }
    let counts = boxSums(kept, reach: reach)
    var found = [Float](repeating: 0, count: layout.count)
    for channel in 0..<layout.channels {
      let sums = boxSums(
        kept.indices.map { kept[$0] * Double(image[layout.offset(channel, $0)]) }, reach: reach)
      for u in kept.indices where counts[u] > 0.5 {
        found[layout.offset(channel, u)] = Float(sums[u] / counts[u])
      }
    }
    return found
  }

  /// The sum about each position, from sums over all rows and columns before.
  private func boxSums(_ map: [Double], reach: Int) -> [Double] {
    let (height, width) = (layout.height, layout.width)
    var before = [Double](repeating: 0, count: (height + 1) * (width + 1))
    for y in 0..<height {
      var line = 0.0
      for x in 0..<width {
        line += map[y * width + x]
        before[(y + 1) * (width + 1) + x + 1] = before[y * (width + 1) + x + 1] + line
      }
    }
    return (0..<height * width).map { u in
      let (y, x) = (u / width, u % width)
      let (top, bottom) = (max(0, y - reach), min(height, y + reach + 1))
      let (left, right) = (max(0, x - reach), min(width, x + reach + 1))
      return before[bottom * (width + 1) + right] - before[top * (width + 1) + right]
        - before[bottom * (width + 1) + left] + before[top * (width + 1) + left]
    }
  }

  private func colour(
    _ low: [Float], _ high: [Float], noise: Double, _ random: inout RandomNumbers
  ) -> [Float] {
    var found = [Float](repeating: 0, count: layout.count)
    for channel in 0..<layout.channels {
      let lowest = Double(low[low.count == 1 ? 0 : channel])
      let range = Double(high[high.count == 1 ? 0 : channel]) - lowest
      let shade = random.uniform()
      for u in 0..<layout.positions {
        let level = noise > 0 ? min(max(shade + noise * random.normal(), 0), 1) : shade
        found[layout.offset(channel, u)] = Float(lowest + range * level)
      }
    }
    return found
  }
}

extension ImageInfill {
  /// Refuses parameters that do not fit.
  ///
  /// - Throws: `GraphError.input`.
  func check(_ layout: ImageLayout) throws(GraphError) {
    switch self {
    case .constant(let value) where !value.isFinite:
      throw GraphError(.input("the infill must be finite, found \(value)"))
    case .blur(let sigma) where !(sigma >= 0 && sigma.isFinite):
      throw GraphError(.input("the blur of the infill must be 0 or more, found \(sigma)"))
    case .localMean(let window) where !(window > 0 && window.isFinite):
      throw GraphError(.input("the window of the infill's mean must be positive, found \(window)"))
    case .randomColour(let low, let high, let noise):
      let fits = [low.count, high.count].allSatisfy { $0 == 1 || $0 == layout.channels }
      guard fits, (low + high).allSatisfy(\.isFinite), noise >= 0, noise.isFinite else {
        throw GraphError(
          .input(
            "random colours need finite lowest and highest values, one or \(layout.channels) each, and "
              + "noise of 0 or more"))
      }
    default: break
    }
  }
}
