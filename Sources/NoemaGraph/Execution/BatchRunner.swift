public import NoemaTensor

/// Runs a graph derived from a network on any number of examples, at a batch size that fits a memory budget.
///
/// What does not fit with a batch of one example, or the file's own, keeps less and computes more
/// (`Graph.recomputing`).
///
/// Batches are no larger than keeps the processor busy: small ones stay in its caches, take fewer fresh pages
/// from the system, and are read sooner.
///
/// The derived graph is compiled once for one batch size; a last, smaller batch is filled up by repeating its
/// last example and cut again, which changes no result of the others.
public final class BatchRunner {
  /// The number of examples that run together.
  public let batchSize: Int
  /// The types of one batch of inputs, the derived ones (such as a cotangent) last.
  public var inputTypes: [TensorType] { session.inputTypes }
  /// The types of one batch of outputs.
  public var outputTypes: [TensorType] { session.outputTypes }
  /// Bytes of working memory.
  public var workingByteCount: Int { session.workingByteCount }
  private let session: Session

  /// Compiles a derived graph.
  ///
  /// - Parameters:
  ///   - examples: how many examples will run at most; no larger batch is made.
  ///   - memory: bytes that one batch may take, in working memory, inputs and outputs.
  ///   - shapes: input shapes by name where the file leaves more than the first axis open.
  ///   - derive: makes the graph to run from the network's graph at a batch size, outputs set.
  /// - Throws: `GraphError`, also when not even one example fits the budget.
  public init(
    _ network: Network, examples: Int, memory: Int = 1 << 30, maximumBatch: Int = 32,
    shapes: [String: [Int]] = [:],
    weights: SharedWeights = SharedWeights(), derive: (Graph) throws(GraphError) -> Graph
  ) throws(GraphError) {
    var size = network.fixedBatch ?? 1
    if network.fixedBatch == nil {
      let footprint = try network.graph(batch: 1, shapes: shapes).largestStep
      let most = min(maximumBatch, max(Self.smallBatch, Self.cacheByteCount / max(1, footprint)))
      size = Self.evenBatch(examples, atMost: most)
    }
    while true {
      let graph = try derive(try network.graph(batch: size, shapes: shapes))
      let ports = (graph.inputs + graph.outputs).reduce(0) { $0 + graph.type(of: $1).byteCount }
      let isSmallest = size == 1 || network.fixedBatch != nil
      let session = try Session(graph, sharing: weights, limit: isSmallest ? max(0, memory - ports) : .max)
      let bytes = session.workingByteCount + ports
      if bytes <= memory || isSmallest {
        guard bytes <= memory else {
          throw GraphError(
            .execution(
              "one batch of \(size) needs \(bytes >> 20) MiB, the budget is \(memory >> 20) MiB; raise --memory"
            ))
        }
        self.session = session
        batchSize = size
        return
      }
      // Working memory grows with the batch, so aim at the budget at once.
      size = max(1, min(size - 1, size * memory / bytes))
    }
  }

  /// Bytes that one step of a batch should touch: what shared caches hold.
  private static let cacheByteCount = 24 << 20
  /// Batches are not made smaller than this for the sake of caches.
  private static let smallBatch = 4

  /// The batch size that fills as few batches as `most` would, as evenly as can be: the last one is filled up.
  private static func evenBatch(_ examples: Int, atMost most: Int) -> Int {
    let batches = (max(1, examples) + most - 1) / most
    return (max(1, examples) + batches - 1) / batches
  }

  /// Runs up to `batchSize` examples.
  ///
  /// - Parameter inputs: one tensor per input, the first axis counting examples.
  /// - Returns: one tensor per output with as many rows as the inputs have.
  public func run(_ inputs: [Tensor]) throws -> [Tensor] {
    guard let count = inputs.first?.shape.first, (1...batchSize).contains(count) else {
      throw GraphError(.input("expected 1 to \(batchSize) examples, found \(inputs.first?.shape.first ?? 0)"))
    }
    for (tensor, type) in zip(inputs, session.inputTypes) {
      guard Array(tensor.shape.dropFirst()) == Array(type.shape.dropFirst()) else {
        throw GraphError(
          .input(
            "expected examples of shape \(Array(type.shape.dropFirst())), found \(Array(tensor.shape.dropFirst()))"
          ))
      }
      guard tensor.shape.first == count else {
        throw GraphError(
          .input("expected \(count) examples in every input, found \(tensor.shape.first ?? 0)"))
      }
    }
    if count == batchSize { return try session.run(inputs) }
    let results = try session.run(try inputs.map { try $0.filledUp(to: batchSize) })
    return results.map { $0.shape.first == batchSize ? $0.rows(0..<count) : $0 }
  }

  /// Seconds per step over the last runs made with `profiling`.
  public func profile(_ inputs: [Tensor], runs: Int) throws -> [Session.ProfileEntry] {
    for _ in 0..<runs { _ = try session.run(inputs, profiling: true) }
    return session.profile()
  }
}

extension Graph {
  /// Bytes of the values that the largest step reads and writes.
  fileprivate var largestStep: Int {
    nodes.map { node in
      (node.operands + node.results).filter { constants[$0] == nil }.reduce(0) { $0 + type(of: $1).byteCount }
    }.max() ?? 0
  }
}

extension Tensor {
  /// The tensor with its last row repeated until it has `count` rows.
  fileprivate func filledUp(to count: Int) throws -> Tensor {
    let rowBytes = shape.dropFirst().reduce(1, *) * elementType.byteCount
    return try Tensor(shape: [count] + shape.dropFirst(), elementType: elementType) { bytes in
      withBytes { source in
        bytes.copyMemory(from: source)
        for row in shape[0]..<count {
          (bytes.baseAddress! + row * rowBytes).copyMemory(
            from: source.baseAddress! + (shape[0] - 1) * rowBytes, byteCount: rowBytes)
        }
      }
    }
  }
}
