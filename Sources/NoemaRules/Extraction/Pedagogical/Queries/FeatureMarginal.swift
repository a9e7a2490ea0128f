internal import NoemaTensor

/// The values of one feature, whatever the others are: what examples have, smoothed, or all between their ends alike.
struct FeatureMarginal: Sendable {
  /// What happens around and between the values of examples.
  private enum Spread: Sendable {
    /// Nothing: only these values are drawn.
    case none
    /// A value moves by a normal number of this standard deviation.
    case kernel(width: Double)
    /// Every value from the first to the last is as likely as any other.
    case uniform
  }

  let feature: Feature
  /// The number of examples.
  let exampleCount: Int
  /// The share of examples that lack the feature.
  let missingShare: Double
  /// The distinct values, ascending.
  private let values: [Double]
  /// For each value, how many examples have a lower one; at the end, how many have any.
  private let ranks: [Int]
  private let spread: Spread

  /// Counts the values of examples and smooths those of numbers by a Gaussian kernel, whose width is their standard
  /// deviation over the square root of their number.
  init(_ column: some Collection<Double>, of feature: Feature) {
    let present = column.filter { !$0.isNaN }.sorted()
    var values: [Double] = []
    var ranks: [Int] = []
    for (rank, value) in present.enumerated() where values.last != value {
      values.append(value)
      ranks.append(rank)
    }
    let width = Statistics.standardDeviation(present) / Double(present.count).squareRoot()
    let smooths = feature.levels == nil && width.isFinite && width > 0
    self.init(
      feature, exampleCount: column.count, presentCount: present.count, values, ranks + [present.count],
      smooths ? .kernel(width: width) : .none)
  }

  /// Takes all numbers between the least and the greatest as equally likely, and all levels that the feature lists.
  init(uniform column: some Collection<Double>, of feature: Feature) {
    let present = column.filter { !$0.isNaN }
    let listed = (feature.levels ?? []).indices.map { Double($0) }
    var values = feature.levels == nil ? [present.min(), present.max()].compactMap { $0 } : listed
    if present.isEmpty { values = [] }
    let isInterval = feature.levels == nil && values.count == 2 && values[0] < values[1]
    if feature.levels == nil, !isInterval { values = Array(values.prefix(1)) }
    self.init(
      feature, exampleCount: column.count, presentCount: present.count, values, Array(0...values.count),
      isInterval ? .uniform : .none)
  }

  private init(
    _ feature: Feature, exampleCount: Int, presentCount: Int, _ values: [Double], _ ranks: [Int],
    _ spread: Spread
  ) {
    self.feature = feature
    self.exampleCount = exampleCount
    missingShare = exampleCount > 0 ? Double(exampleCount - presentCount) / Double(exampleCount) : 0
    (self.values, self.ranks, self.spread) = (values, ranks, spread)
  }

  /// How many of the values are at most a number.
  private func count(atMost bound: Double) -> Int {
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] <= bound { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

// MARK: Draws within a condition
extension FeatureMarginal {
  /// What a condition leaves of the marginal.
  struct Portion: Sendable {
    /// The chance that a value satisfies the condition.
    let mass: Double
    /// The chance that a value that does is missing.
    fileprivate let missing: Double
    /// The indices of values that do: a range, or some levels.
    fileprivate let range: Range<Int>
    fileprivate let levels: [Int]
    /// The examples that have these values.
    fileprivate let count: Int
    /// The bounds of the condition.
    fileprivate let above: Double
    fileprivate let atMost: Double
  }

  /// What a condition leaves; nil when no value can be drawn that satisfies it.
  ///
  /// Between two examples' values a number can be drawn although its mass is 0.
  func portion(_ condition: Condition?) -> Portion? {
    var (above, atMost) = (-Double.infinity, Double.infinity)
    var range = values.indices
    var levels: [Int] = []
    let wanted: Condition.Values = condition?.values ?? .all
    switch wanted {
    case .all: break
    case .none: range = 0..<0
    case .interval(let lower, let upper):
      (above, atMost) = (lower, upper)
      range = count(atMost: lower)..<max(count(atMost: lower), count(atMost: upper))
    case .levels(let set):
      range = 0..<0
      levels = values.indices.filter { set.contains(value: values[$0]) }
    }
    let holders = ranks[range.upperBound] - ranks[range.lowerBound] + levels.reduce(0) { $0 + weight($1) }
    let ends = wanted == .none ? nil : bounds(above, atMost)
    var present = Double(holders) / Double(max(1, ranks[values.count]))
    if case .uniform = spread { present = ends.map { share($0) } ?? 0 }
    let missing = condition?.admitsMissing ?? true ? missingShare : 0
    let mass = missing + (1 - missingShare) * present
    guard mass > 0 || (ends != nil && missingShare < 1) else { return nil }
    return Portion(
      mass: mass, missing: mass > 0 ? missing / mass : 0, range: range, levels: levels, count: holders,
      above: above, atMost: atMost)
  }

  private func weight(_ index: Int) -> Int { ranks[index + 1] - ranks[index] }

  /// The part of an interval within the values' own ends, the lower end left out when it is the interval's; nil when
  /// the feature has levels or nothing lies there. Of integers, the first and the last.
  private func bounds(_ above: Double, _ atMost: Double) -> (lower: Double, upper: Double)? {
    guard feature.levels == nil, let first = values.first, let last = values.last else { return nil }
    if feature.isDiscrete {
      let (lower, upper) = (max(first, above.rounded(.down) + 1), min(last, atMost.rounded(.down)))
      return lower <= upper ? (lower, upper) : nil
    }
    guard above < last, atMost >= first, above < atMost else { return nil }
    return (max(first, above), min(last, atMost))
  }

  /// The share of a uniform marginal between two ends.
  private func share(_ ends: (lower: Double, upper: Double)) -> Double {
    let whole = values[values.count - 1] - values[0]
    return feature.isDiscrete
      ? (ends.upper - ends.lower + 1) / (whole + 1) : whole.isFinite ? (ends.upper - ends.lower) / whole : 1
  }

  /// Draws a value from a portion of this marginal.
  func draw(_ portion: Portion, using random: inout RandomNumbers) -> Double {
    if portion.missing > 0, random.uniform() < portion.missing { return .nan }
    if case .uniform = spread { return drawBetween(portion, using: &random) }
    guard portion.count > 0 else { return drawBetween(portion, using: &random) }
    return smoothed(values[drawIndex(portion, using: &random)], within: portion, using: &random)
  }

  /// A value of the examples, moved by the kernel within a portion of this marginal.
  func smoothed(_ value: Double, within portion: Portion, using random: inout RandomNumbers) -> Double {
    guard case .kernel(let width) = spread else { return value }
    let (first, last) = (values[0], values[values.count - 1])
    // What a network says beyond the examples is anybody's guess, so the kernel is reflected at their ends.
    for _ in 0..<8 {
      var moved = value + width * random.normal()
      if moved < first { moved = 2 * first - moved }
      if moved > last { moved = 2 * last - moved }
      if feature.isDiscrete { moved = moved.rounded() + 0 }
      if moved >= first, moved <= last, moved > portion.above, moved <= portion.atMost { return moved }
    }
    return value
  }

  private func drawIndex(_ portion: Portion, using random: inout RandomNumbers) -> Int {
    var left = random.index(below: portion.count)
    guard portion.levels.isEmpty else {
      for index in portion.levels {
        if left < weight(index) { return index }
        left -= weight(index)
      }
      return portion.levels[0]
    }
    // The last value whose rank is not above the drawn one.
    let rank = ranks[portion.range.lowerBound] + left
    var (low, high) = (portion.range.lowerBound, portion.range.upperBound - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if ranks[middle] <= rank { low = middle } else { high = middle - 1 }
    }
    return low
  }

  private func drawBetween(_ portion: Portion, using random: inout RandomNumbers) -> Double {
    guard let ends = bounds(portion.above, portion.atMost) else { return .nan }
    let share = random.uniform()
    if feature.isDiscrete {
      return min(ends.upper, ends.lower + (share * (ends.upper - ends.lower + 1)).rounded(.down))
    }
    // From the upper end down, because the lower one is not part of the interval; weighed, so that nothing overflows.
    let value = ends.upper * (1 - share) + ends.lower * share
    return value > portion.above ? min(value, ends.upper) : ends.upper
  }
}

// MARK: Comparison
extension FeatureMarginal {
  /// Whether this marginal of some examples departs from that of more, by a χ² test of levels or a Kolmogorov-Smirnov
  /// test of numbers. To be missing is one more level, or a number above all others.
  ///
  /// - Parameter reference: the marginal of examples among which these are.
  func differs(from reference: FeatureMarginal, significance: Double) -> Bool {
    let (count, total) = (Double(exampleCount), Double(reference.exampleCount))
    guard count > 0, total > 0 else { return false }
    var place = 0
    var (statistic, distance) = (0.0, 0.0)
    for (index, value) in reference.values.enumerated() {
      while place < values.count, values[place] < value { place += 1 }
      let isHere = place < values.count && values[place] == value
      let expected = count * Double(reference.weight(index)) / total
      let difference = (isHere ? Double(weight(place)) : 0) - expected
      statistic += difference * difference / expected
      let rank = isHere ? ranks[place + 1] : ranks[place]
      distance = max(distance, abs(Double(rank) / count - Double(reference.ranks[index + 1]) / total))
    }
    guard feature.levels != nil else {
      return Distributions.kolmogorovTail(distance, count: exampleCount) < significance
    }
    var cellCount = reference.values.count
    if reference.missingShare > 0 {
      let difference = count * (missingShare - reference.missingShare)
      statistic += difference * difference / (count * reference.missingShare)
      cellCount += 1
    }
    guard cellCount > 1 else { return false }
    return ChiSquared.tail(statistic, degrees: Double(cellCount - 1)) < significance
  }
}
