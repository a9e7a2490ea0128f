internal import NoemaConcepts
internal import NoemaData

/// The figures of concepts that were found, by section of the page.
struct ACEFigures {
  /// Scores, shares of variance and losses, layer by layer.
  private(set) var importance: [[NamedFigure]] = []
  /// How far concepts suffice, and how fast the class goes without them, layer by layer.
  private(set) var curves: [[NamedFigure]] = []
  /// The best patches of the first concepts; files, and in the notebook. Empty where examples are no images.
  private(set) var grids: [NamedFigure] = []

  var all: [NamedFigure] { importance.flatMap { $0 } + curves.flatMap { $0 } + grids }

  /// Rows and columns of a grid.
  private static let gridRows = 8, gridColumns = 5

  init(_ report: ACEReport) {
    let isOne = report.record.layers.count == 1
    for (index, layer) in report.record.layers.enumerated() {
      // Names of layers may differ in what file names do not keep.
      let suffix = isOne ? "" : "-\(index + 1)-\(Escape.fileName(layer.layer))"
      let place = isOne ? "" : " at \(layer.layer)"
      importance.append(Self.importance(layer, place, suffix))
      curves.append(Self.curves(layer, place, suffix))
      let sights = report.sights.indices.contains(index) ? report.sights[index] : []
      if let grid = Self.grid(layer, sights, place) {
        grids.append(NamedFigure(name: "concepts\(suffix)", figure: grid))
      }
    }
  }

  // MARK: Importance

  private static func importance(
    _ layer: ACERecord.Layer, _ place: String, _ suffix: String
  ) -> [NamedFigure] {
    let groups = layer.concepts.map { "\($0.rank)" }
    guard !groups.isEmpty else { return [] }
    var figures: [NamedFigure] = []
    let scores = layer.concepts.map(\.measurement)
    if scores.contains(where: { $0 != nil }) {
      let marks = Set(scores.compactMap { $0?.mark })
      let meanings = [
        ("n.s.", "not significant (n.s.)"), ("n.r.", "not represented (n.r.)"), ("n/a", "no statement (n/a)"),
      ]
      figures.append(
        NamedFigure(
          name: "scores\(suffix)",
          figure: BarChart(
            title: "Scores of concepts\(place)", description: ACEGuide.scores,
            valueTitle: "score", groups: groups, series: [Series(name: "score", values: scores)],
            reference: ReferenceLine(0.5, name: "0.5: no direction"),
            hatchMeaning: meanings.filter { marks.contains($0.0) }.map(\.1).joined(separator: ", "))))
    }
    let indices = layer.concepts.map { concept in
      concept.totalIndex.map { index -> MeasuredValue in
        let error = concept.totalIndexError ?? .nan
        return MeasuredValue(index, low: max(0, index - 2 * error), high: index + 2 * error)
      }
    }
    if let figure = bars(
      indices, groups, "Total indices of concepts\(place)", ACEGuide.indices, "total index")
    {
      figures.append(NamedFigure(name: "indices\(suffix)", figure: figure))
    }
    let losses = layer.concepts.map { concept in concept.loss.map { MeasuredValue($0.output) } }
    let title = layer.curves?.measure == "output" ? "fall of the output" : "fall of the probability"
    if let figure = bars(
      losses, groups, "What the class loses without each concept\(place)", ACEGuide.losses, title)
    {
      figures.append(NamedFigure(name: "losses\(suffix)", figure: figure))
    }
    return figures
  }

  /// Bars from 0; a value below it, by chance or of a concept that speaks against the class, has a mark and no bar.
  private static func bars(
    _ values: [MeasuredValue?], _ groups: [String], _ title: String, _ description: String,
    _ valueTitle: String
  ) -> BarChart? {
    let tops = values.compactMap { $0.map { $0.high ?? $0.value } }.filter(\.isFinite)
    guard !tops.isEmpty else { return nil }
    let marked = values.map { value -> MeasuredValue? in
      guard var value, value.value < 0 else { return value }
      value.mark = "< 0"
      return value
    }
    return BarChart(
      title: title, description: description, valueTitle: valueTitle,
      range: 0...max(1.08 * (tops.max() ?? 0), 1e-3), groups: groups,
      series: [Series(name: valueTitle, values: marked)])
  }

  // MARK: Curves

  private static func curves(
    _ layer: ACERecord.Layer, _ place: String, _ suffix: String
  ) -> [NamedFigure] {
    guard let curves = layer.curves else { return [] }
    let value = curves.measure == "output" ? "mean output" : "accuracy"
    let sides: [(String, String, String, ACERecord.Curve)] = [
      ("sufficient", "Concepts shown by themselves", "concepts shown", curves.sufficient),
      ("destroying", "Concepts taken away", "concepts taken away", curves.destroying),
    ]
    return sides.map { name, title, count, curve in
      var bands: [BandChart.Band] = []
      if let random = curve.randomConcepts { bands.append(band(random, "random segments")) }
      bands.append(band(curve.randomOrders, "random orders"))
      let all = curve.worths + bands.flatMap { $0.lower + $0.upper }
      let range: ClosedRange<Double> =
        curves.measure == "output" ? (min(0, all.min() ?? 0))...max(all.max() ?? 1, 1e-3) : 0...1
      return NamedFigure(
        name: "\(name)\(suffix)",
        figure: BandChart(
          title: "\(title)\(place)",
          description: name == "sufficient" ? ACEGuide.sufficient : ACEGuide.destroying,
          countTitle: count, valueTitle: value, range: range, name: "concepts by rank", values: curve.worths,
          bands: bands, notes: curve.covered.map { "\(NumberText.fixed(100 * $0, 0)) %" },
          noteTitle: "share of the input"))
    }
  }

  private static func band(_ band: ACERecord.Band, _ name: String) -> BandChart.Band {
    BandChart.Band(name: name, mean: band.mean, lower: band.lower, upper: band.upper)
  }

  // MARK: Patches

  private static func grid(
    _ layer: ACERecord.Layer, _ sights: [[ACEReport.Sight]], _ place: String
  ) -> PictureGrid? {
    let rows = zip(layer.concepts, sights).prefix(gridRows).compactMap {
      concept, sights -> PictureGrid.Row? in
      let cells = sights.compactMap { sight -> Image? in
        if case .picture(_, let patch) = sight { patch } else { nil }
      }.prefix(gridColumns)
      guard !cells.isEmpty else { return nil }
      return PictureGrid.Row(name: concept.heading, cells: cells.map { PictureGrid.Cell($0) })
    }
    guard !rows.isEmpty else { return nil }
    return PictureGrid(
      title: "Concepts\(place)", description: "The best patches of the first concepts, one row each.",
      rows: rows)
  }
}

extension ACERecord.Concept {
  /// Its rank, its name, and what the test says.
  var heading: String { "\(rank) · \(name)" + (verdict.map { " · \($0)" } ?? "") }
}
