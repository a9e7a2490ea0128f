internal import NoemaTensor

extension Pass {
  /// Keeps a byte in place of a float where gates alone read a value far behind the others: the derivative of ReLU
  /// asks on which side of zero it lay. The values of a forward pass then die as it goes, and a quarter of their
  /// memory is left for the way back.
  static let keepRegions = Pass(name: "keep regions") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    /// Nodes between a value and its first gate that make it worth the while.
    let distance = 8
    var added: [Int: [(control: Value, gate: Gate, readers: [Int])]] = [:]
    for (maker, node) in matcher.nodes.enumerated() {
      guard let value = node.results.first, let readers = matcher.consumers[value], !kept.contains(value),
        graph.type(of: value).element == .float32
      else { continue }
      func isGate(_ reader: Int) -> Bool {
        let node = matcher.nodes[reader]
        return node.operation is Gate && node.operands[1] == value && node.operands[0] != value
      }
      let gates = readers.filter(isGate), others = readers.filter { !isGate($0) }
      guard let first = gates.min(), first > (others.max() ?? maker) + distance,
        let gate = matcher.nodes[first].operation as? Gate,
        gates.allSatisfy({ reader in
          let other = matcher.nodes[reader].operation as? Gate
          return other?.lower == gate.lower && other?.upper == gate.upper
        })
      else { continue }
      added[maker, default: []].append((value, gate, gates))
    }
    guard !added.isEmpty else { return }
    let old = graph.nodes
    var regions: [Int: Value] = [:]
    graph.nodes = []
    for (index, var node) in old.enumerated() {
      if let region = regions[index], var gate = node.operation as? Gate {
        (gate.lower, gate.upper) = (0.5, 1.5)
        node.operation = gate
        node.operands[1] = region
      }
      graph.nodes.append(node)
      for entry in added[index] ?? [] {
        let region = try graph.apply(
          Region(lower: entry.gate.lower, upper: entry.gate.upper), entry.control, name: node.name)
        for reader in entry.readers { regions[reader] = region }
      }
    }
  }
}
