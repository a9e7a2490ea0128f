import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct CostComplexityTests {
  /// A tree as nested values, pruned by the definition.
  private indirect enum Branch {
    case leaf(cost: Double)
    case inner(cost: Double, [Branch])

    var cost: Double {
      switch self {
      case .leaf(let cost), .inner(let cost, _): cost
      }
    }
    var leaves: [Double] {
      switch self {
      case .leaf(let cost): [cost]
      case .inner(_, let children): children.flatMap(\.leaves)
      }
    }
    /// The least cost of a leaf at which some branch is due; infinite of a leaf.
    var weakest: Double {
      guard case .inner(let cost, let children) = self else { return .infinity }
      let own = (cost - leaves.reduce(0, +)) / Double(leaves.count - 1)
      return min(own, children.map(\.weakest).min() ?? .infinity)
    }
    /// All branches collapsed that are due at a cost, largest first.
    func pruned(_ limit: Double) -> Branch {
      guard case .inner(let cost, let children) = self else { return self }
      if (cost - leaves.reduce(0, +)) / Double(leaves.count - 1) <= limit { return .leaf(cost: cost) }
      return .inner(cost: cost, children.map { $0.pruned(limit) })
    }
  }

  private func branch(_ tree: DecisionTree, _ index: Int = 0) -> Branch {
    let node = tree.nodes[index]
    let cost = node.weight / tree.nodes[0].weight * node.impurity
    return node.isLeaf ? .leaf(cost: cost) : .inner(cost: cost, node.children.map { branch(tree, $0) })
  }

  private func noisy(_ seed: UInt64, rows: Int = 250) throws -> TrainingTable {
    var source = RandomTables(seed: seed)
    let table = try source.table(rows: rows, ordered: 4, values: 0)
    let labels = (0..<rows).map { row in
      source.random.uniform() < 0.8
        ? (table[row, 0] > 0 ? (table[row, 1] > 0.5 ? 2 : 1) : 0) : source.random.index(below: 3)
    }
    return try TrainingTable(table, .labels(labels), classes: ["a", "b", "c"])
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func pathsAreThoseOfTheDefinition(_ seed: UInt64) throws {
    let tree = try CART(minimumLeaf: 3).fit(noisy(seed))
    let path = CostComplexity(of: tree)
    #expect(path.costs.count > 10)
    var rest = branch(tree)
    var step = 0
    while case .inner = rest {
      let cost = rest.weakest
      rest = rest.pruned(cost + 1e-12)
      // All steps of that cost.
      while step + 1 < path.costs.count, abs(path.costs[step + 1] - cost) < 1e-11 { step += 1 }
      #expect(abs(path.costs[step] - cost) < 1e-11)
      #expect(abs(path.impurities[step] - rest.leaves.reduce(0, +)) < 1e-11)
      #expect(path.leafCounts[step] == rest.leaves.count)
    }
    #expect(step == path.costs.count - 1)
  }

  @Test func prunedTreesAreNested() throws {
    let examples = try noisy(7)
    let tree = try CART().fit(examples)
    let path = CostComplexity(of: tree)
    #expect(path.pruned(steps: 0) == tree)
    #expect(path.pruned(costOfLeaf: .infinity).nodes.count == 1)
    for steps in path.costs.indices {
      let pruned = path.pruned(steps: steps)
      #expect(pruned.leafCount == path.leafCounts[steps])
      // Checks that it is a tree.
      _ = try DecisionTree(features: pruned.features, classes: pruned.classes, nodes: pruned.nodes)
      let impurity = pruned.nodes.filter(\.isLeaf).reduce(0) {
        $0 + $1.weight / tree.nodes[0].weight * $1.impurity
      }
      #expect(abs(impurity - path.impurities[steps]) < 1e-12)
      // No tree between costs less with a leaf's cost between that of its coming and that of its going.
      let cost = path.costs[steps]
      for other in path.costs.indices {
        #expect(
          path.impurities[steps] + cost * Double(path.leafCounts[steps])
            <= path.impurities[other] + cost * Double(path.leafCounts[other]) + 1e-9)
      }
    }
    var learner = CART()
    learner.costOfLeaf = 0.01
    #expect(try learner.fit(examples) == path.pruned(costOfLeaf: 0.01))
  }

  @Test func aLeafHasAPathOfOneTree() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [1]])
    let path = CostComplexity(
      of: try CART().fit(TrainingTable(table, .labels([0, 1]), classes: ["a", "b"])))
    #expect(
      path.costs == [0] && path.impurities == [0.5] && path.leafCounts == [1] && path.prunedNodes.isEmpty)
  }

  // MARK: Cross-validation

  @Test func crossValidationFindsThePlantedSize() throws {
    let examples = try noisy(11, rows: 600)
    let choice = try PruningValidation().fit(examples, with: CART())
    #expect(choice.candidates.count > 5)
    #expect(choice.candidates.first!.costOfLeaf == 0)
    #expect(choice.candidates.last!.costOfLeaf == .infinity)
    #expect(choice.candidates.last!.leafCount == 1)
    #expect(choice.tree.leafCount == choice.candidates[choice.chosen].leafCount)
    #expect((3...8).contains(choice.tree.leafCount))
    let errors = choice.candidates.map(\.error)
    #expect(errors[choice.chosen] == errors.min())
    // One fifth of labels are drawn from three, so 2/15 are wrong at best.
    #expect(errors[choice.chosen] > 0.08 && errors[choice.chosen] < 0.2)
    #expect(errors.first! > errors[choice.chosen])
    let careful = try PruningValidation(standardErrors: 1).fit(examples, with: CART())
    #expect(careful.chosen >= choice.chosen)
    #expect(careful.tree.leafCount >= 3)
    #expect(try PruningValidation().fit(examples, with: CART()).tree == choice.tree)
  }

  /// The errors are those of the trees pruned and asked one by one.
  @Test(arguments: [false, true])
  func heldOutErrorsAreThoseOfPrunedTrees(_ numbers: Bool) throws {
    var source = RandomTables(seed: 3)
    let table = try source.table(rows: 40, ordered: 2, values: 0)
    let examples =
      numbers
      ? try TrainingTable(table, .values((0..<40).map { table[$0, 0] + source.random.normal() }))
      : try TrainingTable(table, .labels(source.labels(40, 2)), classes: ["a", "b"])
    var validation = PruningValidation()
    // With as many folds as rows, the folds need not be known.
    validation.folds = 40
    let learner = CART(minimumLeaf: 2)
    let choice = try validation.fit(examples, with: learner)
    for candidate in choice.candidates where candidate.costOfLeaf.isFinite {
      var error = 0.0
      for row in 0..<40 {
        let path = CostComplexity(of: try learner.fit(examples.subset(rows: (0..<40).filter { $0 != row })))
        let answer = path.pruned(costOfLeaf: candidate.costOfLeaf).conclusion(table.row(row))
        switch examples.target {
        case .labels(let labels): error += answer == .label(labels[row]) ? 0 : 1
        case .values(let values): error += (answer.value! - values[row]) * (answer.value! - values[row])
        case .probabilities: break
        }
      }
      #expect(abs(candidate.error - error / 40) < 1e-9)
      if !numbers {
        let deviation = (candidate.error * (1 - candidate.error) / 40).squareRoot()
        #expect(abs(candidate.standardError - deviation) < 1e-9)
      }
    }
  }

  @Test func foldsThatDoNotFitAreNamed() throws {
    let examples = try noisy(1).subset(rows: [0, 1, 2])
    var validation = PruningValidation()
    #expect(throws: RuleError(.tooFew(set: "the training table", found: 3, needed: 10))) {
      try validation.fit(examples, with: CART())
    }
    validation.folds = 1
    #expect(
      throws: RuleError(
        .parameters("cross-validation needs 2 or more folds and 0 or more standard errors, found 1 and 0.0"))
    ) {
      try validation.fit(examples, with: CART())
    }
  }
}
