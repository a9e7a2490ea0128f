internal import Foundation
public import NoemaConcepts
internal import NoemaData
internal import NoemaAttribution
internal import NoemaGraph
internal import NoemaTensor

/// A finished concept study as it is shown and stored.
public struct TCAVArchive {
  /// What was asked.
  public var study: TCAVStudy
  /// What was found.
  public var result: TCAVStudyResult
  /// The study's name; made of the model's file name when nil.
  public var title: String?
  /// The question in a sentence.
  public var question: String
  /// What the reader should know first, beside what the study itself warns of.
  public var notes: [String] = []
  /// Settings of the study, in the order to show.
  public var settings: [(name: String, value: String)]
  /// Hashes of model and data, in the order to show.
  public var hashes: [(name: String, value: String)]
  /// The command that repeats the study.
  public var commandLine: String

  /// Puts a study and its result together.
  public init(
    study: TCAVStudy, result: TCAVStudyResult, question: String,
    settings: [(name: String, value: String)] = [],
    hashes: [(name: String, value: String)] = [], commandLine: String = ""
  ) {
    self.study = study
    self.result = result
    self.question = question
    self.settings = settings
    self.hashes = hashes
    self.commandLine = commandLine
  }

  /// The content of the report: numbers, example strips, and the inputs that react most and least.
  ///
  /// - Throws: `DataError` when an example cannot be read again.
  public func report() throws -> TCAVReport {
    var report = summary()
    report.strips = try strips()
    report.extremes = try extremes()
    return report
  }

  /// The report without images.
  private func summary() -> TCAVReport {
    var warnings = notes + result.skipped.prefix(20).map { "left out: \($0)" }
    if result.skipped.count > 20 {
      warnings.append("left out: \(result.skipped.count - 20) more, listed in result.json")
    }
    for (target, share) in zip(study.targets, result.accuracy) where share < 0.5 {
      warnings.append(
        "the network answers '\(target.name)' for only \(Int((share * 100).rounded())) % of the inputs of that class"
      )
    }
    return TCAVReport(
      title: title ?? "Concept sensitivity of \((study.network.path as NSString).lastPathComponent)",
      question: question,
      results: result.results, layers: result.layers, derivatives: result.derivatives, warnings: warnings,
      settings: settings, hashes: hashes, commandLine: commandLine, significance: study.test.significance)
  }

  private func strips() throws -> [TCAVReport.Strip] {
    try study.concepts.compactMap { concept in
      var images: [Image] = []
      for index in 0..<min(8, concept.examples.count) {
        do {
          if let image = try concept.examples.image(at: index) {
            images.append(EmbeddedImage.thumbnail(of: image))
          }
        } catch {
          guard study.skipsBad else { throw error }
        }
      }
      return images.isEmpty ? nil : TCAVReport.Strip(concept: concept.name, images: images)
    }
  }

  /// Inputs for the results that count most: those used, then those furthest from ½, a dozen in all.
  private func extremes() throws -> [TCAVReport.Extremes] {
    let order = result.results.indices.sorted { left, right in
      let (a, b) = (result.results[left], result.results[right])
      if (a.verdict == .used) != (b.verdict == .used) { return a.verdict == .used }
      return abs(a.meanDerivative) > abs(b.meanDerivative)
    }
    // The same inputs show up for several concepts; each is decoded once and kept small.
    var thumbnails: [Int: [Int: Image]] = [:]
    return try order.prefix(12).sorted().compactMap { index in
      let item = result.results[index]
      guard let target = study.targets.firstIndex(where: { $0.name == item.target }) else { return nil }
      let values = result.derivatives[index]
      let rows = values.indices.sorted { values[$0] > values[$1] }
      let count = min(study.extremeCount, rows.count / 2)
      func examples(_ rows: some Sequence<Int>) throws -> [TCAVReport.Example] {
        try rows.compactMap { row in
          let place = result.inputIndices[target][row]
          if thumbnails[target]?[place] == nil {
            thumbnails[target, default: [:]][place] = try study.targets[target].examples.image(at: place)
              .map { EmbeddedImage.thumbnail(of: $0) }
          }
          guard let image = thumbnails[target]?[place] else { return nil }
          return TCAVReport.Example(
            image: image, derivative: values[row], caption: result.inputNames[target][row])
        }
      }
      let (most, least) = (try examples(rows.prefix(count)), try examples(rows.suffix(count).reversed()))
      return most.isEmpty
        ? nil : .init(layer: item.layer, target: item.target, concept: item.concept, most: most, least: least)
    }
  }

  /// Writes results, arrays, report, notebook and figures.
  ///
  /// - Parameter run: what is to be said about how the study was run, under the key `run`.
  /// - Throws: `ReportError` when the folder cannot be written, `DataError` when an example cannot be read again.
  public func write(into folder: ResultFolder, run: some Encodable) throws {
    // The figures need no images, so they are drawn while images are decoded.
    let figures = try TCAVPage(summary()).figures
    let export = PNGExport.isAvailable ? PNGExport.Batch(figures.map(\.svg)) : nil
    var offset = 0
    let cavs = result.cavs.map { cav in
      defer { offset += cav.direction.count }
      return TCAVRecord.CAVEntry(
        layer: cav.layer, onnxValue: cav.onnxValue, concept: cav.concept, pooling: cav.pooling.rawValue,
        shape: cav.shape, offset: offset, modelHash: cav.modelHash)
    }
    let record = TCAVRecord(
      results: result.results, layers: result.layers, cavs: cavs,
      inputs: zip(study.targets, result.inputNames).map {
        .init(target: $0.name, classIndex: $0.index, names: $1)
      },
      skipped: result.skipped)
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    let flat = result.cavs.flatMap(\.direction)
    if !flat.isEmpty {
      try NPYFile.write(Tensor(shape: [flat.count], flat), to: try folder.makePath(for: "cavs.npy"))
    }
    try NPYFile.write(Self.table(result.derivatives), to: try folder.makePath(for: "derivatives.npy"))
    try NPYFile.write(Self.table(result.similarities), to: try folder.makePath(for: "similarities.npy"))
    let page = try TCAVPage(try report())
    try folder.write(try page.html(), to: "report.html")
    let pngs = try folder.write(figures, pngs: export)
    try folder.write(try page.notebook(pngs: pngs), to: "report.ipynb")
  }

  /// Rows of unequal length as one float64 matrix, NaN behind the shorter ones.
  private static func table(_ rows: [[Double]]) -> Tensor {
    let width = rows.map(\.count).max() ?? 0
    return Tensor(
      shape: [rows.count, width], rows.flatMap { $0 + Array(repeating: .nan, count: width - $0.count) })
  }
}

/// What `result.json` holds (schema `noema.tcav/1`).
struct TCAVRecord: Encodable {
  struct CAVEntry: Encodable {
    var layer, onnxValue, concept, pooling: String
    var shape: [Int]
    /// Where the direction begins in `cavs.npy`.
    var offset: Int
    var modelHash: String
  }
  struct Inputs: Encodable {
    var target: String
    var classIndex: Int
    var names: [String]
  }
  var schema = "noema.tcav/1"
  var results: [TCAVResult]
  var layers: [String]
  var cavs: [CAVEntry]
  var inputs: [Inputs]
  var skipped: [String]
}
