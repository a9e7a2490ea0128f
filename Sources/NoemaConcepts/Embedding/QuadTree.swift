/// Points of the plane in nested cells, so that from far away a cell can stand for its points.
///
/// A cell is the box around its points; it is cut through its middle in both directions until few points are left or
/// all coincide. Cells lie in depth-first order, so a walk needs no stack.
///
/// - Source: Barnes and Hut, Nature 1986.
struct QuadTree: Sendable {
  /// A point, with its place in the layout.
  struct Member: Sendable {
    var point: SIMD2<Double>
    var index: Int32
  }

  /// A box around members that lie next to each other.
  struct Cell: Sendable {
    /// The mean of the points.
    var centre: SIMD2<Double>
    /// The number of points.
    var mass: Double
    /// `(side / θ)²`: seen from farther than its root the cell stands for its points.
    var reach: Double
    /// The first cell that is not within this one; the next of all when this one is a leaf.
    var next: Int32
    var firstMember: Int32
    var endMember: Int32
  }

  /// The points, those of a cell next to each other.
  private(set) var members: [Member]
  /// The cells in depth-first order, the whole in front.
  private(set) var cells: [Cell] = []
  private let openingAngle: Double
  private static let leafSize = 8

  /// Makes an empty tree for some points.
  ///
  /// - Parameter openingAngle: θ, at most 0.7: a cell stands for its points where side / distance < θ. Below 1/√2
  ///   it cannot stand for one of its own.
  init(count: Int, openingAngle: Double) {
    members = (0..<Int32(count)).map { Member(point: .zero, index: $0) }
    self.openingAngle = openingAngle
  }

  /// Sorts the points of a layout into cells. Members start in the order they had, which for points that moved little
  /// is nearly the new one.
  mutating func arrange(_ layout: [SIMD2<Double>]) {
    var (members, cells) = (self.members, self.cells)
    (self.members, self.cells) = ([], [])
    for place in members.indices { members[place].point = layout[Int(members[place].index)] }
    cells.removeAll(keepingCapacity: true)
    members.withUnsafeMutableBufferPointer { members in
      _ = add(members.indices, members, to: &cells)
    }
    (self.members, self.cells) = (members, cells)
  }

  /// Appends the cell of some members and all cells within it; returns the sum of the points.
  private func add(
    _ range: Range<Int>, _ members: UnsafeMutableBufferPointer<Member>, to cells: inout [Cell]
  ) -> SIMD2<Double> {
    guard !range.isEmpty else { return .zero }
    var (low, high) = (members[range.lowerBound].point, members[range.lowerBound].point)
    for place in range {
      low = pointwiseMin(low, members[place].point)
      high = pointwiseMax(high, members[place].point)
    }
    let half = (high - low) * 0.5
    let ratio = max(high.x - low.x, high.y - low.y) / openingAngle
    let cell = cells.count
    cells.append(
      Cell(
        centre: .zero, mass: Double(range.count), reach: ratio * ratio, next: 0,
        firstMember: Int32(range.lowerBound), endMember: Int32(range.upperBound)))
    var sum = SIMD2<Double>.zero
    if range.count <= Self.leafSize || low == high {
      for place in range { sum += members[place].point }
    } else {
      // Distances from the low end tell both ends apart, even where the middle rounds to one of them.
      let row = Self.partition(range, members) { $0.y - low.y > half.y }
      for part in 0..<2 {
        let slab = part == 0 ? range.lowerBound..<row : row..<range.upperBound
        let column = Self.partition(slab, members) { $0.x - low.x > half.x }
        sum += add(slab.lowerBound..<column, members, to: &cells)
        sum += add(column..<slab.upperBound, members, to: &cells)
      }
    }
    cells[cell].centre = sum / Double(range.count)
    cells[cell].next = Int32(cells.count)
    return sum
  }

  /// Moves members for which a condition holds behind the others; returns the first of them.
  @inline(__always)
  private static func partition(
    _ range: Range<Int>, _ members: UnsafeMutableBufferPointer<Member>, _ isBehind: (SIMD2<Double>) -> Bool
  ) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while true {
      while low < high, !isBehind(members[low].point) { low += 1 }
      while low < high, isBehind(members[high - 1].point) { high -= 1 }
      guard low < high else { return low }
      members.swapAt(low, high - 1)
    }
  }

  /// The repulsion of some members by all others, in the order of members.
  func repulsion(on range: Range<Int>) -> LayoutForces {
    var result = LayoutForces()
    cells.withUnsafeBufferPointer { cells in
      members.withUnsafeBufferPointer { members in
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
          let lanes = start..<min(start + 4, range.upperBound)
          var four = FourPoints(lanes) { members[$0].point }
          Self.walk(cells, members, &four)
          four.append(lanes.count, to: &result, withAttraction: false)
        }
      }
    }
    return result
  }

  /// Adds what all points do to four. A cell is opened for all when it is for the nearest point of the box around them.
  @inline(__always)
  private static func walk(
    _ cells: UnsafeBufferPointer<Cell>, _ members: UnsafeBufferPointer<Member>, _ four: inout FourPoints
  ) {
    let (middle, half) = four.box
    var place = 0
    while place < cells.count {
      let cell = cells[place]
      let dx = max((cell.centre.x - middle.x).magnitude - half.x, 0)
      let dy = max((cell.centre.y - middle.y).magnitude - half.y, 0)
      if cell.reach < dx * dx + dy * dy {
        four.add(cell.centre, mass: cell.mass)
        place = Int(cell.next)
      } else {
        place += 1
        guard place == Int(cell.next) else { continue }
        for member in Int(cell.firstMember)..<Int(cell.endMember) {
          four.add(members[member].point, mass: 1)
        }
      }
    }
  }
}
