internal import NoemaRules

extension TreeDrawing {
  /// Draws rules as a tree: a tree as it is, rules in an order as questions one below the other.
  ///
  /// Classes are counted at every node: what the network says of the examples that come there.
  ///
  /// - Returns: nil for rules that vote, and for lists too long to draw.
  init?(_ document: RuleDocument, title: String, on table: RuleTable, network: [Int]) {
    switch document {
    case .tree(let tree): self.init(tree, title, table, network)
    case .list(let list): self.init(list, title, table, network)
    case .set(let rules):
      guard let list = rules.list else { return nil }
      self.init(list, title, table, network)
    }
  }

  /// Longer lists are read as text.
  private static let listLimit = 100

  private init(_ tree: DecisionTree, _ title: String, _ table: RuleTable, _ network: [Int]) {
    let counts = tree.counts(of: network, on: table)
    var nodes = tree.nodes.indices.map { index in
      let node = tree.nodes[index], conclusion = tree.conclusion(atNode: index)
      return Node(
        text: node.split.map { tree.words(of: $0) } ?? RuleText.text(conclusion, in: tree.classes),
        counts: counts[index], weight: counts[index].reduce(0, +),
        conclusion: node.isLeaf ? conclusion.label : nil, children: node.children)
    }
    let missing = tree.features.indices.map { table.hasMissing($0) }
    for node in tree.nodes {
      guard let split = node.split else { continue }
      for (position, child) in node.children.enumerated() {
        // Where nothing is missing, nobody asks where it would go.
        let takesMissing = position == node.defaultChild && split.feature.map { missing[$0] } == true
        nodes[child].answer =
          tree.words(of: position, to: split) + (takesMissing ? " or missing" : "")
      }
    }
    self.init(
      title: title,
      description: Self.guide + " Missing values go the way that says so.", classes: tree.classes,
      nodes: nodes)
  }

  private init?(_ list: RuleList, _ title: String, _ table: RuleTable, _ network: [Int]) {
    guard list.rules.count <= Self.listLimit, let deciding = try? list.decidingRules(on: table) else {
      return nil
    }
    let classes = list.classes.indices
    var own = [[Double]](
      repeating: classes.map { _ in 0 }, count: list.rules.count + 1)
    for (row, rule) in deciding.enumerated() { own[rule ?? list.rules.count][network[row]] += 1 }
    func leaf(_ rule: Rule, _ index: Int, answer: String) -> Node {
      Node(
        text: RuleText.text(rule.conclusion, in: list.classes), answer: answer, counts: own[index],
        weight: own[index].reduce(0, +), conclusion: rule.conclusion.label)
    }
    var nodes: [Node] = []
    for (index, rule) in list.rules.enumerated() {
      let left = classes.map { label in own[index...].reduce(0) { $0 + $1[label] } }
      nodes.append(
        Node(
          text: RuleText.text(rule.clause, in: list.features), answer: index > 0 ? "else" : "",
          counts: left,
          weight: left.reduce(0, +), children: [nodes.count + 1, nodes.count + 2]))
      nodes.append(leaf(rule, index, answer: "then"))
    }
    nodes.append(leaf(list.otherwise, list.rules.count, answer: nodes.isEmpty ? "" : "else"))
    self.init(title: title, description: Self.guide, classes: list.classes, nodes: nodes, isList: true)
  }

  private static let guide =
    "Bars show what the network says of the examples that come to a node; lines are as wide as their share of all."
}

extension DecisionTree {
  /// For each node, the examples of each class that come there; missing values go to default children.
  fileprivate func counts(of labels: [Int], on table: RuleTable) -> [[Double]] {
    var parents = [Int](repeating: -1, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for child in node.children { parents[child] = index }
    }
    var counts = nodes.map { _ in classes.map { _ in 0.0 } }
    for row in 0..<table.rowCount {
      var node = leaf(row: row, of: table)
      while node >= 0 {
        counts[node][labels[row]] += 1
        node = parents[node]
      }
    }
    return counts
  }

  /// A question in words.
  fileprivate func words(of split: Split) -> String {
    switch split {
    case .term(let term): RuleText.text(term, in: features) + "?"
    case .groups(let feature, _): features[feature].name + "?"
    case .mOfN(let test): ShownCondition(test, holds: true).text(in: features) + "?"
    }
  }

  /// An answer in words.
  fileprivate func words(of position: Int, to split: Split) -> String {
    guard case .groups(let feature, let groups) = split else { return position == 0 ? "yes" : "no" }
    return groups[position].levels.map { features[feature].levels?[$0] ?? "\($0)" }
      .joined(separator: ", ")
  }
}

extension DecisionTree.Split {
  /// The feature whose missing values leave the question open.
  fileprivate var feature: Int? {
    switch self {
    case .term(.isMissing), .term(.isPresent), .mOfN: nil
    case .term(let term): term.feature
    case .groups(let feature, _): feature
    }
  }
}
