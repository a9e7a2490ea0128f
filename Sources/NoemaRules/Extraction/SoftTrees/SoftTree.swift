internal import Glibc
internal import NoemaTensor

/// A complete binary tree whose inner nodes send an example right with the chance `p = σ(β (w·x + b))`, and whose
/// leaves hold a distribution over classes each.
///
/// A node's filter w weighs all columns, so its question is oblique and no ``Term``: what it says of an example is the
/// way to the likeliest leaf, see ``explanation(of:)``. Node i has the children 2i + 1, left, and 2i + 2, right. Being
/// a ``TableOracle``, the tree can itself be explained by rules.
///
/// - Source: Frosst and Hinton, "Distilling a neural network into a soft decision tree", 2017.
public struct SoftTree: TableOracle, Hashable {
  /// The greatest depth: 4095 filters.
  public static let maximumDepth = 12

  /// How leaves come to an answer.
  public enum Reading: String, Sendable, Hashable, Codable, CaseIterable {
    /// The distribution of the leaf of greatest path probability, the first of equals: what the explanation shows.
    case greatestPath = "greatest-path"
    /// The mean of all leaves' distributions by path probability.
    case mixture
  }

  public let features: [Feature]
  public let classes: [String]
  /// The number of questions on each way.
  public let depth: Int
  /// β: the greater, the harder the decisions.
  public let inverseTemperature: Double
  /// What filters read.
  public let columns: [Column]
  /// The filters, node after node: a weight for each column.
  public let weights: [Double]
  /// The biases, one a node.
  public let biases: [Double]
  /// The scores φ of the classes, leaf after leaf; a leaf's distribution is their softmax.
  public let leafScores: [Double]

  /// Makes a tree.
  ///
  /// - Throws: `RuleError` when counts do not fit the depth, numbers are not finite, or a column reads what does not
  ///   exist.
  public init(
    features: [Feature], classes: [String], depth: Int, inverseTemperature: Double = 1, columns: [Column],
    weights: [Double], biases: [Double], leafScores: [Double]
  ) throws(RuleError) {
    try Feature.check(features)
    try RuleSet.check(classes)
    guard (1...SoftTree.maximumDepth).contains(depth), !classes.isEmpty else {
      throw RuleError(
        .malformed(
          "a soft tree has a depth of 1 to \(SoftTree.maximumDepth) and a class or more, found \(depth) and "
            + "\(classes.count)"))
    }
    for (index, column) in columns.enumerated() { try column.check(features, place: "column \(index)") }
    self.init(
      unchecked: features, classes, depth, inverseTemperature, columns, weights, biases, leafScores)
    for (what, found, expected) in [
      ("filter weights", weights.count, shape.weightCount), ("biases", biases.count, shape.innerCount),
      ("leaf scores", leafScores.count, shape.scoreCount),
    ] where found != expected { throw RuleError(.count(what: what, found: found, expected: expected)) }
    guard inverseTemperature > 0, inverseTemperature.isFinite,
      (weights + biases + leafScores).allSatisfy(\.isFinite)
    else {
      throw RuleError(
        .notFinite(
          "a soft tree holds a number that is not finite, or an inverse temperature that is not above 0"))
    }
  }

  /// Makes a tree of parts that fit.
  init(
    unchecked features: [Feature], _ classes: [String], _ depth: Int, _ inverseTemperature: Double,
    _ columns: [Column], _ weights: [Double], _ biases: [Double], _ leafScores: [Double]
  ) {
    (self.features, self.classes, self.depth) = (features, classes, depth)
    (self.inverseTemperature, self.columns) = (inverseTemperature, columns)
    (self.weights, self.biases, self.leafScores) = (weights, biases, leafScores)
  }

  var shape: SoftTreeShape {
    SoftTreeShape(depth: depth, columnCount: columns.count, classCount: classes.count)
  }

  /// The number of filters.
  public var innerCount: Int { shape.innerCount }
  /// The number of leaves.
  public var leafCount: Int { shape.leafCount }

  /// The filter of an inner node: a weight for each column.
  public func filter(of node: Int) -> ArraySlice<Double> {
    weights[(node * columns.count)..<((node + 1) * columns.count)]
  }

  /// The distribution of a leaf, numbered from 0 on the left.
  public func distribution(ofLeaf leaf: Int) -> [Double] {
    let scores = leafScores[(leaf * classes.count)..<((leaf + 1) * classes.count)]
    return logSoftmax(scores, columns: classes.count).elements.map { exp($0) }
  }
}

// MARK: Prediction
extension SoftTree {
  /// The rows that are routed at once.
  private static let blockSize = 1024

  /// For each row of a table, the chance of coming to each leaf, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the tree's.
  public func pathProbabilities(of table: RuleTable) throws(RuleError) -> [Double] {
    var result: [Double] = []
    try forEachBlock(of: table) { result += $0.leaves.elements }
    return result
  }

  /// The class probabilities of each row, row after row, by the greatest path.
  public func probabilities(of table: RuleTable) throws -> [Double] {
    try probabilities(of: table, by: .greatestPath)
  }

  /// The class probabilities of each row, row after row.
  ///
  /// - Throws: `RuleError` when the table's features are not the tree's.
  public func probabilities(of table: RuleTable, by reading: Reading) throws(RuleError) -> [Double] {
    let distributions = Matrix(
      rowCount: leafCount, columnCount: classes.count,
      elements: (0..<leafCount).flatMap { distribution(ofLeaf: $0) })
    var result: [Double] = []
    try forEachBlock(of: table) { routing in
      let leaves = routing.leaves
      switch reading {
      case .mixture: result += leaves.times(distributions).elements
      case .greatestPath:
        for row in 0..<leaves.rowCount {
          result += distributions.row(SoftTree.greatest(leaves.row(row)))
        }
      }
    }
    return result
  }

  /// The most probable class of each row, the first of equals.
  ///
  /// - Throws: `RuleError` when the table's features are not the tree's.
  public func labels(of table: RuleTable, by reading: Reading) throws(RuleError) -> [Int] {
    let all = try probabilities(of: table, by: reading)
    return (0..<table.rowCount).map {
      SoftTree.greatest(all[($0 * classes.count)..<(($0 + 1) * classes.count)])
    }
  }

  /// The place of the greatest number, the first of equals.
  static func greatest(_ numbers: ArraySlice<Double>) -> Int {
    (numbers.indices.max { (numbers[$0], $1) < (numbers[$1], $0) } ?? numbers.startIndex) - numbers.startIndex
  }

  private func forEachBlock(of table: RuleTable, _ body: (SoftRouting) -> Void) throws(RuleError) {
    try table.check(matches: features)
    for start in stride(from: 0, to: table.rowCount, by: SoftTree.blockSize) {
      body(routing(of: table, rows: start..<min(table.rowCount, start + SoftTree.blockSize)))
    }
  }

  /// How some rows spread over the nodes.
  func routing(of table: RuleTable, rows: Range<Int>) -> SoftRouting {
    SoftRouting(
      SoftTree.inputs(columns, of: table, rows: rows),
      weights: Matrix(rowCount: innerCount, columnCount: columns.count, elements: weights), biases: biases,
      inverseTemperature: inverseTemperature)
  }
}

extension SoftTree: Codable {
  private enum CodingKeys: String, CodingKey {
    case features, classes, depth, inverseTemperature, columns, weights, biases, leafScores
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      features: container.decode([Feature].self, forKey: .features),
      classes: container.decode([String].self, forKey: .classes),
      depth: container.decode(Int.self, forKey: .depth),
      inverseTemperature: container.decode(Double.self, forKey: .inverseTemperature),
      columns: container.decode([Column].self, forKey: .columns),
      weights: container.decode([Double].self, forKey: .weights),
      biases: container.decode([Double].self, forKey: .biases),
      leafScores: container.decode([Double].self, forKey: .leafScores))
  }
}
