import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// C4.5 by the definition: cases as pairs of row and weight, every question's branches made and measured.
private struct NaiveC45 {
  let examples: TrainingTable
  let learner: C45
  let whole: Double

  typealias Cases = [(row: Int, label: Int, weight: Double)]

  init(_ examples: TrainingTable, _ learner: C45) {
    self.examples = examples
    self.learner = learner
    whole = (0..<examples.table.rowCount).reduce(0) { $0 + (examples.weights?[$1] ?? 1) }
  }

  var all: Cases {
    guard case .labels(let labels) = examples.target else { return [] }
    return labels.indices.map { ($0, labels[$0], examples.weights?[$0] ?? 1) }
  }

  func weight(_ cases: Cases) -> Double { cases.reduce(0) { $0 + $1.weight } }

  func counts(_ cases: Cases) -> [Double] {
    examples.classes.indices.map { k in weight(cases.filter { $0.label == k }) }
  }

  func entropy(_ weights: [Double]) -> Double {
    let sum = weights.reduce(0, +)
    return -weights.reduce(0) { $0 + ($1 > 0 ? $1 / sum * log2($1 / sum) : 0) }
  }

  /// The branches of the known cases.
  func branches(_ cases: Cases, _ split: DecisionTree.Split) -> [Cases] {
    switch split {
    case .term(let term):
      let known = cases.filter { !examples.table[$0.row, term.feature].isNaN }
      return [
        known.filter { term.admits(examples.table[$0.row, term.feature]) },
        known.filter { !term.admits(examples.table[$0.row, term.feature]) },
      ]
    case .groups(let feature, let groups):
      return groups.map { group in cases.filter { group.contains(value: examples.table[$0.row, feature]) } }
    case .mOfN: return []
    }
  }

  func feature(_ split: DecisionTree.Split) -> Int {
    switch split {
    case .term(let term): term.feature
    case .groups(let feature, _): feature
    case .mOfN: 0
    }
  }

  func worth(_ cases: Cases, _ split: DecisionTree.Split) -> (gain: Double, information: Double)? {
    let parts = branches(cases, split)
    guard parts.count(where: { weight($0) >= learner.minimumCases - 1e-9 }) >= 2 else { return nil }
    let known = parts.flatMap { $0 }
    let share = weight(known) / weight(cases)
    var gain =
      share
      * (entropy(counts(known))
        - parts.reduce(0) { $0 + weight($1) / weight(known) * entropy(counts($1)) })
    if case .term(let term) = split, learner.penalisesThresholds {
      let distinct = Set(known.map { examples.table[$0.row, term.feature] }).count
      gain -= log2(Double(distinct - 1)) / weight(cases)
    }
    let missing = weight(cases) - weight(known)
    return (gain, entropy(parts.map { weight($0) } + (missing > 1e-9 ? [missing] : [])))
  }

  func candidate(_ feature: Int, _ cases: Cases) -> (
    split: DecisionTree.Split, gain: Double, information: Double
  )? {
    let values = Set(cases.map { examples.table[$0.row, feature] }.filter { !$0.isNaN }).sorted()
    var splits: [DecisionTree.Split] = []
    if examples.table.features[feature].isOrdered {
      splits = zip(values, values.dropFirst()).map { .term(.atMost(feature, ($0 + $1) / 2)) }
    } else if !values.isEmpty {
      splits = [.groups(feature, values.map { LevelSet([Int($0)]) })]
    }
    var best: (split: DecisionTree.Split, gain: Double, information: Double)?
    for split in splits {
      guard let worth = worth(cases, split), worth.gain > (best?.gain ?? -.infinity) + 1e-12 else { continue }
      best = (split, worth.gain, worth.information)
    }
    return best
  }

  func choose(_ cases: Cases) -> DecisionTree.Split? {
    guard weight(cases) >= 2 * learner.minimumCases, counts(cases).count(where: { $0 > 0 }) > 1 else {
      return nil
    }
    let candidates = examples.table.features.indices.compactMap { candidate($0, cases) }.filter {
      $0.gain > 1e-12
    }
    func isMany(_ split: DecisionTree.Split) -> Bool {
      guard case .groups(let feature, _) = split else { return false }
      return Double(examples.table.features[feature].levels!.count) >= 0.3 * (whole + 1)
    }
    let some = candidates.filter { !isMany($0.split) }
    let counting = some.isEmpty ? candidates : some
    let average = counting.reduce(0) { $0 + $1.gain } / Double(max(1, counting.count))
    var best: (split: DecisionTree.Split, ratio: Double)?
    for candidate in candidates where candidate.gain >= average - 1e-12 {
      let ratio = candidate.gain / candidate.information
      if ratio > (best?.ratio ?? 0) + 1e-12 { best = (candidate.split, ratio) }
    }
    return best?.split
  }

  func divided(_ cases: Cases, _ split: DecisionTree.Split) -> [Cases] {
    var parts = branches(cases, split)
    let weights = parts.map { weight($0) }
    let sum = weights.reduce(0, +)
    let largest = weights.firstIndex(of: weights.max()!)!
    let known = Set(parts.flatMap { $0.map(\.row) })
    for item in cases where !known.contains(item.row) {
      let original = examples.weights?[item.row] ?? 1
      if item.weight * weights.min()! / sum < 0.01 * original {
        parts[largest].append(item)
      } else {
        for index in parts.indices {
          parts[index].append((item.row, item.label, item.weight * weights[index] / sum))
        }
      }
    }
    return parts
  }

  func expectSame(_ tree: DecisionTree) {
    var open: [(node: Int, cases: Cases)] = [(0, all)]
    while let (index, cases) = open.popLast() {
      let node = tree.nodes[index]
      for (a, b) in zip(node.distribution, counts(cases)) { #expect(abs(a - b) < 1e-9) }
      let wanted = choose(cases)
      #expect(node.split == wanted, "node \(index) of \(cases.count) cases")
      guard let split = node.split, split == wanted else { continue }
      for (child, part) in zip(node.children, divided(cases, split)) { open.append((child, part)) }
    }
  }
}

@Suite struct C45Tests {
  private func examples(
    _ seed: UInt64, rows: Int = 60, missing: Double, weighted: Bool = false, classes: Int = 3
  ) throws -> TrainingTable {
    var source = RandomTables(seed: seed)
    let table = try source.table(rows: rows, ordered: 2, categories: 2, levels: 3, missing: missing)
    let labels = (0..<rows).map { row in
      let signal = (table[row, 0] > 0 ? 1 : 0) + (table[row, 2] == 1 ? 1 : 0)
      return source.random.uniform() < 0.8 ? signal % classes : source.random.index(below: classes)
    }
    return try TrainingTable(
      table, .labels(labels), classes: (0..<classes).map { "k\($0)" },
      weights: weighted ? source.weights(rows) : nil)
  }

  @Test(arguments: [0, 0.2], [false, true])
  func treesAreThoseOfTheDefinition(_ missing: Double, _ weighted: Bool) throws {
    for seed in 1...6 as ClosedRange<UInt64> {
      for penalises in [false, true] {
        let examples = try examples(seed, missing: missing, weighted: weighted)
        var learner = C45(minimumCases: seed > 3 ? 4 : 2)
        learner.prunes = false
        learner.penalisesThresholds = penalises
        let tree = try learner.fit(examples)
        #expect(tree.nodes.count > 1)
        NaiveC45(examples, learner).expectSame(tree)
      }
    }
  }

  /// A category of many levels has much gain and much split information; without the ratio it wins.
  @Test func theRatioDoesNotFavourManyBranches() throws {
    let levels = (0..<8).map { "l\($0)" }
    let table = try RuleTable(
      features: [Feature("many", kind: .categorical(levels: levels)), Feature("x")],
      rows: (0..<32).map { [Double($0 % 8), $0 % 8 < 4 ? 0 : 1] })
    let examples = try TrainingTable(
      table, .labels((0..<32).map { $0 % 8 < 4 ? 0 : 1 }), classes: ["n", "p"])
    var learner = C45()
    #expect(try learner.fit(examples).nodes[0].split == .term(.atMost(1, 0.5)))
    learner.usesGainRatio = false
    guard case .groups(0, let groups)? = try learner.fit(examples).nodes[0].split else {
      Issue.record("the gain of both is 1, and the first feature comes first")
      return
    }
    #expect(groups.count == 8)
    learner.usesGainRatio = true
    learner.categories = .groups
    // Merging ends at two groups, which divide as well as the number; equal ratios go to the first feature.
    #expect(
      try learner.fit(examples).nodes[0].split
        == .groups(0, [LevelSet([0, 1, 2, 3]), LevelSet([4, 5, 6, 7])]))
  }

  @Test func thresholdsLieInTheDataWhenAsked() throws {
    let table = try RuleTable(
      features: [Feature("x"), Feature("z")], rows: [[1, 0], [2, 0], [2.4, 1], [3, 0], [4, 0], [5, 0]])
    let examples = try TrainingTable(table, .labels([0, 0, 1, 1, 1, 1]), classes: ["n", "p"])
    var learner = C45()
    learner.penalisesThresholds = false
    #expect(try learner.fit(examples).nodes[0].split == .term(.atMost(0, 2.2)))
    learner.thresholds = .dataValue
    #expect(try learner.fit(examples).nodes[0].split == .term(.atMost(0, 2)))
  }

  @Test func sharesCountAsPartsOfCases() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [2], [3], [4]])
    let soft = try TrainingTable(
      table, .probabilities([0.75, 0.25, 0.75, 0.25, 0.25, 0.75, 0.25, 0.75]), classes: ["n", "p"])
    let rows = (0..<4).flatMap { [Int](repeating: $0, count: 4) }
    let labels = (0..<4).flatMap { row in (0..<4).map { ($0 < 3) == (row < 2) ? 0 : 1 } }
    let hard = try TrainingTable(table.subset(rows: rows), .labels(labels), classes: ["n", "p"])
    var learner = C45(minimumCases: 1)
    (learner.penalisesThresholds, learner.prunes) = (false, false)
    let (a, b) = (try learner.fit(soft), try learner.fit(hard))
    #expect(a.nodes.map(\.split) == b.nodes.map(\.split))
    #expect(a.nodes[0].split == .term(.atMost(0, 2.5)))
    #expect(a.nodes[0].distribution == [2, 2] && b.nodes[0].distribution == [8, 8])
  }

  @Test func missingValuesAreAnsweredInParts() throws {
    let table = try RuleTable(features: [Feature("x")], rows: [[1], [1], [1], [5], [.nan]])
    let examples = try TrainingTable(table, .labels([0, 0, 0, 1, 1]), classes: ["n", "p"])
    var learner = C45(minimumCases: 1)
    learner.prunes = false
    let tree = try learner.fit(examples)
    // Three quarters of the last case went left.
    #expect(tree.nodes[1].distribution == [3, 0.75] && tree.nodes[2].distribution == [0, 1.25])
    let answer = tree.distribution([.nan])
    #expect(abs(answer[0] - 3.75 / 5 * (3 / 3.75)) < 1e-12)
    #expect(tree.conclusion([.nan]) == .label(0))
  }

  @Test func resultsDoNotDependOnThreads() throws {
    var source = RandomTables(seed: 2)
    let table = try source.table(rows: 6000, ordered: 20, categories: 1, missing: 0.02, values: 300)
    let examples = try TrainingTable(
      table,
      .labels((0..<6000).map { table[$0, 0] > 0 || table[$0, 3] > 40 ? 1 : source.random.index(below: 2) }),
      classes: ["n", "p"])
    let columns = try SortedColumns(table, .double)
    let learner = C45(minimumCases: 20)
    let one = try learner.fit(examples, columns: columns, workers: 1)
    #expect(one.nodes.count > 3)
    for workers in [2, 3] { #expect(try learner.fit(examples, columns: columns, workers: workers) == one) }
    let rules = try learner.fitRules(examples, columns: columns, workers: 1)
    #expect(try learner.fitRules(examples, columns: columns, workers: 2) == rules)
  }

  /// What is missing everywhere must not multiply cases without end.
  @Test(.timeLimit(.minutes(1))) func casesThatLackMostValuesStayFew() throws {
    var source = RandomTables(seed: 6)
    let table = try source.table(rows: 2000, ordered: 12, missing: 0.6, values: 0)
    let examples = try TrainingTable(table, .labels(source.labels(2000, 2)), classes: ["n", "p"])
    var learner = C45()
    (learner.prunes, learner.penalisesThresholds) = (false, false)
    let tree = try learner.fit(examples)
    #expect(tree.leafCount > 10)
    let leaves = tree.nodes.filter(\.isLeaf).reduce(0) { $0 + $1.weight }
    #expect(abs(leaves - 2000) < 1e-6)
  }

  @Test func settingsOutsideTheirRangeAreNamed() throws {
    let examples = try examples(1, missing: 0)
    var learner = C45(minimumCases: 0)
    #expect(throws: RuleError(.parameters("the cases must be above 0, found 0.0"))) {
      try learner.fit(examples)
    }
    learner = C45(confidence: 1)
    #expect(throws: RuleError(.parameters("the confidence must lie between 0 and 1, found 1.0"))) {
      try learner.fit(examples)
    }
    learner = C45()
    learner.maximumDepth = 201
    #expect(throws: RuleError(.parameters("the depth must be 1 to 200, found 201"))) {
      try learner.fit(examples)
    }
    let numbers = try TrainingTable(examples.table, .values([Double](repeating: 0, count: 60)))
    #expect(throws: RuleError(.parameters("gain ratios need classes; use CART for numbers"))) {
      try C45().fit(numbers)
    }
  }

  // MARK: Pruning

  /// Quinlan's worked example: three leaves without errors promise more errors than the leaf in their place.
  @Test func threePureLeavesAreNotWorthTheirErrors() throws {
    let table = try RuleTable(
      features: [Feature("c", kind: .categorical(levels: ["u", "v", "w"]))],
      rows: (0..<16).map { [$0 < 6 ? 0 : $0 < 15 ? 1 : 2] })
    let examples = try TrainingTable(table, .labels((0..<16).map { $0 < 15 ? 0 : 1 }), classes: ["a", "b"])
    var learner = C45()
    learner.prunes = false
    #expect(try learner.fit(examples).leafCount == 3)
    learner.prunes = true
    #expect(try learner.fit(examples).leafCount == 1)
    // Without pessimism they stay.
    learner.confidence = 0.999
    #expect(try learner.fit(examples).leafCount == 3)
  }

  /// The pruned tree, found by a second writing of the procedure over the nodes of the unpruned tree.
  @Test(arguments: [false, true])
  func prunedTreesAreThoseOfTheDefinition(_ raises: Bool) throws {
    var (smaller, raised) = (0, 0)
    for seed in 1...12 as ClosedRange<UInt64> {
      let examples = try examples(seed, rows: 150, missing: 0, classes: 2)
      var learner = C45()
      (learner.prunes, learner.penalisesThresholds, learner.raisesSubtrees) = (false, false, raises)
      let full = try learner.fit(examples)
      learner.prunes = true
      let tree = try learner.fit(examples)
      let naive = NaivePruning(tree: full, examples: examples, raises: raises)
      let wanted = naive.pruned(naive.collapsed(naive.nested(0)), Array(0..<150))
      #expect(describe(tree) == wanted.shape.text)
      if tree.nodes.count < full.nodes.count { smaller += 1 }
      if naive.raisedCount.value > 0 { raised += 1 }
    }
    #expect(smaller > 6)
    #expect(raises ? raised > 0 : raised == 0)
  }

  private func describe(_ tree: DecisionTree, _ node: Int = 0) -> String {
    guard let split = tree.nodes[node].split else { return "\(tree.nodes[node].distribution)" }
    return "\(split)(" + tree.nodes[node].children.map { describe(tree, $0) }.joined(separator: " ") + ")"
  }
}

/// Pruning by the definition, on nested nodes and lists of rows.
private struct NaivePruning {
  let tree: DecisionTree
  let examples: TrainingTable
  let raises: Bool
  let raisedCount = Counter()

  final class Counter { var value = 0 }

  indirect enum Shape {
    case leaf([Double])
    case inner(DecisionTree.Split, [Shape])
    var text: String {
      switch self {
      case .leaf(let counts): "\(counts)"
      case .inner(let split, let parts): "\(split)(" + parts.map(\.text).joined(separator: " ") + ")"
      }
    }
  }

  func nested(_ index: Int) -> Shape {
    let node = tree.nodes[index]
    return node.split.map { .inner($0, node.children.map { nested($0) }) } ?? .leaf(node.distribution)
  }

  func counts(_ rows: [Int]) -> [Double] {
    guard case .labels(let labels) = examples.target else { return [] }
    return examples.classes.indices.map { k in Double(rows.count { labels[$0] == k }) }
  }

  func parts(_ rows: [Int], _ split: DecisionTree.Split, _ count: Int) -> [[Int]] {
    (0..<count).map { part in
      rows.filter { row in
        switch split {
        case .term(let term): term.admits(examples.table[row, term.feature]) == (part == 0)
        case .groups(let feature, let groups): groups[part].contains(value: examples.table[row, feature])
        case .mOfN: false
        }
      }
    }
  }

  /// The errors of a shape on the cases of the leaves as they were grown.
  func collapsed(_ shape: Shape) -> Shape {
    func sum(_ shape: Shape) -> [Double] {
      switch shape {
      case .leaf(let counts): counts
      case .inner(_, let parts):
        parts.map(sum).reduce(examples.classes.map { _ in 0 }) { zip($0, $1).map { $0 + $1 } }
      }
    }
    func errors(_ shape: Shape) -> Double {
      switch shape {
      case .leaf(let counts): counts.reduce(0, +) - counts.max()!
      case .inner(_, let parts): parts.reduce(0) { $0 + errors($1) }
      }
    }
    guard case .inner(let split, let parts) = shape else { return shape }
    let own = sum(shape)
    if errors(shape) >= own.reduce(0, +) - own.max()! - 1e-3 { return .leaf(own) }
    return .inner(split, parts.map { collapsed($0) })
  }

  func leafErrors(_ rows: [Int]) -> Double {
    let counts = counts(rows)
    let errors = Double(rows.count) - counts.max()!
    return PessimisticError().errors(cases: Double(rows.count), errors: errors)
  }

  func errors(_ shape: Shape, _ rows: [Int]) -> Double {
    guard case .inner(let split, let below) = shape else { return leafErrors(rows) }
    return zip(below, parts(rows, split, below.count)).reduce(0) { $0 + errors($1.0, $1.1) }
  }

  func pruned(_ shape: Shape, _ rows: [Int]) -> (shape: Shape, errors: Double) {
    guard case .inner(let split, let below) = shape else {
      return (rows.isEmpty ? shape : .leaf(counts(rows)), leafErrors(rows))
    }
    let rowsBelow = parts(rows, split, below.count)
    let results = zip(below, rowsBelow).map { pruned($0, $1) }
    let sum = results.reduce(0) { $0 + $1.errors }
    let largest = rowsBelow.indices.max { (rowsBelow[$0].count, -$0) < (rowsBelow[$1].count, -$1) }!
    let branch = raises ? errors(results[largest].shape, rows) : .infinity
    if leafErrors(rows) <= sum + 0.1, leafErrors(rows) <= branch + 0.1 {
      return (.leaf(counts(rows)), leafErrors(rows))
    }
    if branch <= sum + 0.1 {
      raisedCount.value += 1
      return pruned(results[largest].shape, rows)
    }
    return (.inner(split, results.map(\.shape)), sum)
  }
}
