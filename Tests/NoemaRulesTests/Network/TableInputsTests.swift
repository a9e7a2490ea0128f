import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

/// Tables reach networks in every documented way: networks of one sum tell which number went where.
@Suite struct TableInputsTests {
  private static let features: [Feature] = [
    Feature("width"), Feature("colour", kind: .categorical(levels: ["red", "green", "blue"])),
    Feature("wet", kind: .categorical(levels: ["no", "yes"])),
    Feature("grade", kind: .ordinal(levels: ["low", "middle", "high"])),
  ]
  private static let rows: [[Double]] = [[0.5, 0, 1, 2], [-1, 2, 0, 0], [2, 1, 1, 1]]

  private func table() throws -> RuleTable {
    try RuleTable(features: TableInputsTests.features, rows: TableInputsTests.rows)
  }

  private func expect(_ network: Network, gives expected: [Double], scaling: [ColumnScaling]? = nil) throws {
    let oracle = try TableNetwork(
      network, features: TableInputsTests.features, classes: ["a", "b"], scaling: scaling)
    let found = try oracle.logits(of: table())
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found), expected \(expected)")
  }

  /// One weight a column, so that sums of different columns differ.
  private func weights(_ count: Int) -> [[Float]] { (0..<count).map { [0.1 * Float($0 + 1)] } }

  // MARK: One input

  @Test(arguments: [[nil, 4], [nil, nil], [5, 4]] as [[Int?]])
  func aColumnAFeatureHoldsLevelsAsIndices(_ shape: [Int?]) throws {
    let expected: [Double] = [1.2, 0.35, 1.15]
    try expect(SmallTableNetworks.linear(weights(4), [0.05], input: shape), gives: expected)
  }

  @Test(arguments: [[nil, 7], [nil, nil]] as [[Int?]])
  func widerInputsTakeAColumnALevel(_ shape: [Int?]) throws {
    // width; red, green, blue; no, yes; grade.
    let expected: [Double] = [0.05 + 0.2 + 0.6 + 1.4, -0.1 + 0.4 + 0.5, 0.2 + 0.3 + 0.6 + 0.7]
    try expect(SmallTableNetworks.linear(weights(7), [0], input: shape), gives: expected)
  }

  @Test(arguments: [[nil, 6], [nil, nil]] as [[Int?]])
  func twoLevelsMayBeOneColumn(_ shape: [Int?]) throws {
    // width; red, green, blue; yes; grade.
    let expected: [Double] = [0.05 + 0.2 + 0.5 + 1.2, -0.1 + 0.4, 0.2 + 0.3 + 0.5 + 0.6]
    try expect(SmallTableNetworks.linear(weights(6), [0], input: shape), gives: expected)
  }

  @Test func axesOfOneMayFollow() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 4, 1, 1])
    draft.initialiser("w", SmallTableNetworks.tensor(weights(4)))
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["y"])
    draft.output("y")
    let expected: [Double] = [1.15, 0.3, 1.1]
    try expect(Network(bytes: draft.bytes()), gives: expected)
  }

  // MARK: An input a feature

  @Test func inputsAreTakenByName() throws {
    let network = try SmallTableNetworks.joined(
      [("grade:0", 1, .float32), ("wet", 1, .int64), ("width", 1, .float32), ("colour", 3, .float32)],
      weights(6),
      [0])
    // grade; wet; width; red, green, blue.
    let expected: [Double] = [0.2 + 0.2 + 0.15 + 0.4, -0.3 + 0.6, 0.1 + 0.2 + 0.6 + 0.5]
    try expect(network, gives: expected)
  }

  @Test func otherNamesAreTakenInOrder() throws {
    let network = try SmallTableNetworks.joined(
      ["p", "q", "r", "s"].map { ($0, 1, .float32) }, weights(4), [0])
    let expected: [Double] = [1.15, 0.3, 1.1]
    try expect(network, gives: expected)
  }

  @Test func namesFitAsExportersWriteThem() throws {
    let features = [Feature("mean radius (mm)"), Feature("area")]
    let network = try SmallTableNetworks.joined(
      [("area", 1, .float32), ("mean_radius__mm_", 1, .float32)], [[1], [0]], [0])
    let oracle = try TableNetwork(network, features: features, classes: ["a", "b"])
    let found = try oracle.logits(of: RuleTable(features: features, rows: [[5, 0.25]]))
    #expect(abs(found[0] - 0.25) < 1e-6)
  }

  // MARK: Scaling

  @Test func columnsAreScaledInTheTablesOrder() throws {
    let scaling = (0..<4).map { ColumnScaling(mean: Double($0), scale: Double($0) + 0.5) }
    func scaled(_ row: [Double]) -> [Double] { zip(row, scaling).map { ($0 - $1.mean) / $1.scale } }
    func sum(_ values: [Double]) -> Double {
      zip([0.1, 0.2, 0.3, 0.4], values).reduce(0.0) { $0 + $1.0 * $1.1 }
    }
    let whole = TableInputsTests.rows.map { sum(scaled($0)) }
    try expect(SmallTableNetworks.linear(weights(4), [0]), gives: whole, scaling: scaling)
    // The inputs stand in another order than the columns.
    let network = try SmallTableNetworks.joined(
      ["grade", "wet", "colour", "width"].map { ($0, 1, .float32) }, weights(4), [0])
    let turned = TableInputsTests.rows.map { sum(scaled($0).reversed()) }
    try expect(network, gives: turned, scaling: scaling)
  }

  @Test func levelsAreScaledToo() throws {
    var scaling = [ColumnScaling](repeating: ColumnScaling(mean: 0, scale: 1), count: 7)
    scaling[2] = ColumnScaling(mean: 0.5, scale: 0.25)
    var alone = [[Float]](repeating: [0], count: 7)
    alone[2] = [1]
    // Green is the second column of colour.
    try expect(SmallTableNetworks.linear(alone, [0]), gives: [-2, -2, 2], scaling: scaling)
  }

  @Test func scalingsThatDoNotFitAreRefused() throws {
    let network = try SmallTableNetworks.linear(weights(4), [0])
    func make(_ scaling: [ColumnScaling]) throws {
      _ = try TableNetwork(
        network, features: TableInputsTests.features, classes: ["a", "b"], scaling: scaling)
    }
    let one = ColumnScaling(mean: 0, scale: 1)
    #expect(throws: RuleError(.count(what: "scalings of the network's columns", found: 1, expected: 4))) {
      try make([one])
    }
    #expect(
      throws: RuleError(
        .parameters("column 3: mean and scale must be finite and the scale not 0, found 2.0 and 0.0"))
    ) {
      try make([one, one, ColumnScaling(mean: 2, scale: 0), one])
    }
  }

  // MARK: Refusals

  private func refusal(_ network: Network, _ features: [Feature] = TableInputsTests.features) throws
    -> RuleError?
  {
    #expect(throws: RuleError.self) { try TableNetwork(network, features: features, classes: ["a", "b"]) }
  }

  @Test func otherWidthsAreRefusedWithThoseThatFit() throws {
    let wide = try SmallTableNetworks.linear(weights(9), [0])
    #expect(
      try refusal(wide)?.description
        == "input 'x': the network takes [batch, 9]; a table of 4 features needs [N, columns] with 4 columns "
        + "(one a feature), or 7 (one a level of each category), or 6 (the same, but one for a category of two "
        + "levels), in the order width, colour, wet, grade")
    // Weights that no width fits; images.
    for shape in [[nil, nil], [nil, 4, 8, 8], [nil]] as [[Int?]] {
      var draft = ModelDraft()
      draft.input("x", shape)
      draft.initialiser("w", SmallTableNetworks.tensor(weights(9)))
      draft.node(shape.count == 2 ? "MatMul" : "Identity", shape.count == 2 ? ["x", "w"] : ["x"], ["y"])
      draft.output("y")
      let error = try refusal(Network(bytes: draft.bytes()))
      #expect(
        error?.place == "input 'x'" && error?.category == .badData, "\(shape): \(String(describing: error))")
    }
  }

  @Test func inputsThatDoNotFitAreNamed() throws {
    let two = try SmallTableNetworks.joined([("p", 1, .float32), ("q", 1, .float32)], weights(2), [0])
    #expect(
      try refusal(two)?.description
        == "the network has 2 inputs ('p', 'q'); a table of 4 features needs one input [N, columns], or one input "
        + "[N, 1] a feature")
    let some = try SmallTableNetworks.joined(
      ["width", "q", "wet", "grade"].map { ($0, 1, .float32) }, weights(4), [0])
    #expect(
      try refusal(some)?.description
        == "some inputs have the names of features, but 'q' is none of them or stands for two; rename the features to "
        + "the names of the inputs")
    let wide = try SmallTableNetworks.joined(
      [("width", 1, .float32), ("colour", 2, .float32), ("wet", 1, .float32), ("grade", 1, .float32)],
      weights(5), [0])
    #expect(
      try refusal(wide)?.description
        == "input 'colour': it takes [batch, 2], expected [N, 1] for 'colour', or a column for each of its 3 levels"
    )
  }

  @Test func tablesWithoutFeaturesAreRefused() throws {
    let network = try SmallTableNetworks.linear([[1]], [0])
    #expect(try refusal(network, [])?.kind == .count(what: "features", found: 0, expected: 1))
    #expect(try refusal(network, [Feature("x"), Feature("x")])?.kind == .duplicatedColumn("x"))
    #expect(throws: RuleError(.parameters("the memory must be above 0, found 0"))) {
      try TableNetwork(network, features: [Feature("x")], classes: ["a", "b"], memory: 0)
    }
  }

  // MARK: Values

  @Test func valuesThatDoNotGoInAreNamed() throws {
    let features = [Feature("width"), Feature("count")]
    let network = try SmallTableNetworks.joined(
      [("width", 1, .float32), ("count", 1, .int64)], weights(2), [0])
    let oracle = try TableNetwork(network, features: features, classes: ["a", "b"])
    func refusal(_ row: [Double]) throws -> String? {
      let table = try RuleTable(features: features, rows: [[1, 2], row])
      let error = #expect(throws: RuleError.self) { try oracle.probabilities(of: table) }
      return error?.description
    }
    #expect(
      try refusal([.nan, 1])
        == "row 2, column 'width': the value is missing, and the network needs a number; fill it in, or leave the "
        + "row out"
    )
    #expect(
      try refusal([1, .nan])
        == "row 2, column 'count': the value is missing, and the network needs a number; fill it in, or leave the "
        + "row out"
    )
    #expect(try refusal([1e300, 1]) == "row 2, column 'width': the value is beyond the range of float32")
    #expect(
      try refusal([1, 0.5])
        == "row 2, column 'count': the value is 0.5, and the input 'count' takes whole numbers (int64)")
    let other = try RuleTable(features: [features[1], features[0]], rows: [[1, 2]])
    #expect(throws: RuleError.self) { try oracle.probabilities(of: other) }
  }

  /// A question about missing values puts something in their place; behind it any arithmetic may follow.
  @Test func networksThatFillValuesInTakeMissingOnes() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("fill", Tensor(shape: [1, 2], [3, -2] as [Float]))
    draft.initialiser("w", SmallTableNetworks.tensor([[1], [0.5]]))
    draft.node("IsNaN", ["x"], ["missing"])
    draft.node("Where", ["missing", "fill", "x"], ["filled"])
    draft.node("MatMul", ["filled", "w"], ["y"])
    draft.output("y")
    let features = [Feature("p"), Feature("q")]
    let oracle = try TableNetwork(Network(bytes: draft.bytes()), features: features, classes: ["a", "b"])
    let table = try RuleTable(features: features, rows: [[.nan, 1], [1, .nan], [.nan, .nan]])
    let found = try oracle.logits(of: table)
    #expect(zip(found, [3.5, 0, 2] as [Double]).allSatisfy { abs($0 - $1) < 1e-5 }, "\(found)")
  }
}
