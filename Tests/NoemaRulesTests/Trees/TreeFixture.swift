import Foundation
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaRules

/// Trees that scikit-learn grew, and their tables; scripts/golden/trees.py writes them.
struct TreeFixture: Sendable {
  let cases: [Case]
  private let arrays: [String: Tensor]

  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let table: String
    let options: Options
    /// The number of seeds of which the tree with the lowest features and thresholds was taken.
    let seeds: Int
    let nodes: Nodes
    let predictions: [Double]
    let path: Path?
    var testDescription: String { name }
    var isNumeric: Bool { table == "diabetes" }
  }

  struct Options: Decodable, Sendable {
    let weighted: Bool
    let criterion: String?
    let max_depth: Int?
    let min_samples_leaf: Int?
    let min_samples_split: Int?
    let min_weight_fraction_leaf: Double?
    let max_leaf_nodes: Int?
    let min_impurity_decrease: Double?
    let ccp_alpha: Double?
    let monotonic_cst: [Int]?
  }

  struct Nodes: Decodable, Sendable {
    let feature: [Int]
    let threshold: [Double?]
    let left: [Int]
    let right: [Int]
    let missingLeft: [Int]
    let impurity: [Double]
    let count: [Int]
    let weight: [Double]
    let value: [[Double]]
  }

  struct Path: Decodable, Sendable {
    let alphas: [Double]
    let impurities: [Double]
  }

  private struct File: Decodable { let cases: [Case] }

  init() throws {
    let folder = try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures")
    let data = try Data(contentsOf: folder.appendingPathComponent("trees.json"))
    cases = try JSONDecoder().decode(File.self, from: data).cases
    arrays = try NPZFile(path: folder.appendingPathComponent("trees.npz").path).arrays()
  }

  static let shared = Result { try TreeFixture() }
  /// The cases, for arguments of tests; none when the files cannot be read, which a test of its own reports.
  static let cases = (try? shared.get())?.cases ?? []

  /// The case's table, targets and weights.
  func examples(_ item: Case) throws -> TrainingTable {
    let x = try #require(arrays["\(item.table)/x"]).converted(to: .float64)
    let y = try #require(arrays["\(item.table)/y"])
    let values = x.elements(as: Double.self)
    let (rows, width) = (x.shape[0], x.shape[1])
    let table = try RuleTable(
      features: (0..<width).map { Feature("f\($0)") },
      rows: (0..<rows).map { Array(values[($0 * width)..<(($0 + 1) * width)]) })
    let weights =
      item.options.weighted ? try #require(arrays["\(item.table)/w"]).elements(as: Double.self) : nil
    if item.isNumeric {
      return try TrainingTable(table, .values(y.elements(as: Double.self)), weights: weights)
    }
    let classes = (0..<item.nodes.value[0].count).map { "c\($0)" }
    if item.name == "iris soft" {
      let soft = try #require(arrays["iris/soft"]).elements(as: Double.self)
      return try TrainingTable(table, .probabilities(soft), classes: classes)
    }
    let labels = y.elements(as: Int64.self).map { Int($0) }
    return try TrainingTable(table, .labels(labels), classes: classes, weights: weights)
  }
}

extension TreeFixture.Case {
  /// The settings of the case, as Noema names them.
  var learner: CART {
    var learner = CART(
      criterion: options.criterion == "entropy" ? .entropy : nil, maximumDepth: options.max_depth,
      minimumLeaf: options.min_samples_leaf ?? 1, maximumLeaves: options.max_leaf_nodes)
    learner.precision = .single
    learner.minimumSplit = options.min_samples_split ?? 2
    learner.minimumLeafWeight = options.min_weight_fraction_leaf ?? 0
    learner.minimumDecrease = options.min_impurity_decrease ?? 0
    learner.costOfLeaf = options.ccp_alpha ?? 0
    learner.monotonicity = (options.monotonic_cst ?? []).map { sign in
      sign > 0 ? .increasing : sign < 0 ? .decreasing : .free
    }
    return learner
  }

  /// The question of an inner node.
  func question(_ node: Int) -> Term {
    nodes.threshold[node].map { .atMost(nodes.feature[node], $0) } ?? .isPresent(nodes.feature[node])
  }

  /// scikit-learn's own tree.
  func tree(_ features: [Feature]) throws -> DecisionTree {
    let classes = isNumeric ? [] : nodes.value[0].indices.map { "c\($0)" }
    return try DecisionTree(
      features: features, classes: classes,
      nodes: nodes.feature.indices.map { node in
        let isLeaf = nodes.feature[node] < 0
        return DecisionTree.Node(
          split: isLeaf ? nil : .term(question(node)),
          children: isLeaf ? [] : [nodes.left[node], nodes.right[node]],
          defaultChild: isLeaf ? 0 : 1 - nodes.missingLeft[node],
          distribution: isNumeric ? nodes.value[node] : nodes.value[node].map { $0 * nodes.weight[node] },
          weight: nodes.weight[node], impurity: nodes.impurity[node])
      })
  }
}
