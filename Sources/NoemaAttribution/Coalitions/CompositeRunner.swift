internal import NoemaGraph
internal import NoemaTensor

/// Runs a subject's network forward on rows made of parts of examples and of what stands in for the rest: the
/// engine of Shapley values and local surrogates.
///
/// Rows are written straight into full batches. At hidden layers the network begins there, and what passes
/// around the layers stays as the example has it.
struct CompositeRunner {
  let runner: SubjectRunner
  /// Reads hidden layers of examples; nil where inputs are attributed.
  private let layers: SubjectRunner?
  /// Places of the attributed values among the network's inputs, when the network begins there.
  private let attributed: [Int]
  private let examples: Int
  private let inputCount: Int

  /// Compiles a subject's network.
  ///
  /// - Parameter rowsPerExample: about how many rows each example needs.
  init(_ subject: Subject, rowsPerExample: Int) throws {
    var wide = subject
    // Forward rows are small: what limits their number is the cache, not the answer's latency.
    wide.maximumBatch = subject.maximumBatch.multipliedCapped(by: 128)
    let names = try subject.attributedNames(), inputs = subject.network.inputs.map(\.name)
    let rows = subject.examples.multipliedCapped(by: max(1, rowsPerExample))
    attributed = names.compactMap { inputs.firstIndex(of: $0) }
    examples = max(1, subject.examples)
    inputCount = inputs.count
    if attributed.count == names.count {
      runner = try SubjectRunner(wide, rows: rows)
      layers = nil
    } else {
      runner = try SubjectRunner(wide, from: .layers, rows: rows)
      layers = try SubjectRunner(subject, keepsValues: true, rows: subject.examples)
    }
  }

  var shapes: [[Int]] { runner.attributedShapes }
  var names: [String] { runner.attributedNames }
  var classCount: Int { runner.classCount }
  /// The number of elements of each attributed value of one example.
  var widths: [Int] { shapes.map { $0.reduce(1, *) } }
  /// Whether the attributed values alone decide the output.
  var isClosed: Bool { layers == nil ? attributed.count == inputCount : runner.ownInputs.isEmpty }

  /// How many examples to explain at once: their rows fill several batches, next to which the few that end in
  /// one hardly filled count little.
  func batchSize(rowsPerExample: Int) -> Int {
    min(examples, max(1, 8 * runner.batchSize / max(1, rowsPerExample)))
  }

  /// The attributed values of some examples, as float32.
  ///
  /// - Throws: `GraphError.input` for shapes that do not fit.
  func values(of inputs: [Tensor], count: Int) throws -> [Tensor] {
    guard inputs.count == inputCount else {
      throw GraphError(.input("expected \(inputCount) inputs, found \(inputs.count)"))
    }
    if let uneven = inputs.first(where: { $0.shape.first != count }) {
      throw GraphError(
        .input("expected \(count) examples in every input, found \(uneven.shape.first ?? 0)"))
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
  ///   - inputs: the network's inputs, for what passes around the attributed values; may be empty when
  ///     closed.
  ///   - classes: the class of each example; may be empty when outputs are read whole.
  ///   - example: the example that a row belongs to.
  ///   - place: writes an attributed value's elements of some rows.
  ///   - body: takes the outputs of some rows, `[rows, classes]`.
  func forEachBatch(
    rows count: Int, inputs: [Tensor], classes: [Int], example: (_ row: Int) -> Int,
    place: (_ value: Int, _ rows: Range<Int>, _ target: UnsafeMutableBufferPointer<Float>) -> Void,
    _ body: (_ rows: Range<Int>, _ output: Tensor) throws -> Void
  ) throws {
    for start in stride(from: 0, to: count, by: runner.batchSize) {
      let rows = start..<min(start + runner.batchSize, count)
      let examples = rows.map(example)
      let made = try shapes.indices.map { value in
        try Tensor(shape: [rows.count] + shapes[value], elementType: .float32) { bytes in
          place(value, rows, bytes.bindMemory(to: Float.self))
        }
      }
      let readings = try runner(
        try runner.inputs(made, inputs: inputs, examples: examples),
        classes: classes.isEmpty ? [] : examples.map { classes[$0] }, examples: examples)
      try body(rows, readings.output)
    }
  }

  /// The class output of each of some rows.
  func outputs(
    rows count: Int, inputs: [Tensor], classes: [Int], example: (_ row: Int) -> Int,
    place: (_ value: Int, _ rows: Range<Int>, _ target: UnsafeMutableBufferPointer<Float>) -> Void
  ) throws -> [Double] {
    var found: [Double] = []
    found.reserveCapacity(count)
    try forEachBatch(rows: count, inputs: inputs, classes: classes, example: example, place: place) {
      rows, output in
      found += picked(output.converted(to: .float32), rows.map { classes[example($0)] })
    }
    return found
  }
}

extension CompositeRunner {
  /// The class outputs of coalitions: present players as in their example, absent ones as in background rows.
  ///
  /// - Parameters:
  ///   - players: the players of each example.
  ///   - background: what stands in for absent players, a row for each that the list names.
  /// - Returns: for each coalition the output on its row, or the mean over all rows where the list names
  ///   none.
  func outputs(
    of list: CoalitionList, players: [Players], values: [Tensor], background: [Tensor], inputs: [Tensor],
    classes: [Int]
  ) throws -> [Double] {
    let repeats = list.rows.isEmpty ? background[0].shape[0] : 1
    var sums = [Double](repeating: 0, count: list.count)
    try forEachBatch(
      rows: list.count * repeats, inputs: inputs, classes: classes, example: { list.examples[$0 / repeats] },
      place: { value, rows, target in
        values[value].withElements(as: Float.self) { given in
          background[value].withElements(as: Float.self) { rest in
            list.place(
              rows, repeats: repeats, owners: { players[$0].owners[value] }, given: given, rest: rest,
              into: target)
          }
        }
      }
    ) { rows, output in
      let width = output.count / rows.count
      output.converted(to: .float32).withElements(as: Float.self) { scores in
        for row in rows {
          let coalition = row / repeats
          sums[coalition] += Double(
            scores[(row - rows.lowerBound) * width + classes[list.examples[coalition]]])
        }
      }
    }
    if repeats > 1 { for index in sums.indices { sums[index] /= Double(repeats) } }
    return sums
  }
}

extension CoalitionList {
  /// Writes rows: each coalition on one background row after the other.
  fileprivate func place(
    _ range: Range<Int>, repeats: Int, owners: (_ example: Int) -> [Int32],
    given: UnsafeBufferPointer<Float>, rest: UnsafeBufferPointer<Float>,
    into target: UnsafeMutableBufferPointer<Float>
  ) {
    let width = target.count / range.count
    guard width > 0, let given = given.baseAddress, let rest = rest.baseAddress,
      let target = target.baseAddress
    else { return }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: width) { present in
      present.initialize(repeating: 0)
      var row = range.lowerBound
      while row < range.upperBound {
        let coalition = row / repeats, example = examples[coalition]
        mark(coalition, owners: owners(example), into: present)
        let end = min((coalition + 1) * repeats, range.upperBound)
        while row < end {
          let background = rows.isEmpty ? row - coalition * repeats : rows[coalition]
          merge(
            given + example * width, rest + background * width, where: present,
            into: target + (row - range.lowerBound) * width)
          row += 1
        }
      }
    }
  }

  /// Takes elements of one row where bits are set and of another elsewhere, by their bits: no branches.
  private func merge(
    _ given: UnsafePointer<Float>, _ rest: UnsafePointer<Float>,
    where present: UnsafeMutableBufferPointer<UInt32>, into target: UnsafeMutablePointer<Float>
  ) {
    for i in present.indices {
      let other = rest[i].bitPattern
      target[i] = Float(bitPattern: other ^ ((other ^ given[i].bitPattern) & present[i]))
    }
  }
}
