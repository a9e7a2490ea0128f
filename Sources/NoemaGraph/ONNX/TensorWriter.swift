internal import Foundation
package import NoemaTensor
package import ONNXSchema

/// Writes tensors as an ONNX file holds them.
package enum TensorWriter {
  /// A tensor under a name, its bytes as they lie.
  package static func tensor(_ name: String, _ tensor: Tensor) -> Onnx_TensorProto {
    var proto = Onnx_TensorProto()
    proto.name = name
    proto.dims = tensor.shape.map(Int64.init)
    proto.dataType = code(tensor.elementType)
    proto.rawData = tensor.withBytes { Data($0) }
    return proto
  }

  /// ONNX's number of an element type.
  package static func code(_ type: ElementType) -> Int32 {
    let code: Onnx_TensorProto.DataType =
      switch type {
      case .float32: .float
      case .float64: .double
      case .int64: .int64
      case .int32: .int32
      case .int16: .int16
      case .int8: .int8
      case .uint8: .uint8
      case .uint16: .uint16
      case .bool: .bool
      }
    return Int32(code.rawValue)
  }
}
