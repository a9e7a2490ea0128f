/// How maps are moved before they are compared, so that what looks the same counts as the same wherever it lies.
///
/// A map is moved in whole positions; what leaves it at one side enters at the other, so its total stays and the move
/// can be undone. Of a strategy that is known by its place, such as a mark in a corner, the place is lost: groups of
/// aligned maps have places relative to the middle only, and positions have to be moved back by
/// ``MapOffset/position(_:height:width:)`` before they are looked for in an image.
public enum MapAlignment: String, Sendable, Codable, CaseIterable {
  /// Maps stay where they are.
  case none
  /// The mean position, weighted by absolute values, comes to the middle.
  case centre
  /// The place where most absolute value lies together comes to the middle: the square of an eighth of the longer side
  /// with the largest sum, of equals the first.
  case peak

  /// Moves a map.
  ///
  /// - Parameters:
  ///   - map: channels × rows × columns; all channels move together.
  ///   - channels: their number, 1 or more.
  ///   - height: the rows.
  ///   - width: the columns.
  /// - Returns: the map, and by how much it was moved; not at all when its values sum to nothing or are not finite.
  /// - Throws: `ConceptError.mismatch` when the extents do not fit the values.
  public func align<Scalar: BinaryFloatingPoint & Sendable>(
    _ map: [Scalar], channels: Int = 1, height: Int, width: Int
  ) throws(ConceptError) -> (map: [Scalar], offset: MapOffset) {
    let (cells, tooMany) = height.multipliedReportingOverflow(by: width)
    guard channels >= 1, height >= 1, width >= 1, !tooMany, map.count / channels == cells,
      map.count % channels == 0
    else {
      throw ConceptError(
        .mismatch("\(map.count) values are not \(channels) channels of \(height) × \(width) positions"))
    }
    let offset = offset(of: map, height: height, width: width)
    return (offset.moving(map, height: height, width: width), offset)
  }

  /// By how much a map is moved.
  ///
  /// - Precondition: one or more channels of rows × columns values.
  func offset<Scalar: BinaryFloatingPoint & Sendable>(
    of map: [Scalar], height: Int, width: Int
  ) -> MapOffset {
    guard self != .none else { return .zero }
    let cells = height * width
    var weights = [Double](repeating: 0, count: cells)
    for (place, value) in map.enumerated() { weights[place % cells] += abs(Double(value)) }
    let total = weights.reduce(0, +)
    guard total > 0, total.isFinite else { return .zero }
    let place = self == .centre ? Self.centre(weights, width, total) : Self.peak(weights, height, width)
    // Places half way between two positions go the same way everywhere, whatever rounding did to them.
    func move(_ place: Double, _ count: Int) -> Int { Int((Double(count) / 2 - place + 1e-9).rounded(.down)) }
    return MapOffset(rows: move(place.row, height), columns: move(place.column, width))
  }

  /// The mean position.
  private static func centre(_ weights: [Double], _ width: Int, _ total: Double) -> (
    row: Double, column: Double
  ) {
    var (row, column) = (0.0, 0.0)
    for (cell, weight) in weights.enumerated() {
      row += weight / total * Double(cell / width)
      column += weight / total * Double(cell % width)
    }
    return (row, column)
  }

  /// The middle of the square with the largest sum.
  private static func peak(_ weights: [Double], _ height: Int, _ width: Int) -> (row: Double, column: Double)
  {
    let side = min(max(1, max(height, width) / 8), min(height, width))
    // Sums over all positions above and to the left.
    var sums = [Double](repeating: 0, count: (height + 1) * (width + 1))
    for row in 0..<height {
      var along = 0.0
      for column in 0..<width {
        along += weights[row * width + column]
        sums[(row + 1) * (width + 1) + column + 1] = sums[row * (width + 1) + column + 1] + along
      }
    }
    var best = (row: 0, column: 0, sum: 0.0)
    for row in 0...(height - side) {
      let (above, below) = (row * (width + 1), (row + side) * (width + 1))
      for column in 0...(width - side) {
        let sum =
          sums[below + column + side] - sums[above + column + side] - sums[below + column]
          + sums[above + column]
        // Rounding would decide between equal sums, so what is larger must be clearly so.
        if sum > best.sum * (1 + 1e-12) { best = (row, column, sum) }
      }
    }
    let half = Double(side - 1) / 2
    return (Double(best.row) + half, Double(best.column) + half)
  }
}

/// By how many positions a map was moved down and to the right.
public struct MapOffset: Sendable, Hashable, Codable {
  /// Rows downwards, and columns to the right; negative for the other way.
  public var rows, columns: Int

  /// Makes an offset.
  public init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }

  /// No move at all.
  public static let zero = MapOffset(rows: 0, columns: 0)

  /// Where a position of a moved map was before, both counted row by row.
  ///
  /// - Precondition: the map has rows and columns.
  public func position(_ moved: Int, height: Int, width: Int) -> Int {
    Self.wrap(moved / width - rows, height) * width + Self.wrap(moved % width - columns, width)
  }

  /// The map moved, whatever leaves it entering at the other side.
  func moving<Scalar>(_ map: [Scalar], height: Int, width: Int) -> [Scalar] {
    guard rows != 0 || columns != 0 else { return map }
    let cells = height * width
    return map.indices.map { place in
      map[place / cells * cells + position(place % cells, height: height, width: width)]
    }
  }

  /// A place on an axis whose end is followed by its beginning.
  static func wrap(_ place: Int, _ count: Int) -> Int {
    let rest = place % count
    return rest < 0 ? rest + count : rest
  }
}
