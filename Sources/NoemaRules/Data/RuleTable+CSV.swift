internal import NoemaTensor
public import NoemaData

extension RuleTable {
  /// Reads the columns of a table as features.
  ///
  /// A column whose every field is a number or missing is numeric, another one categorical with its words as levels
  /// (in numeric order when all are integers, else in the order of their bytes), unless `kinds` says otherwise. Empty
  /// fields, `NA`, `N/A`, `NaN`, `null` and `?` are missing values, in any case; in a column of numbers so are `none`,
  /// `-` and `.`. A word that the feature lists as a level is that level.
  ///
  /// - Parameters:
  ///   - table: the table.
  ///   - excluded: columns that are no features, such as the label.
  ///   - kinds: what some columns hold, by name.
  ///   - units: the units of some columns, by name.
  /// - Throws: `RuleError` when a column named does not exist or has no value in any row, or a field does not fit the
  ///   kind; `DataError` never for a table that was read.
  public init(
    _ table: CSVTable, excluding excluded: [String] = [], kinds: [String: Feature.Kind] = [:],
    units: [String: String] = [:]
  ) throws(RuleError) {
    let names = table.columnNames.filter { !excluded.contains($0) }
    for name in excluded + kinds.keys.sorted() + units.keys.sorted() { try RuleTable.find(name, in: table) }
    guard !names.isEmpty else {
      throw RuleError(.count(what: "feature columns", found: 0, expected: 1), at: table.place)
    }
    var features: [Feature] = []
    var values: [Double] = []
    values.reserveCapacity(names.count * table.rowCount)
    for name in names {
      var feature = Feature(name, unit: units[name])
      if let kind = kinds[name] { feature.kind = kind }
      if feature.levels == nil, let numbers = RuleTable.numbers(feature, in: table) {
        values += numbers
        features.append(feature)
        continue
      }
      let fields = RuleTable.fields(name, in: table)
      if kinds[name] == nil { feature.kind = TableField.kind(of: fields) }
      guard fields.contains(where: { !TableField.isMissing($0, in: feature) }) else {
        throw RuleError(.allMissing(column: name), at: table.place)
      }
      try TableField.read(fields, as: feature, place: table.place, into: &values)
      features.append(feature)
    }
    try Feature.check(features, at: table.place)
    self.init(unchecked: features, rowCount: table.rowCount, values: values)
  }

  /// Reads a table against known features: those of the rules, or of the training table. Other columns are ignored,
  /// and the order of columns is the features'.
  ///
  /// - Throws: `RuleError` when a column does not exist, a category is none of the feature's, or a field is no number;
  ///   `.unsupported` when what is missing is read off a network.
  public init(_ table: CSVTable, features: [Feature]) throws(RuleError) {
    try Feature.check(features)
    var values: [Double] = []
    values.reserveCapacity(features.count * table.rowCount)
    for feature in features {
      try RuleTable.checkIsColumn(feature, of: table)
      try RuleTable.find(feature.name, in: table)
      if feature.levels == nil, let numbers = RuleTable.numbers(feature, in: table) {
        values += numbers
      } else {
        try TableField.read(
          RuleTable.fields(feature.name, in: table), as: feature, place: table.place, into: &values)
      }
    }
    self.init(unchecked: features, rowCount: table.rowCount, values: values)
  }

  /// A column of numbers none of which is missing, read without a detour over text; nil of any other column.
  private static func numbers(_ feature: Feature, in table: CSVTable) -> [Double]? {
    guard let numbers = try? table.matrix(columns: [feature.name]).elements,
      numbers.allSatisfy({ feature.admits($0) })
    else { return nil }
    return numbers
  }

  /// The fields of a column that exists.
  static func fields(_ name: String, in table: CSVTable) -> [String] {
    (try? table.text(inColumn: name)) ?? []
  }

  /// Says of a column that does not exist that it never was one.
  private static func checkIsColumn(_ feature: Feature, of table: CSVTable) throws(RuleError) {
    guard let origin = feature.origin, !table.columnNames.contains(feature.name) else { return }
    throw RuleError(
      .unsupported(
        "the rules read '\(feature.name)', which is no column but \(origin); only the network can tell it: extract the "
          + "rules again with --model and the new examples as --test, or give a table of scores like scores.csv"
      ),
      at: table.place)
  }

  static func find(_ name: String, in table: CSVTable) throws(RuleError) {
    guard table.columnNames.contains(name) else {
      throw RuleError(
        .missingColumn(name, suggestions: EditDistance.nearest(name, in: table.columnNames)), at: table.place)
    }
  }
}

/// Fields of a text table as values of a feature.
enum TableField {
  private static let missing: Set<String> = ["", "na", "n/a", "nan", "null", "?"]
  private static let missingNumbers: Set<String> = missing.union(["none", "-", "."])

  /// Whether a field stands for a missing value of the feature.
  static func isMissing(_ field: String, in feature: Feature) -> Bool {
    let text = trimmed(field)
    if let levels = feature.levels { return missing.contains(text.lowercased()) && !levels.contains(text) }
    return missingNumbers.contains(text.lowercased())
  }

  /// The kind that a column's fields suggest: numeric when all are numbers or missing, else categorical.
  static func kind(of fields: [String]) -> Feature.Kind {
    let numeric = fields.allSatisfy { field in
      let text = trimmed(field)
      return number(text) != nil || missingNumbers.contains(text.lowercased())
    }
    if numeric { return .numeric }
    return .categorical(
      levels: ordered(Set(fields.map(trimmed).filter { !missing.contains($0.lowercased()) })))
  }

  /// Words in numeric order when all are integers, else in the order of their bytes.
  static func ordered(_ words: Set<String>) -> [String] {
    let numbers = words.compactMap { word in Int(word).map { ($0, word) } }
    guard numbers.count == words.count else {
      return words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    return numbers.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.1)
  }

  /// Appends the values of a column.
  static func read(
    _ fields: [String], as feature: Feature, place: String, into values: inout [Double]
  ) throws(RuleError) {
    let levels = feature.levels.map { Dictionary(uniqueKeysWithValues: $0.enumerated().map { ($1, $0) }) }
    for (row, field) in fields.enumerated() {
      let text = trimmed(field)
      if let levels {
        if let level = levels[text] {
          values.append(Double(level))
        } else if isMissing(text, in: feature) {
          values.append(.nan)
        } else {
          throw RuleError(
            .unseenCategory(
              String(text.prefix(40)), column: feature.name, row: row + 1, known: feature.levels ?? []),
            at: place)
        }
      } else if let value = number(text), feature.admits(value) {
        values.append(value)
      } else if isMissing(text, in: feature) {
        values.append(.nan)
      } else {
        throw RuleError(
          .notNumber(
            String(text.prefix(40)), column: feature.name, row: row + 1, expected: feature.expectation),
          at: place)
      }
    }
  }

  /// A finite number in decimal digits; nil of anything else, also of hexadecimal numbers and infinities, which
  /// `Double` would read.
  static func number(_ text: String) -> Double? {
    let isDecimal = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"),
        UInt8(ascii: "E"):
        true
      default: false
      }
    }
    guard isDecimal, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  static func trimmed(_ field: String) -> String {
    guard let first = field.utf8.first, let last = field.utf8.last else { return field }
    // Most fields have no blanks around them.
    if first > 0x20, last > 0x20 { return field }
    let head = field.drop(while: \.isWhitespace)
    return String(head.prefix(head.count - head.reversed().prefix(while: \.isWhitespace).count))
  }
}
