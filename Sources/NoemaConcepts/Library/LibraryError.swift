public import NoemaTensor

/// An error of reading or writing concept folders.
public struct LibraryError: NoemaError, Equatable {
  /// What went wrong, with the names and numbers involved.
  public enum Kind: Sendable, Equatable {
    /// No such folder.
    case missingFolder
    /// The folder holds neither a concept nor concepts.
    case noConcepts
    /// The system refused to read; its own words.
    case unreadable(String)
    /// The system refused to write; its own words.
    case unwritable(String)
    /// The folder to write is there already.
    case exists
    /// `concept.yaml` is not valid YAML, too long, or not a mapping.
    case yaml(String)
    /// A required key of `concept.yaml` is missing.
    case missingKey(String)
    /// A key that `concept.yaml` does not have.
    case unknownKey(String, suggestions: [String])
    /// A value of `concept.yaml` does not fit its key.
    case value(key: String, found: String, expected: String)
  }

  /// What went wrong.
  public let kind: Kind
  /// The file or folder.
  public let path: String

  /// Makes an error of one kind about a file or folder.
  public init(_ kind: Kind, at path: String) {
    self.kind = kind
    self.path = path
  }

  public var category: ErrorCategory {
    switch kind {
    case .missingFolder: .missingFile
    case .unreadable, .unwritable: .inputOutput
    case .exists: .usage
    default: .badData
    }
  }

  public var description: String {
    func suggested(_ names: [String]) -> String {
      names.isEmpty ? "" : "; did you mean \(names.map { "'\($0)'" }.joined(separator: ", "))?"
    }
    switch kind {
    case .missingFolder: return "\(path): no such folder; check the path"
    case .noConcepts:
      return "\(path): holds neither examples nor folders with examples; expected <kind>/<name>/ or <name>/"
    case .unreadable(let text): return "\(path): cannot be read (\(text))"
    case .unwritable(let text): return "\(path): cannot be written (\(text))"
    case .exists: return "\(path): exists already; choose another folder or replace it with --force"
    case .yaml(let text): return "\(path): \(text)"
    case .missingKey(let key): return "\(path): the key '\(key)' is missing; add it"
    case .unknownKey(let key, let suggestions):
      return "\(path): unknown key '\(key)'\(suggested(suggestions))"
    case .value(let key, let found, let expected):
      return "\(path): '\(key)' is '\(found)', expected \(expected)"
    }
  }
}
