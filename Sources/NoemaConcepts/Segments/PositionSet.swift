/// Positions of an example, such as the pixels of a segment, kept as runs of neighbours.
///
/// A segment of an image has about as many runs as rows, so that thousands of masks fit into memory and compare in
/// microseconds.
public struct PositionSet: Sendable, Hashable, Codable {
  /// Runs of positions in ascending order, none empty, none touching the next.
  public let runs: [Range<Int>]
  /// The number of positions.
  public let count: Int

  /// Makes a set of runs in any order; they may overlap.
  ///
  /// Runs that begin below 0 are cut there.
  public init(runs: [Range<Int>]) {
    var joined: [Range<Int>] = []
    for run in runs.map({ max(0, $0.lowerBound)..<max(0, $0.upperBound) }).filter({ !$0.isEmpty })
      .sorted(by: { $0.lowerBound < $1.lowerBound })
    {
      if let last = joined.last, run.lowerBound <= last.upperBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, run.upperBound)
      } else {
        joined.append(run)
      }
    }
    self.init(sorted: joined)
  }

  /// Makes a set of the positions that a mask marks.
  public init(mask: [Bool]) {
    var runs: [Range<Int>] = [], start: Int?
    for (position, isInside) in mask.enumerated() where isInside != (start != nil) {
      if let first = start { runs.append(first..<position) }
      start = isInside ? position : nil
    }
    if let start { runs.append(start..<mask.count) }
    self.init(sorted: runs)
  }

  private init(sorted runs: [Range<Int>]) {
    self.runs = runs
    count = runs.reduce(0) { $0 + $1.count }
  }

  /// Whether there is no position.
  public var isEmpty: Bool { runs.isEmpty }

  /// The positions of each label, for labels from 0; negative labels are none. A label that does not occur has an empty
  /// set.
  public static func parts(of labels: [Int32]) -> [PositionSet] {
    var runs: [[Range<Int>]] = []
    var start = 0
    while start < labels.count {
      let label = Int(labels[start])
      var end = start + 1
      while end < labels.count, labels[end] == labels[start] { end += 1 }
      if label >= 0 {
        while runs.count <= label { runs.append([]) }
        runs[label].append(start..<end)
      }
      start = end
    }
    return runs.map { PositionSet(sorted: $0) }
  }

  /// Whether each of `count` positions belongs to the set.
  public func mask(of count: Int) -> [Bool] {
    var mask = [Bool](repeating: false, count: max(0, count))
    for run in runs { for position in run where position < count { mask[position] = true } }
    return mask
  }

  /// How many positions two sets share.
  public func intersectionCount(_ other: PositionSet) -> Int {
    var (i, j, shared) = (0, 0, 0)
    while i < runs.count, j < other.runs.count {
      let (a, b) = (runs[i], other.runs[j])
      shared += max(0, min(a.upperBound, b.upperBound) - max(a.lowerBound, b.lowerBound))
      if a.upperBound < b.upperBound { i += 1 } else { j += 1 }
    }
    return shared
  }

  /// `|A ∩ B| / |A ∪ B|`, in [0, 1]; 0 of two empty sets.
  public func jaccard(_ other: PositionSet) -> Double {
    let shared = intersectionCount(other), all = count + other.count - shared
    return all > 0 ? Double(shared) / Double(all) : 0
  }

  /// The positions of either set.
  public func union(_ other: PositionSet) -> PositionSet { PositionSet(runs: runs + other.runs) }

  /// Those of `count` positions that do not belong to the set.
  public func complement(of count: Int) -> PositionSet {
    var gaps: [Range<Int>] = [], next = 0
    for run in runs where run.lowerBound < count {
      if run.lowerBound > next { gaps.append(next..<run.lowerBound) }
      next = run.upperBound
    }
    if next < count { gaps.append(next..<count) }
    return PositionSet(sorted: gaps)
  }

  /// The smallest rectangle around the positions of a grid, by rows and columns; empty for no positions.
  ///
  /// - Parameter width: the columns of the grid, 1 or more.
  public func box(width: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    guard let first = runs.first, let last = runs.last, width > 0 else { return (0..<0, 0..<0) }
    var (left, right) = (width, 0)
    for run in runs {
      let (start, end) = (run.lowerBound, run.upperBound - 1)
      // A run that goes on in the next row reaches both sides.
      left = min(left, start / width == end / width ? start % width : 0)
      right = max(right, start / width == end / width ? end % width + 1 : width)
    }
    return (first.lowerBound / width..<(last.upperBound - 1) / width + 1, left..<right)
  }
}
