/// The nearest other points of every point, exact.
///
/// A point is never its own neighbour, whatever its duplicates: neighbours are the first `k` others in the order of
/// (distance, index). Distances are found by products of blocks in float32 with bounds of their rounding, and every
/// pair that could be among the nearest is summed again in float64; no `n × n` matrix is kept.
public struct NearestNeighbors: Sendable, Hashable {
  /// The number of points.
  public let count: Int
  /// The number of neighbours of each.
  public let k: Int
  /// The neighbours, `n · k` row-major, in ascending distance.
  public let indices: [Int32]
  /// Their distances, in the same order.
  public let distances: [Double]

  /// Finds the neighbours of all points.
  ///
  /// - Parameters:
  ///   - points: n points of d coordinates.
  ///   - k: neighbours a point, at most n − 1.
  ///   - metric: what distance means.
  /// - Throws: `ConceptError.parameters` unless `1 ≤ k < n`, and naming a point for which the metric is undefined.
  /// - Complexity: 2 n² d operations in products on all cores, memory O(n (d + k)).
  public static func find(
    _ points: PointSet, k: Int, metric: Metric = .euclidean
  ) throws(ConceptError) -> NearestNeighbors {
    let n = points.count
    try check(k, of: n)
    let rows = try DistanceRows(points, metric)
    let size = min(512, max(32, (n + 15) / 16))
    let parts = try parallelMap((n + size - 1) / size) { block in
      rows.nearest(to: (block * size)..<min((block + 1) * size, n), k: k)
    }
    return NearestNeighbors(
      count: n, k: k, indices: parts.flatMap { $0.indices }, distances: parts.flatMap { $0.distances })
  }

  /// Refuses a number of neighbours that points do not have.
  ///
  /// - Throws: `ConceptError.parameters` unless `1 ≤ k < n`.
  static func check(_ k: Int, of n: Int) throws(ConceptError) {
    guard k >= 1, k < n else {
      throw ConceptError(
        .parameters(
          n < 2
            ? "a single point has no neighbours; give 2 points or more"
            : "found k = \(k), but each of \(n) points has \(n - 1) others; give k from 1 to \(n - 1)"))
    }
  }

  /// The neighbours of one point in ascending distance.
  public func indices(of point: Int) -> ArraySlice<Int32> { indices[(point * k)..<((point + 1) * k)] }

  /// The distances of one point's neighbours.
  public func distances(of point: Int) -> ArraySlice<Double> { distances[(point * k)..<((point + 1) * k)] }

  /// The first neighbours of each point.
  ///
  /// - Precondition: no more than there are.
  func prefix(_ k: Int) -> NearestNeighbors {
    guard k < self.k else { return self }
    return NearestNeighbors(
      count: count, k: k, indices: (0..<count).flatMap { indices(of: $0).prefix(k) },
      distances: (0..<count).flatMap { distances(of: $0).prefix(k) })
  }

  /// The neighbours among some of the points, or nil when the lists are too short to tell.
  ///
  /// - Parameters:
  ///   - rows: the points that stay, ascending.
  ///   - k: neighbours a point.
  func restricted(to rows: [Int], k: Int) -> NearestNeighbors? {
    var position = [Int32](repeating: -1, count: count)
    for (place, row) in rows.enumerated() { position[row] = Int32(place) }
    var (indices, distances) = ([Int32](), [Double]())
    for row in rows {
      var found = 0
      for place in (row * self.k)..<((row + 1) * self.k) where found < k {
        let other = position[Int(self.indices[place])]
        guard other >= 0 else { continue }
        indices.append(other)
        distances.append(self.distances[place])
        found += 1
      }
      guard found == k else { return nil }
    }
    return NearestNeighbors(count: rows.count, k: k, indices: indices, distances: distances)
  }
}

extension DistanceRows {
  /// The neighbours of a block of points.
  fileprivate func nearest(to queries: Range<Int>, k: Int) -> (indices: [Int32], distances: [Double]) {
    var candidates = queries.map { _ in Candidates(k, metric) }
    forEachProduct(of: queries) { start, products, width in
      for (offset, i) in queries.enumerated() {
        scan(i, start, products + offset * width, width, into: &candidates[offset])
      }
    }
    var (indices, distances) = ([Int32](), [Double]())
    indices.reserveCapacity(queries.count * k)
    distances.reserveCapacity(queries.count * k)
    for (offset, i) in queries.enumerated() {
      let best = candidates[offset].nearest { square(i, Int($0)) }
      indices.append(contentsOf: best.map { $0.index })
      distances.append(contentsOf: best.map { $0.distance })
    }
    return (indices, distances)
  }

  /// Offers the points of a block of columns to a point's candidates.
  private func scan(
    _ i: Int, _ start: Int, _ products: UnsafePointer<Float>, _ width: Int, into candidates: inout Candidates
  ) {
    let square = squares[i]
    // A first look in float32, which errs less than `share` leaves room for.
    func limit() -> Float { Float(candidates.threshold + slack - (1 - share) * square).nextUp }
    bases.withUnsafeBufferPointer { all in
      let bases = all.baseAddress! + start
      var bound = limit()
      for from in stride(from: 0, to: width, by: 64) {
        let to = min(from + 64, width)
        var hits: Int32 = 0
        for t in from..<to { hits &+= bases[t] - 2 * products[t] <= bound ? 1 : 0 }
        guard hits > 0 else { continue }
        for t in from..<to where bases[t] - 2 * products[t] <= bound && start + t != i {
          let range = bounds(square, squares[start + t], product: products[t])
          candidates.offer(Int32(start + t), lower: range.lower, upper: range.upper)
          if candidates.isFull { candidates.settle(unit: scale * scale) { self.square(i, Int($0)) } }
        }
        bound = limit()
      }
    }
  }
}

/// Points that may be among the k nearest of one, offered in ascending order of their indices.
///
/// Where many points lie nearer to each other than float32 can tell, all of them may be; their distances are summed
/// before the list grows long.
private struct Candidates {
  /// Whether bounds alone no longer keep the list short.
  private(set) var isFull = false
  private let k: Int
  private let metric: Metric
  private let capacity: Int
  /// The k smallest upper bounds so far, a heap with the largest in front.
  private var heap: [Double] = []
  private var lowers: [Double] = []
  private var indices: [Int32] = []
  /// Whether k points coincide with the one, so that none that follows comes before them.
  private var isSettled = false

  init(_ k: Int, _ metric: Metric) {
    self.k = k
    self.metric = metric
    capacity = max(64, 4 * k)
  }

  /// No distance above this is among the k smallest.
  var threshold: Double { isSettled ? -.infinity : heap.count < k ? .infinity : heap[0] }

  mutating func offer(_ index: Int32, lower: Double, upper: Double) {
    // At a tie k earlier points come first.
    guard lower < threshold else { return }
    lowers.append(lower)
    indices.append(index)
    if heap.count < k {
      heap.append(upper)
      rise()
    } else if upper < heap[0] {
      heap[0] = upper
      sink()
    }
    guard indices.count >= capacity else { return }
    prune()
    isFull = indices.count > capacity / 2
  }

  /// The k nearest points in the order of (distance, index).
  ///
  /// - Parameter square: the squared distance of a changed row, summed in float64.
  mutating func nearest(
    _ square: (Int32) -> Double
  ) -> ArraySlice<(distance: Double, square: Double, index: Int32)> {
    if !isSettled { prune() }
    let measured = indices.map { index -> (distance: Double, square: Double, index: Int32) in
      let square = square(index)
      return (metric.distance(square: square), square, index)
    }
    return measured.sorted { ($0.distance, $0.index) < ($1.distance, $1.index) }.prefix(k)
  }

  /// Measures the points of a full list and keeps the k nearest, which then are their own bounds.
  ///
  /// - Parameters:
  ///   - unit: how much a squared distance of 1 is among bounds.
  ///   - square: as for `nearest`.
  mutating func settle(unit: Double, _ square: (Int32) -> Double) {
    let kept = nearest(square).sorted { $0.index < $1.index }
    indices = kept.map { $0.index }
    lowers = kept.map { $0.square * unit }
    // In descending order the list is a heap.
    heap = lowers.sorted(by: >)
    isSettled = heap.first == 0
    isFull = false
  }

  /// Drops what has come to lie above the threshold.
  private mutating func prune() {
    let threshold = threshold
    var kept = 0
    for position in indices.indices where lowers[position] <= threshold {
      lowers[kept] = lowers[position]
      indices[kept] = indices[position]
      kept += 1
    }
    lowers.removeLast(lowers.count - kept)
    indices.removeLast(indices.count - kept)
  }

  private mutating func rise() {
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2] < heap[child] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func sink() {
    var parent = 0
    while 2 * parent + 1 < heap.count {
      var child = 2 * parent + 1
      if child + 1 < heap.count, heap[child + 1] > heap[child] { child += 1 }
      guard heap[child] > heap[parent] else { return }
      heap.swapAt(child, parent)
      parent = child
    }
  }
}
