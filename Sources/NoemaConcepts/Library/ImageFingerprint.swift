internal import Glibc
internal import NoemaData
internal import NoemaTensor

/// What is left of an image when it is scaled, re-encoded or slightly changed; for finding near-duplicates.
struct ImageFingerprint: Sendable {
  private static let side = 32
  private static let kept = 8

  /// One bit for each of the 64 lowest frequencies of the cosine transform: above the median or not.
  let hash: UInt64
  /// Mean red, green and blue, 0 to 1.
  private let meanColour: SIMD3<Float>
  /// Brightness on an 8 × 8 raster, with mean 0 and length 1; all zero for a flat image.
  private let pattern: [Float]

  /// The fingerprint of an image of at least one pixel.
  init(of image: Image) {
    let (cells, mean) = Self.shrunk(image)
    meanColour = mean
    let coefficients = Self.cosineTransform(cells)
    // The constant term is left out of the median: it only holds the brightness.
    let median = coefficients[1...].sorted()[coefficients.count / 2]
    hash = coefficients.enumerated().reduce(0) { $0 | ($1.element > median ? 1 << UInt64($1.offset) : 0) }
    let block = Self.side / Self.kept
    var coarse = [Float](repeating: 0, count: Self.kept * Self.kept)
    for (index, value) in cells.enumerated() {
      coarse[index / Self.side / block * Self.kept + index % Self.side / block] +=
        value / Float(block * block)
    }
    let level = coarse.reduce(0, +) / Float(coarse.count)
    let centred = coarse.map { $0 - level }
    let length = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
    pattern = length < 1e-3 ? centred.map { _ in 0 } : centred.map { $0 / length }
  }

  /// Whether two images look the same.
  ///
  /// The hash alone confuses smooth images with one another, so their colours and patterns must agree as well.
  func isNear(_ other: Self, threshold: Int) -> Bool {
    guard (hash ^ other.hash).nonzeroBitCount <= threshold else { return false }
    let difference = meanColour - other.meanColour
    guard (difference * difference).sum() < 0.01 else { return false }
    let isFlat = pattern.allSatisfy { $0 == 0 }
    guard isFlat == other.pattern.allSatisfy({ $0 == 0 }) else { return false }
    return isFlat || zip(pattern, other.pattern).reduce(0) { $0 + $1.0 * $1.1 } > 0.97
  }

  /// Brightness on a 32 × 32 raster, each cell the mean of the pixels it covers, and the mean colour.
  private static func shrunk(_ image: Image) -> ([Float], SIMD3<Float>) {
    let channels = image.channelCount
    var cells: [Float] = []
    var mean = SIMD3<Float>.zero
    for row in 0..<side {
      let rows = covered(row, image.height)
      for column in 0..<side {
        let columns = covered(column, image.width)
        var sum = SIMD3<Float>.zero
        for y in rows {
          for x in columns {
            let start = (y * image.width + x) * channels
            for channel in 0..<3 { sum[channel] += Float(image.pixels[start + min(channel, channels - 1)]) }
          }
        }
        let colour = sum / Float(255 * rows.count * columns.count)
        cells.append(colour.luma)
        mean += colour / Float(side * side)
      }
    }
    return (cells, mean)
  }

  /// The pixels of one cell; at least one, also where the image is smaller than the raster.
  private static func covered(_ cell: Int, _ extent: Int) -> Range<Int> {
    let start = min(cell * extent / side, extent - 1)
    return start..<max(start + 1, (cell + 1) * extent / side)
  }

  private static let cosines: [[Float]] = (0..<kept).map { frequency in
    (0..<side).map { cos(Float.pi * Float(frequency) * (Float($0) + 0.5) / Float(side)) }
  }

  /// The lowest 8 × 8 coefficients of the two-dimensional cosine transform (DCT-II).
  private static func cosineTransform(_ cells: [Float]) -> [Float] {
    var rows = [Float](repeating: 0, count: side * kept)
    for y in 0..<side {
      for u in 0..<kept {
        rows[y * kept + u] = (0..<side).reduce(0) { $0 + cells[y * side + $1] * cosines[u][$1] }
      }
    }
    return (0..<kept * kept).map { index in
      let (v, u) = (index / kept, index % kept)
      return (0..<side).reduce(0) { $0 + rows[$1 * kept + u] * cosines[v][$1] }
    }
  }
}
