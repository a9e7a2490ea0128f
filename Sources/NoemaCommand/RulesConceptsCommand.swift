internal import ArgumentParser
internal import Foundation
internal import Noema

struct RulesConceptsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concepts",
    abstract: "Extract rules over concepts and hidden units, for images, texts and rows.",
    discussion: """
      `noema rules` with --concepts or --units does this, too. Writes the files of
      `noema rules extract`, with scores.csv: the test examples as rules see them.
      Rules are learnt from the examples of --data alone, so --method is one of
      tree, rules, list, ensemble and soft-tree.

      EXAMPLES
        noema rules --model net.onnx --data photos --test held-out \\
          --concepts concepts/textures --concept striped dotted \\
          --random photos/random --layer layer4 --pool mean -o out/
        noema rules --model net.onnx --data photos.npy --units relu3 \\
          --method tree --max-rules 8 -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @Option(help: "Other data to judge the rules by; without it, 30 % of --data.") var test: String?
  @OptionGroup(title: "Concepts") var concepts: ConceptRuleOptions
  @OptionGroup var options: RunOptions
  @Option(help: "How rules are extracted.", transform: RuleMethod.named) var method = RuleMethod.rules
  @OptionGroup var asked: RuleStudyOptions
  @Option(help: "The network's output that holds the classes; the main one by default.") var output: String?

  func validate() throws {
    guard [.tree, .rules, .list, .ensemble, .softTree].contains(method) else {
      throw ValidationError(
        "--method \(method.rawValue) asks about rows that no example has, or looks at the layers behind a table; over "
          + "concepts take tree, rules, list, ensemble or soft-tree.")
    }
  }

  func run() throws {
    let start = ContinuousClock().now
    let model = try model.load()
    let progress = options.progress()
    try ResultFolder.make(at: asked.out) { folder in
      let material = try ConceptRuleMaterial(self, model, progress)
      let (report, softTree) = try report(material, model, progress)
      let run = RunRecord(
        model, data: material.record,
        settings: Dictionary(record.map { ($0.name, $0.value) }) { first, _ in first }, seed: asked.seed,
        timings: ["study": seconds(since: start)])
      let refusals = try RulesPage(report).write(into: folder, run: run)
      if let softTree {
        try folder.write(try jsonText(softTree), to: "soft-tree.json")
        try folder.write(softTree.text(), to: "soft-tree.txt")
        try folder.write(softTree.graphviz(), to: "soft-tree.dot")
      }
      try folder.write(material.scores, to: "scores.csv")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      try say(report, refusals + material.skipped.map { "left out \($0)" }, start)
    }
  }

  // MARK: Steps

  private func report(
    _ material: ConceptRuleMaterial, _ model: LoadedModel, _ progress: ProgressBar
  ) throws -> (report: RulesReport, softTree: SoftTree?) {
    let (training, test) = (material.training, material.test)
    var extraction = RuleExtraction(method: method, queries: 0)
    extraction.minimumCases = 5
    var study = RuleStudy(
      oracle: training.oracle, extraction: extraction, training: RuleExamples(table: training.table),
      seed: asked.seed)
    (study.sizes, study.rounds) = (try asked.sizes(), !asked.isExact)
    let curve = try study.curve { progress($0, $1, $2) }
    let limit = asked.maximum.chosen(by: curve)
    let rules = try study.rules(maximum: limit)
    var record = try RulesRecord(
      method: method.rawValue, rules.document, on: test.table, network: test.labels,
      probabilities: test.probabilities, truth: material.truth, seed: asked.seed)
    record.curve = curve?.curve
    record.stability = try study.stability(
      of: rules.document, maximum: limit, repeats: asked.repeats, on: test.table
    ) { progress($0, $1, $2) }
    record.isTruncated = rules.isTruncated && asked.maximum.isAsked
    record.remarks = rules.remarks + material.remarks
    let completeness = try ConceptCompleteness(
      of: rules.document.model, training: training, test: test, seed: asked.seed)
    record.concepts = ConceptsRecord(
      test, leftOut: material.leftOut, rules.document, completeness: completeness, names: material.name)
    var report = RulesReport(
      title: "Rules of \((model.network.path as NSString).lastPathComponent)", record: record,
      document: rules.document, table: test.table, network: test.labels, truth: material.truth)
    report.question = "Which rules over concepts does the network follow?"
    report.drawn = (table: training.table, network: training.labels)
    report.exemplars = try material.exemplars(of: rules.document)
    report.settings = self.record + [(name: "noema", value: noemaVersion)]
    report.hashes = [(name: "model sha-256", value: model.network.hash)] + material.hashes
    report.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
    return (report, rules.softTree)
  }

  private var record: [(name: String, value: String)] {
    [
      (name: "method", value: method.rawValue),
      (name: "data", value: data.data), (name: "test", value: test ?? "30 % of the data"),
    ] + asked.record + concepts.record
  }

  private func say(_ report: RulesReport, _ notes: [String], _ start: ContinuousClock.Instant) throws {
    if options.json { return print(try jsonText(report.record), terminator: "") }
    guard !options.quiet else { return }
    print(RuleSummary(report: report).text)
    for sentence in report.record.concepts?.completeness.sentences ?? [] { print(sentence) }
    for note in notes { print("note: \(note)") }
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(asked.out)/report.html")
  }
}
