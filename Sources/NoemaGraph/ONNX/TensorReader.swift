internal import Foundation
package import NoemaTensor
package import ONNXSchema

/// Reads tensors of an ONNX file, checking every length before memory is taken.
package struct TensorReader {
  /// The folder that external data may lie in; nil forbids external data.
  let folder: String?

  /// Makes a reader for the files of a folder.
  package init(folder: String?) { self.folder = folder }

  /// The tensor that a message holds.
  package func tensor(_ proto: Onnx_TensorProto) throws -> Tensor {
    let place = "tensor '\(proto.name)'"
    if let extent = proto.dims.first(where: { $0 < 0 }) {
      throw GraphError(.malformed("dimension \(extent) is negative"), at: place)
    }
    let shape = proto.dims.map { Int($0) }
    guard !proto.hasSegment else {
      throw GraphError(.unsupported("segmented tensors are not supported"), at: place)
    }
    do {
      if proto.dataLocation == .external {
        return try raw(proto, shape, try externalData(proto, shape, place), place)
      }
      return proto.hasRawData ? try raw(proto, shape, proto.rawData, place) : try typed(proto, shape, place)
    } catch let error as TensorError { throw GraphError(.malformed(error.description), at: place) }
  }

  /// The bytes of a tensor that lies in another file, as they are stored.
  func externalBytes(_ proto: Onnx_TensorProto) throws -> Data {
    try externalData(proto, proto.dims.map { Int($0) }, "tensor '\(proto.name)'")
  }

  /// The element type and stored width of an ONNX data type.
  static func elementType(_ code: Int32, _ place: String) throws -> (type: ElementType, storedBytes: Int) {
    switch Onnx_TensorProto.DataType(rawValue: Int(code)) ?? .undefined {
    case .float: return (.float32, 4)
    case .double: return (.float64, 8)
    case .float16, .bfloat16: return (.float32, 2)
    case .int64: return (.int64, 8)
    case .uint64: return (.int64, 8)
    case .int32: return (.int32, 4)
    case .uint32: return (.int64, 4)
    case .int16: return (.int16, 2)
    case .uint16: return (.uint16, 2)
    case .int8: return (.int8, 1)
    case .uint8: return (.uint8, 1)
    case .bool: return (.bool, 1)
    default:
      throw GraphError(
        .unsupported("element type \(code) (strings, complex or packed numbers) is not supported"), at: place)
    }
  }

  private func raw(_ proto: Onnx_TensorProto, _ shape: [Int], _ data: Data, _ place: String) throws -> Tensor
  {
    let (type, width) = try Self.elementType(proto.dataType, place)
    let count = try Tensor.byteCount(shape: shape, elementType: type) / type.byteCount
    guard data.count == count * width else {
      throw GraphError(
        .malformed("shape \(shape) needs \(count * width) bytes, found \(data.count)"), at: place)
    }
    if width == type.byteCount {
      return try Tensor(shape: shape, elementType: type) { _ = data.copyBytes(to: $0) }
    }
    return data.withUnsafeBytes { bytes in
      switch Onnx_TensorProto.DataType(rawValue: Int(proto.dataType)) {
      case .uint32:
        return Tensor(
          shape: shape,
          (0..<count).map { Int64(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) })
      case .bfloat16:
        return Tensor(
          shape: shape,
          (0..<count).map {
            Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) << 16)
          })
      default:
        return Tensor(
          shape: shape,
          (0..<count).map {
            Self.float(half: bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self))
          })
      }
    }
  }

  private func typed(_ proto: Onnx_TensorProto, _ shape: [Int], _ place: String) throws -> Tensor {
    let (type, _) = try Self.elementType(proto.dataType, place)
    let count = try Tensor.byteCount(shape: shape, elementType: type) / type.byteCount
    func checked<Element>(_ values: [Element]) throws -> [Element] {
      guard values.count == count else {
        throw GraphError(.malformed("shape \(shape) needs \(count) values, found \(values.count)"), at: place)
      }
      return values
    }
    switch Onnx_TensorProto.DataType(rawValue: Int(proto.dataType)) {
    case .float: return Tensor(shape: shape, try checked(proto.floatData))
    case .double: return Tensor(shape: shape, try checked(proto.doubleData))
    case .int64: return Tensor(shape: shape, try checked(proto.int64Data))
    case .uint64, .uint32:
      return Tensor(shape: shape, try checked(proto.uint64Data).map { Int64(clamping: $0) })
    case .float16:
      return Tensor(
        shape: shape, try checked(proto.int32Data).map { Self.float(half: UInt16(truncatingIfNeeded: $0)) })
    case .bfloat16:
      return Tensor(
        shape: shape,
        try checked(proto.int32Data).map {
          Float(bitPattern: UInt32(UInt16(truncatingIfNeeded: $0)) << 16)
        })
    default: return Tensor(shape: shape, try checked(proto.int32Data)).converted(to: type)
    }
  }

  /// A half-precision number as a float.
  static func float(half bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 31
    let fraction = Float(bits & 1023)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
  }

  /// The bytes of a tensor that lies in another file of the model's folder.
  private func externalData(_ proto: Onnx_TensorProto, _ shape: [Int], _ place: String) throws -> Data {
    let entries = Dictionary(proto.externalData.map { ($0.key, $0.value) }) { first, _ in first }
    guard let location = entries["location"], !location.isEmpty else {
      throw GraphError(.malformed("external data without a location"), at: place)
    }
    guard let folder else {
      throw GraphError(
        .malformed("external data '\(location)' in a model that was not read from a file"), at: place)
    }
    let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    let path = URL(fileURLWithPath: location, relativeTo: URL(fileURLWithPath: root, isDirectory: true))
      .resolvingSymlinksInPath().path
    guard !location.hasPrefix("/"), !location.split(separator: "/").contains(".."), path.hasPrefix(root + "/")
    else {
      throw GraphError(
        .malformed("external data '\(location)' lies outside the model's folder; put it beside the model"),
        at: place)
    }
    let (_, width) = try Self.elementType(proto.dataType, place)
    let count = try Tensor.byteCount(shape: shape, elementType: .uint8)
    guard let offset = UInt64(entries["offset"] ?? "0"),
      let length = Int(entries["length"] ?? "\(count * width)")
    else {
      throw GraphError(.malformed("offset or length of external data '\(location)' is no number"), at: place)
    }
    guard length == count * width else {
      throw GraphError(
        .malformed("shape \(shape) needs \(count * width) bytes, external data has \(length)"), at: place)
    }
    // Only regular files: a pipe would keep the reader waiting.
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let file = FileHandle(forReadingAtPath: path)
    else {
      throw GraphError(.fileMissing(reason: "external data '\(location)' is not beside the model"), at: place)
    }
    defer { try? file.close() }
    guard let size = try? file.seekToEnd(), size >= offset, size - offset >= UInt64(length) else {
      throw GraphError(
        .malformed("external data '\(location)' is shorter than \(offset) + \(length) bytes"), at: place)
    }
    try file.seek(toOffset: offset)
    guard let data = try file.read(upToCount: length), data.count == length else {
      throw GraphError(.malformed("external data '\(location)' could not be read whole"), at: place)
    }
    return data
  }
}
