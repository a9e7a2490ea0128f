import Foundation
import NoemaAttribution
import NoemaConcepts
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

@Suite struct ConceptFittingTests {
  /// The mean difference, by its definition.
  @Test func directionsAreThoseOfTheProbe() throws {
    let network = try ConceptScene.network()
    let concepts = try ConceptScene.concepts(["red"], count: 12)
    let random = try ConceptScene.others(20)
    var fitting = ConceptFitting()
    (fitting.pooling, fitting.probe, fitting.scale) = (.mean, .meanDifference, .raw)
    let literal = try fitting(
      network, layers: ConceptScene.layers(["relu"], of: network), concepts: concepts, random: random)[0]
    guard case .direction(let direction) = literal.reading else {
      Issue.record("no direction")
      return
    }
    func means(_ source: any ExampleSource) throws -> [Double] {
      let units = try ConceptMeasurement(
        network, literals: (0..<5).map { .unit($0, at: "relu", over: .mean) })(source).table
      return (0..<5).map { units.column($0).reduce(0, +) / Double(units.rowCount) }
    }
    let (shows, lacks) = (try means(concepts[0].examples), try means(random))
    var middle = 0.0
    for unit in 0..<5 {
      #expect(abs(Double(direction.weights[unit]) - (shows[unit] - lacks[unit])) < 1e-5)
      middle += (shows[unit] * shows[unit] - lacks[unit] * lacks[unit]) / 2
    }
    // The border lies half-way between the means.
    #expect(abs(direction.intercept + middle) < 1e-5)
    #expect(literal.quality?.auc.value == 1 && literal.quality?.isRepresented == true)
  }

  /// Examples of the concept are likely, random ones are not, ones between are between.
  @Test func probabilitiesAreCalibrated() throws {
    let network = try ConceptScene.network()
    let literals = try ConceptScene.literals(network)
    let measurement = ConceptMeasurement(network, literals: literals)
    let red = try measurement(ConceptScene.source(PlantedConcepts.examples(50, of: "red", seed: 900)))
    let none = try measurement(ConceptScene.source(PlantedConcepts.examples(50, without: "red", seed: 901)))
    #expect(red.table.column(0).allSatisfy { $0 > 0.8 && $0 < 1 })
    #expect(none.table.column(0).allSatisfy { $0 < 0.2 && $0 > 0 })
    // Blue is not seen, so nobody can tell.
    #expect(none.table.column(2).allSatisfy { abs($0 - 0.5) < 0.3 })
  }

  @Test func severalLayersAreNamed() throws {
    let network = try ConceptScene.network()
    var fitting = ConceptFitting()
    fitting.pooling = .mean
    let layers = try ConceptScene.layers(["relu", "flat"], of: network)
    let literals = try fitting(
      network, layers: layers, concepts: ConceptScene.concepts(["red", "green"]), random: nil)
    #expect(literals.map(\.name) == ["red (relu)", "green (relu)", "red (flat)", "green (flat)"])
    #expect(literals.map(\.layer) == ["relu", "relu", "flat", "flat"])
    #expect(literals.allSatisfy { !$0.isUnrepresented })
  }

  @Test func examplesOnBothSidesCountOnce() throws {
    let network = try ConceptScene.network()
    let own = PlantedConcepts.examples(10, of: "red", seed: 100)
    let others = try JoinedExamples([ConceptScene.others(20), ConceptScene.source(own)])
    let concepts = [TCAVStudy.Concept(name: "red", examples: try ConceptScene.source(own))]
    let literal = try ConceptFitting()(
      network, layers: ConceptScene.layers(["flat"], of: network), concepts: concepts, random: others)[0]
    #expect(literal.quality?.negativeCount == 20 && literal.quality?.auc.value == 1)
  }

  @Test func whatCannotBeFittedIsRefused() throws {
    let network = try ConceptScene.network()
    let layers = try ConceptScene.layers(["flat"], of: network)
    func refusal(
      _ concepts: [TCAVStudy.Concept], _ random: (any ExampleSource)?, layers: [Layer],
      _ fitting: ConceptFitting = ConceptFitting()
    ) -> String? {
      let error = #expect(throws: RuleError.self) {
        try fitting(network, layers: layers, concepts: concepts, random: random)
      }
      return error?.description
    }
    let (red, random) = (try ConceptScene.concepts(["red"]), try ConceptScene.others())
    #expect(refusal([], random, layers: layers) == "there is no concept; name one or more")
    #expect(refusal(red, random, layers: []) == "there is no layer to read concepts at; name one or more")
    #expect(refusal(red + red, random, layers: layers) == "concept 'red' is named twice")
    #expect(refusal(red, nil, layers: layers)?.contains("nothing to hold it against") == true)
    let few = try ConceptScene.concepts(["red"], count: 4)
    #expect(
      refusal(few, random, layers: layers)
        == "concept 'red' has 4 examples, at least 5 are needed; add examples")
    #expect(
      refusal(red, try ConceptScene.others(2), layers: layers)?.hasPrefix("the random examples has 2") == true
    )
    var fitting = ConceptFitting()
    fitting.folds = 1
    #expect(refusal(red, random, layers: layers, fitting) == "the folds must be 2 or more, found 1")
  }

  // MARK: Quality and calibration

  @Test func qualityIsTheAreaUnderTheCurve() throws {
    var random = RandomNumbers(seed: 4)
    let isPositive = (0..<60).map { $0 % 3 == 0 }
    let scores = isPositive.map { ($0 ? 0.8 : 0) + (random.normal() * 4).rounded() / 4 }
    let quality = try LiteralQuality(scores: scores, isPositive: isPositive)
    #expect(
      abs(quality.auc.value - Classification.areaUnderROC(scores: scores, isPositive: isPositive)) < 1e-12)
    #expect(
      abs(
        quality.balancedAccuracy.value
          - Classification.balancedAccuracy(scores: scores, isPositive: isPositive))
        < 1e-12)
    #expect(quality.auc.lower < quality.auc.value && quality.auc.value < quality.auc.upper)
    #expect(try LiteralQuality(scores: scores, isPositive: isPositive) == quality)
    // A score that is as good as the least asked for, but may be chance, is not enough.
    let few: [Bool] = [true, false, true, false]
    let lucky = try LiteralQuality(scores: [1, 0, 0.2, 0.5], isPositive: few)
    #expect(lucky.auc.value == 0.75 && !lucky.isRepresented)
    #expect(throws: RuleError.self) { try LiteralQuality(scores: [1, 2], isPositive: [true, true]) }
    #expect(throws: RuleError.self) { try LiteralQuality(scores: [1, .nan], isPositive: [true, false]) }
    #expect(throws: RuleError.self) { try LiteralQuality(scores: [1], isPositive: [true, false]) }
  }

  /// At the optimum each side's smoothed labels and probabilities have the same mean and moment.
  @Test(arguments: [1.0, 1e-4, 1e4]) func scalingIsOptimal(unit: Double) throws {
    var random = RandomNumbers(seed: 8)
    let isPositive = (0..<90).map { $0 < 30 }
    let scores = isPositive.map { unit * (($0 ? 1.5 : 0) + random.normal()) }
    let scaling = PlattScaling(scores, isPositive)
    var (sum, moment) = (0.0, 0.0)
    for (score, positive) in zip(scores, isPositive) {
      let p = 1 / (1 + exp(-(scaling.slope * score + scaling.offset)))
      let target = positive ? 31.0 / 32 : 1.0 / 62
      sum += (p - target) / (positive ? 30 : 60)
      moment += (p - target) * score / unit / (positive ? 30 : 60)
    }
    #expect(abs(sum) < 1e-8 && abs(moment) < 1e-8)
    #expect(scaling.slope > 0)
    // Scores that are all alike tell nothing.
    #expect(PlattScaling([2, 2, 2], [true, false, false]).slope == 0)
    // Separable ones have a finite slope all the same.
    let apart = PlattScaling([0, 0.1, 5, 5.1], [false, false, true, true])
    #expect(apart.slope.isFinite && apart.slope > 0)
  }
}
