import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

/// Networks whose units are known.
private enum Planted {
  static let side = 16

  /// A ring that is bright on dark.
  static let ring: [Float] = (0..<side * side).map { pixel in
    let (y, x) = (Double(pixel / side) - 7.5, Double(pixel % side) - 7.5)
    let radius = (y * y + x * x).squareRoot()
    return radius > 3 && radius < 6 ? 1 : -1
  }

  /// A bright half.
  static let half: [Float] = (0..<side * side).map { $0 % side < 8 ? 1 : -1 }

  /// Unit k correlates the picture with pattern k, and is rectified.
  static func network(bias: Float = 0) throws -> Network {
    var draft = ModelDraft()
    draft.input("input", [nil, 1, side, side])
    draft.initialiser("weight", Tensor(shape: [2, 1, side, side], (ring + half).map { $0 / 100 }))
    draft.initialiser("bias", Tensor(shape: [2], [bias, bias]))
    draft.initialiser("head", Tensor(shape: [2, 2], [1, 0, 0, 1] as [Float]))
    draft.node("Conv", ["input", "weight", "bias"], ["conv"], ["kernel_shape": .ints([side, side])])
    draft.node("Relu", ["conv"], ["relu"])
    draft.node("Flatten", ["relu"], ["flat"])
    draft.node("Gemm", ["flat", "head"], ["logits"])
    draft.node("Softmax", ["logits"], ["probabilities"], ["axis": .int(1)])
    draft.output("probabilities", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// Pictures become −1 to 1.
  static var recipe: Preprocessing {
    var recipe = Preprocessing(height: side, width: side)
    recipe.colorOrder = .grey
    (recipe.mean, recipe.std) = ([0.5], [0.5])
    return recipe
  }

  /// A convolution of colours with several channels and positions, smooth everywhere.
  static func colours() throws -> Network {
    var draft = ModelDraft()
    draft.input("input", [nil, 3, 12, 12])
    draft.initialiser("weight", Tensor(shape: [4, 3, 3, 3], normals(108, seed: 1).map { Float($0) }))
    draft.node(
      "Conv", ["input", "weight"], ["conv"], ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2])])
    draft.node("Tanh", ["conv"], ["tanh"])
    draft.output("tanh", [nil, 4, 5, 5])
    return try Network(bytes: draft.bytes())
  }

  /// Two weighted sums of four numbers.
  static func sums() throws -> Network {
    var draft = ModelDraft()
    draft.input("input", [nil, 4])
    draft.initialiser("weight", Tensor(shape: [2, 4], [1, -2, 2, 0, 0, 3, 0, 4] as [Float]))
    draft.node("Gemm", ["input", "weight"], ["sums"], ["transB": .int(1)])
    draft.output("sums", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  static func correlation(_ a: [Float], _ b: [Float]) -> Double {
    func centred(_ values: [Float]) -> [Double] {
      let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
      return values.map { Double($0) - mean }
    }
    let (x, y) = (centred(a), centred(b))
    return product(x, y) / (product(x, x) * product(y, y)).squareRoot()
  }
}

@Suite struct ActivationMaximizationTests {
  private func method(_ steps: Int, _ change: (inout ActivationMaximization) -> Void = { _ in })
    -> ActivationMaximization
  {
    var method = ActivationMaximization()
    (method.steps, method.robustness) = (steps, .none)
    change(&method)
    return method
  }

  private let units = [VisualizationTarget("ring", .unit(0)), VisualizationTarget("half", .unit(1))]

  @Test(arguments: PictureParameters.allCases)
  func plantedPatternsComeOut(_ parameters: PictureParameters) throws {
    let found = try method(200) { $0.parameters = parameters }(
      Planted.network(), layer: "relu", units, input: .image(Planted.recipe))
    #expect(found.shape == [1, 16, 16] && found.pictures.count == 2 && found.arePictures)
    // Low waves alone leave the edge of a half, where it goes round, softer than that of a ring.
    for (picture, (pattern, least)) in zip(found.pictures, [(Planted.ring, 0.9), (Planted.half, 0.84)]) {
      #expect(Planted.correlation(picture.values, pattern) > (parameters == .pixels ? 0.99 : least))
      // 256 pixels, each agreeing, weigh 2.56.
      #expect(picture.end > 1.9 && picture.end < 2.57 && picture.end > picture.start)
      #expect(picture.trace.count == 200 && !picture.isSilent)
    }
    #expect(found.warnings.isEmpty && found.similarities.allSatisfy { $0.isNaN })
    let image = try #require(found.image(found.pictures[0]))
    #expect(image.width == 16 && image.channelCount == 1)
  }

  /// Shifts of 0.06 of 16 pixels move a pattern by one.
  @Test func plantedPatternsSurviveViews() throws {
    let found = try method(200) { $0.robustness = .standard }(
      Planted.network(), layer: "relu", units, input: .image(Planted.recipe))
    #expect(Planted.correlation(found.pictures[0].values, Planted.ring) > 0.9)
    #expect(Planted.correlation(found.pictures[1].values, Planted.half) > 0.8)
  }

  /// The class output is the one before the softmax, and no picture depends on what else is asked for.
  @Test func classesAreLogits() throws {
    let network = try Planted.network()
    let classes = try method(60)(network, layer: nil, units, input: .image(Planted.recipe))
    #expect(classes.pictures[0].end > 1.8)
    #expect(Planted.correlation(classes.pictures[0].values, Planted.ring) > 0.9)
    let alone = try method(60)(network, layer: nil, [units[1]], input: .image(Planted.recipe))
    #expect(alone.pictures[0].start == classes.pictures[1].start)
    // Waves without a derivative follow its rounding, which the size of a batch decides.
    #expect(abs(alone.pictures[0].end - classes.pictures[1].end) < 0.1)
  }

  @Test func directionsAndTheLeastAreFound() throws {
    var both = VisualizationTarget("ring less half", .vector([1, -1]))
    let network = try Planted.network()
    // Where ring and half agree nothing is asked for, so the pattern does not come out alone.
    let found = try method(80)(network, layer: "conv", [both], input: .image(Planted.recipe))
    let difference = zip(Planted.ring, Planted.half).map { $0 - $1 }
    #expect(Planted.correlation(found.pictures[0].values, difference) > 0.7)
    both.isMinimised = true
    let least = try method(80)(network, layer: "conv", [both], input: .image(Planted.recipe))
    #expect(least.pictures[0].end < -2 && least.warnings.isEmpty)
    #expect(Planted.correlation(least.pictures[0].values, difference) < -0.7)
  }

  @Test func oneSeedMakesOnePicture() throws {
    let network = try Planted.colours()
    let recipe = Preprocessing(height: 12, width: 12)
    func run(_ seed: UInt64) throws -> VisualizationResult {
      try method(12) { ($0.seed, $0.robustness) = (seed, .standard) }(
        network, layer: "tanh", [VisualizationTarget("unit", .unit(2))], input: .image(recipe))
    }
    #expect(try run(3).pictures == run(3).pictures)
    #expect(try run(3).pictures[0].values != run(4).pictures[0].values)
  }

  @Test func diversityLowersSimilarity() throws {
    let network = try Planted.colours()
    func similarity(_ weight: Double) throws -> Double {
      let found = try method(80) { ($0.images, $0.diversity) = (3, weight) }(
        network, layer: "tanh", [VisualizationTarget("unit", .unit(1))],
        input: .image(Preprocessing(height: 12, width: 12)))
      #expect(found.pictures.map(\.number) == [0, 1, 2])
      return found.similarities[0]
    }
    let (plain, diverse) = (try similarity(0), try similarity(2))
    #expect(diverse < plain, "\(diverse) is not below \(plain)")
  }

  /// Pictures of another size than the network's are brought to it.
  @Test func picturesHaveTheSizeAskedFor() throws {
    let found = try method(120) { $0.size = [24, 24] }(
      Planted.network(), layer: "relu", [units[1]], input: .image(Planted.recipe))
    #expect(found.shape == [1, 24, 24])
    let large = (0..<24 * 24).map { Float($0 % 24 < 12 ? 1 : -1) }
    #expect(Planted.correlation(found.pictures[0].values, large) > 0.78 && found.pictures[0].end > 1.6)
  }

  /// A unit that is shut wherever noise is has no derivative; open rectifiers lead to where it fires.
  @Test func silentUnitsAreWoken() throws {
    let found = try method(120)(
      Planted.network(bias: -1), layer: "relu", [units[0]], input: .image(Planted.recipe))
    let picture = found.pictures[0]
    #expect(picture.start == 0 && picture.openedSteps > 0 && picture.openedSteps < 60 && picture.end > 1)
  }

  /// `w x` inside a ball is greatest at `r w / |w|`, and with `λ |x|²` at `w / 2λ`.
  @Test func arraysReachTheirClosedForm() throws {
    let targets = [VisualizationTarget("first", .unit(0)), VisualizationTarget("second", .unit(1))]
    let network = try Planted.sums()
    let bounded = try method(400)(network, layer: "sums", targets, input: .array(radius: 3))
    #expect(bounded.shape == [4] && !bounded.arePictures && bounded.image(bounded.pictures[0]) == nil)
    for (found, wanted) in zip(bounded.pictures[0].values, [1, -2, 2, 0] as [Float]) {
      #expect(abs(found - wanted) < 0.02)
    }
    #expect(abs(bounded.pictures[1].end - 15) < 0.05)
    let squared = try method(600) { ($0.squares, $0.rate) = (0.5, 0.03) }(
      network, layer: "sums", targets, input: .array(radius: 100))
    for (found, wanted) in zip(squared.pictures[0].values, [1, -2, 2, 0] as [Float]) {
      #expect(abs(found - wanted) < 0.02)
    }
  }

  @Test func numbersThatAreNotFiniteAreNamed() throws {
    var draft = ModelDraft()
    draft.input("input", [nil, 3])
    draft.initialiser("far", Tensor(shape: [3], [-9, 0, 0] as [Float]))
    draft.node("Add", ["input", "far"], ["sum"])
    draft.node("Log", ["sum"], ["log"])
    draft.output("log", [nil, 3])
    let network = try Network(bytes: draft.bytes())
    #expect {
      try method(3)(
        network, layer: "log", [VisualizationTarget("unit 0", .unit(0))], input: .array(radius: nil))
    } throws: { error in
      "\(error)".hasPrefix("unit 0: ") && "\(error)".contains("NaN or infinite at the first noise")
    }
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let network = try Planted.network()
    let cases: [(String, (inout ActivationMaximization) -> Void)] = [
      ("steps", { $0.steps = 0 }), ("1 or more", { $0.images = 0 }), ("rate", { $0.rate = -1 }),
      ("diversity", { $0.diversity = 1 }), ("total variation", { $0.totalVariation = .nan }),
      ("sides", { $0.size = [4, 4] }), ("spectrum", { $0.decay = 9 }),
    ]
    for (word, change) in cases {
      #expect {
        try method(3, change)(network, layer: "relu", units, input: .image(Planted.recipe))
      } throws: { "\($0)".contains(word) }
    }
    #expect(throws: ConceptError.self) {
      try method(3)(network, layer: "relu", units, input: .image(Preprocessing(height: 8, width: 8)))
    }
    #expect(throws: ConceptError.self) {
      try method(3)(network, layer: "relu", [], input: .image(Planted.recipe))
    }
    #expect(throws: GraphError.self) {
      try method(3)(network, layer: "nowhere", units, input: .image(Planted.recipe))
    }
  }

  /// Real inputs are measured as made ones are.
  @Test func responsesOfRealInputs() throws {
    let network = try Planted.network()
    let examples = try TensorExamples(
      Tensor(shape: [3, 1, 16, 16], Planted.half + Planted.ring + Planted.ring.map { -$0 }), name: "data")
    let found = try TargetResponses(of: network, layer: "conv", units, on: examples, indices: [0, 1, 2])
    #expect(found.top(0, count: 2).map(\.index) == [1, 0] || found.top(0, count: 1).map(\.index) == [1])
    #expect(abs(found.values[0][1] - 2.56) < 1e-4 && abs(found.values[0][2] + 2.56) < 1e-4)
    #expect(found.top(0, count: 1, isMinimised: true).map(\.index) == [2])
    #expect(found.share(0, below: 3) == 1 && found.share(0, below: 0, isMinimised: true) > 0.3)
  }
}

@Suite struct LayerPullbackTests {
  /// The pulled-back cotangent is the derivative, by central differences.
  @Test func gradientsAreDerivatives() throws {
    let network = try Planted.colours()
    let pullback = try LayerPullback(network, to: "tanh", examples: 2)
    #expect(pullback.layerShape == [4, 5, 5] && pullback.inputShape == [3, 12, 12])
    let x = normals(2 * 432, seed: 1).map { Float(0.3 * $0) }, d = normals(2 * 432, seed: 2).map { Float($0) }
    let s = Tensor(shape: [2, 4, 5, 5], normals(200, seed: 3).map { Float($0) })
    let (values, gradients) = try pullback(Tensor(shape: [2, 3, 12, 12], x), cotangents: s)
    let alone = try pullback.values(Tensor(shape: [2, 3, 12, 12], x)).elements(as: Float.self)
    for (a, b) in zip(values.elements(as: Float.self), alone) { #expect(abs(a - b) < 1e-5) }
    let step: Float = 1e-2
    func value(_ sign: Float) throws -> Double {
      let moved = Tensor(shape: [2, 3, 12, 12], zip(x, d).map { $0 + sign * step * $1 })
      return zip(try pullback.values(moved).elements(as: Float.self), s.elements(as: Float.self)).reduce(0) {
        $0 + Double($1.0) * Double($1.1)
      }
    }
    let expected = (try value(1) - value(-1)) / Double(2 * step)
    let found = zip(gradients.elements(as: Float.self), d).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(found - expected) < 1e-2 * max(1, abs(expected)))
  }

  @Test func shutRectifiersPassWhenOpened() throws {
    let network = try Planted.network(bias: -5)
    let noise = Tensor(shape: [1, 1, 16, 16], repeating: Float(0)),
      one = Tensor(shape: [1, 2, 1, 1], [1, 0] as [Float])
    let shut = try LayerPullback(network, to: "relu", examples: 1)(noise, cotangents: one).gradients
    #expect(shut.elements(as: Float.self).allSatisfy { $0 == 0 })
    let open = try LayerPullback(network, to: "relu", opensRectifiers: true, examples: 1)(
      noise, cotangents: one)
    #expect(open.values.elements(as: Float.self) == [0, 0])
    for (found, weight) in zip(open.gradients.elements(as: Float.self), Planted.ring) {
      #expect(abs(found - weight / 100) < 1e-6)
    }
  }
}
