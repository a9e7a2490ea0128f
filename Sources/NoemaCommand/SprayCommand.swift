internal import ArgumentParser
internal import Foundation
internal import Noema

struct SprayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spray",
    abstract: "Find the strategies behind a class output, and test by masking which the network rests on.",
    discussion: """
      Explains each example, clusters the relevance maps of each class (spectral
      relevance analysis), ranks classes by how suspicious their strategies look, and
      masks the region of each strategy on the network. Only that test confirms
      anything. `noema methods` lists the methods; `activations` takes what --layer
      holds. Writes a page with the strategies in the plane, result.json,
      assignments.csv and arrays; `noema assign` assigns further examples.

      EXAMPLES
        noema spray --model net.onnx --data photos -o out/
        noema spray --model net.onnx --data photos --classes horse boat \\
          --target predicted --method integrated-gradients --map-side 16 -o out/
        noema spray --model net.onnx --data photos --layer layer4 \\
          --channels positions --clustering hdbscan --plane umap -o out/
        noema spray --from-attributions maps.h5 --virelay project/ \\
          --model net.onnx --data photos -o out/
      """)

  @OptionGroup var network: NetworkOptions
  @OptionGroup var options: RunOptions
  @Option(
    name: .customLong("from-attributions"),
    help: "Start from maps that were made elsewhere: .npy, or .h5 with attribution, label, prediction, index."
  )
  var fromAttributions: String?
  @Option(help: "A method as `noema methods` lists it, or activations.") var method = "lrp-epsilon-plus-flat"
  @Option(help: "The hidden layer that receives relevance; the input by default.") var layer: String?
  @Option(
    help:
      "The class that each example is explained for: label (the default where there are any) or predicted.")
  var target: ExplainedClass?
  @Option(parsing: .upToNextOption, help: "Classes by name or index; all by default.") var classes: [String] =
    []
  @Option(name: .customLong("output-scale"), help: "logit, log-probability or probability.") var scale =
    OutputScale.logit
  @OptionGroup(title: "Maps") var maps: MapOptions
  @OptionGroup(title: "Strategies") var strategies: StrategyOptions
  @OptionGroup(title: "Masking") var masking: MaskingOptions
  @OptionGroup(title: "Methods") var settings: MethodOptions
  @Option(help: "How many examples of a class the report shows in small; 0 for no pictures.") var pictures =
    4096
  @Option(help: "Write a project for ViRelAy into this folder too.") var virelay: String?
  @Flag(name: .customLong("no-maps"), help: "Do not keep the prepared maps; noema assign needs them.")
  var noMaps = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func validate() throws {
    guard network.model != nil || fromAttributions != nil else {
      throw ValidationError(
        "Give --model and --data, or --from-attributions with maps that were made elsewhere.")
    }
    guard fromAttributions == nil || layer == nil else {
      throw ValidationError(
        "--layer says where maps are made; those of --from-attributions are made already.")
    }
    try strategies.check(maps)
    if pictures < 0 { throw ValidationError("--pictures must be 0 or more, found \(pictures).") }
  }

  func run() throws { _ = try study() }

  /// Runs the study and writes it.
  ///
  /// - Parameters:
  ///   - isPrinting: whether what was found is printed, unless the flags say not to.
  ///   - place: where the data will lie; where they lie when nil.
  func study(isPrinting: Bool = true, data place: String? = nil) throws -> SpRAYStudyResult {
    let start = ContinuousClock().now
    var study = try masking.study(strategies, seed: settings.seed)
    let request = RelevanceRequest(
      method: method, settings: settings,
      preprocessing: try maps.preprocessing(excludesFlawed: options.skipBad),
      target: target, classes: ChosenClasses(classes))
    study.leavesOutSmallClasses = request.classes.isAll
    try study.validate()
    if fromAttributions == nil { _ = try request.description() }
    let file = try fromAttributions.map { try AttributionFile(path: $0) }
    let data = try NetworkData(network, layer: layer, scale: scale, options)
    if virelay != nil { try StrategyProject.check(data) }
    let progress = options.progress()
    var found: SpRAYStudyResult?
    // The places are claimed before the work is done.
    try claimed(virelay) { project in
      try ResultFolder.make(at: out) { folder in
        let scratch = project == nil || file != nil ? nil : RelevanceScratch(in: folder)
        defer { scratch?.remove() }
        var material = try material(request, file, data, scratch, progress)
        if let place { material.data["path"] = place }
        let stage = masking.noMasking ? nil : try data?.stage()
        let result = try study(material.groups, on: stage) { progress($0, $1, $2) }
        let record = try write(result, material, to: folder, start, progress)
        if let project {
          try StrategyProject(
            result: result, material: material, name: title, clustering: strategies.clustering
          ).project().write(into: project)
        }
        if isPrinting { try say(result, record, start) }
        found = result
      }
    }
    // The body ran, or an error would have been thrown.
    return found!
  }

  /// Runs the body with a further folder that is being written; nil without one.
  private func claimed(_ path: String?, _ body: (ResultFolder?) throws -> Void) throws {
    guard let path else { return try body(nil) }
    try ResultFolder.make(at: path) { try body($0) }
  }

  private func material(
    _ request: RelevanceRequest, _ file: AttributionFile?, _ data: NetworkData?, _ scratch: RelevanceScratch?,
    _ progress: ProgressBar
  ) throws -> StrategyMaterial {
    if let file { return try file.material(request, network, data, progress) }
    guard let data else { throw ValidationError("Give --model and --data, or --from-attributions.") }
    return try request.material(of: data, options, scratch: scratch, progress)
  }

  // MARK: Results

  private var title: String {
    "Strategies of \(((network.model ?? fromAttributions ?? "") as NSString).lastPathComponent)"
  }

  private var record: [(name: String, value: String)] {
    let methodRecord =
      fromAttributions == nil
      ? settings.record.filter { $0.key != "seed" }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } : []
    return [
      ("method", fromAttributions == nil ? method : "given"),
      ("target", target?.rawValue ?? "label, else predicted"),
      ("classes", classes.isEmpty ? "all" : classes.joined(separator: ", ")), ("output", scale.rawValue),
    ] + maps.record + strategies.record + masking.record + [("seed", String(settings.seed))]
      + methodRecord.map { (name: $0.0, value: $0.1) }
  }

  /// Writes numbers, page, arrays and the study file.
  private func write(
    _ result: SpRAYStudyResult, _ material: StrategyMaterial, to folder: ResultFolder,
    _ start: ContinuousClock.Instant, _ progress: ProgressBar
  ) throws -> SpRAYRecord {
    let analysed = seconds(since: start)
    let record = try StrategyRecord(
      result: result, material: material, clustering: strategies.clusteringWords,
      plane: strategies.planeWords,
      area: masking.area
    ).record()
    var report = try StrategyReport(result: result, material: material, pictureCount: pictures).report(
      record, title: title, progress)
    report.settings = self.record + [("noema", noemaVersion)]
    report.hashes =
      (material.model.map { [("model sha-256", $0.sha256)] } ?? [])
      + ["sha256": "data sha-256", "mapsSHA256": "maps sha-256"].compactMap { key, name in
        material.data[key].map { (name, $0) }
      }.sorted { $0.0 < $1.0 }
    report.commandLine = StudyFile.commandLine(StudyFile.currentArguments)
    let run = StrategyRun(
      material, settings: self.record, seed: settings.seed, timings: ["study": analysed])
    try SpRAYPage(report).write(into: folder, run: run)
    try writeFurtherPlanes(result, to: folder)
    if !noMaps {
      try StrategyFile(
        SavedStrategies(result, preprocessing: try maps.preprocessing(excludesFlawed: options.skipBad)),
        model: material.model?.sha256, usesLabels: material.usesLabels
      ).write(result, into: folder)
    }
    try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
    return record
  }

  /// Prints what was found.
  private func say(
    _ result: SpRAYStudyResult, _ record: SpRAYRecord, _ start: ContinuousClock.Instant
  ) throws {
    if options.json { return print(try jsonText(record), terminator: "") }
    guard !options.quiet else { return }
    print(StrategyTable(result: result).text)
    for line in record.skipped.prefix(8) { print("left out \(line)") }
    if record.skipped.count > 8 { print("left out \(record.skipped.count - 8) more, listed in result.json") }
    print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
    print("report: \(out)/report.html")
  }

  /// The pictures behind the first, which is in `embedding.npy`.
  private func writeFurtherPlanes(_ result: SpRAYStudyResult, to folder: ResultFolder) throws {
    let names = result.findings.first?.strategies.pictures.map(\.name) ?? []
    for (place, name) in names.enumerated().dropFirst() {
      let parts = result.findings.map {
        $0.strategies.pictures[place].coordinates.tensor.converted(to: .float32)
      }
      try NPYFile.write(try Tensor.stacked(parts), to: try folder.makePath(for: "embedding-\(name).npy"))
    }
  }
}

extension ExplainedClass: ExpressibleByArgument {}
