internal import ArgumentParser
internal import Foundation
internal import Noema

/// The tables of a study of rules, and what their columns are.
struct RuleTableOptions: ParsableArguments {
  @Option(help: "The table to extract from: .csv with a header.") var data: String
  @Option(help: "The table to judge by; without it, 30 % of the rows of --data.") var test: String?
  @Option(help: "The column of true classes; without it, all columns are inputs.") var label: String?
  @Option(help: "The input columns in the order of the network, with commas between; all by default.")
  var columns: String?
  @Option(parsing: .upToNextOption, help: "Columns that are no inputs, such as a key.") var exclude:
    [String] =
      []
  @Option(parsing: .upToNextOption, help: "Columns of numbers that are names of categories.")
  var categorical: [String] = []
  @Option(parsing: .upToNextOption, help: "Columns that hold whole numbers only.") var integer: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: "Categories with their levels in the network's order: region=north,east,south.")
  var levels: [String] = []
  @Option(
    parsing: .upToNextOption, help: "Columns of ordered words, lowest first: size=small,medium,large.")
  var ordinal: [String] = []
  @Option(help: "A file of class names, one a line, in the order of the outputs.") var classes: String?
  @Option(
    name: .customLong("model-card"), help: "Names the classes; MODEL.yaml beside the model by default.")
  var modelCard: String?
  @Option(help: "What is subtracted from each input column, where the network does not do so itself.")
  var mean: String?
  @Option(help: "What each input column is then divided by.") var std: String?

  func validate() throws {
    if columns != nil, !exclude.isEmpty {
      throw ValidationError("--columns names the inputs, so that nothing is left to --exclude.")
    }
    _ = try kinds()
    if (mean == nil) != (std == nil) {
      throw ValidationError("Give --mean and --std together, a number for each input column.")
    }
  }

  /// The names of the classes that a file or a card gives; nil for none.
  func classNames(model: String) throws -> [String]? {
    if let classes {
      guard let text = try? String(contentsOfFile: classes, encoding: .utf8) else {
        throw DataError(.missingFile, at: classes)
      }
      return text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let card = try modelCard.map { try ModelCard(path: $0) } ?? ModelCard.beside(model: model)
    return card.flatMap { $0.classNames.isEmpty ? nil : $0.classNames }
  }

  /// How columns are scaled before the network reads them; nil for as they are.
  func scaling() throws -> [ColumnScaling]? {
    guard let mean, let std else { return nil }
    let (means, scales) = (try numbers(mean, "--mean"), try numbers(std, "--std"))
    guard means.count == scales.count else {
      throw ValidationError("--mean has \(means.count) numbers and --std \(scales.count).")
    }
    return zip(means, scales).map { ColumnScaling(mean: $0, scale: $1) }
  }

  private func numbers(_ text: String, _ flag: String) throws -> [Double] {
    let values = text.split(separator: ",").compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard !values.isEmpty, values.count == text.split(separator: ",").count else {
      throw ValidationError("\(flag) expects numbers with commas between, found '\(text)'.")
    }
    return values
  }

  /// What the columns hold where it is said, but for `categorical`, whose levels stand in the table.
  ///
  /// - Throws: `ValidationError` for levels that are none, and for a column that is said to be two things.
  func kinds() throws -> [String: Feature.Kind] {
    var found = integer.map { ($0, Feature.Kind.integer) }
    found += try levels.map { try RuleTableOptions.levels($0, "--levels", Feature.Kind.categorical) }
    found += try ordinal.map { try RuleTableOptions.levels($0, "--ordinal", Feature.Kind.ordinal) }
    let names = found.map(\.0) + categorical
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw ValidationError(
        "The column '\(twice)' is named twice among --integer, --categorical, --levels and --ordinal.")
    }
    return Dictionary(uniqueKeysWithValues: found)
  }

  private static func levels(
    _ text: String, _ flag: String, _ kind: ([String]) -> Feature.Kind
  ) throws -> (String, Feature.Kind) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    let levels = parts.count == 2 ? parts[1].split(separator: ",").map { $0.trimmed } : []
    guard levels.count >= 2, Set(levels).count == levels.count, !levels.contains("") else {
      throw ValidationError("\(flag) expects COLUMN=LEVEL,LEVEL,… of two or more levels, found '\(text)'.")
    }
    return (parts[0].trimmed, kind(levels))
  }

  /// The settings that a report shows.
  var record: [(name: String, value: String)] {
    var record = [
      (name: "data", value: data), (name: "test", value: test ?? "30 % of the data"),
      (name: "label", value: label ?? "none"), (name: "columns", value: columns ?? "all"),
    ]
    for (name, columns) in [("levels", levels), ("ordinal", ordinal)] where !columns.isEmpty {
      record.append((name: name, value: columns.joined(separator: "; ")))
    }
    if !exclude.isEmpty { record.append((name: "exclude", value: exclude.joined(separator: ", "))) }
    if let mean, let std { record += [(name: "mean", value: mean), (name: "std", value: std)] }
    return record
  }
}

extension StringProtocol {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
