internal import NoemaTensor

/// Decision trees by gain ratio, with cases of missing value divided among branches and pruning by pessimistic error:
/// C4.5, and the rule sets of C5.0.
///
/// With the entropy `H` in bits, a test of the known cases gains `F (H − Σ W_c/W H_c)`, where `F` is the share of
/// weight whose value is known; the split information `−Σ W_c/W log2(W_c/W)` counts the unknown as a branch of their
/// own. Of the features whose gain is at least the average of all that gain, the one with the largest gain over split
/// information is asked, the first of equals.
///
/// - A threshold's gain is lowered by `log2(D − 1)/W` for `D` distinct values (Release 8).
/// - A category is asked with a branch for each level, or for groups of levels.
/// - A case whose value is missing goes down every branch with a part of its weight, also when the tree answers
///   (``DecisionTree/MissingPolicy/allChildren``). While the tree is grown, no part is smaller than a hundredth of
///   the case.
/// - Probabilities count as parts of a case of each class.
/// - Not taken over from C4.5 is that at most 25 cases, or a tenth of the mean class, must lie on either side of a
///   threshold: here that is ``minimumCases`` alone.
///
/// ```swift
/// let tree = try C45(minimumCases: 5).fit(TrainingTable(labeled))
/// let rules = try C45().fitRules(TrainingTable(labeled))
/// ```
///
/// - Sources: Quinlan, *C4.5: Programs for Machine Learning*, 1993; Quinlan, *Journal of Artificial Intelligence
///   Research* 1996 for the penalty of thresholds.
public struct C45: Sendable, Hashable, Codable {
  /// How a category is asked.
  public enum Categories: String, Sendable, Hashable, Codable {
    /// One branch for each level.
    case levels
    /// Groups of levels, merged two at a time as long as the gain ratio does not fall; of more than 128 levels at a
    /// node, one branch for each.
    case groups
  }

  /// Where between two values a threshold lies.
  public enum Thresholds: String, Sendable, Hashable, Codable {
    /// Midway.
    case midpoint
    /// At the largest value of the training table that is not above the middle, as C4.5 has it.
    case dataValue = "data-value"
  }

  /// Finding groups takes the cube of the number of levels.
  static let groupingLimit = 128

  /// At least two branches of a question must hold cases of this weight.
  public var minimumCases: Double
  /// The confidence of pessimistic errors; smaller prunes more.
  public var confidence: Double
  /// Whether the tree is pruned.
  public var prunes = true
  /// Whether a question may be replaced by its largest branch when the tree is pruned.
  public var raisesSubtrees = true
  /// Whether the gain ratio decides, and not the gain.
  public var usesGainRatio = true
  /// Whether a threshold pays for having been chosen among many.
  public var penalisesThresholds = true
  /// How categories are asked.
  public var categories = Categories.levels
  /// Where thresholds lie.
  public var thresholds = Thresholds.midpoint
  /// The most questions on a way down, 1 to 200.
  public var maximumDepth = 100

  /// Makes a learner.
  public init(minimumCases: Double = 2, confidence: Double = 0.25) {
    self.minimumCases = minimumCases
    self.confidence = confidence
  }

  /// Grows a tree and prunes it.
  ///
  /// - Throws: `RuleError.parameters` when a setting lies outside its range or numbers are to be predicted.
  /// - Complexity: `O(m n log n)` for `n` cases of `m` features, and `O(m n)` a level of the tree.
  public func fit(_ examples: TrainingTable) throws(RuleError) -> DecisionTree {
    try fit(examples, columns: SortedColumns(examples.table, .double))
  }

  /// Grows a tree over columns that were sorted before, which trees with other targets can share.
  func fit(
    _ examples: TrainingTable, columns: SortedColumns, workers: Int? = nil
  ) throws(RuleError) -> DecisionTree {
    try check(examples)
    let cases = C45Cases(examples)
    let grower = C45Grower(learner: self, columns: columns, cases: cases, workers: Workers(count: workers))
    var tree = grower.grow()
    if prunes {
      let pruning = C45Pruning(
        estimate: PessimisticError(confidence: confidence), raises: raisesSubtrees, table: examples.table,
        cases: cases)
      tree = pruning.pruned(tree)
    }
    return DecisionTree(
      unchecked: examples.table.features, classes: examples.classes, nodes: tree.nodes(),
      missingPolicy: .allChildren)
  }

  /// Grows a tree without pruning it and makes rules of it, which vote.
  ///
  /// - Throws: `RuleError` as ``fit(_:)``.
  public func fitRules(_ examples: TrainingTable) throws(RuleError) -> RuleSet {
    try fitRules(examples, columns: SortedColumns(examples.table, .double))
  }

  /// Grows a tree over columns that were sorted before and makes rules of it.
  func fitRules(
    _ examples: TrainingTable, columns: SortedColumns, workers: Int? = nil
  ) throws(RuleError) -> RuleSet {
    var learner = self
    learner.prunes = false
    let tree = try learner.fit(examples, columns: columns, workers: workers)
    return try TreeRules(confidence: confidence).ruleSet(tree, examples)
  }

  private func check(_ examples: TrainingTable) throws(RuleError) {
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(!examples.classes.isEmpty, "gain ratios need classes; use CART for numbers")
    try require(minimumCases > 0 && minimumCases.isFinite, "the cases must be above 0, found \(minimumCases)")
    try require(
      confidence > 0 && confidence < 1, "the confidence must lie between 0 and 1, found \(confidence)")
    try require((1...200).contains(maximumDepth), "the depth must be 1 to 200, found \(maximumDepth)")
  }
}

/// A tree while it is grown and pruned.
struct C45Tree: Sendable {
  /// The weight of each class.
  var distribution: [Double]
  var split: DecisionTree.Split?
  var children: [C45Tree] = []

  var weight: Double { distribution.reduce(0, +) }

  /// The nodes in preorder; the default child is the one of largest weight.
  func nodes() -> [DecisionTree.Node] {
    var result: [DecisionTree.Node] = []
    var open: [(tree: C45Tree, parent: Int, side: Int)] = [(self, -1, 0)]
    while let (tree, parent, side) = open.popLast() {
      if parent >= 0 { result[parent].children[side] = result.count }
      for (position, child) in tree.children.enumerated().reversed() {
        open.append((child, result.count, position))
      }
      let weight = tree.weight
      result.append(
        DecisionTree.Node(
          split: tree.split, children: tree.children.map { _ in 0 },
          defaultChild: tree.children.isEmpty ? 0 : DecisionTree.largest(tree.children.map(\.weight)),
          distribution: tree.distribution, weight: weight,
          impurity: weight > 0 ? ClassImpurity.entropy(tree.distribution, weight) : 0))
    }
    return result
  }
}
