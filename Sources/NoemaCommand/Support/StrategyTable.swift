internal import Noema

/// What a study of strategies found, as lines of text.
struct StrategyTable {
  let result: SpRAYStudyResult

  /// Classes whose sentences are printed.
  private static let sentenceCount = 8

  var text: String { ([table, ""] + sentences + [""] + summary).joined(separator: "\n") }

  private var table: String {
    var rows = [["rank", "class", "examples", "strategies", "stability", "suspicion", "masking"]]
    for finding in result.ranked {
      let strategies = finding.strategies
      rows.append([
        String(finding.suspicion.rank), strategies.name, String(strategies.members.count),
        String(strategies.clusters.count), NumberText.compact(strategies.stability?.mean ?? .nan),
        finding.suspicion.clusters.isEmpty ? "–" : NumberText.compact(finding.suspicion.score),
        finding.suspicion.clusters.isEmpty ? "–" : finding.verdict.rawValue,
      ])
    }
    return alignedTable(rows, rightAligned: [0, 2, 3, 4, 5])
  }

  private var sentences: [String] {
    let parted = result.ranked.filter { !$0.suspicion.clusters.isEmpty }
    let shown = parted.prefix(Self.sentenceCount).map { $0.sentence }
    return parted.count > shown.count
      ? shown + ["and \(parted.count - shown.count) more classes in the report"] : shown
  }

  private var summary: [String] {
    let remarks = result.ranked.flatMap { finding in
      finding.strategies.remarks.map { "note: \(finding.strategies.name): \($0)" }
    }
    let shown =
      remarks.prefix(8) + (remarks.count > 8 ? ["note: \(remarks.count - 8) more in the report"] : [])
    return [answer, Self.caution] + shown
  }

  private var answer: String {
    guard result.findings.contains(where: { !$0.masking.isEmpty }) else { return result.untested }
    let confirmed = result.findings.count { $0.verdict == .confirmed }
    let classes = result.findings.count == 1 ? "1 class" : "\(result.findings.count) classes"
    return confirmed == 0
      ? "Masking confirms no strategy of \(classes)."
      : "Masking confirms a strategy of \(confirmed) of \(classes): the network rests on its region there."
  }

  private static let caution =
    "Suspicion ranks what to look at first; natural strategies have a high one too, and only masking confirms."
}

extension SpRAYStudyResult {
  /// What to say where no strategy was put to the network.
  var untested: String {
    guard let finding = ranked.first(where: { !$0.suspicion.clusters.isEmpty }) else {
      return "The relevance maps of no class part into distinct strategies."
    }
    return
      "No strategy was tested by masking (\(finding.untested ?? "too few examples")), so nothing is confirmed: the "
      + "ranking says where to look first, and no more."
  }
}
