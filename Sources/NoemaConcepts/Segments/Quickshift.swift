public import NoemaAttribution

/// Segments by quickshift: each pixel climbs to the nearest pixel at which colours and places lie more densely, and
/// trees of such climbs are segments.
///
/// The density at a pixel is `Σ exp(−d² / 2k²)` over the pixels up to 3 k rows and columns away, where
/// `d² = (ratio · ‖Δcolour‖)² + ‖Δplace‖²`. Where scikit-image breaks ties of densities by small random numbers, the
/// earlier of two pixels counts as denser here.
///
/// - Source: Vedaldi and Soatto, "Quick Shift and Kernel Methods for Mode Seeking", ECCV 2008.
public struct Quickshift: Sendable, Hashable, Codable {
  /// The standard deviation of the kernel in pixels, k; more means fewer segments.
  public var kernelSize: Double
  /// A pixel with nothing denser within this distance is the top of a segment; more means fewer segments.
  public var greatestDistance: Double
  /// How much colours count against places.
  public var ratio: Double

  /// Makes a segmentation, with scikit-image's settings unless told otherwise.
  public init(kernelSize: Double = 5, greatestDistance: Double = 10, ratio: Double = 1) {
    (self.kernelSize, self.greatestDistance, self.ratio) = (kernelSize, greatestDistance, ratio)
  }

  /// The segment of each pixel, row by row, numbered from 0 in the order of their tops.
  ///
  /// - Throws: `ConceptError.parameters` for settings out of range.
  /// - Complexity: two distances for each of (6 k + 1)² neighbours of a pixel.
  public func labels(of image: ColourPlanes) throws(ConceptError) -> [Int32] {
    guard (1...100).contains(kernelSize), greatestDistance > 0, ratio >= 0, ratio.isFinite else {
      throw ConceptError(
        .parameters(
          "quickshift needs a kernel of 1 to 100 pixels, a greatest distance above 0 and a ratio of 0 or more, found "
            + "\(kernelSize), \(greatestDistance) and \(ratio)"))
    }
    let field = DensityField(image, ratio: Float(ratio), reach: Int((3 * kernelSize).rounded(.up)))
    let densities = try field.densities(scale: Float(-0.5 / (kernelSize * kernelSize)))
    let climbs = try field.climbs(densities, limit: Float(min(greatestDistance, 1e18)))
    return Self.numbered(climbs)
  }

  /// The number of the top that each pixel climbs to.
  private static func numbered(_ climbs: [Int32]) -> [Int32] {
    var tops = climbs
    for pixel in tops.indices {
      var top = pixel
      while Int(tops[top]) != top { top = Int(tops[top]) }
      // All on the way know the top from now on.
      var step = pixel
      while Int(tops[step]) != step {
        let next = Int(tops[step])
        tops[step] = Int32(truncatingIfNeeded: top)
        step = next
      }
    }
    var names = [Int32](repeating: -1, count: tops.count), next: Int32 = 0
    for pixel in tops.indices where Int(tops[pixel]) == pixel {
      names[pixel] = next
      next += 1
    }
    return tops.map { names[Int($0)] }
  }
}

/// Colours with a margin, so that eight neighbours are read at once wherever they lie.
private struct DensityField: Sendable {
  private typealias Lanes = SIMD8<Float>

  private let height, width, depth: Int
  /// Rows and columns that neighbours may be away.
  private let reach: Int
  /// The columns of a row with its margins.
  private let stride: Int
  /// The colours, plane by plane, margins so far away that nothing there is near.
  private let colours: [Float]

  init(_ image: ColourPlanes, ratio: Float, reach: Int) {
    (height, width, depth, self.reach) = (image.height, image.width, image.depth, reach)
    let lanes = Lanes.scalarCount
    stride = (width + lanes - 1) / lanes * lanes + 2 * reach
    var colours = [Float](repeating: 1e15, count: depth * height * stride)
    for row in 0..<depth * height {
      for x in 0..<width { colours[row * stride + reach + x] = image.values[row * width + x] * ratio }
    }
    self.colours = colours
  }

  /// The density at each pixel, with margins of no density.
  func densities(scale: Float) throws(ConceptError) -> [Float] {
    let rows = try parallelMap(height) { row in
      chunks(of: row) { sum, start, lines, centre in
        var density = Lanes(repeating: 0)
        forEachNeighbour(of: row) { down, across in
          density += Self.exponential(scale * square(down, across, start, lines, centre))
        }
        sum = density
      }
    }
    var result = [Float](repeating: -.infinity, count: height * stride)
    for (row, densities) in rows.enumerated() {
      result.replaceSubrange(
        (row * stride + reach)..<(row * stride + reach + width), with: densities.prefix(width))
    }
    return result
  }

  /// The nearest denser pixel of each pixel, itself where there is none up to a distance.
  func climbs(_ densities: [Float], limit: Float) throws(ConceptError) -> [Int32] {
    let rows = try parallelMap(height) { row in
      chunks(of: row) { climb, start, lines, centre in
        densities.withUnsafeBufferPointer { densities in
          let place = row * stride + reach + start
          let own = Self.load(densities.baseAddress! + place)
          var nearest = Lanes(repeating: .infinity)
          // Steps down and across as one number, exact in float32 for any image.
          var step = Lanes(repeating: 0)
          forEachNeighbour(of: row) { down, across in
            let other = Self.load(densities.baseAddress! + place + down * stride + across)
            let isEarlier = down < 0 || down == 0 && across < 0
            let distance = square(down, across, start, lines, centre)
            let isBetter = (isEarlier ? other .>= own : other .> own) .& (distance .< nearest)
            nearest.replace(with: distance, where: isBetter)
            step.replace(with: Float(down * 1024 + across), where: isBetter)
          }
          step.replace(with: 0, where: nearest .> limit * limit)
          climb = step
        }
      }
    }
    return rows.enumerated().flatMap { row, steps in
      (0..<width).map { x in
        let step = Int(steps[x]), down = (step + 512) >> 10, across = step - down * 1024
        return Int32(truncatingIfNeeded: (row + down) * width + x + across)
      }
    }
  }

  /// Fills a row, eight pixels at a time; `body` is given the first column of the eight, the planes of their row, and
  /// their own colours.
  private func chunks(
    of row: Int, _ body: (inout Lanes, Int, UnsafePointer<Float>, UnsafePointer<Lanes>) -> Void
  ) -> [Float] {
    let lanes = Lanes.scalarCount, count = (stride - 2 * reach) / lanes
    var result = [Float](repeating: 0, count: count * lanes)
    var centre = [Lanes](repeating: Lanes(repeating: 0), count: depth)
    colours.withUnsafeBufferPointer { colours in
      let line = colours.baseAddress! + row * stride + reach
      for chunk in 0..<count {
        for coordinate in 0..<depth {
          centre[coordinate] = Self.load(line + coordinate * height * stride + chunk * lanes)
        }
        var found = Lanes(repeating: 0)
        centre.withUnsafeBufferPointer { body(&found, chunk * lanes, line, $0.baseAddress!) }
        for lane in 0..<lanes { result[chunk * lanes + lane] = found[lane] }
      }
    }
    return result
  }

  /// Rows and columns to all neighbours, itself among them, row by row.
  @inline(__always)
  private func forEachNeighbour(of row: Int, _ body: (Int, Int) -> Void) {
    for down in max(-reach, -row)...min(reach, height - 1 - row) {
      for across in -reach...reach { body(down, across) }
    }
  }

  /// The squared distances of eight pixels to their neighbours.
  @inline(__always)
  private func square(
    _ down: Int, _ across: Int, _ start: Int, _ line: UnsafePointer<Float>, _ centre: UnsafePointer<Lanes>
  ) -> Lanes {
    var sum = Lanes(repeating: Float(down * down + across * across))
    for coordinate in 0..<depth {
      let other = Self.load(line + coordinate * height * stride + down * stride + start + across)
      sum += (other - centre[coordinate]) * (other - centre[coordinate])
    }
    return sum
  }

  @inline(__always)
  private static func load(_ place: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(place).loadUnaligned(as: Lanes.self)
  }

  /// `eˣ` of numbers up to 0, to about the rounding of float32; 0 of numbers below −87.
  @inline(__always)
  private static func exponential(_ x: Lanes) -> Lanes {
    // x = n ln 2 + r; adding 1.5 · 2²³ rounds to whole numbers, whose bits then are the last of the sum's.
    let clamped = x.replacing(with: Lanes(repeating: -87), where: x .< -87)
    let shifted = clamped * 1.442_695_04 + 12_582_912
    let n = shifted - 12_582_912
    let r = (clamped - n * 0.693_359_375) + n * 2.121_944_4e-4
    // The series of eʳ for |r| ≤ ½ ln 2.
    var sum = r * (1.0 / 5040) + 1.0 / 720
    sum = sum * r + 1.0 / 120
    sum = sum * r + 1.0 / 24
    sum = sum * r + 1.0 / 6
    sum = sum * r + 0.5
    sum = sum * r + 1
    sum = sum * r + 1
    let exponents = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- 0x4b40_0000 &+ 127
    let power = unsafeBitCast(exponents &<< 23, to: Lanes.self)
    return (sum * power).replacing(with: Lanes(repeating: 0), where: x .< -87)
  }
}
