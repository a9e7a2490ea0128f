internal import Foundation
internal import NoemaTensor

extension ConceptFolder {
  /// Writes a folder that appears whole or not at all; one that is there is replaced.
  ///
  /// - Parameters:
  ///   - target: the folder's path.
  ///   - fill: writes the files into a folder beside it.
  /// - Throws: what filling throws, and `LibraryError.unwritable`.
  static func write(_ target: String, _ fill: (String) throws -> Void) throws {
    let files = FileManager.default, url = URL(fileURLWithPath: target)
    let parent = url.deletingLastPathComponent().path
    let partial = "\(parent)/.\(url.lastPathComponent).partial-\(UUID().uuidString)"
    do {
      try files.createDirectory(atPath: partial, withIntermediateDirectories: true)
      do {
        try fill(partial)
        try move(partial, to: target)
      } catch {
        try? files.removeItem(atPath: partial)
        throw error
      }
    } catch let error as any NoemaError {
      throw error
    } catch {
      throw LibraryError(.unwritable(error.localizedDescription), at: target)
    }
  }

  /// Puts the finished folder in its place; one that it replaces is moved aside first and deleted last.
  private static func move(_ partial: String, to target: String) throws {
    let files = FileManager.default
    let old = partial + "-old"
    let hasOld = files.fileExists(atPath: target)
    if hasOld { try files.moveItem(atPath: target, toPath: old) }
    do {
      try files.moveItem(atPath: partial, toPath: target)
    } catch {
      if hasOld { try? files.moveItem(atPath: old, toPath: target) }
      throw error
    }
    if hasOld { try files.removeItem(atPath: old) }
  }
}
