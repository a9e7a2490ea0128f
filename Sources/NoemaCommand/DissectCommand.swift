internal import ArgumentParser
internal import Foundation
internal import Noema

struct DissectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dissect",
    abstract: "Find which units detect which concepts, by masks or by labels of your own.",
    discussion: """
      MASKS hold a folder for each concept, with an image file called as the photograph
      is, white where the concept is (or MASKS/CATEGORY/CONCEPT/); for arrays
      CONCEPT.npy. Labels come from a table of 0 and 1, or are those of the data.

      EXAMPLES
        noema dissect --model net.onnx --data photos --masks masks --layer conv4 -o out/
        noema dissect --model net.onnx --data photos --masks masks \\
          --layer 'layer3*' --layer 'layer4*' --top-share 0.01 -o out/
        noema dissect --model net.onnx --data photos --layer conv4 \\
          --concept-labels labels.csv -o out/
        noema dissect --model net.onnx --data photos --layer fc1 \\
          --labels-as-concepts -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @OptionGroup var concepts: DissectionConceptOptions
  @OptionGroup var dissection: DissectionOptions
  @Option(help: "Inputs that are kept of each unit.") var top = 6
  @Option(help: "Units of each layer whose inputs are shown.") var show = 12
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func run() throws {
    let start = ContinuousClock().now
    guard top >= 1 else { throw ValidationError("--top must be positive, found \(top).") }
    guard show >= 0 else { throw ValidationError("--show must not be negative, found \(show).") }
    try concepts.check()
    let model = try model.load()
    let layers = try model.layers(matching: layer)
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    let progress = options.progress()
    // The place is claimed before the work is done.
    try ResultFolder.make(at: out) { folder in
      let (good, skipped) =
        options.skipBad
        ? try ExampleFeed(dataset).readable(progress) : (Array(0..<dataset.examples.count), [])
      let known = try concepts.read(dataset, good, model, progress)
      var study = DissectionStudy(
        model: model, examples: try dataset.subset(good).examples, known: known, settings: dissection,
        top: top)
      study.memory = try options.memoryBudget()
      var record = DissectionRecord(
        kind: known.kind, concepts: known.concepts(good.count), layers: [], exampleCount: good.count,
        skipped: skipped + known.strays.map { "\($0): no image is called so" })
      var patches: [DissectionReport.Patches] = []
      for (index, layer) in layers.enumerated() {
        let found = try study.dissect(layer, index, progress)
        try NPYFile.write(found.iou.tensor, to: try folder.makePath(for: found.record.iouArray))
        record.layers.append(found.record)
        patches += try study.patches(found, layer: index, count: show, progress)
      }
      var report = DissectionReport(
        title: (model.network.path as NSString).lastPathComponent, record: record)
      report.patches = patches
      let dataHash = dataset.hash()
      report.settings = settings
      report.hashes = [("model sha-256", model.network.hash), ("data sha-256", dataHash)]
      report.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
      let run = RunRecord(
        model, data: ["path": data.data, "sha256": dataHash, "concepts": concepts.path],
        settings: Dictionary(settings.map { ($0.name, $0.value) }) { first, _ in first },
        seed: dissection.seed,
        timings: ["total": seconds(since: start)])
      try report.write(into: folder, run: run)
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      try say(record, start)
    }
  }

  private var settings: [(name: String, value: String)] {
    let own: [(name: String, value: String)] = [
      ("layers", layer.joined(separator: ", ")), ("concepts", concepts.path), ("noema", noemaVersion),
    ]
    return own + dissection.record(concepts.masks != nil)
  }

  private func say(_ record: DissectionRecord, _ start: ContinuousClock.Instant) throws {
    if options.json { return print(try jsonText(record), terminator: "") }
    guard !options.quiet else { return }
    var rows = [["layer", "units", "detectors", "concepts", "by chance", "dead"]]
    for layer in record.layers {
      rows.append([
        layer.layer, "\(layer.units.count)", "\(layer.detectorCount)", "\(layer.detected.count)",
        layer.chanceCount.map { "\($0)" } ?? "–", "\(layer.units.count { $0.isDead })",
      ])
    }
    print(alignedTable(rows, rightAligned: [1, 2, 3, 4, 5]))
    rows = [["layer", "unit", "concept", record.kind == "masks" ? "IoU" : "AUC", "held out", "by chance"]]
    for layer in record.layers {
      for unit in layer.detectors.prefix(10) {
        func text(_ value: Double?) -> String {
          value.map { $0.isNaN ? "–" : String(format: "%.3f", $0) } ?? "–"
        }
        rows.append([
          layer.layer, "\(unit.unit)", unit.concept ?? "–", text(unit.auc ?? unit.iou), text(unit.heldOutIoU),
          text(unit.chanceIoU),
        ])
      }
    }
    if rows.count > 1 { print("\n" + alignedTable(rows, rightAligned: [1, 3, 4, 5])) }
    for layer in record.layers { for line in layer.warnings { print("note: \(layer.layer): \(line)") } }
    for line in record.skipped.prefix(20) { print("left out \(line)") }
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(out)/report.html")
  }
}
