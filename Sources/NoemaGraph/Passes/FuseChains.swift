internal import CVector
internal import NoemaTensor

extension Pass {
  /// Lets element-wise operators of one shape run in one sweep over memory, where no hook and no other node reads
  /// the values in between.
  static let fuseChains = Pass(name: "fuse chains") { graph, kept throws(GraphError) in
    let matcher = Matcher(graph, keeping: kept)
    let isElementwise = matcher.nodes.map { Elementwise($0.operation) != nil }
    func isMask(_ value: Value) -> Bool { matcher.maker(value, Region.self) != nil }
    var taken = Set<Int>()
    for index in graph.nodes.indices.reversed() where isElementwise[index] && !taken.contains(index) {
      let shape = graph.type(of: graph.nodes[index].results[0]).shape
      func joins(_ position: Int) -> Bool {
        let node = matcher.nodes[position], type = graph.type(of: node.results[0])
        guard isElementwise[position], type.shape == shape,
          type.element == .float32 || (type.element == .bool && position != index)
        else { return false }
        return node.operands.allSatisfy {
          let operand = graph.type(of: $0)
          return operand.element == .bool
            ? operand.shape == shape
            : (operand.element == .float32 || isMask($0)) && Chain.access(operand.shape, in: shape) != nil
        }
      }
      guard joins(index) else { continue }
      // Grow backwards from the root by private values, in the order that the nodes stand in.
      var members = [index]
      var candidates = Set(matcher.nodes[index].operands.compactMap { matcher.producers[$0] })
      while let next = candidates.max() {
        candidates.remove(next)
        let value = matcher.nodes[next].results[0]
        guard joins(next), !kept.contains(value),
          matcher.consumers[value]!.allSatisfy({ members.contains($0) }),
          registers(members + [next], matcher) <= Int(cv_max_registers)
        else { continue }
        members.append(next)
        candidates.formUnion(matcher.nodes[next].operands.compactMap { matcher.producers[$0] })
      }
      guard members.count > 1 else { continue }
      let (chain, operands) = chain(members.sorted(), matcher)
      // Bytes cannot be brought into another layout, so the chain has to follow theirs; conditions lie plain.
      guard
        !operands.contains(where: isMask)
          || (chain.isFree(operands.map(matcher.shape), in: shape)
            && !operands.contains { graph.type(of: $0).element == .bool })
      else { continue }
      taken.formUnion(members)
      graph.nodes[index].operation = chain
      graph.nodes[index].operands = operands
    }
  }

  private static func registers(_ members: [Int], _ matcher: Matcher) -> Int {
    let made = Set(members.map { matcher.nodes[$0].results[0] })
    return members.count + Set(members.flatMap { matcher.nodes[$0].operands }).subtracting(made).count
  }

  private static func chain(_ members: [Int], _ matcher: Matcher) -> (Chain, [Value]) {
    let made = Set(members.map { matcher.nodes[$0].results[0] })
    var operands: [Value] = []
    for operand in members.flatMap({ matcher.nodes[$0].operands })
    where !made.contains(operand) && !operands.contains(operand) {
      operands.append(operand)
    }
    var registers = Dictionary(uniqueKeysWithValues: operands.enumerated().map { ($1, $0) })
    var links: [Chain.Link] = []
    for (offset, member) in members.enumerated() {
      let node = matcher.nodes[member]
      links.append(
        Chain.Link(function: Elementwise(node.operation)!, operands: node.operands.map { registers[$0]! }))
      registers[node.results[0]] = operands.count + offset
    }
    return (Chain(links: links, operandCount: operands.count), operands)
  }
}
