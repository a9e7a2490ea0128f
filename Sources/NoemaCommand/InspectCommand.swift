internal import ArgumentParser
internal import Foundation
internal import Noema

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a network's inputs, outputs and hookable layers.",
    discussion: """
      Layers marked * are cuts: everything that reaches the output passes through
      them (bottlenecks).

      EXAMPLES
        noema inspect net.onnx
        noema inspect net.onnx --json
        noema inspect net.onnx --profile --batch 8
      """)

  @Argument(help: "The ONNX file.") var model: String
  @Option(help: "Examples per batch for sizes and timings.") var batch = 1
  @Option(
    name: .customLong("input-shape"),
    help: "An input's shape where the file leaves it open: NAME=1x3x224x224.")
  var inputShapes: [String] = []
  @Flag(help: "Run the network on noise and show time per operator.") var profile = false
  @Option(help: "Time N forward runs on noise.") var time: Int?
  @Flag(help: "With --time or --profile: forward plus input gradient.") var gradient = false
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard batch >= 1, batch <= 4096 else {
      throw ValidationError("--batch must be 1 to 4096, found \(batch).")
    }
    if let time, !(1...100_000).contains(time) {
      throw ValidationError("--time must be 1 to 100000, found \(time).")
    }
  }

  func run() throws {
    let network = try Network(contentsOf: model)
    let shapes = try parseInputShapes(inputShapes)
    if !network.unsupportedOperators.isEmpty {
      if !json { printFacts(network) }
      throw GraphError(.unsupportedOperators(network.unsupportedOperators), at: model)
    }
    if let time { return try measure(network, shapes, runs: time) }
    let graph = try network.graph(batch: batch, shapes: shapes)
    let layers = graph.layers()
    if json { return try printJSON(InspectReport(network, layers)) }
    printFacts(network)
    printLayers(layers)
    if profile { try printProfile(network, shapes) }
  }

  private func printFacts(_ network: Network) {
    func ports(_ list: [Network.Port]) -> String {
      list.map { "\($0.name) \($0.element)[\($0.dimensions.map(\.description).joined(separator: "×"))]" }
        .joined(separator: ", ")
    }
    let opsets = network.opsets.map { ($0.key.isEmpty ? "" : "\($0.key) ") + "\($0.value)" }
    print("model    \(model)")
    print(
      "producer \(network.producer.isEmpty ? "unknown" : network.producer), "
        + "opset \(opsets.sorted().joined(separator: ", "))")
    print("sha-256  \(network.hash.prefix(16))…")
    print("inputs   \(ports(network.inputs))")
    print("outputs  \(ports(network.outputs))")
    print("weights  \(grouped(network.parameterCount)) parameters\n")
  }

  private func printLayers(_ layers: [Layer]) {
    var rows = [["", "layer", "operator", "shape", "parameters", "mult-adds", "ONNX value", "ONNX node"]]
    for layer in layers {
      rows.append([
        layer.isCut ? "*" : "", layer.name, layer.ordinal,
        layer.shape.map(String.init).joined(separator: "×"),
        layer.parameterCount == 0 ? "" : grouped(layer.parameterCount),
        layer.multiplyAdds == 0 ? "" : grouped(layer.multiplyAdds),
        layer.onnxValue == layer.name ? "" : layer.onnxValue,
        layer.onnxNode == layer.name ? "" : layer.onnxNode,
      ])
    }
    print(alignedTable(rows, rightAligned: [4, 5]))
    let total = layers.reduce(0) { $0 &+ $1.multiplyAdds }
    print(
      "\n\(layers.count) layers, \(grouped(total)) multiply-adds for a batch of \(batch); * marks cuts of the graph"
    )
  }

  /// Normal numbers for floats; 0 and 1 for integers, which mostly are indices or masks.
  private func noise(_ types: [TensorType]) -> [Tensor] {
    var random = RandomNumbers(seed: 1)
    return types.map { type in
      let numbers = (0..<type.count).map { _ in Float(random.normal()) }
      return Tensor(shape: type.shape, type.element.isFloat ? numbers : numbers.map { $0 > 0 ? 1 : 0 })
        .converted(to: type.element)
    }
  }

  private func measure(_ network: Network, _ shapes: [String: [Int]], runs: Int) throws {
    let graph = try network.graph(batch: batch, shapes: shapes).applying(Pass.canonical)
    let inputs = noise(graph.inputs.map { graph.type(of: $0) })
    let weights = SharedWeights()
    /// One session at a time, so that the memory of both is never taken together.
    func forward() throws -> TimingReport {
      let session = try Session(graph, sharing: weights)
      return TimingReport(
        batch: batch, runs: runs, forwardSeconds: try timed(session, inputs, runs),
        workingBytes: session.workingByteCount)
    }
    var report = try forward()
    if gradient {
      let (differentiated, seed) = try differentiated(graph, sharing: weights)
      report.gradientSeconds = try timed(differentiated, inputs + [seed], runs)
      report.gradientWorkingBytes = differentiated.workingByteCount
    }
    if json { return try printJSON(report) }
    print("forward   \(milliseconds(report.forwardSeconds)) ms for a batch of \(batch)")
    if let seconds = report.gradientSeconds {
      print("gradient  \(milliseconds(seconds)) ms, forward included")
    }
  }

  /// The plan of forward pass and input gradient, and the cotangent that picks the first class.
  private func differentiated(
    _ graph: Graph, sharing weights: SharedWeights = SharedWeights()
  ) throws -> (Session, Tensor) {
    var back = try graph.backward(from: graph.mainOutput ?? graph.outputs[0], to: [graph.inputs[0]])
    guard let cotangent = back.cotangents[0] else {
      throw GraphError(
        .notDifferentiable("the output does not depend on the input through derivatives"), at: model)
    }
    back.graph.outputs = [cotangent]
    let session = try Session(back.graph, sharing: weights)
    guard let type = session.inputTypes.last, type.count > 0 else {
      throw GraphError(.input("the network has no output to differentiate"), at: model)
    }
    let width = type.count / type.shape[0]
    return (session, Tensor(shape: type.shape, (0..<type.count).map { $0 % width == 0 ? Float(1) : 0 }))
  }

  private func timed(_ session: Session, _ inputs: [Tensor], _ runs: Int) throws -> [Double] {
    for _ in 0..<2 { _ = try session.run(inputs) }
    let clock = ContinuousClock()
    return try (0..<runs).map { _ in
      let duration = try clock.measure { _ = try session.run(inputs) }
      return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
  }

  private func printProfile(_ network: Network, _ shapes: [String: [Int]]) throws {
    let graph = try network.graph(batch: batch, shapes: shapes).applying(Pass.canonical)
    var inputs = noise(graph.inputs.map { graph.type(of: $0) })
    let session: Session
    if gradient {
      let (differentiated, seed) = try differentiated(graph)
      session = differentiated
      inputs.append(seed)
    } else {
      session = try Session(graph)
    }
    for _ in 0..<2 { _ = try session.run(inputs) }
    for _ in 0..<10 { _ = try session.run(inputs, profiling: true) }
    let entries = session.profile()
    let total = entries.reduce(0) { $0 + $1.seconds }
    var rows = [["node", "operator", "kernel", "ms", "share", "GFLOP/s"]]
    for entry in entries.sorted(by: { $0.seconds > $1.seconds }).prefix(30) {
      rows.append([
        entry.name, entry.operation, entry.implementation, String(format: "%.3f", entry.seconds * 1e3),
        String(format: "%.1f %%", entry.seconds / total * 100),
        entry.multiplyAdds == 0
          ? "" : String(format: "%.1f", Double(entry.multiplyAdds) * 2e-9 / entry.seconds),
      ])
    }
    print("\n" + alignedTable(rows, rightAligned: [3, 4, 5]))
    var sums: [String: (count: Int, seconds: Double)] = [:]
    for entry in entries {
      sums[entry.operation, default: (0, 0)].count += 1
      sums[entry.operation, default: (0, 0)].seconds += entry.seconds
    }
    var summary = [["operator", "nodes", "ms", "share"]]
    for (name, sum) in sums.sorted(by: { $0.value.seconds > $1.value.seconds }) {
      summary.append([
        name, String(sum.count), String(format: "%.3f", sum.seconds * 1e3),
        String(format: "%.1f %%", sum.seconds / total * 100),
      ])
    }
    print("\n" + alignedTable(summary, rightAligned: [1, 2, 3]))
    print(
      String(
        format: "\n%.2f ms per batch of %d; working memory %.1f MiB", total * 1e3, batch,
        Double(session.workingByteCount) / 1_048_576))
  }
}

/// What `--time` prints as JSON.
private struct TimingReport: Encodable {
  var batch, runs: Int
  var forwardSeconds: [Double]
  var workingBytes: Int
  var gradientSeconds: [Double]?
  var gradientWorkingBytes: Int?
}

/// What `--json` prints.
private struct InspectReport: Encodable {
  struct Port: Encodable {
    var name: String
    var shape: [String]
    var type: String
  }
  struct Row: Encodable {
    var name, onnxValue, onnxNode, ordinal, operation: String
    var shape: [Int]
    var parameters, multiplyAdds: Int
    var isCut: Bool
  }
  var hash, producer: String
  var opsets: [String: Int]
  var inputs, outputs: [Port]
  var parameters: Int
  var layers: [Row]

  init(_ network: Network, _ layers: [Layer]) {
    func ports(_ list: [Network.Port]) -> [Port] {
      list.map { Port(name: $0.name, shape: $0.dimensions.map(\.description), type: "\($0.element)") }
    }
    hash = network.hash
    producer = network.producer
    opsets = network.opsets
    inputs = ports(network.inputs)
    outputs = ports(network.outputs)
    parameters = network.parameterCount
    self.layers = layers.map {
      Row(
        name: $0.name, onnxValue: $0.onnxValue, onnxNode: $0.onnxNode, ordinal: $0.ordinal,
        operation: $0.operation,
        shape: $0.shape, parameters: $0.parameterCount, multiplyAdds: $0.multiplyAdds, isCut: $0.isCut)
    }
  }
}

private func milliseconds(_ seconds: [Double]) -> String {
  String(format: "%.2f", seconds.sorted()[seconds.count / 2] * 1e3)
}

/// A number with thin groups of three digits.
func grouped(_ number: Int) -> String {
  let digits = String(number.magnitude)
  var result = ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { result += " " }
    result.append(digit)
  }
  return (number < 0 ? "-" : "") + result
}

/// Columns padded to their widest cell.
func alignedTable(_ rows: [[String]], rightAligned: Set<Int> = []) -> String {
  let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    let cells = row.enumerated().map { column, cell in
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      return rightAligned.contains(column) ? padding + cell : cell + padding
    }
    var line = cells.joined(separator: "  ")
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }.joined(separator: "\n")
}

/// Prints a value as JSON with sorted keys.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// Reads `NAME=1x3x224x224`.
func parseInputShapes(_ texts: [String]) throws -> [String: [Int]] {
  var shapes: [String: [Int]] = [:]
  for text in texts {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    let extents = parts.last.map { $0.split(whereSeparator: { "x×,".contains($0) }).map { Int($0) } } ?? []
    guard parts.count == 2, !extents.isEmpty, extents.allSatisfy({ ($0 ?? 0) > 0 }) else {
      throw ValidationError("--input-shape expects NAME=1x3x224x224, found '\(text)'.")
    }
    shapes[parts[0]] = extents.map { $0! }
  }
  return shapes
}
