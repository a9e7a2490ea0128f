public import NoemaTensor

/// Examples as rules read them: one column of numbers a feature, missing values as NaN, levels as their index.
///
/// Every value fits its feature (``Feature/admits(_:)``): integers are whole, levels exist, nothing is infinite.
public struct RuleTable: Sendable {
  /// The features, one a column.
  public let features: [Feature]
  /// The number of examples.
  public let rowCount: Int
  /// The values, column after column: `rowCount` of the first feature, then those of the second.
  public let values: [Double]

  /// Makes a table.
  ///
  /// - Parameter values: column after column.
  /// - Throws: `RuleError` when the count does not fit, features share a name, or a value does not fit its feature.
  public init(features: [Feature], rowCount: Int, values: [Double]) throws(RuleError) {
    try Feature.check(features)
    guard rowCount >= 0, values.count == rowCount * features.count else {
      throw RuleError(
        .count(what: "values", found: values.count, expected: max(0, rowCount) * features.count))
    }
    for (index, feature) in features.enumerated() {
      for row in 0..<rowCount where !feature.admits(values[index * rowCount + row]) {
        let value = values[index * rowCount + row]
        throw RuleError(
          .notNumber("\(value)", column: feature.name, row: row + 1, expected: feature.expectation))
      }
    }
    self.init(unchecked: features, rowCount: rowCount, values: values)
  }

  /// Makes a table of values that fit.
  init(unchecked features: [Feature], rowCount: Int, values: [Double]) {
    self.features = features
    self.rowCount = rowCount
    self.values = values
  }

  /// Makes a table of rows, each with one value a feature.
  ///
  /// - Throws: `RuleError` as ``init(features:rowCount:values:)``.
  public init(features: [Feature], rows: [[Double]]) throws(RuleError) {
    if let row = rows.first(where: { $0.count != features.count }) {
      throw RuleError(.count(what: "values in a row", found: row.count, expected: features.count))
    }
    try self.init(
      features: features, rowCount: rows.count,
      values: features.indices.flatMap { feature in rows.map { $0[feature] } })
  }

  /// Makes a table of a matrix of numbers, such as hidden activations; later axes count as features in row-major
  /// order.
  ///
  /// - Parameters:
  ///   - matrix: examples along the first axis.
  ///   - names: a name for each feature; when nil, `prefix` and the index.
  ///   - prefix: the layer's name, say.
  /// - Throws: `RuleError` when names and features differ in number, or a value is NaN or infinite, which in an
  ///   activation is a fault and not a missing value.
  public init(_ matrix: Tensor, names: [String]? = nil, prefix: String = "feature ") throws(RuleError) {
    guard matrix.rank >= 1 else {
      throw RuleError(.count(what: "axes", found: 0, expected: 2), at: prefix)
    }
    let (rows, width) = (matrix.shape[0], matrix.shape.dropFirst().reduce(1, *))
    let names = names ?? (0..<width).map { "\(prefix)\($0)" }
    guard names.count == width else {
      throw RuleError(.count(what: "feature names", found: names.count, expected: width), at: prefix)
    }
    let elements = matrix.converted(to: .float64).elements(as: Double.self)
    if let offset = elements.firstIndex(where: { !$0.isFinite }) {
      throw RuleError(
        .notFinite("'\(names[offset % width])' of example \(offset / width) is \(elements[offset])"),
        at: prefix)
    }
    let features = names.map { Feature($0) }
    try Feature.check(features, at: prefix)
    self.init(
      unchecked: features, rowCount: rows,
      values: [Double](unsafeUninitializedCapacity: max(1, elements.count)) { buffer, count in
        for column in 0..<width {
          for row in 0..<rows { buffer[column * rows + row] = elements[row * width + column] }
        }
        count = elements.count
      })
  }

  /// One value; NaN where it is missing.
  @inlinable
  public subscript(row: Int, feature: Int) -> Double { values[feature * rowCount + row] }

  /// The values of one feature.
  public func column(_ feature: Int) -> ArraySlice<Double> {
    values[feature * rowCount..<(feature + 1) * rowCount]
  }

  /// The values of one example.
  public func row(_ row: Int) -> [Double] { features.indices.map { self[row, $0] } }

  /// Whether some example lacks a value of the feature.
  public func hasMissing(_ feature: Int) -> Bool { column(feature).contains(where: \.isNaN) }

  /// The examples of the given indices, in that order; an index may come twice.
  public func subset(rows: [Int]) -> RuleTable {
    RuleTable(
      unchecked: features, rowCount: rows.count,
      values: features.indices.flatMap { feature in
        let start = feature * rowCount
        return rows.map { values[start + $0] }
      })
  }

  /// The features of the given indices, in that order.
  public func selecting(features chosen: [Int]) -> RuleTable {
    RuleTable(
      unchecked: chosen.map { features[$0] }, rowCount: rowCount, values: chosen.flatMap { column($0) })
  }

  /// The examples of this table and then those of another one with the same features.
  ///
  /// - Throws: `RuleError` when the features differ.
  public func appending(_ other: RuleTable) throws(RuleError) -> RuleTable {
    try other.check(matches: features)
    return RuleTable(
      unchecked: features, rowCount: rowCount + other.rowCount,
      values: features.indices.flatMap { column($0) + other.column($0) })
  }

  /// The values as a float32 tensor `[rows, features]`, as a network reads them.
  ///
  /// - Throws: `RuleError.notFinite` naming the first value that is missing or beyond the range of float32.
  public func tensor() throws(RuleError) -> Tensor {
    var elements: [Float] = []
    elements.reserveCapacity(values.count)
    for row in 0..<rowCount {
      for feature in features.indices {
        let value = Float(self[row, feature])
        guard value.isFinite else {
          let what = value.isNaN ? "missing" : "beyond the range of float32"
          throw RuleError(
            .notFinite(
              "row \(row + 1), column '\(features[feature].name)': the value is \(what), and a network needs a number"
            ))
        }
        elements.append(value)
      }
    }
    return Tensor(shape: [rowCount, features.count], elements)
  }

  /// Checks that the table has exactly these features in this order.
  ///
  /// - Throws: `RuleError` saying which column differs, and how.
  public func check(matches expected: [Feature]) throws(RuleError) {
    guard features.count == expected.count else {
      throw RuleError(.count(what: "features in the table", found: features.count, expected: expected.count))
    }
    for (index, (found, wanted)) in zip(features, expected).enumerated()
    where found.name != wanted.name || found.levels != wanted.levels || found.isOrdered != wanted.isOrdered {
      let names = features.map(\.name)
      let hint =
        names.contains(wanted.name) && found.name != wanted.name
        ? "; '\(wanted.name)' is column \(names.firstIndex(of: wanted.name)! + 1), so the order differs" : ""
      throw RuleError(
        .malformed(
          "column \(index + 1) is \(found.summary), expected \(wanted.summary)\(hint); "
            + "read the table against the rules' features"
        ))
    }
  }
}

extension Feature {
  /// What a value should have been, for messages.
  var expectation: String {
    switch kind {
    case .numeric: "a finite number"
    case .integer: "a whole number"
    case .categorical(let levels), .ordinal(let levels): "the index of one of \(levels.count) levels"
    }
  }

  fileprivate var summary: String {
    switch kind {
    case .numeric, .integer: "'\(name)'"
    case .categorical(let levels): "'\(name)' with categories \(levels)"
    case .ordinal(let levels): "'\(name)' with ordered levels \(levels)"
    }
  }
}
