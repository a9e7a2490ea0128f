internal import ArgumentParser
internal import Foundation
internal import Noema

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Attribute class outputs to input elements.",
    discussion: """
      Writes attributions.npy, shaped like the inputs, of the raw class output (the
      logit).

      EXAMPLES
        noema explain --model net.onnx --data photos \\
          --method integrated-gradients --target predicted -o out/
        noema explain --model net.onnx --data x.npy --method gradient \\
          --target-file classes.npy -o out/
      """)

  enum Method: String, ExpressibleByArgument, CaseIterable {
    case gradient
    case gradientTimesInput = "gradient-x-input"
    case integratedGradients = "integrated-gradients"
  }

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(help: "gradient, gradient-x-input or integrated-gradients.") var method = Method.gradient
  @Option(help: "predicted (the default), label, or the name or index of a class.") var target: String?
  @Option(
    name: .customLong("target-file"),
    help: "A .npy file with the index of the class to explain for each example.")
  var targetFile: String?
  @Option(help: "Points of the integral (Gauss-Legendre).") var steps = 50
  @Option(help: "The value of every element of the reference input.") var baseline: Float = 0
  @Option(name: .customLong("output-scale"), help: "logit, log-probability or probability.") var scale =
    OutputScale.logit
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Result: Encodable {
    var schema = "noema.explain/1"
    var method: String
    var shape: [Int]
    var names: [String]
    var targets: [Int]
    var outputs: [Double]
    var skipped: [String]
    var run: RunRecord
  }

  func validate() throws {
    if steps < 1 { throw ValidationError("--steps must be positive, found \(steps).") }
    if !baseline.isFinite { throw ValidationError("--baseline must be a finite number, found \(baseline).") }
    if targetFile != nil, target != nil {
      throw ValidationError("Give --target or --target-file, not both.")
    }
  }

  func run() throws {
    let target = target ?? "predicted"
    let start = ContinuousClock().now
    let model = try model.load()
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    let source = dataset.examples
    let given = try targetFile.map { try targets(of: $0, count: source.count) }
    let fixed = ["predicted", "label"].contains(target) || given != nil ? nil : try model.classIndex(target)
    if target == "label", given == nil, dataset.labels == nil {
      throw DataError(
        .parameters("--target label needs labels: sub-folders, a label column, or --labels"), at: data.data)
    }
    let method: any AttributionMethod =
      switch method {
      case .gradient: Gradient()
      case .gradientTimesInput: GradientTimesInput()
      case .integratedGradients: IntegratedGradients(steps: steps, baseline: baseline)
      }
    let memory = try options.memoryBudget()
    let gradient = try InputGradient(
      model.network, scale: scale,
      examples: self.method == .integratedGradients ? max(source.count, steps) : source.count,
      memory: memory / 2, shapes: model.shapes)
    guard source.exampleShape == gradient.inputShape else {
      throw GraphError(
        .input(
          "the network takes examples of shape \(gradient.inputShape), the data has \(source.exampleShape)"))
    }
    let forward = try HookedNetwork(
      model.network, layers: [], scale: scale, examples: source.count, memory: memory / 4,
      shapes: model.shapes)
    let progress = options.progress()
    var (names, classes, outputs): ([String], [Int], [Double]) = ([], [], [])
    try ResultFolder.make(at: out) { folder in
      let reader = BatchReader(
        source, batchSize: min(gradient.batchSize, forward.batchSize), skipsBad: options.skipBad)
      let rows = try GrowingFeatures(
        columnCount: source.exampleSize, expectedRows: source.count,
        in: source.exampleSize * source.count * 4 > memory / 4 ? folder.stagingPath : nil)
      while let batch = try reader.read() {
        let output = try forward.read([batch.inputs]).output
        let answers = output.largestIndices()
        let chosen = try batch.indices.enumerated().map { row, index in
          if let given { return given[index] }
          if let fixed { return fixed }
          return target == "label"
            ? try model.classIndex(dataset.labels![index], count: gradient.classCount) : answers[row]
        }
        do {
          try rows.append(try method.attribute(batch.inputs, classes: chosen, gradient: gradient))
        } catch let error as GraphError {
          throw error.naming { source.name(of: batch.indices[min($0, batch.indices.count - 1)]) }
        }
        let values = output.elements(as: Float.self)
        outputs += chosen.enumerated().map { Double(values[$0 * gradient.classCount + $1]) }
        classes += chosen
        names += batch.indices.map(source.name(of:))
        progress("explanations", names.count + reader.bad.count, source.count)
      }
      if names.isEmpty, let first = reader.bad.first {
        throw DataError(
          .malformed("none of the \(reader.bad.count) examples can be read"),
          at: first.name)
      }
      let shape = [names.count] + source.exampleShape
      var writer = try NPYWriter(
        path: try folder.makePath(for: "attributions.npy"), shape: shape, elementType: .float32)
      for first in stride(from: 0, to: names.count, by: 64) {
        let range = first..<min(first + 64, names.count)
        try writer.append(
          try Tensor(shape: [range.count] + source.exampleShape, elementType: .float32) {
            try rows.copyBlock(
              rows: range, columns: 0..<source.exampleSize, to: $0.bindMemory(to: Float.self))
          })
      }
      try writer.finish()
      let result = Result(
        method: self.method.rawValue, shape: shape, names: names, targets: classes, outputs: outputs,
        skipped: reader.bad.map { "\($0.name): \($0.reason)" },
        run: RunRecord(
          model, data: ["path": data.data, "sha256": dataset.hash()],
          settings: [
            "method": self.method.rawValue, "target": targetFile ?? target, "steps": String(steps),
            "scale": scale.rawValue,
          ],
          timings: ["total": seconds(since: start)]))
      try folder.write(try jsonText(result), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      if options.json { print(try jsonText(result), terminator: "") }
    }
    if !options.json, !options.quiet {
      print("explained \(names.count) inputs by \(self.method.rawValue); wrote \(out)/attributions.npy")
    }
  }

  private func targets(of path: String, count: Int) throws -> [Int] {
    let tensor = try NPYFile.read(path)
    guard tensor.shape == [count] else {
      throw DataError(.shape(found: tensor.shape, expected: [count]), at: path)
    }
    let values = tensor.converted(to: .float64).elements(as: Double.self)
    guard values.allSatisfy({ $0 == $0.rounded() && $0 >= 0 && $0 < 1e9 }) else {
      throw DataError(.malformed("class indices must be whole numbers from 0"), at: path)
    }
    return values.map { Int($0) }
  }
}
