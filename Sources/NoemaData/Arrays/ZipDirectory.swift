/// The list of members at the end of a zip archive.
///
/// - Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64).
struct ZipDirectory {
  /// One member as the directory describes it.
  struct Member: Sendable {
    let name: String
    /// 0 for stored, 8 for DEFLATE.
    let method: Int
    let isEncrypted: Bool
    let checksum: UInt32
    let packedByteCount: Int
    let byteCount: Int
    let headerOffset: Int
  }

  let members: [Member]

  private static let endSignature: UInt32 = 0x0605_4B50
  private static let end64Signature: UInt32 = 0x0606_4B50
  private static let locator64Signature: UInt32 = 0x0706_4B50
  private static let memberSignature: UInt32 = 0x0201_4B50
  private static let localSignature: UInt32 = 0x0403_4B50

  /// Reads the directory.
  ///
  /// - Throws: `DataError` when there is none or it contradicts the file.
  init(reading source: ByteSource) throws(DataError) {
    let (offset, byteCount, count) = try ZipDirectory.location(in: source)
    // A member takes at least 46 bytes: the count is bounded by bytes that exist.
    guard count <= byteCount / 46 else { throw ZipDirectory.failure("its directory is too short", source) }
    let bytes = LittleEndianBytes(try source.bytes(at: offset, count: byteCount), place: source.place)
    var position = 0
    var members: [Member] = []
    for _ in 0..<count { members.append(try ZipDirectory.member(bytes, &position)) }
    self.members = members
  }

  private static func failure(_ what: String, _ source: ByteSource) -> DataError {
    DataError(.malformed("this is not a readable zip archive: \(what)"), at: source.place)
  }

  private static func location(
    in source: ByteSource
  ) throws(DataError) -> (offset: Int, byteCount: Int, count: Int) {
    let tailCount = min(source.byteCount, 22 + 0xFFFF)
    let tailStart = source.byteCount - tailCount
    let tail = LittleEndianBytes(try source.bytes(at: tailStart, count: tailCount), place: source.place)
    var end = tailCount - 22
    while end >= 0, try tail.uint32(end) != endSignature { end -= 1 }
    guard end >= 0 else { throw failure("it has no directory; it may be cut short", source) }
    var count = try tail.uint16(end + 10)
    var byteCount = Int(try tail.uint32(end + 12))
    var offset = Int(try tail.uint32(end + 16))
    if count == 0xFFFF || byteCount == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      let locator = LittleEndianBytes(
        try source.bytes(at: tailStart + end - 20, count: 20), place: source.place)
      guard try locator.uint32(0) == locator64Signature else {
        throw failure("its zip64 locator is missing", source)
      }
      let record = LittleEndianBytes(
        try source.bytes(at: try locator.int64(8), count: 56), place: source.place)
      guard try record.uint32(0) == end64Signature else {
        throw failure("its zip64 record is missing", source)
      }
      count = try record.int64(32)
      byteCount = try record.int64(40)
      offset = try record.int64(48)
    }
    return (offset, byteCount, count)
  }

  private static func member(_ bytes: LittleEndianBytes, _ position: inout Int) throws(DataError) -> Member {
    let start = position
    guard try bytes.uint32(start) == memberSignature else {
      throw DataError(.malformed("the zip directory is damaged at byte \(start)"), at: bytes.place)
    }
    let nameCount = try bytes.uint16(start + 28)
    let extraCount = try bytes.uint16(start + 30)
    let extraStart = start + 46 + nameCount
    var sizes = [try bytes.uint32(start + 24), try bytes.uint32(start + 20), try bytes.uint32(start + 42)]
      .map(Int.init)
    try widen(&sizes, bytes, extraStart..<extraStart + extraCount)
    position = extraStart + extraCount + (try bytes.uint16(start + 32))
    return Member(
      name: String(decoding: try bytes.slice(start + 46..<extraStart), as: UTF8.self),
      method: try bytes.uint16(start + 10), isEncrypted: try bytes.uint16(start + 8) & 1 != 0,
      checksum: try bytes.uint32(start + 16), packedByteCount: sizes[1], byteCount: sizes[0],
      headerOffset: sizes[2])
  }

  /// Replaces the sizes that did not fit 32 bits by those of the zip64 field, which lists only these.
  private static func widen(
    _ sizes: inout [Int], _ bytes: LittleEndianBytes, _ extra: Range<Int>
  ) throws(DataError) {
    var position = extra.lowerBound
    while position + 4 <= extra.upperBound {
      let length = try bytes.uint16(position + 2)
      if try bytes.uint16(position) == 1 {
        var field = position + 4
        for index in sizes.indices where sizes[index] == 0xFFFF_FFFF {
          guard field + 8 <= min(position + 4 + length, extra.upperBound) else { break }
          sizes[index] = try bytes.int64(field)
          field += 8
        }
      }
      position += 4 + length
    }
  }

  /// Where the packed bytes of a member are.
  ///
  /// - Throws: `DataError` when they lie outside the file.
  static func data(of member: Member, in source: ByteSource) throws(DataError) -> Range<Int> {
    let local = LittleEndianBytes(try source.bytes(at: member.headerOffset, count: 30), place: source.place)
    guard try local.uint32(0) == localSignature else {
      throw failure("member '\(member.name)' is not where the directory says", source)
    }
    let start = member.headerOffset + 30 + (try local.uint16(26)) + (try local.uint16(28))
    guard start <= source.byteCount, member.packedByteCount <= source.byteCount - start else {
      throw failure("member '\(member.name)' reaches beyond the end of the file", source)
    }
    return start..<start + member.packedByteCount
  }
}

/// Bytes read as little-endian integers, each access checked.
struct LittleEndianBytes {
  private let bytes: [UInt8]
  let place: String

  init(_ bytes: [UInt8], place: String) {
    self.bytes = bytes
    self.place = place
  }

  func slice(_ range: Range<Int>) throws(DataError) -> ArraySlice<UInt8> {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw DataError(.malformed("a field at byte \(range.lowerBound) is cut short"), at: place)
    }
    return bytes[range]
  }

  func uint16(_ offset: Int) throws(DataError) -> Int {
    try slice(offset..<offset + 2).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  func uint32(_ offset: Int) throws(DataError) -> UInt32 {
    try slice(offset..<offset + 4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A size or offset of 64 bits.
  ///
  /// - Throws: `DataError` also when it exceeds what a file can have.
  func int64(_ offset: Int) throws(DataError) -> Int {
    let value = try slice(offset..<offset + 8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard value <= 1 << 48 else {
      throw DataError(.malformed("a size of \(value) bytes is more than a file can have"), at: place)
    }
    return Int(value)
  }
}
