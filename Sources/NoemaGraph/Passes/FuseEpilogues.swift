internal import NoemaTensor

extension Pass {
  /// Lets convolutions and products add a residual and apply an activation before they store their result,
  /// where no hook and no other node reads the value in between.
  static let fuseEpilogues = Pass(name: "fuse epilogues") { graph, kept throws(GraphError) in
    let consumers = graph.consumers()
    func isPrivate(_ value: Value) -> Bool { !kept.contains(value) && consumers[value]?.count == 1 }
    var producers = graph.producers()
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      switch node.operation {
      case let add as Binary where add.function == .add:
        // The later of two candidates can add the earlier one's result.
        let candidates = node.operands.enumerated().compactMap {
          position, operand -> (at: Int, position: Int)? in
          guard isPrivate(operand), let at = producers[operand], graph.nodes[at].operation.canAddResidual
          else { return nil }
          return (at, position)
        }
        guard graph.type(of: node.operands[0]).shape == graph.type(of: node.operands[1]).shape,
          node.operands[0] != node.operands[1], let chosen = candidates.max(by: { $0.at < $1.at })
        else { continue }
        let before = graph.nodes[chosen.at]
        graph.nodes[index] = Node(
          operation: before.operation.addingResidual(),
          operands: before.operands + [node.operands[1 - chosen.position]], results: node.results,
          name: before.name)
        producers[node.results[0]] = index
      case let unary as Unary where unary.function.eltwise != nil:
        guard isPrivate(node.operands[0]), let at = producers[node.operands[0]],
          let fused = graph.nodes[at].operation.applying(unary.function)
        else { continue }
        graph.nodes[index] = Node(
          operation: fused, operands: graph.nodes[at].operands, results: node.results,
          name: graph.nodes[at].name)
        producers[node.results[0]] = index
      default: continue
      }
    }
  }
}

extension Operator {
  /// The operator's epilogue, for those that have one.
  fileprivate var fusedEpilogue: Epilogue? {
    (self as? Convolution)?.epilogue ?? (self as? MatMul)?.epilogue
  }

  fileprivate func with(_ epilogue: Epilogue) -> any Operator {
    if var convolution = self as? Convolution {
      convolution.epilogue = epilogue
      return convolution
    }
    if var product = self as? MatMul {
      product.epilogue = epilogue
      return product
    }
    return self
  }

  fileprivate var canAddResidual: Bool {
    guard let epilogue = fusedEpilogue else { return false }
    return !epilogue.addsResidual && epilogue.activation == nil
  }

  fileprivate func addingResidual() -> any Operator {
    guard var epilogue = fusedEpilogue else { return self }
    epilogue.addsResidual = true
    return with(epilogue)
  }

  fileprivate func applying(_ activation: ScalarFunction) -> (any Operator)? {
    guard var epilogue = fusedEpilogue, epilogue.activation == nil else { return nil }
    epilogue.activation = activation
    return with(epilogue)
  }
}
