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

  /// Lays blocks over a map.
  ///
  /// - Parameter longestSide: the most blocks along the longer side; nil for a block a position.
  /// - Throws: `ConceptError.parameters` for extents below 1.
  public init(
    channels: Int = 1, sourceHeight: Int, sourceWidth: Int, longestSide: Int? = nil
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
  }

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
  func cells(height: Int, width: Int) -> [Int] {
    func blocks(_ count: Int, source: Int, last: Int) -> [Int] {
      (0..<count).map { min(Int((Double($0) + 0.5) * Double(source) / Double(count)) / block, last) }
    }
    let rows = blocks(height, source: sourceHeight, last: self.height - 1)
    let columns = blocks(width, source: sourceWidth, last: self.width - 1)
    return rows.flatMap { row in columns.map { row * self.width + $0 } }
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
