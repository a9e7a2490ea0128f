internal import NoemaTensor

/// Cost-complexity pruning of a tree to the size that errs least in cross-validation.
///
/// The tree grown on all examples gives the sizes to choose from. For each, the cost of a leaf that leads to it is
/// the geometric mean of the costs at which it comes and goes; a tree grown on all folds but one is pruned at that
/// cost and judged on the fold.
///
/// ```swift
/// let choice = try PruningValidation(standardErrors: 1).fit(examples, with: CART(minimumLeaf: 5))
/// print(choice.tree.leafCount, choice.candidates[choice.chosen].error)
/// ```
///
/// - Source: Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, section 3.4.
public struct PruningValidation: Sendable, Hashable, Codable {
  /// The number of parts.
  public var folds = 10
  /// The smallest tree is taken whose error exceeds the least by no more than so many standard errors: 0 for the
  /// least error, 1 for the rule of Breiman et al.
  public var standardErrors: Double
  /// The seed of the folds, which hold the classes in equal shares.
  public var seed: UInt64 = 0

  /// Makes a validation.
  public init(standardErrors: Double = 0) { self.standardErrors = standardErrors }

  /// One size of the tree.
  public struct Candidate: Sendable, Hashable, Codable {
    /// The cost of a leaf that leads to it; infinite for the root alone, unless that is the only tree.
    public let costOfLeaf: Double
    /// The leaves of the tree on all examples.
    public let leafCount: Int
    /// The share of held-out weight that is given another class, or the mean squared error of numbers.
    public let error: Double
    /// The standard error of that, over examples.
    public let standardError: Double
  }

  /// What cross-validation chose.
  public struct Choice: Sendable {
    /// The tree on all examples, pruned.
    public let tree: DecisionTree
    /// All sizes, largest first.
    public let candidates: [Candidate]
    /// Which of them is the tree's.
    public let chosen: Int
  }

  /// Grows a tree and prunes it.
  ///
  /// - Parameter learner: its ``CART/costOfLeaf`` is not used.
  /// - Throws: `RuleError.parameters` for fewer than two folds or a negative number of standard errors, `.tooFew`
  ///   when there are fewer examples than folds, and what the learner throws.
  public func fit(_ examples: TrainingTable, with learner: CART) throws(RuleError) -> Choice {
    guard folds >= 2, standardErrors >= 0 else {
      throw RuleError(
        .parameters(
          "cross-validation needs 2 or more folds and 0 or more standard errors, found \(folds) and \(standardErrors)"
        ))
    }
    let rows = (0..<examples.table.rowCount).filter { examples.weight($0) > 0 }
    guard rows.count >= folds else {
      throw RuleError(.tooFew(set: "the training table", found: rows.count, needed: folds))
    }
    var learner = learner
    learner.costOfLeaf = 0
    let path = CostComplexity(of: try learner.fit(examples))
    let sizes = PruningValidation.sizes(path)
    let losses = try heldOut(examples, assignment(examples, rows), learner, sizes.map(\.cost))
    let candidates = zip(sizes, losses).map { size, loss in
      Candidate(
        costOfLeaf: size.cost, leafCount: path.leafCounts[size.steps], error: loss.mean,
        standardError: (loss.variance / Double(rows.count)).squareRoot())
    }
    let best = candidates.indices.min { candidates[$0].error < candidates[$1].error } ?? 0
    let limit = candidates[best].error + standardErrors * candidates[best].standardError
    // The last is the smallest tree.
    let chosen = candidates.indices.last { candidates[$0].error <= limit } ?? best
    return Choice(tree: path.pruned(steps: sizes[chosen].steps), candidates: candidates, chosen: chosen)
  }

  /// The trees on the path that differ in cost, each with a cost between those at which it comes and goes.
  private static func sizes(_ path: CostComplexity) -> [(steps: Int, cost: Double)] {
    var result: [(steps: Int, cost: Double)] = []
    for step in path.costs.indices {
      let come = max(0, path.costs[step])
      guard step + 1 < path.costs.count else {
        result.append((step, step == 0 ? 0 : .infinity))
        continue
      }
      let go = path.costs[step + 1]
      if go > path.costs[step], go > 0 { result.append((step, (come * go).squareRoot())) }
    }
    return result
  }

  /// The fold of each row that counts, −1 of others.
  private func assignment(_ examples: TrainingTable, _ rows: [Int]) -> [Int] {
    var numbers = RandomNumbers(seed: seed)
    let shuffled = numbers.sample(rows.count, below: rows.count).map { rows[$0] }
    var result = [Int](repeating: -1, count: examples.table.rowCount)
    var next = 0
    for label in 0..<max(1, examples.classes.count) {
      for row in shuffled where examples.label(row) == label {
        result[row] = next % folds
        next += 1
      }
    }
    return result
  }
}

// MARK: Losses on held-out examples
extension PruningValidation {
  /// The weighted mean of losses and their variance.
  private struct Loss {
    var mean: Double
    var variance: Double
  }

  /// For each cost of a leaf, the loss over all folds.
  private func heldOut(
    _ examples: TrainingTable, _ assignment: [Int], _ learner: CART, _ costs: [Double]
  ) throws(RuleError) -> [Loss] {
    let parts = Workers().map(folds) { fold in
      Result<[(sum: Double, squares: Double)], RuleError> { () throws(RuleError) in
        let rows = assignment.indices
        let training = examples.subset(rows: rows.filter { assignment[$0] >= 0 && assignment[$0] != fold })
        let path = CostComplexity(
          of: try learner.fit(
            training, columns: SortedColumns(training.table, learner.precision, workers: .one), workers: 1))
        let sums = PruningValidation.losses(path, examples, rows.filter { assignment[$0] == fold })
        return costs.map { sums[path.stepCount(costOfLeaf: $0)] }
      }
    }
    var sums = [(sum: Double, squares: Double)](repeating: (0, 0), count: costs.count)
    for part in parts {
      for (index, loss) in try part.get().enumerated() {
        sums[index].sum += loss.sum
        sums[index].squares += loss.squares
      }
    }
    let weight = assignment.indices.reduce(0) { $0 + examples.weight($1) }
    return sums.map { sum in
      let mean = sum.sum / weight
      return Loss(mean: mean, variance: max(0, sum.squares / weight - mean * mean))
    }
  }

  /// For each number of steps, the weighted sums of losses and of their squares over some rows.
  ///
  /// A node answers from the step that makes it a leaf until a step above it does; so one way down gives a row's
  /// losses at all steps.
  private static func losses(
    _ path: CostComplexity, _ examples: TrainingTable, _ rows: [Int]
  ) -> [(sum: Double, squares: Double)] {
    let tree = path.tree
    let count = path.prunedNodes.count + 1
    var leafFrom = tree.nodes.map { $0.isLeaf ? 0 : count }
    for (step, node) in path.prunedNodes.enumerated() { leafFrom[node] = step + 1 }
    var parents = [Int](repeating: -1, count: tree.nodes.count)
    for (index, node) in tree.nodes.enumerated() {
      for child in node.children { parents[child] = index }
    }
    // What changes at each step.
    var changes = [(sum: Double, squares: Double)](repeating: (0, 0), count: count + 1)
    for row in rows {
      var way = [tree.leaf(row: row, of: examples.table)]
      while parents[way[way.count - 1]] >= 0 { way.append(parents[way[way.count - 1]]) }
      var end = count
      for node in way.reversed() where leafFrom[node] < end {
        let loss = loss(tree.conclusion(atNode: node), examples, row)
        let (sum, squares) = (examples.weight(row) * loss, examples.weight(row) * loss * loss)
        changes[leafFrom[node]].sum += sum
        changes[leafFrom[node]].squares += squares
        changes[end].sum -= sum
        changes[end].squares -= squares
        end = leafFrom[node]
      }
    }
    var result: [(sum: Double, squares: Double)] = []
    var total = (sum: 0.0, squares: 0.0)
    for change in changes.dropLast() {
      total = (total.sum + change.sum, total.squares + change.squares)
      result.append(total)
    }
    return result
  }

  private static func loss(_ conclusion: Conclusion, _ examples: TrainingTable, _ row: Int) -> Double {
    switch (examples.target, conclusion) {
    case (.labels(let labels), .label(let label)): return labels[row] == label ? 0 : 1
    case (.probabilities(let all), .label(let label)): return 1 - all[row * examples.classes.count + label]
    case (.values(let values), .value(let value)): return (values[row] - value) * (values[row] - value)
    default: return 1
    }
  }
}
