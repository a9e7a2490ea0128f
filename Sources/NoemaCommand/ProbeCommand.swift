internal import ArgumentParser
internal import Foundation
internal import Noema

struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Ask what is linearly decodable at each layer: cross-validated probes with control tasks.",
    discussion: """
      The input itself is probed too, as the baseline that a layer should beat.

      EXAMPLES
        noema probe --model net.onnx --data photos --layer 'relu*' -o out/
        noema probe --model net.onnx --data t10k-images.gz \\
          --labels t10k-labels.gz --limit 2000 \\
          --layer pool1 --layer pool2 --family ridge logistic --pool mean -o out/
        noema probe --model net.onnx --data patches --layer 'relu*' \\
          --groups image-of-patch.txt -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(parsing: .upToNextOption, help: "ridge, logistic, svm or nearest-mean. Repeatable.") var family:
    [ProbeStudy.Family] = [.ridge]
  @Option(help: "none, mean or max over positions.") var pool = Pooling.none
  @Option(help: "Folds of the cross-validation.") var folds = 5
  @Option(help: "A file of one word an example: equal words are never split, and share a control label.")
  var groups: String?
  @Option(help: "A file of one word an example: equal words share a control label, split or not.")
  var types: String?
  @Option(name: .customLong("control-draws"), help: "Random labellings of the control task; 0 leaves it out.")
  var controlDraws = 5
  @Flag(name: .customLong("no-input"), help: "Leave out the baseline on the input itself.") var noInput =
    false
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Result: Encodable {
    var schema = "noema.probe/1"
    var results: [ProbeStudyResult]
    var skipped: [String]
    var run: RunRecord
  }

  func run() throws {
    let start = ContinuousClock().now
    let model = try model.load()
    let layers = try model.layers(matching: layer)
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    guard let labels = dataset.labels else {
      throw DataError(
        .parameters("probes need labels: sub-folders, a label column, or --labels"), at: data.data)
    }
    let progress = options.progress()
    try ResultFolder.make(at: out) { folder in
      var capture = Capture(
        model.network, layers: (noInput ? [] : [model.network.inputs[0].name]) + layers.map(\.onnxValue))
      capture.pooling = pool
      capture.shapes = model.shapes
      capture.skipsBad = options.skipBad
      let memory = try options.memoryBudget()
      capture.batchMemory = memory / 4
      if try capture.widths().reduce(0, +) * 4 * dataset.examples.count > memory / 2 {
        capture.scratchFolder = folder.stagingPath
      }
      let (groups, types) = (try numbers(groups, dataset), try numbers(types, dataset))
      let captured = try capture(dataset.examples, keepsOutputs: false, phase: "activations") {
        progress($0, $1, $2)
      }
      let names = (noInput ? [] : ["input"]) + layers.map(\.name)
      let kept = captured.indices
      let classes = try ProbeLabels(
        kept.map { labels[$0] }, groups: groups.map { groups in kept.map { groups[$0] } },
        types: types.map { types in kept.map { types[$0] } })
      var study = ProbeStudy(family)
      study.folds = folds
      study.controlDraws = controlDraws
      study.seed = seed
      var results: [ProbeStudyResult] = []
      for (index, features) in captured.activations.enumerated() {
        progress("probes", index, names.count)
        results += try study.run(
          layer: names[index], features: features, labels: classes, pooling: pool.rawValue)
      }
      progress("probes", names.count, names.count)
      let result = Result(
        results: results, skipped: captured.bad.map { "\($0.name): \($0.reason)" },
        run: RunRecord(
          model, data: ["path": data.data, "sha256": dataset.hash()],
          settings: [
            "families": family.map(\.rawValue).joined(separator: ","), "pool": pool.rawValue,
            "folds": String(folds),
          ],
          seed: seed, timings: ["total": seconds(since: start)]))
      try folder.write(try jsonText(result), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      try writeFigure(figure(results, names), "probes", into: folder)
      if options.json { print(try jsonText(result), terminator: "") }
      guard !options.json, !options.quiet else { return }
      var rows = [
        [
          "layer", "probe", "features", "accuracy", "95 % interval", "balanced", "AUC", "majority", "control",
          "selectivity", "in training",
        ]
      ]
      for item in results {
        rows.append([
          item.layer, item.family.rawValue, grouped(item.featureCount), String(format: "%.3f", item.accuracy),
          String(format: "%.3f–%.3f", item.accuracyInterval[0], item.accuracyInterval[1]),
          String(format: "%.3f", item.balancedAccuracy), String(format: "%.3f", item.auc),
          String(format: "%.3f", item.majority),
          item.controlAccuracy.map { String(format: "%.3f", $0) } ?? "–",
          item.selectivity.map { String(format: "%+.3f", $0) } ?? "–",
          item.trainSelectivity.map { String(format: "%+.3f", $0) } ?? "–",
        ])
      }
      print(alignedTable(rows, rightAligned: [2, 3, 5, 6, 7, 8, 9, 10]))
      if let unit = results.first?.controlUnit, controlDraws > 0 { print(unit.explanation) }
      for text in Set(results.flatMap(\.notes)).sorted() { print("note: \(text)") }
      print("\nwrote \(out)/result.json and figures")
    }
  }

  /// Words of a file as numbers, equal for equal words; nil without a file.
  private func numbers(_ file: String?, _ dataset: Dataset) throws -> [Int]? {
    guard let file else { return nil }
    let words = try Dataset.readLabels(file)
    let count = dataset.examples.count
    guard words.count == count || data.examples.limit != nil && words.count > count else {
      throw DataError(.malformed("\(words.count) words for the \(count) examples of \(data.data)"), at: file)
    }
    var seen: [String: Int] = [:]
    return words.prefix(count).map { word in
      let number = seen[word] ?? seen.count
      seen[word] = number
      return number
    }
  }

  private func figure(_ results: [ProbeStudyResult], _ layers: [String]) -> LineChart {
    let series = family.map { kind in
      Series(
        name: kind.rawValue,
        values: layers.map { layer in
          results.first { $0.layer == layer && $0.family == kind }.map {
            MeasuredValue($0.accuracy, low: $0.accuracyInterval[0], high: $0.accuracyInterval[1])
          }
        })
    }
    return LineChart(
      title: "What is linearly decodable", categoryTitle: "layer, input to output",
      valueTitle: "held-out accuracy",
      categories: layers, series: series,
      reference: ReferenceLine(results.first?.majority ?? 0, name: "largest class"))
  }
}

extension ProbeStudyResult.ControlUnit {
  /// What the control columns mean, in a sentence.
  fileprivate var explanation: String {
    switch self {
    case .example:
      "control: labels shuffled among examples, so held-out control accuracy is chance and `in training` tells "
        + "knowledge from memory; --groups or --types make the control learnable"
    case .group: "control: one random label for each group; groups are whole on one side of each split"
    case .type: "control: one random label for each type, learnable by remembering the types"
    }
  }
}

/// Writes a figure as SVG and, where the tool is there, as PNG.
func writeFigure(_ figure: some Figure, _ name: String, into folder: ResultFolder) throws {
  let svg = figure.svg(.standalone, identifier: name)
  try folder.write(svg, to: "figures/\(name).svg")
  if PNGExport.isAvailable { try folder.write(try PNGExport.png(of: svg), to: "figures/\(name).png") }
}
