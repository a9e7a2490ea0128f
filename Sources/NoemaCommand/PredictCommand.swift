internal import ArgumentParser
internal import Foundation
internal import Noema

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract:
      "Run a network on data: the top classes of each input, and the accuracy where labels are known.",
    discussion: """
      EXAMPLES
        noema predict --model net.onnx --data photos -o out/
        noema predict --model net.onnx --data test.csv --label-column species \\
          --top 3
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(help: "How many classes to name per input.") var top = 5
  @Option(name: [.customShort("o"), .customLong("out")], help: "Write outputs.npy and result.json here.")
  var out: String?

  private struct Result: Encodable {
    struct Row: Encodable {
      var name: String
      var label: String?
      var classes: [String]
      var outputs: [Double]
    }
    var schema = "noema.predict/1"
    var accuracy: Double?
    var balancedAccuracy: Double?
    var inputs: [Row]
    var skipped: [String]
    var run: RunRecord
  }

  func run() throws {
    guard top >= 1 else { throw ValidationError("--top must be positive, found \(top).") }
    let start = ContinuousClock().now
    let model = try model.load()
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    let truth = try truth(dataset, model)
    let progress = options.progress()
    var capture = Capture(model.network, layers: [])
    capture.shapes = model.shapes
    capture.skipsBad = options.skipBad
    capture.batchMemory = try options.memoryBudget() / 2
    let captured = try capture(dataset.examples, phase: "inputs") { progress($0, $1, $2) }
    let width = captured.outputs.shape[1]
    let values = captured.outputs.elements(as: Float.self)
    var rows: [Result.Row] = []
    for (row, index) in captured.indices.enumerated() {
      let outputs = values[(row * width)..<((row + 1) * width)]
      let best = outputs.indices.sorted {
        outputs[$0] > outputs[$1] || (outputs[$0] == outputs[$1] && $0 < $1)
      }.prefix(top)
      rows.append(
        .init(
          name: dataset.examples.name(of: index), label: dataset.labels?[index],
          classes: best.map { model.className($0 - row * width) }, outputs: best.map { Double(outputs[$0]) }))
    }
    let (accuracy, balanced) = accuracy(truth, captured)
    let result = Result(
      accuracy: accuracy, balancedAccuracy: balanced, inputs: rows,
      skipped: captured.bad.map { "\($0.name): \($0.reason)" },
      run: RunRecord(
        model, data: ["path": data.data, "sha256": dataset.hash()], settings: ["top": String(top)],
        timings: ["total": seconds(since: start)]))
    if let out {
      try ResultFolder.make(at: out) { folder in
        try NPYFile.write(captured.outputs, to: try folder.makePath(for: "outputs.npy"))
        try folder.write(try jsonText(result), to: "result.json")
        try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      }
    }
    if options.json { return print(try jsonText(result), terminator: "") }
    guard !options.quiet else { return }
    var table = [["input", "label", "1st", "output", "others"]]
    for row in rows.prefix(20) {
      table.append([
        row.name, row.label ?? "", row.classes[0], String(format: "%.3f", row.outputs[0]),
        zip(row.classes, row.outputs).dropFirst().map { "\($0) \(String(format: "%.2f", $1))" }.joined(
          separator: ", "),
      ])
    }
    print(alignedTable(table, rightAligned: [3]))
    if rows.count > 20 { print("… and \(rows.count - 20) more") }
    if let accuracy {
      print(
        String(
          format: "\naccuracy %.4f, balanced accuracy %.4f on %d inputs", accuracy, balanced ?? 0, rows.count)
      )
    }
    for line in result.skipped { print("skipped \(line)") }
    if let out { print("\nwrote \(out)/outputs.npy and result.json") }
  }

  /// The class of each label; nil where there are no labels, or sub-folders are no classes.
  private func truth(_ dataset: Dataset, _ model: LoadedModel) throws -> [Int]? {
    guard let labels = dataset.labels, let count = try model.network.classCount(shapes: model.shapes),
      count > 1
    else { return nil }
    do { return try labels.map { try model.classIndex($0, count: count) } } catch let error as ConceptError {
      // Labels that were asked for must be right; folders may be named after anything.
      guard data.examples.labels == nil, data.examples.labelColumn == nil else {
        throw DataError(.malformed(error.description), at: data.examples.labels ?? data.data)
      }
      if !options.quiet { note("no accuracy: \(error.description)") }
      return nil
    }
  }

  /// The share of right answers, and its mean over classes.
  private func accuracy(_ truth: [Int]?, _ captured: Captured) -> (Double?, Double?) {
    guard let truth else { return (nil, nil) }
    var counts: [Int: (right: Int, all: Int)] = [:]
    for (answer, index) in zip(captured.outputs.largestIndices(), captured.indices) {
      counts[truth[index], default: (0, 0)].all += 1
      if truth[index] == answer { counts[truth[index], default: (0, 0)].right += 1 }
    }
    let right = counts.values.reduce(0) { $0 + $1.right }
    let recalls = counts.values.map { Double($0.right) / Double($0.all) }
    return (Double(right) / Double(captured.indices.count), recalls.reduce(0, +) / Double(recalls.count))
  }
}
