internal import Noema

/// What a study of rules found, as lines of text.
struct RuleSummary {
  let report: RulesReport

  /// The lines of rules that are printed.
  private static let lineCount = 40

  var text: String { ([table, ""] + rules + [""] + sentences).joined(separator: "\n") }

  private var table: String {
    let quality = report.record.quality, size = report.record.size
    var rows = [["on \(report.record.exampleCount) test examples", "", "95 % interval"]]
    func add(_ name: String, _ share: Estimate?) {
      guard let share else { return }
      rows.append([
        name, RuleSummary.percent(share.value),
        "\(RuleSummary.percent(share.lower)) to \(RuleSummary.percent(share.upper))",
      ])
    }
    add("fidelity", quality.fidelity)
    rows.append(["one and the same answer", RuleSummary.percent(quality.majorityFidelity), ""])
    add("balanced fidelity", quality.balancedFidelity)
    add("accuracy of the rules", quality.accuracy)
    add("accuracy of the network", quality.networkAccuracy)
    add("coverage", quality.firing?.coverage)
    add("conflicts", quality.firing?.conflictRate)
    rows.append(["rules", "\(size.rules)", "of \(NumberText.fixed(size.meanTerms, 1)) terms on average"])
    return alignedTable(rows, rightAligned: [1])
  }

  private var rules: [String] {
    let lines = report.document.text.split(separator: "\n").map(String.init)
    let rest = lines.count - Self.lineCount
    return Array(lines.prefix(Self.lineCount)) + (rest > 0 ? ["and \(rest) lines more in rules.txt"] : [])
  }

  private var sentences: [String] {
    var sentences: [String] = []
    if let curve = report.record.curve, let knee = curve.knee.map({ curve.points[$0] }) {
      sentences.append(
        "The curve has its knee at \(RuleSummary.counted(knee.size)) "
          + "(fidelity \(RuleSummary.percent(knee.fidelity.value)) on validation examples).")
    }
    for entry in report.record.stability {
      sentences.append(
        "Rules of \(entry.name) agree about \(RuleSummary.percent(entry.agreement)) of the examples and share "
          + "\(RuleSummary.percent(entry.terms)) of their terms.")
    }
    return sentences + report.record.remarks.map { "note: \($0)" } + report.warnings.map { "note: \($0)" }
  }

  static func percent(_ share: Double) -> String {
    share.isFinite ? NumberText.fixed(100 * share, 1) + " %" : "–"
  }

  static func counted(_ rules: Int) -> String { rules == 1 ? "1 rule" : "\(rules) rules" }
}
