internal import ArgumentParser
internal import Foundation
internal import Noema

struct ACECommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ace",
    abstract: "Find the concepts that a class output rests on, without naming any (ACE, CRAFT, ICE).",
    discussion: """
      Cuts examples of the class into segments, groups their activations, and asks of
      each group on examples held out: is it used beyond chance, how much hangs on it,
      how much of the class do the first few bring back, does it come out again. Writes
      a page with the patches, result.json, the patches as PNG, and concept folders
      that tcav and others take. Without --random, examples of the other
      classes of the data are what concepts are held against.

      EXAMPLES
        noema ace --model net.onnx --data photos/zebra --target zebra \\
          --layer 'layer4*' --random photos/others -o out/
        noema ace --model net.onnx --data photos --target zebra --layer layer4 \\
          --dictionary nmf --segmenter grid --segments 64 --memory 2GB -o out/
        noema ace --model net.onnx --data table.csv --label-column outcome \\
          --target 1 --layer relu2 --segments 4,8 --concepts 10 -o out/
        noema tcav --model net.onnx --data photos --target horse --layer layer4 \\
          --concepts out/concepts --random photos/others -o tested/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var tokens: TokenOptions
  @OptionGroup var options: RunOptions
  @Option(help: "The class, by name or index.") var target: String
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(help: "Examples of other things: a folder or array; those of the data's other classes by default.")
  var random: String?
  @OptionGroup(title: "Patches") var segments: SegmentOptions
  @OptionGroup(title: "Concepts") var discovery: DiscoveryOptions
  @OptionGroup(title: "Importance") var worth: ConceptWorthOptions
  @Option(help: "Patches of a concept that the report shows.") var exemplars = 8
  @Option(help: "Whole images over which the report maps concepts.") var maps = 4
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func validate() throws {
    guard (1...99).contains(exemplars), maps >= 0 else {
      throw ValidationError(
        "--exemplars is from 1 to 99 and --maps 0 or more, found \(exemplars) and \(maps).")
    }
  }

  func run() throws { _ = try study() }

  /// What a study came to.
  struct Outcome {
    var found: DiscoveredConcepts
    var record: ACERecord
  }

  /// Runs the study and writes it.
  ///
  /// - Parameters:
  ///   - isPrinting: whether what was found is printed, unless the flags say not to.
  ///   - place: where the data will lie; where they lie when nil.
  func study(isPrinting: Bool = true, data place: String? = nil) throws -> Outcome {
    let start = ContinuousClock().now
    var discovery = try discovery.discovery(segments, seed: seed)
    let evaluation = try worth.evaluation(seed: seed)
    var material = try DiscoveryMaterial(self)
    discovery.fill = material.fill
    let progress = options.progress()
    var outcome: Outcome?
    // The place is claimed, and scratch space found, before the work is done.
    try ResultFolder.make(at: out) { folder in
      material.subject.scratchFolder = folder.stagingPath
      let subject = material.subject
      let found = try discovery.discover(in: subject) { progress($0, $1, $2) }
      let searched = seconds(since: start)
      let worth = try evaluation.evaluate(found, in: subject, random: material.random) {
        progress($0, $1, $2)
      }
      let judged = seconds(since: start)
      let (archive, hash) = makeArchive(material, found, worth)
      let run = RunRecord(
        material.model,
        data: ["path": place ?? data.data, "sha256": hash, "random": random ?? ""],
        settings: Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.value) }), seed: seed,
        timings: ["search": searched, "importance": judged - searched])
      let record = try archive.write(into: folder, run: run) { progress($0, $1, $2) }
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if isPrinting { try say(record, start) }
      outcome = Outcome(found: found, record: record)
    }
    // The body ran, or an error would have been thrown.
    return outcome!
  }

  private func makeArchive(
    _ material: DiscoveryMaterial, _ found: DiscoveredConcepts, _ worth: EvaluatedConcepts
  ) -> (archive: ACEArchive, data: String) {
    let hash = material.dataset.hash()
    var archive = ACEArchive(subject: material.subject, found: found, worth: worth)
    let file = (material.model.network.path as NSString).lastPathComponent
    archive.title = "Concepts of \(found.target.name) in \(file)"
    archive.notes = material.notes
    archive.settings = settings + [("noema", noemaVersion)]
    archive.hashes = [("model sha-256", material.model.network.hash), ("data sha-256", hash)]
    archive.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
    (archive.exemplarCount, archive.mapCount) = (exemplars, maps)
    (archive.pieces, archive.columnNames) = (material.pieces, material.dataset.featureNames)
    return (archive, hash)
  }

  private var settings: [(name: String, value: String)] {
    [("target", target), ("layers", layer.joined(separator: ", "))] + segments.record + discovery.record
      + worth.record + [("seed", String(seed))]
  }

  /// Prints what was found.
  private func say(_ record: ACERecord, _ start: ContinuousClock.Instant) throws {
    if options.json { return print(try jsonText(record), terminator: "") }
    guard !options.quiet else { return }
    print(DiscoveryTable(record: record, significance: worth.alpha).text)
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(out)/report.html, concepts: \(out)/concepts")
  }
}
