internal import NoemaGraph
internal import NoemaTensor

/// What is done with a file: everything that a caller could do with a network that it did not make.
enum Trial {
  /// The elements of a value above which a network is compiled but not run.
  private static let mostElements = 1 << 14
  /// Multiply-adds above which a network is compiled but not run.
  private static let mostWork = 1 << 26
  private static let mostNodes = 2000

  /// What became of the file, in words. A broken rule of a graph ends the process, as a trap would.
  static func outcome(of bytes: [UInt8]) -> String {
    do {
      let network = try Network(bytes: bytes)
      var outcome = ""
      for batch in [1, 2] {
        let graph = try network.graph(batch: batch)
        _ = graph.layers()
        outcome = try compile(graph, "forward")
        outcome += try derivative(graph)
      }
      _ = try network.operatorSupport()
      return outcome
    } catch { return "refused: \(error)" }
  }

  private static func derivative(_ graph: Graph) throws -> String {
    let graph = try graph.applying(Pass.canonical)
    check(graph, "canonical passes")
    let isFloat = { (value: Value) in graph.type(of: value).element.isFloat }
    guard let start = graph.outputs.first(where: isFloat), graph.inputs.contains(where: isFloat) else {
      return "; nothing to derive"
    }
    do {
      var back = try graph.backward(from: start, to: graph.inputs.filter(isFloat))
      back.graph.outputs = back.cotangents.compactMap { $0 }
      if back.graph.outputs.isEmpty { return "; no derivative passes" }
      return try compile(back.graph, "; derivative")
    } catch let error as GraphError { return "; derivative refused: \(error)" }
  }

  /// Compiles a graph, and runs it when it is small.
  private static func compile(_ graph: Graph, _ name: String) throws -> String {
    check(graph, name)
    check(try graph.applying(Pass.execution), "\(name), execution passes")
    let session: Session
    do { session = try Session(graph) } catch { return "\(name) not compiled: \(error)" }
    guard isSmall(graph) else { return "\(name) compiled" }
    let inputs = session.inputTypes.map { type in
      Tensor(shape: type.shape, (0..<type.count).map { Double($0 % 7) - 3 }).converted(to: type.element)
    }
    do { _ = try session.run(inputs) } catch let error as GraphError { return "\(name) not run: \(error)" }
    return "\(name) run"
  }

  private static func isSmall(_ graph: Graph) -> Bool {
    guard graph.nodes.count < mostNodes else { return false }
    let values = graph.inputs + graph.constants.keys + graph.nodes.flatMap(\.results)
    guard values.allSatisfy({ graph.type(of: $0).count <= mostElements }) else { return false }
    var work = 0.0
    for node in graph.nodes {
      work += Double(
        node.operation.multiplyAdds(
          node.operands.map { graph.type(of: $0) }, node.results.map { graph.type(of: $0) }))
    }
    return work < Double(mostWork)
  }

  private static func check(_ graph: Graph, _ place: String) {
    if let violation = graph.firstViolation() { fatalError("\(place): \(violation)") }
  }
}
