internal import CDNNL
internal import NoemaTensor

/// A graph compiled for execution: kernels in order, layouts fixed, reorders where layouts change, memory placed.
///
/// Belongs to one `Session`; not shared between threads.
final class Plan {
  struct Step {
    let kernel: any Kernel
    let operands: [Int]
    let results: [Int]
    /// What the step computes, for the profile.
    let node: Node?
    let multiplyAdds: Int
    /// The operand whose bytes are copied into the first result's buffer before the kernel runs.
    var copied: Int?
  }

  /// A stretch of memory: in the arena, of a constant, or of an input that the caller provides.
  struct Buffer {
    enum Kind { case arena(Int), constant(Tensor), input(Int) }
    var kind: Kind
    var byteCount: Int
  }

  private(set) var steps: [Step] = []
  private(set) var buffers: [Buffer] = []
  /// The buffer of each output, in plain layout.
  private(set) var outputBuffers: [Int] = []
  let outputTypes: [TensorType]
  let inputTypes: [TensorType]
  private(set) var arenaByteCount = 0
  private(set) var scratchByteCount = 0
  /// Bytes of the arena and the scratch memory.
  var workingByteCount: Int { arenaByteCount + scratchByteCount }

  private var locations: [Value: [(layout: Layout, buffer: Int)]] = [:]
  private var constantCopies: WeightCache

  init(_ graph: Graph, weights: WeightCache) throws(GraphError) {
    outputTypes = graph.outputs.map { graph.type(of: $0) }
    inputTypes = graph.inputs.map { graph.type(of: $0) }
    constantCopies = weights
    for (index, input) in graph.inputs.enumerated() {
      locations[input] = [
        (.plain, add(Buffer(kind: .input(index), byteCount: graph.type(of: input).byteCount)))
      ]
    }
    for (value, tensor) in graph.constants {
      locations[value] = [(.plain, add(Buffer(kind: .constant(tensor), byteCount: tensor.byteCount)))]
    }
    for node in graph.nodes { try compile(node, graph) }
    for output in graph.outputs { outputBuffers.append(try buffer(of: output, .plain, graph)) }
    placeBuffers()
  }

  private func add(_ buffer: Buffer) -> Int {
    buffers.append(buffer)
    return buffers.count - 1
  }

  private func compile(_ node: Node, _ graph: Graph) throws(GraphError) {
    let operands = node.operands.map { value in
      // The layout made last is the one that the fast kernels chose.
      StoredOperand(
        type: graph.type(of: value), layout: locations[value]!.last!.layout, constant: graph.constants[value])
    }
    let results = node.results.map { graph.type(of: $0) }
    let kernel =
      try fastKernel(node, operands, results)
      ?? ReferenceKernel(node.operation, operands: operands.map(\.type), results: results)
    var inputs: [Int] = []
    for (value, layout) in zip(node.operands, kernel.operandLayouts) {
      inputs.append(try buffer(of: value, layout, graph))
    }
    var outputs: [Int] = []
    for (position, (value, layout)) in zip(node.results, kernel.resultLayouts).enumerated() {
      let size = layout.byteCount(of: graph.type(of: value))
      let index = kernel.isView && position == 0 ? inputs[0] : add(Buffer(kind: .arena(0), byteCount: size))
      locations[value, default: []].append((layout, index))
      outputs.append(index)
    }
    if kernel.isView { return }
    scratchByteCount = max(scratchByteCount, kernel.scratchByteCount)
    steps.append(
      Step(
        kernel: kernel, operands: inputs, results: outputs, node: node,
        multiplyAdds: node.operation.multiplyAdds(operands.map(\.type), results)))
  }

  /// The operator's own kernel; nil for sizes that oneDNN, which counts extents and products of some in 32 bits, would
  /// cut off.
  private func fastKernel(
    _ node: Node, _ operands: [StoredOperand], _ results: [TensorType]
  ) throws(GraphError) -> (any Kernel)? {
    let isWithinReach = (operands.map(\.type) + results).allSatisfy { type in
      type.count < 1 << 32 && type.shape.allSatisfy { $0 < 1 << 31 }
    }
    return isWithinReach ? try node.operation.kernel(for: operands, results: results) : nil
  }

  /// The buffer that holds a value in a layout; a reorder is added when there is none yet.
  private func buffer(of value: Value, _ layout: Layout, _ graph: Graph) throws(GraphError) -> Int {
    if let found = locations[value]!.first(where: { $0.layout == layout }) { return found.buffer }
    let type = graph.type(of: value)
    // Any source will do; constants are reordered once, here.
    let source = locations[value]!.first { $0.layout == .plain } ?? locations[value]![0]
    let kernel = try ReorderKernel(type, from: source.layout, to: layout)
    let index: Int
    if let tensor = graph.constants[value] {
      let copy = try constantCopies.tensor(tensor, in: layout, made: kernel)
      index = add(Buffer(kind: .constant(copy), byteCount: copy.byteCount))
    } else {
      index = add(Buffer(kind: .arena(0), byteCount: layout.byteCount(of: type)))
      steps.append(
        Step(kernel: kernel, operands: [source.buffer], results: [index], node: nil, multiplyAdds: 0))
    }
    locations[value]!.append((layout, index))
    return index
  }

  /// Finds lifetimes, lets kernels work in place, and lays the arena out.
  private func placeBuffers() {
    var first = [Int](repeating: .max, count: buffers.count),
      last = [Int](repeating: -1, count: buffers.count)
    for (index, step) in steps.enumerated() {
      for buffer in step.results {
        first[buffer] = min(first[buffer], index); last[buffer] = max(last[buffer], index)
      }
      for buffer in step.operands { last[buffer] = max(last[buffer], index) }
    }
    for buffer in outputBuffers { last[buffer] = steps.count }
    // Buffers that share memory form chains; `root` leads to the first of a chain.
    var root = Array(buffers.indices)
    for (index, step) in steps.enumerated() {
      let accumulated = step.kernel.accumulatedOperand
      guard let operand = accumulated ?? step.kernel.reusableOperand else { continue }
      let source = root[step.operands[operand]], result = step.results[0]
      let isFree: Bool = {
        guard case .arena = buffers[source].kind else { return false }
        let others = step.operands.enumerated().contains {
          $0.offset != operand && root[$0.element] == source
        }
        return last[source] == index && !others && buffers[source].byteCount == buffers[result].byteCount
      }()
      if isFree {
        root[result] = source
        last[source] = max(last[source], last[result])
      } else if accumulated != nil {
        steps[index].copied = operand
      }
    }
    var slots: [Int] = []
    var arena: [ArenaPlan.Buffer] = []
    for index in buffers.indices where root[index] == index && first[index] <= last[index] {
      guard case .arena = buffers[index].kind else { continue }
      slots.append(index)
      arena.append(.init(byteCount: buffers[index].byteCount, firstStep: first[index], lastStep: last[index]))
    }
    let plan = ArenaPlan(arena)
    for (slot, offset) in zip(slots, plan.offsets) { buffers[slot].kind = .arena(offset) }
    for index in buffers.indices where root[index] != index {
      buffers[index].kind = buffers[root[index]].kind
    }
    arenaByteCount = plan.byteCount
  }
}

/// Constants in the layouts that kernels want, reordered once and shared by the plans of a network.
final class WeightCache {
  private struct Key: Hashable {
    let base: UnsafeRawPointer
    let layout: Layout
  }
  // The original is kept so that its address stays its own.
  private var copies: [Key: (original: Tensor, copy: Tensor)] = [:]

  func tensor(_ tensor: Tensor, in layout: Layout, made kernel: ReorderKernel) throws(GraphError) -> Tensor {
    let key = Key(base: tensor.withBytes { $0.baseAddress! }, layout: layout)
    if let found = copies[key] { return found.copy }
    let size = layout.byteCount(of: TensorType(of: tensor))
    let copy: Tensor
    do {
      copy = try Tensor(shape: [size / 4], elementType: .float32) { bytes in
        try tensor.withBytes { source in
          try kernel.run(
            KernelMemory(
              operands: [UnsafeMutableRawPointer(mutating: source.baseAddress!)],
              results: [bytes.baseAddress!],
              scratch: bytes.baseAddress!))
        }
      }
    } catch { throw GraphError(.execution("a constant could not be reordered: \(error)")) }
    copies[key] = (tensor, copy)
    return copy
  }
}

/// Copies a value from one layout to another.
final class ReorderKernel: Kernel {
  let operandLayouts: [Layout]
  let resultLayouts: [Layout]
  private let primitive: DNNLPrimitive
  var implementation: String { "reorder" }

  init(_ type: TensorType, from source: Layout, to target: Layout) throws(GraphError) {
    operandLayouts = [source]
    resultLayouts = [target]
    // A chosen layout may see the elements under other extents (grouped weights); plain memory follows it.
    func described(_ layout: Layout, like other: Layout) -> DNNLLayout? {
      switch (layout, other) {
      case (.chosen(let own), _): own
      case (.plain, .chosen(let other)): DNNLLayout(owning: ndnnl_layout_plain_like(other.handle))
      case (.plain, .plain): .plain(type.shape)
      }
    }
    guard type.element == .float32, let from = described(source, like: target),
      let to = described(target, like: source),
      let primitive = DNNLPrimitive(ndnnl_reorder(from.handle, to.handle))
    else { throw GraphError(.execution("oneDNN cannot reorder a value of type \(type)")) }
    self.primitive = primitive
  }

  func run(_ memory: KernelMemory) throws {
    try primitive.execute(
      (Int32(ndnnl_source), memory.operands[0]), (Int32(ndnnl_result), memory.results[0]))
  }
}
