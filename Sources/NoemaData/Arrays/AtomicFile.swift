internal import Glibc
internal import Synchronization

/// A file that appears under its name only when it is whole.
///
/// The bytes go to a sibling whose name begins with `.` and ends in `.partial`; `commit` renames it. A value
/// that is dropped without a commit removes the sibling; a process that is killed leaves it behind, harmless.
struct AtomicFile: ~Copyable {
  /// The path of the finished file.
  let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  private static let counter = Atomic<Int>(0)
  /// How the name of an unfinished file ends.
  static let unfinishedSuffix = ".partial"

  /// Creates the temporary sibling.
  ///
  /// - Throws: `DataError` when the folder is missing or may not be written.
  init(path: String) throws(DataError) {
    let (folder, name) = AtomicFile.split(path)
    let number = AtomicFile.counter.add(1, ordering: .relaxed).newValue
    temporaryPath = "\(folder).\(name).\(getpid()).\(number)\(AtomicFile.unfinishedSuffix)"
    self.path = path
    guard !name.isEmpty else {
      descriptor = -1
      throw DataError(.parameters("this path names no file; add a file name"), at: path)
    }
    // A killed process of the same number may have left this name; a link of that name must not be followed.
    unlink(temporaryPath)
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw DataError(errno: errno, operation: "create", at: path) }
  }

  deinit {
    if descriptor >= 0, !isCommitted {
      close(descriptor)
      unlink(temporaryPath)
    }
  }

  /// Appends bytes.
  ///
  /// - Throws: `DataError` with the system's reason, such as a full disk.
  func write(_ bytes: UnsafeRawBufferPointer) throws(DataError) {
    try AtomicFile.write(bytes, to: descriptor, path: path)
  }

  /// Writes all bytes to an open file.
  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(DataError) {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 28))
      if count < 0 {
        if errno == EINTR { continue }
        throw DataError(errno: errno, operation: "write", at: path)
      }
      done += count
    }
  }

  /// Gives the file its name, replacing an older one.
  ///
  /// - Throws: `DataError` when closing or renaming fails; the older file is then untouched.
  consuming func commit() throws(DataError) {
    isCommitted = true
    guard close(descriptor) == 0 else {
      let reason = errno
      unlink(temporaryPath)
      throw DataError(errno: reason, operation: "write", at: path)
    }
    guard rename(temporaryPath, path) == 0 else {
      let reason = errno
      unlink(temporaryPath)
      throw DataError(errno: reason, operation: "rename", at: path)
    }
  }

  /// Writes a whole file.
  ///
  /// - Throws: `DataError` when a step fails; an older file of that name is then untouched.
  static func write(_ bytes: [UInt8], to path: String) throws(DataError) {
    let file = try AtomicFile(path: path)
    try file.write(bytes)
    try file.commit()
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }
}

/// Files that appear under their name only when they are whole.
public enum WholeFile {
  /// Writes a file, replacing an older one.
  ///
  /// - Throws: `DataError` when a step fails; an older file of that name is then untouched.
  public static func write(_ bytes: [UInt8], to path: String) throws(DataError) {
    try AtomicFile.write(bytes, to: path)
  }
}
