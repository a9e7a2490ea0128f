internal import NoemaGraph
internal import NoemaTensor

/// Runs a subject's network on altered copies of examples, backward too where gradients are asked for: the
/// engine of the perturbation methods.
///
/// Copies are rows written straight into full batches. At hidden layers the network begins there, and what
/// passes around the layers stays as the example has it.
struct PerturbationRunner {
  /// A row to run: a copy of an example, explained for a class.
  struct Job {
    var example: Int
    var target: Int
  }

  let runner: SubjectRunner
  /// Reads hidden layers of examples; nil where inputs are attributed.
  private let layers: SubjectRunner?
  /// Places of the attributed values among the network's inputs, when the network begins there.
  private let attributed: [Int]
  private let examples: Int
  private let inputCount: Int

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - rowsPerExample: how many rows each example needs at most.
  ///   - backward: what passes backward to the attributed values; nil for nothing.
  init(_ subject: Subject, rowsPerExample: Int, backward: BackwardPass? = nil) throws {
    var wide = subject
    // What limits forward rows is the cache, not a number that suits backward passes.
    if backward == nil { wide.maximumBatch = subject.maximumBatch.multipliedCapped(by: 128) }
    let names = try subject.attributedNames(), inputs = subject.network.inputs.map(\.name)
    let rows = max(1, subject.examples).multipliedCapped(by: max(1, rowsPerExample))
    attributed = names.compactMap { inputs.firstIndex(of: $0) }
    examples = max(1, subject.examples)
    inputCount = inputs.count
    if attributed.count == names.count {
      runner = try SubjectRunner(wide, backward: backward, rows: rows)
      layers = nil
    } else {
      runner = try SubjectRunner(wide, from: .layers, backward: backward, rows: rows)
      layers = try SubjectRunner(subject, keepsValues: true, rows: subject.examples)
    }
  }

  var shapes: [[Int]] { runner.attributedShapes }
  var names: [String] { runner.attributedNames }
  var classCount: Int { runner.classCount }
  /// The number of elements of each attributed value of one example.
  var widths: [Int] { shapes.map { $0.reduce(1, *) } }
  /// Whether the attributed values are inputs of the network.
  var isAtInputs: Bool { layers == nil }

  /// How many examples to explain at once, so that their rows fill batches.
  func batchSize(rowsPerExample: Int) -> Int {
    min(examples, max(1, runner.batchSize / max(1, rowsPerExample)))
  }

  /// The attributed values of some examples, as float32.
  ///
  /// - Throws: `GraphError.input` for numbers and shapes that do not fit, and for classes that do not exist.
  func values(of inputs: [Tensor], classes: [Int]) throws -> [Tensor] {
    guard inputs.count == inputCount else {
      throw GraphError(.input("expected \(inputCount) inputs, found \(inputs.count)"))
    }
    guard !classes.isEmpty else { throw GraphError(.input("there are no examples to explain")) }
    if let bad = classes.first(where: { !(0..<classCount).contains($0) }) {
      throw GraphError(
        .input("class \(bad) does not exist; the network has classes 0 to \(classCount - 1)"))
    }
    let found = try layers.map { try $0(inputs).values } ?? attributed.map { inputs[$0] }
    for (index, tensor) in found.enumerated() where tensor.shape != [classes.count] + shapes[index] {
      throw GraphError(
        .input("'\(names[index])' has shape \(tensor.shape); expected \([classes.count] + shapes[index])"))
    }
    return found.map { $0.converted(to: .float32) }
  }

  /// Runs rows, a batch at a time.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - values: the attributed values of the examples.
  ///   - job: the example that a row is a copy of, and its class.
  ///   - place: writes an attributed value's elements of a row, given the example's.
  ///   - body: takes the readings of some rows, in order.
  func forEachBatch(
    rows count: Int, values: [Tensor], inputs: [Tensor], job: (_ row: Int) -> Job,
    place: (
      _ value: Int, _ row: Int, _ given: UnsafeBufferPointer<Float>,
      _ target: UnsafeMutableBufferPointer<Float>
    ) throws -> Void,
    _ body: (_ rows: Range<Int>, _ readings: SubjectRunner.Readings) throws -> Void
  ) throws {
    for start in stride(from: 0, to: count, by: runner.batchSize) {
      let rows = start..<min(start + runner.batchSize, count)
      let jobs = rows.map(job)
      let made = try values.enumerated().map { value, tensor in
        let width = shapes[value].reduce(1, *)
        return try Tensor(shape: [rows.count] + shapes[value], elementType: .float32) { bytes in
          let target = bytes.bindMemory(to: Float.self)
          try tensor.withElements(as: Float.self) { source in
            for (index, job) in jobs.enumerated() {
              try place(
                value, start + index,
                UnsafeBufferPointer(rebasing: source[job.example * width..<(job.example + 1) * width]),
                UnsafeMutableBufferPointer(rebasing: target[index * width..<(index + 1) * width]))
            }
          }
        }
      }
      let examples = jobs.map(\.example)
      try body(
        rows,
        try runner(
          try runner.inputs(made, inputs: inputs, examples: examples), classes: jobs.map(\.target),
          examples: examples))
    }
  }

  /// Runs rows for their examples' classes and hands over each row's class output.
  func forEachOutput(
    rows count: Int, values: [Tensor], inputs: [Tensor], classes: [Int], example: (_ row: Int) -> Int,
    place: (
      _ value: Int, _ row: Int, _ given: UnsafeBufferPointer<Float>,
      _ target: UnsafeMutableBufferPointer<Float>
    ) throws -> Void,
    _ body: (_ row: Int, _ output: Double) throws -> Void
  ) throws {
    try forEachBatch(
      rows: count, values: values, inputs: inputs,
      job: { Job(example: example($0), target: classes[example($0)]) }, place: place
    ) { rows, readings in
      let outputs = picked(readings.output.converted(to: .float32), rows.map { classes[example($0)] })
      for (row, output) in zip(rows, outputs) { try body(row, output) }
    }
  }

  /// The class outputs of the examples as they are.
  func outputs(_ values: [Tensor], inputs: [Tensor], classes: [Int]) throws -> [Double] {
    var found: [Double] = []
    try forEachOutput(
      rows: classes.count, values: values, inputs: inputs, classes: classes, example: { $0 },
      place: { _, _, given, target in given.copy(to: target) }
    ) { found.append($1) }
    return found
  }
}

extension UnsafeBufferPointer<Float> {
  /// Copies all elements to the start of another buffer.
  func copy(to target: UnsafeMutableBufferPointer<Float>) {
    if let start = baseAddress { target.baseAddress?.update(from: start, count: count) }
  }
}

extension [[Double]] {
  /// One float32 tensor `[examples, …]` for each attributed value, of its elements in row-major order.
  func tensors(_ shapes: [[Int]], examples: Int) -> [Tensor] {
    zip(self, shapes).map { numbers, shape in
      Tensor(shape: [examples] + shape, numbers.map { Float($0) })
    }
  }
}
