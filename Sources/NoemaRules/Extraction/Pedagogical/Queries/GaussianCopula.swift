internal import Glibc
internal import NoemaTensor

/// The values of each feature as among examples, and as closely tied: features follow normal numbers whose
/// correlations are those that the ranks of the examples tell.
///
/// Correlations are `2 sin(π ρ / 6)` of Spearman's ρ, and all are lowered by the share
/// `Σ (1 − r²)² / (n − 1) / Σ r²`, which takes away most of what chance ties and little of what is tied. To rank the
/// levels of a category, they are put in the order of the ranks of the ordered feature in which they differ most. A
/// missing value has the mean rank.
///
/// - Source: Nelsen, *An Introduction to Copulas*, 2006; Schäfer and Strimmer, "A shrinkage approach to large-scale
///   covariance matrix estimation", *Statistical Applications in Genetics and Molecular Biology* 2005, for the share.
struct GaussianCopula: Sendable {
  /// Of more examples than this, so many are drawn to see how features are tied.
  static let exampleLimit = 10_000

  private let marginals: [FeatureMarginal]
  /// Of each feature the values of the examples, ascending or in the order of levels.
  private let values: [[Double]]
  /// The lower triangle of a square root of the correlations, row after row.
  private let factor: [Double]

  init(_ examples: RuleTable, seed: UInt64) {
    var ranked = examples
    if examples.rowCount > GaussianCopula.exampleLimit {
      var random = RandomNumbers(seed: seed).split(-1)
      ranked = examples.subset(
        rows: random.sample(GaussianCopula.exampleLimit, below: examples.rowCount).sorted())
    }
    let features = examples.features
    var ranks = features.indices.map { feature in
      features[feature].isOrdered ? GaussianCopula.ranks(Array(ranked.column(feature))) : []
    }
    let ordered = ranks.filter { !$0.isEmpty }
    marginals = features.indices.map { FeatureMarginal(examples.column($0), of: features[$0]) }
    var values: [[Double]] = []
    for feature in features.indices {
      let present = examples.column(feature).filter { !$0.isNaN }
      guard !features[feature].isOrdered else {
        values.append(present.sorted())
        continue
      }
      let places = GaussianCopula.places(
        Array(ranked.column(feature)), features[feature].levels?.count ?? 0, among: ordered)
      ranks[feature] = GaussianCopula.ranks(ranked.column(feature).map { $0.isNaN ? .nan : places[Int($0)] })
      values.append(present.sorted { places[Int($0)] < places[Int($1)] })
    }
    self.values = values
    factor = GaussianCopula.root(GaussianCopula.correlations(ranks), features.count)
  }

  /// Draws examples, each by numbers of its own.
  func draw(_ count: Int, seed: UInt64) -> RuleTable {
    let numbers = RandomNumbers(seed: seed)
    let portions = marginals.map { $0.portion(nil) }
    let rows = Workers().map(count) { row in
      var random = numbers.split(row)
      let normals = marginals.indices.map { _ in random.normal() }
      return marginals.indices.map { feature -> Double in
        let (marginal, values) = (marginals[feature], self.values[feature])
        guard let portion = portions[feature], !values.isEmpty,
          marginal.missingShare == 0 || random.uniform() >= marginal.missingShare
        else { return .nan }
        let start = feature * (feature + 1) / 2
        let number = (0...feature).reduce(0) { $0 + factor[start + $1] * normals[$1] }
        let place = Int(Distributions.normal(number) * Double(values.count))
        return marginal.smoothed(values[min(place, values.count - 1)], within: portion, using: &random)
      }
    }
    return RuleTable(
      unchecked: marginals.map(\.feature), rowCount: count,
      values: marginals.indices.flatMap { feature in rows.map { $0[feature] } })
  }
}

// MARK: How features are tied
extension GaussianCopula {
  /// Ranks less their mean, equal values with the mean of their ranks; 0 of missing ones.
  private static func ranks(_ column: [Double]) -> [Double] {
    let order = column.indices.filter { !column[$0].isNaN }.sorted { column[$0] < column[$1] }
    var ranks = [Double](repeating: 0, count: column.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, column[order[end]] == column[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end - order.count) / 2 }
      start = end
    }
    return ranks
  }

  /// For each level its place among the levels, by the mean rank of the ordered feature in which they differ most;
  /// levels with equal means as they are listed.
  private static func places(_ column: [Double], _ levelCount: Int, among ranks: [[Double]]) -> [Double] {
    var counts = [Double](repeating: 0, count: levelCount)
    for value in column where !value.isNaN { counts[Int(value)] += 1 }
    var best = (spread: 0.0, means: counts.map { _ in 0.0 })
    for ranks in ranks {
      var means = counts.map { _ in 0.0 }
      for (row, value) in column.enumerated() where !value.isNaN { means[Int(value)] += ranks[row] }
      for level in counts.indices where counts[level] > 0 { means[level] /= counts[level] }
      let total = counts.reduce(0, +)
      let mean = zip(counts, means).reduce(0) { $0 + $1.0 * $1.1 } / max(1, total)
      let spread = zip(counts, means).reduce(0) { $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) }
      if spread > best.spread { best = (spread, means) }
    }
    let order = counts.indices.sorted { (best.means[$0], $0) < (best.means[$1], $1) }
    var places = counts
    for (place, level) in order.enumerated() { places[level] = Double(place) }
    return places
  }

  /// The correlations of the normal numbers, row after row.
  static func correlations(_ ranks: [[Double]]) -> [Double] {
    let width = ranks.count, count = Double(ranks.first?.count ?? 0)
    let scaled = ranks.map { column in
      let length = column.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return column.map { length > 0 ? $0 / length : 0 }
    }
    let rows = Workers().map(width) { i in
      (0..<i).map { j -> Double in
        let rho = zip(scaled[i], scaled[j]).reduce(0) { $0 + $1.0 * $1.1 }
        return 2 * sin(Double.pi / 6 * min(1, max(-1, rho)))
      }
    }
    var (chance, total) = (0.0, 0.0)
    for r in rows.joined() {
      chance += (1 - r * r) * (1 - r * r) / max(1, count - 1)
      total += r * r
    }
    let kept = total > chance ? 1 - chance / total : 0
    var result = [Double](repeating: 0, count: width * width)
    for i in 0..<width {
      result[i * width + i] = 1
      for j in 0..<i {
        result[i * width + j] = kept * rows[i][j]
        result[j * width + i] = kept * rows[i][j]
      }
    }
    return result
  }

  /// The lower triangle `L` with `L Lᵀ` the correlations, or near them where no numbers can have them: ranks are
  /// correlated pair by pair, and columns may repeat each other.
  private static func root(_ correlations: [Double], _ width: Int) -> [Double] {
    var root = [Double](repeating: 0, count: width * (width + 1) / 2)
    for i in 0..<width {
      let row = i * (i + 1) / 2
      for j in 0...i {
        let other = j * (j + 1) / 2
        let rest = (0..<j).reduce(correlations[i * width + j]) { $0 - root[row + $1] * root[other + $1] }
        let pivot = root[other + j]
        if i == j {
          root[row + j] = max(0, rest).squareRoot()
        } else if pivot > 1e-6 {
          root[row + j] = rest / pivot
        }
      }
      // Each number keeps the variance 1, so that marginals stay what they are.
      let length = (0...i).reduce(0) { $0 + root[row + $1] * root[row + $1] }.squareRoot()
      for j in 0...i { root[row + j] = length > 0 ? root[row + j] / length : i == j ? 1 : 0 }
    }
    return root
  }
}
