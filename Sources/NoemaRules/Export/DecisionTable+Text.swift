extension DecisionTable {
  /// The table as words: a head of feature names, one line a row, the default last.
  ///
  /// Cells read `> 1.5`, `<= 2`, `1.5 < · <= 2`, `red, blue`, `missing`; `–` where a row does not ask.
  public var cells: [[String]] {
    let head = columns.map { column in
      let feature = features[column]
      return RuleText.plain(feature.name) + (feature.unit.map { " (\(RuleText.plain($0)))" } ?? "")
    }
    let body = rows.map { row in
      row.cells.map { $0.map { word($0) } ?? "–" } + [
        RuleText.text(row.rule.conclusion, in: classes), RuleText.short(row.rule.support.cover),
        RuleText.short(row.rule.support.correct),
      ]
    }
    let last = columns.map { _ in "–" } + [RuleText.text(defaultConclusion, in: classes), "", ""]
    return [head + ["conclusion", "cover", "correct"]] + body + [last]
  }

  /// The table in columns padded with spaces.
  public var text: String {
    let cells = cells
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { row in
      var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(
        separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// The table as comma-separated values.
  ///
  /// A cell that a spreadsheet would take for a formula begins with an apostrophe.
  public var csv: String {
    cells.map { row in row.map { DecisionTable.field($0) }.joined(separator: ",") + "\n" }.joined()
  }

  private static func field(_ text: String) -> String {
    let isFormula = text.first.map { "=+-@".contains($0) } ?? false && TableField.number(text) == nil
    let safe = isFormula ? "'" + text : text
    guard safe.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return safe }
    return "\"" + safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }

  private func word(_ condition: Condition) -> String {
    let feature = features[condition.feature]
    func bound(_ value: Double) -> String {
      guard let levels = feature.levels, levels.indices.contains(Int(value)) else {
        return DecimalText.shortest(value)
      }
      return RuleText.plain(levels[Int(value)])
    }
    let text: String
    switch condition.values {
    case .all: return condition.admitsMissing ? "–" : "present"
    case .none: return condition.admitsMissing ? "missing" : "never"
    case .levels(let levels):
      text = levels.levels.map { RuleText.plain(feature.levels?[$0] ?? "\($0)") }.joined(separator: ", ")
    case .interval(let lower, let upper):
      text =
        lower == -.infinity
        ? "<= \(bound(upper))"
        : upper == .infinity ? "> \(bound(lower))" : "\(bound(lower)) < · <= \(bound(upper))"
    }
    return condition.admitsMissing ? "\(text) or missing" : text
  }
}
