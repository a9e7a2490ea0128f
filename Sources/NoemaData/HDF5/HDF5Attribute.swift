internal import CHDF5
internal import Glibc
public import NoemaTensor

/// The value of an attribute of an HDF5 object.
public enum HDF5Attribute: Sendable, Equatable {
  /// Numbers or truth values; a scalar has an empty shape.
  case numbers(Tensor)
  /// One text.
  case text(String)

  /// The numbers as `Double`, or nil for text.
  public var doubles: [Double]? {
    guard case .numbers(let tensor) = self else { return nil }
    return tensor.converted(to: .float64).elements(as: Double.self)
  }
}

extension HDF5Attribute {
  /// The most bytes of an attribute; what is larger is not what one looks for.
  private static let byteLimit = 1 << 24

  /// Reads an attribute of an open object.
  init(reading name: String, of object: Int64, at owner: String) throws(DataError) {
    guard !name.isEmpty, !name.utf8.contains(0), H5Aexists(object, name) > 0 else {
      throw DataError(.unknownName(name, what: "attribute", suggestions: []), at: owner)
    }
    let place = "\(owner): attribute '\(name)'"
    let attribute = nh5_open_attribute(object, name)
    guard attribute >= 0 else { throw HDF5Library.unreadable("open it", at: place) }
    defer { H5Aclose(attribute) }
    let type = H5Aget_type(attribute), space = H5Aget_space(attribute)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    guard type >= 0, space >= 0 else { throw HDF5Library.unreadable("read its header", at: place) }
    let shape = try HDF5File.shape(of: space, at: place)
    if nh5_kind(type) == Int32(nh5_text) {
      guard shape.allSatisfy({ $0 == 1 }) else {
        throw DataError(.unsupported("\(shape) texts, one is read"), at: place)
      }
      guard let text = nh5_copy_text(attribute, type) else {
        throw HDF5Library.unreadable("read its text", at: place)
      }
      defer { free(text) }
      self = .text(String(cString: text))
    } else {
      guard let element = HDF5Element(code: nh5_kind(type)) else {
        throw DataError(.unsupported("it holds neither numbers nor text"), at: place)
      }
      self = .numbers(try Self.numbers(attribute, element, shape, at: place))
    }
  }

  private static func numbers(
    _ attribute: Int64, _ element: HDF5Element, _ shape: [Int], at place: String
  ) throws(DataError) -> Tensor {
    guard H5Aget_storage_size(attribute) <= UInt64(byteLimit),
      let size = try? Tensor.byteCount(shape: shape, elementType: element.elementType), size <= 8 * byteLimit
    else { throw DataError(.tooLarge("shape \(shape), more than \(byteLimit) bytes"), at: place) }
    return try makeTensor(shape: shape, elementType: element.elementType, place: place) {
      destination throws(DataError) in
      guard destination.count > 0 else { return }
      let type = nh5_type(element.memoryCode, 0)
      defer { H5Tclose(type) }
      guard type >= 0, H5Aread(attribute, type, destination.baseAddress) >= 0 else {
        throw HDF5Library.unreadable("read its elements", at: place)
      }
      try HDF5File.settle(element, destination, at: place)
    }
  }
}
