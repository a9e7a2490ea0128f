internal import NoemaConcepts

/// The notebook of a concept study: stored outputs, and code that draws them again from the files beside it.
struct TCAVNotebook {
  let report: TCAVReport
  let figures: TCAVFigures
  let pngs: [String: [UInt8]]

  var notebook: Notebook {
    var notebook = Notebook(
      title: report.title, question: report.question,
      answers: report.answers.isEmpty ? report.derivedAnswers : report.answers,
      reading: "`result.json` and `derivatives.npy`")
    notebook.code(TCAVNotebookCode.load, outputs: [.text(summary)])
    let sections = [
      ("## Scores", TCAVNotebookCode.scores, figures.scores),
      ("## Scores over the layers", TCAVNotebookCode.sweep, figures.sweeps),
      ("## Probe quality", TCAVNotebookCode.probes, figures.probes),
      ("## Null distributions", TCAVNotebookCode.nulls, figures.nulls),
      ("## Cosines between CAVs", TCAVNotebookCode.cosines, figures.cosines),
      (
        "## Directional derivatives\n\nOne row of `derivatives.npy` a result, one column a class input.",
        TCAVNotebookCode.derivatives, figures.derivatives
      ),
    ]
    for (heading, code, figures) in sections { notebook.section(heading, code, figures, pngs: pngs) }
    return notebook
  }

  /// What the first cell prints.
  private var summary: String {
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let header = ["concept", "target", "layer", "score", "low", "high", "p adj.", "AUC", "verdict"]
    let rows =
      [header]
      + report.results.map { result in
        let ends = result.scoreInterval.count == 2 ? result.scoreInterval : [.nan, .nan]
        return [
          Notebook.flat(result.concept), Notebook.flat(result.target), Notebook.flat(result.layer),
          plain(result.score), plain(ends[0]), plain(ends[1]), plain(result.pPermutationAdjusted),
          plain(result.probe.auc), result.verdict.rawValue,
        ]
      }
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = zip(row, widths).map { padded($0, $1) }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// As Python prints it.
  private func plain(_ value: Double) -> String {
    value.isFinite ? NumberText.fixed(value, 3).replacing("−", with: "-") : "nan"
  }
}
