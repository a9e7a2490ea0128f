internal import Foundation
internal import NoemaTensor
internal import ONNXSchema

/// How far a result may lie from what a case expects.
///
/// The tolerances of float32 and float64 are those of ONNX's own runner. Noema computes half-precision types as
/// float32: a result is rounded to the type, then may be off by eight of its roundings, because the expected
/// value was rounded after every operation. Integers and booleans are exact.
struct Agreement {
  private let type: Onnx_TensorProto.DataType
  private let relative, absolute: Double

  init(_ type: Onnx_TensorProto.DataType) {
    self.type = type
    (relative, absolute) =
      switch type {
      case .float16: (0x1p-8, 0x1p-10)
      case .bfloat16: (0x1p-6, 0x1p-7)
      default: (1e-3, 1e-7)
      }
  }

  /// What is wrong with a result, or nil.
  func difference(_ found: Tensor, from expected: Tensor) -> String? {
    guard found.shape == expected.shape else {
      return "expected shape \(expected.shape), found \(found.shape)"
    }
    guard found.elementType == expected.elementType else {
      return "expected elements of \(expected.elementType), found \(found.elementType)"
    }
    let differing =
      expected.elementType.isFloat
      ? floats(found, expected)
      : zip(integers(found), integers(expected)).enumerated().filter { $1.0 != $1.1 }.map {
        ($0.offset, "\($0.element.0)", "\($0.element.1)")
      }
    guard let (index, value, wanted) = differing.first else { return nil }
    return "\(differing.count) of \(expected.count) elements differ; element \(index): expected \(wanted), "
      + "found \(value)"
  }

  private func floats(_ found: Tensor, _ expected: Tensor) -> [(Int, String, String)] {
    let a = found.converted(to: .float64).elements(as: Double.self).map(rounded)
    let b = expected.converted(to: .float64).elements(as: Double.self)
    return a.indices.filter { index in
      if a[index].isNaN || b[index].isNaN { return a[index].isNaN != b[index].isNaN }
      if a[index] == b[index] { return false }
      if a[index].isInfinite || b[index].isInfinite { return true }
      return (a[index] - b[index]).magnitude > absolute + relative * b[index].magnitude
    }.map { ($0, "\(a[$0])", "\(b[$0])") }
  }

  /// A number as the expected type would hold it.
  private func rounded(_ number: Double) -> Double {
    switch type {
    case .float16: return Double(Float16(number))
    case .bfloat16:
      let bits = Float(number).bitPattern
      if !number.isFinite { return number }
      return Double(Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000))
    default: return number
    }
  }

  /// Elements as whole numbers; those of unsigned types wrap as the type does.
  private func integers(_ tensor: Tensor) -> [Int64] {
    let wide = tensor.converted(to: .int64).elements(as: Int64.self)
    return type == .uint32 ? wide.map { Int64(UInt32(truncatingIfNeeded: $0)) } : wide
  }
}
