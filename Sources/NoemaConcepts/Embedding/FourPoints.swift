/// Four points of the plane side by side, with the sums of what other points do to them.
struct FourPoints {
  private let x: SIMD4<Double>
  private let y: SIMD4<Double>
  private var attractionX = SIMD4<Double>.zero
  private var attractionY = SIMD4<Double>.zero
  private var repulsionX = SIMD4<Double>.zero
  private var repulsionY = SIMD4<Double>.zero
  private var total = SIMD4<Double>.zero

  /// Reads one to four points; the last one stands in for those that are missing.
  init(_ indices: Range<Int>, _ point: (Int) -> SIMD2<Double>) {
    var (x, y) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
    for lane in 0..<4 {
      let place = point(min(indices.lowerBound + lane, indices.upperBound - 1))
      x[lane] = place.x
      y[lane] = place.y
    }
    (self.x, self.y) = (x, y)
  }

  /// The middle of the box around the four, and half its extents.
  var box: (middle: SIMD2<Double>, half: SIMD2<Double>) {
    let low = SIMD2(x.min(), y.min())
    let high = SIMD2(x.max(), y.max())
    let half = (high - low) * 0.5
    return (low + half, half)
  }

  /// Adds what a point does, itself or a number of points in its place.
  @inline(__always)
  mutating func add(_ other: SIMD2<Double>, mass: Double) {
    let (dx, dy) = (x - other.x, y - other.y)
    let kernel = Self.kernel(dx, dy)
    let weighted = kernel * mass
    total += weighted
    let factor = weighted * kernel
    repulsionX += factor * dx
    repulsionY += factor * dy
  }

  /// Adds what a point does to which the four have affinities.
  @inline(__always)
  mutating func add(_ other: SIMD2<Double>, affinities: SIMD4<Double>) {
    let (dx, dy) = (x - other.x, y - other.y)
    let kernel = Self.kernel(dx, dy)
    total += kernel
    let (pull, push) = (affinities * kernel, kernel * kernel)
    attractionX += pull * dx
    attractionY += pull * dy
    repulsionX += push * dx
    repulsionY += push * dy
  }

  @inline(__always)
  private static func kernel(_ dx: SIMD4<Double>, _ dy: SIMD4<Double>) -> SIMD4<Double> {
    let one = SIMD4<Double>(repeating: 1)
    let square: SIMD4<Double> = dx * dx + dy * dy
    return one / (one + square)
  }

  /// Appends the sums of the first points, each of which has met itself as well.
  func append(_ count: Int, to forces: inout LayoutForces, withAttraction: Bool) {
    for lane in 0..<count {
      if withAttraction { forces.attraction.append(SIMD2(attractionX[lane], attractionY[lane])) }
      forces.repulsion.append(SIMD2(repulsionX[lane], repulsionY[lane]))
      forces.normaliser += total[lane] - 1
    }
  }
}
