import Foundation
import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct SpRAYStudyTests {
  /// Few parts and surrogates, no pictures.
  private static var study: SpRAYStudy {
    var study = SpRAYStudy()
    study.spray = PlantedMaps.spray
    study.ranking.surrogateCount = 5
    study.masking?.permutations = 199
    return study
  }

  private func group(
    _ name: String, _ planted: PlantedMaps, target: Int?, excludesFlawed: Bool = false
  ) throws -> SpRAYStudy.Group {
    var settings = RelevancePreprocessing()
    settings.excludesFlawed = excludesFlawed
    var collector = try RelevanceCollector(settings)
    try collector.append(planted.relevance, of: PlantedMaps.examples(planted.count))
    return .init(name: name, target: target, relevance: collector)
  }

  /// A stage with the images of planted maps: class 1 adds the tag's pixels, if it uses them, and a little of
  /// all others.
  private func stage(_ planted: PlantedMaps, usesTag: Bool = true) throws -> SpRAYStudy.Stage {
    var random = RandomNumbers(seed: 3)
    let pixels = (0..<planted.count).flatMap { example in
      (0..<256).map { place -> Float in
        let isTag = planted.isTagged[example] && PlantedMaps.tag.contains(place)
        return (isTag ? 1 : 0.2) + Float(0.05 * random.normal())
      }
    }
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 16, 16])
    let weights = (0..<256).flatMap { place -> [Float] in
      [0, PlantedMaps.tag.contains(place) ? (usesTag ? 1 : 0) : 0.1]
    }
    draft.initialiser("w", Tensor(shape: [256, 2], weights))
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["out"])
    draft.output("out", [nil, 2])
    return try SpRAYStudy.Stage(
      Subject(try Network(bytes: draft.bytes())),
      inputs: TensorExamples(Tensor(shape: [planted.count, 1, 16, 16], pixels), name: "pixels"))
  }

  @Test func aConfirmedStrategyLeads() throws {
    let planted = PlantedMaps(tagged: 30, seed: 51)
    let groups = [
      try group("cat", PlantedMaps(tagged: 0, seed: 52), target: 0), try group("horse", planted, target: 1),
    ]
    let result = try Self.study(groups, on: stage(planted))
    #expect(result.findings.map(\.strategies.name) == ["cat", "horse"] && result.leftOut.isEmpty)
    let horse = result.findings[1]
    #expect(result.ranked.first?.strategies.name == "horse" && horse.suspicion.rank == 1)
    #expect(horse.verdict == .confirmed && horse.untested == nil)
    let tag = planted.tagCluster(horse.strategies).label
    #expect(horse.leading?.label == tag && horse.verdict(of: tag) == .confirmed)
    #expect(
      horse.sentence.hasPrefix(
        "class 'horse', strategy \(tag + 1) (25 % of images): relevance sits in the lower left")
        && horse.sentence.hasSuffix(" elsewhere: confirmed"))
    #expect(result.findings[0].verdict != .confirmed)
    // p-values are corrected over the strategies of both classes.
    let outcomes = result.findings.flatMap(\.masking)
    let adjusted = MultipleTesting.holm.adjusted(outcomes.map(\.p))
    #expect(outcomes.map { "\($0.pAdjusted)" } == adjusted.map { "\($0)" })
    // The same again, whatever the order of the classes.
    let turned = try Self.study(groups.reversed(), on: stage(planted))
    #expect(turned.findings[0].masking.map(\.memberDrops) == horse.masking.map(\.memberDrops))
    #expect(turned.ranked.map(\.strategies.name) == ["horse", "cat"])
  }

  @Test func confirmationGoesBeforeRank() throws {
    // Both have the tag in their maps; only one class is an output that uses it.
    let planted = PlantedMaps(tagged: 30, seed: 53)
    let strong = PlantedMaps(tagged: 60, seed: 54)
    var study = Self.study
    study.masking = nil
    let groups = [try group("other", strong, target: 0), try group("horse", planted, target: 1)]
    let ranks = try study(groups).findings.map(\.suspicion.rank)
    let tested = try Self.study(groups, on: stage(planted)).findings
    #expect(tested[0].verdict != .confirmed && tested[1].verdict == .confirmed)
    #expect(tested.map(\.suspicion.rank) == [2, 1] && Set(ranks) == [1, 2])
  }

  @Test func cleanTwinsAreNotConfirmed() throws {
    let planted = PlantedMaps(tagged: 30, seed: 55)
    let result = try Self.study([group("horse", planted, target: 1)], on: stage(planted, usesTag: false))
    let horse = result.findings[0]
    #expect(horse.verdict == .notConfirmed)
    #expect(horse.sentence.contains(" elsewhere: not confirmed, "))
    #expect(horse.masking.allSatisfy { $0.verdict == .notConfirmed && !$0.reason.isEmpty })
  }

  @Test func whatIsNotTestedIsSaid() throws {
    let planted = PlantedMaps(tagged: 30, seed: 56)
    let stage = try stage(planted)
    func untested(
      _ target: Int?, _ stage: SpRAYStudy.Stage?, _ change: (inout SpRAYStudy) -> Void = { _ in }
    ) throws -> String? {
      var study = Self.study
      change(&study)
      let finding = try study([group("horse", planted, target: target)], on: stage).findings[0]
      #expect(finding.verdict == .notTested && finding.masking.isEmpty)
      #expect(finding.leading == nil || finding.sentence.contains("; not tested by masking: "))
      return finding.untested
    }
    #expect(try untested(1, nil) == "there is no network to ask")
    #expect(try untested(nil, stage) == "the class is no output of the network")
    #expect(try untested(1, stage) { $0.masking = nil } == "it was not asked for")
    #expect(
      try untested(1, stage) { $0.spray.count = .fixed(1) }
        == "there is one strategy, and nothing to compare it with")
    var several = stage
    several.inputCount = 2
    #expect(try untested(1, several) == "the network has 2 inputs")
    var flat = stage
    flat.inputs = try TensorExamples(Tensor(shape: [120, 256], repeating: Float(0)), name: "flat")
    #expect(try untested(1, flat) == "inputs of shape [256] are no images")
    // Too few on one side.
    var study = Self.study
    study.masking?.minimumExamples = 50
    let finding = try study([group("horse", planted, target: 1)], on: stage).findings[0]
    let tag = planted.tagCluster(finding.strategies).label
    #expect(finding.verdict(of: tag) == .notTested)
    #expect(
      finding.sentence(of: tag).hasSuffix(
        "; not tested by masking: 30 examples of the strategy and 90 others were tried, at least 50 of each are needed"
      ))
  }

  @Test func smallClassesAreLeftOutWhereAllWereAskedFor() throws {
    let groups = [
      try group("cat", PlantedMaps(3, tagged: 0, seed: 57), target: 0),
      try group("horse", PlantedMaps(tagged: 30, seed: 58), target: 1),
    ]
    var study = Self.study
    #expect(
      throws: ConceptError(
        .tooFew(set: "the set of relevance maps", found: 3, needed: 10), at: "class 'cat'")
    ) { try study(groups) }
    study.leavesOutSmallClasses = true
    let result = try study(groups)
    #expect(result.findings.map(\.strategies.name) == ["horse"])
    #expect(result.leftOut == ["class 'cat': 3 examples are too few, 10 are needed"])
    // Where nothing is left, the first class says why.
    #expect(
      throws: ConceptError(
        .tooFew(set: "the set of relevance maps", found: 3, needed: 10), at: "class 'cat'")
    ) { try study([groups[0]]) }
    study.spray.neighborCount = 120
    #expect(
      throws: ConceptError(
        .tooFew(set: "the set of relevance maps", found: 3, needed: 10), at: "class 'cat'")
    ) { try study(groups) }
    #expect(throws: ConceptError(.tooFew(set: "the list of classes", found: 0, needed: 1))) { try study([]) }
  }

  @Test func flawedMapsAreCountedOverAllClasses() throws {
    func flawed(_ name: String, zeros: Int, good: Int, excludesFlawed: Bool = false) throws
      -> SpRAYStudy.Group
    {
      var settings = RelevancePreprocessing()
      settings.excludesFlawed = excludesFlawed
      var collector = try RelevanceCollector(settings)
      try collector.append(
        Tensor(shape: [zeros, 4, 4], repeating: Float(0)),
        of: (0..<zeros).map { RelevanceExample(index: $0, name: "\(name)\($0)") })
      var random = RandomNumbers(seed: 5)
      try collector.append(
        Tensor(shape: [good, 4, 4], (0..<good * 16).map { _ in Float(random.normal()) }),
        of: (0..<good).map { RelevanceExample(index: zeros + $0) })
      return .init(name: name, target: nil, relevance: collector)
    }
    var study = Self.study
    #expect(
      kind { _ = try study([flawed("a", zeros: 1, good: 20), flawed("b", zeros: 2, good: 20)]) }
        == .algebra(
          "3 of 43 relevance maps say nothing: 3 zero (a0, b0, b1); check the method and its target, or leave them out "
            + "with --skip-bad"))
    // A class without any map is named, with or without leave.
    for excludesFlawed in [false, true] {
      do {
        _ = try study([
          flawed("a", zeros: 0, good: 20, excludesFlawed: excludesFlawed),
          flawed("b", zeros: 12, good: 0, excludesFlawed: excludesFlawed),
        ])
        Issue.record("nothing was thrown")
      } catch let error as ConceptError {
        #expect(
          error.place == "class 'b'"
            && error.description.contains("none of the 12 relevance maps says anything"))
      }
    }
    study.leavesOutSmallClasses = true
    let result = try study([
      flawed("a", zeros: 3, good: 20, excludesFlawed: true),
      flawed("b", zeros: 12, good: 0, excludesFlawed: true),
    ])
    #expect(result.findings.count == 1 && result.findings[0].strategies.flawed.count == 3)
    #expect(
      result.leftOut == [
        "class 'b': the method yields nothing for it, its maps are all flawed: 12 zero (b0, b1, b2 …)"
      ])
  }

  @Test func settingsAreCheckedFirst() throws {
    for change: (inout SpRAYStudy) -> Void in [
      { $0.spray.maximumCount = 0 }, { $0.ranking.surrogateCount = 1 }, { $0.masking?.area = 0 },
    ] {
      var wrong = Self.study
      change(&wrong)
      #expect(kind { _ = try wrong([]) }?.name == "parameters")
    }
    var study = SpRAYStudy()
    study.reseed(9)
    #expect(study.spray.seed == 9 && study.ranking.seed == 9 && study.masking?.seed == 9)
    let copy = try JSONDecoder().decode(SpRAYStudy.self, from: JSONEncoder().encode(study))
    #expect(copy == study)
  }

  // MARK: Kept strategies

  @Test func keptStrategiesAssignAsFreshOnes() throws {
    let planted = PlantedMaps(tagged: 30, seed: 61)
    let result = try Self.study(
      [
        group("cat", PlantedMaps(60, tagged: 0, seed: 62), target: 0), group("horse", planted, target: 1),
      ], on: stage(planted))
    let saved = try JSONDecoder().decode(
      SavedStrategies.self,
      from: JSONEncoder().encode(SavedStrategies(result, preprocessing: RelevancePreprocessing())))
    let maps = Tensor(
      shape: [180, 256], result.findings[0].maps.points.values + result.findings[1].maps.points.values)
    let further = try PlantedMaps(20, tagged: 5, seed: 63).prepared()
    let horse = result.findings[1]
    let expected = try StrategyAssigner(horse.strategies, maps: horse.maps).assign(further)
    #expect(try saved.assigner(of: 1, maps: maps).assign(further) == expected)
    let tag = planted.tagCluster(horse.strategies).label
    #expect(saved.classes[1].isConfirmed.indices.filter { saved.classes[1].isConfirmed[$0] } == [tag])
    #expect(saved.classes[1].sentences[tag] == horse.sentence)
    #expect(kind { _ = try saved.assigner(of: 2, maps: maps) }?.name == "parameters")
    #expect(kind { _ = try saved.assigner(of: 0, maps: maps.rows(0..<100)) }?.name == "mismatch")
  }
}
