public import NoemaData
internal import NoemaTensor

/// Examples with a class each: what classification rules are learnt from and held against.
public struct LabeledTable: Sendable {
  /// The examples.
  public let table: RuleTable
  /// The names of the classes.
  public let classes: [String]
  /// For each row, the index of its class.
  public let labels: [Int]

  /// Puts labels beside a table.
  ///
  /// - Throws: `RuleError` when there is not one label a row, or one names no class.
  public init(_ table: RuleTable, classes: [String], labels: [Int]) throws(RuleError) {
    guard labels.count == table.rowCount else {
      throw RuleError(.count(what: "labels", found: labels.count, expected: table.rowCount))
    }
    try RuleSet.check(classes)
    if let row = labels.firstIndex(where: { !classes.indices.contains($0) }) {
      throw RuleError(.unknownClass("\(labels[row])", row: row + 1, known: classes))
    }
    self.table = table
    self.classes = classes
    self.labels = labels
  }

  /// Reads features and labels to learn from.
  ///
  /// - Parameters:
  ///   - csv: the table.
  ///   - label: the column of the labels, taken out of the features.
  ///   - excluded: further columns that are no features, such as a key.
  ///   - kinds: what some columns hold, by name.
  ///   - units: the units of some columns, by name.
  /// - Throws: `RuleError` as ``RuleTable/init(_:excluding:kinds:units:)``, and `constantLabels` when all rows have the
  ///   same label; `DataError` when a label is missing.
  public init(
    _ csv: CSVTable, label: String, excluding excluded: [String] = [], kinds: [String: Feature.Kind] = [:],
    units: [String: String] = [:]
  ) throws {
    try RuleTable.find(label, in: csv)
    let labels = try csv.labels(inColumn: label)
    guard labels.indices.count > 1 else {
      throw RuleError(
        .tooFew(set: "the table", found: labels.indices.count, needed: 2), at: csv.place)
    }
    guard labels.classNames.count > 1 else {
      throw RuleError(.constantLabels(labels.classNames[0]), at: "\(csv.place): column '\(label)'")
    }
    table = try RuleTable(csv, excluding: excluded + [label], kinds: kinds, units: units)
    classes = labels.classNames
    self.labels = labels.indices
  }

  /// Reads examples to hold known rules against.
  ///
  /// - Parameters:
  ///   - csv: the table.
  ///   - label: the column of the labels.
  ///   - features: the rules' features.
  ///   - classes: the rules' classes; labels may all be equal here.
  /// - Throws: `RuleError` as ``RuleTable/init(_:features:)``, and `unknownClass` for a label that is none of the
  ///   classes.
  public init(
    _ csv: CSVTable, label: String, features: [Feature], classes: [String]
  ) throws(RuleError) {
    try RuleTable.find(label, in: csv)
    try RuleSet.check(classes)
    let positions = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    var labels: [Int] = []
    for (row, name) in RuleTable.fields(label, in: csv).enumerated() {
      guard let position = positions[name] ?? positions[TableField.trimmed(name)] else {
        throw RuleError(
          .unknownClass(String(name.prefix(40)), row: row + 1, known: classes),
          at: "\(csv.place): column '\(label)'")
      }
      labels.append(position)
    }
    table = try RuleTable(csv, features: features)
    self.classes = classes
    self.labels = labels
  }

  /// The examples of the given indices, in that order.
  public func subset(rows: [Int]) -> LabeledTable {
    LabeledTable(unchecked: table.subset(rows: rows), classes, rows.map { labels[$0] })
  }

  private init(unchecked table: RuleTable, _ classes: [String], _ labels: [Int]) {
    self.table = table
    self.classes = classes
    self.labels = labels
  }
}
