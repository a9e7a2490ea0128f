internal import ArgumentParser
internal import Foundation
internal import Noema

struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Extract the rules that a network follows over a table or over concepts, and judge them.",
    discussion: """
      Writes the rules as text, JSON, PMML, SQL, Python and DOT, a drawn tree, and a
      page with the rules, how well they stand for the network on the test table,
      which examples they get wrong, and which rules fire for a row.
      `noema help rules extract` lists the options, `noema help rules concepts` those
      of rules over concepts and hidden units, which --concepts and --units ask for.

      EXAMPLES
        noema rules --model net.onnx --data train.csv --test test.csv \\
          --label outcome -o out/
        noema rules --model net.onnx --data train.csv --test test.csv \\
          --label outcome --method eclaire --max-rules 20 -o out/
        noema rules --model net.onnx --data photos --concepts concepts \\
          --random photos/random --layer layer4 -o out/
        noema rules apply out/rules.json --data new.csv
        noema rules diff a/rules.json b/rules.json --data test.csv
      """,
    subcommands: [
      RulesExtractCommand.self, RulesConceptsCommand.self, RulesFitCommand.self, RulesApplyCommand.self,
      RulesDiffCommand.self,
    ],
    defaultSubcommand: RulesExtractCommand.self)

  /// The arguments with the job that is meant: flags of concepts ask for `noema rules concepts`.
  static func routed(_ arguments: [String]) -> [String] {
    guard arguments.first == configuration.commandName, arguments.dropFirst().first?.hasPrefix("-") ?? false
    else { return arguments }
    let isMeant = arguments.contains { argument in
      ["--concepts", "--units"].contains { argument == $0 || argument.hasPrefix($0 + "=") }
    }
    return isMeant ? ["rules", "concepts"] + arguments.dropFirst() : arguments
  }
}

struct RulesExtractCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Extract rules; `noema rules` without a further word does this.",
    discussion: """
      METHODS
        tree       a tree distilled from answers to examples and generated queries
        rules      that tree's ways as rules that vote, simplified
        trepan     a tree of m-of-n questions
        list       rules in an order (RIPPER)
        ensemble   a sparse sum of rules (RuleFit)
        anchors    rules that hold one prediction fast, picked to cover the table
        soft-tree  a tree distilled from a soft tree, which is written beside it
        eclaire, rem-d, deepred, cred    by way of the hidden layers
        rem-t      rules from the true classes, to hold the others against
      """)

  @Option(help: "The ONNX file.") var model: String
  @OptionGroup(title: "Tables") var tables: RuleTableOptions
  @OptionGroup var options: RunOptions
  @Option(help: "How rules are extracted.", transform: RuleMethod.named) var method = RuleMethod.tree
  @OptionGroup var asked: RuleStudyOptions
  @Option(help: "The number of generated queries; the method's own by default.") var queries: Int?
  @Option(
    name: .customLong("min-cases"),
    help:
      "The fewest rows of a leaf, below 1 a share of the examples; the method's own by default."
  )
  var minimumCases: Double?
  @Option(help: "The depth of a soft tree.") var depth = 4
  @Option(
    parsing: .upToNextOption,
    help: "The hidden layers that eclaire, rem-d, deepred and cred look at; dense ones by default.")
  var layers: [String] = []
  @Option(help: "The network's output that holds the classes; the first of floats by default.")
  var output: String?

  func validate() throws {
    if let queries, queries < 1 { throw ValidationError("--queries must be 1 or more, found \(queries).") }
    guard queries == nil || method.asksQueries else {
      throw ValidationError("--method \(method.rawValue) generates no queries, so --queries says nothing.")
    }
    if let minimumCases {
      guard method.growsLeaves else {
        throw ValidationError("--method \(method.rawValue) grows no trees, so --min-cases says nothing.")
      }
      guard minimumCases > 0, minimumCases <= 1e9 else {
        throw ValidationError(
          "--min-cases must be a share above 0 or a number of rows, found \(minimumCases).")
      }
    }
    guard tables.label != nil || method != .remT else {
      throw ValidationError("--method rem-t learns from true classes; name their column with --label.")
    }
    guard layers.isEmpty || method.looksInside else {
      throw ValidationError(
        "--layers is for methods that look inside; --method \(method.rawValue) asks only.")
    }
  }

  func run() throws { _ = try study() }

  /// Runs the study and writes it.
  ///
  /// - Parameter isPrinting: whether what was found is printed, unless the flags say not to.
  func study(isPrinting: Bool = true) throws -> RulesReport {
    let start = ContinuousClock().now
    let (network, data, oracle) = try material()
    let progress = options.progress()
    var found: RulesReport?
    // The place is claimed before the work is done.
    try ResultFolder.make(at: asked.out) { folder in
      let (report, softTree) = try report(network, data, oracle, progress)
      let run = RunRecord(
        LoadedModel(
          network: network, preprocessing: nil, classNames: data.classes, shapes: [:], isGuess: false),
        data: dataRecord(data),
        settings: Dictionary(record.map { ($0.name, $0.value) }) { first, _ in first }, seed: asked.seed,
        timings: ["study": seconds(since: start)])
      let refusals = try RulesPage(report).write(into: folder, run: run)
      if let softTree {
        try folder.write(try jsonText(softTree), to: "soft-tree.json")
        try folder.write(softTree.text(), to: "soft-tree.txt")
        try folder.write(softTree.graphviz(), to: "soft-tree.dot")
      }
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if isPrinting { try say(report, refusals, start) }
      found = report
    }
    // The body ran, or an error would have been thrown.
    return found!
  }

  // MARK: Steps

  /// Opens the network and the tables, and fits one to the other.
  private func material() throws -> (network: Network, data: RuleData, oracle: TableNetwork) {
    let network = try Network(contentsOf: model)
    if !network.unsupportedOperators.isEmpty {
      throw GraphError(.unsupportedOperators(network.unsupportedOperators), at: model)
    }
    var names = try tables.classNames(model: model)
    if names == nil, !network.classNames.isEmpty { names = network.classNames }
    // One score tells two classes apart; what an open shape hides is asked when the table is known.
    let scores = try? network.classCount()
    let data = try RuleData(
      tables, outputCount: output == nil ? scores.map { max(2, $0) } : nil, names: names,
      skipsMissing: options.skipBad, seed: asked.seed)
    let oracle = try TableNetwork(
      network, features: data.features, classes: data.classes, output: output,
      layers: layers.isEmpty ? nil : layers, scaling: try tables.scaling(),
      memory: try options.memoryBudget() / 2)
    if method.looksInside, oracle.layers.isEmpty {
      throw RuleError(
        .unsupported(
          "--method \(method.rawValue) looks at dense hidden layers, and there are none; name layers with --layers, or "
            + "take a method that only asks, as tree"), at: model)
    }
    return (network, data, oracle)
  }

  private func report(
    _ network: Network, _ data: RuleData, _ oracle: TableNetwork, _ progress: ProgressBar
  ) throws -> (report: RulesReport, softTree: SoftTree?) {
    var extraction = RuleExtraction(method: method, queries: queries)
    (extraction.depth, extraction.minimumCases) = (depth, minimumCases)
    var study = RuleStudy(oracle: oracle, extraction: extraction, training: data.training, seed: asked.seed)
    (study.sizes, study.rounds) = (try asked.sizes(), !asked.isExact)
    // Asked first, so that rows that the network cannot read are named before the work.
    let probabilities = try oracle.probabilities(of: data.test.table)
    let answers = try oracle.labels(of: data.test.table)
    let own = try oracle.labels(of: data.training.table)
    let curve = try study.curve { progress($0, $1, $2) }
    let limit = asked.maximum.chosen(by: curve)
    let rules = try study.rules(maximum: limit)
    var record = try RulesRecord(
      method: method.rawValue, rules.document, on: data.test.table, network: answers,
      probabilities: probabilities, truth: data.test.labels, seed: asked.seed)
    record.curve = curve?.curve
    record.stability = try study.stability(
      of: rules.document, maximum: limit, repeats: asked.repeats, on: data.test.table
    ) { progress($0, $1, $2) }
    record.isTruncated = rules.isTruncated && asked.maximum.isAsked
    record.remarks = rules.remarks + data.remarks
    var report = RulesReport(
      title: "Rules of \((model as NSString).lastPathComponent)", record: record, document: rules.document,
      table: data.test.table, network: answers, truth: data.test.labels)
    report.drawn = (table: data.training.table, network: own)
    report.settings = self.record + [(name: "noema", value: noemaVersion)]
    report.hashes = [(name: "model sha-256", value: network.hash)] + data.hashes
    report.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
    if Set(answers + own).count == 1 {
      report.warnings.append(
        "The network says '\(data.classes[answers[0]])' of every example, so there is nothing to tell apart.")
    }
    return (report, rules.softTree)
  }

  // MARK: Words

  private var record: [(name: String, value: String)] {
    let queries = queries.map { "\($0)" } ?? "the method's own"
    let layers = layers.isEmpty ? "dense" : layers.joined(separator: ", ")
    let own = [
      (name: "method", value: method.rawValue),
      (name: "queries", value: queries), (name: "layers", value: layers),
      (name: "min-cases", value: minimumCases.map { "\($0)" } ?? "the method's own"),
    ]
    return own + asked.record + tables.record
  }

  private func dataRecord(_ data: RuleData) -> [String: String] {
    var record = ["path": tables.data]
    record["test"] = tables.test
    for (name, value) in data.hashes { record[name] = value }
    return record
  }

  private func say(
    _ report: RulesReport, _ refusals: [String], _ start: ContinuousClock.Instant
  ) throws {
    if options.json { return print(try jsonText(report.record), terminator: "") }
    guard !options.quiet else { return }
    print(RuleSummary(report: report).text)
    for refusal in refusals { print("note: \(refusal)") }
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(asked.out)/report.html")
  }
}
