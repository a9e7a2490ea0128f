/// A figure with its file name.
public struct NamedFigure: Sendable {
  /// File name without extension, unique in the report, of harmless characters.
  public let name: String
  /// The drawing.
  public let figure: any Figure

  /// The figure as an SVG file.
  public var svg: String { figure.svg(.standalone, identifier: name) }
}

extension ResultFolder {
  /// Writes drawings, as `figures/NAME.svg` and, where they could be made, `.png`.
  ///
  /// - Parameter export: makes the PNG files of the drawings, in their order; nil where the tool is missing.
  /// - Returns: the PNG files by name.
  /// - Throws: `ReportError` when the folder cannot be written, and as the export does.
  func write(_ figures: [NamedFigure], pngs export: PNGExport.Batch?) throws -> [String: [UInt8]] {
    for figure in figures { try write(figure.svg, to: "figures/\(figure.name).svg") }
    let pngs = Dictionary(uniqueKeysWithValues: zip(figures.map(\.name), try export?.wait() ?? []))
    for (name, png) in pngs { try write(png, to: "figures/\(name).png") }
    return pngs
  }
}
