internal import Foundation

/// What a run of many cases says as a whole.
struct Summary {
  let reports: [CaseReport]

  private func count(_ verdict: CaseReport.Verdict) -> Int { reports.count { $0.verdict == verdict } }

  /// The closing line.
  var line: String { "\(count(.passed)) passed, \(count(.failed)) failed, \(count(.skipped)) skipped" }

  /// What is lacking and the number of cases that it blocks, most first; a case may lack several things.
  var lacking: [(what: String, cases: Int)] {
    var counts: [String: Int] = [:]
    for what in reports.flatMap(\.lacking) { counts[what, default: 0] += 1 }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }

  /// One row an operator: passed, failed, skipped, differentiated. Networks of several nodes share a row.
  private var rows: [(operation: String, counts: [Int])] {
    Dictionary(grouping: reports) { $0.operation ?? "networks of several nodes" }.map { name, reports in
      (
        name,
        [.passed, .failed, .skipped].map { verdict in reports.count { $0.verdict == verdict } }
          + [reports.count(where: \.isDifferentiated)]
      )
    }.sorted { $0.operation < $1.operation }
  }

  /// The rows for a terminal.
  var table: String {
    let width = rows.map(\.operation.count).max() ?? 0
    func line(_ name: String, _ cells: [String]) -> String {
      name.padding(toLength: max(width, 8), withPad: " ", startingAt: 0)
        + cells.map { String(repeating: " ", count: max(1, 13 - $0.count)) + $0 }.joined()
    }
    return
      ([line("operator", ["passed", "failed", "skipped", "derivatives"])]
      + rows.map { line($0.operation, $0.counts.map(String.init)) }).joined(separator: "\n")
  }

  /// The rows as a Markdown document.
  var document: String {
    let lines = rows.map { "| `\($0.operation)` | \($0.counts.map(String.init).joined(separator: " | ")) |" }
    let interpreted = CaseRunner.largestInterpreted >> 20
    let reasons = lacking.map { "| \($0.what.replacing("|", with: "\\|")) | \($0.cases) |" }
    return """
      # Conformance

      The ONNX backend test cases, run by `make conformance`, which writes this page: each through the engine
      and through the reference interpreter, both held against the expected outputs. Tolerances are those of
      ONNX's runner (relative 1e-3, absolute 1e-7; float16 2⁻⁸ and 2⁻¹⁰, bfloat16 2⁻⁶ and 2⁻⁷ after rounding to
      the type; integers exact). Inputs that decide shapes are bound as constants. Networks of more than
      \(interpreted) Mi multiply-adds run through the engine only. A case is skipped when Noema refuses it with an error
      that says what is not supported, or when its expected outputs are known to be wrong; the second table says
      which. The last column counts the cases whose first and second derivatives by float inputs agree with central
      differences in double precision (1e-6), and their fast kernels with the reference kernels (1e-4), beside the
      case's inputs, where there are no ties.

      \(line).

      | operator of the case | passed | failed | skipped | derivatives |
      |---|---:|---:|---:|---:|
      \(lines.joined(separator: "\n"))

      ## What skipped cases lack

      | operator or feature | cases |
      |---|---:|
      \(reasons.joined(separator: "\n"))

      """
  }
}
