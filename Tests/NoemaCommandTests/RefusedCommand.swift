import Testing

/// A command line that fails: its exit code, and a sentence of standard error that says what was found and what to do.
struct RefusedCommand: Sendable, CustomTestStringConvertible {
  let code: Int32
  let message: String
  let arguments: String
  var testDescription: String { arguments }

  init(_ code: Int32, _ arguments: String, _ message: String) {
    (self.code, self.message, self.arguments) = (code, message, arguments)
  }

  /// Runs the command, and checks that it says so and leaves nothing that looks like a result.
  ///
  /// - Parameters:
  ///   - first, last: arguments before and behind those of the row.
  ///   - partial: the name of work in progress, which may stay.
  func check(
    in workspace: Workspace, first: [String] = [], last: [String] = [], partial: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try workspace.entries()
    let words = arguments.split(separator: " ").map(String.init)
    let outcome = try workspace.start(first + words + last).wait()
    #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains(message), "\(outcome.errors)", sourceLocation: sourceLocation)
    #expect(try workspace.entries().filter { $0 != partial } == before, sourceLocation: sourceLocation)
  }
}
