internal import ArgumentParser
internal import Foundation
internal import Noema

/// The command: parsing, progress and exit codes; the analysis is the library's.
@main
struct NoemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noema",
    abstract: "Understand what a neural network has learned as a whole.",
    discussion: """
      Loads any ONNX network, hooks its hidden layers, and answers which human
      concepts its decisions rest on.

      EXAMPLES
        noema inspect net.onnx
        noema tcav --model net.onnx --data photos/zebra --target zebra \\
          --layer 'layer4*' \\
          --concepts concepts --concept striped --random photos/random -o out/
        noema demo tcav -o demo-out
      """,
    version: noemaVersion,
    subcommands: [
      InspectCommand.self, PredictCommand.self, ExplainCommand.self, ActivationsCommand.self,
      TCAVCommand.self,
      SortCommand.self, ProbeCommand.self, SVDCommand.self,
      ConceptsCommand.self, RunCommand.self, DemoCommand.self,
    ])

  /// Runs the command and turns every error into a sentence and an exit code.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as any NoemaError {
      FileHandle.standardError.write(Data("noema: \(error.description)\n".utf8))
      Foundation.exit(error.category.rawValue)
    } catch {
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      if !text.isEmpty {
        (code == .success ? FileHandle.standardOutput : FileHandle.standardError).write(
          Data((text + "\n").utf8))
      }
      // ArgumentParser's own usage errors exit with 64; the blueprint says 2.
      Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}

/// The version that `--version`, results and reports show.
let noemaVersion = "0.1.0"
