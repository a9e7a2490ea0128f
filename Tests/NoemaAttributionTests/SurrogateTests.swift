import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Regressions in float64 on outputs in float32.
private let fitTolerance = 1e-4

/// `W x + b` with a column of weights for each class.
private func linear(_ weights: [[Float]], bias: [Float]? = nil) throws -> Network {
  let inputs = weights[0].count, classes = weights.count
  var draft = ModelDraft()
  draft.input("x", [nil, inputs])
  draft.initialiser("w", Tensor(shape: [classes, inputs], weights.flatMap { $0 }))
  draft.initialiser("b", Tensor(shape: [classes], bias ?? weights.map { _ in 0.5 }))
  draft.node("Gemm", ["x", "w", "b"], ["out"], ["transB": .int(1)])
  draft.output("out", [nil, classes])
  return try Network(bytes: draft.bytes())
}

/// A sum over pixels with weights of their own.
private func picture(_ shape: [Int], seed: UInt64) throws -> (network: Network, weights: [Float]) {
  let width = shape.reduce(1, *), weights = normalTensor([width, 1], seed: seed)
  var draft = ModelDraft()
  draft.input("x", [nil] + shape)
  draft.initialiser("w", weights)
  draft.node("Flatten", ["x"], ["flat"])
  draft.node("MatMul", ["flat", "w"], ["out"])
  draft.output("out", [nil, 1])
  return (try Network(bytes: draft.bytes()), weights.floats)
}

/// A smooth network of random weights.
private func smooth(_ inputs: Int) throws -> Network {
  var draft = ModelDraft()
  draft.input("x", [nil, inputs])
  draft.initialiser("w1", normalTensor([inputs, 8], seed: 1))
  draft.initialiser("w2", normalTensor([8, 2], seed: 2))
  draft.node("MatMul", ["x", "w1"], ["h"])
  draft.node("Tanh", ["h"], ["a"])
  draft.node("MatMul", ["a", "w2"], ["out"])
  draft.output("out", [nil, 2])
  return try Network(bytes: draft.bytes())
}

private func largestGap(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  return zip(found, expected).map { abs($0 - $1) }.max() ?? 0
}

private func subject(_ network: Network, examples: Int = 1, maximumBatch: Int = 32) -> Subject {
  var subject = Subject(network)
  (subject.examples, subject.maximumBatch) = (examples, maximumBatch)
  return subject
}

@Suite struct WeightedRidgeTests {
  private let design = Matrix(
    rowCount: 7, columnCount: 3, elements: [1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0])
  private let targets = [3, 1.5, 2, 0.4, 2.2, 1.1, 0.9]
  private let weights = [1, 0.8, 0.8, 0.5, 0.8, 0.5, 0.5]

  /// The same masks and outputs given to scikit-learn's Ridge, which lime uses.
  @Test func agreesWithScikitLearn() throws {
    let fit = try WeightedRidge().fit(design, targets: targets, weights: weights)
    #expect(largestGap(fit.coefficients, [0.524816805081, 0.655251587689, 0.303077674646]) < 1e-8)
    #expect(abs(fit.intercept - 0.849438202247) < 1e-8 && abs(fit.score - 0.688909829100) < 1e-8)
    let loose = try WeightedRidge(penalty: 0.01).fit(design, targets: targets, weights: weights)
    #expect(largestGap(loose.coefficients, [1.140123185632, 1.369130819220, 0.750810208533]) < 1e-8)
  }

  @Test func recoversALinearFunction() throws {
    let exact = (0..<7).map { 2 * design[$0, 0] - design[$0, 1] + 0.5 * design[$0, 2] + 4 }
    let fit = try WeightedRidge(penalty: 0).fit(design, targets: exact, weights: weights)
    #expect(largestGap(fit.coefficients, [2, -1, 0.5]) < 1e-8)
    #expect(abs(fit.intercept - 4) < 1e-8 && abs(fit.score - 1) < 1e-12)
    #expect(fit.standardErrors.allSatisfy { $0 < 1e-6 })
    let part = try WeightedRidge(penalty: 0).fit(design, targets: exact, weights: weights, columns: [2])
    #expect(part.coefficients.count == 1 && part.score < 1)
  }

  @Test func equalColumnsShareEqually() throws {
    var twice = Matrix(rowCount: 7, columnCount: 2)
    for row in 0..<7 { for column in 0..<2 { twice[row, column] = design[row, 0] } }
    for penalty in [0, 1.0] {
      let fit = try WeightedRidge(penalty: penalty).fit(twice, targets: targets, weights: weights)
      #expect(abs(fit.coefficients[0] - fit.coefficients[1]) < 1e-4)
      #expect(fit.coefficients[0] > 0.1)
    }
  }

  @Test func constantsLeaveNothingToExplain() throws {
    let fit = try WeightedRidge().fit(design, targets: Array(repeating: 3, count: 7), weights: weights)
    #expect(fit.coefficients == [0, 0, 0] && fit.intercept == 3 && fit.score == 0)
  }

  @Test func badListsAreRefused() {
    #expect(throws: TensorError.self) { try WeightedRidge().fit(design, targets: [1], weights: weights) }
    #expect(throws: TensorError.self) {
      try WeightedRidge().fit(design, targets: targets, weights: weights.map { $0 - 0.9 })
    }
    #expect(throws: TensorError.self) {
      try WeightedRidge(penalty: -1).fit(design, targets: targets, weights: weights)
    }
  }
}

@Suite struct LIMETests {
  private static let exact = LocalFit(features: 100, selection: .all, penalty: 0)

  @Test func groupsOfALinearNetwork() throws {
    let network = try linear([[2, -1, 0.5, 3], [0, 0, 1, 0]]),
      x = Tensor(shape: [2, 4], [Float(1), 2, -1, 0.5, 1, 1, 1, 1])
    let method = LIMEGroups(background: .baseline(.constant(1)), samples: 200, fit: Self.exact)
    let found = try method.surrogates(for: subject(network, examples: 2)).surrogates(
      [x], classes: [0, 1], first: 0)
    #expect(largestGap(found[0].coefficients, [0, -1, -1, -1.5]) < fitTolerance)
    #expect(abs(found[0].score - 1) < 1e-6 && abs(found[0].prediction - found[0].output) < fitTolerance)
    #expect(abs(found[0].intercept - 5) < fitTolerance)
    #expect(found[0].ranking.prefix(1) == [3])
    // The second example is its own background.
    #expect(found[1].isConstant && found[1].score == 0 && found[1].coefficients == [0, 0, 0, 0])
    let map = try explain(method, network, x, classes: [0, 1])
    #expect(map.remarks[0]?.hasPrefix("the local model explains R² = 1") == true)
    #expect(map.remarks[1] == "the output does not change under perturbation")
    #expect(abs(map.values[0].floats[3] + 1.5) < 1e-4)
  }

  /// Coefficients fall towards 0 as the penalty grows against weights that sum to some 70.
  @Test func penaltyShrinks() throws {
    let network = try linear([[4, 4, 4]]), x = Tensor(shape: [1, 3], repeating: Float(1))
    func coefficient(_ penalty: Double) throws -> Double {
      let fit = LocalFit(features: 3, selection: .all, penalty: penalty)
      return try LIMEGroups(samples: 100, fit: fit).surrogates(for: subject(network))
        .surrogates([x], classes: [0], first: 0)[0].coefficients[0]
    }
    let sizes = [try coefficient(0), try coefficient(1), try coefficient(10)]
    #expect(abs(sizes[0] - 4) < fitTolerance && sizes[1] < 3.9 && sizes[2] < sizes[1] && sizes[2] > 0.5)
  }

  @Test(arguments: [FeatureSelection.forward, .highestWeights, .lassoPath, .automatic])
  func selectionFindsWhatMatters(_ selection: FeatureSelection) throws {
    let network = try linear([[0.01, 5, 0.02, -4, 0.01, 3, 0.02, 0.01]])
    let x = Tensor(shape: [1, 8], repeating: Float(1))
    for count in [3, 7] {
      let fit = LocalFit(features: count, selection: selection, penalty: 0)
      let found = try LIMEGroups(samples: 500, fit: fit).surrogates(for: subject(network))
        .surrogates([x], classes: [0], first: 0)[0]
      let chosen = found.coefficients.indices.filter { found.coefficients[$0] != 0 }
      #expect(chosen.count <= count && Set(chosen).isSuperset(of: [1, 3, 5]), "\(chosen)")
      #expect(abs(found.coefficients[1] - 5) < 0.1)
    }
  }

  /// Effects of tokens that interact are averages over the others; one that is never read has none.
  @Test func standardErrorsCoverSeeds() throws {
    let network = try smooth(6), x = normalTensor([1, 6], seed: 5)
    func found(_ seed: UInt64, _ samples: Int) throws -> LocalSurrogate {
      let method = LIMEGroups(samples: samples, fit: LocalFit(features: 6, selection: .all), seed: seed)
      return try method.surrogates(for: subject(network)).surrogates([x], classes: [0], first: 0)[0]
    }
    let reference = try found(99, 20_000)
    for seed in 1...3 as ClosedRange<UInt64> {
      let one = try found(seed, 500)
      for feature in 0..<6 {
        let error = one.standardErrors![feature]
        #expect(error > 0)
        #expect(abs(one.coefficients[feature] - reference.coefficients[feature]) < 5 * error, "\(feature)")
      }
    }
  }

  @Test func segmentsOfAnAdditivePicture() throws {
    let (network, weights) = try picture([3, 6, 8], seed: 3)
    let x = normalTensor([1, 3, 6, 8], seed: 4)
    let method = LIMEImage(
      segmentation: .grid(rows: 2, columns: 2), hidden: [0.5], samples: 300, fit: Self.exact)
    let found = try method.surrogates(for: subject(network)).surrogates([x], classes: [0], first: 0)[0]
    var effects = [Double](repeating: 0, count: 4), means = effects
    for channel in 0..<3 {
      for y in 0..<6 {
        for u in 0..<8 {
          let index = (channel * 6 + y) * 8 + u, segment = y / 3 * 2 + u / 4
          effects[segment] += Double(weights[index] * (x.floats[index] - 0.5))
          means[segment] += Double(weights[index])
        }
      }
    }
    #expect(largestGap(found.coefficients, effects) < 1e-3)
    let map = try explain(method, network, x).values[0].floats
    // The same for all pixels of a segment, in all channels.
    #expect(map[0] == map[2 * 8 + 3] && map[0] == map[48] && map[0] != map[4] && map[0] != map[3 * 8])
  }

  /// Hidden segments show their mean: a picture that is constant in each segment does not change.
  @Test func hiddenSegmentsShowTheirMean() throws {
    let (network, _) = try picture([1, 4, 4], seed: 6)
    // Quarters, numbered with a gap.
    let quarters: [Int32] = [0, 0, 1, 1, 0, 0, 1, 1, 7, 7, 8, 8, 7, 7, 8, 8]
    let labels = Tensor(shape: [4, 4], quarters)
    let blocks = Tensor(shape: [1, 1, 4, 4], quarters.map { Float($0) })
    let found = try LIMEImage(segmentation: .given(labels), samples: 50).surrogates(for: subject(network))
      .surrogates([blocks], classes: [0], first: 0)[0]
    #expect(found.isConstant && found.coefficients.count == 4)
    let other = try LIMEImage(segmentation: .given(labels), samples: 50).surrogates(for: subject(network))
      .surrogates([ramp], classes: [0], first: 0)[0]
    #expect(!other.isConstant)
  }

  private var ramp: Tensor { ClosedForm.ramp }

  /// Superpixels keep to edges of colour, are connected, and are about as many as asked for.
  @Test(arguments: [1, 3])
  func superpixelsKeepToEdges(_ channels: Int) throws {
    let (height, width) = (24, 30)
    let (network, _) = try picture([channels, height, width], seed: 7)
    var random = RandomNumbers(seed: 1)
    let pixels = (0..<channels * height * width).map { index in
      // A slanted edge between dark and bright, and little noise.
      let (y, x) = (index / width % height, index % width)
      return Float(x + y / 3 < 17 ? 0.1 : 0.9) + Float(0.02 * random.normal())
    }
    let image = Tensor(shape: [1, channels, height, width], pixels)
    let method = LIMEImage(
      segmentation: .superpixels(count: 20), hidden: [0], samples: 30,
      fit: LocalFit(features: 100, selection: .all))
    let map = try explain(method, network, image).values[0].floats
    let counts = Dictionary(grouping: 0..<height * width) { map[$0] }
    #expect((12...32).contains(counts.count))
    for pixels in counts.values {
      let bright = pixels.count { $0 % width + $0 / width / 3 >= 17 }
      #expect(Double(min(bright, pixels.count - bright)) <= 0.1 * Double(pixels.count))
      var reached = Set([pixels[0]]), open = [pixels[0]]
      let all = Set(pixels)
      while let pixel = open.popLast() {
        for near in [
          pixel - width, pixel + width, pixel % width > 0 ? pixel - 1 : -1,
          pixel % width < width - 1 ? pixel + 1 : -1,
        ]
        where all.contains(near) && reached.insert(near).inserted { open.append(near) }
      }
      #expect(reached.count == pixels.count)
    }
  }

  /// Without conditions the features are standardised values.
  @Test(arguments: [true, false])
  func tablesWithoutConditions(_ samplesAroundInstance: Bool) throws {
    let network = try linear([[2, -1, 0]]), rows = normalTensor([50, 3], seed: 8)
    let method = LIMETabular(
      training: [rows], discretiser: .none, samplesAroundInstance: samplesAroundInstance, samples: 400,
      fit: Self.exact, names: ["a", "b", "c"])
    let found = try method.surrogates(for: subject(network))
      .surrogates([normalTensor([1, 3], seed: 9)], classes: [0], first: 0)[0]
    let deviations = (0..<3).map { column in
      let numbers = (0..<50).map { Double(rows.floats[$0 * 3 + column]) }
      return (Statistics.variance(numbers) * 49 / 50).squareRoot()
    }
    #expect(largestGap(found.coefficients, [2 * deviations[0], -deviations[1], 0]) < fitTolerance)
    #expect(found.features == ["a", "b", "c"] && abs(found.score - 1) < 1e-6)
  }

  /// Conditions at quartiles: of a linear network, the gap between the example and the rows that miss the
  /// condition.
  @Test func tablesWithConditions() throws {
    let network = try linear([[3, 0]])
    // Quartiles of 1 … 9 are 3, 5 and 7.
    let rows = Tensor(shape: [9, 2], (0..<9).flatMap { [Float($0 + 1), Float($0 % 2)] })
    let method = LIMETabular(training: [rows], categorical: [1], samples: 4000, names: ["size", "kind"])
    let found = try method.surrogates(for: subject(network))
      .surrogates([Tensor(shape: [1, 2], [Float(8), 1])], classes: [0], first: 0)[0]
    #expect(found.features == ["size > 7", "kind = 1"])
    #expect(found.output == 24.5 && found.coefficients[0] > 8 && abs(found.coefficients[1]) < 0.5)
    func conditions(_ number: Float, _ discretiser: LIMETabular.Discretiser = .quartiles) throws -> String {
      var method = method
      method.discretiser = discretiser
      method.samples = 20
      return try method.surrogates(for: subject(network))
        .surrogates([Tensor(shape: [1, 2], [number, 0])], classes: [0], first: 0)[0].features[0]
    }
    #expect(try conditions(3) == "size ≤ 3")
    #expect(try conditions(3.5) == "3 < size ≤ 5")
    #expect(try conditions(2, .deciles) == "1.8 < size ≤ 2.6")
    // Classes change between 4 and 5, and nowhere else.
    let labels = [0, 0, 0, 0, 1, 1, 1, 1, 1]
    #expect(try conditions(2, .entropy(labels: labels)) == "size ≤ 4.5")
    #expect(try conditions(6, .entropy(labels: Array(repeating: 1, count: 9))) == "size > 5")
  }

  /// A network that answers 1 within one condition alone: the coefficient of that is its whole effect.
  @Test func conditionsStandForSteps() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("w", Tensor(shape: [2, 1], [Float(1000), 0]))
    draft.initialiser("b", Tensor(shape: [1], [Float(-7000)]))
    draft.initialiser("zero", Tensor(Float(0)))
    draft.initialiser("one", Tensor(Float(1)))
    draft.node("Gemm", ["x", "w", "b"], ["z"])
    draft.node("Clip", ["z", "zero", "one"], ["out"])
    draft.output("out", [nil, 1])
    let network = try Network(bytes: draft.bytes())
    let rows = Tensor(shape: [9, 2], (0..<9).flatMap { [Float($0 + 1), Float($0 + 1)] })
    let fit = LocalFit(features: 2, selection: .all, penalty: 0)
    let found = try LIMETabular(training: [rows], samples: 3000, fit: fit).surrogates(for: subject(network))
      .surrogates([Tensor(shape: [1, 2], [Float(8), 2])], classes: [0], first: 0)[0]
    #expect(abs(found.coefficients[0] - 1) < 0.02 && abs(found.coefficients[1]) < 0.02 && found.score > 0.97)
    #expect(found.features == ["x[0] > 7", "x[1] ≤ 3"])
  }

  @Test(arguments: [1, 32])
  func batchesDoNotMatter(_ maximumBatch: Int) throws {
    let network = try smooth(4), x = normalTensor([3, 4], seed: 10)
    let methods: [any AttributionMethod] = [
      LIMEGroups(samples: 100), LIMETabular(training: [normalTensor([30, 4], seed: 11)], samples: 100),
      MAPLE(training: [normalTensor([60, 4], seed: 12)], trees: 10),
    ]
    for method in methods {
      let whole = try method.attributor(for: subject(network, examples: 3)).attribute(
        [x], classes: [0, 1, 0])
      let attributor = try method.attributor(for: subject(network, examples: 3, maximumBatch: maximumBatch))
      for example in 0..<3 {
        let one = try attributor.attribute(
          [x.rows(example..<example + 1)], classes: [example % 2], first: example)
        #expect(
          scaledDifference(one.values[0], whole.values[0].rows(example..<example + 1))! < 1e-4, "\(method)")
      }
    }
    let image = normalTensor([2, 1, 8, 8], seed: 13), (pixels, _) = try picture([1, 8, 8], seed: 14)
    let lime = LIMEImage(segmentation: .superpixels(count: 6), samples: 60)
    let whole = try lime.attributor(for: subject(pixels, examples: 2)).attribute([image], classes: [0, 0])
    let second = try lime.attributor(for: subject(pixels, maximumBatch: maximumBatch))
      .attribute([image.rows(1..<2)], classes: [0], first: 1)
    #expect(scaledDifference(second.values[0], whole.values[0].rows(1..<2))! < 1e-4)
  }

  @Test func parametersOutOfRangeAreRefused() throws {
    let table = subject(try linear([[1, 2, 3]])), rows = normalTensor([5, 3])
    let cases: [(any AttributionMethod, String)] = [
      (LIMEGroups(samples: 1), "LIME needs 2 to 10000000 samples, found 1"),
      (LIMEGroups(kernelWidth: 0), "the kernel width must be positive, found 0.0"),
      (LIMEGroups(fit: LocalFit(features: 0)), "a local model needs 1 or more features, found 0"),
      (
        LIMEGroups(fit: LocalFit(features: 1, penalty: -1)), "the ridge penalty must be 0 or more, found -1.0"
      ),
      (
        LIMETabular(training: [rows], categorical: [3]),
        "column 3 is to hold categories, but there are 3 columns"
      ),
      (LIMETabular(training: [rows], names: ["a"]), "expected 3 column names, found 1"),
      (
        LIMETabular(training: [rows], discretiser: .entropy(labels: [1])),
        "expected 5 labels, one for each training row; found 1"
      ),
      (
        LIMETabular(training: []), "expected 1 reference sets, for x; found 0"
      ),
      (
        LIMEImage(),
        "LIME for images explains one value of [channels, height, width], not [[3]]; take groups for others"
      ),
      (
        MAPLE(training: [rows], trees: 0),
        "MAPLE needs 1 to 100000 trees of leaves of 1 or more rows, found 0 and 10"
      ),
      (
        MAPLE(training: [rows], featureShare: 0),
        "the share of features must be above 0 and up to 1, found 0.0"
      ),
      (MAPLE(training: [rows], penalty: 0), "the ridge penalty must be positive, found 0.0"),
    ]
    for (method, message) in cases {
      let error = #expect(throws: GraphError.self) { try method.attributor(for: table) }
      #expect(error?.description == message)
    }
    let image = subject(try picture([1, 4, 4], seed: 1).network)
    let segments: [(LIMEImage, String)] = [
      (LIMEImage(segmentation: .superpixels(count: 17)), "expected 2 to 16 superpixels, found 17"),
      (
        LIMEImage(segmentation: .superpixels(count: 4, compactness: 0)),
        "the compactness of superpixels must be positive, found 0.0"
      ),
      (
        LIMEImage(segmentation: .grid(rows: 1, columns: 1)),
        "a grid of 1 × 1 does not divide an image of 4 × 4"
      ),
      (
        LIMEImage(segmentation: .given(Tensor(shape: [4, 3], repeating: Int32(0)))),
        "segments have shape [4, 3] of int32; expected integers of [4, 4], for each image or for all"
      ),
      (
        LIMEImage(segmentation: .grid(rows: 2, columns: 2), hidden: [1, 2]),
        "hidden segments need one number, or 1 for the channels; found 2"
      ),
    ]
    for (method, message) in segments {
      let error = #expect(throws: GraphError.self) { try method.attributor(for: image) }
      #expect(error?.description == message)
    }
    let whole = Tensor(shape: [4, 4], repeating: Int32(5))
    let one = #expect(throws: GraphError.self) {
      try LIMEImage(segmentation: .given(whole)).attributor(for: image).attribute(
        [ClosedForm.ramp], classes: [0])
    }
    #expect(one?.description == "image 0 is one segment alone, which leaves nothing to compare")
  }

  @Test func valuesThatAreNotFiniteNameTheExample() throws {
    let bad = Tensor(shape: [2, 3], [Float(1), 2, 3, 4, .nan, 6]), rows = normalTensor([30, 3])
    let methods: [any AttributionMethod] = [
      LIMEGroups(samples: 20), LIMETabular(training: [rows], samples: 20), MAPLE(training: [rows], trees: 2),
    ]
    for method in methods {
      let error = #expect(throws: GraphError.self) {
        try method.attributor(for: subject(try linear([[1, 2, 3]]), examples: 2)).attribute(
          [bad], classes: [0, 0])
      }
      #expect(error?.kind == .notFinite(value: "x", example: 1), "\(method)")
    }
  }
}

@Suite struct SubmodularPickTests {
  /// The example of the paper's figure: the second row covers most, then the one that adds the last feature.
  @Test func picksWhatCoversMost() throws {
    let weights = Matrix(
      rowCount: 5, columnCount: 5,
      elements: [1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 1])
    let choice = try SubmodularPick(count: 2)(weights)
    #expect(largestGap(choice.importance, [1, 3.0.squareRoot(), 1, 1, 1]) < 1e-12)
    // Rows 1 and 3 cover the same; the first is taken, and so it is of rows 0, 3 and 4 next.
    #expect(choice.picked == [1, 0])
    let total = 4 + 3.0.squareRoot()
    #expect(
      largestGap(choice.coverage, [(1 + 3.0.squareRoot()) / total, (2 + 3.0.squareRoot()) / total]) < 1e-12)
    #expect(try SubmodularPick(count: 9)(weights).picked.count == 5)
    #expect(try SubmodularPick(count: 9)(weights).coverage.last == 1)
  }

  @Test func conditionsAreSharedByTheirText() throws {
    let network = try linear([[3, 1]]), rows = normalTensor([40, 2], seed: 20)
    let x = Tensor(shape: [3, 2], [Float(-3), 3, -4, 4, 3, -3])
    let found = try LIMETabular(training: [rows], samples: 200).surrogates(for: subject(network, examples: 3))
      .surrogates([x], classes: [0, 0, 0], first: 0)
    #expect(found[0].features == found[1].features && found[0].features != found[2].features)
    let (choice, features) = try SubmodularPick(count: 2)(found)
    #expect(features.count == 4 && Set(choice.picked) != [0, 1] && choice.coverage.last! > 0.999)
  }

  @Test func segmentsCannotBeCompared() throws {
    let found = try LIMEImage(segmentation: .grid(rows: 2, columns: 2), samples: 20)
      .surrogates(for: subject(try picture([1, 4, 4], seed: 1).network))
      .surrogates([ClosedForm.ramp], classes: [0], first: 0)
    let error = #expect(throws: GraphError.self) { try SubmodularPick()(found) }
    guard case .unsupported? = error?.kind else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(throws: GraphError.self) { try SubmodularPick(count: 0)(Matrix(rowCount: 1, columnCount: 1)) }
    #expect(throws: GraphError.self) { try SubmodularPick()(Matrix(rowCount: 0, columnCount: 3)) }
  }
}

@Suite struct MAPLETests {
  /// Ten columns of noise beside the one that the output follows.
  @Test(arguments: MAPLE.Importance.allCases)
  func linearNetworks(_ importance: MAPLE.Importance) throws {
    var weights = [Float](repeating: 0, count: 11)
    weights[4] = 2
    let network = try linear([weights]), rows = normalTensor([200, 11], seed: 21)
    let method = MAPLE(training: [rows], trees: 30, importance: importance)
    let found = try method.surrogates(for: subject(network, examples: 2))
      .surrogates([normalTensor([2, 11], seed: 22)], classes: [0, 0], first: 0)
    for surrogate in found {
      #expect(abs(surrogate.coefficients[4] - 2) < 0.02)
      #expect(surrogate.coefficients.enumerated().allSatisfy { $0.offset == 4 || abs($0.element) < 0.01 })
      #expect(abs(surrogate.prediction - surrogate.output) < 0.05 && surrogate.score > 0.999)
      // A fifth is held out; each tree's leaf counts 1.
      #expect(surrogate.neighbours.count == 160 && surrogate.neighbours.allSatisfy { $0 >= 0 })
      #expect(abs(surrogate.neighbours.reduce(0, +) - 30) < 1e-9)
    }
    #expect(found[0].coefficients.count { $0 != 0 } < 11)
  }

  /// `|x₁|`: the slope depends on the side, which the neighbours know.
  @Test func modelsAreLocal() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w", Tensor(shape: [3, 1], [Float(1), 0, 0]))
    draft.node("MatMul", ["x", "w"], ["z"])
    draft.node("Abs", ["z"], ["out"])
    draft.output("out", [nil, 1])
    let network = try Network(bytes: draft.bytes())
    let method = MAPLE(
      training: [normalTensor([300, 3], seed: 23)], validation: [normalTensor([40, 3], seed: 24)], trees: 40,
      featureShare: 1)
    let x = Tensor(shape: [2, 3], [Float(1.2), 0, 0, -1.2, 0, 0])
    let found = try method.surrogates(for: subject(network, examples: 2))
      .surrogates([x], classes: [0, 0], first: 0)
    #expect(abs(found[0].coefficients[0] - 1) < 0.1 && abs(found[1].coefficients[0] + 1) < 0.1)
    #expect(found[0].neighbours.count == 300)
    let map = try explain(method, network, x)
    #expect(map.values[0].floats[0] > 0.9 && map.values[0].floats[3] < -0.9)
  }

  @Test func constantsAndSmallSets() throws {
    let constant = try linear([[0, 0, 0]])
    let found = try MAPLE(training: [normalTensor([50, 3], seed: 25)], trees: 5).surrogates(
      for: subject(constant)
    )
    .surrogates([normalTensor([1, 3])], classes: [0], first: 0)[0]
    #expect(found.coefficients == [0, 0, 0] && abs(found.intercept - 0.5) < 1e-12 && found.isConstant)
    // Fewer rows than two leaves hold: one leaf, a regression on all rows.
    let few = try MAPLE(training: [normalTensor([12, 2], seed: 26)], trees: 3)
      .surrogates(for: subject(try linear([[1, -2]])))
      .surrogates([normalTensor([1, 2])], classes: [0], first: 0)[0]
    #expect(few.neighbours.allSatisfy { abs($0 - 0.3) < 1e-9 } && few.neighbours.count == 10)
    #expect(throws: GraphError.self) {
      try MAPLE(training: [normalTensor([1, 3])]).attributor(for: subject(constant))
    }
  }

  @Test func seedsRepeat() throws {
    let network = try smooth(4), x = normalTensor([1, 4], seed: 27), rows = normalTensor([80, 4], seed: 28)
    func found(_ seed: UInt64) throws -> [Float] {
      try explain(MAPLE(training: [rows], trees: 10, seed: seed), network, x).values[0].floats
    }
    #expect(try found(1) == found(1))
    #expect(try found(1) != found(2))
  }
}
