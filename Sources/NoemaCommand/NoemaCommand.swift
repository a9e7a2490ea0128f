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
      concepts its decisions rest on, by which strategies it makes them, and which
      rules it follows.

      EXAMPLES
        noema inspect net.onnx
        noema tcav --model net.onnx --data photos/zebra --target zebra \\
          --layer 'layer4*' \\
          --concepts concepts --concept striped --random photos/random -o out/
        noema spray --model net.onnx --data photos -o strategies/
        noema rules --model net.onnx --data train.csv --test test.csv \\
          --label outcome -o rules/
        noema demo tcav -o demo-out
      """,
    version: noemaVersion,
    subcommands: [
      InspectCommand.self, PredictCommand.self, ExplainCommand.self, MethodsCommand.self,
      ActivationsCommand.self,
      TCAVCommand.self, SortCommand.self, ACECommand.self, SprayCommand.self, SprayAssignCommand.self,
      RulesCommand.self,
      ProbeCommand.self,
      DissectCommand.self, VisualizeCommand.self, SVDCommand.self, CheckCommand.self, ExtractCommand.self,
      GradientCommand.self,
      ConceptsCommand.self, RunCommand.self, DemoCommand.self,
    ])

  /// Runs the command and turns every error into a sentence and an exit code.
  static func main() {
    stopCleanly()
    do {
      var command = try parseAsRoot(RulesCommand.routed(Array(CommandLine.arguments.dropFirst())))
      try command.run()
      if let reason = Console.flush() { fail("standard output cannot be written: \(reason)", code: 74) }
    } catch let error as any NoemaError {
      fail(error.description, code: error.category.rawValue)
    } catch {
      let code = exitCode(for: error)
      var text = fullMessage(for: error)
      if code != .success, let hint = commandHint { text += "\n" + hint }
      if code == .success {
        print(text)
        if Console.flush() != nil { Foundation.exit(74) }
      } else if !text.isEmpty {
        Console.error(text + "\n")
      }
      // ArgumentParser's own usage errors exit with 64; the blueprint says 2.
      Foundation.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }
}

extension NoemaCommand {
  private static func fail(_ text: String, code: Int32) -> Never {
    note(text)
    Foundation.exit(code)
  }

  /// Names the command that a mistyped first word may stand for.
  private static var commandHint: String? {
    guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-") else { return nil }
    let names = configuration.subcommands.compactMap { $0.configuration.commandName }
    guard !names.contains(word), let nearest = EditDistance.nearest(word, in: names).first else { return nil }
    return "Did you mean 'noema \(nearest)'?"
  }

  /// Makes an interrupt (130) and a request to end (143) leave nothing half-written behind.
  ///
  /// The handler only hands the signal to a thread, where removing files is safe. Blocking signals would not do:
  /// OpenBLAS has threads before this runs. A signal that the caller had ignored, as `nohup` does, stays so.
  private static func stopCleanly() {
    guard pipe(&signalPipe) == 0 else { return }
    for number in [SIGINT, SIGTERM] {
      let earlier = signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(signalPipe[1], &byte, 1)
      }
      // SIG_IGN is the address 1.
      if unsafeBitCast(earlier, to: Int.self) == 1 { signal(number, SIG_IGN) }
    }
    let source = signalPipe[0]
    Thread.detachNewThread {
      var number: UInt8 = 0
      while read(source, &number, 1) < 0, errno == EINTR {}
      ResultFolder.discardUnfinished()
      _exit(128 + Int32(number))
    }
  }
}

/// What a signal handler writes to; set once, before there is a handler.
nonisolated(unsafe) private var signalPipe: [Int32] = [-1, -1]

/// The version that `--version`, results and reports show.
let noemaVersion = "0.1.0"
