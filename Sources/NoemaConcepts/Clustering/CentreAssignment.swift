internal import NoemaTensor

/// Which of some centres is nearest to each point, and the sums of the points of each.
struct CentreAssignment: Sendable {
  /// The nearest centre of each point, the first of equals.
  var labels: [Int]
  /// The number of points of each centre.
  var counts: [Int]
  private var sums: [Double]

  /// Assigns points to centres.
  ///
  /// - Parameter centres: clusters × coordinates.
  init(_ rows: DistanceRows, _ centres: Matrix) throws(ConceptError) {
    let copy = CentreRows(rows, centres)
    // The blocks depend on the number of points only, so sums are the same for any number of threads.
    let n = rows.points.count
    let size = max(512, (n + 15) / 16)
    let parts = try parallelMap((n + size - 1) / size) { block in
      Self.block(rows, (block * size)..<min((block + 1) * size, n), copy)
    }
    (labels, counts, sums) = ([], parts[0].counts, parts[0].sums)
    labels.reserveCapacity(n)
    for (index, part) in parts.enumerated() {
      labels.append(contentsOf: part.labels)
      guard index > 0 else { continue }
      for k in counts.indices { counts[k] += part.counts[k] }
      for j in sums.indices { sums[j] += part.sums[j] }
    }
  }

  private init(labels: [Int], counts: [Int], sums: [Double]) {
    (self.labels, self.counts, self.sums) = (labels, counts, sums)
  }

  /// The means of the assigned points. An empty cluster gets the point farthest from its present centre, among those
  /// that do not stand alone.
  func means(_ rows: DistanceRows, _ centres: Matrix) -> Matrix {
    let d = centres.columnCount
    var (counts, sums) = (counts, sums)
    if counts.contains(0) {
      let distances = centres.elements.withUnsafeBufferPointer { places in
        labels.indices.map { rows.square($0, to: places.baseAddress! + labels[$0] * d) }
      }
      var farthest = labels.indices.sorted { (distances[$1], $0) < (distances[$0], $1) }[...]
      for empty in counts.indices where counts[empty] == 0 {
        while let point = farthest.popFirst() {
          let old = labels[point]
          guard counts[old] > 1 else { continue }
          for (j, value) in rows.points.row(point).enumerated() {
            sums[old * d + j] -= Double(value)
            sums[empty * d + j] = Double(value)
          }
          counts[old] -= 1
          counts[empty] = 1
          break
        }
      }
    }
    for k in counts.indices where counts[k] > 0 {
      for j in 0..<d { sums[k * d + j] /= Double(counts[k]) }
    }
    return Matrix(rowCount: counts.count, columnCount: d, elements: sums)
  }

  private static func block(
    _ rows: DistanceRows, _ range: Range<Int>, _ centres: CentreRows
  ) -> CentreAssignment {
    let (d, k) = (rows.points.dimension, centres.squares.count)
    var labels = [Int](repeating: 0, count: range.count)
    var (counts, sums) = ([Int](repeating: 0, count: k), [Double](repeating: 0, count: k * d))
    var products = [Float](repeating: 0, count: min(256, range.count) * k)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 256) {
      let part = start..<min(start + 256, range.upperBound)
      centres.multiply(rows, part, into: &products)
      for i in part {
        let label = centres.nearest(to: i, rows, products[((i - start) * k)..<((i - start + 1) * k)])
        labels[i - range.lowerBound] = label
        counts[label] += 1
      }
    }
    rows.points.values.withUnsafeBufferPointer { values in
      sums.withUnsafeMutableBufferPointer { sums in
        for (offset, i) in range.enumerated() {
          let (from, to) = (i * d, labels[offset] * d)
          for j in 0..<d { sums[to + j] += Double(values[from + j]) }
        }
      }
    }
    return CentreAssignment(labels: labels, counts: counts, sums: sums)
  }
}

/// Places made ready for their distances to points, as the points are.
struct CentreRows: Sendable {
  private let centres: Matrix
  private let copy: [Float]
  /// The squared norms of the float32 copy.
  let squares: [Double]

  /// Prepares places, one a row.
  init(_ rows: DistanceRows, _ centres: Matrix) {
    let d = centres.columnCount
    let copy = centres.elements.indices.map { Float((centres.elements[$0] - rows.mean[$0 % d]) * rows.scale) }
    squares = (0..<centres.rowCount).map { k in
      sum(d) { Double(copy[k * d + $0]) * Double(copy[k * d + $0]) }
    }
    self.centres = centres
    self.copy = copy
  }

  /// The products of a range of points with all places, `points × places`.
  func multiply(_ rows: DistanceRows, _ range: Range<Int>, into products: inout [Float]) {
    copy.withUnsafeBufferPointer { copy in
      products.withUnsafeMutableBufferPointer { products in
        rows.multiply(range, by: copy, count: squares.count, into: products)
      }
    }
  }

  /// The place nearest to a point, from its products with all places.
  func nearest(to i: Int, _ rows: DistanceRows, _ products: ArraySlice<Float>) -> Int {
    let first = products.startIndex
    let square = rows.squares[i]
    var (best, least) = (0, Double.infinity)
    // The smallest upper bound, and whether another lower bound lies below it.
    for k in squares.indices {
      let upper = rows.bounds(square, squares[k], product: products[first + k]).upper
      if upper < least { (best, least) = (k, upper) }
    }
    // A place too far away for float32 has no bounds.
    func mayBeNearest(_ k: Int) -> Bool {
      let lower = rows.bounds(square, squares[k], product: products[first + k]).lower
      return lower <= least || !lower.isFinite
    }
    guard squares.indices.contains(where: { $0 != best && mayBeNearest($0) }) else { return best }
    return centres.elements.withUnsafeBufferPointer { places in
      var (nearest, distance) = (best, Double.infinity)
      for k in squares.indices where mayBeNearest(k) {
        let value = rows.square(i, to: places.baseAddress! + k * centres.columnCount)
        if value < distance { (nearest, distance) = (k, value) }
      }
      return nearest
    }
  }
}
