public import NoemaTensor
internal import ONNXSchema

/// The bits of each element read as another type of the same width.
///
/// Unsigned 32-bit integers are kept as int64, half-precision floats as float32: of the former the low bits count, and
/// from the latter a cast is refused, since their own bits are gone.
///
/// - Source: ONNX BitCast-26.
public struct BitCast: Operator {
  /// How the bits are read.
  public enum Target: Sendable, Hashable {
    case float32, float64, float16, bfloat16, int8, int16, int32, int64, uint8, uint16, uint32, bool

    /// The width in bytes.
    public var byteCount: Int {
      switch self {
      case .int8, .uint8, .bool: 1
      case .float16, .bfloat16, .int16, .uint16: 2
      case .float32, .int32, .uint32: 4
      case .float64, .int64: 8
      }
    }

    /// The type that holds the result.
    public var element: ElementType {
      switch self {
      case .float32, .float16, .bfloat16: .float32
      case .float64: .float64
      case .int8: .int8
      case .int16: .int16
      case .int32: .int32
      case .int64, .uint32: .int64
      case .uint8: .uint8
      case .uint16: .uint16
      case .bool: .bool
      }
    }
  }

  /// The type whose bits are meant; the interpreter may compute in another one.
  public var source: ElementType
  /// How the bits are read.
  public var target: Target

  /// Makes the operator.
  public init(from source: ElementType, to target: Target) {
    self.source = source
    self.target = target
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("BitCast", opset: 26...ONNXBinding.newestOpset) { node in
        guard let code = node.int("to") else { throw node.error("the type is missing") }
        let targets: [Onnx_TensorProto.DataType: Target] = [
          .float: .float32, .double: .float64, .float16: .float16, .bfloat16: .bfloat16, .int8: .int8,
          .int16: .int16, .int32: .int32, .int64: .int64, .uint8: .uint8, .uint16: .uint16, .uint32: .uint32,
          .uint64: .int64, .bool: .bool,
        ]
        guard let target = Onnx_TensorProto.DataType(rawValue: code).flatMap({ targets[$0] }) else {
          throw node.unsupported("element type \(code) is not supported")
        }
        let from = try node.type(0).element
        guard width(of: from, target) == target.byteCount else {
          throw node.unsupported(
            "bits of \(from) are not \(8 * target.byteCount) wide; those of half-precision floats are not kept"
          )
        }
        return [try node.emit(BitCast(from: from, to: target), node.operand(0))]
      }
    ]
  }

  /// The width of an operand: int64 also holds unsigned 32-bit integers, which nothing else of 4 bytes is cast from.
  private static func width(of type: ElementType, _ target: Target) -> Int {
    type == .int64 && target.byteCount == 4 ? 4 : type.byteCount
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].element == source,
      Self.width(of: source, target) == target.byteCount
    else {
      throw GraphError(.operands("\(operands) are not \(source) of \(8 * target.byteCount) bits"))
    }
    return [TensorType(operands[0].shape, target.element)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let shape = operands[0].shape, operand = operands[0].converted(to: source)
    if operand.elementType != .int64 || target.byteCount == 8,
      target.element.byteCount == target.byteCount
    {
      return [
        try Tensor(shape: shape, elementType: target.element) { bytes in
          operand.withBytes { source in
            // A Bool must be 0 or 1.
            for index in bytes.indices {
              bytes[index] = target == .bool ? (source[index] == 0 ? 0 : 1) : source[index]
            }
          }
        }
      ]
    }
    // Of two widths in memory: int64 for uint32 on either side, float32 for half precision as result.
    let bits: [UInt32] =
      switch source {
      case .float32: operand.elements(as: Float.self).map(\.bitPattern)
      case let type where type.byteCount == 2:
        operand.converted(to: .int32).elements(as: Int32.self).map {
          UInt32(UInt16(truncatingIfNeeded: $0))
        }
      default:
        operand.converted(to: .int64).elements(as: Int64.self).map { UInt32(truncatingIfNeeded: $0) }
      }
    switch target {
    case .float32: return [Tensor(shape: shape, bits.map { Float(bitPattern: $0) })]
    case .int32: return [Tensor(shape: shape, bits.map { Int32(bitPattern: $0) })]
    case .float16:
      return [Tensor(shape: shape, bits.map { TensorReader.float(half: UInt16(truncatingIfNeeded: $0)) })]
    case .bfloat16: return [Tensor(shape: shape, bits.map { Float(bitPattern: $0 << 16) })]
    default: return [Tensor(shape: shape, bits.map { Int64($0) })]
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
