internal import ArgumentParser
internal import Foundation
internal import Noema

struct GradientCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradient",
    abstract: "Write a network with its gradients as an ONNX file that any runtime computes.",
    discussion: """
      The outputs are the network's own and one gradient for each layer asked for,
      of the raw class output. Without --target the file has a further input,
      'cotangent', with a weight for each output. Shapes are fixed at --batch.

      EXAMPLES
        noema gradient --model net.onnx --target zebra -o grad.onnx
        noema gradient --model net.onnx --layer 'layer3*' --batch 8 -o grad.onnx
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "The name or index of a class.") var target: String?
  @Option(
    parsing: .upToNextOption,
    help: "A layer to differentiate by; the inputs by default. Repeatable.")
  var layer: [String] = []
  @Option(help: "Examples per batch.") var batch = 1
  @Option(name: .customLong("output-scale"), help: "logit, log-probability or probability.") var scale =
    OutputScale.logit
  @Option(name: [.customShort("o"), .customLong("out")], help: "The ONNX file to write.") var out: String

  func validate() throws {
    guard (1...4096).contains(batch) else {
      throw ValidationError("--batch must be 1 to 4096, found \(batch).")
    }
  }

  func run() throws {
    let model = try model.load()
    let network = model.network
    let values =
      layer.isEmpty ? network.inputs.map(\.name) : try model.layers(matching: layer).map(\.onnxValue)
    let count = try network.classCount(shapes: model.shapes)
    let index = try target.map { try model.classIndex($0, count: count) }
    let graph = try network.gradientGraph(
      at: values, class: index, scale: scale, batch: batch, shapes: model.shapes)
    let main = network.outputs.first { $0.element.isFloat } ?? network.outputs.first
    let names = [main?.name ?? "output"] + values.map { "gradient of \($0)" }
    try WholeFile.write(try graph.onnx(outputs: names), to: out)
    for (value, name) in zip(graph.outputs, names) { print("output   \(name) \(graph.type(of: value))") }
    print("wrote \(out)")
  }
}
