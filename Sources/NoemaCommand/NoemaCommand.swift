internal import ArgumentParser
internal import Noema

@main
struct NoemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noema",
    abstract: "Understand what a neural network has learned as a whole.")
}
