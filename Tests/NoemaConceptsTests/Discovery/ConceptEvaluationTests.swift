import NoemaData
import NoemaGraph
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ConceptEvaluationTests {
  /// Random images show all eight textures.
  private func random(_ count: Int = 30) throws -> RandomMaterial {
    RandomMaterial(examples: try PlantedTextures(count, among: Array(0..<8), seed: 99).examples)
  }

  @Test(arguments: [DictionaryKind.kMeans, .nonNegative])
  func theCausalTextureComesFirst(_ kind: DictionaryKind) throws {
    let planted = try PlantedTextures(20, seed: 1)
    var discovery = PlantedTextures.discovery
    discovery.dictionary = kind
    let subject = try planted.subject()
    let found = try discovery.discover(in: subject)
    let worth = try PlantedTextures.evaluation.evaluate(found, in: subject, random: random())
    let layer = worth.layers[0], concepts = found.layers[0].concepts
    func texture(_ importance: ConceptImportance) -> Int {
      concepts.first { $0.name == importance.name }.map { planted.texture($0, found.patches) } ?? -1
    }
    let ranked = layer.ranked
    #expect(ranked.count == 4 && ranked.map { $0.rank } == [1, 2, 3, 4] && texture(ranked[0]) == 0)
    #expect(ranked[0].tcav?.verdict == .used && ranked[0].tcav?.score == 1)
    for other in ranked.dropFirst() {
      #expect(other.tcav?.verdict != .used)
      #expect((other.totalIndex ?? 1) < 0.05)
      #expect(other.loss?.accuracy == 0 && abs(other.loss?.output ?? 1) < 0.05)
      #expect(abs(other.shapley ?? 1) < 0.01)
    }
    #expect((ranked[0].totalIndex ?? 0) > 0.95 && (ranked[0].shapley ?? 0) > 0.99)
    #expect(ranked[0].loss?.accuracy == 1 && (ranked[0].loss?.output ?? 0) > 0.2)
    #expect(ranked.allSatisfy { ($0.seedStability ?? 0) > 0.95 && ($0.exampleStability ?? 0) > 0.9 })
    // Four hypotheses are corrected for.
    let p = ranked.compactMap { $0.tcav?.pPermutation }.min() ?? 1
    #expect(abs((ranked[0].tcav?.pPermutationAdjusted ?? 1) - 4 * p) < 1e-12)
    #expect(layer.study?.results.count == 4 && layer.study?.cavs.count == 4 && layer.warnings.isEmpty)
    try curvesAreRight(layer)
  }

  private func curvesAreRight(_ layer: LayerEvaluation) throws {
    let curves = try #require(layer.curves), random = try #require(layer.randomConcepts)
    #expect(layer.accuracy == 1 && curves.order == layer.order)
    // The causal concept alone brings the class back, and its loss alone takes the class away.
    #expect(curves.sufficient.worths == [0, 1, 1, 1, 1])
    #expect(
      curves.destroying.worths[0] == layer.accuracy && curves.destroying.worths.dropFirst() == [0, 0, 0, 0])
    let covered = curves.sufficient.covered
    #expect(zip(covered, covered.dropFirst()).allSatisfy { $0 < $1 } && covered[4] <= 1 && covered[4] > 0.95)
    #expect(random.sufficient.areas.count == 9 && random.sufficient.mean.count == 5)
    #expect(random.sufficient.areas.allSatisfy { $0 < curves.sufficient.area })
    #expect(random.sufficient.p == 0.1 && random.destroying.p <= 1)
    #expect(zip(random.sufficient.lower, random.sufficient.upper).allSatisfy { $0 <= $1 })
  }

  @Test func stepsAreOptional() throws {
    let planted = try PlantedTextures(20, seed: 2), subject = try planted.subject(["features", "pooled"])
    let found = try PlantedTextures.discovery.discover(in: subject)
    var evaluation = ConceptEvaluation()
    (evaluation.totalIndices, evaluation.curves, evaluation.stabilityRuns) = (nil, nil, 0)
    let bare = try evaluation.evaluate(found, in: subject)
    #expect(bare.layers.count == 2 && bare.layers.allSatisfy { $0.study == nil && $0.curves == nil })
    #expect(bare.layers[0].ranked.allSatisfy { $0.tcav == nil && $0.totalIndex == nil && $0.loss == nil })
    // Without anything else the largest comes first.
    let sizes = bare.layers[0].order.map { found.layers[0].concepts[$0].size }
    #expect(sizes == sizes.sorted(by: >))
    // Indices alone order them as well, also where a layer has no positions.
    evaluation.totalIndices = TotalIndices()
    for (index, layer) in try evaluation.evaluate(found, in: subject).layers.enumerated() {
      let name = layer.ranked[0].name
      let best = try #require(found.layers[index].concepts.first { $0.name == name })
      #expect(planted.texture(best, found.patches) == 0)
    }
  }

  /// To the last bit, although other tests use the same cores.
  @Test func evaluationsRepeat() throws {
    let planted = try PlantedTextures(20, seed: 4), subject = try planted.subject()
    let found = try PlantedTextures.discovery.discover(in: subject)
    let again = try PlantedTextures.discovery.discover(in: subject)
    let worths = try [found, again].map {
      try PlantedTextures.evaluation.evaluate($0, in: subject, random: random()).layers[0]
    }
    #expect(worths[0].ranked == worths[1].ranked && worths[0].curves == worths[1].curves)
  }

  /// Two layers are twice as many hypotheses.
  @Test func layersAreCorrectedTogether() throws {
    let planted = try PlantedTextures(20, seed: 2), subject = try planted.subject(["features", "pooled"])
    let found = try PlantedTextures.discovery.discover(in: subject)
    var evaluation = ConceptEvaluation()
    (evaluation.totalIndices, evaluation.curves, evaluation.stabilityRuns) = (nil, nil, 0)
    evaluation.test?.runs = 10
    evaluation.test?.nullRuns = 5
    let worth = try evaluation.evaluate(found, in: subject, random: random())
    let results = worth.layers.flatMap { $0.concepts.compactMap { $0.tcav } }
    #expect(results.count == 8)
    let expected = MultipleTesting.holm.adjusted(results.map { $0.pPermutation })
    #expect(results.map { $0.pPermutationAdjusted } == expected)
  }

  @Test func wholeExamplesAreTheControlOfThePaper() throws {
    let planted = try PlantedTextures(20, seed: 2), subject = try planted.subject()
    let found = try PlantedTextures.discovery.discover(in: subject)
    var evaluation = ConceptEvaluation()
    (evaluation.totalIndices, evaluation.curves, evaluation.stabilityRuns) = (nil, nil, 0)
    evaluation.test?.runs = 5
    evaluation.test?.pseudoConcepts = 19
    var material = try random(25)
    material.isCut = false
    let worth = try evaluation.evaluate(found, in: subject, random: material)
    #expect(worth.layers[0].concepts.allSatisfy { $0.tcav?.diagnostics.randomCount == 25 })
  }

  @Test func wrongSettingsAreNamed() throws {
    let planted = try PlantedTextures(12, seed: 2), subject = try planted.subject()
    let found = try PlantedTextures.discovery.discover(in: subject)
    func name(_ change: (inout ConceptEvaluation) -> Void) -> String? {
      var evaluation = PlantedTextures.evaluation
      change(&evaluation)
      let settings = evaluation
      return kind { _ = try settings.evaluate(found, in: subject) }?.name
    }
    #expect(name { $0.sceneCount = 0 } == "parameters")
    #expect(name { $0.randomPatchCount = 1 } == "parameters")
    #expect(name { $0.stabilityRuns = -1 } == "parameters")
    #expect(name { $0.test?.runs = 0 } == "parameters")
    var elsewhere = subject
    elsewhere.target.index = 7
    #expect(kind { _ = try PlantedTextures.evaluation.evaluate(found, in: elsewhere) }?.name == "parameters")
  }
}

@Suite struct ConceptMapTests {
  @Test func mapsShowWhereConceptsAre() throws {
    let planted = try PlantedTextures(20, seed: 1), subject = try planted.subject()
    for kind in [DictionaryKind.kMeans, .nonNegative] {
      var discovery = PlantedTextures.discovery
      discovery.dictionary = kind
      let found = try discovery.discover(in: subject), layer = found.layers[0]
      let whole = ExampleSubset(planted.examples, found.heldOutExamples)
      let maps = try layer.maps(of: whole, in: subject)
      let side = PlantedTextures.side
      #expect(maps.shape == [10, 4, side, side])
      let values = maps.elements(as: Float.self)
      for (place, concept) in layer.concepts.enumerated() {
        let texture = planted.texture(concept, found.patches)
        for example in 0..<10 {
          let map = values[((example * 4 + place) * side * side)...].prefix(side * side)
          var (inside, all) = (Float(0), Float(0))
          for (pixel, value) in map.enumerated() {
            all += value
            let quarter = PlantedTextures.quarter(pixel)
            if planted.quarters[found.heldOutExamples[example]][quarter] == texture { inside += value }
          }
          #expect(inside > 0.6 * all && all > 0)
        }
      }
    }
  }

  @Test func layersWithoutPositionsHaveNoMaps() throws {
    let planted = try PlantedTextures(12, seed: 1), subject = try planted.subject(["pooled"])
    let found = try PlantedTextures.discovery.discover(in: subject)
    let error = kind { _ = try found.layers[0].maps(of: planted.examples, in: subject) }
    #expect(error?.name == "mismatch")
  }
}
