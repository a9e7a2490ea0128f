internal import Foundation

/// Superpixels by simple linear iterative clustering: k-means over colour and place, each pixel near its
/// centre.
///
/// Colours are CIELAB where there are three channels, taken as sRGB after their range is stretched to 0…1;
/// other images count each channel as lightness.
///
/// - Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", 2012.
struct Superpixels {
  private let height, width: Int
  /// Colour coordinates, pixel after pixel.
  private let colours: [Double]
  private let depth: Int

  /// Reads an image `[channels, height, width]`.
  init(_ pixels: [Float], channels: Int, height: Int, width: Int) {
    (self.height, self.width, depth) = (height, width, channels)
    let low = Double(pixels.min() ?? 0), range = Double(pixels.max() ?? 0) - low
    let size = height * width
    var colours = [Double](repeating: 0, count: pixels.count)
    for pixel in 0..<size {
      let place = pixel * channels
      for channel in 0..<channels {
        colours[place + channel] = range > 0 ? (Double(pixels[channel * size + pixel]) - low) / range : 0
      }
      if channels == 3 {
        let lab = Self.lab(colours[place], colours[place + 1], colours[place + 2])
        (colours[place], colours[place + 1], colours[place + 2]) = lab
      } else {
        for channel in 0..<channels { colours[place + channel] *= 100 }
      }
    }
    self.colours = colours
  }

  /// The superpixel of each pixel: connected, numbered from 0, about `count` of them.
  func labels(count: Int, compactness: Double, iterations: Int = 10) -> [Int32] {
    let step = max(1, (Double(height * width) / Double(count)).squareRoot())
    var centres = seeds(step)
    var labels = [Int32](repeating: -1, count: height * width)
    for _ in 0..<iterations {
      labels = assign(to: centres, step: step, compactness: compactness)
      centres = means(of: labels, like: centres)
    }
    return connected(labels, smallest: max(1, Int(step * step / 4)))
  }

  /// A point in colour and place.
  private struct Centre {
    var colour: [Double]
    var y, x: Double
  }

  /// Centres on a regular grid, each moved to the flattest of nine pixels, away from edges.
  private func seeds(_ step: Double) -> [Centre] {
    var found: [Centre] = []
    let rows = max(1, Int((Double(height) / step).rounded())),
      columns = max(1, Int((Double(width) / step).rounded()))
    for row in 0..<rows {
      for column in 0..<columns {
        let y = Int((Double(row) + 0.5) * Double(height) / Double(rows))
        let x = Int((Double(column) + 0.5) * Double(width) / Double(columns))
        var best = (slope: Double.infinity, y: y, x: x)
        for near in [(0, 0), (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)] {
          let (v, u) = (y + near.0, x + near.1)
          guard (0..<height).contains(v), (0..<width).contains(u) else { continue }
          let slope = slope(v, u)
          if slope < best.slope { best = (slope, v, u) }
        }
        let place = (best.y * width + best.x) * depth
        found.append(
          Centre(colour: Array(colours[place..<place + depth]), y: Double(best.y), x: Double(best.x)))
      }
    }
    return found
  }

  /// The squared difference of a pixel's neighbours.
  private func slope(_ y: Int, _ x: Int) -> Double {
    func difference(_ a: (Int, Int), _ b: (Int, Int)) -> Double {
      let (p, q) = ((a.0 * width + a.1) * depth, (b.0 * width + b.1) * depth)
      return (0..<depth).reduce(0) {
        let gap = colours[p + $1] - colours[q + $1]
        return $0 + gap * gap
      }
    }
    return difference((max(y - 1, 0), x), (min(y + 1, height - 1), x))
      + difference((y, max(x - 1, 0)), (y, min(x + 1, width - 1)))
  }

  /// The nearest centre within two steps of each pixel, by `colour² + (compactness / step)² · place²`.
  private func assign(to centres: [Centre], step: Double, compactness: Double) -> [Int32] {
    var labels = [Int32](repeating: 0, count: height * width)
    var distances = [Double](repeating: .infinity, count: height * width)
    let ratio = compactness * compactness / (step * step)
    for (index, centre) in centres.enumerated() {
      let rows = max(0, Int(centre.y - 2 * step))..<min(height, Int(centre.y + 2 * step) + 1)
      let columns = max(0, Int(centre.x - 2 * step))..<min(width, Int(centre.x + 2 * step) + 1)
      for y in rows {
        for x in columns {
          let pixel = y * width + x, (dy, dx) = (Double(y) - centre.y, Double(x) - centre.x)
          var distance = ratio * (dy * dy + dx * dx)
          for channel in 0..<depth {
            let gap = colours[pixel * depth + channel] - centre.colour[channel]
            distance += gap * gap
          }
          if distance < distances[pixel] { (distances[pixel], labels[pixel]) = (distance, Int32(index)) }
        }
      }
    }
    return labels
  }

  /// The mean of each superpixel; one that lost all its pixels stays where it was.
  private func means(of labels: [Int32], like centres: [Centre]) -> [Centre] {
    var sums = centres.map { _ in Centre(colour: Array(repeating: 0, count: depth), y: 0, x: 0) }
    var counts = [Double](repeating: 0, count: centres.count)
    for (pixel, label) in labels.enumerated() {
      let index = Int(label)
      for channel in 0..<depth { sums[index].colour[channel] += colours[pixel * depth + channel] }
      sums[index].y += Double(pixel / width)
      sums[index].x += Double(pixel % width)
      counts[index] += 1
    }
    return centres.indices.map { index in
      guard counts[index] > 0 else { return centres[index] }
      return Centre(
        colour: sums[index].colour.map { $0 / counts[index] }, y: sums[index].y / counts[index],
        x: sums[index].x / counts[index])
    }
  }

  /// Connected parts as superpixels of their own; parts that are too small join the one beside them.
  private func connected(_ labels: [Int32], smallest: Int) -> [Int32] {
    var result = [Int32](repeating: -1, count: labels.count), next: Int32 = 0
    for start in labels.indices where result[start] < 0 {
      var part = [start], beside: Int32?, head = 0
      result[start] = next
      while head < part.count {
        let pixel = part[head], (y, x) = (pixel / width, pixel % width)
        head += 1
        for (v, u) in [(y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)]
        where (0..<height).contains(v) && (0..<width).contains(u) {
          let other = v * width + u
          if result[other] >= 0 {
            if result[other] != next, beside == nil { beside = result[other] }
          } else if labels[other] == labels[start] {
            result[other] = next
            part.append(other)
          }
        }
      }
      if part.count < smallest, let beside {
        for pixel in part { result[pixel] = beside }
      } else {
        next += 1
      }
    }
    return result
  }

  /// CIELAB under D65 of sRGB in 0…1.
  private static func lab(_ red: Double, _ green: Double, _ blue: Double) -> (Double, Double, Double) {
    func linear(_ value: Double) -> Double {
      value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
    func root(_ value: Double) -> Double {
      value > 216.0 / 24389 ? cbrt(value) : (24389.0 / 27 * value + 16) / 116
    }
    let (r, g, b) = (linear(red), linear(green), linear(blue))
    let x = root((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047)
    let y = root(0.2126729 * r + 0.7151522 * g + 0.0721750 * b)
    let z = root((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883)
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))
  }
}
