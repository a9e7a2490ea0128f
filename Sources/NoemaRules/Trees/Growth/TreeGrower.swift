/// Grows a tree from the root: depth first, or the best node first when leaves are limited.
///
/// Large nodes are searched by all workers, a part of the features each. Below them whole subtrees are grown at the
/// same time, each by one worker. Neither changes a number of the result.
struct TreeGrower<Search: SplitSearch>: Sendable {
  let search: Search
  let targets: TargetColumns
  let limits: GrowthLimits
  let workers: Workers

  /// Nodes of fewer values, examples times features, are not worth dividing among workers.
  private var smallNode: Int { 1 << 17 }

  /// A question that was found, and the nodes it leads to.
  private struct Expansion {
    let question: Term
    let left: OpenNode
    let right: OpenNode
    let defaultChild: Int
    /// The gain, times the node's share of the weight.
    let decrease: Double
  }

  /// The nodes in preorder.
  func grow() -> [DecisionTree.Node] {
    let range = 0..<search.columns.count
    let root = OpenNode(
      range: range, depth: 0, statistics: targets.statistics(search.columns.rows(range)), lower: -.infinity,
      upper: .infinity)
    return limits.maximumLeaves == nil ? growDepthFirst(root) : growBestFirst(root)
  }

  // MARK: Depth first

  private func growDepthFirst(_ root: OpenNode) -> [DecisionTree.Node] {
    guard isLarge(root), workers.count > 1 else { return subtree(root) }
    let scratches = (0..<workers.count).map { _ in makeScratch(root.range.count) }
    var parts: [OpenNode] = []
    let top = grow(root, workers, scratches) { node in
      if isLarge(node) { return false }
      parts.append(node)
      return true
    }
    let roots = parts
    let subtrees = workers.map(roots.count) { subtree(roots[$0]) }
    return join(top, subtrees)
  }

  private func isLarge(_ node: OpenNode) -> Bool { node.range.count * search.featureCount >= smallNode }

  private func subtree(_ root: OpenNode) -> [DecisionTree.Node] {
    grow(root, .one, [makeScratch(root.range.count)]) { _ in false }.map { $0.node }
  }

  /// A grown node, or the place of a subtree.
  private struct Grown {
    var node: DecisionTree.Node
    var isPlace = false
  }

  /// Grows the nodes below one, in preorder.
  ///
  /// - Parameter putsOff: asked of each node; true leaves a place for a subtree.
  private func grow(
    _ root: OpenNode, _ workers: Workers, _ scratches: [SplitScratch], putsOff: (OpenNode) -> Bool
  ) -> [Grown] {
    var grown: [Grown] = []
    var open: [(node: OpenNode, parent: Int, side: Int)] = [(root, -1, 0)]
    while let (node, parent, side) = open.popLast() {
      let index = grown.count
      if parent >= 0 { grown[parent].node.children[side] = index }
      if putsOff(node) {
        grown.append(Grown(node: leaf(node), isPlace: true))
        continue
      }
      guard let expansion = expand(node, workers, scratches) else {
        grown.append(Grown(node: leaf(node)))
        continue
      }
      divide(node, expansion, workers, scratches)
      grown.append(Grown(node: inner(node, expansion, children: [0, 0])))
      open.append((expansion.right, index, 1))
      open.append((expansion.left, index, 0))
    }
    return grown
  }

  /// Puts subtrees in their places.
  private func join(_ top: [Grown], _ subtrees: [[DecisionTree.Node]]) -> [DecisionTree.Node] {
    var starts: [Int] = []
    var (start, next) = (0, 0)
    for entry in top {
      starts.append(start)
      start += entry.isPlace ? subtrees[next].count : 1
      if entry.isPlace { next += 1 }
    }
    var result: [DecisionTree.Node] = []
    result.reserveCapacity(start)
    next = 0
    for entry in top {
      guard entry.isPlace else {
        var node = entry.node
        node.children = node.children.map { starts[$0] }
        result.append(node)
        continue
      }
      let first = result.count
      for var node in subtrees[next] {
        node.children = node.children.map { $0 + first }
        result.append(node)
      }
      next += 1
    }
    return result
  }

  // MARK: Best first

  /// A leaf that may be divided.
  private struct Candidate {
    let index: Int
    let node: OpenNode
    let expansion: Expansion
  }

  private func growBestFirst(_ root: OpenNode) -> [DecisionTree.Node] {
    let scratches = (0..<workers.count).map { _ in makeScratch(root.range.count) }
    var nodes: [DecisionTree.Node] = []
    var frontier: [Candidate] = []
    func add(_ node: OpenNode) {
      let workers = isLarge(node) ? workers : .one
      if let expansion = expand(node, workers, scratches) {
        frontier.append(Candidate(index: nodes.count, node: node, expansion: expansion))
      }
      nodes.append(leaf(node))
    }
    add(root)
    var leaves = 1
    while leaves < limits.maximumLeaves ?? 1, let best = takeBest(&frontier) {
      divide(best.node, best.expansion, isLarge(best.node) ? workers : .one, scratches)
      nodes[best.index] = inner(best.node, best.expansion, children: [nodes.count, nodes.count + 1])
      add(best.expansion.left)
      add(best.expansion.right)
      leaves += 1
    }
    return DecisionTree.preorder(nodes)
  }

  /// Takes out the candidate of largest decrease, the oldest of equals.
  private func takeBest(_ frontier: inout [Candidate]) -> Candidate? {
    guard var best = frontier.indices.first else { return nil }
    for place in frontier.indices {
      let (challenger, champion) = (frontier[place], frontier[best])
      let difference = challenger.expansion.decrease - champion.expansion.decrease
      if difference > 0 || difference == 0 && challenger.index < champion.index { best = place }
    }
    frontier.swapAt(best, frontier.count - 1)
    return frontier.popLast()
  }

  // MARK: One node

  private func makeScratch(_ rows: Int) -> SplitScratch {
    SplitScratch(targets, rowCount: rows, groupCount: search.groupCount)
  }

  /// Finds the best question for a node; nil when it stays a leaf.
  private func expand(_ node: OpenNode, _ workers: Workers, _ scratches: [SplitScratch]) -> Expansion? {
    guard limits.allowsSplit(node), let split = bestSplit(node, workers, scratches) else { return nil }
    search.mark(split, of: node)
    let rows = search.columns.rows(node.range)
    let flags = UnsafePointer(search.columns.flags)
    let left = targets.statistics(rows, where: flags, are: 1)
    let right = targets.statistics(rows, where: flags, are: 0)
    let whole = node.statistics
    let gain =
      whole.impurity - (right.weight / whole.weight * right.impurity)
      - (left.weight / whole.weight * left.impurity)
    let decrease = whole.weight / limits.totalWeight * gain
    guard decrease + limits.epsilon >= limits.minimumDecrease else { return nil }
    let bounds = bounds(node, left, right, limits.monotonicity(split.feature))
    let middle = node.range.lowerBound + left.count
    // Missing values that no example of the node had go later where most examples go.
    let takesMissing = split.missingLeft ?? (left.count > right.count)
    return Expansion(
      question: search.question(split),
      left: OpenNode(
        range: node.range.lowerBound..<middle, depth: node.depth + 1, statistics: left, lower: bounds.left.0,
        upper: bounds.left.1),
      right: OpenNode(
        range: middle..<node.range.upperBound, depth: node.depth + 1, statistics: right,
        lower: bounds.right.0, upper: bounds.right.1),
      defaultChild: takesMissing ? 0 : 1, decrease: decrease)
  }

  private func bestSplit(
    _ node: OpenNode, _ workers: Workers, _ scratches: [SplitScratch]
  ) -> FeatureSplit? {
    guard workers.count > 1 else {
      var best: FeatureSplit?
      for feature in 0..<search.featureCount {
        keep(search.best(feature, of: node, scratches[0]), &best, node)
      }
      return best
    }
    var found = [FeatureSplit?](repeating: nil, count: search.featureCount)
    found.withUnsafeMutableBufferPointer { buffer in
      // Each worker writes the features that it searches.
      nonisolated(unsafe) let buffer = buffer
      workers.each { worker in
        for feature in stride(from: worker, to: search.featureCount, by: workers.count) {
          buffer[feature] = search.best(feature, of: node, scratches[worker])
        }
      }
    }
    var best: FeatureSplit?
    for split in found { keep(split, &best, node) }
    return best
  }

  private func keep(_ split: FeatureSplit?, _ best: inout FeatureSplit?, _ node: OpenNode) {
    guard let split, split.score > (best?.score ?? -.infinity) + node.tolerance else { return }
    best = split
  }

  /// What monotonicity demands of the means of the children: no value on one side of the middle may cross it.
  private func bounds(
    _ node: OpenNode, _ left: NodeStatistics, _ right: NodeStatistics, _ monotonicity: CART.Monotonicity
  ) -> (left: (Double, Double), right: (Double, Double)) {
    let middle = (left.mean + right.mean) / 2
    switch monotonicity {
    case .free: return ((node.lower, node.upper), (node.lower, node.upper))
    case .increasing: return ((node.lower, middle), (middle, node.upper))
    case .decreasing: return ((middle, node.upper), (node.lower, middle))
    }
  }

  /// Gives each child its positions, where a child will be searched.
  private func divide(
    _ node: OpenNode, _ expansion: Expansion, _ workers: Workers, _ scratches: [SplitScratch]
  ) {
    guard limits.allowsSplit(expansion.left) || limits.allowsSplit(expansion.right) else { return }
    search.columns.partition(node.range)
    workers.each { worker in
      for feature in stride(from: worker, to: search.featureCount, by: workers.count) {
        search.partition(feature, of: node, scratches[worker])
      }
    }
  }

  private func inner(_ node: OpenNode, _ expansion: Expansion, children: [Int]) -> DecisionTree.Node {
    var result = leaf(node)
    result.split = .term(expansion.question)
    result.children = children
    result.defaultChild = expansion.defaultChild
    return result
  }

  private func leaf(_ node: OpenNode) -> DecisionTree.Node {
    let statistics = node.statistics
    var distribution = targets.classCount > 0 ? statistics.sums : [statistics.mean]
    if !limits.monotonicity.isEmpty {
      let mean = min(max(statistics.mean, node.lower), node.upper)
      distribution =
        targets.classCount > 0 ? [statistics.weight * (1 - mean), statistics.weight * mean] : [mean]
    }
    return DecisionTree.Node(
      distribution: distribution, weight: statistics.weight, impurity: statistics.impurity)
  }
}

extension DecisionTree {
  /// The same nodes in preorder, first children first, without those that the root does not reach.
  static func preorder(_ nodes: [Node]) -> [Node] {
    var result: [Node] = []
    var open: [(index: Int, parent: Int, side: Int)] = [(0, -1, 0)]
    while let (index, parent, side) = open.popLast() {
      if parent >= 0 { result[parent].children[side] = result.count }
      for (position, child) in nodes[index].children.enumerated().reversed() {
        open.append((child, result.count, position))
      }
      result.append(nodes[index])
    }
    return result
  }
}
