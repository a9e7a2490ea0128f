public import NoemaTensor

/// An error of reading tables, learning or judging rules, and of reading and writing rule files.
public struct RuleError: NoemaError, Equatable {
  /// What went wrong, with the names and numbers involved.
  public enum Kind: Sendable, Equatable {
    /// A column that the features name does not exist in the table.
    case missingColumn(String, suggestions: [String])
    /// Two columns or features share a name.
    case duplicatedColumn(String)
    /// A column holds no value at all.
    case allMissing(column: String)
    /// A category that the features do not list; the row counts from 1 below the header.
    case unseenCategory(String, column: String, row: Int, known: [String])
    /// A field that is no finite number, or no integer where the feature is one.
    case notNumber(String, column: String, row: Int, expected: String)
    /// All examples have the same label.
    case constantLabels(String)
    /// A class that the network or the rules do not have.
    case unknownClass(String, row: Int, known: [String])
    /// A set of examples is too small.
    case tooFew(set: String, found: Int, needed: Int)
    /// Two sizes that must agree do not.
    case count(what: String, found: Int, expected: Int)
    /// A parameter lies outside its range.
    case parameters(String)
    /// A value is NaN or infinite.
    case notFinite(String)
    /// Rules, a tree or a file break the rules of their form.
    case malformed(String)
    /// The form asked for cannot express these rules; the text says what can.
    case unsupported(String)
    /// A bound on the size of a result was reached.
    case limit(String)
  }

  /// What went wrong.
  public let kind: Kind
  /// Where: a file, a table, a rule; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, at place: String = "") {
    self.kind = kind
    self.place = place
  }

  public var category: ErrorCategory {
    switch kind {
    case .parameters: .usage
    case .unsupported: .unsupported
    default: .badData
    }
  }

  public var description: String {
    let place = place.isEmpty ? "" : "\(self.place): "
    return place + RuleError.sentence(kind)
  }

  private static func sentence(_ kind: Kind) -> String {
    switch kind {
    case .missingColumn(let name, let suggestions):
      let hint = suggestions.isEmpty ? "" : "; did you mean \(list(suggestions))?"
      return "no column named '\(name)', which the rules read\(hint)"
    case .duplicatedColumn(let name): return "two columns are named '\(name)'; rename one"
    case .allMissing(let column):
      return "column '\(column)' has no value in any row; leave the column out"
    case .unseenCategory(let value, let column, let row, let known):
      return "row \(row), column '\(column)': '\(value)' is none of the categories \(list(known))"
        + "; map it to one of them or to a missing value"
    case .notNumber(let value, let column, let row, let expected):
      return "row \(row), column '\(column)': '\(value)' is not \(expected)"
    case .constantLabels(let name):
      return "every row has the label '\(name)'; rules need at least two classes"
    case .unknownClass(let name, let row, let known):
      return "row \(row): the class '\(name)' is none of \(list(known))"
    case .tooFew(let set, let found, let needed):
      return
        "\(set) has \(found) example\(found == 1 ? "" : "s"), at least \(needed) are needed; add examples"
    case .count(let what, let found, let expected): return "found \(found) \(what), expected \(expected)"
    case .parameters(let text), .notFinite(let text), .malformed(let text), .unsupported(let text),
      .limit(let text):
      return text
    }
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 8 ? ", …" : "")
  }
}
