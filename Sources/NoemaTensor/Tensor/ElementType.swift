/// The type of a tensor's elements.
public enum ElementType: String, Sendable, Hashable, Codable, CustomStringConvertible {
  case float32, float64, int64, int32, int16, int8, uint8, uint16, bool

  /// Bytes per element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloat: Bool { self == .float32 || self == .float64 }

  public var description: String { rawValue }
}

/// A Swift type that a tensor can hold.
public protocol TensorElement: Sendable {
  /// The element type that this Swift type stands for.
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

/// A floating-point Swift type that reference kernels run on.
public protocol FloatElement: TensorElement, BinaryFloatingPoint {}
extension Float: FloatElement {}
extension Double: FloatElement {}
