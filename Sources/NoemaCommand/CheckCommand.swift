internal import ArgumentParser
internal import Foundation
internal import Noema

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say what Noema can do with each operator of a network, before anything is computed.",
    discussion: """
      Lists every operator: whether it runs, whether derivatives pass, and its part in
      relevance propagation. Ends with exit code 69 when an operator is missing.

      EXAMPLES
        noema check net.onnx
        noema check net.onnx --json
      """)

  @Argument(help: "The ONNX file.") var model: String
  @Option(
    name: .customLong("input-shape"),
    help: "An input's shape where the file leaves it open: NAME=1x3x224x224.")
  var inputShapes: [String] = []
  @Flag(help: "Print JSON.") var json = false

  private struct Report: Encodable {
    var schema = "noema.check/1"
    var model, sha256: String
    var operators: [OperatorSupport]
  }

  func run() throws {
    let network = try Network(contentsOf: model)
    let support = try network.operatorSupport(shapes: try parseInputShapes(inputShapes))
    if json {
      print(
        try jsonText(Report(model: model, sha256: network.hash, operators: support)), terminator: "")
    } else {
      printTable(support)
    }
    guard network.unsupportedOperators.isEmpty else {
      throw GraphError(.unsupportedOperators(network.unsupportedOperators), at: model)
    }
  }

  private func printTable(_ support: [OperatorSupport]) {
    var rows = [["operator", "opset", "nodes", "runs", "derivatives", "in relevance rules"]]
    for item in support {
      rows.append([
        item.name, String(item.opset), String(item.nodes.count), item.isRead ? "yes" : "NO",
        item.isRead ? item.differentiation.words : "",
        item.isRead ? item.relevanceRoles.filter { $0 != "none" }.joined(separator: ", ") : "",
      ])
    }
    print(alignedTable(rows, rightAligned: [1, 2]))
    let missing = support.count { !$0.isRead }
    print(
      "\n"
        + (missing == 0
          ? "All \(support.count) operators run." : "\(missing) of \(support.count) do not run."))
    for item in support where item.differentiation == .none && item.isRead {
      print(
        "No derivative passes through \(item.name): explain layers behind it, or use a method without gradients."
      )
    }
  }
}

extension OperatorSupport.Differentiation {
  /// The state in a table.
  fileprivate var words: String {
    switch self {
    case .full: "yes"
    case .partial: "some nodes"
    case .none: "none"
    case .constant: "constant"
    case .unknown: "–"
    }
  }
}
