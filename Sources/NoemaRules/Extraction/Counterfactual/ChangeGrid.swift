/// The values that each feature of an example may be changed to: a few for each part that thresholds of rules cut the
/// feature into, but for the part where the example is.
struct ChangeGrid: Sendable {
  /// One value that a feature may take.
  struct Option: Sendable {
    let feature: Int
    let value: Double
    let distance: Double
    /// The index of the part that the value is in.
    let cell: Int
  }

  /// A part of a feature.
  struct Cell: Sendable {
    let condition: Condition
    /// The least and the greatest value of the part within the examples' range.
    let range: ClosedRange<Double>
  }

  /// The values, by feature, nearer ones first.
  private(set) var options: [Option] = []
  /// For each feature the places of its values.
  private(set) var places: [Range<Int>] = []
  private(set) var cells: [Cell] = []
  private let valuesPerCell: Int

  /// Finds the values.
  ///
  /// - Parameters:
  ///   - row: the example.
  ///   - terms: the terms of rules; a feature that none speaks about keeps its value.
  ///   - mayChange: whether a feature may come to a value.
  init(
    _ row: [Double], _ terms: [Term], _ examples: RuleTable, valuesPerCell: Int,
    mayChange: (_ feature: Int, _ value: Double) -> Bool
  ) {
    self.valuesPerCell = valuesPerCell
    for feature in examples.features.indices {
      let start = options.count
      let own = terms.filter { $0.feature == feature }
      let present = examples.column(feature).filter { !$0.isNaN }.sorted()
      if !own.isEmpty, let least = present.first, let greatest = present.last {
        let unit = ChangeGrid.unit(present, examples.features[feature])
        let conditions = ChangeGrid.conditions(feature, own, examples.features[feature])
        for condition in conditions where !condition.admits(row[feature]) {
          add(condition, present, least...greatest, examples.features[feature]) { value in
            guard mayChange(feature, value) else { return nil }
            return unit.map { row[feature].isNaN ? 1 : abs(value - row[feature]) / $0 } ?? 1
          }
        }
        options[start...].sort { ($0.distance, $0.cell, $0.value) < ($1.distance, $1.cell, $1.value) }
      }
      places.append(start..<options.count)
    }
  }

  /// The number of ways to change so many features.
  func combinationCount(_ size: Int) -> Double {
    var counts = [1.0] + [Double](repeating: 0, count: size)
    for place in places {
      for count in stride(from: size, to: 0, by: -1) {
        counts[count] += counts[count - 1] * Double(place.count)
      }
    }
    return counts[size]
  }

  // MARK: Parts

  /// The parts of a feature that terms tell apart.
  private static func conditions(_ feature: Int, _ terms: [Term], _ kind: Feature) -> [Condition] {
    guard kind.isOrdered else {
      return (0..<(kind.levels?.count ?? 0)).map { Condition(feature, .levels([$0])) }
    }
    var cuts: Set<Double> = []
    for term in terms {
      if let threshold = term.threshold {
        cuts.insert(kind.isDiscrete ? threshold.rounded(.down) : threshold)
      }
      if case .isIn(_, let levels, _) = term {
        for level in levels.levels { cuts.formUnion([Double(level - 1), Double(level)]) }
      }
    }
    let bounds = [-Double.infinity] + cuts.sorted() + [.infinity]
    return zip(bounds, bounds.dropFirst()).map { Condition(feature, .interval(above: $0, atMost: $1)) }
  }

  /// Adds a part and its values: of the examples' ones the nearest to the example, the farthest, and some between; if
  /// there are none, the middle.
  private mutating func add(
    _ condition: Condition, _ present: [Double], _ span: ClosedRange<Double>, _ kind: Feature,
    distance: (Double) -> Double?
  ) {
    guard let range = ChangeGrid.range(condition, span, kind) else { return }
    var values = present.filter { condition.admits($0) }
    if values.isEmpty {
      let middle = range.lowerBound / 2 + range.upperBound / 2
      values = [kind.isDiscrete ? middle.rounded(.up) : middle].filter { condition.admits($0) }
    }
    let allowed = Set(values).compactMap { value in distance(value).map { (value: value, distance: $0) } }
      .sorted { ($0.distance, $0.value) < ($1.distance, $1.value) }
    guard !allowed.isEmpty else { return }
    let count = min(valuesPerCell, allowed.count)
    for step in 0..<count {
      let chosen = allowed[count > 1 ? step * (allowed.count - 1) / (count - 1) : 0]
      options.append(
        Option(
          feature: condition.feature, value: chosen.value, distance: chosen.distance, cell: cells.count))
    }
    cells.append(Cell(condition: condition, range: range))
  }

  /// The values of a part within the examples' range; nil when there are none.
  private static func range(
    _ condition: Condition, _ span: ClosedRange<Double>, _ kind: Feature
  ) -> ClosedRange<Double>? {
    switch condition.values {
    case .all: return span
    case .none: return nil
    case .levels(let levels):
      // A level that no example has says nothing of its likelihood, but it is a value.
      guard let level = levels.levels.first else { return nil }
      return Double(level)...Double(level)
    case .interval(let above, let atMost):
      let least = kind.isDiscrete ? above.rounded(.down) + 1 : above
      let (lower, upper) = (max(least, span.lowerBound), min(atMost, span.upperBound))
      // Above a threshold its own value does not count.
      guard lower < upper || (lower == upper && lower > above) else { return nil }
      return lower...upper
    }
  }

  /// The median absolute deviation; where it is 0 the standard deviation, and where that is 0 one. Nil of categories.
  private static func unit(_ sorted: [Double], _ kind: Feature) -> Double? {
    guard kind.isOrdered else { return nil }
    func median(_ sorted: [Double]) -> Double {
      let middle = sorted.count / 2
      return sorted.count % 2 == 1 ? sorted[middle] : sorted[middle - 1] / 2 + sorted[middle] / 2
    }
    let centre = median(sorted)
    let deviation = median(sorted.map { abs($0 - centre) }.sorted())
    if deviation > 0 { return deviation }
    let count = Double(sorted.count)
    let mean = sorted.reduce(0) { $0 + $1 / count }
    let variance = sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / count }
    return variance > 0 ? variance.squareRoot() : 1
  }
}
