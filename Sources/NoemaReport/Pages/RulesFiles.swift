public import NoemaRules

extension RulesPage {
  /// Writes rules, numbers, predictions, page, figures and notebook.
  ///
  /// | file | content |
  /// |---|---|
  /// | `rules.txt` | the rules in plain words |
  /// | `rules.json` | the rules as `noema.rules/1` |
  /// | `rules.pmml`, `rules.sql`, `rules.py`, `rules.dot` | the rules for other programs, where these can say them |
  /// | `tree.svg` | the drawn tree; not of rules that vote |
  /// | `result.json` | ``RulesRecord``, and what is said about the run |
  /// | `predictions.csv` | one row a test example: true class, network, rules, which rules fire |
  ///
  /// - Parameter run: what is to be said about how the study was run, under the key `run`.
  /// - Returns: what could not be written in some form, and why, a sentence each.
  /// - Throws: `ReportError` when the folder cannot be written, and what encoding throws.
  @discardableResult
  public func write(into folder: ResultFolder, run: some Encodable) throws -> [String] {
    let drawings = figures
    let export = PNGExport.isAvailable ? PNGExport.Batch(drawings.map(\.svg)) : nil
    let refusals = try report.document.writeExports(named: report.title, into: folder)
    if let tree = self.drawings.tree { try folder.write(tree.svg, to: "tree.svg") }
    try folder.write(try JSONText.of(RecordWithRun(record: report.record, run: run)), to: "result.json")
    try folder.write(try predictions(), to: "predictions.csv")
    try folder.write(try html(), to: "report.html")
    let pngs = try folder.write(drawings, pngs: export)
    try folder.write(try notebook(pngs: pngs), to: "report.ipynb")
    return refusals
  }

  private func predictions() throws -> String {
    let classes = report.document.model.classes
    let answers = try report.document.model.labels(on: report.table)
    var text = "row,network,rules,truth,firing\n"
    for (row, firing) in try report.document.firingNames(on: report.table).enumerated() {
      let fields = [
        "\(row + 1)", Escape.csv(classes[report.network[row]]), Escape.csv(classes[answers[row]]),
        report.truth.map { Escape.csv(classes[$0[row]]) } ?? "", firing,
      ]
      text += fields.joined(separator: ",") + "\n"
    }
    return text
  }
}

extension RuleDocument {
  /// Writes the rules as `rules.txt`, `rules.json` and for other programs, as ``RulesPage`` does.
  ///
  /// - Parameters:
  ///   - name: the model's name within PMML.
  /// - Returns: what could not be written in some form, and why, a sentence each.
  /// - Throws: `ReportError` when the folder cannot be written.
  public func writeExports(named name: String, into folder: ResultFolder) throws -> [String] {
    let exports = RuleExports(self, modelName: name)
    for (name, text) in exports.files { try folder.write(text, to: name) }
    return exports.refusals
  }
}

/// Rules in every form that can say them.
struct RuleExports {
  /// Names and texts.
  private(set) var files: [(name: String, text: String)] = []
  /// What a form could not say, a sentence each.
  private(set) var refusals: [String] = []

  init(_ document: RuleDocument, modelName: String) {
    let text =
      switch document {
      case .set(let rules): rules.text
      case .list(let list): list.text
      case .tree(let tree): tree.text
      }
    files = [
      ("rules.txt", text), ("rules.json", String(decoding: document.json, as: UTF8.self) + "\n"),
    ]
    var pmml = PMML()
    pmml.modelName = modelName
    add("rules.pmml") { () throws(RuleError) -> String in try pmml.text(document) }
    add("rules.sql") { () throws(RuleError) -> String in try SQL().statement(document) }
    add("rules.py") { () throws(RuleError) -> String in try PythonSource().text(document) }
    switch document {
    case .tree(let tree): files.append(("rules.dot", GraphvizSource.text(tree)))
    case .list(let list): files.append(("rules.dot", GraphvizSource.text(list)))
    case .set(let rules):
      if let list = rules.list {
        files.append(("rules.dot", GraphvizSource.text(list)))
      } else {
        refusals.append("rules.dot and tree.svg are not written: rules that vote are no tree")
      }
    }
  }

  private mutating func add(_ name: String, _ text: () throws(RuleError) -> String) {
    do { files.append((name, try text())) } catch {
      refusals.append("\(name) is not written: \(error)")
    }
  }
}
