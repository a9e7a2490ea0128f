/// Finds splits of nodes and keeps the examples of each node together.
///
/// Every node owns a range of positions in every column. Its search, its marks and its partition touch nothing
/// outside, so that different nodes may be worked at by different threads, and different columns of a node too.
protocol SplitSearch: AnyObject, Sendable {
  var columns: ColumnRows { get }
  var featureCount: Int { get }
  /// The most levels or bins of a feature.
  var groupCount: Int { get }

  /// The best split of a node by one feature; nil when none is allowed.
  func best(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch) -> FeatureSplit?
  /// Marks in ``ColumnRows/flags`` which rows of a node go left.
  func mark(_ split: FeatureSplit, of node: OpenNode)
  /// Puts the marked rows of a node first, in columns that are kept sorted.
  func partition(_ feature: Int, of node: OpenNode, _ scratch: SplitScratch)
  /// The question that a split asks.
  func question(_ split: FeatureSplit) -> Term
}

/// The rows of all nodes, each node's ascending; and which of them a split sends left.
final class ColumnRows: @unchecked Sendable {
  // Safe because threads work at different nodes, whose rows and positions differ.

  let count: Int
  private let rows: UnsafeMutablePointer<UInt32>
  private let spare: UnsafeMutablePointer<UInt32>
  /// By row of the table: 1 where it goes left.
  let flags: UnsafeMutablePointer<UInt8>

  init(_ rows: [UInt32], tableRowCount: Int) {
    count = rows.count
    self.rows = .allocate(capacity: max(1, rows.count))
    spare = .allocate(capacity: max(1, rows.count))
    flags = .allocate(capacity: max(1, tableRowCount))
    flags.initialize(repeating: 0, count: max(1, tableRowCount))
    for (index, row) in rows.enumerated() { self.rows[index] = row }
  }

  deinit {
    rows.deallocate()
    spare.deallocate()
    flags.deallocate()
  }

  /// The rows of a node.
  func rows(_ range: Range<Int>) -> UnsafeBufferPointer<UInt32> {
    UnsafeBufferPointer(start: rows + range.lowerBound, count: range.count)
  }

  /// Puts the marked rows of a range first.
  func partition(_ range: Range<Int>) {
    let source = rows + range.lowerBound
    let right = spare + range.lowerBound
    var (left, count) = (0, 0)
    for index in 0..<range.count {
      let row = source[index]
      let flag = Int(flags[Int(row)])
      source[left] = row
      right[count] = row
      left += flag
      count += 1 - flag
    }
    (source + left).update(from: right, count: count)
  }
}
