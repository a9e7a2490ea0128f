public import NoemaTensor

/// An error of a concept study.
public struct ConceptError: NoemaError, Equatable {
  /// What went wrong, with the names and numbers involved.
  public enum Kind: Sendable, Equatable {
    /// A set of examples is empty or too small.
    case tooFew(set: String, found: Int, needed: Int)
    /// No concept, class or probe of that name.
    case unknownName(String, what: String, suggestions: [String])
    /// A study's parameter lies outside its range.
    case parameters(String)
    /// A saved CAV belongs to something else.
    case mismatch(String)
    /// An activation or gradient is NaN or infinite.
    case notFinite(String)
    /// The algebra failed.
    case algebra(String)
    /// The file holds no valid CAV or concept.
    case malformed(String)
    /// Examples do not differ, so that nothing can be told apart.
    case degenerate(String)
  }

  /// What went wrong.
  public let kind: Kind
  /// Where: a layer, folder or file; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, at place: String = "") {
    self.kind = kind
    self.place = place
  }

  public var category: ErrorCategory {
    switch kind {
    case .unknownName, .parameters: .usage
    default: .badData
    }
  }

  public var description: String {
    let place = place.isEmpty ? "" : "\(self.place): "
    switch kind {
    case .tooFew(let set, let found, let needed):
      return
        "\(place)\(set) has \(found) example\(found == 1 ? "" : "s"), at least \(needed) are needed; add examples"
    case .unknownName(let name, let what, let suggestions):
      let hint =
        suggestions.isEmpty ? "" : "; did you mean \(suggestions.map { "'\($0)'" }.joined(separator: ", "))?"
      return "\(place)no \(what) named '\(name)'\(hint)"
    case .parameters(let text), .mismatch(let text), .notFinite(let text), .algebra(let text),
      .malformed(let text), .degenerate(let text):
      return place + text
    }
  }
}
