internal import Foundation

/// Whole files in memory, with the checks that files from strangers need.
enum FileBytes {
  /// Reads a regular file.
  ///
  /// - Throws: ``DataError`` where the file is missing, no regular file, above the limit or unreadable.
  static func read(path: String, limit: Int) throws(DataError) -> [UInt8] {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw DataError(errno: errno, operation: "open", at: path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw DataError(errno: errno, operation: "read", at: path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw DataError(.unreadable("a folder or device where a file was expected"), at: path)
    }
    let size = Int(status.st_size)
    guard size <= limit else {
      throw DataError(.tooLarge("file of \(size) bytes, at most \(limit) are read"), at: path)
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: max(1, size)) { buffer, count in
      while count < size {
        let got = Foundation.read(descriptor, buffer.baseAddress! + count, size - count)
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        count += got
      }
    }
    guard failure == 0 else { throw DataError(errno: failure, operation: "read", at: path) }
    return bytes
  }
}
