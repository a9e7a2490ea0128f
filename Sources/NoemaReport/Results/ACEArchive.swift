public import NoemaConcepts
public import NoemaData
internal import NoemaTensor

/// A finished search for concepts as it is shown and stored.
///
/// ```swift
/// let archive = ACEArchive(subject: subject, found: found, worth: worth)
/// try ResultFolder.make(at: "out") { try archive.write(into: $0, run: ["command": "…"]) }
/// ```
public struct ACEArchive {
  /// Where concepts were sought.
  public var subject: DiscoverySubject
  /// What was found.
  public var found: DiscoveredConcepts
  /// What it is worth.
  public var worth: EvaluatedConcepts
  /// The study's name.
  public var title: String
  /// The question in a sentence.
  public var question: String
  /// What the reader should know first, beside what the study itself warns of.
  public var notes: [String] = []
  /// Settings of the study, in the order to show.
  public var settings: [(name: String, value: String)] = []
  /// Hashes of model and data, in the order to show.
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the study; may be empty.
  public var commandLine = ""
  /// Patches of a concept that are written and shown.
  public var exemplarCount = 8
  /// Whole images over which concepts are mapped.
  public var mapCount = 4
  /// The tokens of an example where examples are texts with a vocabulary.
  public var pieces: (@Sendable (_ example: Int) -> [Vocabulary.Piece])?
  /// The names of the columns where examples are rows of a table.
  public var columnNames: [String]?

  /// Puts a study and what its concepts are worth together.
  public init(subject: DiscoverySubject, found: DiscoveredConcepts, worth: EvaluatedConcepts) {
    (self.subject, self.found, self.worth) = (subject, found, worth)
    title = "Concepts of \(found.target.name)"
    question = "Which concepts does the output '\(found.target.name)' rest on?"
  }

  /// Writes results, patches, concept folders, dictionaries, report, notebook and figures.
  ///
  /// - Parameters:
  ///   - run: what is to be said about how the study was run, under the key `run`.
  ///   - progress: told about pictures.
  /// - Returns: what `result.json` holds, without `run`.
  /// - Throws: `ReportError` when the folder cannot be written, `DataError` when an example cannot be read again.
  @discardableResult
  public func write(
    into folder: ResultFolder, run: some Encodable, progress: ((String, Int, Int) -> Void)? = nil
  ) throws -> ACERecord {
    var record = record()
    let pictures = ACEPictures(self)
    var sights: [[[ACEReport.Sight]]] = []
    for (index, layer) in found.layers.enumerated() {
      sights.append([])
      for place in record.layers[index].concepts.indices {
        progress?("\(layer.layer): patches", place, record.layers[index].concepts.count)
        let seen = try record.layers[index].concepts[place].exemplars.map { try pictures.sight(of: $0.patch) }
        try write(seen, of: &record.layers[index].concepts[place], at: index, into: folder)
        sights[index].append(seen)
      }
      try writeConcepts(of: layer, at: index, into: folder)
      try writeDictionary(of: layer, record.layers[index].dictionary, into: folder)
      progress?("\(layer.layer): patches", 1, 1)
    }
    try folder.write(patchTable, to: "patches.csv")
    var report = report(record)
    report.sights = sights
    report.maps = try found.layers.indices.map { index in
      progress?("\(found.layers[index].layer): maps", 0, 1)
      return try pictures.maps(of: found.layers[index], order: worth.layers[index].placesByRank)
    }
    for (layer, maps) in zip(found.layers, report.maps)
    where maps.isEmpty && mapCount > 0 && subject.kind == .image && !layer.concepts.isEmpty {
      report.warnings.append(
        "\(layer.layer) has no positions that lie in the image, so its concepts have no place in whole images"
      )
    }
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    let page = ACEPage(report)
    let export = PNGExport.isAvailable ? PNGExport.Batch(page.figures.map(\.svg)) : nil
    try folder.write(page.html(), to: "report.html")
    let pngs = try folder.write(page.figures, pngs: export)
    try folder.write(try page.notebook(pngs: pngs), to: "report.ipynb")
    return record
  }

  /// The report without pictures.
  func report(_ record: ACERecord) -> ACEReport {
    var report = ACEReport(title: title, question: question, record: record)
    report.warnings = notes
    (report.settings, report.hashes, report.commandLine) = (settings, hashes, commandLine)
    report.significance = worth.evaluation.test?.significance ?? 0.05
    return report
  }

  // MARK: Files

  /// Where the files of a layer lie: none is named where there is one only.
  func place(_ layer: Int) -> String {
    guard found.layers.count > 1 else { return "" }
    let names = found.layers.map { Escape.fileName($0.layer) }
    // Names of layers may differ in what file names do not keep.
    let isUnique = names.count { $0.lowercased() == names[layer].lowercased() } == 1
    return (isUnique ? names[layer] : "\(names[layer])-\(layer + 1)") + "/"
  }

  /// Writes the pictures of a concept's patches, and notes their names.
  private func write(
    _ sights: [ACEReport.Sight], of concept: inout ACERecord.Concept, at layer: Int, into folder: ResultFolder
  ) throws {
    for (number, sight) in sights.enumerated() {
      guard case .picture(let whole, let patch) = sight else { continue }
      let stem = "patches/\(place(layer))\(concept.name)/\(number < 10 ? "0" : "")\(number)"
      try folder.write(try PNGFile.encode(patch), to: "\(stem).png")
      try folder.write(try PNGFile.encode(whole), to: "\(stem).place.png")
      concept.exemplars[number].picture = "\(stem).png"
      concept.exemplars[number].place = "\(stem).place.png"
    }
  }

  private func writeConcepts(of layer: LayerConcepts, at index: Int, into folder: ResultFolder) throws {
    guard !layer.concepts.isEmpty else { return }
    let inner = place(index)
    // Asking for a file in it makes the folder.
    _ = try folder.makePath(for: "concepts/\(inner)x")
    let writer = DiscoveredConceptWriter(directory: "\(folder.stagingPath)/concepts/\(inner)")
    for concept in layer.concepts { try writer.write(concept, of: found, at: layer) }
  }

  private func writeDictionary(
    of layer: LayerConcepts, _ files: ACERecord.Dictionary, into folder: ResultFolder
  ) throws {
    let features = layer.features
    var means = [Double](repeating: 0, count: features.dimension)
    for (place, value) in features.values.enumerated() { means[place % features.dimension] += Double(value) }
    try NPYFile.write(layer.dictionary.atoms.tensor, to: try folder.makePath(for: files.atoms))
    try NPYFile.write(
      Tensor(shape: [features.dimension], means.map { $0 / Double(features.count) }),
      to: try folder.makePath(for: files.mean))
    try NPYFile.write(
      Tensor(shape: [features.count, features.dimension], features.values),
      to: try folder.makePath(for: files.features))
  }

  /// A row for each patch: where it lies, and the concept that it shows at each layer.
  private var patchTable: String {
    let (grid, isOne) = (found.patches.layout.grid, found.layers.count == 1)
    let columns = found.layers.flatMap { layer in
      ["concept", "atom", "cost"].map { Escape.csv(isOne ? $0 : "\(layer.layer): \($0)") }
    }
    var text =
      (["patch", "example", "segment", "resolution", "positions", "top", "left", "height", "width"] + columns)
      .joined(separator: ",") + "\n"
    let names = found.layers.map { layer in
      Swift.Dictionary(uniqueKeysWithValues: layer.concepts.map { ($0.atom, $0.name) })
    }
    for (row, patch) in found.patches.patches.enumerated() {
      let box = patch.positions.box(width: grid.width)
      var fields = [
        "\(row)", Escape.csv(found.patches.base.name(of: patch.example)), "\(patch.number)",
        "\(patch.level)", "\(patch.positions.count)", "\(box.rows.lowerBound)", "\(box.columns.lowerBound)",
        "\(box.rows.count)", "\(box.columns.count)",
      ]
      for (layer, names) in zip(found.layers, names) {
        let atom = layer.membership.labels[row]
        fields += [Escape.csv(names[atom] ?? ""), "\(atom)", "\(layer.membership.costs[row])"]
      }
      text += fields.joined(separator: ",") + "\n"
    }
    return text
  }
}

extension LayerEvaluation {
  /// The concepts' places among those kept, by rank.
  var placesByRank: [Int] { concepts.indices.sorted { concepts[$0].rank < concepts[$1].rank } }
}
