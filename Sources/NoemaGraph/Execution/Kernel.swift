internal import CVector
public import NoemaTensor

/// How the elements of a value lie in memory.
public enum Layout: Sendable, Hashable {
  /// Row-major without gaps.
  case plain
  /// An arrangement chosen by oneDNN.
  case chosen(DNNLLayout)
}

/// An operand as a kernel finds it: type, arrangement, and its tensor when it is constant.
public struct StoredOperand: Sendable {
  /// Shape and element type.
  public let type: TensorType
  /// How it lies at present; a kernel may ask for another arrangement.
  public let layout: Layout
  /// The tensor, when the operand is constant.
  public let constant: Tensor?
}

/// The compiled form of one node: fixed shapes, fixed layouts, ready to run.
public protocol Kernel: AnyObject {
  /// The arrangement that each operand has to have.
  var operandLayouts: [Layout] { get }
  /// The arrangement of each result.
  var resultLayouts: [Layout] { get }
  /// The operand whose elements have to stand in the first result's memory before the kernel runs.
  var accumulatedOperand: Int? { get }
  /// The operand whose memory the first result may take over.
  var reusableOperand: Int? { get }
  /// Whether the first result is the operand's memory, unchanged.
  var isView: Bool { get }
  /// Scratch memory in bytes that the kernel needs while it runs.
  var scratchByteCount: Int { get }
  /// Whose code runs, as the profile shows it.
  var implementation: String { get }

  /// Computes the results.
  func run(_ memory: KernelMemory) throws
}

/// The memory of one run of a kernel.
public struct KernelMemory {
  /// The operands.
  public let operands: [UnsafeMutableRawPointer]
  /// The results.
  public let results: [UnsafeMutableRawPointer]
  /// Scratch memory, `scratchByteCount` bytes.
  public let scratch: UnsafeMutableRawPointer
}

extension Kernel {
  public var accumulatedOperand: Int? { nil }
  public var reusableOperand: Int? { nil }
  public var isView: Bool { false }
  public var scratchByteCount: Int { 0 }
  public var implementation: String { "noema" }
}

/// Runs an operator's reference kernel on plain memory.
final class ReferenceKernel: Kernel {
  let operation: any Operator
  let operandTypes: [TensorType]
  let resultTypes: [TensorType]

  init(_ operation: any Operator, operands: [TensorType], results: [TensorType]) {
    self.operation = operation
    operandTypes = operands
    resultTypes = results
  }

  var operandLayouts: [Layout] { operandTypes.map { _ in .plain } }
  var resultLayouts: [Layout] { resultTypes.map { _ in .plain } }
  var implementation: String { "reference" }

  func run(_ memory: KernelMemory) throws {
    // Nothing is computed where nothing comes out, however long the axes beside an empty one are.
    if resultTypes.allSatisfy(\.isEmpty) { return }
    // The tensors only borrow the session's memory and die with this call.
    let operands = zip(operandTypes, memory.operands).map { type, base in
      Tensor(shape: type.shape, elementType: type.element, borrowing: base, owner: self)
    }
    for (index, result) in try operation.evaluate(operands).enumerated() {
      result.withBytes {
        memory.results[index].copyMemory(from: $0.baseAddress!, byteCount: resultTypes[index].byteCount)
      }
    }
  }
}

/// Passes an operand's plain memory on under another shape.
final class ViewKernel: Kernel {
  let operandLayouts: [Layout]
  let resultLayouts: [Layout]
  init(_ layout: Layout = .plain, operandCount: Int = 1) {
    operandLayouts = Array(repeating: layout, count: operandCount)
    resultLayouts = [layout]
  }
  var isView: Bool { true }
  func run(_ memory: KernelMemory) {}
}

/// A kernel given by a closure over fixed layouts: for kernels of a few lines.
final class ClosureKernel: Kernel {
  let operandLayouts: [Layout]
  let resultLayouts: [Layout]
  let reusableOperand: Int?
  let body: (KernelMemory) throws -> Void

  init(
    operands: [Layout], results: [Layout], reusableOperand: Int? = nil,
    _ body: @escaping (KernelMemory) throws -> Void
  ) {
    operandLayouts = operands
    resultLayouts = results
    self.reusableOperand = reusableOperand
    self.body = body
  }

  func run(_ memory: KernelMemory) throws { try body(memory) }
}

/// Copies a strided block of its operand, element by element in row-major order: the kernel of every movement.
final class CopyKernel: Kernel {
  let operandLayouts: [Layout] = [.plain]
  let resultLayouts: [Layout] = [.plain]
  private let view: StridedView
  private let size: Int

  /// Nil for views of more axes than the loops take.
  init?(_ view: StridedView, _ element: ElementType) {
    guard view.shape.count <= Int(cv_max_rank) else { return nil }
    self.view = view
    size = element.byteCount
  }

  func run(_ memory: KernelMemory) {
    let view = view, size = size
    nonisolated(unsafe) let source = memory.operands[0] + view.offset * size
    nonisolated(unsafe) let target = memory.results[0]
    let shape = view.shape.map(Int64.init), strides = view.strides.map(Int64.init)
    Parallel.rows(view.shape.first ?? 1, of: view.shape.dropFirst().reduce(1, *)) { rows in
      cv_gather(
        source, target, Int32(shape.count), shape, strides, Int32(size), Int64(rows.lowerBound),
        Int64(rows.upperBound))
    }
  }
}
