internal import NoemaTensor

/// Points made ready for distances between many of them.
///
/// Each metric is a function of the Euclidean distance of changed rows: the rows themselves, rows of length one, or
/// rows of mean zero and length one. A float32 copy of the changed rows, less their mean and scaled to at most 1,
/// is multiplied in blocks; from a product follow bounds of the squared distance that hold for every rounding, so
/// that only pairs near a decision have to be summed in float64. What is decided is then exact, and the same
/// whatever the number of threads and the processor.
struct DistanceRows: Sendable {
  let points: PointSet
  let metric: Metric
  /// The float32 copy, row-major.
  let rows: [Float]
  /// What float32 copies of further points, such as centres, need: `(x − mean) · scale`.
  let mean: [Double]
  let scale: Double
  /// The squared norms of the float32 copy.
  let squares: [Double]
  /// `(1 − share) · squares` in float32, for the first look at a product.
  let bases: [Float]
  /// Rounding errs by at most `share · (‖x‖² + ‖y‖²) + slack` in a scaled squared distance.
  let share: Double
  let slack: Double
  /// The changed row is `(x − offset) · factor`.
  private let offsets: [Double]
  private let factors: [Double]
  /// How many coordinates are multiplied at once in float32: rounding grows with this number, and only as a 512th with
  /// the dimension.
  private static let chunk = 512

  /// Prepares points.
  ///
  /// - Throws: `ConceptError.parameters` naming a point for which the metric is undefined.
  init(_ points: PointSet, _ metric: Metric) throws(ConceptError) {
    let (n, d) = (points.count, points.dimension)
    let (offsets, factors) = try Self.changes(points, metric)
    let (mean, scale) = Self.centring(points, offsets, factors)
    let copy = [Float](unsafeUninitializedCapacity: max(1, n * d)) { buffer, filled in
      points.values.withUnsafeBufferPointer { values in
        for i in 0..<n {
          let (offset, factor) = (offsets[i], factors[i])
          for j in 0..<d {
            buffer[i * d + j] = Float(((Double(values[i * d + j]) - offset) * factor - mean[j]) * scale)
          }
        }
      }
      filled = n * d
    }
    let squares = copy.withUnsafeBufferPointer { copy in
      (0..<n).map { i in sum(d) { Double(copy[i * d + $0]) * Double(copy[i * d + $0]) } }
    }
    // Rounding to float32, of the product, and of the first look; the rest is room.
    let share = SinglePrecision.roundingShare(width: d, chunk: Self.chunk) + 16 * 0x1p-24
    bases = squares.map { Float((1 - share) * $0) }
    // A changed row of length one errs by its own rounding, and tiny products underflow.
    let error = metric == .euclidean ? 0 : 0x1p-50 * scale
    let longest = (squares.max() ?? 0).squareRoot()
    slack = 8 * error * (longest + 2 * error) + Double(d) * Double(Float.leastNormalMagnitude)
    (self.offsets, self.factors, self.mean, self.scale) = (offsets, factors, mean, scale)
    (self.points, self.metric, rows, self.squares, self.share) = (points, metric, copy, squares, share)
  }

  /// The squared distance of two changed rows, summed in float64.
  func square(_ i: Int, _ j: Int) -> Double {
    let d = points.dimension
    return points.values.withUnsafeBufferPointer { values in
      let (a, b) = (values.baseAddress! + i * d, values.baseAddress! + j * d)
      if metric == .euclidean {
        return sum(d) {
          let difference = Double(a[$0]) - Double(b[$0])
          return difference * difference
        }
      }
      let (offsetA, factorA, offsetB, factorB) = (offsets[i], factors[i], offsets[j], factors[j])
      return sum(d) {
        let difference = (Double(a[$0]) - offsetA) * factorA - (Double(b[$0]) - offsetB) * factorB
        return difference * difference
      }
    }
  }

  /// The distance of two points.
  func distance(_ i: Int, _ j: Int) -> Double { metric.distance(square: square(i, j)) }

  /// The squared Euclidean distance of a point to a place.
  func square(_ i: Int, to place: UnsafePointer<Double>) -> Double {
    let d = points.dimension
    return points.values.withUnsafeBufferPointer { values in
      let row = values.baseAddress! + i * d
      return sum(d) {
        let difference = Double(row[$0]) - place[$0]
        return difference * difference
      }
    }
  }

  /// Bounds of the scaled squared distance of two float32 copies from their squared norms and their product.
  func bounds(_ a: Double, _ b: Double, product: Float) -> (lower: Double, upper: Double) {
    let (norms, twice) = (a + b, 2 * Double(product))
    return ((1 - share) * norms - twice - slack, (1 + share) * norms - twice + slack)
  }
}

extension DistanceRows {
  /// The products of a block of float32 copies with further rows of that kind, `block × count`.
  func multiply(
    _ block: Range<Int>, by others: UnsafeBufferPointer<Float>, count: Int,
    into products: UnsafeMutableBufferPointer<Float>
  ) {
    let d = points.dimension
    rows.withUnsafeBufferPointer { rows in
      SinglePrecision.product(
        UnsafeBufferPointer(rebasing: rows[(block.lowerBound * d)..<(block.upperBound * d)]), block.count,
        others, count, width: d, chunk: Self.chunk, into: products)
    }
  }

  /// Calls `body` with each block of columns: its first point, the products of all queries with it, and its width.
  func forEachProduct(of queries: Range<Int>, _ body: (Int, UnsafePointer<Float>, Int) -> Void) {
    let (n, d) = (points.count, points.dimension)
    var products = [Float](repeating: 0, count: queries.count * min(1024, n))
    rows.withUnsafeBufferPointer { rows in
      products.withUnsafeMutableBufferPointer { products in
        for start in stride(from: 0, to: n, by: 1024) {
          let width = min(1024, n - start)
          let columns = UnsafeBufferPointer(rebasing: rows[(start * d)..<((start + width) * d)])
          multiply(queries, by: columns, count: width, into: products)
          if let first = products.baseAddress { body(start, UnsafePointer(first), width) }
        }
      }
    }
  }

  /// Calls `body` with the squared distances of a block of changed rows to each of some blocks of columns: its first
  /// column, `rows × columns` squares, and its number of columns. They hold to about a relative 1e-8, and are exactly
  /// zero for equal rows.
  func forEachSquare(
    of rows: Range<Int>, to columns: Range<Int>, _ body: (Int, UnsafePointer<Double>, Int) -> Void
  ) {
    var squares = [Double](repeating: 0, count: rows.count * min(512, columns.count))
    squares.withUnsafeMutableBufferPointer { squares in
      for start in stride(from: columns.lowerBound, to: columns.upperBound, by: 512) {
        let part = start..<min(start + 512, columns.upperBound)
        fillSquares(rows, part, into: squares)
        if let first = squares.baseAddress { body(start, UnsafePointer(first), part.count) }
      }
    }
  }

  /// Few coordinates are summed directly. More go through a product in float64, and pairs so near that it loses
  /// digits are summed.
  private func fillSquares(
    _ rows: Range<Int>, _ columns: Range<Int>, into result: UnsafeMutableBufferPointer<Double>
  ) {
    let d = points.dimension
    guard d > 32 else {
      for (i, row) in rows.enumerated() {
        for (j, column) in columns.enumerated() { result[i * columns.count + j] = square(row, column) }
      }
      return
    }
    let (a, b) = (centred(rows), centred(columns))
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        DoublePrecision.product(a, rows.count, b, columns.count, width: d, into: result)
      }
    }
    let norms = [(a, rows.count), (b, columns.count)].map { block, count in
      block.withUnsafeBufferPointer { block in
        (0..<count).map { i in sum(d) { block[i * d + $0] * block[i * d + $0] } }
      }
    }
    let (left, right) = (norms[0], norms[1])
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() {
        let total = left[i] + right[j]
        let value = total - 2 * result[i * columns.count + j]
        result[i * columns.count + j] = value > 1e-6 * total ? value : square(row, column)
      }
    }
  }

  /// The changed rows less their mean, in float64.
  private func centred(_ rows: Range<Int>) -> [Double] {
    let d = points.dimension
    return [Double](unsafeUninitializedCapacity: max(1, rows.count * d)) { buffer, filled in
      points.values.withUnsafeBufferPointer { values in
        for (offset, i) in rows.enumerated() {
          let (shift, factor) = (offsets[i], factors[i])
          for j in 0..<d { buffer[offset * d + j] = (Double(values[i * d + j]) - shift) * factor - mean[j] }
        }
      }
      filled = rows.count * d
    }
  }

  /// What the metric does to each row.
  private static func changes(
    _ points: PointSet, _ metric: Metric
  ) throws(ConceptError) -> (offsets: [Double], factors: [Double]) {
    var offsets = [Double](repeating: 0, count: points.count)
    var factors = [Double](repeating: 1, count: points.count)
    guard metric != .euclidean else { return (offsets, factors) }
    for i in 0..<points.count {
      let row = points.row(i)
      let origin = metric == .cosine ? 0 : points.values[i * points.dimension]
      guard row.contains(where: { $0 != origin }) else {
        throw ConceptError(
          .parameters(
            metric == .cosine
              ? "example \(i) is zero, so it has no cosine distance; leave it out or take euclidean distances"
              : "example \(i) is constant, so it has no correlation; leave it out or take euclidean distances"
          ))
      }
      if metric == .correlation {
        offsets[i] = row.reduce(0.0) { $0 + Double($1) } / Double(points.dimension)
      }
      let offset = offsets[i]
      factors[i] = 1 / row.reduce(0.0) { $0 + (Double($1) - offset) * (Double($1) - offset) }.squareRoot()
    }
    return (offsets, factors)
  }

  /// The mean of the changed rows, and the power of two that brings what is left to at most 1.
  private static func centring(
    _ points: PointSet, _ offsets: [Double], _ factors: [Double]
  ) -> (mean: [Double], scale: Double) {
    let (n, d) = (points.count, points.dimension)
    var mean = [Double](repeating: 0, count: d)
    var largest = 0.0
    points.values.withUnsafeBufferPointer { values in
      for i in 0..<n {
        let (offset, factor) = (offsets[i], factors[i])
        for j in 0..<d { mean[j] += (Double(values[i * d + j]) - offset) * factor }
      }
      for j in 0..<d { mean[j] /= Double(n) }
      for i in 0..<n {
        let (offset, factor) = (offsets[i], factors[i])
        for j in 0..<d {
          let size = abs((Double(values[i * d + j]) - offset) * factor - mean[j])
          if size > largest { largest = size }
        }
      }
    }
    guard largest > 0 else { return (mean, 1) }
    return (mean, Double(sign: .plus, exponent: -largest.exponent - 1, significand: 1))
  }
}

/// `Σ term(i)` over `0..<count` by four sums side by side: the additions of one would wait for each other.
@inline(__always)
func sum(_ count: Int, _ term: (Int) -> Double) -> Double {
  var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
  var i = 0
  while i + 4 <= count {
    s0 += term(i)
    s1 += term(i + 1)
    s2 += term(i + 2)
    s3 += term(i + 3)
    i += 4
  }
  while i < count {
    s0 += term(i)
    i += 1
  }
  return (s0 + s1) + (s2 + s3)
}
