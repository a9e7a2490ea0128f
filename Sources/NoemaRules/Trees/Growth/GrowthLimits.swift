/// What keeps a tree from growing, in the numbers of one training table.
struct GrowthLimits: Sendable {
  let minimumSplit: Int
  let minimumLeaf: Int
  let minimumLeafWeight: Double
  let maximumDepth: Int
  let maximumLeaves: Int?
  let minimumDecrease: Double
  /// An impurity or a gain that is taken for 0.
  let epsilon: Double
  /// Empty, or one entry a feature.
  let monotonicity: [CART.Monotonicity]
  let totalWeight: Double

  init(_ learner: CART, _ targets: TargetColumns) {
    minimumLeaf = learner.minimumLeaf
    minimumSplit = max(learner.minimumSplit, 2 * min(learner.minimumLeaf, Int.max / 2))
    minimumLeafWeight = learner.minimumLeafWeight * targets.totalWeight
    maximumDepth = learner.maximumDepth ?? Int.max
    maximumLeaves = learner.maximumLeaves
    minimumDecrease = learner.minimumDecrease
    monotonicity = learner.monotonicity.allSatisfy { $0 == .free } ? [] : learner.monotonicity
    totalWeight = targets.totalWeight
    // The impurity of classes is at most about 1; that of numbers has their unit.
    let scale =
      targets.classCount > 0
      ? 1 : targets.rows.withUnsafeBufferPointer { targets.statistics($0).impurity }
    epsilon = Double.ulpOfOne * scale
  }

  /// Whether a node may be asked a question.
  func allowsSplit(_ node: OpenNode) -> Bool {
    node.depth < maximumDepth && node.statistics.count >= minimumSplit
      && node.statistics.weight >= 2 * minimumLeafWeight && node.statistics.impurity > epsilon
  }

  func monotonicity(_ feature: Int) -> CART.Monotonicity {
    monotonicity.isEmpty ? .free : monotonicity[feature]
  }
}

/// A node whose question is not yet known.
struct OpenNode: Sendable {
  /// Which positions of every column hold its examples.
  let range: Range<Int>
  let depth: Int
  let statistics: NodeStatistics
  /// The bounds that monotonicity puts on the mean, or on the share of the second class.
  let lower: Double
  let upper: Double

  /// Scores that differ by less count as equal: a share of weight × impurity, and the rounding of sums of counts.
  var tolerance: Double {
    statistics.weight * (1e-12 * statistics.impurity + (statistics.sums.count > 1 ? 1e-15 : 0))
  }

  /// Whether sides of these means are allowed.
  @inline(__always)
  func admits(_ means: (left: Double, right: Double), _ monotonicity: CART.Monotonicity) -> Bool {
    switch monotonicity {
    case .free: return true
    case .increasing: if means.left > means.right { return false }
    case .decreasing: if means.left < means.right { return false }
    }
    return min(means.left, means.right) >= lower && max(means.left, means.right) <= upper
  }
}

/// The best split of a node by one feature.
struct FeatureSplit: Sendable {
  /// Which codes of a present value go left.
  enum Test: Sendable {
    /// Those up to the first; the second is the next that occurs at the node.
    case atMost(UInt32, next: UInt32)
    /// All.
    case present
    /// Some levels.
    case among(LevelSet)
  }

  let feature: Int
  /// What it takes off weight × impurity.
  let score: Double
  let test: Test
  /// Whether missing values go left; nil when no example of the node lacks the feature.
  let missingLeft: Bool?

  @inline(__always)
  func goesLeft(_ code: UInt32) -> Bool {
    if code == ColumnEntry.missing { return missingLeft ?? false }
    switch test {
    case .atMost(let last, _): return code <= last
    case .present: return true
    case .among(let codes): return codes.contains(Int(code))
    }
  }
}
