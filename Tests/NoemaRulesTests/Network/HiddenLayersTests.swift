import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

/// Hidden layers: which are found, what they are called, and what their units say.
@Suite struct HiddenLayersTests {
  private static let features = [Feature("u"), Feature("v")]
  private static let layers: [(weights: [[Float]], bias: [Float])] = [
    ([[1, -1, 0.5], [2, 0, -1]], [0, 0.5, 0.25]),
    ([[1, 0], [0, -2], [1, 1]], [-1, 1]),
    ([[1, -1], [0.5, 0.5]], [0, 0]),
  ]
  private static let rows: [[Double]] = [[1, 2], [-1, 0.5], [0.25, -3], [0, 0]]

  private func table() throws -> RuleTable {
    try RuleTable(features: HiddenLayersTests.features, rows: HiddenLayersTests.rows)
  }

  private func make(_ network: Network, layers: [String]? = nil, memory: Int = 1 << 30) throws
    -> TableNetwork
  {
    try TableNetwork(
      network, features: HiddenLayersTests.features, classes: ["a", "b"], layers: layers, memory: memory)
  }

  /// The values of the first layers, told from the weights.
  private func byHand(_ row: [Double], upTo count: Int, activates: Bool = true) -> [Double] {
    var values = row
    for layer in HiddenLayersTests.layers.prefix(count) {
      values = layer.bias.indices.map { unit in
        let sum = values.indices.reduce(Double(layer.bias[unit])) {
          $0 + values[$1] * Double(layer.weights[$1][unit])
        }
        return activates ? max(0, sum) : sum
      }
    }
    return values
  }

  private func expect(_ found: RuleTable, _ expected: ([Double]) -> [Double]) {
    for (row, values) in HiddenLayersTests.rows.enumerated() {
      let wanted = expected(values)
      #expect(
        zip(found.row(row), wanted).allSatisfy { abs($0 - $1) < 1e-6 },
        "\(found.row(row)), expected \(wanted)")
    }
  }

  @Test func activationsOfDenseLayersAreFound() throws {
    let oracle = try make(SmallTableNetworks.deep(HiddenLayersTests.layers))
    #expect(oracle.layers == ["hidden0", "hidden1"])
    for (place, name) in oracle.layers.enumerated() {
      let found = try oracle.activations(of: table(), at: name)
      #expect(found.features.map(\.name) == (0..<(3 - place)).map { "\(name)[\($0)]" })
      #expect(found.rowCount == 4)
      expect(found) { byHand($0, upTo: place + 1) }
    }
  }

  @Test func withoutActivationsDenseLayersAreTaken() throws {
    let oracle = try make(SmallTableNetworks.deep(HiddenLayersTests.layers, activation: nil))
    #expect(oracle.layers == ["dense0", "dense1"])
    // With their biases.
    expect(try oracle.activations(of: table(), at: "dense1")) { byHand($0, upTo: 2, activates: false) }
  }

  @Test func aSingleSumHasNoHiddenLayer() throws {
    #expect(
      try make(SmallTableNetworks.linear([[1, 0], [0, 1]], [0, 0], end: ["Softmax"])).layers == [])
    // What the output is made of is not hidden either.
    #expect(try make(SmallTableNetworks.linear([[1, 0], [0, 1]], [0, 0], end: ["Relu"])).layers == [])
  }

  @Test func layersAreTakenByNameInOrder() throws {
    let network = try SmallTableNetworks.deep(HiddenLayersTests.layers)
    #expect(try make(network, layers: ["hidden1", "dense0"]).layers == ["dense0", "hidden1"])
    #expect(try make(network, layers: ["hidden*"]).layers == ["hidden0", "hidden1"])
    #expect(try make(network, layers: []).layers == [])
    let dense = try make(network, layers: ["dense0"])
    expect(try dense.activations(of: table(), at: "dense0")) { byHand($0, upTo: 1, activates: false) }
    #expect(
      throws: RuleError(.malformed(#"no hidden layer named 'hidden0'; the layers are ["dense0"]"#))
    ) {
      try dense.activations(of: table(), at: "hidden0")
    }
    #expect(
      throws: RuleError(.malformed("two names stand for one layer; leave one out"), at: "layer 'hidden0'")
    ) {
      try make(network, layers: ["hidden0", "hidden*"])
    }
    #expect(throws: GraphError.self) { try make(network, layers: ["hiden0"]) }
  }

  /// A convolution over a row of four numbers, two channels wide.
  private func convolution() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("shape", Tensor(shape: [4], [-1, 1, 1, 2] as [Int64]))
    draft.initialiser("k", Tensor(shape: [2, 1, 1, 1], [1, -2] as [Float]))
    draft.initialiser("w", SmallTableNetworks.tensor([[1, 0], [0, 1], [1, 0], [0, 1]]))
    draft.node("Reshape", ["x", "shape"], ["image"])
    draft.node("Conv", ["image", "k"], ["conv"])
    draft.node("Flatten", ["conv"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["y"])
    draft.output("y")
    return try Network(bytes: draft.bytes())
  }

  @Test func positionsMustBePooled() throws {
    let network = try convolution()
    #expect(
      throws: RuleError(
        .parameters(
          "its activations [2, 1, 2] have positions, each of which would be a feature; ask for 'mean(conv)', the mean "
            + "over positions"), at: "layer 'conv'")
    ) {
      try make(network, layers: ["conv"])
    }
    let oracle = try make(network, layers: ["mean(conv)"])
    let found = try oracle.activations(of: table(), at: "mean(conv)")
    #expect(found.features.map(\.name) == ["mean(conv)[0]", "mean(conv)[1]"])
    expect(found) { [($0[0] + $0[1]) / 2, -($0[0] + $0[1])] }
  }

  @Test func answersDoNotDependOnBatches() throws {
    let network = try SmallTableNetworks.deep(HiddenLayersTests.layers)
    var random = RandomNumbers(seed: 4)
    // More rows than the largest batch.
    let table = try RuleTable(
      features: HiddenLayersTests.features,
      rows: (0..<2500).map { _ in [random.normal(), random.normal()] })
    let (large, small) = (try make(network), try make(network, memory: 4096))
    #expect(try large.probabilities(of: table) == small.probabilities(of: table))
    #expect(
      try large.activations(of: table, at: "hidden1").values
        == small.activations(of: table, at: "hidden1").values)
    let part = try large.activations(of: table.subset(rows: [7, 2499, 1024]), at: "hidden0")
    let whole = try large.activations(of: table, at: "hidden0")
    #expect(part.values == whole.subset(rows: [7, 2499, 1024]).values)
    #expect(try large.activations(of: table.subset(rows: []), at: "hidden0").rowCount == 0)
  }

  @Test func activationsThatAreNoNumbersAreNamed() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("Log", ["x"], ["log"])
    draft.node("Softmax", ["log"], ["y"])
    draft.output("y")
    let oracle = try make(Network(bytes: draft.bytes()), layers: ["log"])
    #expect(throws: RuleError(.notFinite("row 2: 'log[0]' is nan"))) {
      try oracle.activations(of: table(), at: "log")
    }
  }
}
