public import NoemaTensor

/// An error of loading, building, rewriting or running a network.
public struct GraphError: NoemaError, Equatable {
  /// What went wrong, with the values involved.
  public enum Kind: Sendable, Equatable {
    /// The file cannot be opened.
    case fileMissing(reason: String)
    /// The file is not a valid ONNX model.
    case malformed(String)
    /// Operators that Noema does not have, each with its nodes.
    case unsupportedOperators([UnsupportedOperator])
    /// An attribute value, element type or feature that Noema does not have.
    case unsupported(String)
    /// Operand types that do not fit the operator.
    case operands(String)
    /// No layer, value, input or output of that name.
    case unknownName(String, what: String, suggestions: [String])
    /// The name stands for several values.
    case ambiguousName(String, candidates: [String])
    /// An input tensor that does not fit the network.
    case input(String)
    /// The value has no derivative with respect to what was asked for.
    case notDifferentiable(String)
    /// A value that is NaN or infinite.
    case notFinite(value: String, example: Int)
    /// The execution library refused an operation.
    case execution(String)
  }

  /// What went wrong.
  public let kind: Kind
  /// The node, value or file concerned; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, at place: String = "") {
    self.kind = kind
    self.place = place
  }

  /// The same error with a place, unless it has one.
  func at(_ place: String) -> GraphError { self.place.isEmpty ? GraphError(kind, at: place) : self }

  public var category: ErrorCategory {
    switch kind {
    case .fileMissing: .missingFile
    case .malformed, .operands, .input, .notFinite: .badData
    case .unsupportedOperators, .unsupported, .notDifferentiable: .unsupported
    case .unknownName, .ambiguousName: .usage
    case .execution: .inputOutput
    }
  }

  public var description: String {
    let place = place.isEmpty ? "" : "\(self.place): "
    switch kind {
    case .fileMissing(let reason): return "\(place)cannot open the model file (\(reason)); check the path"
    case .malformed(let text):
      return "\(place)not a valid ONNX model: \(text); export the model again or check that the file is whole"
    case .unsupportedOperators(let list):
      let lines = list.map { "  \($0.description)" }.joined(separator: "\n")
      return "\(place)\(list.count) operator\(list.count == 1 ? " is" : "s are") not supported:\n\(lines)\n"
        + "Export with standard operators of the default ONNX domain, or cut the network before them."
    case .unsupported(let text): return "\(place)\(text)"
    case .operands(let text): return "\(place)\(text)"
    case .unknownName(let name, let what, let suggestions):
      let hint =
        suggestions.isEmpty ? "" : "; did you mean \(suggestions.map { "'\($0)'" }.joined(separator: ", "))?"
      return "\(place)no \(what) named '\(name)'\(hint)"
    case .ambiguousName(let name, let candidates):
      return
        "\(place)'\(name)' stands for \(candidates.count) values: \(candidates.joined(separator: ", ")); "
        + "name one of them"
    case .input(let text): return "\(place)\(text)"
    case .notDifferentiable(let text): return "\(place)\(text)"
    case .notFinite(let value, let example):
      // A place names the example better than its row in some batch.
      let row = place.isEmpty ? " for example \(example)" : ""
      return
        "\(place)value '\(value)' is NaN or infinite\(row); check that input and the model's preprocessing"
    case .execution(let text): return "\(place)\(text)"
    }
  }
}

/// An operator that an ONNX file uses and Noema lacks.
public struct UnsupportedOperator: Sendable, Hashable, CustomStringConvertible {
  /// The operator's name with its domain, such as `com.microsoft.FusedConv`.
  public let name: String
  /// The opset version that the file imports for its domain.
  public let opset: Int
  /// The names of the nodes that use it.
  public let nodes: [String]

  public var description: String {
    let shown =
      nodes.prefix(3).joined(separator: ", ") + (nodes.count > 3 ? ", … (\(nodes.count) nodes)" : "")
    return "\(name) (opset \(opset)) at \(shown)"
  }
}

extension GraphError {
  /// The same error with the example of a value that is not finite named in the place.
  public func naming(_ name: (Int) -> String) -> GraphError {
    guard case .notFinite(let value, let example) = kind else { return self }
    return GraphError(.notFinite(value: value, example: example), at: name(example))
  }
}
