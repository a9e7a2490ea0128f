internal import NoemaTensor

/// The values of a table's columns in order, and thresholds that divide each into bins of about equally many examples.
struct AnchorBins: Sendable {
  let examples: RuleTable
  /// For each feature the thresholds, ascending; none of a category. Between two of them lies a value, as below the
  /// first and above the last.
  let thresholds: [[Double]]
  /// For each feature the present values, ascending.
  private let values: [[Double]]
  /// Whether some example lacks the feature.
  let hasMissing: [Bool]

  init(_ examples: RuleTable, count: Int) throws(RuleError) {
    try examples.checkNotEmpty()
    guard (2...255).contains(count) else {
      throw RuleError(.parameters("features have 2 to 255 bins, found \(count)"))
    }
    let columns = examples.features.indices.map { feature in
      examples.column(feature).filter { !$0.isNaN }.sorted()
    }
    self.examples = examples
    values = columns
    hasMissing = columns.map { $0.count < examples.rowCount }
    thresholds = examples.features.enumerated().map { index, feature in
      feature.isOrdered ? AnchorBins.thresholds(columns[index], count, feature) : []
    }
  }

  /// Thresholds midway between the last value of a bin and the next one, so that no example lies on them; the last
  /// value itself where values are whole.
  private static func thresholds(_ sorted: [Double], _ count: Int, _ feature: Feature) -> [Double] {
    var result: [Double] = []
    for bin in 1..<count where !sorted.isEmpty {
      let last = sorted[max(0, (bin * sorted.count + count - 1) / count - 1)]
      guard result.last.map({ last > $0 }) ?? true, let next = sorted.first(where: { $0 > last }) else {
        continue
      }
      let middle = last + (next - last) / 2
      result.append(feature.isDiscrete || !(middle < next) ? last : middle)
    }
    return result
  }

  /// What holds of an example: each threshold from one side, the level of a category, and whether a value is missing
  /// where it may be.
  func terms(of row: [Double]) -> [Term] {
    examples.features.indices.flatMap { feature -> [Term] in
      let value = row[feature]
      if value.isNaN { return [.isMissing(feature)] }
      let present: [Term] = hasMissing[feature] ? [.isPresent(feature)] : []
      guard examples.features[feature].isOrdered else {
        return present + [.isIn(feature, [Int(value)])]
      }
      return present
        + thresholds[feature].map { value <= $0 ? .atMost(feature, $0) : .above(feature, $0) }
    }
  }

  /// The value of a random example that satisfies a condition; nil when none does.
  func draw(_ condition: Condition, using random: inout RandomNumbers) -> Double? {
    let values = values[condition.feature]
    let range: Range<Int>
    switch condition.values {
    case .none: return condition.admitsMissing ? .nan : nil
    case .all: range = values.indices
    case .interval(let above, let atMost):
      let first = AnchorBins.count(values, atMost: above)
      range = first..<max(first, AnchorBins.count(values, atMost: atMost))
    case .levels(let levels):
      // Of a category one level only is ever asked for.
      return levels.levels.first.map { Double($0) }
    }
    return range.isEmpty ? nil : values[range.lowerBound + random.index(below: range.count)]
  }

  private static func count(_ sorted: [Double], atMost bound: Double) -> Int {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] <= bound { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
