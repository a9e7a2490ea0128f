internal import ArgumentParser
internal import Foundation
internal import Noema

struct VisualizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "visualize",
    abstract: "Make the inputs that excite units, classes or concept directions most.",
    discussion: """
      Writes a picture for each target, a grid of all, the way uphill, and a page; with
      --data also the real inputs to which each target responds most.

      EXAMPLES
        noema visualize --model net.onnx --layer conv4 --units 0,5,17 -o out/
        noema visualize --model net.onnx --class zebra --class 12 --steps 512 -o out/
        noema visualize --model net.onnx --cav study/ --concept striped \\
          --count 4 --diversity 1 -o out/
        noema visualize --model net.onnx --layer relu3 --units 0-7 \\
          --data photos -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var targets: VisualizationTargetOptions
  @OptionGroup var making: VisualizationOptions
  @Option(help: "Real inputs to hold pictures against: a folder of images, .npy, .npz, .csv, or IDX.")
  var data: String?
  @OptionGroup var examples: ExampleOptions
  @Option(help: "Real inputs to show for each target.") var top = 5
  @OptionGroup var options: RunOptions
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func run() throws {
    let start = ContinuousClock().now
    guard top >= 1 else { throw ValidationError("--top must be positive, found \(top).") }
    let model = try model.load()
    let chosen = try targets.chosen(model)
    let dataset = try data.map { try examples.open($0, model) }
    let isImage = model.takesImages
    if isImage, model.isGuess, !options.quiet {
      note(
        "no model card says how inputs are made: pictures of 0 to 255 are taken × "
          + String(format: "%.4g", model.preprocessing?.scale ?? 1)
          + ", no mean or std; give --mean, --std … or a card if that is wrong")
    }
    let maximization = try making.maximization(memory: options.memoryBudget() / 2)
    let progress = options.progress()
    // The place is claimed before the work is done.
    try ResultFolder.make(at: out) { folder in
      let found = try maximization(
        model.network, layer: chosen.onnxValue, chosen.targets,
        input: isImage ? .image(model.preprocessing!) : .array(radius: making.radius), shapes: model.shapes
      ) { progress($0, $1, $2) }
      var drawing = VisualizationDrawing(found, chosen)
      var hashes = [(name: "model sha-256", value: model.network.hash)]
      var record = ["path": data ?? "", "cav": targets.cav ?? ""]
      if let dataset {
        let hash = dataset.hash()
        try compare(&drawing, dataset, model, chosen, progress)
        hashes.append((name: "data sha-256", value: hash))
        record["sha256"] = hash
      }
      try drawing.writePictures(into: folder)
      var report = drawing.report(
        title: (model.network.path as NSString).lastPathComponent, features: dataset?.featureNames ?? [])
      report.settings = settings
      report.hashes = hashes
      report.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
      let run = RunRecord(
        model, data: record, settings: Dictionary(settings.map { ($0.name, $0.value) }) { first, _ in first },
        seed: making.seed, timings: ["total": seconds(since: start)])
      try report.write(into: folder, run: run)
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      try say(report.record, start)
    }
  }

  private var settings: [(name: String, value: String)] {
    targets.record + making.record + [(name: "noema", value: noemaVersion)]
  }

  /// Holds what was made against real inputs.
  private func compare(
    _ drawing: inout VisualizationDrawing, _ dataset: Dataset, _ model: LoadedModel, _ chosen: ChosenTargets,
    _ progress: ProgressBar
  ) throws {
    let (indices, skipped) =
      options.skipBad
      ? try ExampleFeed(dataset).readable(progress) : (Array(0..<dataset.examples.count), [])
    let responses = try TargetResponses(
      of: model.network, layer: chosen.onnxValue, chosen.targets, on: dataset.examples, indices: indices,
      shapes: model.shapes, memory: options.memoryBudget() / 2
    ) { progress($0, $1, $2) }
    try drawing.compare(
      responses, count: top, dataset.examples, pictures: ExamplePictures(dataset.examples, model))
    drawing.record.skipped = skipped
  }

  private func say(_ record: VisualizationRecord, _ start: ContinuousClock.Instant) throws {
    if options.json { return print(try jsonText(record), terminator: "") }
    guard !options.quiet else { return }
    var rows = [["target", "noise", "made", "best real", "exceeds", "similarity"]]
    func text(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? "–"
    }
    for target in record.targets {
      rows.append([
        target.name, text(target.pictures.first?.start, "%.4g"),
        text(target.best, "%.4g"),
        text(target.examples?.first?.value, "%.4g"), text(target.exceeds.map { 100 * $0 }, "%.1f %%"),
        text(target.similarity, "%.2f"),
      ])
    }
    print(alignedTable(rows, rightAligned: [1, 2, 3, 4, 5]))
    for line in record.warnings { print("note: \(line)") }
    for line in record.skipped { print("left out \(line)") }
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(out)/report.html")
  }
}

extension LoadedModel {
  /// Whether the network's input is a picture of the recipe's shape.
  var takesImages: Bool {
    guard let preprocessing, let shape = try? network.inputShapes(batch: 1, overriding: shapes).first else {
      return false
    }
    return Array(shape.dropFirst()) == preprocessing.shape
  }
}
