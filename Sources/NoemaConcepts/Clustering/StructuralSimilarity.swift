public import NoemaTensor

/// How far maps are from looking alike, window by window: one less their structural similarity.
///
/// In every window that lies inside the map `(2 μx μy + c₁)(2 σxy + c₂) / ((μx² + μy² + c₁)(σx² + σy² + c₂))` compares
/// level and structure, with `c₁ = (0.01 L)²`, `c₂ = (0.03 L)²` for values that range over L; windows are averaged, and
/// so are channels. The distance `1 − similarity` lies in [0, 2]: 0 for equal maps, about 1 for unrelated ones.
///
/// It is no distance of vectors, so k-means, t-SNE and the like cannot use it. A neighbour graph can, and with it all
/// that follows from the graph:
///
/// ```swift
/// let similarity = StructuralSimilarity(height: 32, width: 32)
/// let graph = try NeighborGraph(similarity.nearestNeighbors(of: maps, k: 10))
/// ```
///
/// - Source: Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 2004; uniform windows and sample
///   covariances, as scikit-image has them.
public struct StructuralSimilarity: Sendable, Hashable, Codable {
  /// The channels, rows and columns of a map, whose values come in this order.
  public var channels, height, width: Int
  /// The rows and columns of a window, at least 2.
  public var window = 7
  /// L; nil for the range of the values of all maps together.
  public var range: Double?

  /// Describes maps.
  public init(channels: Int = 1, height: Int, width: Int) {
    (self.channels, self.height, self.width) = (channels, height, width)
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    guard channels >= 1, window >= 2, window <= min(height, width) else {
      throw ConceptError(
        .parameters(
          "structural similarity needs 1 or more channels and windows from 2 to the smaller side of a map, found "
            + "\(channels) channels of \(height) × \(width) with windows of \(window); take smaller windows, or maps "
            + "of more positions"))
    }
    if let range, !(range > 0 && range.isFinite) {
      throw ConceptError(.parameters("found values that range over \(range); give a number above 0, or none"))
    }
  }

  /// The neighbours of all maps, as ``NearestNeighbors/find(_:k:metric:)`` finds them by other distances.
  ///
  /// - Throws: `ConceptError.parameters` for a setting out of its range or unless `1 ≤ k < n`, `.mismatch` for maps of
  ///   another size.
  /// - Complexity: some 15 n² d operations for maps of d values on all cores, memory O(n) on top of the maps.
  public func nearestNeighbors(of maps: PointSet, k: Int) throws(ConceptError) -> NearestNeighbors {
    try check(maps)
    try NearestNeighbors.check(k, of: maps.count)
    let (n, constants) = (maps.count, Constants(range ?? Self.range(of: [maps])))
    let parts = try parallelMap((n + Self.block - 1) / Self.block) {
      block -> [(index: Int32, distance: Double)] in
      let queries = (block * Self.block)..<min((block + 1) * Self.block, n)
      let rows = distances(maps, queries, maps, constants)
      return zip(queries, rows).flatMap { query, row in
        let others = row.indices.filter { $0 != query }.sorted { (row[$0], $0) < (row[$1], $1) }
        return others.prefix(k).map { (index: Int32($0), distance: row[$0]) }
      }
    }
    return NearestNeighbors(
      count: n, k: k, indices: parts.flatMap { $0.map { $0.index } },
      distances: parts.flatMap { $0.map { $0.distance } })
  }

  /// The distances of some maps to others, `queries × maps`.
  ///
  /// - Throws: `ConceptError.parameters` for a setting out of its range, `.mismatch` for maps of another size.
  public func distances(from queries: PointSet, to maps: PointSet) throws(ConceptError) -> Matrix {
    try check(queries)
    try check(maps)
    let (n, constants) = (queries.count, Constants(range ?? Self.range(of: [queries, maps])))
    let parts = try parallelMap((n + Self.block - 1) / Self.block) { block in
      distances(queries, (block * Self.block)..<min((block + 1) * Self.block, n), maps, constants)
    }
    return Matrix(
      rowCount: n, columnCount: maps.count, elements: parts.flatMap { $0.flatMap { $0 } })
  }
}

// MARK: Steps
extension StructuralSimilarity {
  /// Maps that are made ready at once, for many pairs.
  private static let block = 64

  /// `c₁` and `c₂`.
  private struct Constants: Sendable {
    let first, second: Double

    init(_ range: Double) {
      first = 0.01 * range * (0.01 * range)
      second = 0.03 * range * (0.03 * range)
    }
  }

  private func check(_ maps: PointSet) throws(ConceptError) {
    try validate()
    // By division, since extents may be so large that their product overflows.
    guard maps.dimension % channels == 0, maps.dimension / channels % height == 0,
      maps.dimension / channels / height == width
    else {
      throw ConceptError(
        .mismatch(
          "maps of \(maps.dimension) values are not \(channels) channels of \(height) × \(width); name their extents"
        ))
    }
  }

  /// The largest value less the smallest; 1 where all are the same.
  static func range(of sets: [PointSet]) -> Double {
    let least = sets.compactMap { $0.values.min() }.min() ?? 0
    let largest = sets.compactMap { $0.values.max() }.max() ?? 0
    return largest > least ? Double(largest) - Double(least) : 1
  }

  /// The distances of a block of queries to all maps.
  private func distances(
    _ queries: PointSet, _ range: Range<Int>, _ maps: PointSet, _ constants: Constants
  ) -> [[Double]] {
    var scratch = WindowSums(height: height, width: width, window: window)
    let left = range.map { MapWindows(queries.row($0), channels: channels, &scratch) }
    var result = left.map { _ in [Double]() }
    for row in result.indices { result[row].reserveCapacity(maps.count) }
    for start in stride(from: 0, to: maps.count, by: Self.block) {
      let right = (start..<min(start + Self.block, maps.count)).map {
        MapWindows(maps.row($0), channels: channels, &scratch)
      }
      for row in left.indices {
        for map in right {
          result[row].append(left[row].distance(to: map, constants.first, constants.second, &scratch))
        }
      }
    }
    return result
  }
}

/// A map with what its windows are on their own.
private struct MapWindows {
  private let values: [Double]
  /// `μ` and `σ²` of each window of each channel.
  private let moments: [SIMD2<Double>]

  init(_ map: ArraySlice<Float>, channels: Int, _ scratch: inout WindowSums) {
    let values = map.map { Double($0) }
    let ones = [Double](repeating: 1, count: scratch.mapSize)
    var moments: [SIMD2<Double>] = []
    for channel in 0..<channels {
      let first = channel * scratch.mapSize
      scratch.multiply(values, ones, at: first, and: 0)
      let means = scratch.sums.map { $0 / scratch.area }
      scratch.multiply(values, values, at: first, and: first)
      for (sum, mean) in zip(scratch.sums, means) {
        moments.append([mean, scratch.covariance(sum, mean, mean)])
      }
    }
    (self.values, self.moments) = (values, moments)
  }

  /// One less the mean over all windows.
  func distance(to other: MapWindows, _ c1: Double, _ c2: Double, _ scratch: inout WindowSums) -> Double {
    var total = 0.0
    for channel in 0..<(values.count / scratch.mapSize) {
      let (map, first) = (channel * scratch.mapSize, channel * scratch.sums.count)
      scratch.multiply(values, other.values, at: map, and: map)
      total += moments.withUnsafeBufferPointer { own in
        other.moments.withUnsafeBufferPointer { others in
          scratch.sums.withUnsafeBufferPointer { sums in
            sum(sums.count) {
              let (x, y) = (own[first + $0], others[first + $0])
              let covariance = scratch.covariance(sums[$0], x.x, y.x)
              // For equal maps both are the same number to the last digit.
              return (2 * x.x * y.x + c1) * (2 * covariance + c2)
                / ((x.x * x.x + y.x * y.x + c1) * (x.y + y.y + c2))
            }
          }
        }
      }
    }
    return max(0, 1 - total / Double(moments.count))
  }
}

/// Sums of products over all windows that lie inside a map.
private struct WindowSums {
  /// The values of a map's channel.
  let mapSize: Int
  /// The values of a window.
  let area: Double
  /// The sums of the last products, one a window, row by row.
  private(set) var sums: [Double]
  private let height, width, window: Int
  private var products: [Double]
  /// The sums over the rows of a window, one a column.
  private var columns: [Double]

  init(height: Int, width: Int, window: Int) {
    (self.height, self.width, self.window) = (height, width, window)
    mapSize = height * width
    area = Double(window * window)
    sums = Array(repeating: 0, count: (height - window + 1) * (width - window + 1))
    products = Array(repeating: 0, count: mapSize)
    columns = Array(repeating: 0, count: width)
  }

  /// The sample covariance of a window, from its sum of products and both means.
  func covariance(_ sum: Double, _ x: Double, _ y: Double) -> Double {
    (sum / area - x * y) * (area / (area - 1))
  }

  /// Sums the products of two maps that begin at given places.
  mutating func multiply(_ x: [Double], _ y: [Double], at firstX: Int, and firstY: Int) {
    let (height, width, window, across) = (self.height, self.width, self.window, self.width - self.window + 1)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        products.withUnsafeMutableBufferPointer { products in
          for place in products.indices { products[place] = x[firstX + place] * y[firstY + place] }
        }
      }
    }
    products.withUnsafeBufferPointer { products in
      columns.withUnsafeMutableBufferPointer { columns in
        sums.withUnsafeMutableBufferPointer { sums in
          columns.update(repeating: 0)
          for row in 0..<height {
            let (entering, leaving) = (row * width, (row - window) * width)
            for column in 0..<width { columns[column] += products[entering + column] }
            if leaving >= 0 { for column in 0..<width { columns[column] -= products[leaving + column] } }
            let first = (row - window + 1) * across
            guard first >= 0 else { continue }
            for column in 0..<across { sums[first + column] = columns[column] }
            for step in 1..<window {
              for column in 0..<across { sums[first + column] += columns[column + step] }
            }
          }
        }
      }
    }
  }
}
