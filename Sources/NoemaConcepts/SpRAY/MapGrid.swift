/// How the values of a prepared relevance map lie on the image: blocks of positions, row by row, for each channel.
public struct MapGrid: Sendable, Hashable, Codable {
  /// The channels of a prepared map.
  public let channels: Int
  /// The rows and columns of blocks.
  public let height, width: Int
  /// The rows and columns of positions that one block sums; fewer at the lower and the right edge.
  public let block: Int
  /// The rows and columns of the map before positions were summed.
  public let sourceHeight, sourceWidth: Int
  /// How maps were moved before positions were summed. Blocks of aligned maps have places on an image only together
  /// with the offset of its map.
  public let alignment: MapAlignment

  /// Lays blocks over a map.
  ///
  /// - Parameters:
  ///   - longestSide: the most blocks along the longer side; nil for a block a position.
  ///   - alignment: how maps were moved.
  /// - Throws: `ConceptError.parameters` for extents below 1.
  public init(
    channels: Int = 1, sourceHeight: Int, sourceWidth: Int, longestSide: Int? = nil,
    alignment: MapAlignment = .none
  ) throws(ConceptError) {
    guard channels >= 1, sourceHeight >= 1, sourceWidth >= 1, (longestSide ?? 1) >= 1 else {
      throw ConceptError(
        .parameters(
          "found \(channels) channels of \(sourceHeight) × \(sourceWidth) positions on at most \(longestSide ?? 0) "
            + "blocks; give 1 or more of each"))
    }
    let longer = max(sourceHeight, sourceWidth)
    let side = longestSide.map { (longer - 1) / $0 + 1 } ?? 1
    self.channels = channels
    block = side
    height = (sourceHeight - 1) / side + 1
    width = (sourceWidth - 1) / side + 1
    (self.sourceHeight, self.sourceWidth) = (sourceHeight, sourceWidth)
    self.alignment = alignment
  }

  /// Whether maps were moved.
  public var isAligned: Bool { alignment != .none }

  /// The blocks of one channel.
  public var cells: Int { height * width }
  /// The values of a prepared map.
  public var count: Int { channels * cells }

  /// The rows of the source that a block sums.
  func rows(of cell: Int) -> Range<Int> {
    let start = cell / width * block
    return start..<min(start + block, sourceHeight)
  }

  /// The columns of the source that a block sums.
  func columns(of cell: Int) -> Range<Int> {
    let start = cell % width * block
    return start..<min(start + block, sourceWidth)
  }

  /// The positions of the source that a block sums.
  func area(of cell: Int) -> Double { Double(rows(of: cell).count * columns(of: cell).count) }

  /// The block of each pixel of an image that shows what the map shows, of any resolution, row by row.
  ///
  /// - Parameter offset: by how much the image's map was moved.
  func cells(height: Int, width: Int, movedBy offset: MapOffset = .zero) -> [Int] {
    func blocks(_ count: Int, source: Int, move: Int) -> [Int] {
      (0..<count).map {
        let place = min(Int((Double($0) + 0.5) * Double(source) / Double(count)), source - 1)
        return MapOffset.wrap(place + move, source) / block
      }
    }
    let rows = blocks(height, source: sourceHeight, move: offset.rows)
    let columns = blocks(width, source: sourceWidth, move: offset.columns)
    return rows.flatMap { row in columns.map { row * self.width + $0 } }
  }

  /// A map moved back to where it lies on its image, as exactly as blocks allow: each takes the value of the block that
  /// its middle was moved to.
  ///
  /// - Precondition: `count` values.
  func movedBack(_ map: [Float], from offset: MapOffset) -> [Float] {
    guard offset != .zero else { return map }
    func middle(_ range: Range<Int>) -> Int { (range.lowerBound + range.upperBound - 1) / 2 }
    return map.indices.map { index in
      let cell = index % cells
      let row = MapOffset.wrap(middle(rows(of: cell)) + offset.rows, sourceHeight) / block
      let column = MapOffset.wrap(middle(columns(of: cell)) + offset.columns, sourceWidth) / block
      return map[index - cell + row * width + column]
    }
  }

  /// `Σ |value|` over the channels of each block.
  ///
  /// - Precondition: `count` values.
  func magnitudes(_ values: [Float]) -> [Double] {
    var sums = [Double](repeating: 0, count: cells)
    for (index, value) in values.enumerated() { sums[index % cells] += Double(abs(value)) }
    return sums
  }
}
