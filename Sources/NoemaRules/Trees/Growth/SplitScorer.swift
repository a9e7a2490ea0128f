/// Sums of the two sides of a split while examples move, one after the other, from the right to the left.
protocol SplitScorer {
  /// Puts all examples of the node to the right.
  mutating func reset()
  /// Moves an example to the left.
  mutating func moveLeft(_ row: Int)
  /// The weights of the sides.
  var weights: (left: Double, right: Double) { get }
  /// The means of the sides, or the shares of the second class.
  var means: (left: Double, right: Double) { get }
  /// What the split takes off weight × impurity; −∞ when a side has no weight.
  var score: Double { get }
}

/// Examples of two classes, counted: exact, and the fastest.
struct TwoCounts: SplitScorer {
  private let labels: UnsafePointer<UInt16>
  private let count: Int
  private let ones: Int
  private var left = 0
  private var leftOnes = 0

  init(_ targets: TargetColumns, _ node: NodeStatistics) {
    labels = UnsafePointer(targets.labels!)
    count = node.count
    ones = Int(node.sums[1])
  }

  mutating func reset() { (left, leftOnes) = (0, 0) }

  @inline(__always)
  mutating func moveLeft(_ row: Int) {
    left += 1
    leftOnes += Int(labels[row])
  }

  var weights: (left: Double, right: Double) { (Double(left), Double(count - left)) }

  var means: (left: Double, right: Double) {
    (Double(leftOnes) / Double(left), Double(ones - leftOnes) / Double(count - left))
  }

  @inline(__always)
  var score: Double {
    // Twice the variance between the sides, without a difference of rounded numbers.
    let excess = Double(leftOnes * count - ones * left)
    return 2 * excess * excess / (Double(count) * Double(left) * Double(count - left))
  }
}

/// Weighted numbers, compared by their means.
struct MeanSums: SplitScorer {
  private let pairs: UnsafePointer<TargetColumns.WeightedValue>
  private let mean: Double
  private let weight: Double
  private let factor: Double
  private var left = 0.0
  /// The sum of distances from the node's mean.
  private var leftSum = 0.0

  init(_ targets: TargetColumns, _ node: NodeStatistics, factor: Double) {
    pairs = UnsafePointer(targets.pairs!)
    (mean, weight) = (node.mean, node.weight)
    self.factor = factor
  }

  mutating func reset() { (left, leftSum) = (0, 0) }

  @inline(__always)
  mutating func moveLeft(_ row: Int) {
    let pair = pairs[row]
    left += pair.weight
    leftSum += pair.product - mean * pair.weight
  }

  var weights: (left: Double, right: Double) { (left, weight - left) }

  var means: (left: Double, right: Double) { (mean + leftSum / left, mean - leftSum / (weight - left)) }

  @inline(__always)
  var score: Double {
    let right = weight - left
    return left > 0 && right > 0 ? factor * leftSum * leftSum * weight / (left * right) : -.infinity
  }
}

/// Counted examples of several classes under the Gini impurity.
struct GiniCounts: SplitScorer {
  private let labels: UnsafePointer<UInt16>
  private let totals: [Double]
  private let count: Int
  /// Left and right of each class.
  private let counts: UnsafeMutablePointer<Int>
  private let square: Int
  private var left = 0
  private var leftSquare = 0
  private var rightSquare = 0

  init(_ targets: TargetColumns, _ node: NodeStatistics, _ scratch: SplitScratch) {
    labels = UnsafePointer(targets.labels!)
    totals = node.sums
    count = node.count
    counts = scratch.counts
    square = node.sums.reduce(0) { $0 + Int($1) * Int($1) }
  }

  mutating func reset() {
    for (k, total) in totals.enumerated() { (counts[2 * k], counts[2 * k + 1]) = (0, Int(total)) }
    (left, leftSquare, rightSquare) = (0, 0, square)
  }

  @inline(__always)
  mutating func moveLeft(_ row: Int) {
    let here = counts + 2 * Int(labels[row])
    left += 1
    leftSquare += 2 * here[0] + 1
    rightSquare -= 2 * here[1] - 1
    here[0] += 1
    here[1] -= 1
  }

  var weights: (left: Double, right: Double) { (Double(left), Double(count - left)) }

  /// Of two classes only.
  var means: (left: Double, right: Double) {
    (Double(counts[2]) / Double(left), Double(counts[3]) / Double(count - left))
  }

  @inline(__always)
  var score: Double {
    Double(leftSquare) / Double(left) + Double(rightSquare) / Double(count - left)
      - Double(square) / Double(count)
  }
}

/// Counted examples under the entropy, with a table instead of logarithms.
struct EntropyCounts: SplitScorer {
  private let labels: UnsafePointer<UInt16>
  private let totals: [Double]
  private let count: Int
  /// Left and right of each class.
  private let counts: UnsafeMutablePointer<Int>
  private let logarithms: UnsafePointer<Double>
  private let whole: Double
  private var left = 0

  init(
    _ targets: TargetColumns, _ node: NodeStatistics, _ scratch: SplitScratch,
    _ logarithms: UnsafePointer<Double>
  ) {
    labels = UnsafePointer(targets.labels!)
    totals = node.sums
    count = node.count
    counts = scratch.counts
    self.logarithms = logarithms
    whole = node.sums.reduce(-logarithms[node.count]) { $0 + logarithms[Int($1)] }
  }

  mutating func reset() {
    for (k, total) in totals.enumerated() { (counts[2 * k], counts[2 * k + 1]) = (0, Int(total)) }
    left = 0
  }

  @inline(__always)
  mutating func moveLeft(_ row: Int) {
    let here = counts + 2 * Int(labels[row])
    left += 1
    here[0] += 1
    here[1] -= 1
  }

  var weights: (left: Double, right: Double) { (Double(left), Double(count - left)) }

  /// Of two classes only.
  var means: (left: Double, right: Double) {
    (Double(counts[2]) / Double(left), Double(counts[3]) / Double(count - left))
  }

  var score: Double {
    // Sums of both sides come together class by class, so that a mirrored split has the same score to the last bit.
    var sum = 0.0
    for k in totals.indices { sum += logarithms[counts[2 * k]] + logarithms[counts[2 * k + 1]] }
    return sum - (logarithms[left] + logarithms[count - left]) - whole
  }
}

/// Class weights, for weighted examples and for probabilities.
struct ClassSums: SplitScorer {
  private let labels: UnsafePointer<UInt16>?
  private let rowWeights: UnsafePointer<Double>
  private let vectors: UnsafePointer<Double>?
  private var sides: SideSums

  init(_ targets: TargetColumns, _ node: NodeStatistics, _ scratch: SplitScratch, isEntropy: Bool) {
    labels = targets.labels.map { UnsafePointer($0) }
    rowWeights = UnsafePointer(targets.weights)
    vectors = targets.vectors.map { UnsafePointer($0) }
    sides = SideSums(isEntropy ? .entropy : .gini, node, scratch)
  }

  mutating func reset() { sides.reset() }

  @inline(__always)
  mutating func moveLeft(_ row: Int) {
    if let labels {
      sides.leftWeight += rowWeights[row]
      sides.left[Int(labels[row])] += rowWeights[row]
    } else if let vectors {
      sides.add(weight: rowWeights[row], sums: vectors + row * sides.width)
    }
  }

  var weights: (left: Double, right: Double) { (sides.leftWeight, sides.rightWeight) }
  var means: (left: Double, right: Double) { sides.means }
  var score: Double { sides.score }
}
