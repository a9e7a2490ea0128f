internal import NoemaTensor

/// The concepts in a directory: `<kind>/<name>/` or `<name>/`, each a folder of examples.
public struct ConceptLibrary: Sendable, Hashable {
  /// The library's directory.
  public let path: String
  /// The concepts, by kind and name.
  public let concepts: [ConceptFolder]

  /// Lists a directory of concepts, or a single concept's folder.
  ///
  /// - Throws: `LibraryError` if the directory is missing, holds no concepts, or a `concept.yaml` is malformed.
  public init(path: String) throws {
    var trimmed = path
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    self.path = trimmed
    var found: [ConceptFolder] = []
    if try ConceptFolder.isConcept(trimmed) {
      found = [try ConceptFolder(path: trimmed)]
    } else {
      for name in try ConceptFolder.entries(in: trimmed, areFolders: true) {
        let folder = trimmed + "/" + name
        if try ConceptFolder.isConcept(folder) {
          found.append(try ConceptFolder(path: folder))
          continue
        }
        let inner = try ConceptFolder.entries(in: folder, areFolders: true)
        // A folder without anything in it is a concept whose examples are missing, which validation reports.
        if inner.isEmpty { found.append(try ConceptFolder(path: folder)) }
        for concept in inner { found.append(try ConceptFolder(path: folder + "/" + concept)) }
      }
    }
    guard !found.isEmpty else { throw LibraryError(.noConcepts, at: trimmed) }
    concepts = found.sorted { a, b in
      (a.manifest.kind, a.manifest.name, a.path) < (b.manifest.kind, b.manifest.name, b.path)
    }
  }

  /// The concept of a name.
  ///
  /// - Throws: `ConceptError` with the nearest names if there is none, or with the folders if there are several.
  public func concept(named name: String) throws -> ConceptFolder {
    let found = concepts.filter { $0.manifest.name == name }
    if found.count > 1 {
      let folders = found.map(\.path).joined(separator: ", ")
      throw ConceptError(
        .parameters("concept '\(name)' is in \(found.count) folders (\(folders)); name one of them"), at: path
      )
    }
    if let concept = found.first { return concept }
    let suggestions = EditDistance.nearest(name, in: concepts.map(\.manifest.name))
    throw ConceptError(.unknownName(name, what: "concept", suggestions: suggestions), at: path)
  }
}
