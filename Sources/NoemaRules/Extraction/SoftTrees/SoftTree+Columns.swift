internal import NoemaTensor

extension SoftTree {
  /// A number that filters read: a feature's value, standardised, or whether a category has a level.
  public struct Column: Sendable, Hashable, Codable {
    /// The index of the feature.
    public let feature: Int
    /// The level that counts 1 and all others 0; nil of an ordered feature.
    public let level: Int?
    /// What is taken off the value.
    public let mean: Double
    /// What it is then divided by.
    public let scale: Double

    /// Makes a column.
    public init(feature: Int, level: Int? = nil, mean: Double = 0, scale: Double = 1) {
      (self.feature, self.level, self.mean, self.scale) = (feature, level, mean, scale)
    }

    /// The number of a value; a missing value counts as the mean, and as none of the levels.
    public func number(_ value: Double) -> Double {
      if value.isNaN { return 0 }
      guard let level else { return (value - mean) / scale }
      return value == Double(level) ? 1 : 0
    }

    /// The column in words: `age`, or `colour = red`.
    func text(in features: [Feature]) -> String {
      let name = RuleText.plain(features[feature].name)
      guard let level, let levels = features[feature].levels else { return name }
      return "\(name) = \(RuleText.plain(levels[level]))"
    }

    func check(_ features: [Feature], place: String) throws(RuleError) {
      guard features.indices.contains(feature) else {
        throw RuleError(.malformed("it reads feature \(feature) of \(features.count)"), at: place)
      }
      let levelCount = features[feature].isOrdered ? nil : features[feature].levels?.count
      guard (level == nil) == (levelCount == nil), (0..<(levelCount ?? 1)).contains(level ?? 0) else {
        throw RuleError(
          .malformed(
            "'\(features[feature].name)' "
              + (levelCount.map { "has \($0) levels, one of which it must name" }
                ?? "is a number and has no level")), at: place)
      }
      guard mean.isFinite, scale.isFinite, scale > 0 else {
        throw RuleError(
          .notFinite("it takes off \(mean) and divides by \(scale); both must be finite, the second above 0"),
          at: place)
      }
    }
  }

  /// The columns of a table: ordered features by their mean and standard deviation, 1 when that is 0, categories level
  /// by level.
  static func columns(of table: RuleTable) -> [Column] {
    table.features.enumerated().flatMap { index, feature -> [Column] in
      if !feature.isOrdered, let levels = feature.levels {
        return levels.indices.map { Column(feature: index, level: $0) }
      }
      let present = table.column(index).filter { !$0.isNaN }
      let deviation = Statistics.standardDeviation(present)
      return [
        Column(
          feature: index, mean: Statistics.mean(present),
          scale: deviation > 0 && deviation.isFinite ? deviation : 1)
      ]
    }
  }

  /// What filters read of some rows, `[rows, columns]`.
  static func inputs(_ columns: [Column], of table: RuleTable, rows: Range<Int>) -> Matrix {
    var result = Matrix(rowCount: rows.count, columnCount: columns.count)
    for (index, column) in columns.enumerated() {
      for row in rows { result[row - rows.lowerBound, index] = column.number(table[row, column.feature]) }
    }
    return result
  }
}
