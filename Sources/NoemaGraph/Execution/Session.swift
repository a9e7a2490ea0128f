internal import CDNNL
internal import Foundation
public import NoemaTensor

/// A compiled graph with its memory, ready to run on batches of one shape.
///
/// Not `Sendable`: arena and oneDNN handles belong to one caller at a time.
public final class Session {
  /// The types of the inputs and outputs.
  public let inputTypes, outputTypes: [TensorType]
  private let plan: Plan
  // Taken by the first run: a caller may compile, see that a plan needs too much, and run another.
  private var working: (arena: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer)?
  private var seconds: [Double]
  private var runCount = 0

  /// Compiles a graph: execution passes, kernels, layouts, memory.
  ///
  /// - Parameters:
  ///   - weights: reordered constants to share with other sessions of the same network.
  ///   - limit: bytes of working memory above which hidden values are computed twice rather than kept, in as few
  ///     segments as bring the plan below it. Where none do, the smallest plan is taken.
  /// - Throws: `GraphError` when an operator cannot be compiled.
  public init(
    _ graph: Graph, sharing weights: SharedWeights = SharedWeights(), limit: Int = .max
  ) throws(GraphError) {
    let ready = try graph.applying(Pass.execution)
    var plan = try Plan(ready, weights: weights.cache)
    for segments in [2, 3, 4, 6, 8, 12, 16, 24, 32] where plan.workingByteCount > limit {
      let other = try Plan(ready.recomputing(segments: segments), weights: weights.cache)
      if other.workingByteCount < plan.workingByteCount { plan = other }
    }
    self.plan = plan
    inputTypes = plan.inputTypes
    outputTypes = plan.outputTypes
    seconds = Array(repeating: 0, count: plan.steps.count)
  }

  /// Bytes of the arena and the scratch memory.
  public var workingByteCount: Int { plan.workingByteCount }

  /// Runs the graph.
  ///
  /// - Parameter inputs: one tensor per input, of exactly its type.
  /// - Returns: one tensor per output, row-major.
  /// - Throws: `GraphError.input` when an input does not fit.
  public func run(_ inputs: [Tensor], profiling: Bool = false) throws -> [Tensor] {
    guard inputs.count == inputTypes.count else {
      throw GraphError(.input("expected \(inputTypes.count) inputs, found \(inputs.count)"))
    }
    for (tensor, type) in zip(inputs, inputTypes) where TensorType(of: tensor) != type {
      throw GraphError(.input("expected an input of \(type), found \(TensorType(of: tensor))"))
    }
    let (arena, scratch) = workingMemory()
    let memory = plan.buffers.map { buffer -> UnsafeMutableRawPointer in
      switch buffer.kind {
      case .arena(let offset): arena + offset
      // Constants and inputs are only read; kernels take one pointer type for all operands.
      case .constant(let tensor): tensor.withBytes { UnsafeMutableRawPointer(mutating: $0.baseAddress!) }
      case .input(let index): inputs[index].withBytes { UnsafeMutableRawPointer(mutating: $0.baseAddress!) }
      }
    }
    for (index, step) in plan.steps.enumerated() {
      let start = profiling ? Self.now() : 0
      if let copied = step.copied {
        memory[step.results[0]].copyMemory(
          from: memory[step.operands[copied]], byteCount: plan.buffers[step.results[0]].byteCount)
      }
      try step.kernel.run(
        KernelMemory(
          operands: step.operands.map { memory[$0] }, results: step.results.map { memory[$0] },
          scratch: scratch))
      if profiling { seconds[index] += Self.now() - start }
    }
    if profiling { runCount += 1 }
    defer { withExtendedLifetime(inputs) {} }
    return try zip(plan.outputBuffers, outputTypes).map { buffer, type in
      try Tensor(shape: type.shape, elementType: type.element) { bytes in
        if let base = bytes.baseAddress, !bytes.isEmpty {
          base.copyMemory(from: memory[buffer], byteCount: bytes.count)
        }
      }
    }
  }

  private func workingMemory() -> (arena: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer) {
    if let working { return working }
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
      .allocate(byteCount: max(byteCount, 64), alignment: 4096)
    }
    let taken = (arena: allocate(plan.arenaByteCount), scratch: allocate(plan.scratchByteCount))
    working = taken
    return taken
  }

  private static func now() -> Double {
    Double(DispatchTime.now().uptimeNanoseconds) / 1e9
  }

  /// One line of the profile.
  public struct ProfileEntry: Sendable {
    /// The node's ONNX name, and the operator; `reorder` for a change of layout.
    public let name, operation: String
    /// The kernel: oneDNN's implementation, or Noema's.
    public let implementation: String
    /// Seconds per run.
    public let seconds: Double
    /// Multiply-adds per run.
    public let multiplyAdds: Int
  }

  /// Seconds per step over the runs made with `profiling`.
  public func profile() -> [ProfileEntry] {
    plan.steps.enumerated().map { index, step in
      ProfileEntry(
        name: step.node?.name ?? "", operation: step.node?.operation.name ?? "reorder",
        implementation: step.kernel.implementation,
        seconds: seconds[index] / Double(max(runCount, 1)), multiplyAdds: step.multiplyAdds)
    }
  }

  deinit {
    working?.arena.deallocate()
    working?.scratch.deallocate()
  }
}

/// Constants in the layouts of the fast kernels, shared by the sessions of one network.
public final class SharedWeights {
  let cache = WeightCache()
  /// Makes an empty store.
  public init() {}
}
