internal import Noema

/// Concepts that were found, as lines of text.
struct DiscoveryTable {
  let record: ACERecord
  var significance = 0.05

  /// Concepts of a layer, and remarks, that are printed.
  private static let rowCount = 12, remarkCount = 8

  var text: String {
    let report = ACEReport.summary(of: record, significance: significance)
    let tables = record.layers.filter { !$0.concepts.isEmpty }.map { layer in
      (record.layers.count > 1 ? "\(layer.layer)\n" : "") + table(layer)
    }
    let remarks = record.warnings + record.layers.flatMap(\.warnings)
    let shown = remarks.prefix(Self.remarkCount).map { "note: \($0)" }
    let more = remarks.count > shown.count ? ["note: \(remarks.count - shown.count) more in the report"] : []
    let skipped = record.skipped.prefix(Self.remarkCount).map { "left out \($0)" }
    return
      (tables + [report.derivedAnswers.joined(separator: "\n")] + [
        (shown + more + skipped).joined(separator: "\n")
      ])
      .filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  private func table(_ layer: ACERecord.Layer) -> String {
    var rows = [
      [
        "rank", "concept", "patches", "examples", "score", "95 % interval", "p adjusted", "index", "loss",
        "stability", "verdict",
      ]
    ]
    for concept in layer.concepts.prefix(Self.rowCount) {
      func number(_ value: Double?) -> String { NumberText.fixed(value ?? .nan, 2) }
      rows.append([
        "\(concept.rank)", concept.name, "\(concept.size)", "\(concept.exampleCount)", number(concept.score),
        concept.scoreInterval.map { "\(number($0.first))–\(number($0.last))" } ?? "–",
        NumberText.pValue(concept.pPermutationAdjusted ?? .nan), number(concept.totalIndex),
        number(concept.loss?.output), number(concept.stability?.examples), concept.verdict ?? "not tested",
      ])
    }
    let hidden = layer.concepts.count - Self.rowCount
    return alignedTable(rows, rightAligned: [0, 2, 3, 4, 6, 7, 8, 9])
      + (hidden > 0 ? "\nand \(hidden) more in the report" : "")
  }
}

extension ACEReport {
  /// The report of which only the sentences are wanted.
  fileprivate static func summary(of record: ACERecord, significance: Double) -> ACEReport {
    var report = ACEReport(title: "", question: "", record: record)
    report.significance = significance
    return report
  }
}
