internal import ArgumentParser
internal import Foundation
internal import Noema

struct SVDCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "svd",
    abstract: "Show how many directions a layer uses, and how alike layers or two networks are.",
    discussion: """
      Writes spectra, effective ranks, components and the similarity of all layers;
      with --other-model the layers of one network are held against those of the
      other.

      EXAMPLES
        noema svd --model net.onnx --data photos --layer 'relu*' \\
          --components 10 -o out/
        noema svd --model a.onnx --other-model b.onnx --data x.npy \\
          --layer 'pool*' --similarity svcca -o out/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(help: "none, mean or max over positions.") var pool = Pooling.none
  @Option(help: "Components to keep of each layer.") var components = 10
  @Option(help: "Find the R leading values by random projections instead of all exactly.") var rank: Int?
  @Flag(name: .customLong("no-centre"), help: "Do not subtract the mean of the examples.") var noCentre =
    false
  @Option(
    help:
      "cka, cka-unbiased, cca, svcca, pwcca or procrustes; CKA by default, unbiased where examples are few.")
  var similarity: Similarity.Measure?
  @Option(name: .customLong("other-model"), help: "A second network that takes the same data.")
  var otherModel: String?
  @Option(
    name: .customLong("other-layer"), parsing: .upToNextOption, help: "Its layers; the same names by default."
  )
  var otherLayer: [String] = []
  @Option(help: "The seed of random projections.") var seed: UInt64 = 7
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Result: Encodable {
    struct Row: Encodable {
      var layer, onnxValue: String
      var spectrum: Spectrum
      var components, scores: String
    }
    var schema = "noema.svd/1"
    var layers: [Row]
    var similarity: SimilarityMatrix?
    var skipped: [String]
    var run: RunRecord
  }

  func run() throws {
    let start = ContinuousClock().now
    guard components >= 0 else {
      throw ValidationError("--components must not be negative, found \(components).")
    }
    if let rank, rank < 1 { throw ValidationError("--rank must be positive, found \(rank).") }
    let loaded = try model.load()
    let layers = try loaded.layers(matching: layer)
    let dataset = try data.open(loaded)
    loaded.noteGuess(dataset.examples, options.quiet)
    let progress = options.progress()
    try ResultFolder.make(at: out) { folder in
      let captured = try capture(loaded, layers, dataset, folder, progress)
      var rows: [Result.Row] = []
      for (index, item) in layers.enumerated() {
        progress("decompositions", index, layers.count)
        let route: PrincipalComponents.Route = rank.map { .randomised(rank: $0, seed: seed) } ?? .automatic
        let parts = try PrincipalComponents(
          captured.activations[index], count: components, centre: !noCentre, route: route)
        try NPYFile.write(parts.components, to: try folder.makePath(for: "components-\(index).npy"))
        try NPYFile.write(parts.scores.tensor, to: try folder.makePath(for: "scores-\(index).npy"))
        rows.append(
          .init(
            layer: item.name, onnxValue: item.onnxValue, spectrum: parts.spectrum,
            components: "components-\(index).npy",
            scores: "scores-\(index).npy"))
      }
      progress("decompositions", layers.count, layers.count)
      let matrix = try compare(loaded, layers, captured, dataset, folder, progress)
      let result = Result(
        layers: rows, similarity: matrix, skipped: captured.bad.map { "\($0.name): \($0.reason)" },
        run: RunRecord(
          loaded, data: ["path": data.data, "sha256": dataset.hash()],
          settings: ["pool": pool.rawValue, "centre": String(!noCentre), "otherModel": otherModel ?? ""],
          seed: seed,
          timings: ["total": seconds(since: start)]))
      try folder.write(try jsonText(result), to: "result.json")
      try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      try figures(rows, matrix, folder)
      if options.json { print(try jsonText(result), terminator: "") }
      guard !options.json, !options.quiet else { return }
      show(rows, matrix)
    }
  }

  private func capture(
    _ model: LoadedModel, _ layers: [Layer], _ dataset: Dataset, _ folder: ResultFolder,
    _ progress: ProgressBar
  ) throws -> Captured {
    var capture = Capture(model.network, layers: layers.map(\.onnxValue))
    capture.pooling = pool
    capture.shapes = model.shapes
    capture.skipsBad = options.skipBad
    let memory = try options.memoryBudget()
    capture.batchMemory = memory / 4
    if try capture.widths().reduce(0, +) * 4 * dataset.examples.count > memory / 3 {
      capture.scratchFolder = folder.stagingPath
    }
    return try capture(dataset.examples, keepsOutputs: false, phase: "activations") { progress($0, $1, $2) }
  }

  private func compare(
    _ model: LoadedModel, _ layers: [Layer], _ captured: Captured, _ dataset: Dataset, _ folder: ResultFolder,
    _ progress: ProgressBar
  ) throws -> SimilarityMatrix? {
    guard layers.count > 1 || otherModel != nil else { return nil }
    let key = captured.indices.map(String.init).joined(separator: ",")
    func representations(_ layers: [Layer], _ captured: Captured) throws -> [Representation] {
      try zip(layers, captured.activations).map { try Representation($0.name, $1, exampleKey: key) }
    }
    let rows = try representations(layers, captured)
    guard let otherModel else { return try Similarity(similarity).matrix(rows) }
    var options = model
    options.network = try Network(contentsOf: otherModel)
    let others = try options.layers(matching: otherLayer.isEmpty ? layer : otherLayer)
    let second = try capture(options, others, dataset, folder, progress)
    guard second.indices == captured.indices else {
      throw ConceptError(.mismatch("the two networks read different examples"), at: otherModel)
    }
    return try Similarity(similarity).matrix(rows, with: try representations(others, second))
  }

  private func figures(_ rows: [Result.Row], _ matrix: SimilarityMatrix?, _ folder: ResultFolder) throws {
    let count = rows.map { min(20, $0.spectrum.cumulativeRatio.count) }.max() ?? 0
    let series = rows.map { row in
      Series(
        name: row.layer,
        values: (0..<count).map { index in
          index < row.spectrum.cumulativeRatio.count
            ? MeasuredValue(row.spectrum.cumulativeRatio[index]) : nil
        })
    }
    try writeFigure(
      LineChart(
        title: "Variance held by the leading directions", categoryTitle: "directions",
        valueTitle: "share of variance",
        categories: (1...max(1, count)).map(String.init), series: series), "spectra", into: folder)
    guard let matrix else { return }
    try writeFigure(
      HeatMap(
        title: "Similarity of layers", valueTitle: matrix.measure.rawValue, rows: matrix.rows,
        columns: matrix.columns,
        values: matrix.values.map { $0.map { $0.isNaN ? nil : $0 } }), "similarity", into: folder)
  }

  private func show(_ rows: [Result.Row], _ matrix: SimilarityMatrix?) {
    var table = [
      [
        "layer", "examples", "features", "effective rank", "participation", "stable rank", "90 %", "99 %",
        "method",
      ]
    ]
    func text(_ value: Double?) -> String { value.map { String(format: "%.1f", $0) } ?? "–" }
    for row in rows {
      let s = row.spectrum
      table.append([
        row.layer, grouped(s.exampleCount), grouped(s.featureCount), text(s.effectiveRank),
        text(s.participationRatio),
        text(s.stableRank), s.componentsFor90.map(String.init) ?? "–",
        s.componentsFor99.map(String.init) ?? "–", s.method.rawValue,
      ])
    }
    print(alignedTable(table, rightAligned: [1, 2, 3, 4, 5, 6, 7]))
    if let matrix {
      print("\n\(matrix.measure.rawValue):")
      print(
        alignedTable(
          [[""] + matrix.columns]
            + zip(matrix.rows, matrix.values).map { name, values in
              [name] + values.map { $0.isNaN ? "–" : String(format: "%.3f", $0) }
            }, rightAligned: Set(1...matrix.columns.count)))
      for note in matrix.notes { print("note: \(note)") }
    }
    print("\nwrote \(out)/result.json, components and figures")
  }
}
