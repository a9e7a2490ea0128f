public import NoemaTensor

/// The static type of a value: its shape and element type.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
  /// The extent of each axis.
  public var shape: [Int]
  /// The type of the elements.
  public var element: ElementType

  /// Makes a type; float32 unless told otherwise.
  public init(_ shape: [Int], _ element: ElementType = .float32) {
    self.shape = shape
    self.element = element
  }

  /// The type of a tensor.
  public init(of tensor: Tensor) { self.init(tensor.shape, tensor.elementType) }

  /// The number of axes.
  public var rank: Int { shape.count }
  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// Whether there are no elements, also where the other axes are too long to multiply.
  public var isEmpty: Bool { shape.contains(0) }
  /// The size in bytes of the plain row-major arrangement.
  public var byteCount: Int { count * element.byteCount }

  public var description: String { "\(element)[\(shape.map(String.init).joined(separator: "×"))]" }
}
