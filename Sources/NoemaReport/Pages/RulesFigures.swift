internal import NoemaRules

/// The figures of extracted rules: the drawn tree, the curve, the features and thresholds in use, and the confusion.
struct RulesFigures {
  /// Nil for rules that vote.
  private(set) var tree: NamedFigure?
  private(set) var curve: NamedFigure?
  private(set) var features: NamedFigure?
  private(set) var thresholds: NamedFigure?
  let confusion: NamedFigure

  var all: [NamedFigure] { [tree, curve, features, thresholds, confusion].compactMap { $0 } }

  /// Features beyond these are in the record alone.
  private static let featureLimit = 24

  init(_ report: RulesReport) {
    let model = report.document.model
    let drawn = report.drawn ?? (table: report.table, network: report.network)
    tree = TreeDrawing(report.document, title: report.title, on: drawn.table, network: drawn.network)
      .map { NamedFigure(name: "tree", figure: $0) }
    curve = report.record.curve.flatMap { Self.curve($0) }
    let classes = model.classes
    confusion = NamedFigure(
      name: "confusion",
      figure: HeatMap(
        title: "What the rules say of each class of the network",
        description: "In each row, shares of the examples to which the network gives a class.",
        valueTitle: "share of the row", rows: classes, columns: classes,
        values: report.record.quality.confusion.map { row in
          let total = row.reduce(0, +)
          return row.map { total > 0 ? Double($0) / Double(total) : nil }
        }))
    let used = report.record.size.termsOfFeature.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(Self.featureLimit)
    guard !used.isEmpty else { return }
    features = NamedFigure(
      name: "features",
      figure: BarChart(
        title: "Features that the rules read",
        description: "How many conditions read each feature, those read most first.",
        valueTitle: "conditions",
        range: 0...Double(used.map(\.value).max() ?? 1), groups: used.map { model.features[$0.key].name },
        series: [
          Series(name: "conditions", values: used.map { MeasuredValue(Double($0.value)) })
        ]))
    let rows = used.compactMap { Self.row($0.key, model.features, model.terms, report.table) }
    guard !rows.isEmpty else { return }
    thresholds = NamedFigure(
      name: "thresholds",
      figure: ThresholdChart(
        title: "Thresholds of the rules",
        description:
          "From the least to the greatest value of each feature among the test examples; a mark at each threshold, "
          + "wider where several rules use it.", rows: rows))
  }

  private static func row(
    _ feature: Int, _ features: [Feature], _ terms: [Term], _ table: RuleTable
  ) -> ThresholdChart.Row? {
    let thresholds = terms.filter { $0.feature == feature }.compactMap(\.threshold)
    let values = table.column(feature).filter { !$0.isNaN }
    guard !thresholds.isEmpty, features[feature].levels == nil, let low = values.min(),
      let high = values.max()
    else { return nil }
    let unit = features[feature].unit.map { " (\($0))" } ?? ""
    return ThresholdChart.Row(
      name: features[feature].name + unit, range: low...high, thresholds: thresholds)
  }

  private static func curve(_ curve: FidelitySizeCurve) -> NamedFigure? {
    guard !curve.points.isEmpty else { return nil }
    func series(_ name: String, _ isShown: (Int) -> Bool) -> Series {
      Series(
        name: name,
        values: curve.points.enumerated().map { index, point in
          guard isShown(index) else { return nil }
          return MeasuredValue(
            point.fidelity.value, low: point.fidelity.lower, high: point.fidelity.upper)
        })
    }
    let lowest = curve.points.map(\.fidelity.lower).min() ?? 0
    return NamedFigure(
      name: "curve",
      figure: LineChart(
        title: "Fidelity against size",
        description:
          "The share of validation examples with the network's class, for rule sets of growing size.",
        categoryTitle: "rules", valueTitle: "fidelity", range: (lowest * 10).rounded(.down) / 10...1,
        categories: curve.points.map { "\($0.size)" },
        series: [series("fidelity") { _ in true }, series("knee") { $0 == curve.knee }]))
  }
}
