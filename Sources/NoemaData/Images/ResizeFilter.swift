internal import Foundation

/// How new pixels are made of old ones; names and shapes are Pillow's.
public enum ResizeFilter: String, Sendable, CaseIterable {
  /// The old pixel under the new one's centre.
  case nearest
  /// The mean of the old pixels under the new one.
  case box
  /// A triangle.
  case bilinear
  /// A sinc of half the usual width under a Hamming window.
  case hamming
  /// Keys's cubic with a = −1/2.
  case bicubic
  /// A sinc under a Lanczos window of three lobes.
  case lanczos

  /// How far the filter reaches from its centre, in pixels of the coarser grid; 0 for nearest.
  var support: Double {
    switch self {
    case .nearest: 0
    case .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The filter's value at a signed distance from its centre.
  func value(at signed: Double) -> Double {
    let x = abs(signed)
    switch self {
    case .nearest: return 0
    // Half-open, so that a pixel on the edge of two belongs to one only.
    case .box: return signed > -0.5 && signed <= 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - x)
    case .hamming:
      // The window's constants are single precision in Pillow; the results differ in the last bits.
      return x >= 1 ? 0 : Self.sinc(x) * (Double(Float(0.54)) + Double(Float(0.46)) * cos(x * .pi))
    case .bicubic:
      if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
      return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0
    case .lanczos: return x < 3 || signed == -3 ? Self.sinc(x) * Self.sinc(x / 3) : 0
    }
  }

  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * .pi) / (x * .pi)
  }
}

/// What each new pixel along one axis is made of: a run of old pixels and their weights.
struct AxisWeights {
  /// Fraction bits of a weight: with 8 bits of pixel and 2 of head room for negative lobes, 32 in all.
  static let fractionBits: Int32 = 22

  /// The first old pixel of each new one.
  private(set) var starts: [Int] = []
  /// The old pixels of each new one.
  private(set) var counts: [Int] = []
  /// Room of each new pixel in ``weights``.
  let stride: Int
  /// Fixed-point weights, `stride` for each new pixel, zero behind its count.
  private(set) var weights: [Int32]

  /// Works the weights out; a filter is widened when the image shrinks, so that every old pixel counts.
  init(from oldSize: Int, to newSize: Int, filter: ResizeFilter) {
    let scale = Double(oldSize) / Double(newSize)
    let widening = max(scale, 1)
    let support = filter.support * widening
    stride = Int(support.rounded(.up)) * 2 + 1
    weights = [Int32](repeating: 0, count: stride * newSize)
    starts.reserveCapacity(newSize)
    counts.reserveCapacity(newSize)
    var row = [Double](repeating: 0, count: stride)
    let inverse = 1 / widening
    let one = Double(Int32(1) << Self.fractionBits)
    for pixel in 0..<newSize {
      let centre = (Double(pixel) + 0.5) * scale
      let start = max(Int(centre - support + 0.5), 0)
      let count = min(Int(centre + support + 0.5), oldSize) - start
      var sum = 0.0
      for tap in 0..<count {
        row[tap] = filter.value(at: (Double(tap + start) - centre + 0.5) * inverse)
        sum += row[tap]
      }
      for tap in 0..<count {
        let weight = (sum == 0 ? row[tap] : row[tap] / sum) * one
        weights[pixel * stride + tap] = Int32(weight < 0 ? weight - 0.5 : weight + 0.5)
      }
      starts.append(start)
      counts.append(count)
    }
  }

  /// The old pixels that any new one uses.
  var span: Range<Int> { starts[0]..<starts[starts.count - 1] + counts[counts.count - 1] }
}
