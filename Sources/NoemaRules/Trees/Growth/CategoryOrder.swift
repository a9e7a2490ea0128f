/// How the levels of a category are divided in two.
enum CategoryOrder {
  /// Up to so many levels at a node, all divisions are tried when no order of levels is known to hold the best.
  static let exhaustiveLimit = 10

  /// The best division of the levels of a node.
  ///
  /// - Parameters:
  ///   - codes: the codes of the levels that have examples, ascending; their sums are in the scan's groups.
  ///   - missing: the group of the missing examples; nil when there are none.
  /// - Returns: nil when no division is allowed. The side named is the smaller one, of equal ones that of the lowest
  ///   level.
  static func best(_ scan: GroupScan, codes: [Int], missing: Int?, feature: Int) -> FeatureSplit? {
    guard codes.count + (missing == nil ? 0 : 1) > 1 else { return nil }
    let groups = scan.scratch.groups
    let division: GroupScan.Division
    if codes.count > 1, scan.targets.classCount > 2, codes.count <= exhaustiveLimit {
      division = scan.anyDivision(codes, missing: missing)
    } else {
      let keys =
        scan.targets.classCount > 2
        ? principalScores(codes, groups, scan.node.statistics)
        : codes.map { groups.sums[($0 + 1) * groups.width - 1] / groups.weights[$0] }
      // Equal keys keep the order of levels.
      let order = codes.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { codes[$0] }
      division = scan.cut(order, missing: missing, .free)
    }
    guard division.score > -.infinity else { return nil }
    return split(division, codes, missing: missing, feature: feature, count: scan.node.statistics.count)
  }

  private static func split(
    _ division: GroupScan.Division, _ codes: [Int], missing: Int?, feature: Int, count: Int
  ) -> FeatureSplit {
    if division.left.count == codes.count {
      return FeatureSplit(
        feature: feature, score: division.score, test: .present, missingLeft: false)
    }
    let left = LevelSet(division.left)
    let right = LevelSet(codes.filter { !left.contains($0) })
    let rest = Double(count) - division.count
    let keeps = division.count < rest || division.count == rest && left.contains(codes[0])
    return FeatureSplit(
      feature: feature, score: division.score, test: .among(keeps ? left : right),
      missingLeft: missing == nil ? nil : division.missingLeft == keeps)
  }

  /// Where levels lie along the direction in which their class shares, weighted, vary most.
  private static func principalScores(
    _ codes: [Int], _ groups: GroupSums, _ node: NodeStatistics
  ) -> [Double] {
    let k = groups.width
    let deviations = codes.map { code in
      (0..<k).map { groups.sums[code * k + $0] / groups.weights[code] - node.sums[$0] / node.weight }
    }
    var covariance = [Double](repeating: 0, count: k * k)
    for (code, deviation) in zip(codes, deviations) {
      for i in 0..<k {
        for j in 0..<k { covariance[i * k + j] += groups.weights[code] * deviation[i] * deviation[j] }
      }
    }
    // The power method, from the row that is longest.
    func row(_ i: Int) -> [Double] { Array(covariance[(i * k)..<((i + 1) * k)]) }
    func length(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let rows = (0..<k).map(row)
    var direction = rows[DecisionTree.largest(rows.map(length))]
    for _ in 0..<100 {
      let norm = length(direction)
      guard norm > 0 else { break }
      direction = direction.map { $0 / norm }
      direction = rows.map { row in zip(row, direction).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    return deviations.map { deviation in zip(deviation, direction).reduce(0) { $0 + $1.0 * $1.1 } }
  }
}
