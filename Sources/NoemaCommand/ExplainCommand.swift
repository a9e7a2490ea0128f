internal import ArgumentParser
internal import Foundation
internal import Noema

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Attribute class outputs to input elements or hidden units.",
    discussion: """
      Writes for each method an array of attributions, shaped like the inputs or like
      the layer, of the raw class output (the logit), and for each example the sum of
      its attributions beside what it should be. `noema methods` lists the methods.

      EXAMPLES
        noema explain --model net.onnx --data photos \\
          --method integrated-gradients --target predicted -o out/
        noema explain --model net.onnx --data photos \\
          --method lrp-epsilon-plus-flat,deeplift -o out/
        noema explain --model net.onnx --data photos --method all-backward -o sheet/
        noema explain --model net.onnx --data x.npy --method gradient \\
          --target-file classes.npy -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(help: "Methods with commas between, as `noema methods` lists them, or all-backward.") var method =
    "gradient"
  @Option(help: "predicted (the default), label, or the name or index of a class.") var target: String?
  @Option(
    name: .customLong("target-file"),
    help: "A .npy file with the index of the class to explain for each example.")
  var targetFile: String?
  @Option(help: "The hidden layer that receives attributions; the input by default.") var layer: String?
  @OptionGroup var settings: MethodOptions
  @Option(name: .customLong("output-scale"), help: "logit, log-probability or probability.") var scale =
    OutputScale.logit
  @Option(help: "How many examples the report shows; 0 for no report.") var pictures = 12
  @Flag(help: "Let the images shine through the maps.") var overlay = false
  @Flag(name: .customLong("shared-scale"), help: "Give all maps of a method one scale of colours.")
  var sharedScale = false
  @Flag(help: "Fail when attributions of a method do not sum to what they should.") var strict = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Result: Encodable {
    struct Method: Encodable {
      var name: String
      var array: String
      var shape: [Int]
      /// The array of standard errors, of methods that sample.
      var standardErrors: String?
      /// What a method has to say about examples, by their names.
      var remarks: [String: String]?
      /// Per example: the sum of the attributions, what it should be where the method says, and the difference.
      var sums: [Double]
      var expected: [Double]?
      var errors: [Double]?
      var seconds: Double
    }
    var schema = "noema.explain/1"
    var method: String
    var methods: [Method]
    var layer: String
    var shape: [Int]
    var names: [String]
    var targets: [Int]
    var outputs: [Double]
    var skipped: [String]
    var run: RunRecord
  }

  func validate() throws {
    if pictures < 0 { throw ValidationError("--pictures must be 0 or more, found \(pictures).") }
    if targetFile != nil, target != nil {
      throw ValidationError("Give --target or --target-file, not both.")
    }
  }

  func run() throws {
    let start = ContinuousClock().now
    let descriptions = try chosenMethods()
    let model = try model.load()
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    let source = dataset.examples
    let chooser = try TargetChooser(target: target, file: targetFile, model: model, dataset: dataset)
    let memory = try options.memoryBudget()
    guard model.network.inputs.count == 1 else {
      throw GraphError(
        .unsupported("data sets feed networks of one input, this one has \(model.network.inputs.count)"))
    }
    var subject = Subject(model.network)
    let hooked = try layer.map { try model.layers(matching: [$0]) }
    if let hooked, hooked.count != 1 {
      throw GraphError(.ambiguousName(layer!, candidates: hooked.map(\.name)))
    }
    let layerName = hooked?[0].onnxValue
    if let layerName { subject.layers = [layerName] }
    (subject.scale, subject.shapes, subject.examples, subject.memory) = (
      scale, model.shapes, source.count, memory / 2 / descriptions.count
    )
    let inputShape = try Array(
      model.network.inputShapes(batch: 1, overriding: model.shapes)[0].dropFirst())
    guard source.exampleShape == inputShape else {
      throw GraphError(
        .input(
          "the network takes examples of shape \(inputShape), the data has \(source.exampleShape); set the input size "
            + "in the model card or with --input-size"))
    }
    let methodSettings = try settings.settings()
    let compiled = try compile(descriptions, methodSettings, subject)
    let names = compiled.map(\.name), attributors = compiled.map(\.attributor)
    let forward = try SubjectRunner(subject, rows: source.count)
    let progress = options.progress()
    var found = Found()
    var outcomes: [MethodOutcome] = []
    try ResultFolder.make(at: out) { folder in
      outcomes = names.map {
        MethodOutcome(
          $0, examples: source.count, memory: memory / 4 / names.count, scratch: folder.stagingPath,
          pictures: pictures)
      }
      let batch = attributors.map(\.batchSize).reduce(forward.batchSize, min)
      let reader = BatchReader(source, batchSize: batch, skipsBad: options.skipBad)
      while let batch = try reader.read() {
        func named<T>(_ body: () throws -> T) throws -> T {
          do { return try body() } catch let error as GraphError {
            throw error.naming { source.name(of: batch.indices[min($0, batch.indices.count - 1)]) }
          }
        }
        let batchNames = batch.indices.map(source.name(of:))
        let output = try named { try forward([batch.inputs]).output }
        let classes = try chooser.classes(batch.indices, output: output)
        for (outcome, attributor) in zip(outcomes, attributors) {
          let clock = ContinuousClock().now
          let attribution = try named {
            try attributor.attribute([batch.inputs], classes: classes, first: batch.indices[0])
          }
          try outcome.add(attribution, names: batchNames, seconds: seconds(since: clock))
        }
        found.add(output, classes, batchNames, batch.indices)
        progress("explanations", found.names.count + reader.bad.count, source.count)
      }
      if found.names.isEmpty, let first = reader.bad.first {
        throw DataError(.malformed("none of the \(reader.bad.count) examples can be read"), at: first.name)
      }
      if strict {
        for (outcome, attributor) in zip(outcomes, attributors) {
          try requireBalance(outcome, attributor, found, source)
        }
      }
      let results = try outcomes.map { outcome in
        let files = try outcome.write(to: folder, isOnly: names.count == 1)
        return Result.Method(
          name: outcome.name, array: files.values, shape: [found.names.count] + outcome.shape,
          standardErrors: files.standardErrors, remarks: outcome.remarks.isEmpty ? nil : outcome.remarks,
          sums: outcome.sums, expected: outcome.expected, errors: outcome.errors, seconds: outcome.seconds)
      }
      let result = Result(
        method: method, methods: results, layer: layerName ?? model.network.inputs[0].name,
        shape: results[0].shape, names: found.names, targets: found.classes, outputs: found.outputs,
        skipped: reader.bad.map { "\($0.name): \($0.reason)" },
        run: RunRecord(
          model, data: ["path": data.data, "sha256": dataset.hash()],
          settings: [
            "method": method, "target": targetFile ?? target ?? "predicted", "scale": scale.rawValue,
          ].merging(settings.record) { first, _ in first },
          timings: ["total": seconds(since: start)]))
      try folder.write(try jsonText(result), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if pictures > 0 { try report(result, outcomes, found, dataset, model).write(into: folder) }
      if options.json { print(try jsonText(result), terminator: "") }
    }
    if !options.json, !options.quiet {
      print(table(outcomes))
      for outcome in outcomes {
        for (name, remark) in outcome.remarks.sorted(by: { $0.key < $1.key }).prefix(3) {
          note("\(outcome.name), \(name): \(remark)")
        }
      }
      print("explained \(found.names.count) inputs; wrote \(out)")
    }
  }

  /// The methods that were asked for.
  private func chosenMethods() throws -> [MethodDescription] {
    if method == Self.allBackward { return MethodDescription.all.filter { $0.isOnePass } }
    let names = method.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw ValidationError("--method expects different methods with commas between, found '\(method)'.")
    }
    return try names.map { name in try MethodDescription.named(name) }
  }

  private static let allBackward = "all-backward"

  /// The methods, compiled; of all that pass backward, those that do not apply are named and left out.
  private func compile(
    _ descriptions: [MethodDescription], _ settings: MethodSettings, _ subject: Subject
  ) throws -> [(name: String, attributor: any Attributor)] {
    var compiled: [(name: String, attributor: any Attributor)] = []
    var failure: GraphError?
    for description in descriptions {
      do {
        compiled.append((description.name, try description.method(settings).attributor(for: subject)))
      } catch let error as GraphError where method == Self.allBackward {
        failure = error
        if !options.quiet { note("\(description.name) is left out: \(error.description)") }
      }
    }
    if compiled.isEmpty, let failure { throw failure }
    return compiled
  }

  /// Refuses sums that are off by more than a share, and says where they went wrong.
  private func requireBalance(
    _ outcome: MethodOutcome, _ attributor: any Attributor, _ found: Found, _ source: any ExampleSource
  ) throws {
    guard let (share, example) = outcome.largestError, share > Self.strictShare else { return }
    let input = try source.tensor(at: found.indices[example])
    let trace = try attributor.trace(
      [input.reshaped(to: [1] + input.shape)], classes: [found.classes[example]])
    let worst = trace?.examples[0].max { abs($0.kept) < abs($1.kept) }
    let place = worst.map {
      "; most is \($0.kept < 0 ? "gained" : "lost") at \($0.operation) node '\($0.node)', which received "
        + "\(NumberText.compact($0.received)) and passed \(NumberText.compact($0.passed))"
    }
    throw GraphError(
      .input(
        "attributions of \(found.names[example]) by \(outcome.name) sum to "
          + "\(NumberText.compact(outcome.sums[example])), not to "
          + "\(NumberText.compact(outcome.expected![example]))\(place ?? ""); --strict allows 1 % of the largest"
      ))
  }

  /// The share of the largest expected sum that `--strict` allows a sum to be off.
  private static let strictShare = 0.01

  private func table(_ outcomes: [MethodOutcome]) -> String {
    var rows = [["method", "largest error of sums", "seconds"]]
    for outcome in outcomes {
      rows.append([
        outcome.name, outcome.largestError.map { String(format: "%.2g %%", 100 * $0.share) } ?? "–",
        String(format: "%.1f", outcome.seconds),
      ])
    }
    return alignedTable(rows, rightAligned: [1, 2])
  }

  private func report(
    _ result: Result, _ outcomes: [MethodOutcome], _ found: Found, _ dataset: Dataset, _ model: LoadedModel
  ) throws -> ExplanationReport {
    var report = ExplanationReport(
      title: URL(fileURLWithPath: self.model.model).lastPathComponent,
      methods: result.methods.map {
        .init(name: $0.name, array: $0.array, sums: $0.sums, expected: $0.expected, seconds: $0.seconds)
      },
      names: found.names, targets: found.classes.map(model.className), outputs: found.outputs,
      layer: result.layer)
    try show(&report, outcomes, found, dataset, model)
    report.provenance = [
      ("model", "\(self.model.model), SHA-256 \(model.network.hash)"), ("data", data.data),
      ("command", "noema " + StudyFile.currentArguments.joined(separator: " ")),
    ]
    return report
  }

  /// Adds pictures of the first examples: maps of images, bars of anything small.
  private func show(
    _ report: inout ExplanationReport, _ outcomes: [MethodOutcome], _ found: Found, _ dataset: Dataset,
    _ model: LoadedModel
  ) throws {
    let source = dataset.examples, count = min(pictures, found.names.count)
    let maps = (0..<count).map { row in
      outcomes.compactMap { AttributionMap($0.kept[row], shape: $0.shape) }
    }
    if maps.allSatisfy({ $0.count == outcomes.count && $0.allSatisfy { $0.width > 1 && $0.height > 1 } }) {
      var sheet = ExplanationSheet(
        title: "Attributions of \(count == found.names.count ? "all" : "the first") \(count) inputs",
        methods: outcomes.map(\.name),
        rows: try (0..<count).map { row in
          .init(
            name: found.names[row], target: model.className(found.classes[row]),
            input: try picture(found.indices[row], source, model), maps: maps[row])
        })
      (sheet.isOverlay, sheet.sharesScale) = (overlay, sharedScale)
      report.sheet = sheet
      return
    }
    for row in 0..<min(count, 6) {
      for outcome in outcomes where outcome.kept[row].count <= 512 {
        let size = outcome.kept[row].count
        let features = layer == nil && dataset.featureNames?.count == size ? dataset.featureNames! : nil
        report.bars.append(
          SignedBars(
            title: "\(found.names[row]): \(outcome.name) for \(model.className(found.classes[row]))",
            description: "Attributions of the features of one input, the greatest first.",
            names: features ?? (0..<size).map(String.init),
            values: outcome.kept[row].map { MeasuredValue(Double($0)) }))
      }
    }
  }

  /// The image of an example as the network sees it; ready arrays of the shape of images are drawn grey.
  private func picture(_ index: Int, _ source: any ExampleSource, _ model: LoadedModel) throws -> Image? {
    let values = try source.tensor(at: index).elements(as: Float.self)
    guard let map = AttributionMap(values, shape: source.exampleShape) else { return nil }
    if let preprocessing = model.preprocessing, preprocessing.shape == source.exampleShape,
      let image = try? values.withUnsafeBufferPointer({ try preprocessing.inverse(of: $0) })
    {
      return image
    }
    let low = map.values.min() ?? 0, high = map.values.max() ?? 1
    return Image(
      width: map.width, height: map.height, channelCount: 1,
      pixels: map.values.map { UInt8(high > low ? (255 * ($0 - low) / (high - low)).rounded() : 0) })
  }
}

/// What was found of the examples.
private struct Found {
  var names: [String] = [], classes: [Int] = [], outputs: [Double] = [], indices: [Int] = []

  mutating func add(_ output: Tensor, _ classes: [Int], _ names: [String], _ indices: [Int]) {
    let width = output.shape[1], values = output.elements(as: Float.self)
    outputs += classes.enumerated().map { Double(values[$0 * width + $1]) }
    self.classes += classes
    self.names += names
    self.indices += indices
  }
}
