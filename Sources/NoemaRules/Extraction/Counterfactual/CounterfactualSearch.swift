/// Asks an oracle about one example with some features changed, fewest changes first.
///
/// - Every way to change one feature is tried, then every way to change two, and so on. A way whose parts hold those of
///   a smaller one that was found is not tried, so that what is found is smallest.
/// - Where the limit on questions forbids to try all, the ways that the rules suggest are tried: what an example lacks
///   of a clause for the wanted class. What works is then cut down to its smallest part that does.
struct CounterfactualSearch {
  /// A way that works.
  struct Hit {
    /// Places of values, by feature.
    let options: [Int]
    let label: Int
    let distance: Double
  }

  /// So many changed examples are asked about at once.
  private static let batch = 4096

  private let oracle: any TableOracle
  private let grid: ChangeGrid
  private let row: [Double]
  /// Whether a class is wanted.
  private let isWanted: (Int) -> Bool
  /// The most questions.
  private let limit: Int
  private(set) var questionCount = 0
  /// The nearest way for each set of parts.
  private(set) var hits: [[Int]: Hit] = [:]
  /// Whether the limit on questions kept something from being tried.
  private(set) var isTruncated = false

  init(
    _ oracle: any TableOracle, _ grid: ChangeGrid, _ row: [Double], limit: Int,
    isWanted: @escaping (Int) -> Bool
  ) {
    (self.oracle, self.grid, self.row, self.limit, self.isWanted) = (oracle, grid, row, limit, isWanted)
  }

  // MARK: All ways

  /// Tries all ways to change so many features; false when they are too many.
  mutating func tryAll(size: Int) throws -> Bool {
    guard grid.combinationCount(size) <= Double(limit - questionCount) else {
      isTruncated = true
      return false
    }
    var open: [[Int]] = []
    try extend([], from: 0, size: size, &open)
    try ask(open)
    return true
  }

  private mutating func extend(
    _ chosen: [Int], from feature: Int, size: Int, _ open: inout [[Int]]
  ) throws {
    guard chosen.count < size else {
      // Ways of one size do not hold one another, so that a batch may wait.
      open.append(chosen)
      if open.count >= CounterfactualSearch.batch {
        try ask(open)
        open = []
      }
      return
    }
    guard feature < grid.places.count else { return }
    for next in feature..<grid.places.count {
      for option in grid.places[next] {
        let longer = chosen + [option]
        if chosen.count + 1 < size && hits[cells(longer)] != nil { continue }
        if holdsHit(longer) { continue }
        try extend(longer, from: next + 1, size: size, &open)
      }
    }
  }

  /// Whether some but not all parts of a way are those of one that works.
  private func holdsHit(_ options: [Int]) -> Bool {
    guard !hits.isEmpty, options.count > 1 else { return false }
    return CounterfactualSearch.parts(options).contains { hits[cells($0)] != nil }
  }

  /// The nonempty subsets but the whole, smaller ones first.
  private static func parts(_ options: [Int]) -> [[Int]] {
    (1..<max(1, (1 << options.count) - 1)).map { mask in
      options.indices.filter { mask >> $0 & 1 == 1 }.map { options[$0] }
    }.sorted { $0.count != $1.count ? $0.count < $1.count : $0.lexicographicallyPrecedes($1) }
  }

  // MARK: Ways that rules suggest

  /// Tries what the example lacks of each clause.
  ///
  /// - Parameters:
  ///   - clauses: clauses for wanted classes.
  ///   - sizes: how many changes to consider.
  mutating func tryClauses(_ clauses: [Clause], sizes: ClosedRange<Int>) throws {
    for clause in clauses {
      let lacking = clause.conditions.filter { !$0.admits(row[$0.feature]) }
      guard sizes.contains(lacking.count) else { continue }
      let choices = lacking.map { condition in
        grid.places[condition.feature].filter { condition.admits(grid.options[$0].value) }
      }
      guard choices.allSatisfy({ !$0.isEmpty }) else { continue }
      for way in [choices.map { $0[0] }, choices.map { $0[$0.count / 2] }]
      where !holdsHit(way) && hits[cells(way)] == nil {
        let parts = CounterfactualSearch.parts(way) + [way]
        guard questionCount + parts.count < limit else {
          isTruncated = true
          return
        }
        guard isWanted(try labels([way])[0]) else { continue }
        // The first part that works has no part that does.
        let found = try labels(parts)
        if let place = found.firstIndex(where: isWanted) { keep(parts[place], found[place]) }
      }
    }
  }

  // MARK: Questions

  private mutating func ask(_ ways: [[Int]]) throws {
    for (way, label) in zip(ways, try labels(ways)) where isWanted(label) { keep(way, label) }
  }

  private mutating func keep(_ way: [Int], _ label: Int) {
    let hit = Hit(options: way, label: label, distance: way.reduce(0) { $0 + grid.options[$1].distance })
    let key = cells(way)
    if let known = hits[key], known.distance <= hit.distance { return }
    hits[key] = hit
  }

  private mutating func labels(_ ways: [[Int]]) throws -> [Int] {
    questionCount += ways.count
    return try CounterfactualSearch.labels(
      oracle, row, changes: ways.map { way in way.map { (grid.options[$0].feature, grid.options[$0].value) } }
    )
  }

  /// The oracle's class of an example with some values changed, for each set of changes.
  static func labels(
    _ oracle: any TableOracle, _ row: [Double], changes: [[(feature: Int, value: Double)]]
  ) throws -> [Int] {
    let count = changes.count
    guard count > 0 else { return [] }
    var values = row.flatMap { [Double](repeating: $0, count: count) }
    for (place, changes) in changes.enumerated() {
      for change in changes { values[change.feature * count + place] = change.value }
    }
    let table = RuleTable(unchecked: oracle.features, rowCount: count, values: values)
    return try OracleAnswers(of: oracle, on: table).labels
  }

  private func cells(_ options: [Int]) -> [Int] { options.map { grid.options[$0].cell } }

  // MARK: Results

  /// The ways that work and hold no other one, fewest changes first, then the nearest.
  func sortedHits() -> [Hit] {
    hits.filter { !holdsHit($0.value.options) }.sorted { a, b in
      let (first, second) = (a.value, b.value)
      if first.options.count != second.options.count { return first.options.count < second.options.count }
      if first.distance != second.distance { return first.distance < second.distance }
      return a.key.lexicographicallyPrecedes(b.key)
    }.map(\.value)
  }
}
