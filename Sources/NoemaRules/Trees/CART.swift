/// Classification and regression trees: binary splits that lower the impurity most, grown greedily.
///
/// With the impurity `I` of a node of weight `W`, a split into children gains
/// `I − (W_left/W) I_left − (W_right/W) I_right`, and of all features and thresholds the one that gains most is taken.
/// Gains that differ by less than 1e-12 of the node's impurity count as equal; then the lowest feature and the lowest
/// threshold win. Thresholds lie midway between neighbouring values of the node's examples. At equal settings and
/// with `precision = .single` the tree is that of scikit-learn, whose ties fall by its seed.
///
/// - A missing value goes to the side where it gains more, and the split *present or not* is a candidate; where no
///   example of a node lacks the feature, missing values go later to the side with more examples.
/// - A category is split into two sets of levels; the smaller side is named, and levels that no example of the node
///   has go to the larger. The best sets are found for numbers and for two classes (by ordering levels by their
///   mean), and for up to ten levels; beyond, levels are ordered along the first principal component of their class
///   shares, which is not always best.
/// - Results do not depend on the number of threads.
///
/// ```swift
/// let tree = try CART(maximumDepth: 4).fit(TrainingTable(labeled))
/// ```
///
/// - Sources: Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984; Fisher 1958 for the
///   order of levels; Coppersmith, Hong and Hosking, *Data Mining and Knowledge Discovery* 1999 for the principal
///   component.
public struct CART: Sendable, Hashable, Codable {
  /// How impure a node is.
  public enum Criterion: String, Sendable, Hashable, Codable, CaseIterable {
    /// `1 − Σ p²` over the shares of the classes.
    case gini
    /// `−Σ p log2 p`, in bits.
    case entropy
    /// The mean squared distance from the mean: of numbers, or of class probabilities, where it is summed over
    /// classes.
    case squaredError = "squared-error"
  }

  /// How splits are searched.
  public enum Search: Sendable, Hashable, Codable {
    /// All thresholds, over columns that are sorted once.
    case exact
    /// The bounds of at most so many bins a feature, 2 to 255, of about equally many examples. A feature with no more
    /// distinct values than bins is searched exactly.
    case histogram(bins: Int = 255)
  }

  /// In which precision feature values are compared when a tree is grown.
  public enum Precision: String, Sendable, Hashable, Codable {
    /// As the table holds them.
    case double
    /// Rounded to float32, and neighbours no more than 1e-7 apart taken for equal, as scikit-learn does. The tree's
    /// thresholds compare with values as they are: on the rare value that rounds across a threshold the two disagree.
    case single
  }

  /// How a prediction may depend on a feature when all others stay.
  public enum Monotonicity: String, Sendable, Hashable, Codable {
    /// In any way.
    case free
    /// It must not fall as the feature grows: the number, or the share of the second of two classes.
    case increasing
    /// It must not rise.
    case decreasing
  }

  /// The impurity; nil for ``Criterion/gini`` of classes and ``Criterion/squaredError`` of numbers.
  public var criterion: Criterion?
  /// The most questions on a way down; nil for no limit.
  public var maximumDepth: Int?
  /// A node with fewer examples is not split.
  public var minimumSplit = 2
  /// The fewest examples of a child.
  public var minimumLeaf = 1
  /// The least weight of a child, as a share of the weight of all examples.
  public var minimumLeafWeight = 0.0
  /// The most leaves; nodes are then split in the order of their gain times their share of the weight. Nil for no
  /// limit.
  public var maximumLeaves: Int?
  /// The least gain, times the node's share of the weight, of a split.
  public var minimumDecrease = 0.0
  /// What predictions may depend on; empty, or one entry a feature. For numbers and for two classes only.
  public var monotonicity: [Monotonicity] = []
  /// The cost of a leaf in minimal cost-complexity pruning; see ``CostComplexity``.
  public var costOfLeaf = 0.0
  /// How values are compared.
  public var precision = Precision.double
  /// How splits are searched.
  public var search = Search.exact

  /// Makes a learner.
  public init(
    criterion: Criterion? = nil, maximumDepth: Int? = nil, minimumLeaf: Int = 1, maximumLeaves: Int? = nil
  ) {
    self.criterion = criterion
    self.maximumDepth = maximumDepth
    self.minimumLeaf = minimumLeaf
    self.maximumLeaves = maximumLeaves
  }

  /// Grows a tree, and prunes it when ``costOfLeaf`` is above 0.
  ///
  /// Nodes come in preorder, the side where the test holds first. Rows of weight 0 are left out.
  ///
  /// - Throws: `RuleError.parameters` when a setting lies outside its range or does not fit the target.
  /// - Complexity: `O(m n log n)` for `n` examples of `m` features, and `O(m n)` a level of the tree.
  public func fit(_ examples: TrainingTable) throws(RuleError) -> DecisionTree {
    try fit(examples, columns: SortedColumns(examples.table, precision))
  }

  /// Grows a tree over columns that were sorted before, which trees with other targets can share.
  ///
  /// - Parameters:
  ///   - columns: those of the examples' table, in this learner's precision.
  ///   - workers: how many threads work; all cores when nil.
  func fit(
    _ examples: TrainingTable, columns: SortedColumns, workers: Int? = nil
  ) throws(RuleError) -> DecisionTree {
    let criterion = try checkedCriterion(examples)
    let targets = TargetColumns(examples, criterion)
    let workers = Workers(count: workers)
    let limits = GrowthLimits(self, targets)
    let nodes: [DecisionTree.Node]
    switch search {
    case .exact:
      let search = ExactSearch(columns, targets, limits, workers)
      nodes = TreeGrower(search: search, targets: targets, limits: limits, workers: workers).grow()
    case .histogram(let bins):
      let search = HistogramSearch(try BinnedColumns(columns, bins, workers), targets, limits, workers)
      nodes = TreeGrower(search: search, targets: targets, limits: limits, workers: workers).grow()
    }
    let tree = DecisionTree(
      unchecked: examples.table.features, classes: examples.classes, nodes: nodes,
      missingPolicy: .defaultChild)
    return costOfLeaf > 0 ? CostComplexity(of: tree).pruned(costOfLeaf: costOfLeaf) : tree
  }
}

// MARK: Checks
extension CART {
  /// The criterion that is meant, after all settings were found to fit.
  private func checkedCriterion(_ examples: TrainingTable) throws(RuleError) -> Criterion {
    let isNumeric = examples.classes.isEmpty
    let criterion = criterion ?? (isNumeric ? .squaredError : .gini)
    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(RuleError) {
      guard condition else { throw RuleError(.parameters(text())) }
    }
    try require(
      !isNumeric || criterion == .squaredError,
      "a tree of numbers needs the criterion squared-error, found \(criterion.rawValue)")
    try require((maximumDepth ?? 1) >= 1, "the depth must be 1 or more, found \(maximumDepth ?? 0)")
    try require(minimumSplit >= 2, "the examples of a node to split must be 2 or more, found \(minimumSplit)")
    try require(minimumLeaf >= 1, "the examples of a leaf must be 1 or more, found \(minimumLeaf)")
    try require(
      (0...0.5).contains(minimumLeafWeight),
      "the share of a leaf must be 0 to 0.5, found \(minimumLeafWeight)")
    try require((maximumLeaves ?? 2) >= 2, "the leaves must be 2 or more, found \(maximumLeaves ?? 0)")
    try require(
      minimumDecrease >= 0 && minimumDecrease.isFinite,
      "the least gain must be 0 or more, found \(minimumDecrease)")
    try require(costOfLeaf >= 0, "the cost of a leaf must be 0 or more, found \(costOfLeaf)")
    if case .histogram(let bins) = search {
      try require((2...255).contains(bins), "a histogram has 2 to 255 bins, found \(bins)")
    }
    guard !monotonicity.isEmpty else { return criterion }
    let features = examples.table.features
    guard monotonicity.count == features.count else {
      throw RuleError(
        .count(what: "monotonicity constraints", found: monotonicity.count, expected: features.count))
    }
    let isFree = monotonicity.allSatisfy { $0 == .free }
    try require(
      isFree || isNumeric || examples.classes.count == 2,
      "monotonicity needs numbers or two classes, found \(examples.classes.count) classes")
    for (feature, monotonicity) in zip(features, monotonicity) where monotonicity != .free {
      try require(
        feature.isOrdered, "'\(feature.name)' is a category, and a prediction cannot rise or fall with it")
    }
    return criterion
  }
}
