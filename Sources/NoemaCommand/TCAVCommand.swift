internal import ArgumentParser
internal import Foundation
internal import Noema

struct TCAVCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tcav",
    abstract:
      "Test which concepts class outputs are sensitive to, with a permutation test against pseudo-concepts.",
    discussion: """
      Writes result.json, report.html, report.ipynb, figures and arrays, and
      study.yaml that repeats the run.

      EXAMPLES
        noema tcav --model net.onnx --data photos --target zebra --layer 'layer4*' \\
          --concepts concepts/textures --concept striped --concept dotted \\
          --random photos/random -o out/
        noema tcav --model net.onnx --data zebras --target 340 --layer Conv:20 \\
          --pool mean \\
          --concepts concepts --concept striped --random others --runs 500 \\
          --pseudo-concepts 199 --probe ridge -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(parsing: .upToNextOption, help: "A class by name or index. Repeatable.") var target: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(help: "The folder of concepts: one sub-folder (or .npy file) each.") var concepts: String
  @Option(
    parsing: .upToNextOption, help: "A concept's name; all in the folder when none is given. Repeatable.")
  var concept: [String] = []
  @Option(help: "Random examples: a folder or array as a pool; a folder of folders as fixed sets.")
  var random: String?
  @OptionGroup var statistics: StatisticsOptions
  @Option(help: "none, mean or max over positions.") var pool = Pooling.none
  @Option(name: .customLong("output-scale"), help: "logit, log-probability or probability.") var scale =
    OutputScale.logit
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func run() throws {
    let start = ContinuousClock().now
    guard !target.isEmpty else { throw ValidationError("Give at least one --target: a class name or index.") }
    if random == nil, !statistics.relative {
      throw ValidationError(
        "Give --random with examples to hold concepts against, or --relative to hold them against each other."
      )
    }
    let model = try model.load()
    var study = TCAVStudy(network: model.network, layers: try model.layers(matching: layer))
    study.test = try statistics.test()
    study.pooling = pool
    study.scale = scale
    study.shapes = model.shapes
    study.memory = try options.memoryBudget()
    study.skipsBad = options.skipBad
    let material = ConceptMaterial(folder: concepts, inputs: data.options(model).inputs)
    study.concepts = try material.concepts(named: concept)
    if let random { study.random = try material.random(random) }
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    study.targets = try openTargets(dataset, model)
    let progress = options.progress()
    // The place is claimed, and scratch space found, before the work is done.
    try ResultFolder.make(at: out) { folder in
      study.scratchFolder = folder.stagingPath
      let result = try study { progress($0, $1, $2) }
      let studied = seconds(since: start)
      let dataHash = dataset.hash()
      let archive = TCAVArchive(
        study: study, result: result, question: question(study), settings: settings(study, result),
        hashes: [("model sha-256", model.network.hash), ("data sha-256", dataHash)],
        commandLine: StudyFile.commandLine(StudyFile.currentArguments))
      let run = RunRecord(
        model,
        data: ["path": data.data, "sha256": dataHash, "concepts": concepts, "random": random ?? ""],
        settings: Dictionary(uniqueKeysWithValues: settings(study, result).map { ($0.name, $0.value) }),
        seed: study.test.seed,
        timings: ["study": studied])
      try archive.write(into: folder, run: run)
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if options.json {
        print(try jsonText(result.results), terminator: "")
      } else if !options.quiet {
        print(TCAVTable.text(result.results))
        for line in TCAVTable.warnings(result.results) { print(line) }
        for line in result.skipped { print("left out \(line)") }
        print(
          String(
            format: "\n%d hypotheses, %@ correction; %.1f s, peak memory %d MiB", result.results.count,
            study.test.correction.rawValue, seconds(since: start), peakMemory() >> 20))
        print("report: \(out)/report.html")
      }
    }
  }

  private func question(_ study: TCAVStudy) -> String {
    let concepts = study.concepts.map { "'\($0.name)'" }.joined(separator: ", ")
    let targets = study.targets.map { "'\($0.name)'" }.joined(separator: " and ")
    return
      "Does the output \(targets) rest on the concept\(study.concepts.count == 1 ? "" : "s") \(concepts)?"
  }

  /// What was done: fixed random sets make fewer runs than asked for, many hypotheses more pseudo-concepts.
  private func settings(_ study: TCAVStudy, _ result: TCAVStudyResult) -> [(name: String, value: String)] {
    let test = study.test
    let runs = result.results.first?.scores.count ?? test.runs
    return [
      ("layers", study.layers.map(\.name).joined(separator: ", ")),
      ("hypotheses", String(result.results.count)), ("runs", String(runs)),
      ("pseudo-concepts", String(result.results.first?.diagnostics.nullScores.count ?? 0)),
      ("runs per pseudo-concept", String(min(test.nullRuns, runs))),
      ("probe of the CAV", test.probe.rawValue),
      ("probe of quality", test.qualityProbe?.rawValue ?? "as recommended"),
      ("relative", String(test.isRelative)), ("pooling", study.pooling.rawValue),
      ("output", study.scale.rawValue),
      ("correction", test.correction.rawValue), ("significance", String(test.significance)),
      ("least AUC", String(test.minimumAUC)), ("seed", String(test.seed)), ("noema", noemaVersion),
    ]
  }

  /// The inputs of each class: those labelled so, or all where there are no labels.
  private func openTargets(_ dataset: Dataset, _ model: LoadedModel) throws -> [TCAVStudy.Target] {
    var seen: Set<Int> = []
    let count = try model.network.classCount(shapes: model.shapes)
    return try target.compactMap { text in
      let index = try model.classIndex(text, count: count)
      // Twice the same class would only make the correction stricter.
      guard seen.insert(index).inserted else { return nil }
      let name = model.className(index)
      guard let chosen = try dataset.rows(of: name, index: index, text: text) else {
        return .init(name: name, index: index, examples: dataset.examples, group: 0)
      }
      return .init(name: name, index: index, examples: ExampleSubset(dataset.examples, chosen))
    }
  }
}

/// The settings of the statistics.
struct StatisticsOptions: ParsableArguments {
  @Option(help: "CAVs per concept, each against its own random examples.") var runs = 50
  @Option(
    name: .customLong("pseudo-concepts"),
    help:
      "Pseudo-concepts of the permutation test; 0 leaves it out. 199 by default, more for many hypotheses.")
  var pseudoConcepts: Int?
  @Option(name: .customLong("null-runs"), help: "Runs per pseudo-concept.") var nullRuns = 20
  @Option(help: "The probe whose direction is the CAV.") var probe = ProbeKind.meanDifference
  @Option(name: .customLong("quality-probe"), help: "The probe that judges whether a concept is represented.")
  var qualityProbe: ProbeKind?
  @Option(
    name: .customLong("random-count"), help: "Random examples per run; as many as the concept has by default."
  )
  var randomCount: Int?
  @Flag(help: "Hold concepts against each other instead of random examples.") var relative = false
  @Option(help: "holm, bonferroni, bh or none.") var correction = MultipleTesting.holm
  @Option(help: "The level up to which an adjusted p-value counts.") var alpha = 0.05
  @Option(
    name: .customLong("min-auc"), help: "The held-out AUC below which a concept counts as not represented.")
  var minimumAUC = 0.6
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7

  func test() throws -> TCAV {
    var test = TCAV()
    test.runs = runs
    test.pseudoConcepts = pseudoConcepts
    test.nullRuns = nullRuns
    test.probe = probe
    test.qualityProbe = qualityProbe
    test.randomCount = randomCount
    test.isRelative = relative
    test.correction = correction
    test.significance = alpha
    test.minimumAUC = minimumAUC
    test.seed = seed
    try test.validate()
    return test
  }
}

/// Results as lines of text.
enum TCAVTable {
  static func text(_ results: [TCAVResult]) -> String {
    // Without pseudo-concepts the verdict rests on the t-test, and the columns say so.
    let isPermuted = results.contains { !$0.pPermutation.isNaN }
    let headings = isPermuted ? ["p", "p adjusted"] : ["p of t-test", "adjusted"]
    var rows = [["layer", "target", "concept", "score", "95 % interval"] + headings + ["AUC", "verdict"]]
    for result in results {
      rows.append([
        result.layer, result.target, result.concept,
        String(format: "%.2f ± %.2f", result.score, result.scoreStd),
        String(format: "%.2f–%.2f", result.scoreInterval[0], result.scoreInterval[1]),
        p(isPermuted ? result.pPermutation : result.pRunTTest),
        p(isPermuted ? result.pPermutationAdjusted : result.pRunTTestAdjusted),
        String(format: "%.2f", result.probe.auc), result.verdict.rawValue,
      ])
    }
    return alignedTable(rows, rightAligned: [3, 5, 6, 7])
  }

  /// What is to be known of the results, each once, with how many it concerns.
  static func warnings(_ results: [TCAVResult]) -> [String] {
    var places: [(text: String, concepts: [String])] = []
    for result in results {
      for text in result.diagnostics.warnings {
        if let index = places.firstIndex(where: { $0.text == text }) {
          places[index].concepts.append(result.concept)
        } else {
          places.append((text, [result.concept]))
        }
      }
    }
    let lines = places.prefix(8).map { place in
      place.concepts.count == 1
        ? "note: \(place.concepts[0]): \(place.text)"
        : "note: \(place.text) (\(place.concepts.count) of \(results.count) results)"
    }
    return places.count > 8 ? lines + ["note: \(places.count - 8) more in the report"] : lines
  }

  private static func p(_ value: Double) -> String {
    value.isNaN ? "–" : value < 0.0005 ? "<0.001" : String(format: "%.3f", value)
  }
}
