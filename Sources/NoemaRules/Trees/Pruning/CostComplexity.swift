/// Minimal cost-complexity pruning: the sequence of ever smaller trees that cost least for an ever dearer leaf.
///
/// With the cost `R(t)` of a node, its impurity times its share of the weight, and `R(T)` the sum over the leaves of
/// a branch `T` with `|T|` leaves, a branch is worth its leaves up to `α = (R(t) − R(T)) / (|T| − 1)` a leaf. The
/// branch of least α, the first of equals in the order of nodes, becomes a leaf; and so on to the root.
///
/// ```swift
/// let path = CostComplexity(of: tree)
/// let small = path.pruned(costOfLeaf: path.costs[path.costs.count / 2])
/// ```
///
/// - Source: Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, chapter 3. One branch
///   is pruned a step, so that the steps are those of scikit-learn's `cost_complexity_pruning_path`.
public struct CostComplexity: Sendable {
  /// The tree that is pruned.
  public let tree: DecisionTree
  /// The cost of a leaf from which each step is due: 0 for the whole tree, then one entry a step. A node whose
  /// question gains nothing has a cost near 0, of either sign.
  public let costs: [Double]
  /// The sum of `R` over the leaves after each step, as many as ``costs``.
  public let impurities: [Double]
  /// The number of leaves after each step, as many as ``costs``.
  public let leafCounts: [Int]
  /// For each step, from the second entry of ``costs`` on, the node that becomes a leaf.
  public let prunedNodes: [Int]

  /// Finds the sequence.
  ///
  /// - Complexity: O(nodes · (depth + log nodes)).
  public init(of tree: DecisionTree) {
    self.tree = tree
    var branches = Branches(tree)
    var costs = [0.0]
    var impurities = [branches.branchCosts[0]]
    var leafCounts = [branches.leafCounts[0]]
    var prunedNodes: [Int] = []
    while let (cost, node) = branches.pruneWeakest() {
      costs.append(cost)
      impurities.append(branches.branchCosts[0])
      leafCounts.append(branches.leafCounts[0])
      prunedNodes.append(node)
    }
    (self.costs, self.impurities, self.leafCounts) = (costs, impurities, leafCounts)
    self.prunedNodes = prunedNodes
  }

  /// The tree after all steps that come before the first one whose cost exceeds a leaf's.
  public func pruned(costOfLeaf: Double) -> DecisionTree { pruned(steps: stepCount(costOfLeaf: costOfLeaf)) }

  /// The tree after some steps.
  ///
  /// - Parameter steps: taken as the nearest number from 0 to that of ``prunedNodes``.
  public func pruned(steps: Int) -> DecisionTree {
    var nodes = tree.nodes
    for node in prunedNodes.prefix(max(0, steps)) {
      nodes[node].split = nil
      nodes[node].children = []
      nodes[node].defaultChild = 0
    }
    return DecisionTree(
      unchecked: tree.features, classes: tree.classes, nodes: DecisionTree.preorder(nodes),
      missingPolicy: tree.missingPolicy)
  }

  /// The steps that a cost of a leaf takes; as costs can fall by rounding, not all cheaper ones.
  func stepCount(costOfLeaf: Double) -> Int {
    costs.dropFirst().firstIndex { $0 > costOfLeaf }.map { $0 - 1 } ?? prunedNodes.count
  }
}

/// The costs of branches while they are pruned.
private struct Branches {
  private let tree: DecisionTree
  private let parents: [Int]
  private let nodeCosts: [Double]
  private(set) var branchCosts: [Double]
  private(set) var leafCounts: [Int]
  /// Whether a node still has children in the tree.
  private var isInner: [Bool]
  private var queue = WeakestFirst()
  /// How often the cost of a node changed; older entries of the queue do not count.
  private var versions: [Int]

  init(_ tree: DecisionTree) {
    self.tree = tree
    let nodes = tree.nodes
    let total = nodes[0].weight
    var parents = [Int](repeating: -1, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for child in node.children { parents[child] = index }
    }
    self.parents = parents
    nodeCosts = nodes.map { total > 0 ? $0.weight * $0.impurity / total : 0 }
    branchCosts = [Double](repeating: 0, count: nodes.count)
    leafCounts = [Int](repeating: 0, count: nodes.count)
    isInner = nodes.map { !$0.isLeaf }
    versions = [Int](repeating: 0, count: nodes.count)
    for leaf in nodes.indices where nodes[leaf].isLeaf {
      branchCosts[leaf] = nodeCosts[leaf]
      var parent = parents[leaf]
      while parent >= 0 {
        branchCosts[parent] += nodeCosts[leaf]
        leafCounts[parent] += 1
        parent = parents[parent]
      }
    }
    if nodes[0].isLeaf { leafCounts[0] = 1 }
    for node in nodes.indices where isInner[node] { enqueue(node) }
  }

  private mutating func enqueue(_ node: Int) {
    // A question with one answer has no leaf to spare.
    let spared = leafCounts[node] - 1
    let cost = spared > 0 ? (nodeCosts[node] - branchCosts[node]) / Double(spared) : 0
    queue.insert(WeakestFirst.Entry(cost: cost, node: node, version: versions[node]))
  }

  /// Makes a leaf of the branch of least cost; nil when the root is a leaf.
  mutating func pruneWeakest() -> (cost: Double, node: Int)? {
    while let entry = queue.removeLeast() {
      guard isInner[entry.node], versions[entry.node] == entry.version else { continue }
      prune(entry.node)
      return (entry.cost, entry.node)
    }
    return nil
  }

  private mutating func prune(_ node: Int) {
    var open = [node]
    while let next = open.popLast() {
      isInner[next] = false
      open += tree.nodes[next].children.filter { isInner[$0] }
    }
    let lost = leafCounts[node] - 1
    let rise = nodeCosts[node] - branchCosts[node]
    leafCounts[node] = 1
    branchCosts[node] = nodeCosts[node]
    var parent = parents[node]
    while parent >= 0 {
      leafCounts[parent] -= lost
      branchCosts[parent] += rise
      versions[parent] += 1
      enqueue(parent)
      parent = parents[parent]
    }
  }
}

/// A binary heap of nodes by cost, then by index.
private struct WeakestFirst {
  struct Entry {
    let cost: Double
    let node: Int
    let version: Int

    func precedes(_ other: Entry) -> Bool { (cost, node) < (other.cost, other.node) }
  }

  private var entries: [Entry] = []

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var place = entries.count - 1
    while place > 0, entries[place].precedes(entries[(place - 1) / 2]) {
      entries.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func removeLeast() -> Entry? {
    guard let least = entries.first else { return nil }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var place = 0
    while true {
      var next = place
      for child in [2 * place + 1, 2 * place + 2] where child < entries.count {
        if entries[child].precedes(entries[next]) { next = child }
      }
      if next == place { return least }
      entries.swapAt(place, next)
      place = next
    }
  }
}
