internal import Foundation
internal import Noema

/// Rows of a table, with their true classes where these are known.
struct RuleExamples {
  var table: RuleTable
  var labels: [Int]?

  var count: Int { table.rowCount }

  /// The rows of the given indices, in that order.
  func subset(rows: [Int]) -> RuleExamples {
    RuleExamples(table: table.subset(rows: rows), labels: labels.map { labels in rows.map { labels[$0] } })
  }
}

/// The examples of a study of rules.
struct RuleData {
  /// The classes, in the order of the network's outputs.
  let classes: [String]
  /// What rules are extracted from, and what they are judged by.
  private(set) var training, test: RuleExamples
  /// What a reader should know, a sentence each.
  private(set) var remarks: [String] = []
  /// The SHA-256 of both files.
  let hashes: [(name: String, value: String)]

  var features: [Feature] { training.table.features }

  /// The share of the rows that is held out where there is no test table.
  private static let heldOutShare = 0.3

  /// Reads the tables.
  ///
  /// - Parameters:
  ///   - outputCount: the number of classes that the network tells apart; nil where that is not known.
  ///   - names: the names of the classes; nil where only labels name them.
  ///   - skipsMissing: whether rows that lack a value are left out.
  /// - Throws: `RuleError` and `DataError` naming file, column and row of what does not fit.
  init(
    _ options: RuleTableOptions, outputCount: Int?, names: [String]?, skipsMissing: Bool, seed: UInt64
  ) throws {
    let csv = try CSVTable(path: options.data)
    guard csv.rowCount > 1 else {
      throw RuleError(.tooFew(set: "the table", found: csv.rowCount, needed: 2), at: options.data)
    }
    let table = try RuleData.features(of: csv, options)
    var labels: [Int]?
    if let label = options.label {
      let found = try RuleData.classes(csv, label, names, outputCount)
      classes = found.classes
      labels = found.labels
    } else {
      classes = names ?? (0..<(outputCount ?? 2)).map(String.init)
    }
    if let path = options.test {
      let other = try CSVTable(path: path)
      training = RuleExamples(table: table, labels: labels)
      test = try RuleData.examples(other, options.label, table.features, classes)
      hashes = [
        (name: "data sha-256", value: RuleData.hash(options.data)),
        (name: "test sha-256", value: RuleData.hash(path)),
      ]
    } else {
      var random = RandomNumbers(seed: seed)
      let order = random.sample(table.rowCount, below: table.rowCount)
      let count = max(1, Int(RuleData.heldOutShare * Double(table.rowCount)))
      let whole = RuleExamples(table: table, labels: labels)
      training = whole.subset(rows: order.dropFirst(count).sorted())
      test = whole.subset(rows: order.prefix(count).sorted())
      remarks.append("There was no test table; \(count) of \(table.rowCount) rows were held out.")
      hashes = [(name: "data sha-256", value: RuleData.hash(options.data))]
    }
    if skipsMissing { leaveOutMissing() }
    guard test.count > 0, training.count > 0 else {
      throw RuleError(
        .tooFew(
          set: test.count == 0 ? "the test table" : "the training table", found: 0, needed: 1),
        at: options.test ?? options.data)
    }
  }

  /// Examples to hold known rules against.
  static func examples(
    _ csv: CSVTable, _ label: String?, _ features: [Feature], _ classes: [String]
  ) throws -> RuleExamples {
    guard let label else { return RuleExamples(table: try RuleTable(csv, features: features)) }
    let labeled = try LabeledTable(csv, label: label, features: features, classes: classes)
    return RuleExamples(table: labeled.table, labels: labeled.labels)
  }

  /// The SHA-256 of a file; empty where it cannot be read.
  static func hash(_ path: String) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { return "" }
    return data.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
  }

  // MARK: Columns

  private static func features(of csv: CSVTable, _ options: RuleTableOptions) throws -> RuleTable {
    var kinds = try options.kinds()
    for name in options.categorical {
      // Their words are the levels, also where these are numbers.
      kinds[name] = .categorical(levels: try csv.labels(inColumn: name).classNames)
    }
    let outside = options.exclude + (options.label.map { [$0] } ?? [])
    guard let columns = options.columns else {
      return try RuleTable(csv, excluding: outside, kinds: kinds)
    }
    let names = columns.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw RuleError(.duplicatedColumn(twice), at: "--columns")
    }
    let others = csv.columnNames.filter { !names.contains($0) }
    let table = try RuleTable(csv, excluding: others, kinds: kinds)
    let places = Dictionary(uniqueKeysWithValues: table.features.enumerated().map { ($1.name, $0) })
    return table.selecting(
      features: try names.map { name in
        guard let place = places[name] else {
          throw RuleError(
            .missingColumn(name, suggestions: EditDistance.nearest(name, in: csv.columnNames)),
            at: options.data)
        }
        return place
      })
  }

  // MARK: Classes

  /// The classes in the order of the outputs, and the class of each row.
  private static func classes(
    _ csv: CSVTable, _ label: String, _ names: [String]?, _ outputCount: Int?
  ) throws -> (classes: [String], labels: [Int]) {
    guard csv.columnNames.contains(label) else {
      throw RuleError(
        .missingColumn(label, suggestions: EditDistance.nearest(label, in: csv.columnNames)), at: csv.place)
    }
    let found = try csv.labels(inColumn: label)
    let place = "\(csv.place): column '\(label)'"
    guard found.classNames.count > 1 else {
      throw RuleError(.constantLabels(found.classNames.first ?? ""), at: place)
    }
    let classes = try names ?? RuleData.names(found.classNames, outputCount, place)
    let places = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let labels = try found.indices.enumerated().map { row, index in
      guard let place = places[found.classNames[index]] else {
        throw RuleError(
          .unknownClass(String(found.classNames[index].prefix(40)), row: row + 1, known: classes),
          at: "\(csv.place): column '\(label)'")
      }
      return place
    }
    return (classes, labels)
  }

  /// The classes that labels name, which have an order only where there are as many as outputs.
  private static func names(
    _ labels: [String], _ outputCount: Int?, _ place: String
  ) throws(RuleError) -> [String] {
    guard let outputCount, labels.count != outputCount else { return labels }
    let list = labels.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (labels.count > 8 ? ", …" : "")
    guard labels.count < outputCount else {
      throw RuleError(
        .malformed(
          "\(labels.count) classes (\(list)), but the network tells \(outputCount) apart; leave out the rows of other "
            + "classes, or name the column that it was trained for"), at: place)
    }
    guard labels.allSatisfy({ Int($0).map { (0..<outputCount).contains($0) } ?? false }) else {
      throw RuleError(
        .malformed(
          "\(labels.count) classes (\(list)) for the network's \(outputCount); name all of them in the order of the "
            + "outputs with --classes"), at: place)
    }
    return (0..<outputCount).map(String.init)
  }

  // MARK: Missing values

  private mutating func leaveOutMissing() {
    func complete(_ table: RuleTable) -> [Int] {
      let holes = table.features.indices.filter { table.hasMissing($0) }
      return (0..<table.rowCount).filter { row in holes.allSatisfy { !table[row, $0].isNaN } }
    }
    let (rows, tests) = (complete(training.table), complete(test.table))
    let count = training.count - rows.count + test.count - tests.count
    guard count > 0 else { return }
    remarks.append(
      count == 1
        ? "1 row that lacks a value was left out." : "\(count) rows that lack a value were left out.")
    training = training.subset(rows: rows)
    test = test.subset(rows: tests)
  }
}
