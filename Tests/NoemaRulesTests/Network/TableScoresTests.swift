import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

/// What outputs mean, by how graphs end.
@Suite struct TableScoresTests {
  private static let features = [Feature("u"), Feature("v")]
  /// The scores of a row are its values.
  private static let identity: [[Float]] = [[1, 0], [0, 1]]

  private func answers(
    _ network: Network, _ rows: [[Double]], classes: [String] = ["a", "b"], output: String? = nil
  ) throws -> [Double] {
    let features = TableScoresTests.features
    let oracle = try TableNetwork(network, features: features, classes: classes, output: output)
    return try oracle.probabilities(of: RuleTable(features: features, rows: rows))
  }

  private func isNear(_ found: [Double], _ expected: [Double]) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 }
  }

  private static let rows: [[Double]] = [[0.3, -1.2], [2, 2], [-30, 40], [0.25, 0.75]]

  private static var softmax: [Double] {
    rows.flatMap { row in row.map { exp($0) / (exp(row[0]) + exp(row[1])) } }
  }

  @Test(arguments: [[], ["Softmax"], ["LogSoftmax"], ["Softmax", "Identity"]] as [[String]])
  func softmaxAndWhatComesBeforeItAnswerAlike(_ end: [String]) throws {
    let found = try answers(
      SmallTableNetworks.linear(TableScoresTests.identity, [0, 0], end: end), TableScoresTests.rows)
    #expect(isNear(found, TableScoresTests.softmax), "\(end): \(found)")
  }

  @Test func hugeLogitsStayFinite() throws {
    let found = try answers(
      SmallTableNetworks.linear(TableScoresTests.identity, [0, 0]),
      [[3e38, -3e38], [-1e30, -1e30], [-800, 0]])
    #expect(isNear(found, [1, 0, 0.5, 0.5, 0, 1]), "\(found)")
  }

  @Test(arguments: [[], ["Sigmoid"]] as [[String]])
  func oneOutputIsTheSecondOfTwoClasses(_ end: [String]) throws {
    let found = try answers(
      SmallTableNetworks.linear([[1], [0]], [0.5], end: end), [[0.3, 9], [-900, 9], [900, 9]])
    let p = 1 / (1 + exp(-0.8))
    #expect(isNear(found, [1 - p, p, 1, 0, 0, 1]), "\(found)")
  }

  @Test func independentProbabilitiesAreDividedByTheirSum() throws {
    let found = try answers(
      SmallTableNetworks.linear(TableScoresTests.identity, [0, 0], end: ["Sigmoid"]),
      [[1, -2], [-900, -900]])
    let (a, b) = (1 / (1 + exp(-1.0)), 1 / (1 + exp(2.0)))
    // Of classes that all vanish none is likelier.
    #expect(isNear(found, [a / (a + b), b / (a + b), 0.5, 0.5]), "\(found)")
  }

  /// A rectifier says nothing of what it ends: rows that add to 1 are probabilities, if all do.
  @Test func valuesTellWhereTheEndDoesNot() throws {
    let network = try SmallTableNetworks.linear(TableScoresTests.identity, [0, 0], end: ["Relu"])
    #expect(isNear(try answers(network, [[0.25, 0.75], [1, 0]]), [0.25, 0.75, 1, 0]))
    let p = 1 / (1 + exp(0.5))
    let q = 1 / (1 + exp(1.0))
    #expect(isNear(try answers(network, [[0.25, 0.75], [1, 2]]), [p, 1 - p, q, 1 - q]))
    let single = try SmallTableNetworks.linear([[1], [0]], [0], end: ["Relu"])
    #expect(isNear(try answers(single, [[0.25, 0], [1, 0]]), [0.75, 0.25, 0, 1]))
    #expect(isNear(Array(try answers(single, [[0.25, 0], [3, 0]]).suffix(1)), [1 / (1 + exp(-3.0))]))
  }

  @Test func outputsAreChosenByName() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("Softmax", ["x"], ["plain"])
    draft.node("Neg", ["x"], ["turned"])
    draft.node("Softmax", ["turned"], ["other"])
    draft.output("plain")
    draft.output("other")
    let network = try Network(bytes: draft.bytes())
    let p = exp(1.0) / (exp(1.0) + exp(2.0))
    #expect(isNear(try answers(network, [[1, 2]]), [p, 1 - p]))
    #expect(isNear(try answers(network, [[1, 2]], output: "other"), [1 - p, p]))
    #expect(throws: RuleError(.malformed(#"no output named 'third'; its outputs are ["plain", "other"]"#))) {
      try answers(network, [[1, 2]], output: "third")
    }
  }

  @Test func classesThatDoNotFitAreCounted() throws {
    let two = try SmallTableNetworks.linear(TableScoresTests.identity, [0, 0])
    #expect(
      throws: RuleError(
        .count(what: "class names for the network's 2 scores", found: 3, expected: 2), at: "output 'y'")
    ) {
      try answers(two, [[1, 2]], classes: ["a", "b", "c"])
    }
    let one = try SmallTableNetworks.linear([[1], [0]], [0])
    #expect(
      throws: RuleError(
        .count(what: "class name for the network's 1 score", found: 1, expected: 2), at: "output 'y'")
    ) {
      try answers(one, [[1, 2]], classes: ["a"])
    }
    #expect(throws: RuleError.self) { try answers(two, [[1, 2]], classes: ["a", "a"]) }
  }

  @Test func outputsThatAreNoScoresAreRefused() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("shape", Tensor(shape: [3], [-1, 1, 2] as [Int64]))
    draft.node("Reshape", ["x", "shape"], ["y"])
    draft.output("y")
    let error = #expect(throws: RuleError.self) { try answers(Network(bytes: draft.bytes()), [[1, 2]]) }
    #expect(error?.place == "output 'y'")
    #expect(error?.description.hasSuffix("expected scores [N, classes] or [N]; name another output") == true)
  }

  @Test func answersThatAreNoNumbersAreNamed() throws {
    let network = try SmallTableNetworks.linear(TableScoresTests.identity, [0, 0], end: ["Log"])
    #expect(throws: RuleError(.notFinite("row 2: the network's output 'y' is nan"))) {
      try answers(network, [[1, 1], [1, -1]])
    }
  }

  @Test func equalScoresGoToTheFirstClass() throws {
    let features = TableScoresTests.features
    let oracle = try TableNetwork(
      SmallTableNetworks.linear(TableScoresTests.identity, [0, 0]), features: features, classes: ["a", "b"])
    let table = try RuleTable(features: features, rows: [[1, 1], [1, 2], [2, 1]])
    #expect(try oracle.labels(of: table) == [0, 1, 0])
    #expect(try oracle.labels(of: table.subset(rows: [])) == [])
  }
}
