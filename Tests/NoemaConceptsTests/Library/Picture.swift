import Glibc
import NoemaConcepts
import NoemaData

/// Measurements of an image that tell what it shows.
struct Picture {
  let size: Int
  let rgb: [SIMD3<Float>]

  init(_ image: Image) {
    size = image.width
    let step = image.channelCount
    rgb = (0..<image.width * image.height).map { pixel in
      let channels = image.pixels[pixel * step..<(pixel + 1) * step].map { Float($0) / 255 }
      return SIMD3(channels[0], channels[step / 2], channels[step - 1])
    }
  }

  init(_ name: String, _ index: Int, size: Int = 64) throws {
    self.init(try ConceptCatalog.generator(named: name).image(at: index, seed: 7, size: size))
  }

  var luma: [Float] {
    let weights = SIMD3<Float>(0.299, 0.587, 0.114)
    return rgb.map { ($0 * weights).sum() }
  }

  var deviation: Float {
    let values = luma
    let mean = values.reduce(0, +) / Float(values.count)
    let squares = values.map { ($0 - mean) * ($0 - mean) }
    return (squares.reduce(0, +) / Float(values.count)).squareRoot()
  }

  /// The largest difference between neighbours in a row.
  var largestStep: Float {
    let values = luma
    return (1..<values.count).filter { $0 % size != 0 }.map { abs(values[$0] - values[$0 - 1]) }.max()!
  }

  /// The share of the power, without the mean, at the strongest frequency and its neighbours.
  var strongestFrequencyShare: Float {
    let values = luma
    let mean = values.reduce(0, +) / Float(values.count)
    let half = size / 2
    let cosines = (0..<size).map { cos(2 * Float.pi * Float($0) / Float(size)) }
    // A raised cosine fades the borders out, which would otherwise smear the peak.
    var faded = values.map { $0 - mean }
    for index in faded.indices {
      faded[index] *= 1 - cosines[index / size]
      faded[index] *= 1 - cosines[index % size]
    }
    var power = [Float](repeating: 0, count: (half + 1) * size)
    for v in 0...half {
      for u in 0..<size {
        var (real, imaginary): (Float, Float) = (0, 0)
        for y in 0..<size {
          for x in 0..<size {
            let turn = (u * x + v * y) % size
            real += faded[y * size + x] * cosines[turn]
            imaginary += faded[y * size + x] * cosines[(turn + size / 4) % size]
          }
        }
        power[v * size + u] = real * real + imaginary * imaginary
      }
    }
    let peak = power.indices.max { power[$0] < power[$1] }!
    var near: Float = 0
    for v in max(0, peak / size - 1)...min(half, peak / size + 1) {
      for u in -1...1 { near += power[v * size + (peak % size + u + size) % size] }
    }
    return near / power.reduce(0, +)
  }

  /// How far all edges share one direction, from 0 to 1 (from the structure tensor).
  var coherence: Float {
    let values = luma
    var (xx, xy, yy): (Float, Float, Float) = (0, 0, 0)
    for y in 1..<size - 1 {
      for x in 1..<size - 1 {
        let dx = values[y * size + x + 1] - values[y * size + x - 1]
        let dy = values[(y + 1) * size + x] - values[(y - 1) * size + x]
        xx += dx * dx
        xy += dx * dy
        yy += dy * dy
      }
    }
    return ((xx - yy) * (xx - yy) + 4 * xy * xy).squareRoot() / (xx + yy)
  }

  /// Hue in degrees and saturation of the mean colour.
  var hueAndSaturation: (hue: Float, saturation: Float) {
    let mean = rgb.reduce(SIMD3<Float>.zero, +) / Float(rgb.count)
    let hue = atan2(Float(3).squareRoot() * (mean.y - mean.z), 2 * mean.x - mean.y - mean.z) * 180 / .pi
    return (hue, (mean.max() - mean.min()) / mean.max())
  }

  /// The one figure in the image: what differs from the border.
  var figure: (fill: Float, holdsItsCentre: Bool, elongation: Float) {
    let values = luma
    let middle = (values.min()! + values.max()!) / 2
    let border = values[..<size] + values[(size * (size - 1))...]
    let isDarkGround = border.filter { $0 < middle }.count > size
    let inside = values.indices.filter { (values[$0] < middle) != isDarkGround }
    let places = inside.map { SIMD2(Float($0 % size), Float($0 / size)) }
    let centre = places.reduce(.zero, +) / Float(places.count)
    let offsets = places.map { $0 - centre }
    let radius = offsets.map { ($0 * $0).sum() }.max()!.squareRoot() + 0.5
    var (xx, xy, yy): (Float, Float, Float) = (0, 0, 0)
    for offset in offsets {
      xx += offset.x * offset.x
      xy += offset.x * offset.y
      yy += offset.y * offset.y
    }
    let spread = ((xx - yy) * (xx - yy) + 4 * xy * xy).squareRoot()
    let elongation = ((xx + yy + spread) / (xx + yy - spread)).squareRoot()
    let centrePixel = Int(centre.y.rounded()) * size + Int(centre.x.rounded())
    return (Float(places.count) / (.pi * radius * radius), inside.contains(centrePixel), elongation)
  }
}
