internal import Glibc

/// Keeps two processes from filling the same store; the system lets go of it when the holder dies.
package final class StoreLock: Sendable {
  package static let fileName = ".lock"
  private let descriptor: Int32

  /// Takes the lock of a folder.
  ///
  /// - Throws: `DataError` when another store object or process holds it.
  package init(folder: String) throws(DataError) {
    let path = "\(folder)/\(StoreLock.fileName)"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw DataError(errno: errno, operation: "create", at: path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let reason = errno
      close(descriptor)
      guard reason == EWOULDBLOCK else { throw DataError(errno: reason, operation: "lock", at: path) }
      throw DataError(
        .ioFailure(
          operation: "lock", reason: "another run is filling this store; wait for it or choose another folder"
        ),
        at: folder)
    }
  }

  deinit { close(descriptor) }
}

/// The few folder operations that a store needs.
package enum StoreFolder {
  /// Makes a folder and those above it.
  ///
  /// - Throws: `DataError` when the system refuses or a file of that name exists.
  package static func create(_ path: String) throws(DataError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += (made.isEmpty || made == "/" ? "" : "/") + part
      if mkdir(made, 0o777) != 0, errno != EEXIST {
        let reason = errno
        var status = stat()
        if stat(made, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { continue }
        throw DataError(errno: reason, operation: "create the folder", at: made)
      }
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw DataError(
        .ioFailure(operation: "create the folder", reason: "a file of that name exists"), at: path)
    }
  }

  /// Removes the files of a folder that `isUnwanted` names.
  package static func remove(in folder: String, where isUnwanted: (String) -> Bool) {
    guard let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    var names: [String] = []
    let start = MemoryLayout<dirent>.offset(of: \.d_name)!
    while let entry = readdir(directory) {
      // An entry ends with its name: the array is declared longer than the memory it has.
      names.append(String(cString: (UnsafeRawPointer(entry) + start).assumingMemoryBound(to: CChar.self)))
    }
    for name in names where isUnwanted(name) { unlink("\(folder)/\(name)") }
  }
}
