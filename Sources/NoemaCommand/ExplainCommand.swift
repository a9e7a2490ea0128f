internal import ArgumentParser
internal import Foundation
internal import Noema

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Attribute class outputs to input elements or hidden units.",
    discussion: """
      A method gives every element of an input a number: above 0 it speaks for the
      explained class, below 0 against it. OUT/report.html shows them, OUT/result.json
      has sums beside what they should be, and the .npy files hold the arrays, shaped
      like the inputs or like the layer. What is explained is the raw class output, the
      logit, unless --output-scale says otherwise. `noema methods` lists the methods
      with what each needs; options that a method does not read are ignored. Work in
      progress lies in OUT.partial; a run that was stopped continues there.

      EXAMPLES
        noema explain --model net.onnx --data photos \\
          --method integrated-gradients --target predicted -o out/
        noema explain --model net.onnx --data photos \\
          --method lrp-epsilon-plus-flat,deeplift -o out/
        noema explain --model net.onnx --data photos --method all-backward -o sheet/
        noema explain --model net.onnx --data x.npy --method gradient \\
          --target-file classes.npy -o out/
        noema explain --model bert.onnx --data reviews.npz --vocabulary vocab.txt \\
          --method lrp-attention -o out/
        noema explain --model net.onnx --data photos --method channel-relevance \\
          --layer layer4 -o channels/
        noema explain --model net.onnx --data photos --method concept-relevance \\
          --concept layer4=3,17 -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(
    help: """
      Methods with commas between, as `noema methods` lists them, or all-backward: all of gradients, relevance and \
      differences that are one backward pass.
      """)
  var method = "gradient"
  @Option(help: "predicted (the default), label, or the name or index of a class.") var target: String?
  @Option(
    name: .customLong("target-file"),
    help: "A .npy file with the index of the class to explain for each example.")
  var targetFile: String?
  @Option(
    help: """
      The hidden layer that receives attributions, as `noema inspect` lists them; the input, or the embedding of \
      tokens, by default.
      """)
  var layer: String?
  @OptionGroup var settings: MethodOptions
  @OptionGroup var tokens: TokenOptions
  @Option(name: .customLong("output-scale"), help: "The scale of the explained output.") var scale =
    OutputScale.logit
  @Option(
    name: .customLong("top-channels"),
    help: """
      How many channels of channel-relevance are listed: those with the largest mean over the data, in the report \
      those of the largest magnitude.
      """)
  var topChannels = 10
  @Option(
    name: .customLong("channel-examples"), help: "How many examples are listed for each channel.")
  var channelExamples = 5
  @Option(help: "How many examples the report shows; 0 for no report.") var pictures = 12
  @Flag(help: "Let the images shine through the maps.") var overlay = false
  @Flag(name: .customLong("shared-scale"), help: "Give all maps of a method one scale of colours.")
  var sharedScale = false
  @Flag(help: "Fail when attributions of a method do not sum to what they should.") var strict = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func validate() throws {
    for (flag, number) in [
      ("--pictures", pictures), ("--top-channels", topChannels), ("--channel-examples", channelExamples),
    ] where number < 0 { throw ValidationError("\(flag) must be 0 or more, found \(number).") }
    if targetFile != nil, target != nil {
      throw ValidationError("Give --target or --target-file, not both.")
    }
  }

  func run() throws {
    let start = ContinuousClock().now
    let descriptions = try chosenMethods()
    var model = try model.load()
    var feed = try data.feed(&model)
    model.noteGuess(feed.dataset.examples, options.quiet)
    var classes = try TargetChooser.classes(
      target: target, file: targetFile, model: model, dataset: feed.dataset,
      count: try model.network.classCount(shapes: model.shapes))
    let progress = options.progress()
    var skipped: [String] = []
    if options.skipBad {
      let (indices, reasons) = try feed.readable(progress)
      classes = classes.map { classes in indices.map { classes[$0] } }
      (feed, skipped) = (try feed.subset(indices), reasons)
    }
    let text = try tokens.text(model, feed)
    let place = try ExplainedPlace(layer, text, model)
    var subject = Subject(model.network, layers: place.layers)
    (subject.scale, subject.shapes, subject.examples) = (scale, model.shapes, feed.count)
    subject.memory = try options.memoryBudget() / 2 / descriptions.count
    let values = try subject.attributedNames()
    var methodSettings = try settings.settings(values, model)
    if methodSettings.groups == nil { methodSettings.groups = place.groups }
    try refuseShiftedGroups(methodSettings, place, skipped)
    let methods = try compile(descriptions, methodSettings, subject, place)
    let dataHash = feed.dataset.hash()
    let key = try key(model, dataHash, classes, methods, values, place)
    var store: ExplanationStore?
    var findings: Findings?
    var channels: [ExplainedChannels] = []
    // The place is claimed before the work is done.
    try ResultFolder.make(at: out) { folder in
      let begun = try ExplanationStore(
        folder: folder.path + ".partial", key: key,
        largest: Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0.attributor.batchSize) }))
      store = begun
      do {
        let explained = try classes ?? predictedClasses(subject, feed, begun, progress)
        let run = ExplanationRun(
          feed: feed, methods: methods, classes: explained, values: values, store: begun)
        let outcomes = try run(progress) { text in if !options.quiet { note(text) } }
        let found = Findings(
          feed: feed, model: model, classes: explained, outcomes: outcomes, skipped: skipped,
          layer: values.joined(separator: ", "))
        findings = found
        if strict {
          for (outcome, method) in zip(outcomes, methods) { try requireBalance(outcome, method, found) }
        }
        let result = try write(found, to: folder, dataHash, start)
        channels = result.methods.compactMap(\.channels)
        if pictures > 0 {
          try report(result, found, text, place, subject, methodSettings).write(into: folder)
        }
        if options.json { print(try jsonText(result), terminator: "") }
      } catch {
        begun.removeIfEmpty()
        throw error
      }
    }
    store?.remove()
    if let findings, !options.json, !options.quiet { summarise(findings, channels) }
  }

  // MARK: Methods

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
    _ descriptions: [MethodDescription], _ settings: MethodSettings, _ subject: Subject,
    _ place: ExplainedPlace
  ) throws -> [CompiledMethod] {
    var compiled: [CompiledMethod] = []
    var failure: GraphError?
    for description in descriptions {
      var own = subject
      // Maps and attention are read where the method says, unless the user does.
      if place.isImplied, [.maps, .attention].contains(description.family) { own.layers = [] }
      do {
        let attributor = try description.method(settings).attributor(for: own)
        compiled.append(CompiledMethod(name: description.name, attributor: attributor))
      } catch let error as GraphError where method == Self.allBackward {
        failure = error
        if !options.quiet { note("\(description.name) is left out: \(error.description)") }
      }
    }
    if compiled.isEmpty, let failure { throw failure }
    return compiled
  }

  /// Refuses groups of their own for each example where examples were left out, which would get those of others.
  private func refuseShiftedGroups(
    _ settings: MethodSettings, _ place: ExplainedPlace, _ skipped: [String]
  ) throws {
    guard !skipped.isEmpty, place.groups == nil,
      settings.groups?.contains(where: { $0.rank > place.rank && $0.shape[0] > 1 }) == true
    else { return }
    throw DataError(
      .parameters("groups for each example do not go with --skip-bad; leave the examples out yourself"),
      at: self.settings.groups ?? "")
  }

  /// The network's own answers, found once.
  private func predictedClasses(
    _ subject: Subject, _ feed: ExampleFeed, _ store: ExplanationStore, _ progress: ProgressBar
  ) throws -> [Int] {
    if let known = store.classes(examples: feed.count) { return known }
    let forward = try SubjectRunner(subject, rows: feed.count)
    var classes: [Int] = []
    try feed.forEachBatch(of: forward.batchSize) { rows, inputs in
      classes += try forward(inputs).output.largestIndices()
      progress("predictions", rows.upperBound, feed.count)
    }
    try store.save(classes: classes)
    return classes
  }

  /// What results depend on: work under another key is not continued.
  private func key(
    _ model: LoadedModel, _ dataHash: String, _ classes: [Int]?, _ methods: [CompiledMethod],
    _ values: [String], _ place: ExplainedPlace
  ) throws -> String {
    var lines = [noemaVersion, model.network.hash, dataHash, String(describing: model.preprocessing)]
    lines += model.shapes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    lines += values + methods.map(\.name)
    lines += [scale.rawValue, layer ?? "", place.groups == nil ? "" : "tokens"]
    lines.append(classes.map { "\($0)" } ?? "predicted")
    lines.append(try settings.fingerprint())
    return Array(lines.joined(separator: "\n").utf8).withUnsafeBytes(SHA256.hexadecimal)
  }

  // MARK: Balance

  /// Refuses sums that are off by more than a share, and says where they went wrong.
  private func requireBalance(_ outcome: MethodOutcome, _ method: CompiledMethod, _ found: Findings) throws {
    guard let (share, example) = outcome.largestError, share > Self.strictShare else { return }
    let trace = try method.attributor.trace(
      try found.feed.example(example), classes: [found.classes[example]])
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

  // MARK: Results

  /// Writes arrays, the result and the study.
  private func write(
    _ found: Findings, to folder: ResultFolder, _ dataHash: String, _ start: ContinuousClock.Instant
  ) throws -> ExplanationResult {
    let methods = try found.outcomes.map { outcome in
      ExplanationResult.Method(
        outcome, files: try outcome.write(to: folder, isOnly: found.outcomes.count == 1), names: found.names,
        channels: outcome.name == ExplainedChannels.method
          ? try ExplainedChannels(
            outcome, names: found.names, keeping: topChannels, examples: channelExamples) : nil)
    }
    let target = targetFile ?? target ?? "predicted"
    let result = ExplanationResult(
      method: method, methods: methods, layer: found.layer, shape: methods[0].shape, names: found.names,
      targets: found.classes, outputs: found.outcomes[0].outputs, skipped: found.skipped,
      run: RunRecord(
        found.model, data: ["path": data.data, "sha256": dataHash],
        settings: ["method": method, "target": target, "scale": scale.rawValue]
          .merging(settings.record) { first, _ in first },
        timings: ["total": seconds(since: start)]))
    try folder.write(try jsonText(result), to: "result.json")
    try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
    return result
  }

  private func report(
    _ result: ExplanationResult, _ found: Findings, _ text: TokenText?, _ place: ExplainedPlace,
    _ subject: Subject, _ methodSettings: MethodSettings
  ) throws -> ExplanationReport {
    let targets = found.classes.map(found.model.className)
    var report = ExplanationReport(
      title: URL(fileURLWithPath: model.model).lastPathComponent,
      methods: result.methods.map {
        .init(name: $0.name, array: $0.array, sums: $0.sums, expected: $0.expected, seconds: $0.seconds)
      },
      names: found.names, targets: targets, outputs: result.outputs, layer: found.layer)
    let drawing = ExplanationDrawing(
      feed: found.feed, model: found.model, text: text, names: found.names, targets: targets,
      classes: found.classes, outcomes: found.outcomes, isAtInputs: place.layers.isEmpty,
      count: min(pictures, found.names.count), isOverlay: overlay, sharesScale: sharedScale)
    try drawing.draw(in: &report)
    let channels = result.methods.compactMap(\.channels).first
    if let channels, topChannels > 0 {
      report.shares.append(
        drawing.shares(of: channels, limit: topChannels, layer: found.layer, subject, methodSettings))
    }
    report.shares += drawing.shares(ofConcept: settings.concepts.concepts.joined(separator: " and "))
    if let references = settings.references {
      report.references = drawing.pictures(of: methodSettings.references, from: references)
    }
    report.provenance = [
      ("model", "\(model.model), SHA-256 \(found.model.network.hash)"), ("data", data.data),
      ("command", "noema " + StudyFile.currentArguments.joined(separator: " ")),
    ]
    return report
  }

  /// Prints the tables, some remarks, and where the results are.
  private func summarise(_ found: Findings, _ channels: [ExplainedChannels]) {
    var rows = [["method", "largest error of sums", "seconds"]]
    for outcome in found.outcomes {
      rows.append([
        outcome.name, outcome.largestError.map { String(format: "%.2g %%", 100 * $0.share) } ?? "–",
        String(format: "%.1f", outcome.seconds),
      ])
    }
    print(alignedTable(rows, rightAligned: [1, 2]))
    for channels in channels where !channels.channels.isEmpty { print("\n" + channels.table + "\n") }
    for outcome in found.outcomes {
      for (row, remark) in outcome.remarks.sorted(by: { $0.key < $1.key }).prefix(3) {
        note("\(outcome.name), \(found.names[row]): \(remark)")
      }
    }
    print("explained \(found.names.count) inputs; wrote \(out)")
  }
}
