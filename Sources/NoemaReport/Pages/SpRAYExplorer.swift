internal import Foundation
internal import NoemaTensor

/// The plot of one class that answers to pointer and keyboard, with what its script reads.
struct SpRAYExplorer {
  let result: SpRAYRecord.ClassResult
  let group: SpRAYReport.Group
  /// Unique in the page.
  let identifier: String

  /// The most examples that a plot shows.
  static let pointLimit = 20_000

  /// The plot.
  ///
  /// - Throws: what encoding the thumbnails throws.
  func html() throws -> HTML {
    let sheets = try sheetImages()
    let data = try Self.scriptText(points(sheets.map(\.sheet)))
    return .element(
      "div", ["class": "explorer", "data-points": "\(identifier)-points"],
      [
        .element(
          "div", ["class": "board"],
          [
            .element(
              "canvas",
              [
                "class": "plot", "tabindex": "0", "role": "application",
                "aria-label": "Examples of \(result.name). \(Self.keyGuide)",
              ], text: summary),
            .element("div", ["class": "tip", "hidden": "hidden"]),
          ]),
        .element(
          "div", ["class": "panel"],
          [
            .element("div", ["class": "keys", "role": "group", "aria-label": "Select a strategy"]),
            .element("div", ["class": "tools", "role": "group", "aria-label": "Tools"]),
            .element("p", ["class": "said", "aria-live": "polite"], text: ""),
            .element("div", ["class": "pins"]), .element("div", ["class": "chosen"]),
            .element(
              "noscript", [:],
              text:
                "This plot needs scripts; figures/ holds a still picture of it, assignments.csv its examples."
            ),
          ]),
        HTML(trusted: "<script type=\"application/json\" id=\"\(identifier)-points\">\(data)</script>"),
      ] + sheets.map(\.image))
  }

  /// How the plot is used.
  static let guide = """
    Point at an example to see it, click to pin it, drag around examples to list them (with Shift: to add them). A \
    strategy's button selects its examples.
    """
  private static let keyGuide = """
    Arrow keys go from example to example, Enter pins, C selects the strategy, Escape clears.
    """

  /// The plot in words, for readers without it.
  private var summary: String {
    let sizes = result.clusters.enumerated().map { "\($0.element.size) of strategy \($0.offset + 1)" }
    let rest = result.unclusteredCount > 0 ? ["\(result.unclusteredCount) of no strategy"] : []
    return "A plane of \(group.members.count) examples: \((sizes + rest).joined(separator: ", ")). "
      + "A strategy's button selects its examples and lists their names."
  }

  /// A sheet of thumbnails as the script knows it.
  private struct Sheet: Encodable {
    var id, title: String
    var cell, columns, count: Int
  }

  /// A cluster as the script knows it.
  private struct Cluster: Encodable {
    var number: Int
    var name, share: String
  }

  /// What the script reads; one entry an example in each list.
  private struct Points: Encodable {
    /// Places in 65,535ths of the larger extent, downwards.
    var x, y: [Int]
    var cluster: [Int]
    var name: [String]
    /// Where label and prediction stand among the words.
    var label, prediction: [Int]
    /// In hundredths, null where there is none.
    var silhouette: [Int?]
    /// The example's thumbnail.
    var tile: [Int]
    var words: [String]
    var clusters: [Cluster]
    var sheets: [Sheet]
  }

  private func sheetImages() throws -> [(sheet: Sheet, image: HTML)] {
    var images: [(sheet: Sheet, image: HTML)] = []
    for (title, thumbnails) in [("image", group.thumbnails), ("relevance", group.mapThumbnails)] {
      guard let thumbnails, thumbnails.count > 0 else { continue }
      let name = "\(identifier)-\(title)"
      let sheet = Sheet(
        id: name, title: title, cell: thumbnails.cell, columns: thumbnails.columnCount,
        count: thumbnails.count)
      let address = try thumbnails.address()
      let image = HTML.element("img", ["class": "sheet", "id": name, "alt": "", "src": address])
      images.append((sheet: sheet, image: image))
    }
    return images
  }

  private func points(_ sheets: [Sheet]) -> Points {
    let rows = EvenChoice.of(Self.pointLimit, from: group.members.count)
    let members = rows.map { group.members[$0] }
    let places = group.places.converted(to: .float64).elements(as: Double.self)
    let (x, y) = Self.plane(rows.map { places[2 * $0] }, rows.map { places[2 * $0 + 1] })
    let words = (members.map(\.label) + members.map(\.prediction)).unique
    let index = Dictionary(uniqueKeysWithValues: zip(words, words.indices))
    return Points(
      x: x, y: y, cluster: members.map(\.cluster), name: members.map { Self.plain($0.name) },
      label: members.map { index[$0.label] ?? 0 }, prediction: members.map { index[$0.prediction] ?? 0 },
      silhouette: members.map { Self.hundredths($0.silhouette) }, tile: rows,
      words: words.map(Self.plain), clusters: clusters(members), sheets: sheets)
  }

  private func clusters(_ members: [SpRAYReport.Member]) -> [Cluster] {
    func share(_ share: Double) -> String { NumberText.fixed(100 * share, 0) + " %" }
    let named = result.clusters.enumerated().map {
      Cluster(number: $0.offset, name: "strategy \($0.offset + 1)", share: share($0.element.share))
    }
    guard members.contains(where: { $0.cluster < 0 }) else { return named }
    let rest = Double(result.unclusteredCount) / Double(max(result.exampleCount, 1))
    return named + [Cluster(number: -1, name: "no strategy", share: share(rest))]
  }

  /// A silhouette in hundredths, nil where there is none.
  private static func hundredths(_ silhouette: Double) -> Int? {
    silhouette.isFinite ? Int((100 * max(-1, min(1, silhouette))).rounded()) : nil
  }

  /// Coordinates as whole numbers, both axes in the same unit, the second pointing down as on the screen.
  static func plane(_ xs: [Double], _ ys: [Double]) -> (x: [Int], y: [Int]) {
    let left = xs.min() ?? 0, top = ys.max() ?? 0
    let extent = max((xs.max() ?? 0) - left, top - (ys.min() ?? 0))
    guard extent > 0, extent.isFinite else { return (xs.map { _ in 0 }, ys.map { _ in 0 }) }
    let unit = 65_535 / extent
    return (xs.map { Int((($0 - left) * unit).rounded()) }, ys.map { Int(((top - $0) * unit).rounded()) })
  }

  /// Words without what would reorder or hide them, and not endless.
  static func plain(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(200) {
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator:
        result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// The value as JSON that neither ends its element nor begins another, whoever reads the page.
  static func scriptText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var bytes: [UInt8] = []
    for byte in try encoder.encode(value) {
      switch byte {
      case UInt8(ascii: "<"): bytes += "\\u003c".utf8
      case UInt8(ascii: ">"): bytes += "\\u003e".utf8
      case UInt8(ascii: "&"): bytes += "\\u0026".utf8
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
