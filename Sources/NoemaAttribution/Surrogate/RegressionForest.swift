internal import NoemaTensor

/// A random forest for regression, kept for where rows fall rather than for what it predicts.
///
/// Trees grow on bootstrap rows by variance reduction. Every feature is sorted once; a node's rows stay
/// sorted by being divided in order.
///
/// - Source: Breiman, "Random Forests", 2001; defaults of scikit-learn's RandomForestRegressor otherwise.
struct RegressionForest: Sendable {
  /// A tree in flat arrays; node 0 is the root.
  struct Tree: Sendable {
    /// The feature that a node looks at; -1 at leaves.
    fileprivate(set) var features: [Int] = []
    fileprivate(set) var thresholds: [Double] = []
    /// The node of rows up to the threshold; that of the others follows it.
    fileprivate(set) var children: [Int] = []
    /// The variance of the root's rows, and by how much its split lowers it.
    fileprivate(set) var rootImpurity = 0.0
    fileprivate(set) var rootReduction = 0.0

    /// The leaf that a row falls into.
    func leaf(of row: some RandomAccessCollection<Double>) -> Int {
      var node = 0
      while features[node] >= 0 {
        let number = row[row.index(row.startIndex, offsetBy: features[node])]
        node = number <= thresholds[node] ? children[node] : children[node] + 1
      }
      return node
    }
  }

  let trees: [Tree]

  /// Grows a forest.
  ///
  /// - Parameters:
  ///   - rows: examples × features.
  ///   - share: the share of features that each node looks at.
  ///   - smallestLeaf: the least number of rows in a leaf.
  init(
    _ rows: Matrix, targets: [Double], trees: Int, share: Double, smallestLeaf: Int, random: RandomNumbers
  ) {
    let order = (0..<rows.columnCount).map { feature in
      (0..<rows.rowCount).sorted { rows[$0, feature] < rows[$1, feature] }
    }
    let wanted = max(1, Int(share * Double(rows.columnCount)))
    self.trees = (0..<trees).map { tree in
      var grower = TreeGrower(
        rows: rows, targets: targets, order: order, wanted: wanted, smallestLeaf: smallestLeaf,
        random: random.split(tree))
      return grower.grow()
    }
  }
}

/// Grows one tree.
private struct TreeGrower {
  let rows: Matrix
  let targets: [Double]
  let wanted: Int
  let smallestLeaf: Int
  /// How often each row was drawn.
  private let counts: [Double]
  /// For each feature the rows of all nodes, sorted by it within each node.
  private var order: [[Int]]
  private var random: RandomNumbers
  private var goesLeft: [Bool]
  private var tree = RegressionForest.Tree()

  init(
    rows: Matrix, targets: [Double], order: [[Int]], wanted: Int, smallestLeaf: Int, random: RandomNumbers
  ) {
    (self.rows, self.targets, self.wanted, self.smallestLeaf) = (rows, targets, wanted, smallestLeaf)
    self.random = random
    let counts = Bootstrap.counts(rows.rowCount, using: &self.random)
    self.counts = counts
    self.order = order.map { $0.filter { counts[$0] > 0 } }
    goesLeft = Array(repeating: false, count: rows.rowCount)
  }

  private struct Split {
    var feature: Int
    var place: Int
    var threshold: Double
    var gain: Double
  }

  mutating func grow() -> RegressionForest.Tree {
    _ = addNode()
    var open = [(node: 0, range: 0..<(order.first?.count ?? 0))]
    while let (node, range) = open.popLast() {
      let (weight, sum, squares) = totals(range)
      let impurity = weight > 0 ? max(0, squares / weight - (sum / weight) * (sum / weight)) : 0
      if node == 0 { tree.rootImpurity = impurity }
      guard range.count >= 2 * smallestLeaf, impurity > 1e-14 * max(1e-300, squares / weight),
        let split = bestSplit(range, weight: weight, sum: sum)
      else { continue }
      if node == 0 { tree.rootReduction = split.gain / weight }
      divide(range, at: split)
      let left = addNode()
      _ = addNode()
      (tree.features[node], tree.thresholds[node], tree.children[node]) = (
        split.feature, split.threshold, left
      )
      open.append((left + 1, split.place..<range.upperBound))
      open.append((left, range.lowerBound..<split.place))
    }
    return tree
  }

  private mutating func addNode() -> Int {
    tree.features.append(-1)
    tree.thresholds.append(0)
    tree.children.append(-1)
    return tree.features.count - 1
  }

  private func totals(_ range: Range<Int>) -> (weight: Double, sum: Double, squares: Double) {
    guard let order = order.first else { return (0, 0, 0) }
    var (weight, sum, squares) = (0.0, 0.0, 0.0)
    for row in order[range] {
      weight += counts[row]
      sum += counts[row] * targets[row]
      squares += counts[row] * targets[row] * targets[row]
    }
    return (weight, sum, squares)
  }

  /// The split that lowers the sum of squares most, among as many features as wanted that vary in the node.
  private mutating func bestSplit(_ range: Range<Int>, weight: Double, sum: Double) -> Split? {
    let mean = sum / weight
    var best: Split?, looked = 0
    for feature in random.sample(order.count, below: order.count) where looked < wanted {
      let sorted = order[feature]
      let (first, last) = (
        rows[sorted[range.lowerBound], feature], rows[sorted[range.upperBound - 1], feature]
      )
      guard first < last else { continue }
      looked += 1
      // About the mean, so that large targets lose no digits.
      var (left, part) = (0.0, 0.0)
      for place in range.dropLast() {
        let row = sorted[place]
        left += counts[row]
        part += counts[row] * (targets[row] - mean)
        let number = rows[row, feature], next = rows[sorted[place + 1], feature]
        guard number < next, place + 1 - range.lowerBound >= smallestLeaf,
          range.upperBound - place - 1 >= smallestLeaf
        else { continue }
        let gain = part * part / left + part * part / (weight - left)
        if gain > best?.gain ?? 0 {
          let middle = number + (next - number) / 2
          best = Split(
            feature: feature, place: place + 1, threshold: middle < next ? middle : number, gain: gain)
        }
      }
    }
    return best
  }

  /// Brings the rows of the left part to the front, for every feature, each part still sorted.
  private mutating func divide(_ range: Range<Int>, at split: Split) {
    for place in range { goesLeft[order[split.feature][place]] = place < split.place }
    for feature in order.indices where feature != split.feature {
      var left: [Int] = [], right: [Int] = []
      left.reserveCapacity(range.count)
      for row in order[feature][range] {
        if goesLeft[row] { left.append(row) } else { right.append(row) }
      }
      order[feature].replaceSubrange(range, with: left + right)
    }
  }
}
