import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct CARTTests {
  /// Targets of every kind over the same table.
  enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case twoClasses, classes, weightedTwo, weightedClasses, softTwo, soft, numbers, weightedNumbers
    var testDescription: String { rawValue }

    func examples(_ table: RuleTable, _ source: inout RandomTables) throws -> TrainingTable {
      let rows = table.rowCount
      let two = ["no", "yes"]
      let four = ["a", "b", "c", "d"]
      switch self {
      case .twoClasses: return try TrainingTable(table, .labels(source.labels(rows, 2)), classes: two)
      case .classes: return try TrainingTable(table, .labels(source.labels(rows, 4)), classes: four)
      case .weightedTwo:
        return try TrainingTable(
          table, .labels(source.labels(rows, 2)), classes: two, weights: source.weights(rows))
      case .weightedClasses:
        return try TrainingTable(
          table, .labels(source.labels(rows, 4)), classes: four, weights: source.weights(rows))
      case .softTwo:
        return try TrainingTable(table, .probabilities(source.probabilities(rows, 2)), classes: two)
      case .soft:
        return try TrainingTable(
          table, .probabilities(source.probabilities(rows, 4)), classes: four, weights: source.weights(rows))
      case .numbers:
        return try TrainingTable(
          table, .values((0..<rows).map { _ in (source.random.normal() * 4).rounded() + 100 }))
      case .weightedNumbers:
        return try TrainingTable(
          table, .values((0..<rows).map { _ in source.random.normal() }), weights: source.weights(rows))
      }
    }

    var criteria: [CART.Criterion] {
      switch self {
      case .numbers, .weightedNumbers: [.squaredError]
      default: [.gini, .entropy, .squaredError]
      }
    }
  }

  /// Every node asks the question that an exhaustive search finds, and sends missing values the same way.
  private func expectNaive(_ tree: DecisionTree, _ naive: NaiveTree, exactQuestions: Bool) throws {
    var open: [(node: Int, rows: [Int], depth: Int)] = [
      (0, (0..<naive.examples.table.rowCount).filter { naive.examples.weights?[$0] != 0 }, 0)
    ]
    while let (index, rows, depth) = open.popLast() {
      let node = tree.nodes[index]
      #expect(abs(node.weight - naive.weight(rows)) < 1e-9)
      #expect(abs(node.impurity - naive.impurity(rows)) < 1e-9)
      for (a, b) in zip(node.distribution, naive.mean(rows)) {
        #expect(abs((tree.classes.isEmpty ? a : a / node.weight) - b) < 1e-9)
      }
      let wanted = naive.mayDivide(rows, depth: depth) ? naive.best(rows) : nil
      guard let wanted, case .term(let question)? = node.split else {
        #expect(node.isLeaf && wanted == nil, "node \(index) of \(rows.count) rows")
        continue
      }
      let sides = [0, 1].map { side in
        rows.filter { row in
          let value = naive.examples.table[row, question.feature]
          let first =
            value.isNaN && question != .isPresent(question.feature)
            ? node.defaultChild == 0 : question.admits(value)
          return first == (side == 0)
        }
      }
      let gain =
        naive.impurity(rows)
        - sides.reduce(0) { $0 + naive.weight($1) / naive.weight(rows) * naive.impurity($1) }
      #expect(abs(gain - wanted.gain) < 1e-9, "node \(index)")
      if exactQuestions {
        #expect(question == wanted.question, "node \(index)")
        let larger = wanted.sides[0].count > wanted.sides[1].count
        #expect(node.defaultChild == (wanted.missingFirst ?? larger ? 0 : 1), "node \(index)")
      }
      for (child, side) in zip(node.children, sides) { open.append((child, side, depth + 1)) }
    }
  }

  @Test(arguments: Kind.allCases)
  func splitsAreThoseOfAnExhaustiveSearch(_ kind: Kind) throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      var source = RandomTables(seed: seed)
      let table = try source.table(rows: 24, ordered: 3, missing: seed > 3 ? 0.2 : 0)
      let examples = try kind.examples(table, &source)
      for criterion in kind.criteria {
        let tree = try CART(criterion: criterion).fit(examples)
        try expectNaive(tree, NaiveTree(examples: examples, criterion: criterion), exactQuestions: true)
        var limited = CART(criterion: criterion, maximumDepth: 3, minimumLeaf: 3)
        limited.minimumLeafWeight = 0.15
        try expectNaive(
          try limited.fit(examples),
          NaiveTree(
            examples: examples, criterion: criterion, minimumLeaf: 3,
            minimumLeafWeight: 0.15 * (examples.weights?.reduce(0, +) ?? 24), maximumDepth: 3),
          exactQuestions: true)
      }
    }
  }

  /// Of two classes and of numbers the order by means holds the best set of levels; of more classes all sets are tried.
  @Test(arguments: Kind.allCases, [CART.Search.exact, .histogram()])
  func categoriesAreDividedBest(_ kind: Kind, _ search: CART.Search) throws {
    for seed in 1...5 as ClosedRange<UInt64> {
      var source = RandomTables(seed: seed)
      let table = try source.table(
        rows: 60, ordered: 1, categories: 2, levels: 5, missing: seed > 3 ? 0.15 : 0)
      let examples = try kind.examples(table, &source)
      for criterion in kind.criteria {
        var learner = CART(criterion: criterion, maximumDepth: 3)
        learner.search = search
        let tree = try learner.fit(examples)
        // Ties between sets of levels may fall otherwise.
        try expectNaive(
          tree, NaiveTree(examples: examples, criterion: criterion, maximumDepth: 3), exactQuestions: false)
        for node in tree.nodes {
          guard case .term(.isIn)? = node.split else { continue }
          #expect(tree.nodes[node.children[0]].weight > 0 && tree.nodes[node.children[1]].weight > 0)
        }
      }
    }
  }

  @Test func manyLevelsOfManyClassesComeNearTheBest() throws {
    var source = RandomTables(seed: 9)
    let table = try source.table(rows: 400, ordered: 0, categories: 1, levels: 12)
    // Each level prefers one of three classes.
    let labels = (0..<400).map { row in
      source.random.uniform() < 0.7 ? Int(table[row, 0]) % 3 : source.random.index(below: 3)
    }
    let examples = try TrainingTable(table, .labels(labels), classes: ["a", "b", "c"])
    let tree = try CART(maximumDepth: 1).fit(examples)
    let best = try #require(NaiveTree(examples: examples, criterion: .gini).best(Array(0..<400)))
    let gain =
      tree.nodes[0].impurity
      - [1, 2].reduce(0) { $0 + tree.nodes[$1].weight / 400 * tree.nodes[$1].impurity }
    #expect(gain > 0.8 * best.gain && gain <= best.gain + 1e-12)
  }

  @Test(arguments: Kind.allCases, [0.0, 0.2])
  func fewValuesMakeTheHistogramExact(_ kind: Kind, _ missing: Double) throws {
    var source = RandomTables(seed: 21)
    let table = try source.table(rows: 700, ordered: 4, missing: missing, values: 40)
    let examples = try kind.examples(table, &source)
    for criterion in kind.criteria {
      let exact = CART(criterion: criterion, minimumLeaf: 2)
      var histogram = exact
      histogram.search = .histogram()
      let (a, b) = (try exact.fit(examples), try histogram.fit(examples))
      #expect(a.nodes.map(\.split) == b.nodes.map(\.split))
      #expect(a.nodes.map(\.defaultChild) == b.nodes.map(\.defaultChild))
    }
  }

  /// A threshold of the histogram lies between two examples, and costs little.
  @Test func manyValuesAreBinned() throws {
    var source = RandomTables(seed: 4)
    let table = try source.table(rows: 3000, ordered: 3, values: 0)
    let labels = (0..<3000).map { table[$0, 0] > 0.3 && table[$0, 2] <= 0.8 ? 1 : 0 }
    let examples = try TrainingTable(table, .labels(labels), classes: ["no", "yes"])
    for bins in [16, 255] {
      var learner = CART(maximumDepth: 2)
      learner.search = .histogram(bins: bins)
      let tree = try learner.fit(examples)
      for node in tree.nodes {
        guard case .term(.atMost(let feature, let threshold, _))? = node.split else { continue }
        #expect(!table.column(feature).contains(threshold))
      }
      let right = zip(try tree.labels(on: table), labels).count { $0 == $1 }
      #expect(Double(right) / 3000 > (bins == 16 ? 0.95 : 0.99))
    }
  }

  @Test func resultsDoNotDependOnThreads() throws {
    var source = RandomTables(seed: 33)
    // Large enough that features are divided among threads, and subtrees after them.
    let table = try source.table(rows: 9000, ordered: 18, categories: 2, missing: 0.02, values: 500)
    for kind in [Kind.twoClasses, .soft, .weightedNumbers] {
      let examples = try kind.examples(table, &source)
      for search in [CART.Search.exact, .histogram(bins: 64)] {
        for leaves in [nil, 40] {
          var learner = CART(minimumLeaf: 5, maximumLeaves: leaves)
          learner.search = search
          let columns = try SortedColumns(table, .double)
          let one = try learner.fit(examples, columns: columns, workers: 1)
          #expect(one.leafCount > 30)
          for workers in [2, 3, 5] {
            #expect(try learner.fit(examples, columns: columns, workers: workers) == one)
          }
        }
      }
    }
  }

  @Test func exclusiveOrIsLearnt() throws {
    let table = try RuleTable(
      features: [Feature("a"), Feature("b")], rows: [[0, 0], [0, 1], [1, 0], [1, 1]])
    let examples = try TrainingTable(table, .labels([0, 1, 1, 0]), classes: ["equal", "different"])
    for search in [CART.Search.exact, .histogram()] {
      var learner = CART()
      learner.search = search
      // No question gains anything at the root, and the first one is asked all the same.
      let tree = try learner.fit(examples)
      #expect(tree.nodes[0].split == .term(.atMost(0, 0.5)))
      #expect(tree.leafCount == 4)
      #expect(try tree.labels(on: table) == [0, 1, 1, 0])
    }
  }

  /// One feature, two classes: Gini falls from 1/2 to 1/4 by hand.
  @Test func gainsAreThoseOfTheDefinition() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [2], [3], [4]])
    let examples = try TrainingTable(table, .labels([0, 0, 1, 0]), classes: ["n", "p"])
    let tree = try CART(maximumDepth: 1).fit(examples)
    #expect(tree.nodes[0].impurity == 0.375)
    #expect(tree.nodes[0].split == .term(.atMost(0, 2.5)))
    #expect(tree.nodes[1].impurity == 0)
    #expect(tree.nodes[2].impurity == 0.5)
    #expect(tree.nodes[0].distribution == [3, 1])
    let entropy = try CART(criterion: .entropy, maximumDepth: 1).fit(examples)
    #expect(abs(entropy.nodes[0].impurity - 0.811278124459133) < 1e-15)
  }

  @Test func bestFirstGrowsWhereItGainsMost() throws {
    var source = RandomTables(seed: 12)
    let table = try source.table(rows: 300, ordered: 4, values: 0)
    let examples = try TrainingTable(
      table, .values((0..<300).map { table[$0, 0] * 3 + table[$0, 1] + source.random.normal() }))
    let full = try CART(minimumLeaf: 5).fit(examples)
    let all = try CART(minimumLeaf: 5, maximumLeaves: 1000).fit(examples)
    // Without a limit that binds, the order does not matter.
    #expect(all == full)
    var last = full.nodes[0].impurity
    for leaves in 2...8 {
      let tree = try CART(minimumLeaf: 5, maximumLeaves: leaves).fit(examples)
      #expect(tree.leafCount == leaves)
      let cost = tree.nodes.filter(\.isLeaf).reduce(0) { $0 + $1.weight / 300 * $1.impurity }
      #expect(cost < last)
      last = cost
    }
  }

  @Test func soNarrowGapsAreOneValueInSinglePrecision() throws {
    let rows = [[0.5], [0.5 + 5e-8], [0.75], [1 + 1e-12]]
    let table = try RuleTable(features: [Feature("x")], rows: rows)
    let examples = try TrainingTable(table, .labels([0, 1, 1, 1]), classes: ["n", "p"])
    var learner = CART(maximumDepth: 1)
    #expect(try learner.fit(examples).nodes[0].split == .term(.atMost(0, 0.5 / 2 + (0.5 + 5e-8) / 2)))
    learner.precision = .single
    // The two lowest values are taken for equal, so the next gap is the best.
    #expect(
      try learner.fit(examples).nodes[0].split
        == .term(.atMost(0, 0.625 + Double(Float(0.5 + 5e-8) - 0.5) / 2)))
  }

  @Test func rowsWithoutWeightDoNotExist() throws {
    var source = RandomTables(seed: 8)
    let table = try source.table(rows: 80, ordered: 3)
    let labels = source.labels(80, 3)
    let weights = (0..<80).map { Double($0 % 3) }
    let kept = (0..<80).filter { weights[$0] > 0 }
    let classes = ["a", "b", "c"]
    let all = try TrainingTable(table, .labels(labels), classes: classes, weights: weights)
    for search in [CART.Search.exact, .histogram()] {
      var learner = CART()
      learner.search = search
      #expect(try learner.fit(all) == learner.fit(all.subset(rows: kept)))
    }
  }

  @Test func wholeWeightsAreRepeatedRows() throws {
    var source = RandomTables(seed: 18)
    let table = try source.table(rows: 50, ordered: 3, values: 0)
    let counts = (0..<50).map { _ in 1 + source.random.index(below: 3) }
    let labels = source.labels(50, 3)
    let weighted = try TrainingTable(
      table, .labels(labels), classes: ["a", "b", "c"], weights: counts.map { Double($0) })
    let rows = (0..<50).flatMap { [Int](repeating: $0, count: counts[$0]) }
    let repeated = try TrainingTable(
      table.subset(rows: rows), .labels(rows.map { labels[$0] }), classes: ["a", "b", "c"])
    for criterion in [CART.Criterion.gini, .entropy] {
      let (a, b) = (
        try CART(criterion: criterion).fit(weighted), try CART(criterion: criterion).fit(repeated)
      )
      #expect(a.nodes.map(\.split) == b.nodes.map(\.split))
      #expect(a.nodes.map(\.distribution) == b.nodes.map(\.distribution))
    }
  }

  @Test(arguments: [false, true], [CART.Search.exact, .histogram(bins: 32)])
  func predictionsRiseAndFallAsTold(_ numbers: Bool, _ search: CART.Search) throws {
    var source = RandomTables(seed: 5)
    let table = try source.table(rows: 600, ordered: 3, values: 0)
    let signal = (0..<600).map { row in
      table[row, 0] - table[row, 1] + 0.5 * table[row, 2] * table[row, 2] + 1.5 * source.random.normal()
    }
    let examples =
      numbers
      ? try TrainingTable(table, .values(signal))
      : try TrainingTable(table, .labels(signal.map { $0 > 0.5 ? 1 : 0 }), classes: ["n", "p"])
    for leaves in [nil, 25] {
      var learner = CART(minimumLeaf: 5, maximumLeaves: leaves)
      learner.search = search
      func violations(_ tree: DecisionTree) -> Int {
        (0..<600).reduce(0) { count, row in
          var found = count
          for (feature, sign) in [(0, 1.0), (1, -1.0)] {
            var values = table.row(row)
            let before = tree.distribution(values).last!
            values[feature] += 0.7
            if sign * (tree.distribution(values).last! - before) < -1e-12 { found += 1 }
          }
          return found
        }
      }
      #expect(violations(try learner.fit(examples)) > 0)
      learner.monotonicity = [.increasing, .decreasing, .free]
      let tree = try learner.fit(examples)
      #expect(tree.leafCount > 8)
      #expect(violations(tree) == 0)
    }
  }

  @Test func missingValuesGoWhereTheyGain() throws {
    let features = [Feature("x")]
    let table = try RuleTable(features: features, rows: [[1], [2], [3], [4], [.nan], [.nan]])
    let left = try TrainingTable(table, .labels([0, 0, 1, 1, 0, 0]), classes: ["n", "p"])
    let tree = try CART().fit(left)
    #expect(tree.nodes[0].split == .term(.atMost(0, 2.5)))
    #expect(tree.nodes[0].defaultChild == 0)
    let present = try TrainingTable(table, .labels([0, 0, 0, 0, 1, 1]), classes: ["n", "p"])
    let other = try CART().fit(present)
    #expect(other.nodes[0].split == .term(.isPresent(0)))
    #expect(try other.labels(on: table) == [0, 0, 0, 0, 1, 1])
    // What no example lacked goes to the larger side.
    let none = try TrainingTable(
      table.subset(rows: [0, 1, 2, 3]), .labels([0, 1, 1, 1]), classes: ["n", "p"])
    #expect(try CART().fit(none).nodes[0].defaultChild == 1)
  }

  @Test func degenerateTablesMakeALeaf() throws {
    let constant = try RuleTable(
      features: [Feature("x"), Feature("y")], rows: [[1, .nan], [1, .nan], [1, .nan]])
    for search in [CART.Search.exact, .histogram()] {
      var learner = CART()
      learner.search = search
      let mixed = try TrainingTable(constant, .labels([0, 1, 1]), classes: ["n", "p"])
      #expect(try learner.fit(mixed).nodes.count == 1)
      #expect(try learner.fit(mixed).conclusion([1, 1]) == .label(1))
      let one = try TrainingTable(constant, .values([2, 2, 2]))
      #expect(try learner.fit(one).conclusion([0, 0]) == .value(2))
      let single = try TrainingTable(constant.subset(rows: [0]), .labels([0]), classes: ["n", "p"])
      #expect(try learner.fit(single).nodes.count == 1)
    }
    let empty = try RuleTable(features: [], rowCount: 3, values: [])
    #expect(try CART().fit(TrainingTable(empty, .labels([0, 1, 1]), classes: ["n", "p"])).nodes.count == 1)
  }

  @Test func settingsOutsideTheirRangeAreNamed() throws {
    let table = try RuleTable(
      features: [Feature("x"), Feature("c", kind: .categorical(levels: ["u", "v"]))],
      rows: [[1, 0], [2, 1]])
    let classes = try TrainingTable(table, .labels([0, 1]), classes: ["n", "p"])
    let numbers = try TrainingTable(table, .values([0, 1]))
    func message(_ learner: CART, _ examples: TrainingTable) -> String {
      do {
        _ = try learner.fit(examples)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(
      message(CART(criterion: .gini), numbers)
        == "a tree of numbers needs the criterion squared-error, found gini")
    #expect(message(CART(maximumDepth: 0), classes) == "the depth must be 1 or more, found 0")
    #expect(message(CART(minimumLeaf: 0), classes) == "the examples of a leaf must be 1 or more, found 0")
    #expect(message(CART(maximumLeaves: 1), classes) == "the leaves must be 2 or more, found 1")
    var learner = CART()
    learner.search = .histogram(bins: 256)
    #expect(message(learner, classes) == "a histogram has 2 to 255 bins, found 256")
    learner.search = .histogram(bins: 2)
    #expect(message(learner, classes) == "no error")
    learner = CART()
    learner.monotonicity = [.increasing]
    #expect(message(learner, classes) == "found 1 monotonicity constraints, expected 2")
    learner.monotonicity = [.free, .decreasing]
    #expect(
      message(learner, classes) == "'c' is a category, and a prediction cannot rise or fall with it")
    let three = try TrainingTable(table, .labels([0, 1]), classes: ["n", "p", "q"])
    learner.monotonicity = [.increasing, .free]
    #expect(message(learner, three) == "monotonicity needs numbers or two classes, found 3 classes")
    let far = try RuleTable(features: [Feature("x")], rows: [[1], [1e39]])
    learner = CART()
    learner.precision = .single
    #expect(
      message(learner, try TrainingTable(far, .labels([0, 1]), classes: ["n", "p"]))
        == "column 'x' has a value beyond the range of float32; use double precision")
  }

  @Test func targetsThatDoNotFitAreNamed() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [2]])
    func message(_ make: () throws -> TrainingTable) -> String {
      do {
        _ = try make()
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(
      message { try TrainingTable(table, .labels([0]), classes: ["a"]) } == "found 1 labels, expected 2")
    #expect(
      message { try TrainingTable(table, .labels([0, 2]), classes: ["a", "b"]) }
        == "row 2: the class '2' is none of 'a', 'b'")
    #expect(
      message { try TrainingTable(table, .values([0, .nan])) }
        == "row 2: the value to predict is nan, expected less than 1e140")
    #expect(
      message { try TrainingTable(table, .probabilities([0.5, 0.5, 0.5, 0.6]), classes: ["a", "b"]) }
        == "row 2: probabilities must not be negative and add to 1, found [0.5, 0.6]")
    #expect(
      message { try TrainingTable(table, .values([0, 1]), weights: [1, -1]) }
        == "row 2: the weight is -1.0, expected 0 or more")
    #expect(
      message { try TrainingTable(table, .values([0, 1]), weights: [0, 0]) }
        == "weights need a finite sum above 0")
  }
}
