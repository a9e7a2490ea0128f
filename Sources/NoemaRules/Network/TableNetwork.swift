public import NoemaGraph
internal import NoemaTensor

/// A network that answers for the rows of a table, and whose hidden layers can be looked at.
///
/// ```swift
/// let file = try Network(contentsOf: "credit.onnx")
/// let network = try TableNetwork(file, features: table.features, classes: ["no", "yes"])
/// let labels = try network.labels(of: table)
/// let hidden = try network.activations(of: table, at: network.layers[0])
/// ```
///
/// - **Inputs.** One input `[N, columns]`, also with axes of one behind, or one input `[N, 1]` a feature as
///   scikit-learn and TensorFlow write them, taken by name when the names are those of the features and else by order.
///   Levels go in as their index, or as one column a level, 1 where it is the row's, when the input has that width; a
///   category of two levels then may be one column that is 1 for the second.
/// - **Answers.** Where the graph ends in a softmax or a logistic function its outputs are probabilities, where it ends
///   in a product or a sum they are logits. Where the end does not tell, they are probabilities if those of every row
///   asked about add to 1. Independent probabilities are divided by their sum. A single output is the probability, or
///   the logit, of the second of two classes.
/// - **Missing values** are refused by row and feature, unless the network is a tree or fills them in itself.
public struct TableNetwork: LayeredOracle {
  public let features: [Feature]
  public let classes: [String]
  /// The names of the hidden layers, from input to output: as asked for, else the activations of dense layers.
  ///
  /// Empty for a network without dense hidden layers when none are asked for.
  public var layers: [String] { hidden.map(\.name) }

  private let network: Network
  private let inputs: TableInputs
  private let scores: TableScores
  private let hidden: [HiddenLayer]
  private let acceptsMissing: Bool
  private let memory: Int

  /// The most rows that run together.
  private static let largestBatch = 1024

  /// Fits a network to a table.
  ///
  /// - Parameters:
  ///   - network: the network.
  ///   - features: the features, in the order of the network's columns.
  ///   - classes: the names of the classes, in the order of the network's scores.
  ///   - output: the name of the output; the first of floats when nil.
  ///   - layers: hidden layers, by the names that `noema inspect` lists, or patterns; `mean(name)` is the mean over the
  ///     positions of a convolutional layer. When nil, the activations of dense layers.
  ///   - scaling: how the network's columns are scaled before they go in, one entry each; nil for as they are.
  ///   - memory: bytes that one batch may take.
  /// - Throws: `RuleError` when inputs or outputs do not fit features and classes, saying which shapes were found and
  ///   expected, when scalings do not fit, or a layer has positions; `GraphError` for networks that cannot be read, and
  ///   unknown layers.
  public init(
    _ network: Network, features: [Feature], classes: [String], output: String? = nil,
    layers: [String]? = nil,
    scaling: [ColumnScaling]? = nil, memory: Int = 1 << 30
  ) throws {
    try Feature.check(features)
    try RuleSet.check(classes)
    guard !features.isEmpty else { throw RuleError(.count(what: "features", found: 0, expected: 1)) }
    guard memory > 0 else { throw RuleError(.parameters("the memory must be above 0, found \(memory)")) }
    inputs = try TableInputs(network, features, scaling)
    let graph = try network.graph(batch: network.fixedBatch ?? 1, shapes: inputs.shapes)
    scores = try TableScores(graph, output: output, classCount: classes.count)
    hidden =
      try layers.map { try HiddenLayer.named($0, in: graph) }
      ?? HiddenLayer.automatic(in: graph, output: scores.name)
    acceptsMissing = graph.acceptsMissing
    (self.network, self.features, self.classes, self.memory) = (network, features, classes, memory)
  }

  /// The class probabilities of each row, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the network's, a value is missing or out of range, or an
  ///   answer is not finite; `GraphError` when a batch does not run.
  public func probabilities(of table: RuleTable) throws -> [Double] {
    var all: [Double] = []
    all.reserveCapacity(table.rowCount * scores.width)
    try run(table, to: scores.name) { tensor, _ in
      all += tensor.converted(to: .float64).elements(as: Double.self)
    }
    if let place = all.firstIndex(where: { !$0.isFinite }) {
      throw RuleError(
        .notFinite("row \(place / scores.width + 1): the network's output '\(scores.name)' is \(all[place])"))
    }
    return scores.probabilities(all)
  }

  /// The activations of a layer: a row for each of the table's, a feature `layer[unit]` a unit.
  ///
  /// - Throws: `RuleError` for a layer that is none of ``layers``, for tables as ``probabilities(of:)``, and when an
  ///   activation is not finite; `GraphError` when a batch does not run.
  public func activations(of table: RuleTable, at layer: String) throws -> RuleTable {
    guard let place = hidden.first(where: { $0.name == layer }) else {
      throw RuleError(
        .malformed(
          "no hidden layer named '\(layer)'; the layers are \(layers.isEmpty ? "none" : "\(layers)")"))
    }
    var values = [Double](repeating: 0, count: table.rowCount * place.unitCount)
    try run(table, to: place.value) { tensor, rows in
      let columns = place.columns(tensor)
      for unit in 0..<place.unitCount {
        for row in 0..<rows.count {
          values[unit * table.rowCount + rows.lowerBound + row] = columns[unit * rows.count + row]
        }
      }
    }
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw RuleError(
        .notFinite(
          "row \(index % table.rowCount + 1): '\(layer)[\(index / table.rowCount)]' is \(values[index])"))
    }
    return RuleTable(
      unchecked: (0..<place.unitCount).map { Feature("\(layer)[\($0)]") }, rowCount: table.rowCount,
      values: values)
  }

  /// Runs the network up to a value, batch after batch.
  private func run(_ table: RuleTable, to name: String, _ take: (Tensor, Range<Int>) throws -> Void) throws {
    try table.check(matches: features)
    guard table.rowCount > 0 else { return }
    let runner = try BatchRunner(
      network, examples: table.rowCount, memory: memory, maximumBatch: TableNetwork.largestBatch,
      shapes: inputs.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      guard let value = graph.value(named: name) else {
        throw GraphError(.unknownName(name, what: "value", suggestions: []))
      }
      graph.outputs = [value]
      try graph.apply(Pass.canonical)
      return graph
    }
    for start in stride(from: 0, to: table.rowCount, by: runner.batchSize) {
      let rows = start..<min(table.rowCount, start + runner.batchSize)
      let tensors = try inputs.tensors(table, rows: rows, acceptsMissing: acceptsMissing)
      let result = try runner.run(tensors)[0]
      guard result.shape.first == rows.count else {
        throw RuleError(
          .malformed("its shape is \(result.shape) for \(rows.count) rows; its first axis must count them"),
          at: "'\(name)'")
      }
      try take(result, rows)
    }
  }
}
