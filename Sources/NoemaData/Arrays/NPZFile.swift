internal import CZlib
public import NoemaTensor

/// NumPy's `.npz` archives: named arrays in a zip file, stored or packed with DEFLATE, zip64 included.
///
/// ```swift
/// let archive = try NPZFile(path: "activations.npz")
/// let images = try archive.array(named: "images")
/// ```
///
/// Checksums are compared. A member that claims to unpack to more than DEFLATE can yield, or archives that
/// unpack to more than ``maximumByteCount``, are refused before memory is taken.
///
/// - Source: `numpy.savez`, PKWARE APPNOTE 6.3.10.
public struct NPZFile: Sendable {
  /// The names of the arrays, in the order of the archive, without `.npy`.
  public let names: [String]
  /// The most bytes that the arrays read by one call may unpack to.
  public let maximumByteCount: Int
  private let members: [ZipDirectory.Member]
  private let source: ByteSource

  /// Opens an archive and reads the list of its arrays.
  ///
  /// - Parameter maximumByteCount: The most bytes to unpack in one call; 4 GiB unless told otherwise.
  /// - Throws: `DataError` when the file is missing or its directory is malformed.
  public init(path: String, maximumByteCount: Int = 1 << 32) throws(DataError) {
    try self.init(ByteSource(ReadableFile(path: path)), maximumByteCount: maximumByteCount)
  }

  /// Reads the list of arrays of an archive in memory.
  ///
  /// - Parameter place: What errors name as the place.
  /// - Throws: `DataError` when the directory is malformed.
  public init(bytes: [UInt8], at place: String = "", maximumByteCount: Int = 1 << 32) throws(DataError) {
    try self.init(ByteSource(bytes, place: place), maximumByteCount: maximumByteCount)
  }

  private init(_ source: ByteSource, maximumByteCount: Int) throws(DataError) {
    self.source = source
    self.maximumByteCount = maximumByteCount
    members = try ZipDirectory(reading: source).members.filter { !$0.name.hasSuffix("/") }
    names = members.map { $0.name.hasSuffix(".npy") ? String($0.name.dropLast(4)) : $0.name }
    if let twice = Dictionary(grouping: names, by: { $0 }).first(where: { $0.value.count > 1 }) {
      throw DataError(.malformed("the archive has two arrays named '\(twice.key)'"), at: source.place)
    }
  }

  /// One array.
  ///
  /// - Throws: `DataError.unknownName` with near names, or as ``NPYFile/read(_:)``.
  public func array(named name: String) throws(DataError) -> Tensor {
    guard let index = names.firstIndex(of: name) else {
      throw DataError(
        .unknownName(name, what: "array", suggestions: EditDistance.nearest(name, in: names)),
        at: source.place)
    }
    try check(byteCount: members[index].byteCount)
    return try array(members[index], name)
  }

  /// Every array by its name.
  ///
  /// - Throws: `DataError` when the arrays together exceed ``maximumByteCount``, or as ``NPYFile/read(_:)``.
  public func arrays() throws(DataError) -> [String: Tensor] {
    // Saturating: the sum of hostile sizes must not overflow.
    try check(byteCount: members.reduce(0) { min($0 + $1.byteCount, 1 << 60) })
    var result: [String: Tensor] = [:]
    for (name, member) in zip(names, members) { result[name] = try array(member, name) }
    return result
  }

  private func check(byteCount: Int) throws(DataError) {
    guard byteCount <= maximumByteCount else {
      throw DataError(
        .tooLarge("the arrays unpack to \(byteCount) bytes, the limit is \(maximumByteCount)"),
        at: source.place)
    }
  }

  private func array(_ member: ZipDirectory.Member, _ name: String) throws(DataError) -> Tensor {
    let place = source.place.isEmpty ? name : "\(source.place)[\(name)]"
    let bytes = try unpack(member, place)
    guard NPZFile.checksum(bytes) == member.checksum else {
      throw DataError(.malformed("the checksum differs; the archive is damaged"), at: place)
    }
    return try NPYFile.tensor(of: bytes, at: place)
  }

  private func unpack(_ member: ZipDirectory.Member, _ place: String) throws(DataError) -> [UInt8] {
    guard !member.isEncrypted else { throw DataError(.unsupported("the array is encrypted"), at: place) }
    let range = try ZipDirectory.data(of: member, in: source)
    let packed = try source.bytes(at: range.lowerBound, count: range.count)
    switch member.method {
    case 0:
      guard member.byteCount == packed.count else {
        throw DataError(
          .malformed("a stored array of \(packed.count) bytes claims \(member.byteCount)"), at: place)
      }
      return packed
    case 8:
      guard Inflater.accepts(member.byteCount, from: packed.count) else {
        throw DataError(
          .malformed("\(packed.count) packed bytes are too few for the \(member.byteCount) claimed"),
          at: place)
      }
      var inflater = try Inflater(packed, range: 0..<packed.count, wrapping: .none, place: place)
      let bytes = try inflater.bytes(count: member.byteCount)
      try inflater.finish()
      return bytes
    default:
      throw DataError(
        .unsupported("zip method \(member.method); write the archive with numpy.savez_compressed"), at: place)
    }
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
  }
}
