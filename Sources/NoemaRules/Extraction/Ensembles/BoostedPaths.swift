internal import Glibc
internal import NoemaTensor

/// The ways to all nodes of small trees, each grown on what those before leave of a target.
///
/// Tree sizes are random, `2 + ⌊E⌋` leaves with an exponential `E`, so that rules of few and of many terms arise.
///
/// - Source: Friedman and Popescu, "Predictive learning via rule ensembles", *Annals of Applied Statistics* 2008,
///   section 3.
struct BoostedPaths {
  let settings: SparseRuleEnsemble
  let table: RuleTable

  /// The clauses of all nodes but the roots, in the order in which the trees grew.
  ///
  /// - Parameter target: a number for each row.
  func clauses(
    _ target: [Double], using random: inout RandomNumbers
  ) throws(RuleError) -> [Clause] {
    let forgetful = table.features.indices.map { !table.hasMissing($0) }
    var rest = target
    let mean = target.reduce(0, +) / Double(max(1, target.count))
    for row in rest.indices { rest[row] -= mean }
    var clauses: [Clause] = []
    for _ in 0..<settings.treeCount {
      let rows = random.sample(sampleSize, below: table.rowCount).sorted()
      var learner = CART(maximumLeaves: leafCount(using: &random))
      learner.minimumLeaf = settings.minimumLeaf
      let part = table.subset(rows: rows)
      let columns = try SortedColumns(part, learner.precision, workers: .one)
      let tree = try learner.fit(
        TrainingTable(part, .values(rows.map { rest[$0] })), columns: columns, workers: 1)
      for row in rest.indices {
        rest[row] -= settings.learningRate * tree.nodes[tree.leaf(row: row, of: table)].distribution[0]
      }
      clauses += try ways(tree, forgetful)
    }
    return clauses
  }

  /// The rows of one tree: half of them, of many fewer.
  private var sampleSize: Int {
    let count = Double(table.rowCount)
    return min(table.rowCount, max(10, Int(min(count / 2, 100 + 6 * count.squareRoot()))))
  }

  private func leafCount(using random: inout RandomNumbers) -> Int {
    // A settings check bounds the mean; the logarithm of 2⁻⁵³ is the least there is.
    2 + Int((-log(1 - random.uniform()) * (settings.meanLeaves - 2)).rounded(.down))
  }

  private func ways(_ tree: DecisionTree, _ forgetful: [Bool]) throws(RuleError) -> [Clause] {
    var ways = [Clause](repeating: .always, count: tree.nodes.count)
    for (index, node) in tree.nodes.enumerated() {
      for (position, child) in node.children.enumerated() {
        // A question about one term has one clause a side.
        for step in try tree.clauses(from: index, toChild: position, limit: 1) {
          ways[child] = ways[index].intersection(step)
        }
      }
    }
    return ways.dropFirst().map { way in
      Clause(
        conditions: way.conditions.map { condition in
          // Where no example lacks the feature, nothing says where a missing value belongs.
          forgetful[condition.feature] && condition.values != .none
            ? Condition(condition.feature, condition.values) : condition
        }
      ).canonical(in: table.features)
    }
  }
}
