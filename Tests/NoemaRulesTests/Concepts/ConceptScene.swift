import NoemaAttribution
import NoemaConcepts
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport

@testable import NoemaRules

/// The planted network with examples of its colours.
enum ConceptScene {
  static func network() throws -> Network { try Network(bytes: PlantedConcepts.model().bytes()) }

  static func layers(_ names: [String], of network: Network) throws -> [Layer] {
    let all = try network.graph(batch: 1, shapes: [:]).layers()
    return try names.flatMap { try all.matching($0) }
  }

  static func source(_ pictures: Tensor, _ name: String = "pictures") throws -> TensorExamples {
    try TensorExamples(pictures, name: name)
  }

  static func concepts(_ names: [String] = ["red", "green", "blue"], count: Int = 40) throws
    -> [TCAVStudy.Concept]
  {
    try names.enumerated().map { index, name in
      let pictures = PlantedConcepts.examples(count, of: name, seed: 100 + UInt64(index))
      return TCAVStudy.Concept(name: name, examples: try source(pictures, name))
    }
  }

  /// What a concept is held against.
  static func others(_ count: Int = 80, than name: String = "red") throws -> TensorExamples {
    try source(PlantedConcepts.examples(count, without: name, seed: 200), "random")
  }

  /// Red, green and blue, each held against pictures without it, read at the rectified channels.
  static func literals(_ network: Network, isBinary: Bool = false) throws -> [ConceptLiteral] {
    var fitting = ConceptFitting()
    fitting.pooling = .mean
    let layers = try layers(["relu"], of: network)
    let literals = try concepts().flatMap { concept in
      try fitting(network, layers: layers, concepts: [concept], random: others(than: concept.name))
    }
    return isBinary ? literals.map { $0.present(above: 0.5) } : literals
  }

  /// Pictures as the scores of concepts.
  static func table(
    _ network: Network, _ literals: [ConceptLiteral], count: Int, seed: UInt64
  ) throws -> ConceptTable {
    let pictures = PlantedConcepts.pictures(PlantedConcepts.contents(count, seed: seed), seed: seed + 1)
    return try ConceptMeasurement(network, literals: literals, classes: PlantedConcepts.classes)(
      source(pictures))
  }
}
