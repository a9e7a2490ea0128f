internal import Foundation
public import NoemaTensor

/// An error of reading, preparing or writing data.
public struct DataError: NoemaError, Equatable {
  /// What went wrong, with the names and numbers involved.
  public enum Kind: Sendable, Equatable {
    /// The file or folder does not exist.
    case missingFile
    /// The file exists but cannot be opened or read; the text says why.
    case unreadable(String)
    /// The bytes break the rules of their format.
    case malformed(String)
    /// The bytes are valid but of a variety that Noema does not read; the text says what to convert to.
    case unsupported(String)
    /// There is nothing in what should hold something: a folder, a column, an array.
    case empty(String)
    /// The sizes declared exceed a limit or what can be addressed.
    case tooLarge(String)
    /// A value is NaN or infinite.
    case notFinite(String)
    /// Two shapes that must agree do not.
    case shape(found: [Int], expected: [Int])
    /// A setting lies outside its range, or two contradict each other.
    case parameters(String)
    /// No key, class, column or filter of that name.
    case unknownName(String, what: String, suggestions: [String])
    /// The system refused an operation; the reason is its own words.
    case ioFailure(operation: String, reason: String)
  }

  /// What went wrong.
  public let kind: Kind
  /// Where: a file, folder, key or column; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, at place: String = "") {
    self.kind = kind
    self.place = place
  }

  /// An input or output failure in the words of the system.
  ///
  /// - Parameters:
  ///   - errno: The C error number right after the failed call; `ENOENT` becomes ``Kind/missingFile``.
  ///   - operation: What was tried, as a verb: "read", "create", "rename".
  ///   - place: The path.
  public init(errno: Int32, operation: String, at place: String) {
    if errno == ENOENT {
      self.init(.missingFile, at: place)
    } else {
      self.init(.ioFailure(operation: operation, reason: String(cString: strerror(errno))), at: place)
    }
  }

  /// The same error at a place that encloses the old one, as in `card.yaml: mean`.
  public func within(_ outer: String) -> DataError {
    DataError(kind, at: place.isEmpty ? outer : "\(outer): \(place)")
  }

  public var category: ErrorCategory {
    switch kind {
    case .missingFile: .missingFile
    case .unreadable, .ioFailure: .inputOutput
    case .parameters, .unknownName: .usage
    default: .badData
    }
  }

  public var description: String {
    let place = place.isEmpty ? "" : "\(self.place): "
    switch kind {
    case .missingFile: return "\(place)no such file or folder; check the path"
    case .empty(let what): return "\(place)\(what) is empty"
    case .shape(let found, let expected): return "\(place)found shape \(found), expected \(expected)"
    case .unknownName(let name, let what, let suggestions):
      let quoted = suggestions.map { "'\($0)'" }.joined(separator: ", ")
      let hint = quoted.isEmpty ? "" : "; did you mean \(quoted)?"
      return "\(place)no \(what) named '\(name)'\(hint)"
    case .ioFailure(let operation, let reason): return "\(place)cannot \(operation): \(reason)"
    case .unreadable(let text), .malformed(let text), .unsupported(let text), .tooLarge(let text),
      .notFinite(let text), .parameters(let text):
      return place + text
    }
  }
}
