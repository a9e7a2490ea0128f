internal import NoemaTensor
internal import ONNXSchema

/// What Noema can do with one ONNX operator of a file.
public struct OperatorSupport: Sendable, Hashable, Codable {
  /// How far derivatives pass.
  public enum Differentiation: String, Sendable, Hashable, Codable {
    /// Through every node of the operator that works on floats.
    case full
    /// Through some nodes only.
    case partial
    /// Through none: a selection, a comparison, a rounding, or arithmetic on integers.
    case none
    /// Nodes that the network's shapes alone decide; nothing is left to differentiate.
    case constant
    /// Not known, because the network cannot be read as a whole.
    case unknown
  }

  /// The operator's name, with its domain where that is not the default one.
  public let name: String
  /// The version of its domain that the file imports.
  public let opset: Int
  /// The names of its nodes.
  public let nodes: [String]
  /// Whether Noema reads and runs it.
  public let isRead: Bool
  /// How far derivatives pass.
  public let differentiation: Differentiation
  /// The parts that the nodes play in relevance propagation.
  public let relevanceRoles: [String]
}

extension Network {
  /// What Noema can do with each operator of the file, in the order of their first nodes.
  ///
  /// Nothing is computed: shapes are inferred, and every node is asked for its derivative.
  ///
  /// - Throws: `GraphError` when the operators are known but the network does not fit together.
  public func operatorSupport(batch: Int = 1, shapes: [String: [Int]] = [:]) throws(GraphError)
    -> [OperatorSupport]
  {
    let read =
      unsupportedOperators.isEmpty ? try imported(batch: fixedBatch ?? batch, shapes: shapes) : nil
    let passes = read.map { derivatives($0.graph, origins: $0.origins) } ?? [:]
    return operatorNodes.map { operation, isRead in
      let parts = operation.nodes.flatMap { passes[$0] ?? [] }
      let floats = parts.filter(\.isFloat)
      let count = floats.count { $0.passes }
      let differentiation: OperatorSupport.Differentiation =
        read == nil
        ? .unknown
        : parts.isEmpty ? .constant : count == 0 ? .none : count == floats.count ? .full : .partial
      return OperatorSupport(
        name: operation.name, opset: operation.opset, nodes: operation.nodes,
        isRead: isRead,
        differentiation: differentiation,
        relevanceRoles: Set(parts.map(\.role.rawValue)).sorted())
    }
  }

  private struct Passage {
    var passes, isFloat: Bool
    var role: RelevanceRole
  }

  /// For each node of the graph, under the names of the ONNX nodes that it came from, whether a derivative passes.
  private func derivatives(_ graph: Graph, origins: [String: [String]]) -> [String: [Passage]] {
    var found: [String: [Passage]] = [:]
    // One copy takes all the nodes that derivatives add; a copy for each would be quadratic.
    var copy = graph
    for node in graph.nodes {
      let isFloat =
        node.results.contains { graph.type(of: $0).element.isFloat }
        && node.operands.contains { graph.type(of: $0).element.isFloat && graph.constants[$0] == nil }
      var passes = false
      if isFloat {
        let cotangents = node.results.map { result -> Value? in
          let type = graph.type(of: result)
          return type.element.isFloat ? copy.addInput(type, name: "") : nil
        }
        let parts = try? node.operation.pullback(of: cotangents, through: node, in: &copy)
        passes = parts?.contains { $0 != nil } ?? false
      }
      let passage = Passage(passes: passes, isFloat: isFloat, role: node.operation.relevanceRole)
      for name in Set(origins[node.name] ?? [node.name]) { found[name, default: []].append(passage) }
    }
    return found
  }
}
