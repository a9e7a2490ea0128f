/// The sizes of a complete binary tree with filters, and where its numbers lie in one array: filter weights node after
/// node, biases, leaf scores leaf after leaf.
///
/// Node i has the children 2i + 1, left, and 2i + 2, right; leaves come after the inner nodes.
struct SoftTreeShape: Sendable, Hashable {
  let depth: Int
  let columnCount: Int
  let classCount: Int

  var innerCount: Int { (1 << depth) - 1 }
  var leafCount: Int { 1 << depth }
  var nodeCount: Int { innerCount + leafCount }
  var weightCount: Int { innerCount * columnCount }
  var scoreCount: Int { leafCount * classCount }

  var weights: Range<Int> { 0..<weightCount }
  var biases: Range<Int> { weightCount..<(weightCount + innerCount) }
  var scores: Range<Int> { (weightCount + innerCount)..<(weightCount + innerCount + scoreCount) }

  /// How far a node is from the root.
  static func depth(of node: Int) -> Int { Int.bitWidth - 1 - (node + 1).leadingZeroBitCount }
}
