/// Bytes that are read by offset: an open file or an array in memory.
struct ByteSource: Sendable {
  /// The number of bytes.
  let byteCount: Int
  /// Where the bytes are from, for messages.
  let place: String
  private let fill: @Sendable (Int, UnsafeMutableRawBufferPointer) throws(DataError) -> Void

  /// Reads from a file.
  init(_ file: ReadableFile) {
    byteCount = file.byteCount
    place = file.path
    fill = { (offset, buffer) throws(DataError) in try file.read(at: offset, into: buffer) }
  }

  /// Reads from memory.
  init(_ bytes: [UInt8], place: String) {
    byteCount = bytes.count
    self.place = place
    fill = { (offset, buffer) throws(DataError) in
      bytes.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + buffer.count]))
      }
    }
  }

  /// Fills a buffer with the bytes at an offset.
  ///
  /// - Throws: `DataError` when the source ends before or cannot be read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DataError) {
    guard offset >= 0, buffer.count <= byteCount, offset <= byteCount - buffer.count else {
      throw DataError(
        .malformed("\(buffer.count) bytes at byte \(offset) lie outside the \(byteCount) bytes there are"),
        at: place)
    }
    if buffer.count > 0 { try fill(offset, buffer) }
  }

  /// The bytes at an offset; nothing is allocated when they do not exist.
  ///
  /// - Throws: `DataError` when the source ends before or cannot be read.
  func bytes(at offset: Int, count: Int) throws(DataError) -> [UInt8] {
    guard count >= 0, offset >= 0, count <= byteCount, offset <= byteCount - count else {
      throw DataError(
        .malformed("\(count) bytes at byte \(offset) lie outside the \(byteCount) bytes there are"), at: place
      )
    }
    var result = [UInt8](repeating: 0, count: count)
    var failure: DataError?
    result.withUnsafeMutableBytes { buffer in
      do throws(DataError) { try read(at: offset, into: buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }
}
