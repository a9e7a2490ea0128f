/// Decision trees in flat arrays, compared by identity: they may be large, and operators are compared often.
final class Forest: Sendable, Hashable {
  /// What a node asks of its feature, in ONNX's order.
  enum Test: UInt8, Sendable {
    case atMost, below, atLeast, above, equal, unequal, member
  }

  /// A branching; children are nodes, or leaves as the complement of their number.
  struct Branch: Sendable {
    /// The threshold, or for `member` the number of the set.
    var threshold: Double
    var feature: Int32
    var yes, no: Int32
    var test: Test
    /// Whether NaN goes the way of `yes`.
    var takesMissing: Bool
  }

  /// What a leaf gives to a target.
  struct Vote: Sendable {
    var target: Int32
    var weight: Double
  }

  /// The trees' first nodes.
  let roots: [Int32]
  let branches: [Branch]
  /// Where the votes of each leaf begin, and last where they end.
  let leafStarts: [Int32]
  let votes: [Vote]
  let sets: [Set<Double>]
  /// One more than the largest feature that is asked for.
  let featureCount: Int
  private let onlyTests: Test?

  /// Puts trees together.
  ///
  /// - Throws: `GraphError.malformed` when a node is missing or a node is its own descendant, which would be walked
  ///   forever.
  init(
    roots: [Int32], branches: [Branch], leaves: [[Vote]], sets: [Set<Double>] = []
  ) throws(GraphError) {
    self.roots = roots
    self.branches = branches
    self.sets = sets
    var starts: [Int32] = [0]
    for leaf in leaves { starts.append(starts.last! + Int32(leaf.count)) }
    leafStarts = starts
    votes = leaves.flatMap { $0 }
    featureCount = branches.reduce(0) { max($0, Int($1.feature) + 1) }
    let isPlain = branches.allSatisfy { $0.test == .atMost && !$0.takesMissing }
    onlyTests = isPlain ? .atMost : nil
    try Self.check(roots, branches, leafCount: leaves.count)
  }

  private static func check(_ roots: [Int32], _ branches: [Branch], leafCount: Int) throws(GraphError) {
    func exists(_ child: Int32) -> Bool { child < 0 ? Int(~child) < leafCount : Int(child) < branches.count }
    guard roots.allSatisfy(exists),
      branches.allSatisfy({ exists($0.yes) && exists($0.no) && $0.feature >= 0 })
    else { throw GraphError(.malformed("a tree refers to a node or feature that does not exist")) }
    // 0: not seen, 1: on the way down, 2: done.
    var state = [UInt8](repeating: 0, count: branches.count)
    for start in branches.indices where state[start] == 0 {
      var path = [Int32(start)]
      while let node = path.last {
        if state[Int(node)] == 0 {
          state[Int(node)] = 1
          for child in [branches[Int(node)].yes, branches[Int(node)].no] where child >= 0 {
            guard state[Int(child)] != 1 else {
              throw GraphError(.malformed("a node of a tree is its own descendant"))
            }
            if state[Int(child)] == 0 { path.append(child) }
          }
        } else {
          state[Int(node)] = 2
          path.removeLast()
        }
      }
    }
  }

  /// Hands over the votes of the leaves that rows of features reach, tree by tree.
  @inline(__always)
  func visitLeaves<Element: BinaryFloatingPoint>(
    _ x: UnsafePointer<Element>, rows: Int, features: Int, _ body: (Int, UnsafeBufferPointer<Vote>) -> Void
  ) {
    branches.withUnsafeBufferPointer { branches in
      votes.withUnsafeBufferPointer { votes in
        for root in roots {
          for index in 0..<rows {
            let row = x + index * features
            var at = root
            if onlyTests == .atMost {
              while at >= 0 {
                let branch = branches[Int(at)]
                at = Double(row[Int(branch.feature)]) <= branch.threshold ? branch.yes : branch.no
              }
            } else {
              while at >= 0 {
                let branch = branches[Int(at)]
                at = holds(branch, Double(row[Int(branch.feature)])) ? branch.yes : branch.no
              }
            }
            let leaf = Int(~at)
            body(
              index, UnsafeBufferPointer(rebasing: votes[Int(leafStarts[leaf])..<Int(leafStarts[leaf + 1])]))
          }
        }
      }
    }
  }

  private func holds(_ branch: Branch, _ x: Double) -> Bool {
    if x.isNaN && branch.takesMissing { return true }
    return switch branch.test {
    case .atMost: x <= branch.threshold
    case .below: x < branch.threshold
    case .atLeast: x >= branch.threshold
    case .above: x > branch.threshold
    case .equal: x == branch.threshold
    case .unequal: x != branch.threshold
    case .member: sets[Int(branch.threshold)].contains(x)
    }
  }

  static func == (left: Forest, right: Forest) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
