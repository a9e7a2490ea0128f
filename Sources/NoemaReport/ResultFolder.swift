internal import Foundation
internal import Glibc
internal import Synchronization

/// A folder of results that appears whole or not at all.
///
/// Files are written to a hidden sibling folder, which takes its final name when all is done, with a hidden list
/// of what Noema wrote. An earlier result in that place is replaced when it holds nothing that is not on its
/// list; any other folder that holds something is left alone.
///
/// ```swift
/// try ResultFolder.make(at: "out") { folder in
///   try folder.write(json, to: "result.json")
///   try folder.write(svg, to: "figures/scores.svg")
/// }
/// ```
public struct ResultFolder: Sendable {
  /// Where the result will stand.
  public let path: String
  /// The folder that is being written.
  public let stagingPath: String

  /// Writes a result folder: runs the body, then puts the folder in place; removes all of it if either fails.
  ///
  /// - Throws: what the body throws; `ReportError` of kind `occupied` before the body runs when the place
  ///   holds something else, `system` (exit code 74) when the disk is full or a folder cannot be written.
  public static func make(at path: String, _ body: (ResultFolder) throws -> Void) throws {
    let folder = try ResultFolder(at: path)
    do {
      try body(folder)
      try folder.finish()
    } catch {
      folder.discard()
      throw error
    }
  }

  /// Begins a folder; ``finish()`` or ``discard()`` must follow.
  ///
  /// - Throws: `ReportError` as ``make(at:_:)`` does.
  public init(at path: String) throws {
    var trimmed = path
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    let url = URL(fileURLWithPath: trimmed, isDirectory: true)
    let name = (trimmed as NSString).lastPathComponent
    guard !name.isEmpty, !["/", ".", "..", "~"].contains(name), !trimmed.utf8.contains(0) else {
      throw ReportError(.name("'\(path)' is not a folder to write to; name a new folder"))
    }
    let parent = url.deletingLastPathComponent().path
    self.path = parent == "/" ? "/\(name)" : "\(parent)/\(name)"
    // Names longer than 255 bytes are refused by file systems, so the tag is short and the name cut.
    let tag = String(UInt32.random(in: 0...UInt32.max), radix: 36)
    stagingPath = (parent == "/" ? "" : parent) + "/.\(name.prefix(40)).\(tag).partial"
    try checkPlace()
    do {
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    } catch {
      throw ReportError(.system(call: "mkdir", code: 0, reason: error.localizedDescription), at: parent)
    }
    guard mkdir(stagingPath, 0o777) == 0 else { throw failure("mkdir", at: stagingPath) }
    Self.unfinished.withLock { _ = $0.insert(stagingPath) }
  }

  /// The hidden file that lists what Noema wrote into a result folder.
  static let listName = ".noema-files"
  private static let unfinished = Mutex<Set<String>>([])

  /// Removes all folders that are being written: for a process that is told to stop.
  public static func discardUnfinished() { discardUnfinished(under: "/") }

  /// Removes the folders that are being written below a place.
  static func discardUnfinished(under place: String) {
    for path in unfinished.withLock({ $0 }) where path.hasPrefix(place) {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// Writes a text file as UTF-8.
  ///
  /// - Parameter name: relative to the folder, with `/` between sub-folders, which are made as needed.
  /// - Throws: `ReportError` of kind `name` or `system`.
  public func write(_ text: String, to name: String) throws {
    try write(Array(text.utf8), to: name)
  }

  /// Writes a file.
  ///
  /// - Parameter name: relative to the folder, with `/` between sub-folders, which are made as needed.
  /// - Throws: `ReportError` of kind `name` or `system`.
  public func write(_ bytes: [UInt8], to name: String) throws {
    let file = try makePath(for: name)
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure("open", at: name) }
    do {
      try bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
          let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw failure("write", at: name) }
          rest = rest.dropFirst(count)
        }
      }
      // A full disk may show only now, when the blocks are allocated.
      guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("fsync", at: name) }
    } catch {
      _ = close(descriptor)
      throw error
    }
    guard close(descriptor) == 0 else { throw failure("close", at: name) }
  }

  /// The absolute path of a file that something else will write into the folder; its sub-folders are made.
  ///
  /// - Throws: `ReportError` of kind `name` or `system`.
  public func makePath(for name: String) throws -> String {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.isEmpty, !name.utf8.contains(0), parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw ReportError(.name("'\(name)' is not a file name inside a result folder"))
    }
    var folder = stagingPath
    for part in parts.dropLast() {
      folder += "/\(part)"
      guard mkdir(folder, 0o777) == 0 || errno == EEXIST else { throw failure("mkdir", at: folder) }
    }
    return "\(stagingPath)/\(name)"
  }

  /// Puts the folder in place.
  ///
  /// - Throws: `ReportError` of kind `occupied` or `system`; the earlier result then still stands.
  public func finish() throws {
    let names = try FileManager.default.subpathsOfDirectory(atPath: stagingPath).sorted()
    try write(names.joined(separator: "\n") + "\n", to: Self.listName)
    defer { Self.unfinished.withLock { _ = $0.remove(stagingPath) } }
    switch try checkPlace() {
    case .free:
      guard rename(stagingPath, path) == 0 else { throw failure("rename", at: path) }
    case .earlierResult:
      let earlier = stagingPath + "-earlier"
      guard rename(path, earlier) == 0 else { throw failure("rename", at: path) }
      guard rename(stagingPath, path) == 0 else {
        let error = failure("rename", at: path)
        _ = rename(earlier, path)
        throw error
      }
      try? FileManager.default.removeItem(atPath: earlier)
    }
  }

  /// Removes what has been written.
  public func discard() {
    Self.unfinished.withLock { _ = $0.remove(stagingPath) }
    try? FileManager.default.removeItem(atPath: stagingPath)
  }

  private enum Place { case free, earlierResult }

  /// Looks at what stands where the result will be.
  @discardableResult
  private func checkPlace() throws -> Place {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return .free }
      throw failure("lstat", at: path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw ReportError(.occupied, at: path) }
    // rename(2) replaces an empty folder by itself.
    let content: [String]
    do {
      content = try FileManager.default.subpathsOfDirectory(atPath: path)
    } catch {
      throw ReportError(.system(call: "opendir", code: 0, reason: error.localizedDescription), at: path)
    }
    if content.isEmpty { return .free }
    let list = (try? String(contentsOfFile: "\(path)/\(Self.listName)", encoding: .utf8)) ?? ""
    let own = Set(list.split(separator: "\n").map(String.init) + [Self.listName])
    guard !list.isEmpty, content.allSatisfy(own.contains) else { throw ReportError(.occupied, at: path) }
    return .earlierResult
  }

  private func failure(_ call: String, at place: String) -> ReportError {
    let code = errno
    return ReportError(.system(call: call, code: code, reason: String(cString: strerror(code))), at: place)
  }
}
