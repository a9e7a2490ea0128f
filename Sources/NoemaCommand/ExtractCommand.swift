internal import ArgumentParser
internal import Foundation
internal import Noema

struct ExtractCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "extract",
    abstract: "Write a part of a network as an ONNX file: up to hidden layers, or between layers.",
    discussion: """
      Nodes and weights stay as they are in the file, free axes and all.

      EXAMPLES
        noema extract net.onnx --layer 'layer3*' -o features.onnx
        noema extract net.onnx --from layer3 -o head.onnx
      """)

  @Argument(help: "The ONNX file.") var model: String
  @Option(
    parsing: .upToNextOption,
    help: "A layer to end at; the network's outputs by default. Names as in `noema inspect`. Repeatable.")
  var layer: [String] = []
  @Option(parsing: .upToNextOption, help: "A layer that becomes an input. Repeatable.") var from: [String] =
    []
  @Option(
    name: .customLong("input-shape"),
    help: "An input's shape where the file leaves it open: NAME=1x3x224x224.")
  var inputShapes: [String] = []
  @Option(name: [.customShort("o"), .customLong("out")], help: "The ONNX file to write.") var out: String

  func validate() throws {
    if layer.isEmpty, from.isEmpty { throw ValidationError("Give --layer, --from, or both.") }
  }

  func run() throws {
    let network = try Network(contentsOf: model)
    let shapes = try parseInputShapes(inputShapes)
    let ends = layer.isEmpty ? network.outputs.map(\.name) : try values(layer, network, shapes)
    let starts = try values(from, network, shapes)
    let bytes = try network.extracted(to: ends, from: starts, shapes: shapes)
    let part = try Network(bytes: bytes)
    try WholeFile.write(bytes, to: out)
    print("inputs   \(part.inputs.map(\.name).joined(separator: ", "))")
    print("outputs  \(part.outputs.map(\.name).joined(separator: ", "))")
    print("weights  \(grouped(part.parameterCount)) of \(grouped(network.parameterCount)) parameters")
    print("wrote \(out)")
  }

  /// ONNX values of layers; a network that Noema cannot run is cut by its ONNX names.
  private func values(_ queries: [String], _ network: Network, _ shapes: [String: [Int]]) throws -> [String] {
    guard !queries.isEmpty, network.unsupportedOperators.isEmpty else { return queries }
    let layers = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes).layers()
    var found: [String] = []
    for query in queries {
      for layer in try layers.matching(query) where !found.contains(layer.onnxValue) {
        found.append(layer.onnxValue)
      }
    }
    return found
  }
}
