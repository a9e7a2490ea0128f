internal import NoemaTensor

/// What would have to be different about one example for a network to give it another class.
///
/// Thresholds of a tree that says what the network says cut each feature into parts. Values of the parts, taken from
/// the examples, are put into the row and the network itself is asked, first with one feature changed, then with two,
/// and so on; so a set of changes that is found needs all of them. Each comes with the parts that it moves into, and
/// how often the network agrees anywhere in them.
///
/// ```swift
/// var question = CounterfactualRules()
/// question.target = "granted"
/// question.immutable = ["age"]
/// question.directions = ["savings": .increasing]
/// let answer = try question.explain(row, of: network, examples: table)
/// ```
///
/// Values are never changed to missing. A network that names one class throughout gives nothing to find, and a remark.
///
/// - Source: Wachter, Mittelstadt and Russell, "Counterfactual explanations without opening the black box", 2017, for
///   distances in median absolute deviations.
public struct CounterfactualRules: Sendable, Hashable, Codable {
  /// Which way a feature may change.
  public enum Direction: String, Sendable, Hashable, Codable {
    /// To greater values.
    case increasing
    /// To lesser values.
    case decreasing
  }

  /// The class that is wanted, by name; nil for any but the present one.
  public var target: String?
  /// The features that cannot change, by name.
  public var immutable: [String] = []
  /// The features that can change one way only, by name; a missing value may change to any.
  public var directions: [String: Direction] = [:]
  /// The most changes.
  public var maximumChanges = 4
  /// The most counterfactuals; the first ones by number of changes and distance.
  public var maximumResults = 20
  /// How many values of each part of a feature are tried.
  public var valuesPerCell = 3
  /// The most changed examples that the oracle is asked about in the search.
  public var questionLimit = 50_000
  /// The values drawn to see how often the oracle agrees with a clause.
  public var verificationCount = 200
  /// How the tree is made whose thresholds guide the search, when no rules are given.
  public var distillation: DistilledTree
  /// The seed of the values drawn.
  public var seed: UInt64 = 0

  /// Makes a question with the defaults.
  public init() {
    distillation = DistilledTree()
    distillation.maximumLeaves = 64
  }

  /// Searches the smallest sets of changes.
  ///
  /// - Parameters:
  ///   - row: the example, one value a feature, NaN where missing.
  ///   - oracle: what is explained.
  ///   - examples: rows like those that it will be asked about; values, ranges and deviations are theirs.
  ///   - guide: rules whose thresholds cut the features; a tree is distilled when nil.
  /// - Throws: `RuleError.parameters` for settings out of range, `.missingColumn` for a feature that does not exist,
  ///   `.tooFew` for no examples, others when row, examples, guide or answers do not fit the oracle; and what asking
  ///   throws.
  /// - Complexity: at most ``questionLimit`` answers and ``verificationCount`` for each result, beside distilling.
  public func explain(
    _ row: [Double], of oracle: any TableOracle, examples: RuleTable, guide: (any RuleModel)? = nil
  ) throws -> Counterfactuals {
    try check(oracle)
    try examples.checkNotEmpty()
    try examples.check(matches: oracle.features)
    let own = try RuleTable(features: oracle.features, rows: [row])
    let label = try OracleAnswers(of: oracle, on: own).labels[0]
    let wanted = target.flatMap { oracle.classes.firstIndex(of: $0) }
    if wanted == label {
      let remark = "The oracle gives the row the class '\(oracle.classes[label])' already."
      return Counterfactuals(
        label: label, found: [], completeSize: 0, questionCount: 0, isTruncated: false, remarks: [remark])
    }
    let guide = try guide ?? distillation.extract(from: oracle, examples: examples).model
    try RuleTable(unchecked: guide.features, rowCount: 0, values: []).check(matches: oracle.features)
    try RuleError.require(
      guide.classes == oracle.classes,
      "the rules that guide the search need the oracle's classes, found \(guide.classes)")
    let grid = ChangeGrid(row, guide.terms, examples, valuesPerCell: valuesPerCell) {
      mayChange(oracle.features[$0].name, from: row[$0], to: $1)
    }
    var search = CounterfactualSearch(oracle, grid, row, limit: questionLimit) { candidate in
      wanted.map { $0 == candidate } ?? (candidate != label)
    }
    let completeSize = try run(&search, guide, label: label, wanted: wanted)
    let hits = search.sortedHits()
    var found: [Counterfactual] = []
    for (index, hit) in hits.prefix(maximumResults).enumerated() {
      let random = RandomNumbers(seed: seed).split(index)
      found.append(try counterfactual(hit, row, oracle, grid, wanted: wanted, label: label, random: random))
    }
    return Counterfactuals(
      label: label, found: found, completeSize: completeSize, questionCount: search.questionCount,
      isTruncated: search.isTruncated || hits.count > maximumResults,
      remarks: remarks(oracle, grid, found: hits.count, completeSize, label: label, search.isTruncated))
  }
}

// MARK: Steps
extension CounterfactualRules {
  /// Tries more and more changes; the number up to which all were tried.
  private func run(
    _ search: inout CounterfactualSearch, _ guide: any RuleModel, label: Int, wanted: Int?
  ) throws -> Int {
    for size in 1...maximumChanges {
      if search.hits.count >= maximumResults { return size - 1 }
      if try !search.tryAll(size: size) {
        let clauses = CounterfactualRules.rules(guide).filter { rule in
          wanted.map { rule.conclusion == .label($0) } ?? (rule.conclusion != .label(label))
        }
        try search.tryClauses(clauses.map(\.clause), sizes: size...maximumChanges)
        return size - 1
      }
    }
    return maximumChanges
  }

  private static func rules(_ model: any RuleModel) -> [Rule] {
    switch model {
    case let tree as DecisionTree: (try? tree.with(.defaultChild).ruleSet(clauseLimit: 10_000))?.rules ?? []
    case let list as RuleList: list.rules
    case let set as RuleSet: set.rules
    default: []
    }
  }

  private func mayChange(_ name: String, from old: Double, to new: Double) -> Bool {
    if immutable.contains(name) { return false }
    guard let direction = directions[name], !old.isNaN else { return true }
    return direction == .increasing ? new > old : new < old
  }

  /// A way that works, with what the oracle says elsewhere in its parts.
  private func counterfactual(
    _ hit: CounterfactualSearch.Hit, _ row: [Double], _ oracle: any TableOracle, _ grid: ChangeGrid,
    wanted: Int?,
    label: Int, random: RandomNumbers
  ) throws -> Counterfactual {
    let options = hit.options.map { grid.options[$0] }
    let cells = options.map { grid.cells[$0.cell] }
    var random = random
    // Where only one value is possible, one answer tells all.
    let isSingle = cells.allSatisfy { $0.range.lowerBound == $0.range.upperBound }
    let draws: [[(feature: Int, value: Double)]] = (0..<(isSingle ? 1 : verificationCount)).map { _ in
      zip(options, cells).map { option, cell in
        (feature: option.feature, value: draw(cell, of: oracle.features[option.feature], using: &random))
      }
    }
    let count = try CounterfactualSearch.labels(oracle, row, changes: draws).count {
      answer in wanted.map { $0 == answer } ?? (answer != label)
    }
    let share = Estimate.share(count, of: draws.count)
    return Counterfactual(
      changes: options.map {
        Counterfactual.Change(
          feature: $0.feature, from: row[$0.feature], to: $0.value, distance: $0.distance)
      },
      clause: Clause(conditions: cells.map(\.condition)).canonical(in: oracle.features), label: hit.label,
      distance: hit.distance,
      verification: isSingle
        ? Estimate(value: share.value, lower: share.value, upper: share.value, count: 1) : share)
  }

  /// A value of a part within the examples' range, all alike.
  private func draw(
    _ cell: ChangeGrid.Cell, of feature: Feature, using random: inout RandomNumbers
  ) -> Double {
    let (lower, upper) = (cell.range.lowerBound, cell.range.upperBound)
    guard lower < upper else { return upper }
    let share = random.uniform()
    guard feature.isDiscrete else { return lower * share + upper * (1 - share) }
    return min(upper, lower + ((upper - lower + 1) * share).rounded(.down))
  }

  private func remarks(
    _ oracle: any TableOracle, _ grid: ChangeGrid, found: Int, _ completeSize: Int, label: Int,
    _ isTruncated: Bool
  ) -> [String] {
    let name = oracle.classes[label]
    guard !grid.options.isEmpty else {
      return [
        "No feature may change to a value that the guiding rules tell from the row's, so nothing was tried; the oracle "
          + "may give the class '\(name)' to all examples."
      ]
    }
    let changes = completeSize == 1 ? "1 change" : "\(completeSize) changes"
    var remarks = [
      "Of up to \(changes), all sets were tried among \(grid.options.count) values that the guiding rules' thresholds "
        + "tell from the row's."
    ]
    if isTruncated {
      remarks.append(
        "The limit of \(questionLimit) questions forbade to try all sets of more changes; those that the rules suggest "
          + "were tried.")
    }
    if found == 0 {
      remarks.append(
        "None of them changes the class '\(name)'\(target.map { " to '\($0)'" } ?? ""); allow more changes, or other "
          + "features.")
    }
    return remarks
  }
}

// MARK: Checks
extension CounterfactualRules {
  private func check(_ oracle: any TableOracle) throws(RuleError) {
    let names = oracle.features.map(\.name)
    for name in immutable + directions.keys.sorted() where !names.contains(name) {
      throw RuleError(.missingColumn(name, suggestions: EditDistance.nearest(name, in: names)))
    }
    for feature in oracle.features where directions[feature.name] != nil && !feature.isOrdered {
      throw RuleError(
        .parameters(
          "'\(feature.name)' is a category, whose values neither rise nor fall; leave its direction out"))
    }
    if let target, !oracle.classes.contains(target) {
      throw RuleError(
        .parameters(
          "the oracle has no class '\(target)'; its classes are "
            + oracle.classes.prefix(8).map { "'\($0)'" }.joined(separator: ", ")))
    }
    try RuleError.require(
      (1...10).contains(maximumChanges), "the changes must be 1 to 10, found \(maximumChanges)")
    try RuleError.require(maximumResults >= 1, "the results must be 1 or more, found \(maximumResults)")
    try RuleError.require(
      (1...100).contains(valuesPerCell), "the values of a part must be 1 to 100, found \(valuesPerCell)")
    try RuleError.require(questionLimit >= 1, "the questions must be 1 or more, found \(questionLimit)")
    try RuleError.require(
      verificationCount >= 1, "the values drawn must be 1 or more, found \(verificationCount)")
  }
}
