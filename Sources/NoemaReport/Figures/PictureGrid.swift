public import NoemaData

/// Pictures in rows, each row under a name: what was made for each unit, or what excites it.
public struct PictureGrid: Figure {
  /// One picture.
  public struct Cell: Sendable, Hashable {
    /// The picture.
    public var image: Image
    /// What stands below it; may be empty.
    public var caption: String

    /// Makes a cell.
    public init(_ image: Image, caption: String = "") { (self.image, self.caption) = (image, caption) }
  }

  /// The pictures of one thing.
  public struct Row: Sendable, Hashable {
    /// What they are of.
    public var name: String
    /// The pictures, from left to right.
    public var cells: [Cell]

    /// Makes a row.
    public init(name: String, cells: [Cell]) { (self.name, self.cells) = (name, cells) }
  }

  public var title: String
  public var description: String
  /// The rows; those of one picture each are laid side by side.
  public var rows: [Row]

  /// Makes a grid.
  public init(title: String, description: String, rows: [Row]) {
    (self.title, self.description, self.rows) = (title, description, rows)
  }

  /// The side of a picture, as high and wide as fits.
  private static let side = 176.0
  /// Pixels that are embedded: sharp at twice the size that a page shows.
  static let longestEdge = 288

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let gap = 12.0, margin = 16.0
    let widest = rows.map(\.cells.count).max() ?? 1
    let isFlat = widest == 1
    let columns = isFlat ? min(5, max(1, rows.count)) : widest
    let width = max(2 * margin + Double(columns) * (Self.side + gap) - gap, 240)
    var y = drawTitle(in: &writer, width: width) + 8
    let step = isFlat ? columns : 1
    let lines = stride(from: 0, to: rows.count, by: step).map { rows[$0..<min($0 + step, rows.count)] }
    for line in lines {
      for (index, row) in line.enumerated() {
        let x = margin + Double(index) * (Self.side + gap)
        let room = isFlat ? Self.side : width - 2 * margin
        writer.text(
          TextMetrics.fitting(row.name, in: room, size: 12.5), x: x, y: y + 12, size: 12.5, isBold: true,
          tooltip: row.name)
        for (place, cell) in row.cells.enumerated() {
          draw(cell, of: row, x: x + Double(place) * (Self.side + gap), y: y + 20, in: &writer)
        }
      }
      y += Self.side + 20 + 16 + gap
    }
    return writer.finish(width: width, height: y + 4, title: title, description: description)
  }

  private func draw(_ cell: Cell, of row: Row, x: Double, y: Double, in writer: inout SVGWriter) {
    writer.image(
      cell.image, x: x, y: y, side: Self.side, description: "\(row.name) \(cell.caption)",
      longestEdge: Self.longestEdge)
    writer.text(
      TextMetrics.fitting(cell.caption, in: Self.side, size: 10.5), x: x, y: y + Self.side + 13, size: 10.5,
      paint: .muted, tooltip: cell.caption)
  }
}
