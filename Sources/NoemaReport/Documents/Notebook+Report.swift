/// What the notebooks of all reports have in common.
extension Notebook {
  /// Begins a report's notebook: what it is about, the answer, and what its cells need.
  ///
  /// - Parameter files: what the cells read, in Markdown.
  init(title: String, question: String? = nil, answers: [String], reading files: String) {
    self.init()
    let paragraphs =
      ["# \(Escape.markdown(title))"] + (question.map { ["**\(Escape.markdown($0))**"] } ?? [])
      + answers.map { Escape.markdown($0) }
      + ["The cells read \(files) beside this notebook; they need numpy and matplotlib."]
    markdown(paragraphs.joined(separator: "\n\n"))
  }

  /// Appends a heading, and code with the figures that it draws; nothing without figures.
  ///
  /// - Parameters:
  ///   - heading: in Markdown.
  ///   - pngs: PNG files of the figures by name, as far as they could be made.
  mutating func section(
    _ heading: String, _ source: String, _ figures: [NamedFigure], pngs: [String: [UInt8]]
  ) {
    guard !figures.isEmpty else { return }
    markdown(heading)
    code(
      source,
      outputs: figures.map { .figure(svg: $0.svg, png: pngs[$0.name], description: $0.figure.title) })
  }

  /// The text on one line, for what cells print.
  static func flat(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }
}
