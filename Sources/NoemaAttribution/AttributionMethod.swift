public import NoemaGraph
public import NoemaTensor

/// What is explained: a class output of a network, and the values that share it among themselves.
public struct Subject: Sendable {
  /// The network.
  public var network: Network
  /// ONNX names of the values that receive attributions, inputs or hidden layers; none for all inputs of floats.
  public var layers: [String]
  /// The output's name; the main output when nil.
  public var output: String?
  /// The scale of the class output.
  public var scale = OutputScale.logit
  /// Input shapes by name where the file leaves more than the first axis open.
  public var shapes: [String: [Int]] = [:]
  /// How many examples will be explained at most.
  public var examples = 1
  /// Bytes that one batch may take.
  public var memory = 1 << 30
  /// The largest batch.
  public var maximumBatch = 32

  /// Names what is explained.
  public init(_ network: Network, layers: [String] = []) {
    self.network = network
    self.layers = layers
  }

  /// Names of the values that receive attributions.
  ///
  /// - Throws: `GraphError` when there is none, because no input holds floats.
  public func attributedNames() throws(GraphError) -> [String] {
    if !layers.isEmpty { return layers }
    let names = network.inputs.filter(\.element.isFloat).map(\.name)
    guard !names.isEmpty else {
      throw GraphError(
        .input("no input holds floats; attribute to a hidden layer, such as an embedding, with --layer"))
    }
    return names
  }
}

/// A local attribution method: says how much each element of an input or of a hidden layer supports a class output.
///
/// A method is a value that holds the paper's parameters; `attributor(for:)` compiles it for a network once.
public protocol AttributionMethod: Sendable {
  /// Compiles the method for a network.
  ///
  /// - Throws: `GraphError` when parameters are out of range, or the method does not apply to the network.
  func attributor(for subject: Subject) throws -> any Attributor
}

/// A method compiled for a network: explains batch after batch.
public protocol Attributor {
  /// The largest number of examples that `attribute` takes at once.
  var batchSize: Int { get }

  /// Explains up to `batchSize` examples.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the class explained for each example.
  ///   - first: the index of the first example in its data set, for messages and for random numbers.
  /// - Throws: `GraphError`, also for values that are not finite, with the layer and the example's place in the batch.
  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution

  /// Where an attribution gains or loses, node by node; nil for methods that do not pass backward.
  ///
  /// - Throws: as explaining does.
  func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace?
}

extension Attributor {
  /// Where an attribution gains or loses, node by node; nil for methods that do not pass backward.
  ///
  /// - Throws: as explaining does.
  public func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace? { nil }

  /// Explains up to `batchSize` examples that have no place in a data set.
  public func attribute(_ inputs: [Tensor], classes: [Int]) throws -> Attribution {
    try attribute(inputs, classes: classes, first: 0)
  }
}

/// The attributions of one batch.
public struct Attribution: Sendable {
  /// For each attributed value a tensor shaped like it, examples first.
  public var values: [Tensor]
  /// The explained output of each example.
  public var outputs: [Double]
  /// What each example's attributions should sum to; nil where the method does not say.
  public var expectedSums: [Double]?
  /// Standard errors of the values, shaped like them, of methods that sample.
  public var standardErrors: [Tensor]?
  /// For each example, what the method has to say about it.
  public var remarks: [Int: String] = [:]

  /// Collects what a method found.
  public init(
    values: [Tensor], outputs: [Double], expectedSums: [Double]? = nil, standardErrors: [Tensor]? = nil
  ) {
    self.values = values
    self.outputs = outputs
    self.expectedSums = expectedSums
    self.standardErrors = standardErrors
  }

  /// The sum of each example's attributions over all values.
  public var sums: [Double] {
    outputs.indices.map { row in
      values.reduce(0) { total, tensor in
        let width = tensor.count / max(1, outputs.count)
        return total
          + tensor.withElements(as: Float.self) {
            $0[row * width..<(row + 1) * width].reduce(0) { $0 + Double($1) }
          }
      }
    }
  }
}
