internal import NoemaGraph
internal import NoemaTensor

/// Runs a subject's network on rows that are made of examples, backward too where gradients are asked for: altered
/// copies, mixtures with what stands in for the rest, points of paths.
///
/// Rows are written straight into full batches. At hidden layers the network begins there, and what passes around the
/// layers stays as the row's example has it.
struct RowRunner {
  /// A row to run: the example that it is made of, and the class that it is explained for.
  struct Row {
    var example: Int
    var target: Int
  }

  private(set) var runner: SubjectRunner
  /// Reads hidden layers of examples; nil where inputs are attributed.
  private let layers: SubjectRunner?
  /// Places of the attributed values among the network's inputs, when the network begins there.
  private let attributed: [Int]
  private let examples: Int
  private let inputCount: Int

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - rowsPerExample: about how many rows each example needs.
  ///   - backward: what passes backward to the attributed values; nil for nothing.
  init(_ subject: Subject, rowsPerExample: Int, backward: BackwardPass? = nil) throws {
    let names = try subject.attributedNames(), inputs = subject.network.inputs.map(\.name)
    attributed = names.compactMap { inputs.firstIndex(of: $0) }
    examples = max(1, subject.examples)
    inputCount = inputs.count
    let isAtInputs = attributed.count == names.count
    runner = try Self.compile(subject, isAtInputs ? .inputs : .layers, rowsPerExample, backward)
    layers = isAtInputs ? nil : try SubjectRunner(subject, keepsValues: true, rows: subject.examples)
  }

  private static func compile(
    _ subject: Subject, _ start: SubjectRunner.Start, _ rowsPerExample: Int, _ backward: BackwardPass?
  ) throws -> SubjectRunner {
    var wide = subject
    // Forward rows are small: what limits their number is the cache, not one that suits backward passes.
    if backward == nil { wide.maximumBatch = subject.maximumBatch.multipliedCapped(by: 128) }
    return try SubjectRunner(
      wide, from: start, backward: backward,
      rows: max(1, subject.examples).multipliedCapped(by: max(1, rowsPerExample)))
  }

  /// The same without gradients, for rows of which outputs alone are needed.
  ///
  /// - Parameter subject: the one that this was compiled for.
  func forward(_ subject: Subject, rowsPerExample: Int) throws -> RowRunner {
    var other = self
    other.runner = try Self.compile(subject, isAtInputs ? .inputs : .layers, rowsPerExample, nil)
    return other
  }

  var shapes: [[Int]] { runner.attributedShapes }
  var names: [String] { runner.attributedNames }
  var classCount: Int { runner.classCount }
  /// The number of elements of each attributed value of one example.
  var widths: [Int] { shapes.map { $0.reduce(1, *) } }
  /// Whether the attributed values are inputs of the network.
  var isAtInputs: Bool { layers == nil }
  /// Whether the attributed values alone decide the output.
  var isClosed: Bool { isAtInputs ? attributed.count == inputCount : runner.ownInputs.isEmpty }
  /// The largest number of examples whose values are read together.
  var exampleBatchSize: Int { layers?.batchSize ?? runner.batchSize }

  /// Batches next to which a last one that is hardly filled counts little.
  static let manyBatches = 8

  /// How many examples to explain at once.
  ///
  /// - Parameter batches: about how many batches their rows fill.
  func batchSize(rowsPerExample: Int, batches: Int = 1) -> Int {
    min(examples, max(1, batches * runner.batchSize / max(1, rowsPerExample)))
  }

  /// The attributed values of some examples, as float32.
  ///
  /// - Throws: `GraphError.input` for numbers and shapes that do not fit, and for classes that do not exist.
  func values(of inputs: [Tensor], classes: [Int]) throws -> [Tensor] {
    guard inputs.count == inputCount else {
      throw GraphError(.input("expected \(inputCount) inputs, found \(inputs.count)"))
    }
    guard !classes.isEmpty else { throw GraphError(.input("there are no examples to explain")) }
    try checkClasses(classes, of: classCount)
    let count = classes.count
    for (index, input) in inputs.enumerated() where !isAtInputs || !attributed.contains(index) {
      guard input.shape.first == count else {
        throw GraphError(
          .input("expected \(count) examples in every input, found \(input.shape.first ?? 0)"))
      }
    }
    let found = try layers.map { try $0(inputs).values } ?? attributed.map { inputs[$0] }
    for (index, tensor) in found.enumerated() where tensor.shape != [count] + shapes[index] {
      throw GraphError(
        .input("'\(names[index])' has shape \(tensor.shape); expected \([count] + shapes[index])"))
    }
    return found.map { $0.converted(to: .float32) }
  }

  /// Runs rows, a batch at a time.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - inputs: the network's inputs, for what passes around the attributed values; may be empty when closed.
  ///   - row: what a row is made of.
  ///   - place: writes an attributed value's elements of some rows.
  ///   - body: takes the readings of some rows, in order.
  func forEachBatch(
    rows count: Int, inputs: [Tensor], row: (_ index: Int) -> Row,
    place: (_ value: Int, _ rows: Range<Int>, _ target: UnsafeMutableBufferPointer<Float>) throws -> Void,
    _ body: (_ rows: Range<Int>, _ readings: SubjectRunner.Readings) throws -> Void
  ) throws {
    for start in stride(from: 0, to: count, by: runner.batchSize) {
      let rows = start..<min(start + runner.batchSize, count), made = rows.map(row)
      let values = try shapes.indices.map { value in
        try Tensor(shape: [rows.count] + shapes[value], elementType: .float32) { bytes in
          try place(value, rows, bytes.bindMemory(to: Float.self))
        }
      }
      let examples = made.map(\.example)
      try body(
        rows,
        try runner(
          try runner.inputs(values, inputs: inputs, examples: examples), classes: made.map(\.target),
          examples: examples))
    }
  }
}

// MARK: Copies
extension RowRunner {
  /// Writes an attributed value's elements of a row, given its example's.
  typealias Copy = (
    _ value: Int, _ row: Int, _ given: UnsafeBufferPointer<Float>,
    _ target: UnsafeMutableBufferPointer<Float>
  ) throws -> Void

  /// Runs altered copies of examples, a batch at a time.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - values: the attributed values of the examples.
  ///   - row: what a row is made of.
  ///   - copy: writes a row.
  ///   - body: takes the readings of some rows, in order.
  func forEachBatch(
    rows count: Int, values: [Tensor], inputs: [Tensor], row: (_ index: Int) -> Row, copy: Copy,
    _ body: (_ rows: Range<Int>, _ readings: SubjectRunner.Readings) throws -> Void
  ) throws {
    try forEachBatch(rows: count, inputs: inputs, row: row) { value, rows, target in
      let width = target.count / rows.count
      try values[value].withElements(as: Float.self) { source in
        for (index, number) in rows.enumerated() {
          let start = row(number).example * width
          try copy(
            value, number, UnsafeBufferPointer(rebasing: source[start..<start + width]),
            UnsafeMutableBufferPointer(rebasing: target[index * width..<(index + 1) * width]))
        }
      }
    } _: { rows, readings in
      try body(rows, readings)
    }
  }

  /// Runs altered copies for their examples' classes and hands over each one's class output.
  func forEachOutput(
    rows count: Int, values: [Tensor], inputs: [Tensor], classes: [Int], example: (_ row: Int) -> Int,
    copy: Copy, _ body: (_ row: Int, _ output: Double) throws -> Void
  ) throws {
    try forEachBatch(
      rows: count, values: values, inputs: inputs,
      row: { Row(example: example($0), target: classes[example($0)]) }, copy: copy
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
      copy: { _, _, given, target in given.copy(to: target) }
    ) { found.append($1) }
    return found
  }

  /// The class outputs of rows that are written as a whole.
  ///
  /// - Parameters:
  ///   - example: the example that a row belongs to.
  ///   - place: writes an attributed value's elements of some rows.
  func outputs(
    rows count: Int, inputs: [Tensor], classes: [Int], example: (_ row: Int) -> Int,
    place: (_ value: Int, _ rows: Range<Int>, _ target: UnsafeMutableBufferPointer<Float>) -> Void
  ) throws -> [Double] {
    var found: [Double] = []
    found.reserveCapacity(count)
    try forEachBatch(
      rows: count, inputs: inputs, row: { Row(example: example($0), target: classes[example($0)]) },
      place: place
    ) { rows, readings in
      found += picked(readings.output.converted(to: .float32), rows.map { classes[example($0)] })
    }
    return found
  }
}

// MARK: Points
extension RowRunner {
  /// Runs points about examples, as many about each, a batch at a time.
  ///
  /// - Parameters:
  ///   - count: the number of points of each example.
  ///   - values: the attributed values of the examples.
  ///   - place: writes an attributed value's elements at a point of an example, given the example's.
  ///   - body: takes the readings, with the example and the number of each point.
  func forEachBatch(
    of count: Int, values: [Tensor], inputs: [Tensor], classes: [Int],
    place: (
      _ value: Int, _ example: Int, _ point: Int, _ given: UnsafeBufferPointer<Float>,
      _ row: UnsafeMutableBufferPointer<Float>
    ) -> Void,
    _ body: (_ readings: SubjectRunner.Readings, _ examples: [Int], _ points: [Int]) -> Void
  ) throws {
    try forEachBatch(
      rows: classes.count * count, values: values, inputs: inputs,
      row: { Row(example: $0 / count, target: classes[$0 / count]) },
      copy: { place($0, $1 / count, $1 % count, $2, $3) }
    ) { rows, readings in
      body(readings, rows.map { $0 / count }, rows.map { $0 % count })
    }
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

extension Int {
  /// A product that stays within `Int`.
  func multipliedCapped(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
