internal import ArgumentParser
internal import Foundation
internal import Noema

/// How a table's true classes are learnt.
enum TreeLearner: String, CaseIterable, ExpressibleByArgument {
  case cart, c45
  case c45Rules = "c45-rules"
}

/// What a tree may ask.
struct TreeOptions: ParsableArguments {
  @Option(help: "cart, c45, or c45-rules (the tree's ways as rules that vote).") var learner = TreeLearner
    .cart
  @Option(help: "How impure a node is, cart only: gini or entropy.") var criterion = "gini"
  @Option(help: "Thresholds lie between so many bins of examples, 2 to 255, cart only; all by default.")
  var bins: Int?
  @Option(name: .customLong("max-depth"), help: "The most questions on a way down.") var depth: Int?
  @Option(name: .customLong("max-leaves"), help: "The most leaves, cart only.") var leaves: Int?
  @Option(name: .customLong("min-leaf"), help: "The fewest examples of a leaf.") var minimum: Int?

  func validate() throws {
    guard ["gini", "entropy"].contains(criterion) else {
      throw ValidationError("--criterion is gini or entropy, found '\(criterion)'.")
    }
    let isCART = learner == .cart
    guard isCART || (bins == nil && leaves == nil && criterion == "gini") else {
      throw ValidationError(
        "--bins, --max-leaves and --criterion are for --learner cart, not \(learner.rawValue).")
    }
  }

  /// Learns from a table.
  func fit(_ examples: LabeledTable) throws(RuleError) -> RuleDocument {
    let table = try TrainingTable(examples)
    guard learner != .cart else {
      var cart = CART(
        criterion: criterion == "gini" ? .gini : .entropy, maximumDepth: depth, minimumLeaf: minimum ?? 1,
        maximumLeaves: leaves)
      if let bins { cart.search = .histogram(bins: bins) }
      return .tree(try cart.fit(table))
    }
    var c45 = C45(minimumCases: Double(minimum ?? 2))
    if let depth { c45.maximumDepth = depth }
    return learner == .c45 ? .tree(try c45.fit(table)) : .set(try c45.fitRules(table))
  }

  var record: [String: String] {
    var record = ["learner": learner.rawValue, "min-leaf": "\(minimum ?? (learner == .cart ? 1 : 2))"]
    if learner == .cart { record["criterion"] = criterion }
    for (name, value) in [("bins", bins), ("max-depth", depth), ("max-leaves", leaves)] {
      if let value { record[name] = "\(value)" }
    }
    return record
  }
}

struct RulesFitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Learn a tree or rules from a table's true classes, without a network.",
    discussion: """
      What a network's rules are to be held against: if a plain tree is as right,
      the network is not needed. Writes the rules as text, JSON, PMML, SQL, Python
      and DOT, and how right they are on the test table.

      EXAMPLES
        noema rules fit --data train.csv --test test.csv --label outcome -o tree/
        noema rules fit --data train.csv --label outcome --learner c45-rules \\
          --min-leaf 15 -o rules/
        noema rules diff tree/rules.json out/rules.json --data test.csv
      """)

  @OptionGroup(title: "Tables") var tables: RuleTableOptions
  @OptionGroup(title: "Learning") var learning: TreeOptions
  @Option(help: "The seed by which rows are held out, where there is no test table.") var seed: UInt64 = 7
  @Flag(help: "Print the result as JSON.") var json = false
  @Flag(help: "Print nothing but errors.") var quiet = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func validate() throws {
    guard tables.label != nil else {
      throw ValidationError("Name the column of true classes with --label.")
    }
    guard tables.mean == nil else {
      throw ValidationError("--mean and --std are for networks; a tree asks about columns as they are.")
    }
  }

  func run() throws {
    let data = try RuleData(
      tables, outputCount: nil, names: try tables.classes.map { _ in try tables.classNames(model: "") ?? [] },
      skipsMissing: false, seed: seed)
    let examples = try LabeledTable(
      data.training.table, classes: data.classes, labels: data.training.labels ?? [])
    var result: FittedRules?
    try ResultFolder.make(at: out) { folder in
      let start = ContinuousClock().now
      let document = try learning.fit(examples)
      let time = seconds(since: start)
      let refusals = try document.writeExports(named: tables.label ?? "", into: folder)
      let found = try FittedRules(
        document, data, tables: tables, settings: learning.record, seconds: time)
      try folder.write(try jsonText(found), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if !json, !quiet { for refusal in refusals { print("note: \(refusal)") } }
      result = found
    }
    guard let result else { return }
    if json { return print(try jsonText(result), terminator: "") }
    if !quiet { print(result.text + "\nwrote \(out)") }
  }
}

/// How right rules are that were learnt from true classes.
private struct FittedRules: Encodable {
  let schema = "noema.rules.fit/1"
  let classes: [String]
  /// The number of examples of each table.
  let trainingCount, testCount: Int
  let size: RuleSize
  /// The share of the test examples with the true class, and what the training table's commonest class would reach.
  let accuracy: Estimate
  let majorityAccuracy: Double
  let settings, data: [String: String]
  let remarks: [String]
  /// Of learning alone.
  let seconds: Double
  let versions = ["noema": noemaVersion]

  init(
    _ document: RuleDocument, _ found: RuleData, tables: RuleTableOptions, settings: [String: String],
    seconds: Double
  ) throws {
    classes = found.classes
    (trainingCount, testCount) = (found.training.count, found.test.count)
    size =
      switch document {
      case .set(let rules): RuleSize(rules)
      case .list(let list): RuleSize(list)
      case .tree(let tree): RuleSize(tree)
      }
    let truth = found.test.labels ?? []
    let answers = try document.model.labels(on: found.test.table)
    accuracy = .share(zip(answers, truth).count { $0 == $1 }, of: truth.count)
    var counts = found.classes.map { _ in 0 }
    for label in found.training.labels ?? [] { counts[label] += 1 }
    let commonest = counts.firstIndex(of: counts.max() ?? 0) ?? 0
    majorityAccuracy = Double(truth.count { $0 == commonest }) / Double(max(1, truth.count))
    self.settings = settings
    var data = Dictionary(found.hashes.map { ($0.name, $0.value) }) { first, _ in first }
    (data["path"], data["test"]) = (tables.data, tables.test)
    self.data = data
    remarks = found.remarks
    self.seconds = seconds
  }

  var text: String {
    let rows = [
      ["on \(testCount) test examples", "", "95 % interval"],
      [
        "accuracy of the rules", RuleSummary.percent(accuracy.value),
        "\(RuleSummary.percent(accuracy.lower)) to \(RuleSummary.percent(accuracy.upper))",
      ],
      ["the commonest class", RuleSummary.percent(majorityAccuracy), ""],
      ["rules", "\(size.rules)", "of \(NumberText.fixed(size.meanTerms, 1)) terms on average"],
      ["seconds to learn", NumberText.fixed(seconds, 2), "from \(trainingCount) examples"],
    ]
    return ([alignedTable(rows, rightAligned: [1])] + remarks.map { "note: \($0)" }).joined(separator: "\n")
  }
}
