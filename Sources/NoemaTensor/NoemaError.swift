/// What kind of failure an error is; the command turns it into an exit code.
public enum ErrorCategory: Int32, Sendable {
  /// The call or the flags are wrong (exit code 2).
  case usage = 2
  /// The data or the model is malformed or unsuitable (exit code 65).
  case badData = 65
  /// A file that was named does not exist or cannot be opened (exit code 66).
  case missingFile = 66
  /// An operator or a feature that Noema does not have (exit code 69).
  case unsupported = 69
  /// Reading or writing failed (exit code 74).
  case inputOutput = 74
}

/// An error that says what was found, what was expected, where, and what to do.
///
/// Every library target has one struct that conforms to this protocol.
public protocol NoemaError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for the exit code.
  var category: ErrorCategory { get }
}

/// An error of tensor and linear-algebra calls.
public struct TensorError: NoemaError, Equatable {
  /// What went wrong, with the numbers involved.
  public enum Kind: Sendable, Equatable {
    /// The number of elements does not fit the shape.
    case elementCount(found: Int, expected: Int)
    /// Two shapes that must agree do not.
    case shape(found: [Int], expected: [Int])
    /// The element type is not the one asked for.
    case elementType(found: ElementType, expected: ElementType)
    /// The shape's byte count exceeds what can be addressed, or a dimension is negative.
    case tooLarge(shape: [Int])
    /// A LAPACK routine did not converge or met a singular matrix.
    case solver(routine: String, info: Int)
    /// An argument lies outside its range.
    case argument(String)
    /// A value is NaN or infinite.
    case notFinite(row: Int, column: Int)
  }

  /// What went wrong.
  public let kind: Kind
  /// Where it happened, in words; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, in place: String = "") {
    self.kind = kind
    self.place = place
  }

  public var category: ErrorCategory { .badData }

  public var description: String {
    let end = place.isEmpty ? "" : " in \(place)"
    switch kind {
    case .elementCount(let found, let expected): return "found \(found) elements, expected \(expected)\(end)"
    case .shape(let found, let expected): return "found shape \(found), expected \(expected)\(end)"
    case .elementType(let found, let expected):
      return "found elements of type \(found), expected \(expected)\(end)"
    case .tooLarge(let shape): return "shape \(shape) is negative or too large to hold\(end)"
    case .solver(let routine, let info): return "LAPACK \(routine) failed with info \(info)\(end)"
    case .argument(let text): return text + end
    case .notFinite(let row, let column):
      return "value at row \(row), column \(column) is NaN or infinite\(end)"
    }
  }
}
