import Foundation
import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct MaskingTestTests {
  /// Images that belong to planted maps, and a network that adds the tag's pixels, and a little of all others.
  private struct Scene {
    let planted: PlantedMaps
    let strategies: SpRAYClass
    let inputs: TensorExamples
    /// The weights of the class output; the tag's are 0 for the clean twin.
    let weights: [Float]

    init(tagged: Int = 30, usesTag: Bool = true, seed: UInt64 = 41) throws {
      planted = PlantedMaps(tagged: tagged, seed: seed)
      strategies = try PlantedMaps.spray.analyse(planted.prepared(), name: "horse", target: 1)
      var random = RandomNumbers(seed: seed + 1)
      let isTagged = planted.isTagged
      let pixels = (0..<planted.count).flatMap { example in
        (0..<256).map { place -> Float in
          let isTag = isTagged[example] && PlantedMaps.tag.contains(place)
          let isBlob = (6..<10).contains(place / 16) && (6..<10).contains(place % 16)
          return (isTag ? 1 : isBlob ? 0.6 : 0.2) + Float(0.05 * random.normal())
        }
      }
      inputs = try TensorExamples(Tensor(shape: [planted.count, 1, 16, 16], pixels), name: "pixels")
      weights = (0..<256).map { PlantedMaps.tag.contains($0) ? (usesTag ? 1 : 0) : 0.1 }
    }

    /// Class 1 is the weighted sum, class 0 nothing.
    func output(_ tensors: [Tensor], _ classes: [Int]) -> [Double] {
      let values = tensors[0].elements(as: Float.self)
      return classes.enumerated().map { row, target in
        (0..<256).reduce(0.0) { $0 + Double(values[row * 256 + $1]) * Double(weights[$1]) } * Double(target)
      }
    }

    func pixel(_ example: Int, _ place: Int) -> Double {
      inputs.tensor.withElements(as: Float.self) { Double($0[example * 256 + place]) }
    }

    var tagLabel: Int { planted.tagCluster(strategies).label }
  }

  @Test(arguments: [RegionInfill.meanColour, .blur(), .baseline(0.2)])
  func aTagThatIsUsedIsConfirmed(_ infill: RegionInfill) throws {
    let scene = try Scene()
    var test = MaskingTest()
    test.infill = infill
    let outcomes = try test(scene.strategies, target: 1, inputs: scene.inputs, output: scene.output)
    #expect(outcomes.map(\.label) == [0, 1])
    for outcome in outcomes {
      #expect((outcome.verdict == .confirmed) == (outcome.label == scene.tagLabel))
      #expect(outcome.reason.isEmpty == (outcome.verdict == .confirmed))
    }
    let tag = outcomes[scene.tagLabel]
    #expect(tag.memberDrop > 5 && abs(tag.otherDrop) < 1 && tag.pAdjusted <= 0.01 && tag.effect > 10)
    #expect(tag.memberInterval[0] < tag.memberDrop && tag.memberDrop < tag.memberInterval[1])
    #expect(tag.otherInterval[0] < tag.otherDrop && tag.otherDrop < tag.otherInterval[1])
    #expect(tag.differenceInterval[0] < tag.difference && tag.difference < tag.differenceInterval[1])
    #expect(tag.memberDrops.count == 30 && tag.otherDrops.count == 90)
  }

  @Test func cleanTwinsAreNotConfirmed() throws {
    // A network that does not look at the tag, and images without one.
    for scene in [try Scene(usesTag: false), try Scene(tagged: 0)] {
      for infill in [RegionInfill.meanColour, .blur(), .baseline(0.2)] {
        var test = MaskingTest()
        test.infill = infill
        let outcomes = try test(scene.strategies, target: 1, inputs: scene.inputs, output: scene.output)
        #expect(outcomes.allSatisfy { $0.verdict != .confirmed && $0.memberDrop < 1 })
      }
    }
  }

  @Test func dropsFollowTheirDefinition() throws {
    let scene = try Scene()
    var test = MaskingTest()
    test.infill = .baseline(0.25)
    // Batches of one and of many.
    for batchSize in [1, 7, 500] {
      let outcomes = try test(
        scene.strategies, labels: [1], target: 1, inputs: scene.inputs, batchSize: batchSize,
        output: scene.output)
      #expect(outcomes.count == 1 && outcomes[0].label == 1)
      let places = outcomes[0].region.cells
      #expect(places.count == 12)
      func drop(_ example: Int) -> Double {
        places.reduce(0) { $0 + Double(scene.weights[$1]) * (scene.pixel(example, $1) - 0.25) }
      }
      let others = scene.strategies.clusters[0].members
      #expect(
        PlantedLayer.distance(outcomes[0].memberDrops, scene.strategies.clusters[1].members.map(drop)) < 1e-5)
      #expect(PlantedLayer.distance(outcomes[0].otherDrops, others.map(drop)) < 1e-5)
      #expect(outcomes[0].memberDrop == Statistics.mean(outcomes[0].memberDrops))
      #expect(outcomes[0].difference == outcomes[0].memberDrop - outcomes[0].otherDrop)
      // The spread of the unmasked outputs inside both groups.
      let groups = [scene.strategies.clusters[1].members, others].map { group in
        group.map { example in
          (0..<256).reduce(0.0) { $0 + Double(scene.weights[$1]) * scene.pixel(example, $1) }
        }
      }
      let squares = groups.reduce(0) { $0 + Statistics.variance($1) * Double($1.count - 1) }
      let spread = (squares / Double(120 - 2)).squareRoot()
      let effect = (outcomes[0].memberDrop - max(0, outcomes[0].otherDrop)) / spread
      #expect(abs(outcomes[0].effect - effect) < 1e-3 * effect)
    }
  }

  @Test func aNetworkGivesWhatAClosureGives() throws {
    let scene = try Scene()
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 16, 16])
    draft.initialiser("w", Tensor(shape: [256, 2], scene.weights.flatMap { [0, $0] }))
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["out"])
    draft.output("out", [nil, 2])
    var subject = Subject(try Network(bytes: draft.bytes()))
    subject.maximumBatch = 8
    let test = MaskingTest()
    let found = try test(scene.strategies, target: 1, inputs: scene.inputs, in: subject)
    let expected = try test(scene.strategies, target: 1, inputs: scene.inputs, output: scene.output)
    for (a, b) in zip(found, expected) {
      #expect(PlantedLayer.distance(a.memberDrops, b.memberDrops) < 1e-4)
      #expect(PlantedLayer.distance(a.otherDrops, b.otherDrops) < 1e-4)
      #expect(a.verdict == b.verdict)
    }
    #expect(throws: GraphError.self) {
      try test(scene.strategies, target: 2, inputs: scene.inputs, in: subject)
    }
  }

  @Test func pValuesCountPermutations() throws {
    let scene = try Scene()
    var test = MaskingTest()
    test.exampleLimit = 5
    test.permutations = 20_000
    let outcome = try test(
      scene.strategies, labels: [scene.tagLabel], target: 1, inputs: scene.inputs, output: scene.output)[0]
    #expect(outcome.memberDrops.count == 5 && outcome.otherDrops.count == 5)
    // One of the 252 ways to choose five of ten.
    #expect(abs(outcome.p - 1.0 / 252) < 5 * (1.0 / 252 / 20_000).squareRoot())
    // Who is whose example says nothing of equal drops.
    let same = try test(scene.strategies, target: 1, inputs: scene.inputs) { _, classes in
      classes.map { _ in 3 }
    }
    #expect(
      same.allSatisfy { $0.p == 1 && $0.pAdjusted == 1 && $0.effect == 0 && $0.verdict == .notConfirmed })
    let again = try test(
      scene.strategies, labels: [scene.tagLabel], target: 1, inputs: scene.inputs, output: scene.output)[0]
    #expect(again == outcome)
  }

  @Test func outcomesOfSeveralClassesAreCorrectedTogether() throws {
    let scene = try Scene()
    var test = MaskingTest()
    test.permutations = 19
    var outcomes = try test(
      scene.strategies, labels: [scene.tagLabel], target: 1, inputs: scene.inputs, output: scene.output)
    #expect(outcomes[0].p == 0.05 && outcomes[0].pAdjusted == 0.05 && outcomes[0].verdict == .confirmed)
    outcomes += outcomes
    test.settle(&outcomes)
    #expect(outcomes.allSatisfy { $0.pAdjusted == 0.1 && $0.verdict == .notConfirmed })
    #expect(outcomes[0].reason == "the difference may be chance (p = 0.1)")
  }

  @Test(arguments: [[2, 9, 11], [9, 11, 2], [9, 11]])
  func infillsFollowTheirDefinitions(_ shape: [Int]) throws {
    var random = RandomNumbers(seed: 3)
    let layout = try PixelLayout(shape)
    let image = (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) }
    let grid = try MapGrid(sourceHeight: 9, sourceWidth: 11)
    let region = try MapRegion(of: (0..<99).map { Float(($0 * 37) % 99) }, on: grid, area: 0.2)
    let mask = region.mask(height: 9, width: 11)
    #expect(mask.count { $0 } == 19 && layout.channels == image.count / 99)
    func value(_ channel: Int, _ pixel: Int) -> Double {
      let isLast = shape.count == 3 && shape[2] == 2
      return Double(image[isLast ? pixel * 2 + channel : channel * 99 + pixel])
    }
    for infill in [RegionInfill.meanColour, .blur(sigma: 60), .baseline(-2)] {
      var found = image
      found.withUnsafeMutableBufferPointer { RegionMasker(region, infill, layout).apply(to: $0) }
      for channel in 0..<layout.channels {
        let kept = (0..<99).filter { !mask[$0] }
        let mean = kept.reduce(0) { $0 + value(channel, $1) } / Double(kept.count)
        for pixel in 0..<99 {
          var expected = value(channel, pixel)
          if mask[pixel] {
            switch infill {
            case .meanColour: expected = mean
            case .baseline(let constant): expected = Double(constant)
            case .blur(let sigma):
              let spread = sigma * 9 / 224
              var (sum, weights) = (0.0, 0.0)
              for other in kept {
                let (y, x) = (Double(other / 11 - pixel / 11), Double(other % 11 - pixel % 11))
                let weight = exp(-(y * y + x * x) / (2 * spread * spread))
                sum += weight * value(channel, other)
                weights += weight
              }
              expected = sum / weights
            }
          }
          // The kernel ends at four standard deviations.
          #expect(abs(Double(found[layout.offset(channel, pixel)]) - expected) < 2e-3)
        }
      }
    }
  }

  @Test func tooFewExamplesAreSaid() throws {
    let scene = try Scene()
    var test = MaskingTest()
    test.minimumExamples = 50
    let outcomes = try test(scene.strategies, target: 1, inputs: scene.inputs, output: scene.output)
    #expect(outcomes.allSatisfy { $0.verdict == .tooFew && $0.p.isNaN })
    #expect(
      outcomes[scene.tagLabel].reason
        == "30 examples of the strategy and 90 others were tried, at least 50 of each are needed")
  }

  @Test func badRequestsAreRefused() throws {
    let scene = try Scene()
    let test = MaskingTest()
    func run(
      _ strategies: SpRAYClass? = nil, labels: [Int]? = nil, _ output: @escaping MaskingTest.Output
    ) -> ConceptError? {
      do {
        _ = try test(
          strategies ?? scene.strategies, labels: labels, target: 1, inputs: scene.inputs, output: output)
        return nil
      } catch { return error as? ConceptError }
    }
    #expect(
      run { _, classes in classes.map { _ in .nan } }?.kind == .notFinite("the output is NaN or infinite"))
    #expect(run { _, classes in classes.map { _ in .nan } }?.place == "pixels[0]")
    #expect(run { _, _ in [1] }?.kind.name == "mismatch")
    #expect(
      run(labels: [9], scene.output)?.kind == .parameters("there is no strategy 9; the class has 2, from 0"))
    let vectors = RelevanceMaps(vectors: try scene.planted.prepared().points)
    #expect(run(try PlantedMaps.spray.analyse(vectors), scene.output)?.kind.name == "parameters")
    let few = try TensorExamples(scene.inputs.tensor.rows(0..<50), name: "few")
    #expect(
      kind { _ = try test(scene.strategies, target: 1, inputs: few, output: scene.output) }?.name
        == "parameters")
    let flat = try TensorExamples(scene.inputs.tensor.reshaped(to: [120, 256]), name: "flat")
    #expect(
      kind { _ = try test(scene.strategies, target: 1, inputs: flat, output: scene.output) }?.name
        == "mismatch")
    for change: (inout MaskingTest) -> Void in [
      { $0.area = 0 }, { $0.infill = .blur(sigma: 0) }, { $0.infill = .baseline(.infinity) },
      { $0.exampleLimit = 3 },
      { $0.resamples = 1 }, { $0.permutations = 5 }, { $0.significance = 1 },
    ] {
      var wrong = MaskingTest()
      change(&wrong)
      #expect(
        kind { _ = try wrong(scene.strategies, target: 1, inputs: scene.inputs, output: scene.output) }?.name
          == "parameters")
    }
  }
}
