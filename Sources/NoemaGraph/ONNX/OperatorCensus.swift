internal import ONNXSchema

/// The operators of a file, those inside bodies and called functions included.
struct OperatorCensus {
  /// Each operator with its nodes, in the order of the first ones, and whether Noema reads it.
  private(set) var all: [(nodes: UnsupportedOperator, isRead: Bool)] = []
  /// Operators that no import gets past: those lacking outside the branches of an `If`, of which one is not taken.
  private(set) var lacking: [UnsupportedOperator] = []

  private struct Key: Hashable {
    let name: String
    let opset: Int
  }
  private struct Entry {
    var nodes: [String] = []
    var certain: [String] = []
    var isRead: Bool
  }

  private let functions: [ModelFunction.Key: ModelFunction]
  private var order: [Key] = []
  private var entries: [Key: Entry] = [:]
  /// Each function once, however often it is called: whether it was met outside of branches.
  private var visited: [ModelFunction.Key: Bool] = [:]

  init(of body: Body, opsets: [String: Int], functions: [ModelFunction.Key: ModelFunction]) {
    self.functions = functions
    visit(body, opsets, isCertain: true)
    for key in order {
      let entry = entries[key]!
      all.append((UnsupportedOperator(name: key.name, opset: key.opset, nodes: entry.nodes), entry.isRead))
      if !entry.isRead, !entry.certain.isEmpty {
        lacking.append(UnsupportedOperator(name: key.name, opset: key.opset, nodes: entry.certain))
      }
    }
  }

  private mutating func visit(
    _ body: Body, _ opsets: [String: Int], isCertain: Bool, isRepeated: Bool = false
  ) {
    for step in body.steps {
      let node = step.node, domain = ModelFunction.domain(node.domain), opset = opsets[domain] ?? 0
      let key = Key(name: domain.isEmpty ? node.opType : "\(domain).\(node.opType)", opset: opset)
      let call = ModelFunction.Key(domain: domain, name: node.opType, overload: node.overload)
      let flow = ControlFlow(node.opType, domain: domain), function = functions[call]
      if entries[key] == nil {
        order.append(key)
        let isRead =
          function != nil || flow != nil
          || OperatorTable.binding(node.opType, domain: domain, opset: opset) != nil
        entries[key] = Entry(isRead: isRead)
      }
      if !isRepeated { entries[key]!.nodes.append(Importer.name(of: node)) }
      if isCertain { entries[key]!.certain.append(Importer.name(of: node)) }
      // A loop may have no iteration, but nobody exports one to leave its operators out.
      for name in step.bodies.keys.sorted() {
        visit(step.bodies[name]!, opsets, isCertain: isCertain && flow != .branch, isRepeated: isRepeated)
      }
      if let function, visited[call] == nil || (isCertain && visited[call] == false) {
        let isRepeated = visited[call] != nil
        visited[call] = isCertain
        visit(
          function.body, opsets.merging(function.opsets) { _, own in own }, isCertain: isCertain,
          isRepeated: isRepeated)
      }
    }
  }
}
