internal import Foundation

/// One concept on disk: a folder of example files and, perhaps, a `concept.yaml`.
public struct ConceptFolder: Sendable, Hashable {
  /// The folder's path.
  public let path: String
  /// What `concept.yaml` says, or what the folder's own name and its parent's say where there is none.
  public let manifest: ConceptManifest
  /// Whether the folder holds a `concept.yaml`.
  public let hasManifest: Bool
  /// The names of the example files, sorted.
  public let examples: [String]

  /// Endings of example files: images, arrays, tables and texts.
  public static let exampleEndings: Set = ["png", "jpg", "jpeg", "npy", "csv", "txt"]

  /// Reads the concept in a folder; the examples themselves are not opened.
  ///
  /// - Throws: `LibraryError` if there is no such folder, it cannot be read, or its `concept.yaml` is malformed.
  public init(path: String) throws {
    let files = try Self.files(in: path)
    let url = URL(fileURLWithPath: path).standardizedFileURL
    self.path = path
    examples = files.filter(Self.isExample)
    hasManifest = files.contains(ConceptManifest.fileName)
    if hasManifest {
      let file = path + "/" + ConceptManifest.fileName
      manifest = try ConceptManifest(yaml: try Self.text(of: file), path: file)
    } else {
      let parent = url.deletingLastPathComponent().lastPathComponent
      let name = url.lastPathComponent
      let kind =
        ConceptKind.allCases.first { [$0.rawValue, $0.folderName].contains(parent) }
        ?? ConceptKind(rawValue: name) ?? .other
      manifest = ConceptManifest(name: name, kind: kind)
    }
  }

  /// Whether a file is an example, by its ending.
  static func isExample(_ file: String) -> Bool {
    guard !file.hasPrefix("."), let dot = file.lastIndex(of: ".") else { return false }
    return exampleEndings.contains(file[file.index(after: dot)...].lowercased())
  }

  /// Whether a folder is a concept's: it holds examples or a `concept.yaml`.
  static func isConcept(_ path: String) throws -> Bool {
    try files(in: path).contains { $0 == ConceptManifest.fileName || isExample($0) }
  }

  /// The names of a folder's visible entries, sorted by their bytes so that the order is the same everywhere.
  static func entries(in path: String, areFolders: Bool) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw LibraryError(.missingFolder, at: path)
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw LibraryError(.unreadable(error.localizedDescription), at: path)
    }
    return names.filter { name in
      var isFolder: ObjCBool = false
      guard !name.hasPrefix(".") else { return false }
      return FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
        && isFolder.boolValue == areFolders
    }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func files(in path: String) throws -> [String] { try entries(in: path, areFolders: false) }

  private static func text(of file: String) throws -> String {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw LibraryError(.unreadable("permission denied or no such file"), at: file)
    }
    defer { try? handle.close() }
    do {
      // One byte over the limit, so that a longer file is seen to be longer without being read.
      let bytes = try handle.read(upToCount: ConceptManifest.byteLimit + 1) ?? Data()
      guard let text = String(bytes: bytes, encoding: .utf8) else {
        throw LibraryError(.yaml("not UTF-8 text"), at: file)
      }
      return text
    } catch let error as LibraryError {
      throw error
    } catch {
      throw LibraryError(.unreadable(error.localizedDescription), at: file)
    }
  }
}
