import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Sums of float32 outputs over coalitions, as a share of the largest value.
private let shareTolerance = 1e-5

/// Games whose Shapley values can be worked out by hand.
private enum Game {
  /// `w · x + bias`.
  static func linear(_ weights: [Float], bias: Float = 0.5) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, weights.count])
    draft.initialiser("w", Tensor(shape: [weights.count, 1], weights))
    draft.initialiser("b", Tensor(shape: [1], [bias]))
    draft.node("Gemm", ["x", "w", "b"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// The product of two inputs.
  static func product() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("ReduceProd", ["x"], ["out"], ["axes": .ints([1]), "keepdims": .int(1)])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// Two left gloves and a right one: a pair is worth 1.
  static func gloves() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("sides", Tensor(shape: [3, 2], [Float(1), 0, 1, 0, 0, 1]))
    draft.initialiser("zero", Tensor(Float(0)))
    draft.initialiser("one", Tensor(Float(1)))
    draft.node("MatMul", ["x", "sides"], ["hands"])
    draft.node("Clip", ["hands", "zero", "one"], ["any"])
    draft.node("ReduceMin", ["any"], ["out"], ["axes": .ints([1]), "keepdims": .int(1)])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// Two votes of three win.
  static func majority() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 1], repeating: Float(1)))
    draft.initialiser("b", Tensor(shape: [1], [Float(-1)]))
    draft.initialiser("zero", Tensor(Float(0)))
    draft.initialiser("one", Tensor(Float(1)))
    draft.node("Gemm", ["x", "w", "b"], ["votes"])
    draft.node("Clip", ["votes", "zero", "one"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  /// Random weights; the last input is read by no unit where `hasDummy`.
  static func dense(
    _ inputs: Int, hidden: Int = 12, classes: Int = 2, activation: String = "Tanh", hasDummy: Bool = false,
    seed: UInt64 = 7
  ) throws -> Network {
    var first = normalTensor([inputs, hidden], seed: seed).floats
    if hasDummy { for unit in 0..<hidden { first[(inputs - 1) * hidden + unit] = 0 } }
    var draft = ModelDraft()
    draft.input("x", [nil, inputs])
    draft.initialiser("w1", Tensor(shape: [inputs, hidden], first.map { $0 * 0.6 }))
    draft.initialiser("b1", normalTensor([hidden], seed: seed + 1))
    draft.initialiser("w2", normalTensor([hidden, classes], seed: seed + 2))
    draft.node("Gemm", ["x", "w1", "b1"], ["h"])
    draft.node(activation, ["h"], ["a"])
    draft.node("MatMul", ["a", "w2"], ["out"])
    draft.output("out", [nil, classes])
    return try Network(bytes: draft.bytes())
  }
}

/// The definition: each player's mean contribution over all orders, each coalition on all background rows.
private func byOrders(_ network: Network, _ x: [Float], background: [[Float]], class target: Int) throws
  -> [Double]
{
  let n = x.count
  var rows: [Float] = []
  for bits in 0..<1 << n {
    for reference in background { rows += (0..<n).map { bits >> $0 & 1 == 1 ? x[$0] : reference[$0] } }
  }
  let count = background.count << n
  let outputs = try SubjectRunner(Subject(network), rows: count).outputs(
    [Tensor(shape: [count, n], rows)], classes: Array(repeating: target, count: count))
  let worths = (0..<1 << n).map { bits in
    Statistics.mean(outputs[bits * background.count..<(bits + 1) * background.count])
  }
  var sums = [Double](repeating: 0, count: n), orders = 0.0
  func walk(_ bits: Int, _ parts: [Double]) {
    if bits == 1 << n - 1 {
      for player in 0..<n { sums[player] += parts[player] }
      orders += 1
    }
    for player in 0..<n where bits >> player & 1 == 0 {
      var next = parts
      next[player] = worths[bits | 1 << player] - worths[bits]
      walk(bits | 1 << player, next)
    }
  }
  walk(0, Array(repeating: 0, count: n))
  return sums.map { $0 / orders }
}

private func differ(_ found: [Float], _ expected: [Double]) -> Double {
  let scale = max(expected.map { abs($0) }.max() ?? 0, 1e-30)
  return (zip(found, expected).map { abs(Double($0) - $1) }.max() ?? .infinity) / scale
}

private func correlation(_ a: [Double], _ b: [Double]) -> Double {
  let (m, n) = (Statistics.mean(a), Statistics.mean(b))
  let product = zip(a, b).reduce(0) { $0 + ($1.0 - m) * ($1.1 - n) }
  return product / Double(a.count - 1) / (Statistics.standardDeviation(a) * Statistics.standardDeviation(b))
}

@Suite struct ShapleyTests {
  @Test func denseClosedForm() throws {
    let network = try ClosedForm.dense(), x = Tensor(shape: [1, 3], [Float(20), 50, 30])
    let found = try explain(ExactShapley(), network, x)
    #expect(differ(found.values[0].floats, [230 / 3.0, 590 / 3.0, 350 / 3.0]) < shareTolerance)
    #expect(found.outputs == [392])
    #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-3)
    let mask = Tensor(shape: [3], [Int32(0), 0, 1])
    let groups = CoalitionGame(groups: FeatureGroups(masks: [mask]))
    let grouped = try explain(ExactShapley(groups), network, x)
    #expect(differ(grouped.values[0].floats, [275, 275, 115]) < shareTolerance)
    #expect(grouped.expectedSums == nil)
    let parts = CoalitionGame(groups: FeatureGroups(masks: [mask], share: .equal))
    let divided = try explain(ExactShapley(parts), network, x)
    #expect(differ(divided.values[0].floats, [137.5, 137.5, 115]) < shareTolerance)
    #expect(abs(divided.sums[0] - divided.expectedSums![0]) < 1e-3)
  }

  @Test func gamesOfTextbooks() throws {
    let ones = Tensor(shape: [1, 3], repeating: Float(1))
    let gloves = try explain(ExactShapley(), try Game.gloves(), ones)
    #expect(differ(gloves.values[0].floats, [1 / 6.0, 1 / 6.0, 4 / 6.0]) < 1e-6)
    let majority = try explain(ExactShapley(), try Game.majority(), ones)
    #expect(differ(majority.values[0].floats, [1 / 3.0, 1 / 3.0, 1 / 3.0]) < 1e-6)
    let product = try explain(ExactShapley(), try Game.product(), Tensor(shape: [1, 2], [Float(3), 5]))
    #expect(product.values[0].floats == [7.5, 7.5])
  }

  /// Whatever the estimator: `w (x − mean b)`.
  @Test func linearNetworksHaveOneAnswer() throws {
    let weights: [Float] = [2, -1, 0.5, 3], network = try Game.linear(weights)
    let x = Tensor(shape: [1, 4], [Float(1), 2, -1, 0.5])
    let rows = Tensor(shape: [2, 4], [Float(0), 1, 1, -1, 2, 0, 1, 0])
    let expected = zip(weights, [Float(0), 1.5, -2, 1]).map { Double($0 * $1) }
    let game = CoalitionGame(background: .rows([rows]))
    let methods: [any AttributionMethod] = [
      ExactShapley(game), KernelSHAP(game), KernelSHAP(game, samples: 10),
      ShapleySampling(game, permutations: 2, averagesBackground: true),
      ShapleySampling(game, permutations: 4, isAntithetic: true),
    ]
    for method in methods {
      var subject = Subject(network)
      subject.examples = 1
      let found = try method.attributor(for: subject).attribute([x], classes: [0])
      #expect(differ(found.values[0].floats, expected) < shareTolerance, "\(method)")
      #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-5, "\(method)")
    }
  }

  @Test(arguments: [0, 1])
  func exactValuesFollowTheDefinition(_ target: Int) throws {
    let network = try Game.dense(5), x = normalTensor([2, 5], seed: 3)
    let rows = normalTensor([3, 5], seed: 4)
    let game = CoalitionGame(background: .rows([rows]))
    let exact = try explain(ExactShapley(game), network, x, classes: [target, target])
    let kernel = try explain(KernelSHAP(game), network, x, classes: [target, target])
    for example in 0..<2 {
      let expected = try byOrders(
        network, Array(x.floats[example * 5..<(example + 1) * 5]),
        background: (0..<3).map { Array(rows.floats[$0 * 5..<($0 + 1) * 5]) }, class: target)
      #expect(
        differ(Array(exact.values[0].floats[example * 5..<(example + 1) * 5]), expected) < shareTolerance)
    }
    #expect(scaledDifference(kernel.values[0], exact.values[0])! < shareTolerance)
    #expect(kernel.standardErrors![0].floats == Array(repeating: 0, count: 10))
    for found in [exact, kernel] {
      for example in 0..<2 { #expect(abs(found.sums[example] - found.expectedSums![example]) < 1e-5) }
    }
  }

  /// Examples of which some equal all background rows in a feature, and whose features are put together differently.
  @Test func examplesWithOtherPlayersShareABatch() throws {
    let network = try Game.dense(5, activation: "Relu")
    var numbers = normalTensor([3, 5], seed: 14).floats, rest = normalTensor([4, 5], seed: 15).floats
    for row in 0..<4 { rest[row * 5 + 2] = 0.5 }
    numbers[5 + 2] = 0.5
    let x = Tensor(shape: [3, 5], numbers), rows = Tensor(shape: [4, 5], rest)
    let background = (0..<4).map { Array(rest[$0 * 5..<($0 + 1) * 5]) }
    let game = CoalitionGame(background: .rows([rows]))
    for method in [ExactShapley(game), KernelSHAP(game)] as [any AttributionMethod] {
      let found = try explain(method, network, x, classes: [1, 1, 0])
      for example in 0..<3 {
        let expected = try byOrders(
          network, Array(numbers[example * 5..<(example + 1) * 5]), background: background,
          class: example < 2 ? 1 : 0)
        #expect(
          differ(Array(found.values[0].floats[example * 5..<(example + 1) * 5]), expected) < shareTolerance)
      }
    }
    // Of each example the first and another feature are one player.
    let masks = Tensor(shape: [3, 5], [0, 0, 1, 2, 3, 0, 1, 0, 2, 3, 0, 1, 2, 0, 3].map { Int32($0) })
    let grouped = CoalitionGame(groups: FeatureGroups(masks: [masks]), background: .rows([rows]))
    let all = try explain(KernelSHAP(grouped), network, x, classes: [1, 1, 1])
    for example in 0..<3 {
      let alone = CoalitionGame(
        groups: FeatureGroups(masks: [masks.rows(example..<example + 1)]), background: .rows([rows]))
      let one = try explain(
        KernelSHAP(alone), network, x.rows(example..<example + 1), classes: [1])
      #expect(scaledDifference(one.values[0], all.values[0].rows(example..<example + 1))! < shareTolerance)
    }
  }

  @Test func dummiesAreWorthNothingAndTwinsTheSame() throws {
    // A player that is never read.
    let network = try Game.dense(6, hasDummy: true), x = normalTensor([1, 6], seed: 5)
    let exact = try explain(ExactShapley(), network, x).values[0].floats
    #expect(abs(exact[5]) < 1e-6 && abs(exact[0]) > 1e-3)
    // A player that equals the background takes no part, whatever the method.
    let still = Tensor(shape: [1, 6], [Float(0.3), 0, -1, 0, 2, 1])
    let methods: [any AttributionMethod] = [
      ExactShapley(maximumPlayers: 4), KernelSHAP(), ShapleySampling(), DASP(),
    ]
    for method in methods {
      var subject = Subject(try Game.dense(6, activation: "Relu"))
      subject.examples = 1
      let found = try method.attributor(for: subject).attribute([still], classes: [0]).values[0].floats
      #expect(found[1] == 0 && found[3] == 0, "\(method)")
      #expect(found[0] != 0 && found[4] != 0, "\(method)")
    }
    let twins = try explain(ExactShapley(), try Game.product(), Tensor(shape: [1, 2], [Float(-2), -2]))
    #expect(twins.values[0].floats == [2, 2])
  }

  /// The example is its own background: nothing changes.
  @Test func nothingDiffersFromTheBackground() throws {
    let network = try Game.dense(4, activation: "Relu"), x = normalTensor([1, 4], seed: 6)
    let game = CoalitionGame(background: .baseline(.tensors([x])))
    let methods: [any AttributionMethod] = [
      ExactShapley(game), KernelSHAP(game), ShapleySampling(game), DASP(baseline: .tensors([x])),
    ]
    for method in methods {
      var subject = Subject(network)
      subject.examples = 1
      let found = try method.attributor(for: subject).attribute([x], classes: [1])
      #expect(found.values[0].floats == [0, 0, 0, 0], "\(method)")
      #expect(found.expectedSums == [0], "\(method)")
    }
  }

  @Test(arguments: ShapleySampling.Design.allCases, [true, false])
  func sampledValuesLieWithinTheirErrors(_ design: ShapleySampling.Design, _ isAntithetic: Bool) throws {
    let network = try Game.dense(6), x = normalTensor([2, 6], seed: 8)
    let game = CoalitionGame(background: .rows([normalTensor([5, 6], seed: 9)]))
    let exact = try explain(ExactShapley(game), network, x)
    let found = try explain(
      ShapleySampling(game, permutations: 400, design: design, isAntithetic: isAntithetic), network, x)
    let errors = found.standardErrors![0].floats
    for (index, error) in errors.enumerated() {
      #expect(error > 1e-4 && error < 1)
      #expect(abs(found.values[0].floats[index] - exact.values[0].floats[index]) < 4.5 * error, "\(index)")
    }
    guard design == .walk else { return }
    // Whole rounds of background rows: sums are exact.
    for example in 0..<2 { #expect(abs(found.sums[example] - found.expectedSums![example]) < 1e-4) }
  }

  /// Contributions of an order and of its reverse cancel most of what interactions of two add.
  @Test func reversedOrdersHelp() throws {
    let network = try Game.dense(8, seed: 11), x = normalTensor([1, 8], seed: 12)
    func error(_ isAntithetic: Bool) throws -> Float {
      try explain(ShapleySampling(permutations: 200, isAntithetic: isAntithetic), network, x)
        .standardErrors![0].floats.reduce(0, +)
    }
    #expect(try error(true) < 0.8 * error(false))
  }

  @Test func samplingStopsAtAPrecision() throws {
    let network = try Game.dense(6), x = normalTensor([3, 6], seed: 13)
    let precise = try explain(ShapleySampling(permutations: 20_000, precision: 0.03), network, x)
    let errors = precise.standardErrors![0].floats
    #expect(errors.allSatisfy { $0 <= 0.03 } && errors.contains { $0 > 0.005 })
    #expect(precise.remarks.isEmpty)
    let hurried = try explain(ShapleySampling(permutations: 32, precision: 1e-5), network, x)
    #expect(hurried.remarks.count == 3)
    #expect(hurried.remarks[0]?.hasSuffix("after 32 orders, above the 1e-05 asked for") == true)
  }

  @Test func drawnKernelCoalitionsLieWithinTheirErrors() throws {
    let network = try Game.dense(12), x = normalTensor([1, 12], seed: 14)
    let exact = try explain(ExactShapley(), network, x)
    for (samples, tolerance) in [(200, 0.3), (1500, 0.05)] {
      let found = try explain(KernelSHAP(samples: samples), network, x)
      #expect(scaledDifference(found.values[0], exact.values[0])! < tolerance)
      #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-4)
      for (index, error) in found.standardErrors![0].floats.enumerated() {
        #expect(error > 0)
        #expect(abs(found.values[0].floats[index] - exact.values[0].floats[index]) < 5 * error, "\(samples)")
      }
    }
    // All coalitions, sizes filled one after the other.
    let all = try explain(KernelSHAP(samples: 1 << 12), network, x)
    #expect(scaledDifference(all.values[0], exact.values[0])! < shareTolerance)
  }

  /// Only two inputs matter much: with a choice of two the others are left out, and the sum stays.
  @Test func kernelShapChoosesFeatures() throws {
    let network = try Game.linear([0.1, 5, -0.1, 0.05, -4, 0.1])
    let found = try explain(KernelSHAP(features: 2), network, Tensor(shape: [1, 6], repeating: Float(1)))
    let values = found.values[0].floats
    #expect(values.indices.filter { values[$0] != 0 } == [1, 4])
    #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-5)
    #expect(abs(values[1] - 5) < 0.3 && abs(values[4] + 4) < 0.3)
  }

  /// How examples are put together, and how rows fill batches, changes nothing.
  @Test(arguments: [1, 32])
  func batchesDoNotMatter(_ maximumBatch: Int) throws {
    let network = try Game.dense(7), x = normalTensor([4, 7], seed: 15)
    let game = CoalitionGame(background: .rows([normalTensor([3, 7], seed: 16)]))
    let methods: [any AttributionMethod] = [
      ExactShapley(game), KernelSHAP(game, samples: 40), ShapleySampling(game, permutations: 12),
      ShapleySampling(game, permutations: 6, design: .independent),
      ShapleySampling(game, permutations: 64, precision: 0.1),
    ]
    for method in methods {
      var subject = Subject(network)
      subject.examples = 4
      let whole = try method.attributor(for: subject).attribute([x], classes: [0, 1, 0, 1])
      subject.maximumBatch = maximumBatch
      let attributor = try method.attributor(for: subject)
      for example in 0..<4 {
        let one = try attributor.attribute(
          [x.rows(example..<example + 1)], classes: [example % 2], first: example)
        #expect(
          scaledDifference(one.values[0], whole.values[0].rows(example..<example + 1))! < 1e-5, "\(method)")
      }
    }
  }

  /// Log-odds add up where the link is the logit.
  @Test func logitLink() throws {
    var subject = Subject(try Game.dense(4))
    (subject.scale, subject.examples) = (.probability, 1)
    let rows = normalTensor([2, 4], seed: 17), x = normalTensor([1, 4], seed: 18)
    let outputs = try SubjectRunner(subject, rows: 3).outputs(
      [Tensor.stacked([x, rows])], classes: [0, 0, 0])
    let mean = (outputs[1] + outputs[2]) / 2
    let odds = (outputs[0] / (1 - outputs[0])) / (mean / (1 - mean))
    let game = CoalitionGame(background: .rows([rows]), link: .logit)
    let methods: [any AttributionMethod] = [
      ExactShapley(game), KernelSHAP(game), ShapleySampling(game, averagesBackground: true),
    ]
    for method in methods {
      let found = try method.attributor(for: subject).attribute([x], classes: [0])
      let gap = found.sums[0] - found.expectedSums![0]
      #expect(abs(gap) < 1e-5, "\(method)")
      #expect(abs(found.expectedSums![0] - log(odds)) < 1e-5, "\(method)")
    }
    let error = #expect(throws: GraphError.self) {
      try ShapleySampling(game).attributor(for: subject)
    }
    #expect(error?.description.hasPrefix("the logit link applies to the mean over background rows") == true)
    let raw = Subject(try Game.linear([3, 3, 3, 3]))
    #expect(throws: GraphError.self) {
      try ExactShapley(game).attributor(for: raw).attribute([x], classes: [0])
    }
  }

  /// Behind the layer the network is a sum: each unit is worth its value.
  @Test func hiddenLayers() throws {
    let network = try ClosedForm.dense(), x = Tensor(shape: [1, 3], [Float(1), 2, 3])
    let methods: [any AttributionMethod] = [ExactShapley(), KernelSHAP(), ShapleySampling(), DASP()]
    for method in methods {
      var subject = Subject(network, layers: ["relu"])
      subject.examples = 1
      let found = try method.attributor(for: subject).attribute([x], classes: [0])
      #expect(differ(found.values[0].floats, [0, 7, 7, 7]) < shareTolerance, "\(method)")
    }
  }

  /// `a₁ b₁ + a₂ b₂` with masks that make one player of `a₁` and `b₂`.
  @Test func playersMayReachAcrossInputs() throws {
    var old = ModelDraft(opset: 11)
    old.input("a", [nil, 2])
    old.input("b", [nil, 2])
    old.node("Mul", ["a", "b"], ["products"])
    old.node("ReduceSum", ["products"], ["out"], ["keepdims": .int(1), "axes": .ints([1])])
    old.output("out", [nil, 1])
    let network = try Network(bytes: old.bytes())
    var subject = Subject(network)
    subject.examples = 1
    let inputs = [Tensor(shape: [1, 2], [Float(2), 3]), Tensor(shape: [1, 2], [Float(5), 7])]
    let alone = try ExactShapley().attributor(for: subject).attribute(inputs, classes: [0])
    #expect(alone.values.map(\.floats) == [[5, 10.5], [5, 10.5]])
    let masks = [Tensor(shape: [2], [Int64(9), 4]), Tensor(shape: [2], [Int64(4), 9])]
    let game = CoalitionGame(groups: FeatureGroups(masks: masks))
    let pairs = try ExactShapley(game).attributor(for: subject).attribute(inputs, classes: [0])
    // Each product needs both players.
    #expect(pairs.values.map(\.floats) == [[15.5, 15.5], [15.5, 15.5]])
  }

  /// A mask for each example, found by the example's place in the data set; channels of a pixel by an extent
  /// of 1.
  @Test func masksOfExamplesAndChannels() throws {
    let network = try Game.linear([1, 10, 100]), x = Tensor(shape: [2, 3], repeating: Float(1))
    let mask = Tensor(shape: [2, 3], [UInt8(0), 0, 1, 0, 1, 1])
    let game = CoalitionGame(groups: FeatureGroups(masks: [mask]))
    let found = try explain(ExactShapley(game), network, x)
    #expect(found.values[0].floats == [11, 11, 100, 1, 110, 110])
    var subject = Subject(network)
    subject.examples = 1
    let second = try ExactShapley(game).attributor(for: subject)
      .attribute([x.rows(1..<2)], classes: [0], first: 1)
    #expect(second.values[0].floats == [1, 110, 110])
    let error = #expect(throws: GraphError.self) {
      try ExactShapley(game).attributor(for: subject).attribute([x.rows(0..<1)], classes: [0], first: 2)
    }
    #expect(error?.kind == .input("the masks are of 2 examples; there is none for example 2"))

    let image = try ClosedForm.convolutional()
    let rows = Tensor(shape: [1, 4, 1], [Int32(0), 0, 1, 2])
    let banded = try explain(
      ExactShapley(CoalitionGame(groups: FeatureGroups(masks: [rows]))), image, ClosedForm.ramp)
    let floats = banded.values[0].floats
    #expect(floats[0] == floats[7] && floats[8] == floats[11] && floats[7] != floats[8])
  }

  @Test func parametersOutOfRangeAreRefused() throws {
    let subject = Subject(try Game.dense(3))
    let cases: [(any AttributionMethod, String)] = [
      (
        ExactShapley(maximumPlayers: 21),
        "exact Shapley values can be had of 1 to 20 players, not of up to 21"
      ),
      (KernelSHAP(samples: 1), "KernelSHAP needs 2 to 10000000 coalitions, found 1"),
      (KernelSHAP(features: 0), "KernelSHAP needs 1 or more features, found 0"),
      (ShapleySampling(precision: 0), "the precision must be a positive standard error, found 0.0"),
      (
        ShapleySampling(permutations: 3),
        "Shapley sampling needs 1 to 10000000 orders, an even number where each is paired with its reverse; "
          + "found 3"
      ),
      (DASP(sizes: 0), "DASP needs 1 or more coalition sizes, found 0"),
      (
        ExactShapley(CoalitionGame(groups: FeatureGroups(masks: [Tensor(shape: [3], [Float(0), 1, 2])]))),
        "the mask of 'x' holds float32; players are numbered by integers"
      ),
      (
        ExactShapley(CoalitionGame(groups: FeatureGroups(masks: [Tensor(shape: [2], [Int32(0), 1])]))),
        "the mask of 'x' has shape [2]; expected [3], extents of 1 repeating"
      ),
      (
        ExactShapley(CoalitionGame(groups: FeatureGroups(masks: []))),
        "expected 1 masks, for x; found 0"
      ),
      (
        ExactShapley(CoalitionGame(background: .rows([normalTensor([2, 4])]))),
        "the reference set of 'x' has shape [2, 4]; expected one or more examples of [3]"
      ),
    ]
    for (method, message) in cases {
      let error = #expect(throws: GraphError.self) { try method.attributor(for: subject) }
      #expect(error?.description == message)
    }
  }

  @Test func unsuitableExamplesAreRefused() throws {
    let wide = try Game.dense(20), x = normalTensor([1, 20])
    let tooMany = #expect(throws: GraphError.self) { try explain(ExactShapley(), wide, x) }
    #expect(
      tooMany?.description
        == "20 players of example 0 differ from the background; exact Shapley values take 16 at most: put "
        + "elements in groups, or sample")
    let few = #expect(throws: GraphError.self) { try explain(KernelSHAP(samples: 30), wide, x) }
    #expect(
      few?.description
        == "KernelSHAP needs twice as many coalitions as players, or all; found 30 for 20 players")
    let network = try Game.dense(3)
    #expect(throws: GraphError.self) { try explain(ExactShapley(), network, normalTensor([1, 4])) }
    #expect(throws: GraphError.self) {
      try explain(ExactShapley(), network, normalTensor([1, 3]), classes: [2])
    }
    let bad = Tensor(shape: [2, 3], [Float(1), 2, 3, 4, .nan, 6])
    for method in [ExactShapley(), KernelSHAP(), ShapleySampling(), DASP()] as [any AttributionMethod] {
      var subject = Subject(try Game.dense(3, activation: "Relu"))
      subject.examples = 2
      let error = #expect(throws: GraphError.self) {
        try method.attributor(for: subject).attribute([bad], classes: [0, 0])
      }
      #expect(error?.kind == .notFinite(value: "x", example: 1), "\(method)")
    }
    // 1 / 0: the output of a coalition, not of the example.
    let pole = #expect(throws: GraphError.self) {
      try explain(ExactShapley(), try ClosedForm.reciprocal(), Tensor(shape: [1, 1], [Float(2)]))
    }
    #expect(pole?.kind == .notFinite(value: "output", example: 0))
  }
}

@Suite struct DASPTests {
  @Test func linearNetworksAreExact() throws {
    let found = try explain(
      DASP(baseline: .constant(1)), try Game.linear([2, -1, 0.5]), Tensor(shape: [1, 3], [Float(1), 2, 4]))
    #expect(differ(found.values[0].floats, [0, -1, 1.5]) < shareTolerance)
    #expect(abs(found.sums[0] - found.expectedSums![0]) < 1e-5)
  }

  @Test func dummiesAndTwins() throws {
    let network = try Game.dense(6, activation: "Relu", hasDummy: true)
    #expect(abs(try explain(DASP(), network, normalTensor([1, 6], seed: 5)).values[0].floats[5]) < 1e-6)
    let majority = try explain(DASP(), try Game.majority(), Tensor(shape: [1, 3], repeating: Float(1)))
    let floats = majority.values[0].floats
    #expect(abs(floats[0] - floats[1]) < 1e-6 && abs(floats[1] - floats[2]) < 1e-6)
    #expect(floats[0] > 0.2 && floats[0] < 0.5)
  }

  @Test(arguments: [(UInt64(20), 10), (21, 10), (22, 10), (20, 4)])
  func rectifierNetworksComeClose(_ seed: UInt64, _ sizes: Int) throws {
    let network = try Game.dense(10, hidden: 30, activation: "Relu", seed: seed)
    let x = normalTensor([1, 10], seed: seed + 5)
    let exact = try explain(ExactShapley(), network, x).values[0].floats.map { Double($0) }
    let found = try explain(DASP(sizes: sizes), network, x)
    #expect(correlation(found.values[0].floats.map { Double($0) }, exact) > 0.95)
    let scale = exact.map { abs($0) }.max()!
    #expect(abs(found.sums[0] - found.expectedSums![0]) < scale)
  }

  /// Convolution, clips, leaky rectifiers, both poolings, batch normalisation and a branch: as exact values
  /// order them.
  @Test func convolutionalNetworks() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 6, 6])
    draft.initialiser("w1", normalTensor([6, 2, 3, 3], seed: 30))
    draft.initialiser("b1", normalTensor([6], seed: 31))
    draft.initialiser("six", Tensor(Float(6)))
    draft.initialiser("zero", Tensor(Float(0)))
    draft.node(
      "Conv", ["x", "w1", "b1"], ["c1"], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Clip", ["c1", "zero", "six"], ["r1"])
    draft.node(
      "MaxPool", ["r1"], ["p1"],
      ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "pads": .ints([1, 1, 1, 1])])
    draft.initialiser("scale", Tensor(shape: [6], (0..<6).map { Float($0) * 0.2 + 0.5 }))
    draft.initialiser("shift", normalTensor([6], seed: 32))
    draft.initialiser("mean", normalTensor([6], seed: 33))
    draft.initialiser("variance", Tensor(shape: [6], repeating: Float(1.5)))
    draft.node("BatchNormalization", ["p1", "scale", "shift", "mean", "variance"], ["n1"])
    draft.initialiser("w2", normalTensor([6, 6, 1, 1], seed: 34))
    draft.node("Conv", ["n1", "w2"], ["c2"], ["kernel_shape": .ints([1, 1])])
    draft.node("LeakyRelu", ["c2"], ["r2"], ["alpha": .float(0.1)])
    draft.node("Add", ["r2", "n1"], ["sum"])
    draft.node(
      "AveragePool", ["sum"], ["p2"], ["kernel_shape": .ints([2, 2]), "pads": .ints([0, 0, 1, 1])])
    draft.node("Flatten", ["p2"], ["flat"])
    draft.initialiser("w3", normalTensor([54, 2], seed: 35))
    draft.node("MatMul", ["flat", "w3"], ["out"])
    draft.output("out", [nil, 2])
    let network = try Network(bytes: draft.bytes()), x = normalTensor([1, 2, 6, 6], seed: 36)
    // Squares of two by two pixels, both channels together.
    let squares = (0..<36).map { (pixel: Int) -> Int32 in
      let (row, column) = (pixel / 6, pixel % 6)
      return Int32(row / 2 * 3 + column / 2)
    }
    let mask = Tensor(shape: [1, 6, 6], squares)
    let groups = FeatureGroups(masks: [mask], share: .equal)
    let exact = try explain(ExactShapley(CoalitionGame(groups: groups)), network, x)
    let found = try explain(DASP(groups: groups), network, x)
    #expect(
      correlation(found.values[0].floats.map { Double($0) }, exact.values[0].floats.map { Double($0) }) > 0.9)
  }

  /// The mean of a rectified and of a clipped normal, against what many draws of the game give.
  @Test(arguments: ["Relu", "Clip", "LeakyRelu", "Max"])
  func manyPlayersActLikeANormal(_ kind: String) throws {
    let n = 40
    var draft = ModelDraft()
    draft.input("x", [nil, n])
    draft.initialiser("w", normalTensor([n, 1], seed: 40))
    draft.initialiser("v", normalTensor([n, 1], seed: 41))
    draft.initialiser("low", Tensor(Float(-1)))
    draft.initialiser("high", Tensor(Float(2)))
    draft.node("MatMul", ["x", "w"], ["a"])
    draft.node("MatMul", ["x", "v"], ["b"])
    switch kind {
    case "Clip": draft.node("Clip", ["a", "low", "high"], ["out"])
    case "LeakyRelu": draft.node("LeakyRelu", ["a"], ["out"], ["alpha": .float(0.3)])
    case "Max": draft.node("Max", ["a", "b"], ["out"])
    default: draft.node("Relu", ["a"], ["out"])
    }
    draft.output("out", [nil, 1])
    let network = try Network(bytes: draft.bytes()), x = normalTensor([1, n], seed: 42)
    let sampled = try explain(ShapleySampling(permutations: 600), network, x)
    let found = try explain(DASP(sizes: n), network, x)
    let scale = sampled.values[0].floats.map { abs($0) }.max()!
    for player in 0..<n {
      let gap = abs(found.values[0].floats[player] - sampled.values[0].floats[player])
      #expect(gap < 0.05 * scale + 4 * sampled.standardErrors![0].floats[player], "\(player)")
    }
  }

  @Test func otherActivationsAreRefused() throws {
    let error = #expect(throws: GraphError.self) {
      try explain(DASP(), try Game.dense(3, activation: "Sigmoid"), normalTensor([1, 3]))
    }
    guard case .unsupported? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.place.hasPrefix("Sigmoid node") == true)
  }
}
