public import ArgumentParser
public import Noema

extension ConceptFitting.Scale: ExpressibleByArgument {}
extension ConceptLiteral.Positions: ExpressibleByArgument {}

/// What rules over concepts may speak of.
struct ConceptRuleOptions: ParsableArguments {
  @Option(help: "The folder of concepts: one sub-folder (or .npy file) each.") var concepts: String?
  @Option(
    parsing: .upToNextOption, help: "A concept's name; all in the folder when none is given. Repeatable.")
  var concept: [String] = []
  @Option(help: "Random examples that concepts are held against; the other concepts by default.")
  var random: String?
  @Option(
    parsing: .upToNextOption,
    help:
      "Where concepts are read: a layer by short name, ONNX value or node, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(help: "none, mean or max over positions, for concepts.") var pool = Pooling.none
  @Option(help: "The probe whose direction a concept is read along.") var probe = ProbeKind.ridge
  @Option(help: "Scores of concepts: probability, or raw, which are then standardised.") var scale =
    ConceptFitting.Scale.probability
  @Flag(help: "Concepts are present or absent, and rules say 'grass' or 'not grass'.") var binary = false
  @Option(
    name: .customLong("min-auc"), help: "The held-out AUC below which a concept counts as not represented.")
  var minimumAUC = 0.6
  @Flag(
    name: .customLong("keep-unrepresented"), help: "Let rules speak of concepts that are not represented.")
  var keepsUnrepresented = false
  @Option(parsing: .upToNextOption, help: "A layer whose units or channels rules may speak of. Repeatable.")
  var units: [String] = []
  @Option(help: "max or mean over positions, for channels.") var positions = ConceptLiteral.Positions.max

  func validate() throws {
    guard concepts != nil || !units.isEmpty else {
      throw ValidationError("Give --concepts with a folder of examples, --units with a layer, or both.")
    }
    if concepts != nil, layer.isEmpty {
      throw ValidationError("--concepts needs --layer, where they are read; `noema inspect` lists layers.")
    }
    if concepts == nil, !layer.isEmpty || !concept.isEmpty || random != nil || binary {
      throw ValidationError(
        "--layer, --concept, --random and --binary are about --concepts, which is not given.")
    }
    if binary, scale == .raw {
      throw ValidationError("--binary needs probabilities, and --scale raw has none.")
    }
  }

  /// The concepts, fitted, and the units.
  func literals(
    _ model: LoadedModel, _ inputs: DatasetOptions, _ options: RunOptions, seed: UInt64,
    _ progress: ProgressBar
  ) throws -> [ConceptLiteral] {
    var literals: [ConceptLiteral] = []
    if let concepts {
      let material = ConceptMaterial(folder: concepts, inputs: inputs.inputs)
      var fitting = ConceptFitting()
      (fitting.pooling, fitting.probe, fitting.scale) = (pool, probe, scale)
      (fitting.minimumAUC, fitting.seed) = (minimumAUC, seed)
      let others = try random.map { try JoinedExamples(material.random($0).parts) }
      literals = try fitting(
        model.network, layers: model.layers(matching: layer), concepts: material.concepts(named: concept),
        random: others, shapes: model.shapes, memory: options.memoryBudget() / 4, skipsBad: options.skipBad
      ) { progress($0, $1, $2) }
      if binary { literals = literals.map { $0.present(above: 0.5) } }
    }
    for name in units {
      literals += try model.layers(matching: [name]).flatMap {
        try ConceptLiteral.units(of: $0, over: positions)
      }
    }
    return literals
  }

  /// The settings that a report shows.
  var record: [(name: String, value: String)] {
    var record: [(name: String, value: String)] = []
    if let concepts {
      record = [
        (name: "concepts", value: concepts),
        (name: "concept", value: concept.isEmpty ? "all" : concept.joined(separator: ", ")),
        (name: "held against", value: random ?? "the other concepts"),
        (name: "layer", value: layer.joined(separator: ", ")), (name: "pool", value: pool.rawValue),
        (name: "probe", value: probe.rawValue), (name: "scale", value: binary ? "binary" : scale.rawValue),
        (name: "least AUC", value: "\(minimumAUC)"),
      ]
    }
    if !units.isEmpty {
      record += [
        (name: "units", value: units.joined(separator: ", ")), (name: "positions", value: positions.rawValue),
      ]
    }
    return record
  }
}

extension TCAVStudy.RandomExamples {
  /// All of them.
  var parts: [any ExampleSource] {
    switch self {
    case .pool(let source): [source]
    case .sets(let sets): sets
    }
  }
}
