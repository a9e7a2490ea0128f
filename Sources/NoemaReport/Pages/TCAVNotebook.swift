internal import NoemaConcepts

/// The notebook of a concept study: stored outputs, and code that draws them again from the files beside it.
struct TCAVNotebook {
  let report: TCAVReport
  let figures: TCAVFigures
  let pngs: [String: [UInt8]]

  var notebook: Notebook {
    var notebook = Notebook()
    let answers = report.answers.isEmpty ? report.derivedAnswers : report.answers
    notebook.markdown(
      "# \(Escape.markdown(report.title))\n\n**\(Escape.markdown(report.question))**\n\n"
        + answers.map { Escape.markdown($0) }.joined(separator: "\n\n")
        + "\n\nThe cells read `result.json` and `derivatives.npy` beside this notebook; "
        + "they need numpy and matplotlib."
    )
    notebook.code(TCAVNotebookCode.load, outputs: [.text(summary)])
    add("## Scores", TCAVNotebookCode.scores, figures.scores, to: &notebook)
    add("## Scores over the layers", TCAVNotebookCode.sweep, figures.sweeps, to: &notebook)
    add("## Probe quality", TCAVNotebookCode.probes, figures.probes, to: &notebook)
    add("## Null distributions", TCAVNotebookCode.nulls, figures.nulls, to: &notebook)
    add("## Cosines between CAVs", TCAVNotebookCode.cosines, figures.cosines, to: &notebook)
    add(
      "## Directional derivatives\n\nOne row of `derivatives.npy` a result, one column a class input.",
      TCAVNotebookCode.derivatives, figures.derivatives, to: &notebook)
    return notebook
  }

  private func add(_ heading: String, _ code: String, _ figures: [NamedFigure], to notebook: inout Notebook) {
    guard !figures.isEmpty else { return }
    notebook.markdown(heading)
    notebook.code(
      code,
      outputs: figures.map {
        .figure(svg: $0.svg, png: pngs[$0.name], description: $0.figure.title)
      })
  }

  /// What the first cell prints.
  private var summary: String {
    func flat(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let header = ["concept", "target", "layer", "score", "low", "high", "p adj.", "AUC", "verdict"]
    let rows =
      [header]
      + report.results.map { result in
        let ends = result.scoreInterval.count == 2 ? result.scoreInterval : [.nan, .nan]
        return [
          flat(result.concept), flat(result.target), flat(result.layer), plain(result.score), plain(ends[0]),
          plain(ends[1]),
          plain(result.pPermutationAdjusted), plain(result.probe.auc), result.verdict.rawValue,
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
