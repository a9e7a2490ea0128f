internal import CHDF5
public import NoemaTensor

/// How an HDF5 file stores an element.
public enum HDF5Element: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  case float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64
  /// Truth values as h5py writes them: an enumeration of `FALSE` and `TRUE` in one byte.
  case bool

  /// The stored form that keeps a tensor's elements as they are.
  public init(_ type: ElementType) {
    switch type {
    case .float32: self = .float32
    case .float64: self = .float64
    case .int64: self = .int64
    case .int32: self = .int32
    case .int16: self = .int16
    case .int8: self = .int8
    case .uint8: self = .uint8
    case .uint16: self = .uint16
    case .bool: self = .bool
    }
  }

  /// Bytes per element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// The narrowest tensor type that holds every stored value; 64-bit unsigned values must fit 63 bits.
  public var elementType: ElementType {
    switch self {
    case .float16, .float32: .float32
    case .float64: .float64
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64, .uint32, .uint64: .int64
    case .uint8: .uint8
    case .uint16: .uint16
    case .bool: .bool
    }
  }

  public var description: String { rawValue }

  /// The integers that can be stored; nil for other kinds of number.
  var integers: ClosedRange<Int64>? {
    switch self {
    case .int8: Int64(Int8.min)...Int64(Int8.max)
    case .int16: Int64(Int16.min)...Int64(Int16.max)
    case .int32: Int64(Int32.min)...Int64(Int32.max)
    case .int64: Int64.min...Int64.max
    case .uint8: 0...Int64(UInt8.max)
    case .uint16: 0...Int64(UInt16.max)
    case .uint32: 0...Int64(UInt32.max)
    case .uint64: 0...Int64.max
    case .float16, .float32, .float64, .bool: nil
    }
  }

  /// The number by which the shim knows the kind.
  var code: Int32 {
    switch self {
    case .float16: Int32(nh5_float16)
    case .float32: Int32(nh5_float32)
    case .float64: Int32(nh5_float64)
    case .int8: Int32(nh5_int8)
    case .int16: Int32(nh5_int16)
    case .int32: Int32(nh5_int32)
    case .int64: Int32(nh5_int64)
    case .uint8: Int32(nh5_uint8)
    case .uint16: Int32(nh5_uint16)
    case .uint32: Int32(nh5_uint32)
    case .uint64: Int32(nh5_uint64)
    case .bool: Int32(nh5_bool)
    }
  }

  /// The kind of a number of the shim, or nil for elements that are no numbers.
  init?(code: Int32) {
    guard let found = HDF5Element.allCases.first(where: { $0.code == code }) else { return nil }
    self = found
  }

  /// How elements lie in memory while they are read: as the tensor has them, but unsigned where 64 bits are.
  var memoryCode: Int32 { self == .uint64 ? code : HDF5Element(elementType).code }
}

extension HDF5Element {
  /// Checks that a tensor's elements can be stored so.
  ///
  /// - Throws: `DataError` for truth values beside numbers, fractions as integers, or numbers out of range.
  func check(_ tensor: Tensor, at place: String) throws(DataError) {
    if self == HDF5Element(tensor.elementType) { return }
    let isTruth = self == .bool || tensor.elementType == .bool
    guard self != .float16, !isTruth, integers == nil || !tensor.elementType.isFloat else {
      throw DataError(
        .parameters("elements of \(tensor.elementType) cannot be stored as \(self); convert them"), at: place)
    }
    if self == .float32, tensor.elementType == .float64 {
      let misfit = tensor.withElements(as: Double.self) { values in
        values.first { $0.isFinite && !Float($0).isFinite }
      }
      if let misfit {
        throw DataError(.parameters("\(misfit) cannot be stored as \(self); store it as float64"), at: place)
      }
    }
    guard let integers else { return }
    let wide = tensor.converted(to: .int64)
    let misfit = wide.withElements(as: Int64.self) { values in values.first { !integers.contains($0) } }
    if let misfit {
      throw DataError(
        .parameters(
          "\(misfit) cannot be stored as \(self); expected \(integers.lowerBound) to \(integers.upperBound)"),
        at: place)
    }
  }
}
