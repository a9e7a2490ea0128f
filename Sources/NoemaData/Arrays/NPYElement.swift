internal import NoemaTensor

/// How a `.npy` file stores an element: the kind of number, its width and its byte order.
struct NPYElement: Sendable, Equatable, CustomStringConvertible {
  /// The kind of number.
  enum Kind: Character, Sendable {
    case float = "f"
    case signed = "i"
    case unsigned = "u"
    case bool = "b"
  }

  let kind: Kind
  /// Bytes per element.
  let byteCount: Int
  let isBigEndian: Bool

  /// Reads NumPy's array-protocol type string, such as `<f4`, or nothing for a type that is no number.
  init?(_ name: String) {
    let characters = Array(name)
    guard characters.count == 3, let kind = Kind(rawValue: characters[1]),
      let width = characters[2].wholeNumberValue, characters[2].isASCII,
      ["<", ">", "|", "="].contains(characters[0])
    else { return nil }
    let widths: [Int] =
      switch kind {
      case .float: [2, 4, 8]
      case .signed, .unsigned: [1, 2, 4, 8]
      case .bool: [1]
      }
    guard widths.contains(width), characters[0] != "|" || width == 1 else { return nil }
    self.kind = kind
    byteCount = width
    isBigEndian = characters[0] == ">" && width > 1
  }

  /// The stored form of a tensor's elements: little-endian, of the same type.
  init(_ type: ElementType) {
    switch type {
    case .float32, .float64: kind = .float
    case .int64, .int32, .int16, .int8: kind = .signed
    case .uint8, .uint16: kind = .unsigned
    case .bool: kind = .bool
    }
    byteCount = type.byteCount
    isBigEndian = false
  }

  var description: String {
    "\(byteCount == 1 ? "|" : isBigEndian ? ">" : "<")\(kind.rawValue)\(byteCount)"
  }

  /// The narrowest tensor type that holds every stored value; 64-bit unsigned values must fit 63 bits.
  var elementType: ElementType {
    switch (kind, byteCount) {
    case (.float, 8): .float64
    case (.float, _): .float32
    case (.signed, 1): .int8
    case (.signed, 2): .int16
    case (.signed, 4): .int32
    case (.unsigned, 1): .uint8
    case (.unsigned, 2): .uint16
    case (.bool, _): .bool
    default: .int64
    }
  }

  /// Whether stored bytes are a tensor's bytes as they are.
  var isNative: Bool {
    !isBigEndian && byteCount == elementType.byteCount && self != NPYElement("<u8") && kind != .bool
  }

  /// Converts stored elements to the elements of a tensor.
  ///
  /// - Parameters:
  ///   - source: `n * byteCount` bytes as stored; any alignment.
  ///   - destination: `n * elementType.byteCount` bytes.
  /// - Throws: `DataError.unsupported` for an unsigned value of 64 bits, at `place`.
  func convert(
    _ source: UnsafeRawBufferPointer, to destination: UnsafeMutableRawBufferPointer, place: String
  ) throws(DataError) {
    guard !isNative else { return destination.copyMemory(from: source) }
    switch (kind, byteCount) {
    case (.bool, _): widen(source, destination, UInt8.self) { $0 == 0 ? 0 : 1 as UInt8 }
    case (.float, 2): widen(source, destination, UInt16.self, HalfFloat.float32)
    case (.unsigned, 4): widen(source, destination, UInt32.self) { Int64($0) }
    case (.unsigned, 8):
      var isTooLarge = false
      widen(source, destination, UInt64.self) { value -> Int64 in
        if value > UInt64(Int64.max) { isTooLarge = true }
        return Int64(truncatingIfNeeded: value)
      }
      if isTooLarge {
        throw DataError(
          .unsupported("an unsigned integer above 2^63 - 1; convert with array.astype('float64')"), at: place)
      }
    case (_, 8): widen(source, destination, UInt64.self) { $0 }
    case (_, 4): widen(source, destination, UInt32.self) { $0 }
    case (_, 2): widen(source, destination, UInt16.self) { $0 }
    default: destination.copyMemory(from: source)
    }
  }

  private func widen<Stored: FixedWidthInteger, Result>(
    _ source: UnsafeRawBufferPointer, _ destination: UnsafeMutableRawBufferPointer, _ stored: Stored.Type,
    _ convert: (Stored) -> Result
  ) {
    let width = MemoryLayout<Stored>.size
    let resultWidth = MemoryLayout<Result>.size
    for index in 0..<source.count / width {
      let raw = source.loadUnaligned(fromByteOffset: index * width, as: Stored.self)
      let value = isBigEndian ? Stored(bigEndian: raw) : Stored(littleEndian: raw)
      destination.storeBytes(of: convert(value), toByteOffset: index * resultWidth, as: Result.self)
    }
  }
}

/// Half-precision numbers of IEEE 754, for machines and formats without them.
enum HalfFloat {
  /// The exact value of a half-precision bit pattern.
  static func float32(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    if exponent == 0x1F { return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13) }
    // 2^-24 is the smallest half; every subnormal is a multiple of it and exact in 32 bits.
    if exponent == 0 { return (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24 }
    return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}
