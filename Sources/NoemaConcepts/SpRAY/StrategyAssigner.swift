internal import NoemaTensor

/// Where a further example belongs among the strategies of its class.
public struct StrategyAssignment: Sendable, Hashable, Codable {
  /// The example.
  public let example: RelevanceExample
  /// The strategy of most of its neighbours, −1 for noise; of equals that of the nearest.
  public let label: Int
  /// Their share of the neighbours, in [0, 1].
  public let confidence: Double
  /// The mean distance of its map to those of its neighbours.
  public let distance: Double
  /// The share of the known examples that lie nearer to their neighbours, in [0, 1]: near 1 its map is like none of
  /// theirs, and the strategy says little.
  public let novelty: Double
}

/// Assigns further examples to the strategies that were found, by the votes of the nearest known maps.
///
/// Eigenvectors know only the examples of their graph; the maps themselves can be compared with any other. Further maps
/// have to be prepared as the known ones were.
public struct StrategyAssigner: Sendable {
  private let maps: RelevanceMaps
  private let labels: [Int]
  private let distance: MapDistance
  private let neighborCount: Int
  /// How far the known maps are from their neighbours, ascending.
  private let distances: [Double]

  /// Makes ready.
  ///
  /// - Parameters:
  ///   - strategies: what was found.
  ///   - maps: the maps in which it was found.
  /// - Throws: `ConceptError.mismatch` when they are of other examples.
  public init(_ strategies: SpRAYClass, maps: RelevanceMaps) throws(ConceptError) {
    try strategies.check(maps)
    self.init(SavedStrategies.Class(strategies), maps)
  }

  /// Makes ready with strategies of an earlier run, and their maps.
  init(_ saved: SavedStrategies.Class, _ maps: RelevanceMaps) {
    self.maps = maps
    labels = saved.labels
    distance = saved.distance
    neighborCount = saved.neighborCount
    distances = saved.neighborDistances.sorted()
  }

  /// Assigns further examples.
  ///
  /// - Throws: `ConceptError.mismatch` when their maps are of another size, `.parameters` naming a map for which the
  ///   metric is undefined.
  /// - Complexity: 2 n m d operations in products for m further maps; memory for the n known ones twice.
  public func assign(_ further: RelevanceMaps) throws(ConceptError) -> [StrategyAssignment] {
    guard further.grid == maps.grid, further.points.dimension == maps.points.dimension else {
      throw ConceptError(
        .mismatch(
          "maps of \(further.points.dimension) values cannot be compared with the \(maps.points.dimension) of the "
            + "known ones; prepare inputs of the same size in the same way"))
    }
    var assignments: [StrategyAssignment] = []
    for start in stride(from: 0, to: further.points.count, by: 256) {
      let rows = start..<min(start + 256, further.points.count)
      let part = try further.points.selecting(Array(rows))
      let found = try distance.distances(from: part, to: maps.points, on: maps.grid)
      assignments += try parallelMap(rows.count) { row in
        vote(further.examples[start + row], Array(found.row(row)))
      }
    }
    return assignments
  }

  /// The vote of the nearest known maps, given the distances to all of them.
  private func vote(_ example: RelevanceExample, _ distances: [Double]) -> StrategyAssignment {
    let nearest = distances.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }.prefix(neighborCount)
    var votes: [Int: Int] = [:]
    for point in nearest { votes[labels[point], default: 0] += 1 }
    let most = votes.values.max() ?? 0
    // Nearest first, so the first label with most votes is that of the nearest.
    let label = nearest.lazy.map { labels[$0] }.first { votes[$0] == most } ?? -1
    let distance = nearest.reduce(0) { $0 + distances[$1] } / Double(max(1, nearest.count))
    let nearer = self.distances.prefix { $0 < distance }.count
    return StrategyAssignment(
      example: example, label: label, confidence: Double(most) / Double(max(1, nearest.count)),
      distance: distance,
      novelty: Double(nearer) / Double(max(1, self.distances.count)))
  }
}

extension SpRAYClass {
  /// Refuses maps of other examples than those that were analysed.
  ///
  /// - Throws: `ConceptError.mismatch`.
  func check(_ maps: RelevanceMaps) throws(ConceptError) {
    guard maps.examples == members.map({ $0.example }), maps.grid == grid else {
      throw ConceptError(
        .mismatch(
          "the \(maps.examples.count) relevance maps are not those of the \(members.count) examples that were "
            + "analysed; give the same maps"))
    }
  }
}
