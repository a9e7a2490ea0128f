internal import CVector
internal import NoemaTensor

/// An element-wise operator that a chain may hold.
enum Elementwise: Sendable, Hashable {
  case unary(ScalarFunction)
  case binary(Binary.Function)
  case gate(Gate)
  case comparison(Comparison.Function)
  case select

  /// The operator as part of a chain; nil for those that a program cannot compute.
  init?(_ operation: any Operator) {
    switch operation {
    case let unary as Unary where unary.function.instruction != nil: self = .unary(unary.function)
    case let binary as Binary where binary.function.instruction != nil: self = .binary(binary.function)
    case let gate as Gate: self = .gate(gate)
    case let comparison as Comparison: self = .comparison(comparison.function)
    case is Select: self = .select
    default: return nil
    }
  }

  var operation: any Operator {
    switch self {
    case .unary(let function): Unary(function)
    case .binary(let function): Binary(function)
    case .gate(let gate): gate
    case .comparison(let function): Comparison(function: function)
    case .select: Select()
    }
  }

  /// Whether the result is 0 where the operands marked are.
  func keepsZero(_ isZero: [Bool]) -> Bool {
    switch self {
    case .unary(let function): isZero[0] && function.keepsZero
    case .binary(.mul): isZero[0] || isZero[1]
    case .binary(.div): isZero[0] && !isZero[1]
    case .binary(.pow), .binary(.mod), .binary(.remainder): false
    case .binary: isZero[0] && isZero[1]
    case .gate: isZero[0]
    case .comparison(.equal), .comparison(.greaterOrEqual), .comparison(.lessOrEqual): false
    case .comparison: isZero[0] && isZero[1]
    case .select: isZero[2] && (isZero[0] || isZero[1])
    }
  }

  fileprivate func instruction(_ operands: [Int], _ result: Int) -> cv_instruction {
    let left = Int32(operands[0]), right = Int32(operands.count > 1 ? operands[1] : operands[0])
    let third = operands.count > 2 ? Int32(operands[2]) : right
    func make(_ code: Int32, _ a: Float = 0, _ b: Float = 0, _ c: Float = 0, _ d: Float = 0, _ e: Float = 0)
      -> cv_instruction
    {
      cv_instruction(
        code: code, left: left, right: right, third: third, result: Int32(result), a: a, b: b, c: c, d: d,
        e: e)
    }
    switch self {
    case .unary(let function):
      let code = function.instruction!
      return make(code.code, code.a, code.b)
    case .binary(let function): return make(function.instruction!)
    case .gate(let gate):
      return make(
        Int32(cv_gate), Float(gate.lower), Float(gate.upper), Float(gate.below), Float(gate.inside),
        Float(gate.above))
    case .comparison(let function): return make(function.instruction)
    case .select: return make(Int32(cv_select))
    }
  }
}

extension Comparison.Function {
  /// The instruction of an element-wise program that computes it, 1 for true.
  fileprivate var instruction: Int32 {
    switch self {
    case .equal: Int32(cv_equal)
    case .greater: Int32(cv_greater)
    case .greaterOrEqual: Int32(cv_greater_or_equal)
    case .less: Int32(cv_less)
    case .lessOrEqual: Int32(cv_less_or_equal)
    case .and: Int32(cv_and)
    case .or: Int32(cv_or)
    case .xor: Int32(cv_xor)
    }
  }
}

extension Binary.Function {
  /// The instruction of an element-wise program that computes it.
  var instruction: Int32? {
    switch self {
    case .add: Int32(cv_add)
    case .sub: Int32(cv_sub)
    case .mul: Int32(cv_mul)
    case .div: Int32(cv_div)
    case .min: Int32(cv_min)
    case .max: Int32(cv_max)
    case .pow: Int32(cv_pow)
    case .mod, .remainder: nil
    }
  }
}

/// Element-wise operators of one result shape in one sweep over memory; only the execution passes make it.
///
/// Intermediate values stay in cache, a few hundred elements at a time.
///
/// - Shapes: operands broadcast to the result.
struct Chain: Operator {
  /// One operator; operands count the chain's own operands first, then the results of earlier links.
  struct Link: Sendable, Hashable {
    var function: Elementwise
    var operands: [Int]
  }

  /// The operators in order; the last one's result is the chain's.
  var links: [Link]
  /// The number of operands.
  var operandCount: Int

  var name: String { links.map(\.function.operation.name).joined(separator: "·") }
  var relevanceRole: RelevanceRole { .activation }

  /// The chain of one operator.
  init(_ function: Elementwise, operandCount: Int) {
    links = [Link(function: function, operands: Array(0..<operandCount))]
    self.operandCount = operandCount
  }

  init(links: [Link], operandCount: Int) {
    self.links = links
    self.operandCount = operandCount
  }

  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == operandCount, !links.isEmpty else {
      throw GraphError(.operands("expected \(operandCount) operands, found \(operands.count)"))
    }
    var types = operands
    for link in links {
      types += try link.function.operation.resultTypes(of: link.operands.map { types[$0] })
    }
    return [types[types.count - 1]]
  }

  func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    var values = operands
    for link in links { values += try link.function.operation.evaluate(link.operands.map { values[$0] }) }
    return [values[values.count - 1]]
  }

  func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    throw GraphError(.notDifferentiable("a fused chain has no derivative; differentiate before fusing"))
  }

  /// How a program reads an operand of one shape for a result of another: the elements of `extent` follow each
  /// other, each `inner` times; nil for a broadcast that is not of this form.
  static func access(_ shape: [Int], in result: [Int]) -> (extent: Int, inner: Int)? {
    if shape == result { return (0, 1) }
    if shape.allSatisfy({ $0 == 1 }) { return (1, 1) }
    guard shape.count <= result.count else { return nil }
    let offset = result.count - shape.count
    let own = shape.indices.filter { shape[$0] != 1 }
    guard let first = own.first, let last = own.last else { return nil }
    for axis in first...last where shape[axis] != result[axis + offset] { return nil }
    if shape[first...last].reduce(1, *) == result.reduce(1, *) { return (0, 1) }
    return (shape[first...last].reduce(1, *), result[(last + offset + 1)...].reduce(1, *))
  }

  /// Whether zero padding stays zero and no operand repeats in part, so that the chain may run in any layout.
  func isFree(_ operands: [[Int]], in result: [Int]) -> Bool {
    let accesses = operands.map { Self.access($0, in: result) }
    var zeros = accesses.map { $0?.extent == 0 }
    for link in links { zeros.append(link.function.keepsZero(link.operands.map { zeros[$0] })) }
    return zeros[zeros.count - 1] && accesses.allSatisfy { ($0?.extent ?? 2) <= 1 }
  }

  /// One sweep, in the layout of the first operand that another kernel chose one for, where the chain is free. Bytes
  /// stay where they are, and others follow them; conditions lie plain.
  func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)? {
    let type = results[0], shapes = operands.map(\.type.shape)
    let bytes = operands.map { [.uint8, .bool].contains($0.type.element) }
    let isCondition = type.element == .bool
    guard isCondition || type.element == .float32, type.count > 0,
      operandCount + links.count <= Int(cv_max_registers),
      operands.indices.allSatisfy({
        operands[$0].type.element == .float32 || (bytes[$0] && shapes[$0] == type.shape)
      })
    else { return nil }
    var accesses: [(extent: Int, inner: Int)] = []
    for shape in shapes {
      guard let access = Self.access(shape, in: type.shape) else { return nil }
      accesses.append(access)
    }
    let full = operands.indices.filter { shapes[$0] == type.shape }
    let fixed = full.first { bytes[$0] }.map { operands[$0].layout }
    let isFree = isFree(shapes, in: type.shape) && !isCondition
    let layout =
      isFree ? fixed ?? full.lazy.map { operands[$0].layout }.first { $0 != .plain } ?? .plain : .plain
    guard full.allSatisfy({ !bytes[$0] || operands[$0].layout == layout }) else {
      throw GraphError(.execution("a gate's regions lie in another layout than the chain"))
    }
    let count = isCondition ? type.count : layout.byteCount(of: type) / 4
    var program: [cv_instruction] = []
    for (index, link) in links.enumerated() {
      program.append(link.function.instruction(link.operands, operandCount + index))
    }
    return ClosureKernel(
      operands: operands.indices.map { full.contains($0) ? layout : .plain }, results: [layout],
      reusableOperand: isCondition ? nil : full.first { !bytes[$0] }
    ) { memory in
      let sources = operands.indices.map { index in
        cv_source(
          base: UnsafeRawPointer(memory.operands[index]), extent: Int64(accesses[index].extent),
          inner: Int64(accesses[index].inner), bytes: bytes[index] ? 1 : 0)
      }
      nonisolated(unsafe) let result = memory.results[0]
      nonisolated(unsafe) let shared = sources
      let program = program
      Parallel.ranges(count) { range in
        shared.withUnsafeBufferPointer { sources in
          program.withUnsafeBufferPointer { program in
            cv_run(
              sources.baseAddress, Int32(sources.count), program.baseAddress, Int32(program.count), result,
              isCondition ? 1 : 0, Int64(range.lowerBound), Int64(range.upperBound))
          }
        }
      }
    }
  }
}
