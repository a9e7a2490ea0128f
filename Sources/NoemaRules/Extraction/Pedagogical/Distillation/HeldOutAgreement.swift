/// How often each tree of a cost-complexity sequence agrees with an oracle on rows that it was not grown on.
///
/// Missing values go to default children, whatever the tree's policy.
struct HeldOutAgreement {
  private let path: CostComplexity
  /// For each number of steps, the rows on which tree and oracle agree.
  let hits: [Int]
  /// The number of rows.
  let rowCount: Int

  /// Counts agreements: a node answers from the step that makes it a leaf until a step above it does, so one way down
  /// gives a row's answers at all steps.
  init(_ path: CostComplexity, _ table: RuleTable, _ labels: [Int]) {
    let (tree, count) = (path.tree, path.prunedNodes.count + 1)
    var leafFrom = tree.nodes.map { $0.isLeaf ? 0 : count }
    for (step, node) in path.prunedNodes.enumerated() { leafFrom[node] = step + 1 }
    var parents = [Int](repeating: -1, count: tree.nodes.count)
    for (index, node) in tree.nodes.enumerated() {
      for child in node.children { parents[child] = index }
    }
    let answers = tree.nodes.indices.map { tree.conclusion(atNode: $0).label ?? -1 }
    var changes = [Int](repeating: 0, count: count + 1)
    for row in 0..<table.rowCount {
      var way = [tree.leaf(row: row, of: table)]
      while parents[way[way.count - 1]] >= 0 { way.append(parents[way[way.count - 1]]) }
      var end = count
      for node in way.reversed() where leafFrom[node] < end {
        if answers[node] == labels[row] {
          changes[leafFrom[node]] += 1
          changes[end] -= 1
        }
        end = leafFrom[node]
      }
    }
    var (hits, sum) = ([Int](), 0)
    for change in changes.dropLast() {
      sum += change
      hits.append(sum)
    }
    (self.path, self.hits, rowCount) = (path, hits, table.rowCount)
  }

  /// The steps to the smallest tree that agrees nearly as often as the best; to the largest one without rows.
  ///
  /// - Parameters:
  ///   - maximumLeaves: larger trees do not count; nil for no limit.
  ///   - standardErrors: how much less often it may agree.
  func steps(maximumLeaves: Int?, standardErrors: Double) -> Int {
    // The last tree has one leaf.
    let allowed = hits.indices.filter { path.leafCounts[$0] <= maximumLeaves ?? Int.max }
    guard rowCount > 0 else { return allowed.first ?? path.prunedNodes.count }
    let best = Double(allowed.map { hits[$0] }.max() ?? 0)
    let slack = standardErrors * (best * (1 - best / Double(rowCount))).squareRoot()
    return allowed.last { Double(hits[$0]) >= best - slack } ?? path.prunedNodes.count
  }
}
