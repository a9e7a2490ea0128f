/// Grows the tree of C4.5 from the root.
struct C45Grower: Sendable {
  let learner: C45
  let columns: SortedColumns
  let cases: C45Cases
  let workers: Workers

  /// Nodes of fewer values, cases times features, are not worth dividing among workers.
  private static let smallNode = 1 << 16

  /// A node of the tree, its children by index.
  private struct Grown {
    var distribution: [Double]
    var split: DecisionTree.Split?
    var children: [Int] = []
  }

  func grow() -> C45Tree {
    let logarithms = (0...cases.rows.count).map { ClassImpurity.timesLog(Double($0)) }
    let trainingWeight = cases.weights.reduce(0, +)
    var grown: [Grown] = []
    // Nodes that wait share no cases, so memory stays that of the table.
    var open: [(cases: NodeCases, depth: Int, parent: Int, side: Int)] = [
      (NodeCases(cases, columns, workers), 0, -1, 0)
    ]
    while let (node, depth, parent, side) = open.popLast() {
      let index = grown.count
      if parent >= 0 { grown[parent].children[side] = index }
      let distribution = node.distribution
      grown.append(Grown(distribution: padded(distribution.classes)))
      let search = C45Search(
        learner: learner, cases: node, distribution: distribution, logarithms: logarithms)
      guard depth < learner.maximumDepth, let split = best(search, trainingWeight) else { continue }
      let (branches, weights) = branches(split, node)
      let parts = node.divided(branches, weights, cases.weights, workers(node))
      grown[index].split = question(split)
      grown[index].children = parts.map { _ in 0 }
      for (side, part) in parts.enumerated().reversed() { open.append((part, depth + 1, index, side)) }
    }
    return nested(grown)
  }

  private func padded(_ classes: [Double]) -> [Double] {
    classes + [Double](repeating: 0, count: cases.classCount - classes.count)
  }

  /// The same nodes as one value; children come after their parents.
  private func nested(_ grown: [Grown]) -> C45Tree {
    var trees = grown.map { C45Tree(distribution: $0.distribution, split: $0.split) }
    for index in grown.indices.reversed() {
      trees[index].children = grown[index].children.map { trees[$0] }
    }
    return trees[0]
  }

  private func workers(_ node: NodeCases) -> Workers {
    node.indices.count * columns.features.count < C45Grower.smallNode ? .one : workers
  }

  /// The question to ask of a node; nil when it stays a leaf.
  private func best(_ search: C45Search, _ trainingWeight: Double) -> C45Split? {
    let distribution = search.distribution
    guard distribution.weight >= 2 * learner.minimumCases * (1 - 1e-9),
      distribution.classes.count(where: { $0 > 0 }) > 1
    else { return nil }
    let candidates = workers(search.cases).map(columns.features.count) { feature in
      columns.features[feature].isOrdered
        ? search.threshold(feature)
        : search.category(
          feature, levelCount: columns.features[feature].levels?.count ?? 0, trainingWeight: trainingWeight)
    }
    return choose(candidates, distribution)
  }

  /// The candidate of best ratio among those that gain at least as much as the average.
  private func choose(_ candidates: [C45Split?], _ node: NodeCases.Distribution) -> C45Split? {
    let tolerance = 1e-12 * ClassImpurity.entropy(node.classes, node.weight)
    let gaining = candidates.compactMap { $0 }.filter { $0.gain > tolerance }
    let counting = gaining.contains { !$0.isManyValued } ? gaining.filter { !$0.isManyValued } : gaining
    let average = counting.reduce(0) { $0 + $1.gain } / Double(max(1, counting.count))
    var best: C45Split?
    for split in gaining {
      guard learner.usesGainRatio else {
        if split.gain > (best?.gain ?? 0) + tolerance { best = split }
        continue
      }
      if split.gain >= average - tolerance, split.ratio > (best?.ratio ?? 0) + 1e-12 { best = split }
    }
    return best
  }

  /// For each case of a node its branch, −1 where the value is missing; and the weight of each branch.
  private func branches(_ split: C45Split, _ node: NodeCases) -> ([Int32], [Double]) {
    var branchOfCode: [UInt32: Int32] = [:]
    var count = 2
    if case .groups(let groups) = split.test {
      count = groups.count
      for (branch, codes) in groups.enumerated() {
        for code in codes { branchOfCode[code] = Int32(branch) }
      }
    }
    var branches = [Int32](repeating: -1, count: node.indices.count)
    var weights = [Double](repeating: 0, count: count)
    for entry in node.columns[split.feature] {
      let branch: Int32
      if case .atMost(let last, _) = split.test {
        branch = entry.code <= last ? 0 : 1
      } else {
        branch = branchOfCode[entry.code] ?? 0
      }
      branches[Int(entry.row)] = branch
      weights[Int(branch)] += node.weights[Int(entry.row)]
    }
    return (branches, weights)
  }

  private func question(_ split: C45Split) -> DecisionTree.Split {
    let values = columns.distinct[split.feature]
    switch split.test {
    case .groups(let groups):
      return .groups(split.feature, groups.map { codes in LevelSet(codes.map { Int(values[Int($0)]) }) })
    case .atMost(let code, let next):
      let (lower, upper) = (values[Int(code)], values[Int(next)])
      let middle = SortedColumns.threshold(lower, upper)
      guard learner.thresholds == .dataValue else { return .term(.atMost(split.feature, middle)) }
      // Between the two there are values of cases elsewhere in the tree.
      let value = values[Int(code)..<Int(next)].last { $0 <= middle } ?? lower
      return .term(.atMost(split.feature, value))
    }
  }
}
