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
        noema explain --model net.onnx --data x.npy --method gradient \\
          --target-file classes.npy -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(help: "One or more methods with commas between, as `noema methods` lists them.") var method =
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
  @Flag(help: "Fail when attributions of a method do not sum to what they should.") var strict = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Result: Encodable {
    struct Method: Encodable {
      var name: String
      var array: String
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
    if targetFile != nil, target != nil {
      throw ValidationError("Give --target or --target-file, not both.")
    }
  }

  func run() throws {
    let start = ContinuousClock().now
    let names = method.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw ValidationError("--method expects different methods with commas between, found '\(method)'.")
    }
    let descriptions = try names.map { name in try MethodDescription.named(name) }
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
      scale, model.shapes, source.count, memory / 2
    )
    let inputShape = try Array(
      model.network.inputShapes(batch: 1, overriding: model.shapes)[0].dropFirst())
    let shape = hooked.map { Array($0[0].shape.dropFirst()) } ?? inputShape
    guard source.exampleShape == inputShape else {
      throw GraphError(
        .input(
          "the network takes examples of shape \(inputShape), the data has \(source.exampleShape); set the input size "
            + "in the model card or with --input-size"))
    }
    let methodSettings = try settings.settings(inputShape: inputShape, attributedShape: shape)
    let attributors = try descriptions.map { try $0.method(methodSettings).attributor(for: subject) }
    var whole = subject
    whole.layers = []
    let forward = try SubjectRunner(whole, rows: source.count)
    let progress = options.progress()
    var found = Found(methods: names.count)
    try ResultFolder.make(at: out) { folder in
      let size = shape.reduce(1, *)
      let isLarge = size * source.count * 4 * names.count > memory / 4
      let rows = try names.map { _ in
        try GrowingFeatures(
          columnCount: size, expectedRows: source.count, in: isLarge ? folder.stagingPath : nil)
      }
      let batch = attributors.map(\.batchSize).reduce(forward.batchSize, min)
      let reader = BatchReader(source, batchSize: batch, skipsBad: options.skipBad)
      while let batch = try reader.read() {
        func named<T>(_ body: () throws -> T) throws -> T {
          do { return try body() } catch let error as GraphError {
            throw error.naming { source.name(of: batch.indices[min($0, batch.indices.count - 1)]) }
          }
        }
        let output = try named { try forward([batch.inputs]).output }
        let classes = try chooser.classes(batch.indices, output: output)
        for (index, attributor) in attributors.enumerated() {
          let clock = ContinuousClock().now
          let attribution = try named {
            try attributor.attribute([batch.inputs], classes: classes, first: batch.indices[0])
          }
          try rows[index].append(attribution.values[0])
          found.add(attribution, to: index, seconds: seconds(since: clock))
        }
        found.add(output, classes, batch.indices.map(source.name(of:)))
        progress("explanations", found.names.count + reader.bad.count, source.count)
      }
      if found.names.isEmpty, let first = reader.bad.first {
        throw DataError(.malformed("none of the \(reader.bad.count) examples can be read"), at: first.name)
      }
      if strict { try found.requireBalance(of: names) }
      let shape = [found.names.count] + shape
      var results: [Result.Method] = []
      for (index, name) in names.enumerated() {
        let array = names.count == 1 ? "attributions.npy" : "\(name).npy"
        try write(rows[index], shape, to: folder.makePath(for: array))
        results.append(
          Result.Method(
            name: name, array: array, sums: found.sums[index], expected: found.expected[index],
            errors: found.errors(of: index), seconds: found.seconds[index]))
      }
      let result = Result(
        method: method, methods: results, layer: layerName ?? model.network.inputs[0].name, shape: shape,
        names: found.names, targets: found.classes, outputs: found.outputs,
        skipped: reader.bad.map { "\($0.name): \($0.reason)" },
        run: RunRecord(
          model, data: ["path": data.data, "sha256": dataset.hash()],
          settings: [
            "method": method, "target": targetFile ?? target ?? "predicted", "scale": scale.rawValue,
          ].merging(settings.record) { first, _ in first },
          timings: ["total": seconds(since: start)]))
      try folder.write(try jsonText(result), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if options.json { print(try jsonText(result), terminator: "") }
    }
    if !options.json, !options.quiet {
      print(found.table(names))
      print("explained \(found.names.count) inputs; wrote \(out)")
    }
  }

  private func write(_ rows: GrowingFeatures, _ shape: [Int], to path: String) throws {
    let size = shape.dropFirst().reduce(1, *)
    var writer = try NPYWriter(path: path, shape: shape, elementType: .float32)
    for first in stride(from: 0, to: shape[0], by: 64) {
      let range = first..<min(first + 64, shape[0])
      try writer.append(
        try Tensor(shape: [range.count] + shape.dropFirst(), elementType: .float32) {
          try rows.copyBlock(rows: range, columns: 0..<size, to: $0.bindMemory(to: Float.self))
        })
    }
    try writer.finish()
  }
}

/// What was found of the examples, method by method.
private struct Found {
  var names: [String] = [], classes: [Int] = [], outputs: [Double] = []
  var sums: [[Double]], expected: [[Double]?], seconds: [Double]

  init(methods: Int) {
    sums = Array(repeating: [], count: methods)
    expected = Array(repeating: [], count: methods)
    seconds = Array(repeating: 0, count: methods)
  }

  mutating func add(_ attribution: Attribution, to method: Int, seconds: Double) {
    sums[method] += attribution.sums
    self.seconds[method] += seconds
    if let sums = attribution.expectedSums { expected[method]? += sums } else { expected[method] = nil }
  }

  mutating func add(_ output: Tensor, _ classes: [Int], _ names: [String]) {
    let width = output.shape[1], values = output.elements(as: Float.self)
    outputs += classes.enumerated().map { Double(values[$0 * width + $1]) }
    self.classes += classes
    self.names += names
  }

  func errors(of method: Int) -> [Double]? {
    expected[method].map { zip(sums[method], $0).map { $0 - $1 } }
  }

  /// The largest error as a share of the largest sum that was expected.
  private func relativeError(of method: Int) -> (share: Double, example: Int)? {
    guard let errors = errors(of: method), let expected = expected[method],
      let worst = errors.indices.max(by: { abs(errors[$0]) < abs(errors[$1]) })
    else { return nil }
    return (abs(errors[worst]) / max(1e-12, expected.map(abs).max() ?? 0), worst)
  }

  func requireBalance(of methods: [String]) throws {
    for (index, method) in methods.enumerated() {
      guard let (share, example) = relativeError(of: index), share > 0.01 else { continue }
      throw GraphError(
        .input(
          "attributions of \(names[example]) by \(method) sum to \(sums[index][example]), not to "
            + "\(expected[index]![example]); --strict allows 1 % of the largest"))
    }
  }

  func table(_ methods: [String]) -> String {
    var rows = [["method", "largest error of sums", "seconds"]]
    for (index, method) in methods.enumerated() {
      rows.append([
        method, relativeError(of: index).map { String(format: "%.2g %%", 100 * $0.share) } ?? "–",
        String(format: "%.1f", seconds[index]),
      ])
    }
    return alignedTable(rows, rightAligned: [1, 2])
  }
}
