import NoemaAttribution
@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Networks of every kind with some examples: those of the fixtures, small transformers in the forms that exporters
/// write, and recurrent layers.
struct BalancedNetwork: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// What differences are from. Tokens that are 0 on the way are divided by next to nothing by a layer normalisation:
  /// the baseline of transformers is an image like the examples.
  var baseline = Baseline.zero
  /// The network, examples, and the class of each.
  let make: @Sendable () throws -> (network: Network, x: Tensor, classes: [Int])

  private static let fixtures = (Fixture.tables + Fixture.images).map { fixture in
    BalancedNetwork(testDescription: fixture.name) {
      let values = try fixture.values()
      return (try fixture.network(), values.input, values.targets)
    }
  }

  private static let transformers = TinyTransformer.Style.allCases.flatMap { style in
    [true, false].map { hasClassToken in
      BalancedNetwork(
        testDescription: "transformer, \(style), \(hasClassToken ? "class token" : "mean")",
        baseline: .tensors([normalTensor([1, 4, 6], seed: 8)])
      ) {
        let tokens = hasClassToken ? 7 : 6
        let network = try TinyTransformer(style: style, hasClassToken: hasClassToken, tokens: tokens)
          .network()
        let base = normalTensor([1, 4, 6], seed: 8).floats
        let x = normalTensor([3, 1, 4, 6], seed: 7).floats.enumerated().map { base[$0 % 24] + 0.25 * $1 }
        return (network, Tensor(shape: [3, 1, 4, 6], x), [0, 1, 2])
      }
    }
  }

  private static let recurrent = [("LSTM", 4), ("GRU", 3), ("RNN", 1)].map { kind, gates in
    BalancedNetwork(testDescription: kind) {
      let steps = 6, inputs = 4, hidden = 5
      var draft = ModelDraft()
      draft.input("x", [nil, steps, inputs])
      draft.initialiser("w", normalTensor([1, gates * hidden, inputs], seed: 21))
      draft.initialiser("r", normalTensor([1, gates * hidden, hidden], seed: 22))
      draft.initialiser("b", normalTensor([1, 2 * gates * hidden], seed: 23))
      draft.initialiser("head", normalTensor([hidden, 3], seed: 24))
      draft.initialiser("first", Tensor(shape: [1], [Int64(0)]))
      draft.node("Transpose", ["x"], ["sequence"], ["perm": .ints([1, 0, 2])])
      draft.node(
        kind, ["sequence", "w", "r", "b"], ["all", "last"], name: "cell", ["hidden_size": .int(hidden)])
      draft.node("Squeeze", ["last", "first"], ["state"])
      draft.node("MatMul", ["state", "head"], ["out"])
      draft.output("out", [nil, 3])
      return (try Network(bytes: draft.bytes()), normalTensor([3, steps, inputs], seed: 25), [0, 1, 2])
    }
  }

  static let all = fixtures + transformers + recurrent
  static let attentive = transformers
  static let others = transformers + recurrent
  static let gated = recurrent
}

/// What a pass backward shares out, and what stays where, under the bounds of the papers.
@Suite struct AttributionBalanceTests {
  // MARK: Differences

  private func explained(
    _ method: any AttributionMethod, _ row: BalancedNetwork
  ) throws -> (found: Attribution, baselines: [Double]) {
    let (network, x, classes) = try row.make()
    var subject = Subject(network)
    subject.examples = classes.count
    let found = try method.attributor(for: subject).attribute([x], classes: classes)
    let expected = try #require(found.expectedSums)
    return (found, zip(found.outputs, expected).map { $0 - $1 })
  }

  /// `|Σ C − Δ| ≤ 1e-4 max(1, |f(x)|, |f(x₀)|)`; the other networks are those of the known answers.
  @Test(arguments: BalancedNetwork.others, DeepLIFT.Rule.allCases)
  func contributionsAddUp(_ row: BalancedNetwork, _ rule: DeepLIFT.Rule) throws {
    let (found, baselines) = try explained(DeepLIFT(baseline: row.baseline, rule: rule), row)
    for (example, sum) in found.sums.enumerated() {
      let scale = max(1, abs(found.outputs[example]), abs(baselines[example]))
      #expect(abs(sum - found.expectedSums![example]) <= 1e-4 * scale, "example \(example)")
    }
  }

  /// At 200 steps the sum is within a twentieth of the difference, which the paper takes as converged.
  @Test(arguments: BalancedNetwork.all)
  func pathsConverge(_ row: BalancedNetwork) throws {
    let (found, baselines) = try explained(
      IntegratedGradients(steps: 200, baseline: row.baseline), row)
    for (example, sum) in found.sums.enumerated() {
      let difference = found.expectedSums![example]
      let scale = max(abs(difference), 0.01 * max(abs(found.outputs[example]), abs(baselines[example])))
      #expect(abs(sum - difference) <= 0.05 * scale, "example \(example): \(sum), not \(difference)")
    }
  }

  // MARK: Relevance

  /// Rounding of double precision, as a share of the largest sum that passes anywhere; what little is left where sums
  /// cancel has been divided by.
  private static let leak = 1e-7

  /// What one node received and passed.
  private struct Account {
    var node: Node
    var received, passed: Double
    /// Whether something is added to data here that takes a share.
    var addsConstants: Bool
    var kept: Double { received - passed }
  }

  /// What every node does with the output of one example, in double precision.
  ///
  /// - Parameter silences: whether all that is added to data is set to 0 first.
  private func accounts(
    _ composite: Composite, _ row: BalancedNetwork, example: Int, silences: Bool
  ) throws -> (nodes: [Account], output: Double, sum: Double) {
    let (network, x, classes) = try row.make()
    var graph = try network.graph()
    let y = try #require(graph.mainOutput)
    graph.outputs = [y]
    try graph.apply(Pass.canonical)
    if silences { graph.silenceAddedConstants() }
    let input = x.rows(example..<example + 1)
    let outputs = try graph.interpreted([input], as: .float64)[0].elements(as: Double.self)
    let target = classes[example]
    let seed = Tensor(
      shape: graph.type(of: y).shape, outputs.indices.map { $0 == target ? outputs[$0] : 0 })

    var back = try graph.backward(from: y, to: graph.inputs, rules: composite.rules(for: graph, from: y))
    let quantities = back.steps.flatMap { $0.received + $0.passed }.map(\.quantity)
    back.graph.outputs = [try #require(back.cotangents[0])] + quantities
    var sums = try back.graph.interpreted([input, seed], as: .float64).map {
      $0.elements(as: Double.self).reduce(0, +)
    }[...]
    let sum = sums.removeFirst()
    let nodes = back.steps.map { step in
      let received = sums.prefix(step.received.count).reduce(0, +)
      sums = sums.dropFirst(step.received.count)
      let passed = sums.prefix(step.passed.count).reduce(0, +)
      sums = sums.dropFirst(step.passed.count)
      return Account(
        node: step.node, received: received, passed: passed, addsConstants: graph.addsConstants(step.node))
    }
    return (nodes, outputs[target], sum)
  }

  /// LRP-0 everywhere, products and means included.
  private static func zero(_ attention: Composite.Attention = .constant) -> Composite {
    var composite = Composite.epsilon(0)
    (composite.epsilon, composite.attention) = (0, attention)
    return composite
  }

  /// Without biases LRP-0 shares out all of the output, at every node.
  @Test(arguments: BalancedNetwork.all)
  func nothingLeaksWithoutBiases(_ row: BalancedNetwork) throws {
    for example in 0..<2 {
      let (nodes, output, sum) = try accounts(Self.zero(), row, example: example, silences: true)
      let largest = nodes.reduce(abs(output)) { max($0, abs($1.received)) }
      #expect(abs(output) > 1e-6 && nodes.count > 1)
      #expect(abs(sum - output) < Self.leak * largest, "\(sum), not \(output)")
      for account in nodes {
        #expect(
          abs(account.kept) < Self.leak * largest,
          "\(account.node.operation.name) node '\(account.node.name)' kept \(account.kept) of \(account.received)"
        )
      }
    }
  }

  /// AttnLRP leaks at no other operator than the softmax, whose rule is an expansion that does not conserve.
  @Test(arguments: BalancedNetwork.attentive)
  func attentionLeaksAtTheSoftmaxAlone(_ row: BalancedNetwork) throws {
    for example in 0..<2 {
      let (nodes, output, sum) = try accounts(Self.zero(.halves), row, example: example, silences: true)
      let largest = nodes.reduce(abs(output)) { max($0, abs($1.received)) }
      var kept = 0.0
      for account in nodes {
        if account.node.isAttention {
          kept += account.kept
        } else {
          #expect(
            abs(account.kept) < Self.leak * largest,
            "\(account.node.operation.name) node '\(account.node.name)' kept \(account.kept)")
        }
      }
      #expect(nodes.contains { $0.node.isAttention })
      #expect(abs(output - kept - sum) < Self.leak * largest)
    }
  }

  /// What LRP-0 and AttnLRP do not bring to the input is with the nodes that add constants, or have a softmax: the
  /// account has no other gaps.
  @Test(arguments: BalancedNetwork.all, Composite.Attention.allCases)
  func whatIsMissingIsWithTheBiases(_ row: BalancedNetwork, _ attention: Composite.Attention) throws {
    let (nodes, output, sum) = try accounts(Self.zero(attention), row, example: 0, silences: false)
    let largest = nodes.reduce(abs(output)) { max($0, abs($1.received)) }
    for account in nodes
    where !account.addsConstants && !(attention == .halves && account.node.isAttention) {
      #expect(
        abs(account.kept) < Self.leak * largest,
        "\(account.node.operation.name) node '\(account.node.name)' kept \(account.kept)")
    }
    let kept = nodes.reduce(0) { $0 + $1.kept }
    #expect(abs(output - kept - sum) < Self.leak * largest)
  }

  /// Spread over the inputs, all of the output arrives, by the fast kernels too.
  @Test(arguments: BalancedNetwork.all.filter { !$0.testDescription.contains("class token") })
  func spreadBiasesConserve(_ row: BalancedNetwork) throws {
    let found = try explained(LayerwiseRelevance(.conserving), row).found
    for (sum, output) in zip(found.sums, found.outputs) {
      #expect(abs(sum - output) < 1e-3 * max(1, abs(output)))
    }
  }

  // MARK: Operators without a rule

  /// An operator that no rule covers is refused with its name and what one can do, whatever the composite, unless a
  /// gradient is asked for; then the account names it as the place where relevance doubled.
  @Test func uncoveredOperatorsAreNamed() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", normalTensor([3, 2], seed: 1))
    draft.node("Relu", ["x"], ["open"], name: "open")
    draft.node("Cosh", ["open"], ["bent"], name: "/head/bend")
    draft.node("MatMul", ["bent", "w"], ["out"], name: "head")
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes()), x = Tensor(shape: [1, 3], [Float(1), 2, 0.5])
    let composites: [Composite] = [
      .epsilon(0), .epsilon(), .conserving, .contributionPropagation, .zPlus, .gamma(), .epsilonPlus,
      .epsilonPlusFlat, .epsilonAlpha2Beta1, .epsilonAlpha2Beta1Flat, .epsilonGammaBox(low: [-1], high: [1]),
      .excitationBackprop(), .attention,
    ]
    for composite in composites {
      let error = #expect(throws: GraphError.self) {
        try explain(LayerwiseRelevance(composite), network, x)
      }
      #expect(
        error
          == GraphError(
            .unsupported(
              "no relevance rule covers this operator; assign it pass, gradient, epsilon or block, or allow gradients"
            ), at: "Cosh node '/head/bend'"), "\(composite.name)")
    }
    var composite = Composite.epsilon(0)
    composite.fallsBackToGradient = true
    let attributor = try LayerwiseRelevance(composite).attributor(for: Subject(network))
    let found = try attributor.attribute([x], classes: [0])
    let entries = try #require(try attributor.trace([x], classes: [0])).examples[0]
    let leaking = entries.filter { abs($0.kept) > 1e-5 * abs(found.outputs[0]) }
    #expect(leaking.map(\.node) == ["/head/bend"] && leaking[0].operation == "Cosh")
    let missing = found.outputs[0] - found.sums[0]
    #expect(abs(leaking[0].kept - missing) < 1e-4 * max(1, abs(missing)) && abs(missing) > 0.01)
  }
}

extension Node {
  /// Whether a softmax passes relevance here, by itself or within a block.
  fileprivate var isAttention: Bool { operation is Softmax || operation is ScaledDotProductAttention }
}

extension Graph {
  /// Operands of a node that are added to others.
  private func addends(of node: Node) -> [Value] {
    switch node.operation {
    case let convolution as Convolution: convolution.hasBias ? [node.operands[2]] : []
    case let product as MatMul: product.hasBias ? [node.operands[2]] : []
    case let norm as LayerNormalization: norm.hasBias ? [node.operands.last!] : []
    case is BatchNormalization: Array(node.operands[2...3])
    case let binary as Binary: [.add, .sub].contains(binary.function) ? node.operands : []
    case is Concatenation: node.operands
    default: []
    }
  }

  /// Sets all that is added to data to 0: biases, shifts, class tokens.
  fileprivate mutating func silenceAddedConstants() {
    for value in nodes.flatMap({ addends(of: $0) }) {
      if let tensor = constants[value] {
        constants[value] = Tensor(shape: tensor.shape, repeating: Float(0)).converted(to: tensor.elementType)
      }
    }
  }

  /// Whether a node, or the addition behind it that it counts as its bias, adds a constant.
  fileprivate func addsConstants(_ node: Node) -> Bool {
    let readers = nodes.filter { $0.operands.contains(node.results[0]) && $0.operation is Binary }
    return ([node] + readers).contains { addends(of: $0).contains { constants[$0] != nil } }
  }

  /// What a sigmoid gates takes all also where products have halves: the gates would divide by next to nothing.
  @Test(arguments: BalancedNetwork.gated)
  func sigmoidsReceiveNothing(_ row: BalancedNetwork) throws {
    let (network, x, classes) = try row.make()
    var subject = Subject(network)
    subject.examples = classes.count
    func relevance(_ composite: Composite) throws -> [Float] {
      try LayerwiseRelevance(composite).attributor(for: subject).attribute([x], classes: classes).values[0]
        .floats
    }
    let (halves, constant) = (try relevance(.attention), try relevance(.epsilon()))
    #expect(halves == constant && halves.contains { $0 != 0 })
  }
}
