internal import CDNNL

/// One compiled oneDNN operation with its memory bindings; owned by one kernel.
final class DNNLPrimitive {
  let handle: OpaquePointer

  init?(_ handle: OpaquePointer?) {
    guard let handle else { return nil }
    self.handle = handle
  }

  /// The arrangement that the primitive chose or was given for an argument.
  func layout(_ argument: Int32) -> DNNLLayout? {
    DNNLLayout(owning: ndnnl_primitive_layout(handle, argument))
  }

  /// The chosen implementation, for the profile.
  var implementation: String { String(cString: ndnnl_primitive_implementation(handle)) }

  func execute(_ arguments: (Int32, UnsafeMutableRawPointer)...) throws(GraphError) { try execute(arguments) }

  func execute(_ arguments: [(Int32, UnsafeMutableRawPointer)]) throws(GraphError) {
    var memory = arguments.map { Optional($0.1) }
    let status = ndnnl_execute(handle, Int32(arguments.count), arguments.map(\.0), &memory)
    guard status == 0 else { throw GraphError(.execution("oneDNN refused to run \(implementation)")) }
  }

  deinit { ndnnl_primitive_free(handle) }
}

/// A kernel that is one oneDNN primitive.
final class DNNLKernel: Kernel {
  let primitive: DNNLPrimitive
  let operandLayouts: [Layout]
  let resultLayouts: [Layout]
  let arguments: [(argument: Int32, operand: Int)]
  let resultArgument: Int32
  let accumulatedOperand: Int?
  let reusableOperand: Int?
  var implementation: String { primitive.implementation }

  /// - Parameters:
  ///   - arguments: the primitive's argument for each operand that it reads.
  ///   - shapes: the operands' shapes, as oneDNN may see them under other extents.
  init?(
    _ primitive: DNNLPrimitive?, arguments: [(argument: Int32, operand: Int)], operands: [StoredOperand],
    result: TensorType, resultArgument: Int32, accumulated: Int? = nil, reusable: Int? = nil,
    layouts overriding: [Int: Layout] = [:], resultLayout: Layout? = nil
  ) {
    guard let primitive else { return nil }
    self.primitive = primitive
    self.arguments = arguments
    self.resultArgument = resultArgument
    accumulatedOperand = accumulated
    reusableOperand = reusable
    guard let chosen = primitive.layout(resultArgument) else { return nil }
    let resultLayout = resultLayout ?? Layout(chosen, shape: result.shape)
    resultLayouts = [resultLayout]
    var layouts = operands.map(\.layout)
    for (argument, operand) in arguments {
      guard let wanted = primitive.layout(argument) else { return nil }
      layouts[operand] = overriding[operand] ?? Layout(wanted, shape: operands[operand].type.shape)
    }
    if let accumulated { layouts[accumulated] = resultLayout }
    operandLayouts = layouts
  }

  func run(_ memory: KernelMemory) throws {
    var bound = arguments.map { ($0.argument, memory.operands[$0.operand]) }
    bound.append((resultArgument, memory.results[0]))
    try primitive.execute(bound)
  }
}
