internal import Glibc

/// A question that C4.5 may ask, with its worth.
struct C45Split: Sendable {
  let feature: Int
  /// The information gained, after what a threshold pays for its choice.
  let gain: Double
  /// The split information.
  let information: Double
  /// The branches: a threshold's two, or groups of codes.
  let test: Test
  /// Whether it is left out of the average gain: a category with very many levels.
  var isManyValued = false

  enum Test: Sendable {
    /// Codes up to the first are one branch; the second is the next that occurs.
    case atMost(UInt32, next: UInt32)
    case groups([[UInt32]])
  }

  var ratio: Double { information > 0 ? gain / information : 0 }
}

/// Finds the best question about one feature of a node.
struct C45Search {
  let learner: C45
  let cases: NodeCases
  let distribution: NodeCases.Distribution
  /// `n log2 n`.
  let logarithms: [Double]

  /// The best threshold: of largest gain, the lowest of equals.
  func threshold(_ feature: Int) -> C45Split? {
    let column = cases.columns[feature]
    guard let first = column.first, let last = column.last, first.code != last.code else { return nil }
    // With nothing missing, the known cases are those of the node.
    let isWhole = column.count == cases.indices.count
    let known = isWhole ? distribution.classes : classes(column)
    let place = distribution.isCount ? bestCounted(column, known) : bestWeighted(column, known)
    guard let place else { return nil }
    let weight = known.reduce(0, +)
    var gain = place.saved / distribution.weight
    if learner.penalisesThresholds { gain -= log2(Double(max(1, place.distinct - 1))) / distribution.weight }
    return C45Split(
      feature: feature, gain: gain, information: information([place.left, weight - place.left]),
      test: .atMost(column[place.last].code, next: column[place.last + 1].code))
  }

  private struct Place {
    /// What the cut takes off the weight of the known cases times their entropy.
    var saved = 0.0
    /// The last entry on the left.
    var last = 0
    /// The weight on the left.
    var left = 0.0
    /// The number of distinct values.
    var distinct = 1
  }

  /// Sums differ by this much from rounding alone.
  private var tolerance: Double {
    1e-12 * distribution.weight * ClassImpurity.entropy(distribution.classes, distribution.weight)
  }

  private func bestCounted(_ column: [ColumnEntry], _ known: [Double]) -> Place? {
    var left = [Int](repeating: 0, count: known.count)
    var right = known.map { Int($0) }
    var best: Place?
    var distinct = 1
    let count = column.count
    let least = Int(min(learner.minimumCases, Double(count) + 1).rounded(.up))
    let whole = right.reduce(-logarithms[count]) { $0 + logarithms[$1] }
    for position in 0..<(count - 1) {
      let label = Int(cases.labels[Int(column[position].row)])
      left[label] += 1
      right[label] -= 1
      if column[position].code == column[position + 1].code { continue }
      distinct += 1
      if position + 1 < least || count - position - 1 < least { continue }
      var sum = -(logarithms[position + 1] + logarithms[count - position - 1]) - whole
      for k in left.indices { sum += logarithms[left[k]] + logarithms[right[k]] }
      if sum > (best?.saved ?? -.infinity) + tolerance {
        best = Place(saved: sum, last: position, left: Double(position + 1))
      }
    }
    best?.distinct = distinct
    return best
  }

  private func bestWeighted(_ column: [ColumnEntry], _ known: [Double]) -> Place? {
    var left = [Double](repeating: 0, count: known.count)
    let weight = known.reduce(0, +)
    var leftWeight = 0.0
    var best: Place?
    var distinct = 1
    let whole = known.reduce(-ClassImpurity.timesLog(weight)) { $0 + ClassImpurity.timesLog($1) }
    // Sums of parts may fall short of a whole number by rounding.
    let least = learner.minimumCases * (1 - 1e-9)
    for position in 0..<(column.count - 1) {
      let row = Int(column[position].row)
      left[Int(cases.labels[row])] += cases.weights[row]
      leftWeight += cases.weights[row]
      if column[position].code == column[position + 1].code { continue }
      distinct += 1
      let rest = weight - leftWeight
      if leftWeight < least || rest < least { continue }
      var sum = -(ClassImpurity.timesLog(leftWeight) + ClassImpurity.timesLog(rest)) - whole
      for k in left.indices {
        sum += ClassImpurity.timesLog(left[k]) + ClassImpurity.timesLog(max(0, known[k] - left[k]))
      }
      if sum > (best?.saved ?? -.infinity) + tolerance {
        best = Place(saved: sum, last: position, left: leftWeight)
      }
    }
    best?.distinct = distinct
    return best
  }

  private func classes(_ column: [ColumnEntry]) -> [Double] {
    var result = [Double](repeating: 0, count: distribution.classes.count)
    for entry in column { result[Int(cases.labels[Int(entry.row)])] += cases.weights[Int(entry.row)] }
    return result
  }

  /// The split information of branches of known cases; what is missing is a branch of its own.
  private func information(_ weights: [Double]) -> Double {
    let missing = max(0, distribution.weight - weights.reduce(0, +))
    // Rounding must not make a branch of nothing.
    let parts = weights + (missing > 1e-9 * distribution.weight ? [missing] : [])
    return -parts.reduce(0) { $0 + ClassImpurity.timesLog($1 / distribution.weight) }
  }
}

// MARK: Categories
extension C45Search {
  /// The question about a category: all its levels, or groups of them.
  func category(_ feature: Int, levelCount: Int, trainingWeight: Double) -> C45Split? {
    var groups: [Group] = []
    for entry in cases.columns[feature] {
      if groups.last?.codes.last != entry.code {
        groups.append(Group(codes: [entry.code], classes: distribution.classes.map { _ in 0 }))
      }
      groups[groups.count - 1].classes[Int(cases.labels[Int(entry.row)])] += cases.weights[Int(entry.row)]
    }
    if learner.categories == .groups { groups = merged(groups) }
    let least = learner.minimumCases * (1 - 1e-9)
    guard groups.count(where: { $0.weight >= least }) >= 2 else { return nil }
    return C45Split(
      feature: feature, gain: gain(groups), information: information(groups.map(\.weight)),
      test: .groups(groups.map(\.codes)),
      isManyValued: learner.categories == .levels && Double(levelCount) >= 0.3 * (trainingWeight + 1))
  }

  private struct Group {
    var codes: [UInt32]
    var classes: [Double]
    var weight: Double { classes.reduce(0, +) }
  }

  /// Weight times minus the entropy: what it rises by when groups part is saved.
  private func order(_ classes: [Double]) -> Double {
    classes.reduce(-ClassImpurity.timesLog(classes.reduce(0, +))) { $0 + ClassImpurity.timesLog($1) }
  }

  private func sum(_ groups: [Group]) -> [Double] {
    groups.reduce(into: distribution.classes.map { _ in 0 }) { sum, group in
      for (k, weight) in group.classes.enumerated() { sum[k] += weight }
    }
  }

  private func gain(_ groups: [Group]) -> Double {
    (groups.reduce(0) { $0 + order($1.classes) } - order(sum(groups))) / distribution.weight
  }

  /// Merges the two groups whose union has the best ratio, as long as that does not fall and two remain.
  private func merged(_ all: [Group]) -> [Group] {
    guard all.count <= C45.groupingLimit else { return all }
    var groups = all
    var orders = groups.map { order($0.classes) }
    let whole = order(sum(groups))
    while groups.count > 2 {
      let saved = orders.reduce(-whole, +)
      let information = information(groups.map(\.weight))
      var best: (ratio: Double, first: Int, second: Int, order: Double)?
      for first in 0..<(groups.count - 1) {
        for second in (first + 1)..<groups.count {
          let classes = zip(groups[first].classes, groups[second].classes).map { $0 + $1 }
          let union = order(classes)
          let (a, b) = (
            groups[first].weight / distribution.weight, groups[second].weight / distribution.weight
          )
          let rest =
            information + ClassImpurity.timesLog(a) + ClassImpurity.timesLog(b)
            - ClassImpurity.timesLog(a + b)
          let gain = (saved - orders[first] - orders[second] + union) / distribution.weight
          let ratio = rest > 0 ? gain / rest : 0
          if ratio > (best?.ratio ?? -.infinity) + 1e-12 { best = (ratio, first, second, union) }
        }
      }
      guard let best, best.ratio >= saved / distribution.weight / information - 1e-12 else { break }
      let other = groups.remove(at: best.second)
      groups[best.first].codes += other.codes
      for k in other.classes.indices { groups[best.first].classes[k] += other.classes[k] }
      orders.remove(at: best.second)
      orders[best.first] = best.order
    }
    return groups
  }
}
