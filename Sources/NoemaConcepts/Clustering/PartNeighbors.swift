/// The neighbours of points, and of many random parts of them.
///
/// Lists for the whole that are somewhat longer than needed hold the neighbours inside almost every large part, so that
/// distances are measured once. For small parts such lists would be long; those are searched anew, and so is a part for
/// which lists turn out too short. The neighbours are the same either way.
struct PartNeighbors: Sendable {
  /// Finds the neighbours of all points, given how many of each.
  typealias Search = @Sendable (PointSet, Int) throws(ConceptError) -> NearestNeighbors

  /// The neighbours among all points.
  let whole: NearestNeighbors
  private let points: PointSet
  private let lists: NearestNeighbors
  private let search: Search

  /// Searches the whole.
  ///
  /// - Parameters:
  ///   - k: neighbours of a point among all.
  ///   - partCount: neighbours of a point in a part.
  ///   - share: of the points in a part, drawn without replacement; nil for other parts, or none.
  /// - Throws: `ConceptError.parameters` unless `1 ≤ k < n`, and as the search.
  init(
    _ points: PointSet, k: Int, partCount: Int, share: Double?, by search: @escaping Search
  ) throws(ConceptError) {
    try NearestNeighbors.check(k, of: points.count)
    (self.points, self.search) = (points, search)
    lists = try search(points, max(k, share.map { Self.length(partCount, points.count, $0) } ?? 0))
    whole = lists.prefix(k)
  }

  /// The neighbours inside a part.
  ///
  /// - Parameters:
  ///   - rows: its points, ascending; copies of one are searched as points of their own.
  ///   - k: neighbours of a point.
  /// - Throws: as `init`.
  func neighbors(in rows: [Int], k: Int) throws(ConceptError) -> NearestNeighbors {
    try NearestNeighbors.check(k, of: rows.count)
    let areDistinct = zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 }
    if areDistinct, let found = lists.restricted(to: rows, k: k) { return found }
    return try search(try points.selecting(rows), k)
  }

  /// So many neighbours that k of them stay in a part, six standard deviations from the expected; 0 for parts so small
  /// that searching them takes less.
  private static func length(_ k: Int, _ n: Int, _ share: Double) -> Int {
    guard share >= 0.5, share < 1 else { return 0 }
    var length = k
    while length < n - 1 {
      let expected = share * Double(length)
      if expected - 6 * (expected * (1 - share)).squareRoot() >= Double(k) { break }
      length += 1
    }
    return min(length, n - 1)
  }
}
