internal import NoemaTensor

/// A TREPAN tree while it grows.
struct TrepanGrowth {
  /// A node, whether it asks a question or not.
  private struct Node {
    /// The estimated share of examples that come here.
    let reach: Double
    /// How many of the examples and queries that it was judged by the oracle gives each class.
    var counts: [Double]
    /// The held-out rows that come here.
    let heldOutRows: [Int]
    var test: MOfN?
    var split: DecisionTree.Split?
    var children: [Int] = []

    var label: Int { DecisionTree.largest(counts) }
    var fidelity: Double { counts[label] / max(1, counts.reduce(0, +)) }
    var priority: Double { reach * (1 - fidelity) }
  }

  /// A node that may become an inner one.
  private struct Leaf {
    let node: Int
    /// The training rows that come here.
    let rows: [Int]
    let path: PathConstraints
    let marginals: Marginals
  }

  /// Below so many examples, a node's marginals are those of the node above.
  private static let marginalMinimum = 30
  /// The level at which a node's marginals depart from those above, for all features together.
  private static let marginalSignificance = 0.05

  private let settings: Trepan
  private let oracle: any TableOracle
  private let training: RuleTable
  private let labels: [Int]
  private let heldOut: RuleTable
  private let heldOutLabels: [Int]
  private var nodes: [Node] = []
  private var open: [Leaf] = []
  /// The inner nodes in the order in which they were split.
  private var order: [Int] = []
  private var queryCount = 0
  /// The classes that the oracle named.
  private var named: Set<Int>

  /// Holds out examples and asks the oracle about all.
  init(_ settings: Trepan, _ oracle: any TableOracle, _ examples: RuleTable) throws {
    (self.settings, self.oracle) = (settings, oracle)
    var random = RandomNumbers(seed: settings.seed).split(-1)
    let shuffled = random.sample(examples.rowCount, below: examples.rowCount)
    let heldOutCount = Int(settings.heldOutShare * Double(examples.rowCount))
    heldOut = examples.subset(rows: shuffled.prefix(heldOutCount).sorted())
    training = examples.subset(rows: shuffled.dropFirst(heldOutCount).sorted())
    labels = try OracleAnswers(of: oracle, on: training).labels
    heldOutLabels = try OracleAnswers(of: oracle, on: heldOut).labels
    named = Set(labels + heldOutLabels)
    let rows = Array(0..<training.rowCount)
    nodes.append(Node(reach: 1, counts: counts(labels), heldOutRows: Array(0..<heldOut.rowCount)))
    open.append(
      Leaf(node: 0, rows: rows, path: PathConstraints(), marginals: try Marginals(of: training)))
  }

  private func counts(_ labels: some Sequence<Int>) -> [Double] {
    var counts = [Double](repeating: 0, count: oracle.classes.count)
    for label in labels { counts[label] += 1 }
    return counts
  }
}

// MARK: Growth
extension TrepanGrowth {
  /// Examines leaves, the worst first, until all are pure or there are enough questions.
  mutating func grow() throws {
    while order.count < settings.maximumNodes, let leaf = popWorst() {
      let sample = try sample(at: leaf)
      guard sample.table.rowCount > 0 else { continue }
      nodes[leaf.node].counts = counts(sample.labels)
      named.formUnion(sample.labels)
      guard !settings.isPure(nodes[leaf.node].counts) else { continue }
      let examples = try TrainingTable(sample.table, .labels(sample.labels), classes: oracle.classes)
      guard let split = try settings.search.best(examples)?.split, let test = MOfN(split) else { continue }
      nodes[leaf.node].split = split
      nodes[leaf.node].test = test
      order.append(leaf.node)
      for holds in [true, false] { addChild(leaf, test, holds, sample) }
    }
  }

  private mutating func popWorst() -> Leaf? {
    let worst = open.indices.max { a, b in
      let (first, second) = (nodes[open[a].node].priority, nodes[open[b].node].priority)
      return first != second ? first < second : a > b
    }
    return worst.map { open.remove(at: $0) }
  }

  /// The examples at a leaf with as many queries as they lack, and what the oracle says of them.
  private mutating func sample(at leaf: Leaf) throws -> (table: RuleTable, labels: [Int]) {
    var random = RandomNumbers(seed: settings.seed).split(leaf.node)
    let most = 10 * settings.minimumExamples
    var rows = leaf.rows
    if rows.count > most { rows = random.sample(most, below: rows.count).sorted().map { leaf.rows[$0] } }
    let known = (table: training.subset(rows: rows), labels: rows.map { labels[$0] })
    let lacking = settings.minimumExamples - rows.count
    guard lacking > 0 else { return known }
    let queries = leaf.marginals.draw(lacking, on: leaf.path, seed: random.next())
    queryCount += queries.rowCount
    let answers = try OracleAnswers(of: oracle, on: queries)
    return (try known.table.appending(queries), known.labels + answers.labels)
  }

  /// Adds one child of a leaf that has become an inner node.
  private mutating func addChild(
    _ leaf: Leaf, _ test: MOfN, _ holds: Bool, _ sample: (table: RuleTable, labels: [Int])
  ) {
    let here = sample.labels.indices.filter { test.holds(row: $0, of: sample.table) == holds }
    let rows = leaf.rows.filter { test.holds(row: $0, of: training) == holds }
    var path = leaf.path
    path.add(test, holds: holds, in: training.features)
    nodes[leaf.node].children.append(nodes.count)
    open.append(
      Leaf(node: nodes.count, rows: rows, path: path, marginals: marginals(rows, below: leaf.marginals)))
    nodes.append(
      Node(
        reach: nodes[leaf.node].reach * Double(here.count) / Double(sample.labels.count),
        counts: counts(here.map { sample.labels[$0] }),
        heldOutRows: nodes[leaf.node].heldOutRows.filter { test.holds(row: $0, of: heldOut) == holds }))
  }

  /// The marginals of some training rows, where they depart from those of the node above.
  private func marginals(_ rows: [Int], below above: Marginals) -> Marginals {
    guard rows.count >= TrepanGrowth.marginalMinimum else { return above }
    let significance = TrepanGrowth.marginalSignificance / Double(above.columns.count)
    let training = training
    return Marginals(
      Workers().map(above.columns.count) { feature in
        let column = training.column(feature)
        let own = FeatureMarginal(
          rows.map { column[column.startIndex + $0] }, of: training.features[feature])
        let differs = own.differs(from: above.columns[feature], significance: significance)
        return differs ? own : above.columns[feature]
      })
  }
}

// MARK: Result
extension TrepanGrowth {
  /// The tree of the size that agrees best with the oracle on held-out examples, the smallest of equals.
  func result() throws -> ExtractedRules {
    let hits = agreements()
    let size = heldOut.rowCount > 0 ? hits.indices.max { hits[$0] < hits[$1] } ?? 0 : order.count
    let total = training.rowCount + heldOut.rowCount
    var remarks = ["TREPAN asked the oracle about \(total) examples and \(queryCount) queries."]
    if named.count == 1, let label = named.first {
      remarks = [ExtractedRules.remark(only: label, of: oracle, rows: total + queryCount)]
    } else if heldOut.rowCount > 0 {
      if size < order.count {
        remarks.append(
          "Of \(order.count) questions the first \(size) are kept, with which the tree agrees best.")
      }
      remarks.append(
        ExtractedRules.remark(fidelity: hits[size], of: heldOut.rowCount, rows: "examples"))
    }
    let isTruncated = open.contains { nodes[$0.node].fidelity < 1 - settings.epsilon }
    return ExtractedRules(try tree(size, total), isTruncated: isTruncated, remarks: remarks)
  }

  /// For each number of questions, the held-out rows on which tree and oracle agree.
  private func agreements() -> [Int] {
    let own = nodes.map { node in node.heldOutRows.count { heldOutLabels[$0] == node.label } }
    var hits = [own[0]]
    for node in order {
      hits.append(hits[hits.count - 1] - own[node] + nodes[node].children.reduce(0) { $0 + own[$1] })
    }
    return hits
  }

  /// The tree after some questions.
  private func tree(_ size: Int, _ exampleCount: Int) throws(RuleError) -> DecisionTree {
    let asking = Set(order.prefix(size))
    let nodes = self.nodes.enumerated().map { index, node in
      let weight = node.reach * Double(exampleCount)
      let sum = max(1, node.counts.reduce(0, +))
      let distribution = node.counts.map { $0 / sum * weight }
      let asks = asking.contains(index)
      return DecisionTree.Node(
        split: asks ? node.split : nil, children: asks ? node.children : [], defaultChild: asks ? 1 : 0,
        distribution: distribution, weight: weight,
        impurity: weight > 0 ? ClassImpurity.entropy(distribution, weight) : 0)
    }
    return try DecisionTree(
      features: training.features, classes: oracle.classes, nodes: DecisionTree.preorder(nodes))
  }
}
