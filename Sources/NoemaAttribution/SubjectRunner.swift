public import NoemaGraph
public import NoemaTensor

/// Runs a subject's network forward, and backward where gradients are asked for, on any number of rows: the engine
/// of the methods that look at many inputs.
///
/// Rows are packed into full batches. At hidden layers the network begins there: the layers' values are inputs, ahead
/// of the network's own where paths around the layers still need those.
public final class SubjectRunner {
  /// Where the runner's network begins.
  public enum Start: Sendable { case inputs, layers }

  /// The output and, where asked for, the gradients of a class output at the attributed values.
  public struct Readings {
    /// The output on the asked scale, `[rows, classes]`.
    public var output: Tensor
    /// The gradient of each row's class output at each attributed value.
    public var gradients: [Tensor]
    /// The attributed values.
    public var values: [Tensor]
  }

  /// The number of classes.
  public let classCount: Int
  /// The number of rows that run together.
  public var batchSize: Int { runner.batchSize }
  /// The types of the inputs, for one batch.
  public var inputTypes: [TensorType] { Array(runner.inputTypes.prefix(inputNames.count)) }
  /// The shapes of the attributed values for one example.
  public let attributedShapes: [[Int]]
  /// Names of the attributed values.
  public let attributedNames: [String]
  /// Names of the inputs, in order.
  public let inputNames: [String]
  /// How many of the network's own inputs are wanted behind the layers' values.
  let ownInputs: [Int]
  /// For each of the network's own inputs the attributed value that it is, where the network begins at its inputs.
  private let attributedInputs: [Int?]
  private let start: Start
  private let runner: BatchRunner
  private let backward: BackwardPass?
  private let keepsValues: Bool

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - subject: the network, and what is explained.
  ///   - start: where it begins.
  ///   - backward: what passes backward to the attributed values; nil for nothing.
  ///   - keepsValues: whether the attributed values are read.
  ///   - rows: how many rows will run at most.
  /// - Throws: `GraphError` for unknown layers, and for layers that the output does not depend on.
  public init(
    _ subject: Subject, from start: Start = .inputs, backward: BackwardPass? = nil, keepsValues: Bool = false,
    rows: Int
  ) throws {
    let names = try subject.attributedNames()
    attributedNames = names
    attributedInputs = subject.network.inputs.map { names.firstIndex(of: $0.name) }
    self.start = start
    self.backward = backward
    self.keepsValues = keepsValues
    var classCount = 0, own: [Int] = [], inputNames: [String] = []
    runner = try BatchRunner(
      subject.network, examples: rows, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      let hooks = try graph.values(named: names)
      let explained = try graph.explainedOutput(subject.output, scale: subject.scale)
      classCount = graph.type(of: explained).shape[1]
      graph.outputs = [explained] + hooks
      let networkInputs = graph.inputs
      if start == .layers {
        try graph.begin(at: hooks, keeping: explained)
      } else {
        try graph.apply(Pass.canonical)
      }
      inputNames = graph.inputs.map { graph.displayName(of: $0) }
      own = graph.inputs.compactMap { networkInputs.firstIndex(of: $0) }
      if start == .layers { own = own.filter { !hooks.contains(networkInputs[$0]) } }
      graph.outputs = [explained] + (keepsValues ? hooks : [])
      return try backward?.add(to: graph, from: explained, at: hooks) ?? graph
    }
    self.classCount = classCount
    self.inputNames = inputNames
    ownInputs = own
    attributedShapes = try subject.shapes(of: names)
    for (index, type) in runner.outputTypes.enumerated() where type.shape.first != runner.batchSize {
      throw GraphError(
        .input(
          "\(index == 0 ? "the output" : "'\(names[(index - 1) % names.count])'") has shape \(type.shape) for "
            + "\(runner.batchSize) examples; its first axis must count them"))
    }
  }

  /// Runs any number of rows.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per input, rows first.
  ///   - classes: the class of each row; only gradients need them.
  ///   - examples: the example that each row belongs to, for messages; rows are examples when nil.
  /// - Throws: `GraphError.notFinite` that names the value and the example.
  public func callAsFunction(
    _ inputs: [Tensor], classes: [Int] = [], examples: [Int]? = nil
  ) throws -> Readings {
    let rows = inputs.first?.shape.first ?? 0
    try checkClasses(classes, of: classCount)
    var parts: [[Tensor]] = []
    for start in stride(from: 0, to: rows, by: batchSize) {
      let range = start..<min(start + batchSize, rows)
      func place(_ row: Int) -> Int { examples.map { $0[start + row] } ?? start + row }
      var batch = range.count == rows ? inputs : inputs.map { $0.rows(range) }
      try checkFinite(batch, inputNames, place: place)
      if let backward {
        batch.append(try oneHot(Array(classes[range]), count: classCount))
        batch += try backward.baselines.map { try $0.repeated(range.count) }
      }
      let results = try runner.run(batch)
      let values = keepsValues ? attributedNames : []
      let gradients = backward == nil ? [] : attributedNames.map { "\(backward!.quantity) at \($0)" }
      try checkFinite(results, ["output"] + values + gradients, place: place)
      parts.append(results)
    }
    let results = try parts.first.map { first in
      try first.indices.map { index in try Tensor.stacked(parts.map { $0[index] }) }
    }
    guard let results else { throw GraphError(.input("there are no rows to run")) }
    let split = 1 + (keepsValues ? attributedNames.count : 0)
    return Readings(
      output: results[0], gradients: Array(results[split...]), values: Array(results[1..<split]))
  }

  /// The inputs for rows whose attributed values are made; the rest is as the example of each row has it.
  ///
  /// - Parameters:
  ///   - made: one tensor per attributed value, a row for each row that will run.
  ///   - inputs: the network's inputs for the examples.
  ///   - examples: the example of each row.
  func inputs(_ made: [Tensor], inputs: [Tensor], examples: [Int]) throws -> [Tensor] {
    let types = inputTypes
    if start == .layers {
      return try zip(made, types).map { $0.converted(to: $1.element) }
        + ownInputs.map { try inputs[$0].selectingRows(examples) }
    }
    return try attributedInputs.enumerated().map { index, value in
      try value.map { made[$0].converted(to: types[index].element) } ?? inputs[index].selectingRows(examples)
    }
  }

  /// The class output of each row.
  ///
  /// - Throws: as running does.
  public func outputs(_ inputs: [Tensor], classes: [Int], examples: [Int]? = nil) throws -> [Double] {
    try checkClasses(classes, of: classCount)
    return try picked(callAsFunction(inputs, classes: classes, examples: examples).output, classes)
  }
}

/// The element of each row that its class picks.
func picked(_ output: Tensor, _ classes: [Int]) -> [Double] {
  let width = output.count / max(1, classes.count)
  return output.withElements(as: Float.self) { values in
    classes.enumerated().map { Double(values[$0 * width + $1]) }
  }
}

extension Graph {
  /// Brings a network to canonical form, with what a subject explains as its only output.
  ///
  /// - Parameter names: ONNX names of values that the passes leave alone.
  /// - Returns: the explained output, and those values.
  /// - Throws: `GraphError` for unknown names.
  mutating func prepare(
    for subject: Subject, keeping names: [String]
  ) throws(GraphError) -> (explained: Value, hooks: [Value]) {
    let hooks = try values(named: names)
    let explained = try explainedOutput(subject.output, scale: subject.scale)
    outputs = [explained] + hooks
    try apply(Pass.canonical)
    outputs = [explained]
    return (explained, hooks)
  }

  /// The error for a value that the explained output does not depend on.
  func independent(of value: Value) -> GraphError {
    GraphError(
      .notDifferentiable("the output does not depend on '\(displayName(of: value))' through derivatives"))
  }

  /// The shapes of values for one example.
  func shapes(of names: [String]) throws(GraphError) -> [[Int]] {
    try values(named: names).map { Array(type(of: $0).shape.dropFirst()) }
  }
}
