internal import Foundation
internal import Noema

/// Strategies as a project that ViRelAy opens.
struct StrategyProject {
  let result: SpRAYStudyResult
  let material: StrategyMaterial
  let name: String
  /// How strategies were found.
  let clustering: StrategyOptions.Clustering

  /// Refuses what ViRelAy could not show, before any time is spent.
  static func check(_ network: NetworkData?) throws {
    guard let network, ExamplePictures(network.dataset.examples, network.model) != nil else {
      throw DataError(
        .parameters(
          "--virelay shows images, so it needs --model and --data with images, or arrays of their shape"))
    }
  }

  /// The project; images and relevance are read as it is written.
  func project() throws -> ViRelAyProject {
    let members = result.findings.flatMap { finding in
      finding.strategies.members.map { ($0.example, $0.example.label ?? finding.strategies.target ?? 0) }
    }
    let examples = members.map(\.0.index)
    guard let network = material.network, let relevance = material.relevance, let outputs = material.outputs,
      let pictures = ExamplePictures(network.dataset.examples, network.model)
    else {
      throw DataError(.parameters("--virelay needs images, relevance and outputs; give --model and --data"))
    }
    let samples = ViRelAyProject.Samples(labels: members.map(\.1)) { rows in
      try examples[rows].map { index in
        guard let image = try pictures.picture(index) else {
          throw DataError(.malformed("the example is no image"), at: network.dataset.examples.name(of: index))
        }
        return image
      }
    }
    let targets = result.findings.flatMap { finding in
      [Int](repeating: finding.strategies.target ?? 0, count: finding.strategies.members.count)
    }
    let attributions = ViRelAyProject.Attributions(
      method: material.method, strategy: material.usesLabels ? .trueLabel : .predictedLabel,
      samples: Array(examples.indices), labels: targets, predictions: try outputs(examples)
    ) { rows in try Self.shown(try relevance(Array(examples[rows]))) }
    var project = ViRelAyProject(
      name: name, model: (network.model.network.path as NSString).lastPathComponent,
      dataset: (network.dataPath as NSString).lastPathComponent,
      classes: Set(members.map(\.1) + targets).sorted().map {
        .init(index: $0, name: material.names.name($0))
      },
      samples: samples, attributions: attributions, categories: categories)
    project.analysisMethod = "Spectral"
    return project
  }

  /// The analyses: numbers of samples are places among the members of all classes.
  private var categories: [ViRelAyProject.Category] {
    var start = 0
    return result.findings.map { finding in
      let strategies = finding.strategies, count = strategies.members.count
      defer { start += count }
      let spectral = ViRelAyProject.Embedding(
        name: "spectral", values: strategies.eigenvectors.tensor, eigenvalues: strategies.spectrum.eigenvalues
      )
      let pictures = strategies.pictures.map {
        ViRelAyProject.Embedding(name: $0.name, values: $0.coordinates.tensor, base: "spectral")
      }
      return .init(
        label: strategies.target ?? 0, samples: Array(start..<start + count),
        embeddings: [spectral] + pictures,
        clusterings: [
          .init(name: clustering.rawValue, labels: strategies.labels, clusterCount: strategies.clusters.count)
        ])
    }
  }

  /// Relevance with the channels of pictures; those of hidden layers are summed.
  private static func shown(_ relevance: Tensor) throws -> Tensor {
    let maps = relevance.converted(to: .float32)
    guard maps.rank == 4, ![1, 3].contains(maps.shape[1]) else { return maps }
    let (rows, shape) = (maps.shape[0], Array(maps.shape.dropFirst()))
    let width = shape.reduce(1, *), values = maps.elements(as: Float.self)
    let summed = (0..<rows).compactMap {
      AttributionMap(Array(values[$0 * width..<($0 + 1) * width]), shape: shape)
    }
    guard let first = summed.first, summed.count == rows else { return maps }
    return Tensor(shape: [rows, first.height, first.width], summed.flatMap(\.values))
  }
}
