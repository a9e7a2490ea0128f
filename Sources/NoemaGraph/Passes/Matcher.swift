internal import NoemaTensor

/// Who makes and who reads the values of a graph, as it was when a pass began: for passes that recognise patterns.
struct Matcher {
  private let graph: Graph
  let producers: ValueTable<Int>
  let consumers: ValueTable<[Int]>
  private let kept: Set<Value>

  init(_ graph: Graph, keeping kept: Set<Value>) {
    self.graph = graph
    producers = graph.producers()
    consumers = graph.consumers()
    self.kept = kept
  }

  var nodes: [Node] { graph.nodes }

  func shape(_ value: Value) -> [Int] { graph.type(of: value).shape }

  func constant(_ value: Value) -> Tensor? { graph.constants[value] }

  /// Whether one node alone reads a value, and nothing else needs it.
  func isPrivate(_ value: Value) -> Bool { !kept.contains(value) && consumers[value]?.count == 1 }

  /// Whether the values that nodes make are needed by these nodes and `root` alone.
  func arePrivate(_ inside: Set<Int>, to root: Int) -> Bool {
    inside.allSatisfy { index in
      nodes[index].results.allSatisfy { value in
        !kept.contains(value) && (consumers[value] ?? []).allSatisfy { $0 == root || inside.contains($0) }
      }
    }
  }

  /// The node that makes a value, if its operator is of a type.
  func maker<Operation: Operator>(_ value: Value, _ type: Operation.Type) -> (
    operation: Operation, node: Node
  )? {
    guard let index = producers[value], let operation = nodes[index].operation as? Operation else {
      return nil
    }
    return (operation, nodes[index])
  }

  /// The node that makes a private value, if its operator is of a type.
  func privateMaker<Operation: Operator>(_ value: Value, _ type: Operation.Type)
    -> (operation: Operation, node: Node)?
  {
    isPrivate(value) ? maker(value, type) : nil
  }

  /// The number that a constant of one float element holds.
  func scalar(_ value: Value) -> Double? {
    guard let tensor = graph.constants[value], tensor.count == 1, tensor.elementType.isFloat else {
      return nil
    }
    return tensor.converted(to: .float64).elements(as: Double.self)[0]
  }

  /// A product or quotient of a value and a number: the value and the factor; nil for anything else.
  func scaling(_ node: Node) -> (value: Value, factor: Double)? {
    guard let binary = node.operation as? Binary else { return nil }
    let found = factor(binary, node)
    return found.flatMap { shape($0.value) == shape(node.results[0]) ? $0 : nil }
  }

  private func factor(_ binary: Binary, _ node: Node) -> (value: Value, factor: Double)? {
    switch binary.function {
    case .mul:
      if let factor = scalar(node.operands[1]) { return (node.operands[0], factor) }
      return scalar(node.operands[0]).map { (node.operands[1], $0) }
    case .div: return scalar(node.operands[1]).map { (node.operands[0], 1 / $0) }
    default: return nil
    }
  }
}
