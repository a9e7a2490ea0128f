internal import NoemaTensor

extension Tensor {
  /// Integers in the order of the elements, so that all element types compare alike: -0 equals 0, and NaN is
  /// above everything.
  func orderKeys() -> [Int64] {
    guard elementType.isFloat else { return converted(to: .int64).elements(as: Int64.self) }
    return converted(to: .float64).withElements(as: Double.self) { numbers in
      numbers.map { number in
        if number.isNaN { return .max }
        let bits = Int64(bitPattern: (number + 0).bitPattern)
        return bits < 0 ? bits ^ .max : bits
      }
    }
  }

  /// Integers cut to the bits of a narrower type, as two's complement does; bool compares with zero.
  func wrapped(to type: ElementType) -> Tensor {
    guard !elementType.isFloat else { return converted(to: type) }
    let wide = converted(to: .int64)
    func cut<Element: FixedWidthInteger & TensorElement>(_ element: Element.Type) -> Tensor {
      wide.withElements(as: Int64.self) { numbers in
        Tensor(shape: shape, numbers.map { Element(truncatingIfNeeded: $0) })
      }
    }
    switch type {
    case .int32: return cut(Int32.self)
    case .int16: return cut(Int16.self)
    case .int8: return cut(Int8.self)
    case .uint8: return cut(UInt8.self)
    case .uint16: return cut(UInt16.self)
    default: return wide.converted(to: type)
    }
  }
}
