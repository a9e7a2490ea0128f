internal import Foundation
internal import Noema

/// Where examples of concepts are, and what they are held against.
struct ConceptMaterial {
  /// The folder of concepts: a sub-folder of examples or a file of inputs each.
  let folder: String
  /// How inputs are made of files.
  let inputs: DatasetOptions

  /// Concepts and their examples.
  ///
  /// - Parameter names: all in the folder when empty.
  func concepts(named names: [String]) throws -> [TCAVStudy.Concept] {
    let names = try names.isEmpty ? allNames() : names
    guard !names.isEmpty else {
      throw ConceptError(.tooFew(set: "the folder of concepts", found: 0, needed: 1), at: folder)
    }
    return try names.map(concept)
  }

  private func concept(_ name: String) throws -> TCAVStudy.Concept {
    for ending in ["npy", "npz", "csv"]
    where FileManager.default.fileExists(atPath: "\(folder)/\(name).\(ending)") {
      return .init(
        name: name, examples: try Dataset(path: "\(folder)/\(name).\(ending)", options: inputs).examples)
    }
    let path = "\(folder)/\(name)"
    if FileManager.default.fileExists(atPath: path) {
      let folder = try ConceptFolder(path: path)
      guard !folder.examples.isEmpty else {
        throw ConceptError(.tooFew(set: "concept '\(name)'", found: 0, needed: 2), at: path)
      }
      return .init(
        name: folder.manifest.name,
        examples: try Dataset.conceptExamples(folder.path, folder.examples, inputs))
    }
    let found = try ConceptLibrary(path: folder).concept(named: name)
    return .init(name: name, examples: try Dataset.conceptExamples(found.path, found.examples, inputs))
  }

  /// The names of all concepts in the folder: its files of inputs, and the concepts of a library.
  private func allNames() throws -> [String] {
    let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    let names = files.filter { name in
      !name.hasPrefix(".") && [".npy", ".npz", ".csv"].contains { name.hasSuffix($0) }
    }.map { String($0.dropLast(4)) }
    if names.isEmpty { return try ConceptLibrary(path: folder).concepts.map(\.manifest.name) }
    // A folder of both holds the folders' concepts too, if there are any.
    let folders = (try? ConceptLibrary(path: folder))?.concepts.filter { $0.path != folder } ?? []
    return names + folders.map(\.manifest.name)
  }

  /// Random examples: a folder of several folders is a fixed set each.
  func random(_ path: String) throws -> TCAVStudy.RandomExamples {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      let (files, folders) = try ImageFolder.list(path)
      if files.isEmpty, folders.count > 1 {
        return .sets(try folders.map { try Dataset(path: "\(path)/\($0)", options: inputs).examples })
      }
      if files.isEmpty, folders.count == 1 {
        return .pool(try Dataset(path: "\(path)/\(folders[0])", options: inputs).examples)
      }
    }
    return .pool(try Dataset(path: path, options: inputs).examples)
  }
}

extension DatasetOptions {
  /// The options without labels and columns of the class data.
  var inputs: DatasetOptions {
    var copy = self
    copy.labels = nil
    copy.array = nil
    copy.requiresLabels = false
    return copy
  }
}
