import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

/// Images of four textures in quarters of any order, and a network whose class 0 depends on the first texture alone.
///
/// Textures are the corners of the colour cube, with stripes and noise; the network has a filter for each.
struct PlantedTextures {
  static let side = 32, count = 8
  let examples: TensorExamples
  /// The texture of each quarter, image by image.
  let quarters: [[Int]]

  static var preprocessing: Preprocessing { Preprocessing(height: side, width: side) }

  /// - Parameter among: the textures to draw four from.
  init(_ count: Int, among textures: [Int] = [0, 1, 2, 3], seed: UInt64) throws {
    var random = RandomNumbers(seed: seed)
    var (values, quarters) = ([Float](), [[Int]]())
    let side = Self.side
    for _ in 0..<count {
      let order = random.sample(4, below: textures.count).map { textures[$0] }
      quarters.append(order)
      for channel in 0..<3 {
        for pixel in 0..<side * side {
          let (y, x) = (pixel / side, pixel % side)
          let texture = order[Self.quarter(pixel)]
          let along = texture % 2 == 0 ? x : y
          let stripe: Float = along % 4 < 2 ? 0.04 : -0.04
          let base: Float = 0.5 + 0.35 * cubeSign(texture, channel)
          values.append(base + stripe + Float(0.02 * random.normal()))
        }
      }
    }
    examples = try TensorExamples(
      Tensor(shape: [count, 3, side, side], values), preprocessing: Self.preprocessing, name: "textures")
    self.quarters = quarters
  }

  static func quarter(_ pixel: Int) -> Int {
    (pixel / side < side / 2 ? 0 : 2) + (pixel % side < side / 2 ? 0 : 1)
  }

  /// The texture of most of a patch.
  func texture(_ patch: Patch) -> Int {
    var counts = [Int](repeating: 0, count: 4)
    for run in patch.positions.runs { for pixel in run { counts[Self.quarter(pixel)] += 1 } }
    return quarters[patch.example][counts.indices.max { counts[$0] < counts[$1] } ?? 0]
  }

  /// A filter a texture, `features`; their means, `pooled`; the first one's speaks for class 0.
  static func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3, side, side])
    var (filters, biases) = ([Float](), [Float]())
    for texture in 0..<count {
      var sum: Float = 0
      for channel in 0..<3 {
        let sign = cubeSign(texture, channel)
        filters += [Float](repeating: 2 * sign / 9, count: 9)
        sum += sign
      }
      biases.append(-sum - 1.2)
    }
    draft.initialiser("filters", Tensor(shape: [count, 3, 3, 3], filters))
    draft.initialiser("biases", Tensor(shape: [count], biases))
    draft.node("Conv", ["x", "filters", "biases"], ["responses"], ["kernel_shape": .ints([3, 3])])
    draft.node("Relu", ["responses"], ["features"])
    draft.node("GlobalAveragePool", ["features"], ["means"])
    draft.node("Flatten", ["means"], ["pooled"])
    draft.initialiser("w", Tensor.weights([count, 2], at: [0], 10))
    draft.initialiser("b", Tensor(shape: [2], [0, 0.5] as [Float]))
    draft.node("Gemm", ["pooled", "w", "b"], ["out"])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// The class, at some layers.
  func subject(_ layers: [String] = ["features"]) throws -> DiscoverySubject {
    let network = try Self.network()
    var subject = DiscoverySubject(
      network: network, layers: try network.layers(layers), examples: examples,
      target: .init(name: "striped", index: 0))
    subject.preprocessing = Self.preprocessing
    return subject
  }

  /// Settings for so small images and so few of them.
  static var discovery: ConceptDiscovery {
    var discovery = ConceptDiscovery()
    discovery.superpixels.counts = [4, 16]
    discovery.conceptCount = 4
    (discovery.discoveryCount, discovery.heldOutCount) = (10, 10)
    return discovery
  }

  static var evaluation: ConceptEvaluation {
    var evaluation = ConceptEvaluation()
    evaluation.test?.runs = 20
    evaluation.test?.nullRuns = 10
    evaluation.randomConceptSets = 9
    evaluation.stabilityRuns = 3
    evaluation.completeness = ConceptShapley()
    return evaluation
  }

  /// The texture of most of a concept's members.
  func texture(_ concept: DiscoveredConcept, _ patches: PatchExamples) -> Int {
    var counts: [Int: Int] = [:]
    for member in concept.members { counts[texture(patches.patches[member.patch]), default: 0] += 1 }
    return counts.max { $0.value < $1.value }?.key ?? -1
  }
}

/// The corner of the colour cube along a channel.
func cubeSign(_ corner: Int, _ channel: Int) -> Float { corner >> channel & 1 == 1 ? 1 : -1 }

extension Tensor {
  /// Zeros, and a weight at some places.
  static func weights(_ shape: [Int], at places: [Int], _ weight: Float) -> Tensor {
    var values = [Float](repeating: 0, count: shape.reduce(1, *))
    for place in places { values[place] = weight }
    return Tensor(shape: shape, values)
  }
}

extension Network {
  /// Layers by the names of their values.
  func layers(_ names: [String]) throws -> [Layer] {
    let layers = try graph().layers()
    return try names.map { name in try #require(layers.first { $0.onnxValue == name }) }
  }
}
