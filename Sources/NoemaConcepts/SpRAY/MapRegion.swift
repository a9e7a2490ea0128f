/// Where the relevance of a mean map lies: the positions that hold the most of it, up to a share of the area.
public struct MapRegion: Sendable, Hashable, Codable {
  /// The blocks of the prepared map, or the features of a vector, from the most relevant down.
  public let cells: [Int]
  /// The share of the area that they cover, in [0, 1].
  public let area: Double
  /// Where they lie on the image; nil for vectors, for aligned maps, whose region moves with them, and where there is
  /// no relevance.
  public let place: ImagePlace?
  /// How blocks lie on the image; nil for vectors.
  public let grid: MapGrid?

  /// Finds the most relevant positions.
  ///
  /// - Parameters:
  ///   - mean: the values of a map.
  ///   - grid: how they lie on the image; nil for vectors.
  ///   - area: the share of the area that may be covered; one block at least is taken.
  ///   - frame: the width of the border as a share of the image, for the place in words.
  /// - Throws: `ConceptError.parameters` for an area or a frame outside (0, 1), `.mismatch` when the map does not fit
  ///   the grid.
  public init(
    of mean: [Float], on grid: MapGrid?, area: Double = 0.05, frame: Double = 0.1
  ) throws(ConceptError) {
    guard area > 0, area < 1, frame > 0, frame < 1 else {
      throw ConceptError(
        .parameters("found an area of \(area) and a frame of \(frame); give shares inside (0, 1)"))
    }
    guard (grid?.count ?? mean.count) == mean.count else {
      throw ConceptError(
        .mismatch("a map of \(mean.count) values does not lie on \(grid?.count ?? 0) blocks"))
    }
    let weights = Self.magnitudes(mean, grid)
    let areas = weights.indices.map { grid?.area(of: $0) ?? 1 }
    let total = areas.reduce(0, +)
    // Blocks at the edge are smaller.
    let order = weights.indices.filter { weights[$0] > 0 }.sorted {
      (weights[$1] / areas[$1], $0) < (weights[$0] / areas[$0], $1)
    }
    var (cells, covered) = ([Int](), 0.0)
    for cell in order {
      guard cells.isEmpty || covered + areas[cell] <= area * total * (1 + 1e-9) else { break }
      cells.append(cell)
      covered += areas[cell]
    }
    self.cells = cells
    self.area = total > 0 ? covered / total : 0
    self.grid = grid
    place =
      cells.isEmpty || grid?.isAligned == true
      ? nil
      : grid.map { grid in
        ImagePlace(cells.map { grid.centre(of: $0, weight: weights[$0]) }, frame: frame)
      }
  }

  /// The share of a map's absolute relevance that lies inside, in [0, 1]; 0 for a map of zeros.
  public func share(of map: [Float]) -> Double {
    let weights = Self.magnitudes(map, grid)
    let total = weights.reduce(0, +)
    guard total > 0 else { return 0 }
    return cells.reduce(0) { $0 + (weights.indices.contains($1) ? weights[$1] : 0) } / total
  }

  /// Which pixels of an image of any resolution lie inside, row by row; none for vectors.
  ///
  /// - Parameter offset: by how much the image's own map was moved.
  public func mask(height: Int, width: Int, movedBy offset: MapOffset = .zero) -> [Bool] {
    guard let grid, height > 0, width > 0 else {
      return [Bool](repeating: false, count: max(0, height) * max(0, width))
    }
    let inside = Set(cells)
    return grid.cells(height: height, width: width, movedBy: offset).map { inside.contains($0) }
  }

  /// Where it lies, as a sentence has it: `in the lower left corner`, `on features 3 and 17`, or `in a place that moves
  /// with the map`.
  public var phrase: String {
    if let place { return place.phrase }
    guard !cells.isEmpty else { return "nowhere" }
    if grid?.isAligned == true { return "in a place that moves with the map" }
    let shown = cells.prefix(3).map { "\($0)" }
    let more = cells.count > 3 ? " and \(cells.count - 3) more" : ""
    if shown.count == 1 { return "on feature \(shown[0])" }
    let list =
      more.isEmpty
      ? shown.dropLast().joined(separator: ", ") + " and \(shown[shown.count - 1])"
      : shown.joined(separator: ", ")
    return "on features \(list)\(more)"
  }

  private static func magnitudes(_ map: [Float], _ grid: MapGrid?) -> [Double] {
    grid?.magnitudes(map) ?? map.map { Double(abs($0)) }
  }
}

extension MapGrid {
  /// The middle of a block on the unit square, with a weight.
  fileprivate func centre(of cell: Int, weight: Double) -> (x: Double, y: Double, weight: Double) {
    func middle(_ range: Range<Int>, of count: Int) -> Double {
      Double(range.lowerBound + range.upperBound) / Double(2 * count)
    }
    return (middle(columns(of: cell), of: sourceWidth), middle(rows(of: cell), of: sourceHeight), weight)
  }

  /// The share of a map's absolute relevance in a frame around the image, in [0, 1]; nil for a map of zeros, and for
  /// aligned ones. A block that the frame cuts counts by its area inside.
  func frameShare(of map: [Float], width frame: Double) -> Double? {
    func inner(_ range: Range<Int>, of count: Int) -> Double {
      let (low, high) = (frame * Double(count), (1 - frame) * Double(count))
      return max(0, min(high, Double(range.upperBound)) - max(low, Double(range.lowerBound)))
        / Double(range.count)
    }
    let weights = magnitudes(map)
    let total = weights.reduce(0, +)
    guard total > 0, !isAligned else { return nil }
    let inside = weights.indices.reduce(0.0) { sum, cell in
      sum + weights[cell] * inner(rows(of: cell), of: sourceHeight)
        * inner(columns(of: cell), of: sourceWidth)
    }
    return min(1, max(0, 1 - inside / total))
  }
}
