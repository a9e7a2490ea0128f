internal import Glibc

/// A regular file open for reading at any offset, from any thread; closed when the last user lets go.
///
/// `pread` rather than a memory map: a mapped file that someone shortens kills the process, a read gets an
/// error.
final class ReadableFile: Sendable {
  /// The path as given, for messages.
  let path: String
  /// The size in bytes when the file was opened.
  let byteCount: Int
  private let descriptor: Int32

  /// Opens a file.
  ///
  /// - Throws: `DataError` when it is missing, not a regular file or may not be read.
  init(path: String) throws(DataError) {
    // O_NONBLOCK: opening a named pipe must not wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw DataError(errno: errno, operation: "open", at: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = errno
      close(descriptor)
      throw DataError(errno: reason, operation: "open", at: path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw DataError(.unreadable("this is not a regular file; name a file"), at: path)
    }
    self.path = path
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills a buffer with the bytes at an offset.
  ///
  /// - Throws: `DataError` when the file ends before the buffer is full or cannot be read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DataError) {
    var done = 0
    while done < buffer.count {
      // The kernel moves at most 2^31 bytes a call; smaller pieces also keep signals prompt.
      let piece = min(buffer.count - done, 1 << 28)
      let count = pread(descriptor, buffer.baseAddress! + done, piece, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw DataError(errno: errno, operation: "read", at: path)
      }
      guard count > 0 else {
        throw DataError(
          .malformed("the file ends at byte \(offset + done); it was cut or is changing"), at: path)
      }
      done += count
    }
  }

  /// The whole file.
  ///
  /// - Throws: `DataError` when it cannot be read or is larger than `limit` bytes.
  static func contents(of path: String, limit: Int = 1 << 36) throws(DataError) -> [UInt8] {
    let file = try ReadableFile(path: path)
    guard file.byteCount <= limit else {
      throw DataError(.tooLarge("the file has \(file.byteCount) bytes, the limit is \(limit)"), at: path)
    }
    return try ByteSource(file).bytes(at: 0, count: file.byteCount)
  }
}
