internal import ArgumentParser
internal import Foundation
internal import Noema

struct SortCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sort",
    abstract: "Sort inputs by how much they show a concept, along a CAV of an earlier study.",
    discussion: """
      EXAMPLE
        noema sort --model net.onnx --cavs out/ --concept striped \\
          --layer layer4 --data photos -o sorted/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(help: "The result folder of noema tcav.") var cavs: String
  @Option(help: "The concept.") var concept: String
  @Option(help: "The layer; needed when the study had several.") var layer: String?
  @Flag(help: "Cosines of raw activations, as in the paper, instead of centred ones.") var raw = false
  @Option(name: [.customShort("o"), .customLong("out")], help: "Write result.json and cosines.npy here.")
  var out: String?

  private struct Result: Encodable {
    struct Row: Encodable {
      var name: String
      var cosine: Double
    }
    var schema = "noema.sort/1"
    var concept, layer: String
    var inputs: [Row]
    var run: RunRecord
  }

  func run() throws {
    let start = ContinuousClock().now
    let model = try model.load()
    let cav = try choose(try SavedCAV.read(folder: cavs), model)
    let dataset = try data.open(model)
    let progress = options.progress()
    var capture = Capture(model.network, layers: [cav.onnxValue])
    capture.pooling = cav.pooling
    capture.shapes = model.shapes
    capture.skipsBad = options.skipBad
    capture.batchMemory = try options.memoryBudget() / 2
    guard cav.modelHash == model.network.hash else {
      try cav.check(
        model: model.network, onnxValue: cav.onnxValue, pooling: cav.pooling,
        featureCount: cav.direction.count)
      return
    }
    let captured = try capture(dataset.examples, phase: "inputs") { progress($0, $1, $2) }
    let features = captured.activations[0]
    try cav.check(
      model: model.network, onnxValue: cav.onnxValue, pooling: cav.pooling, featureCount: features.columnCount
    )
    guard raw || captured.indices.count > 1 else {
      throw ConceptError(
        .tooFew(set: "the data to sort, whose mean is subtracted unless --raw is given,", found: 1, needed: 2)
      )
    }
    let cosines = try cav.cosines(features, centred: !raw)
    let order = cosines.indices.sorted { cosines[$0] > cosines[$1] }
    let result = Result(
      concept: cav.concept, layer: cav.layer,
      inputs: order.map { .init(name: dataset.examples.name(of: captured.indices[$0]), cosine: cosines[$0]) },
      run: RunRecord(
        model, data: ["path": data.data, "sha256": dataset.hash(), "cavs": cavs],
        settings: ["raw": String(raw)],
        timings: ["total": seconds(since: start)]))
    if let out {
      try ResultFolder.make(at: out) { folder in
        try NPYFile.write(
          Tensor(shape: [cosines.count], cosines), to: try folder.makePath(for: "cosines.npy"))
        try folder.write(try jsonText(result), to: "result.json")
        try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      }
    }
    if options.json { return print(try jsonText(result), terminator: "") }
    guard !options.quiet else { return }
    let shown =
      result.inputs.count <= 20 ? result.inputs : Array(result.inputs.prefix(10) + result.inputs.suffix(10))
    print(
      alignedTable(
        [["rank", "cosine", "input"]]
          + shown.enumerated().map { index, row in
            let rank =
              result.inputs.count <= 20 || index < 10 ? index + 1 : result.inputs.count - 20 + index + 1
            return [String(rank), String(format: "%+.4f", row.cosine), row.name]
          }, rightAligned: [0, 1]))
  }

  private func choose(_ all: [SavedCAV], _ model: LoadedModel) throws -> SavedCAV {
    // A study of several networks has a concept's CAV for each.
    let own = all.filter { $0.modelHash == model.network.hash }
    let named = (own.isEmpty ? all : own).filter { $0.concept == concept }
    guard !named.isEmpty else {
      let known = Array(Set(all.map(\.concept))).sorted()
      throw ConceptError(
        .unknownName(
          concept, what: "concept in that study", suggestions: EditDistance.nearest(concept, in: known)),
        at: cavs)
    }
    guard let layer else {
      if named.count == 1 { return named[0] }
      throw ConceptError(
        .parameters(
          "the study has CAVs at \(named.map(\.layer).joined(separator: ", ")); choose with --layer"),
        at: cavs)
    }
    guard let found = named.first(where: { $0.layer == layer || $0.onnxValue == layer }) else {
      throw ConceptError(
        .unknownName(
          layer, what: "layer in that study", suggestions: EditDistance.nearest(layer, in: named.map(\.layer))
        ), at: cavs)
    }
    return found
  }
}
