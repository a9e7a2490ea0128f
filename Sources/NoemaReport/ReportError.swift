public import NoemaTensor

/// An error of making or writing a report.
public struct ReportError: NoemaError, Equatable {
  /// What went wrong, with the names involved.
  public enum Kind: Sendable, Equatable {
    /// A program that a report needs is not installed.
    case toolMissing(tool: String, package: String)
    /// A program ran and failed.
    case toolFailed(tool: String, status: Int32, message: String)
    /// The folder to write exists and holds something that is not an earlier result.
    case occupied
    /// The name of a folder or file cannot be written to.
    case name(String)
    /// A call of the operating system failed, such as `write` with "No space left on device".
    case system(call: String, code: Int32, reason: String)
    /// The input of a report does not fit together.
    case input(String)
  }

  /// What went wrong.
  public let kind: Kind
  /// The file or folder; may be empty.
  public let place: String

  /// Makes an error of one kind at a place.
  public init(_ kind: Kind, at place: String = "") {
    self.kind = kind
    self.place = place
  }

  public var category: ErrorCategory {
    switch kind {
    case .toolMissing: .unsupported
    case .toolFailed, .system: .inputOutput
    case .occupied, .name: .usage
    case .input: .badData
    }
  }

  public var description: String {
    let place = place.isEmpty ? "" : "\(self.place): "
    switch kind {
    case .toolMissing(let tool, let package):
      return "\(place)the program \(tool) is not on PATH; install the package \(package)"
    case .toolFailed(let tool, let status, let message):
      return "\(place)\(tool) failed with status \(status)" + (message.isEmpty ? "" : ": \(message)")
    case .occupied:
      return
        "\(place)exists and is not an earlier result (or holds more than Noema wrote); name another folder or remove it"
    case .name(let text), .input(let text): return place + text
    case .system(let call, _, let reason): return "\(place)\(call) failed: \(reason)"
    }
  }
}
