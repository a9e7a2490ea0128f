/// A tree of tests whose leaves conclude.
///
/// Node 0 is the root, and children come after their parent. Every node holds its class weights (or its mean), so
/// that a tree can be cut anywhere.
public struct DecisionTree: RuleModel, Hashable {
  /// What an inner node asks.
  public enum Split: Sendable, Hashable {
    /// A test of one feature: child 0 where it holds, child 1 where it does not.
    case term(Term)
    /// A test of several features: child 0 where it holds, child 1 where it does not; nothing counts as missing.
    case mOfN(MOfN)
    /// One child for each group of levels, which do not overlap; a level in no group counts as missing.
    case groups(_ feature: Int, [LevelSet])
  }

  /// Where an example goes whose value is missing.
  public enum MissingPolicy: String, Sendable, Hashable, Codable {
    /// To the node's ``Node/defaultChild``.
    case defaultChild = "default-child"
    /// To all children, with weights in proportion to theirs; the distributions of the leaves reached are added
    /// (C4.5).
    case allChildren = "all-children"
  }

  /// One node.
  public struct Node: Sendable, Hashable {
    /// The question; nil at a leaf.
    public var split: Split?
    /// The indices of the children, as many as the question has answers.
    public var children: [Int]
    /// Which of the children takes examples whose value is missing: a position in ``children``.
    public var defaultChild: Int
    /// The weight of each class among the examples here; of a regression, the mean alone.
    public var distribution: [Double]
    /// The weight of the examples here.
    public var weight: Double
    /// The impurity of the examples here by the learner's criterion.
    public var impurity: Double

    /// Makes a node.
    public init(
      split: Split? = nil, children: [Int] = [], defaultChild: Int = 0, distribution: [Double],
      weight: Double,
      impurity: Double = 0
    ) {
      self.split = split
      self.children = children
      self.defaultChild = defaultChild
      self.distribution = distribution
      self.weight = weight
      self.impurity = impurity
    }

    /// Whether the node asks nothing.
    public var isLeaf: Bool { split == nil }
  }

  public let features: [Feature]
  public let classes: [String]
  /// The nodes, root first, children after their parents.
  public let nodes: [Node]
  /// Where an example goes whose value is missing.
  public let missingPolicy: MissingPolicy

  /// Makes a tree.
  ///
  /// - Throws: `RuleError.malformed` naming the node that does not fit: not every node but the root has one parent
  ///   before it, a question reads a feature that does not exist, or a distribution has the wrong length.
  public init(
    features: [Feature], classes: [String], nodes: [Node], missingPolicy: MissingPolicy = .defaultChild
  ) throws(RuleError) {
    try Feature.check(features)
    try RuleSet.check(classes)
    try DecisionTree.check(nodes, features, classes)
    self.init(unchecked: features, classes: classes, nodes: nodes, missingPolicy: missingPolicy)
  }

  /// The same tree with another way for missing values.
  public func with(_ missingPolicy: MissingPolicy) -> DecisionTree {
    DecisionTree(unchecked: features, classes: classes, nodes: nodes, missingPolicy: missingPolicy)
  }

  /// Makes a tree of parts that were checked before.
  init(unchecked features: [Feature], classes: [String], nodes: [Node], missingPolicy: MissingPolicy) {
    self.features = features
    self.classes = classes
    self.nodes = nodes
    self.missingPolicy = missingPolicy
  }

  public var terms: [Term] { nodes.flatMap { $0.split?.terms ?? [] } }

  /// The number of leaves.
  public var leafCount: Int { nodes.count(where: \.isLeaf) }

  /// The number of questions on the longest way down.
  public var depth: Int { depths.max() ?? 0 }

  /// The number of questions above each node.
  public var depths: [Int] {
    var depths = [Int](repeating: 0, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for child in node.children { depths[child] = depths[index] + 1 }
    }
    return depths
  }

  /// What a node would conclude as a leaf: the class of largest weight, the first of equals, or the mean.
  public func conclusion(atNode index: Int) -> Conclusion {
    let distribution = nodes[index].distribution
    return classes.isEmpty ? .value(distribution[0]) : .label(DecisionTree.largest(distribution))
  }

  static func largest(_ values: [Double]) -> Int {
    var best = 0
    for index in values.indices where values[index] > values[best] { best = index }
    return best
  }
}

// MARK: Prediction
extension DecisionTree {
  /// Which child an answer leads to; nil when the value is missing.
  @inline(__always)
  private func answer(_ split: Split, _ value: (Int) -> Double) -> Int? {
    switch split {
    case .term(let term):
      let value = value(term.feature)
      if value.isNaN {
        switch term {
        case .isMissing: return 0
        case .isPresent: return 1
        default: return nil
        }
      }
      return term.admits(value) ? 0 : 1
    case .mOfN(let test):
      let count = test.literals.reduce(0) { $0 + ($1.admits(value($1.feature)) ? 1 : 0) }
      return count >= test.m ? 0 : 1
    case .groups(let feature, let groups):
      let value = value(feature)
      return groups.firstIndex { $0.contains(value: value) }
    }
  }

  /// The leaf that an example reaches; missing values go to default children, whatever the policy.
  public func leaf(_ values: [Double]) -> Int { leaf { values[$0] } }

  /// The leaf that a row of a table reaches; missing values go to default children, whatever the policy.
  public func leaf(row: Int, of table: RuleTable) -> Int { leaf { table[row, $0] } }

  @inline(__always)
  private func leaf(_ value: (Int) -> Double) -> Int {
    var index = 0
    while let split = nodes[index].split {
      index = nodes[index].children[answer(split, value) ?? nodes[index].defaultChild]
    }
    return index
  }

  /// The class weights, adding to 1, or the mean that an example comes to under the missing policy.
  public func distribution(_ values: [Double]) -> [Double] { distribution { values[$0] } }

  /// The class weights, adding to 1, or the mean that a row of a table comes to under the missing policy.
  public func distribution(row: Int, of table: RuleTable) -> [Double] { distribution { table[row, $0] } }

  private func distribution(_ value: (Int) -> Double) -> [Double] {
    if missingPolicy == .defaultChild { return normalised(leaf(value)) }
    var total = [Double](repeating: 0, count: classes.isEmpty ? 1 : classes.count)
    // Depth first, first child first: the order in which exports add.
    var open: [(node: Int, share: Double)] = [(0, 1)]
    while let (index, share) = open.popLast() {
      let node = nodes[index]
      guard let split = node.split else {
        for (label, part) in normalised(index).enumerated() { total[label] += share * part }
        continue
      }
      if let child = answer(split, value) {
        open.append((node.children[child], share))
      } else {
        let weights = node.children.map { nodes[$0].weight }
        let sum = weights.reduce(0, +)
        for (child, weight) in zip(node.children, weights).reversed() where weight > 0 {
          open.append((child, share * weight / sum))
        }
        if sum <= 0 { open.append((node.children[node.defaultChild], share)) }
      }
    }
    return total
  }

  private func normalised(_ index: Int) -> [Double] {
    let distribution = nodes[index].distribution
    guard !classes.isEmpty else { return distribution }
    let sum = distribution.reduce(0, +)
    return sum > 0 ? distribution.map { $0 / sum } : distribution.map { _ in 1 / Double(classes.count) }
  }

  public func conclusion(_ values: [Double]) -> Conclusion { conclusion { values[$0] } }

  public func conclusions(on table: RuleTable) throws(RuleError) -> [Conclusion] {
    try table.check(matches: features)
    return (0..<table.rowCount).map { row in conclusion { table[row, $0] } }
  }

  private func conclusion(_ value: (Int) -> Double) -> Conclusion {
    guard missingPolicy == .allChildren else { return conclusion(atNode: leaf(value)) }
    let distribution = distribution(value)
    return classes.isEmpty ? .value(distribution[0]) : .label(DecisionTree.largest(distribution))
  }
}
