internal import Foundation
internal import NoemaGraph
internal import NoemaTensor
internal import NoemaTestSupport
internal import ONNXSchema
internal import SwiftProtobuf

/// Runs one case: by the engine and by the reference interpreter, both held against the expected outputs.
struct CaseRunner {
  /// Multiply-adds above which the interpreter, which takes some nanoseconds for each, is left out.
  static let largestInterpreted = 1 << 28

  /// Multiply-adds above which derivatives, for which the interpreter runs many times, are left out.
  static let largestDifferentiated = 1 << 22
  /// Elements of all inputs above which derivatives are left out: among very many, some are always near a tie.
  static let mostDifferentiated = 1 << 15

  private static let uncut =
    "expects results that wrapped instead of being cut to the range of int8; ONNX corrected it later"

  /// Cases whose expected outputs are wrong, by name: checked against double precision and other programs.
  private static let disputed = [
    "test_qlinearmatmul_2D_int8_float16": uncut, "test_qlinearmatmul_2D_int8_float32": uncut,
    "test_qlinearmatmul_3D_int8_float16": uncut, "test_qlinearmatmul_3D_int8_float32": uncut,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True":
      "the divisor counts elements beyond the padding; ONNX corrected it later, ONNX Runtime has Noema's",
    "test_dft_inverse": "expects rounding noise of 2e-7 where the result is 0",
    "test_dft_inverse_opset19": "expects rounding noise of 2e-7 where the result is 0",
  ]

  let folder: CaseFolder
  /// The file as it declares itself; empty when it does not parse.
  private let declared: Onnx_GraphProto

  init(folder: CaseFolder) {
    self.folder = folder
    let bytes = try? Data(contentsOf: URL(fileURLWithPath: folder.model))
    declared = bytes.flatMap { try? Onnx_ModelProto(serializedBytes: $0).graph } ?? Onnx_GraphProto()
  }

  /// The report; never throws, because every error is a verdict.
  func report() -> CaseReport {
    var report = CaseReport(name: folder.name)
    let start = Date()
    do {
      report.operation = operation
      let network = try Network(contentsOf: folder.model)
      let sets = try folder.dataSets()
      if sets.isEmpty || sets.contains(where: \.outputs.isEmpty) {
        (report.verdict, report.reason) = (.failed, "the case expects no outputs")
      }
      for set in sets {
        if let difference = try run(network, set.inputs, set.outputs, &report) {
          (report.verdict, report.reason) = (.failed, difference)
          if let reason = Self.disputed[folder.name] {
            report.verdict = .skipped
            report.lacking = ["disputed: \(reason)"]
          }
          break
        }
      }
    } catch let error as GraphError where error.category == .unsupported {
      report.verdict = .skipped
      report.reason = error.description
      report.lacking = Self.lacking(error)
    } catch {
      (report.verdict, report.reason) = (.failed, "\(error)")
    }
    report.seconds = Date().timeIntervalSince(start)
    return report
  }

  /// The operator of a network of one node.
  var operation: String? {
    let nodes = declared.node
    guard nodes.count == 1 else { return nil }
    return ["", "ai.onnx"].contains(nodes[0].domain)
      ? nodes[0].opType : "\(nodes[0].domain).\(nodes[0].opType)"
  }

  /// What is lacking, in words that do not name a node: the operators, or the operator and what it refuses.
  private static func lacking(_ error: GraphError) -> [String] {
    switch error.kind {
    case .unsupportedOperators(let list): return list.map(\.name)
    case .unsupported(let text):
      let operation = error.place.split(separator: " ").first.map(String.init) ?? ""
      let isNode = error.place.contains(" node '")
      let plain = text.replacing(/'[^']*'/, with: "…")
      return [isNode ? "\(operation): \(plain)" : plain]
    default: return [error.description]
    }
  }

  /// Runs one data set.
  ///
  /// - Returns: the first difference in words.
  private func run(
    _ network: Network, _ inputFiles: [String], _ outputFiles: [String], _ report: inout CaseReport
  ) throws -> String? {
    let given =
      folder.isLight
      ? try generatedInputs(network)
      : try zip(inputFiles, network.inputs).map { try read($0, declaredAs: $1.name).tensor }
    guard given.count == network.inputs.count, folder.isLight || inputFiles.count == given.count else {
      return "the case feeds \(inputFiles.count) inputs, the network has \(network.inputs.count)"
    }
    let inputs = Dictionary(zip(network.inputs.map(\.name), given)) { first, _ in first }
    let (graph, constants) = try imported(network, inputs)
    report.bound = constants
    let fed = network.inputs.filter { !constants.contains($0.name) }.map { inputs[$0.name]! }
    guard outputFiles.count <= network.outputs.count else {
      return "the case expects \(outputFiles.count) outputs, the network has \(network.outputs.count)"
    }
    let expected = try zip(outputFiles, network.outputs).map { try read($0, declaredAs: $1.name) }
    func compare(_ results: [Tensor], _ engine: String) -> String? {
      for (index, (result, wanted)) in zip(results, expected).enumerated() {
        if let difference = Agreement(wanted.type).difference(result, from: wanted.tensor) {
          return "\(engine): output \(index) ('\(network.outputs[index].name)'): \(difference)"
        }
      }
      return nil
    }
    let session = try Session(try graph.applying(Pass.canonical))
    if let difference = compare(try session.run(fed), "engine") { return difference }
    guard graph.multiplyAdds <= Self.largestInterpreted else { return nil }
    // The interpreter computes in one float type; its results take the expected one before they are compared.
    let results = try graph.interpreted(fed, as: graph.usesDoubles ? .float64 : .float32)
    let cast = zip(results, graph.outputs).map { $0.converted(to: graph.type(of: $1).element) }
    if let difference = compare(cast, "interpreter") { return difference }
    guard graph.multiplyAdds <= Self.largestDifferentiated,
      fed.reduce(0, { $0 + $1.count }) <= Self.mostDifferentiated
    else { return nil }
    return try derivatives(graph, fed, &report)
  }

  /// Inputs by which an operator is not differentiated, as in PyTorch: the borders of regions.
  private static let undifferentiated: [String: Set<Int>] = ["RoiAlign": [1], "MaxRoiPool": [1]]

  /// Compares derivatives with central differences beside the case's inputs: at them there may be ties and kinks.
  ///
  /// - Returns: what differs in words, if it does in each of four places; one may lie at a kink by chance.
  private func derivatives(_ graph: Graph, _ inputs: [Tensor], _ report: inout CaseReport) throws -> String? {
    var found: [String] = []
    for seed in UInt64(1)...4 {
      var random = RandomNumbers(seed: seed)
      // Smaller numbers and larger ones, since either may lie outside a function's domain.
      let (factors, shifts) = seed % 2 == 1 ? (0.97..<0.99, 0..<0.01) : (1.01..<1.03, 0.05..<0.25)
      let moved = inputs.map { tensor in
        guard tensor.elementType.isFloat else { return tensor }
        let numbers = tensor.converted(to: .float64).elements(as: Double.self)
        return Tensor(
          shape: tensor.shape,
          numbers.map { ($0.magnitude < 1e6 ? $0 : 1) * random.uniform(factors) + random.uniform(shifts) })
      }
      let fixed = operation.flatMap { Self.undifferentiated[$0] } ?? []
      guard let failures = try derivativeFailures(of: graph, at: moved, fixed: fixed, seed: seed) else {
        continue
      }
      report.isDifferentiated = true
      if failures.isEmpty { return nil }
      if found.isEmpty { found = failures }
    }
    return found.isEmpty ? nil : found.joined(separator: "; ")
  }

  /// The network with the shapes of its inputs, and the names of the inputs that had to become constants.
  ///
  /// Operands that decide shapes are inputs in many cases. Where a plain import refuses, ever more inputs are
  /// bound: first integers and booleans behind the first input, then all behind it, then all.
  private func imported(_ network: Network, _ inputs: [String: Tensor]) throws -> (Graph, [String]) {
    let ports = network.inputs
    let behind = ports.dropFirst()
    let choices = [
      [], behind.filter { !$0.element.isFloat }, Array(behind), ports.filter { !$0.element.isFloat }, ports,
    ].map { $0.map(\.name) }
    let batch = ports.first { if case .named? = $0.dimensions.first { true } else { false } }
      .flatMap { inputs[$0.name]!.shape.first }
    var refusal: GraphError?
    for (index, names) in choices.enumerated() where choices.firstIndex(of: names) == index {
      let constants = inputs.filter { names.contains($0.key) }
      do {
        let graph = try network.graph(
          batch: batch ?? 1, shapes: inputs.mapValues(\.shape), constants: constants)
        return (graph, names)
      } catch {
        guard error.category == .unsupported else { throw error }
        refusal = error
      }
      if !network.unsupportedOperators.isEmpty { break }
    }
    throw refusal!
  }

  /// A tensor and its type in ONNX, which tells more than Noema's.
  ///
  /// NumPy has no bfloat16: cases hold its bits as uint16, and only the declaration tells.
  private func read(
    _ path: String, declaredAs name: String
  ) throws -> (tensor: Tensor, type: Onnx_TensorProto.DataType) {
    var proto = try Onnx_TensorProto(serializedBytes: try Data(contentsOf: URL(fileURLWithPath: path)))
    let port = (declared.input + declared.output).first { $0.name == name }
    let bfloat16 = Int32(Onnx_TensorProto.DataType.bfloat16.rawValue)
    if proto.dataType == Int32(Onnx_TensorProto.DataType.uint16.rawValue),
      port?.type.tensorType.elemType == bfloat16
    {
      proto.dataType = bfloat16
    }
    let folder = (path as NSString).deletingLastPathComponent
    return (
      try TensorReader(folder: folder).tensor(proto),
      Onnx_TensorProto.DataType(rawValue: Int(proto.dataType)) ?? .undefined
    )
  }

  /// What ONNX's runner feeds to light models: the numbers from 0 to 1 in even steps.
  private func generatedInputs(_ network: Network) throws -> [Tensor] {
    try network.inputShapes(batch: 1).map { shape in
      let count = shape.reduce(1, *)
      return Tensor(shape: shape, (0..<count).map { Float(Double($0) / Double(count)) })
    }
  }
}

extension Graph {
  /// Multiply-adds of all nodes.
  fileprivate var multiplyAdds: Int {
    nodes.reduce(0) { sum, node in
      sum
        + node.operation.multiplyAdds(
          node.operands.map { type(of: $0) }, node.results.map { type(of: $0) })
    }
  }

  /// Whether any value is float64.
  fileprivate var usesDoubles: Bool {
    (inputs + outputs + constants.keys + nodes.flatMap(\.results)).contains {
      type(of: $0).element == .float64
    }
  }
}
