/// Pruning by pessimistic error: from the bottom up, a question stays only if it promises fewer errors than a leaf,
/// or than its largest branch with the cases of all branches.
struct C45Pruning {
  let estimate: PessimisticError
  let raises: Bool
  let table: RuleTable
  let cases: C45Cases

  /// A tree that errs by so much less than a smaller one does not err less.
  private static let slack = 0.1

  func pruned(_ tree: C45Tree) -> C45Tree {
    let all = WeightedCases(indices: (0..<cases.rows.count).map { UInt32($0) }, weights: cases.weights)
    return pruned(collapsed(tree), all).tree
  }

  /// Makes leaves of questions whose answers err as often on the training cases as a leaf.
  private func collapsed(_ tree: C45Tree) -> C45Tree {
    func collapse(_ tree: C45Tree) -> (tree: C45Tree, errors: Double) {
      let errors = tree.weight - (tree.distribution.max() ?? 0)
      guard tree.split != nil else { return (tree, errors) }
      let children = tree.children.map(collapse)
      let below = children.reduce(0) { $0 + $1.errors }
      guard below < errors - 1e-3 else { return (C45Tree(distribution: tree.distribution), errors) }
      var kept = tree
      kept.children = children.map(\.tree)
      return (kept, below)
    }
    return collapse(tree).tree
  }

  /// Prunes a tree for the cases that reach it, from which its class weights are counted anew.
  private func pruned(_ tree: C45Tree, _ here: WeightedCases) -> (tree: C45Tree, errors: Double) {
    // Where no case comes the old weights must do.
    let distribution = here.indices.isEmpty ? tree.distribution : cases.distribution(here)
    let leaf = C45Tree(distribution: distribution)
    let leafErrors = errors(here.indices.isEmpty ? [] : distribution)
    guard let split = tree.split else { return (leaf, leafErrors) }
    var children: [C45Tree] = []
    var treeErrors = 0.0
    let parts = divided(here, split, tree)
    for (child, part) in zip(tree.children, parts) {
      let result = pruned(child, part)
      children.append(result.tree)
      treeErrors += result.errors
    }
    var branchErrors = Double.infinity
    let largest = DecisionTree.largest(parts.map { $0.weights.reduce(0, +) })
    if raises { branchErrors = errors(children[largest], here) }
    if leafErrors <= min(treeErrors, branchErrors) + C45Pruning.slack { return (leaf, leafErrors) }
    if branchErrors <= treeErrors + C45Pruning.slack { return pruned(children[largest], here) }
    return (C45Tree(distribution: distribution, split: split, children: children), treeErrors)
  }

  private func errors(_ distribution: [Double]) -> Double {
    let weight = distribution.reduce(0, +)
    return estimate.errors(cases: weight, errors: max(0, weight - (distribution.max() ?? 0)))
  }

  /// The expected errors of a tree whose leaves would be counted anew on some cases.
  private func errors(_ tree: C45Tree, _ here: WeightedCases) -> Double {
    if here.indices.isEmpty { return 0 }
    guard let split = tree.split else { return errors(cases.distribution(here)) }
    return zip(tree.children, divided(here, split, tree)).reduce(0) { $0 + errors($1.0, $1.1) }
  }

  /// Sends cases down the branches; a case without value goes down all of them in parts.
  private func divided(
    _ here: WeightedCases, _ split: DecisionTree.Split, _ tree: C45Tree
  ) -> [WeightedCases] {
    var parts = tree.children.map { _ in WeightedCases(indices: [], weights: []) }
    var weights = [Double](repeating: 0, count: parts.count)
    let branches = here.indices.map { branch(split, Int(cases.rows[Int($0)])) }
    for (branch, weight) in zip(branches, here.weights) where branch >= 0 { weights[branch] += weight }
    // When nothing is known of these cases, the tree's own proportions hold.
    if weights.allSatisfy({ $0 <= 0 }) { weights = tree.children.map(\.weight) }
    let (known, largest) = (weights.reduce(0, +), DecisionTree.largest(weights))
    let least = (weights.filter { $0 > 0 }.min() ?? 0) / known
    for (position, branch) in branches.enumerated() {
      let (index, weight) = (here.indices[position], here.weights[position])
      let isWhole = weight * least < C45Cases.smallestPart * cases.weights[Int(index)]
      for part in parts.indices where weights[part] > 0 {
        if branch < 0, !isWhole {
          parts[part].indices.append(index)
          parts[part].weights.append(weight * weights[part] / known)
        } else if part == (branch < 0 ? largest : branch) {
          parts[part].indices.append(index)
          parts[part].weights.append(weight)
        }
      }
    }
    return parts
  }

  private func branch(_ split: DecisionTree.Split, _ row: Int) -> Int {
    switch split {
    case .term(let term):
      let value = table[row, term.feature]
      return value.isNaN ? -1 : term.admits(value) ? 0 : 1
    case .groups(let feature, let groups):
      let value = table[row, feature]
      return groups.firstIndex { $0.contains(value: value) } ?? -1
    case .mOfN(let test): return test.holds(row: row, of: table) ? 0 : 1
    }
  }
}
