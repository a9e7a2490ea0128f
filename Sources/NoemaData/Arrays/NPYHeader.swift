internal import NoemaTensor

/// What stands before the elements of a `.npy` file.
///
/// - Source: NumPy enhancement proposal 1 and `numpy.lib.format`, versions 1.0, 2.0 and 3.0.
struct NPYHeader: Sendable, Equatable {
  /// How elements are stored.
  var element: NPYElement
  /// Whether the first axis, not the last, is contiguous.
  var isFortranOrder: Bool
  /// The extent of each axis.
  var shape: [Int]
  /// The bytes before the first element.
  var byteCount: Int

  /// The number of elements.
  var count: Int { shape.reduce(1, *) }
  /// The bytes of the elements as stored.
  var payloadByteCount: Int { count * element.byteCount }

  private static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  /// NumPy's own limit is 10,000 bytes unless told otherwise; plain arrays need about 100.
  private static let maximumTextByteCount = 1 << 16

  init(element: NPYElement, isFortranOrder: Bool = false, shape: [Int], byteCount: Int = 0) {
    self.element = element
    self.isFortranOrder = isFortranOrder
    self.shape = shape
    self.byteCount = byteCount
  }

  /// Reads the header at the start of `source`, and checks that exactly its elements follow.
  ///
  /// - Throws: `DataError` for bytes that are no header, for types that are not numbers, and for sizes that
  ///   do not match the source.
  init(reading source: ByteSource) throws(DataError) {
    let place = source.place
    guard source.byteCount >= 10, try source.bytes(at: 0, count: 6) == NPYHeader.magic else {
      throw DataError(.malformed("this is not a .npy file; write one with numpy.save"), at: place)
    }
    let version = try source.bytes(at: 6, count: 1)[0]
    guard (1...3).contains(version) else {
      throw DataError(.unsupported(".npy format version \(version); versions 1, 2 and 3 are read"), at: place)
    }
    let lengthByteCount = version == 1 ? 2 : 4
    let length = try source.bytes(at: 8, count: lengthByteCount).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= NPYHeader.maximumTextByteCount else {
      throw DataError(
        .tooLarge("the .npy header has \(length) bytes, the limit is \(NPYHeader.maximumTextByteCount)"),
        at: place)
    }
    let text = try source.bytes(at: 8 + lengthByteCount, count: length)
    var parser = NPYHeaderParser(text: text, place: place)
    self = try parser.header()
    byteCount = 8 + lengthByteCount + length
    let expected = try NPYHeader.checkedPayload(shape: shape, element: element, place: place)
    guard source.byteCount - byteCount == expected else {
      throw DataError(
        .malformed(
          "\(source.byteCount - byteCount) bytes follow the header, but shape \(shape) of \(element) "
            + "takes \(expected)"),
        at: place)
    }
  }

  /// The byte count of the stored elements; also bounds the product of the extents other than zero, so that
  /// no product of a part of the shape overflows later.
  private static func checkedPayload(
    shape: [Int], element: NPYElement, place: String
  ) throws(DataError) -> Int {
    let padded = shape.map { max($0, 1) }
    do {
      // Eight bytes an element: the widest type that stored elements become.
      _ = try Tensor.byteCount(shape: padded, elementType: .float64)
    } catch {
      throw DataError(.tooLarge("shape \(shape) is too large to hold"), at: place)
    }
    return shape.reduce(1, *) * element.byteCount
  }

  /// The header as version 1.0, or 2.0 when the text is too long, padded so that elements begin at a multiple
  /// of 64.
  var bytes: [UInt8] {
    let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    let order = isFortranOrder ? "True" : "False"
    let text = "{'descr': '\(element.description)', 'fortran_order': \(order), 'shape': (\(extents)), }"
    let isLong = text.utf8.count + 11 + 64 > 0xFFFF
    let prefix = isLong ? 12 : 10
    let total = (prefix + text.utf8.count + 1 + 63) / 64 * 64
    let length = total - prefix
    var result = NPYHeader.magic + [isLong ? 2 : 1, 0, UInt8(length & 0xFF), UInt8(length >> 8 & 0xFF)]
    if isLong { result += [UInt8(length >> 16 & 0xFF), UInt8(length >> 24 & 0xFF)] }
    result += Array(text.utf8)
    result += [UInt8](repeating: 0x20, count: total - 1 - result.count) + [0x0A]
    return result
  }
}
