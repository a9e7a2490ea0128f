import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SuspicionRankingTests {
  private func assess(
    _ planted: PlantedMaps, _ name: String, spray: SpRAY = PlantedMaps.spray
  ) throws -> ClassSuspicion {
    let maps = try planted.prepared()
    return try SuspicionRanking().assess(spray.analyse(maps, name: name), maps, by: spray)
  }

  @Test func theTaggedClassRanksFirst() throws {
    let planted = PlantedMaps(tagged: 24, seed: 21)
    let ranked = SuspicionRanking().rank([
      try assess(PlantedMaps(tagged: 0, seed: 22), "cat"), try assess(planted, "horse"),
      try assess(PlantedMaps(tagged: 0, seed: 23), "dog"),
    ])
    #expect(ranked.map(\.rank) == [1, 2, 3])
    let first = ranked[0]
    #expect(first.name == "horse" && first.score > 3 * ranked[1].score)
    let cluster = try #require(first.clusters.first)
    let found = try PlantedMaps.spray.analyse(planted.prepared())
    #expect(cluster.label == planted.tagCluster(found).label)
    #expect(cluster.isSuspicious && cluster.z > 10 && cluster.pAdjusted < 0.001)
    #expect(cluster.region.place == .lowerLeftCorner)
    #expect(cluster.regionShare - cluster.regionShareElsewhere > 1.0 / 3)
    #expect(
      first.sentence == "class 'horse', strategy 2 (20 % of images): relevance sits in the lower left corner")
    for other in ranked[1...] { #expect(other.clusters.allSatisfy { !$0.isSuspicious }) }
    #expect(
      SuspicionRanking().testingNote(ranked).hasPrefix("\(ranked.reduce(0) { $0 + $1.clusters.count }) strat")
    )
  }

  @Test func cleanTwinsAreNotSuspicious() throws {
    // Even when they are made to fall into strategies.
    var spray = PlantedMaps.spray
    spray.count = .fixed(3)
    for seed in 31..<34 {
      let clean = try assess(PlantedMaps(tagged: 0, seed: UInt64(seed)), "clean", spray: spray)
      #expect(clean.clusters.count == 3 && clean.nullSeparabilities.count == 20)
      #expect(SuspicionRanking().rank([clean])[0].clusters.allSatisfy { !$0.isSuspicious })
    }
  }

  @Test func normalDataStayWithinTheirNull() throws {
    var spray = PlantedMaps.spray
    spray.count = .fixed(2)
    let maps = RelevanceMaps(vectors: try PlantedPoints.noise(150, 20, seed: 5))
    let found = try SuspicionRanking().assess(spray.analyse(maps), maps, by: spray)
    #expect(found.clusters.allSatisfy { $0.z < 4 && $0.p > 1e-4 })
    #expect(found.nullDeviation > 0 && found.nullMean > 0)
    #expect(found.clusters.allSatisfy { $0.frameShare.isNaN && $0.region.grid == nil })
    #expect(!found.areImages)
  }

  @Test func numbersFollowTheirDefinitions() throws {
    let planted = PlantedMaps(tagged: 30, seed: 24)
    let maps = try planted.prepared()
    let strategies = try PlantedMaps.spray.analyse(maps)
    var ranking = SuspicionRanking()
    ranking.componentLimit = 3
    let found = try ranking.assess(strategies, maps, by: PlantedMaps.spray)
    // Along exact principal components: the tag and two directions in which the blob moves.
    let scores = try PrincipalComponents(maps.points, count: 3, route: .exact).scores
    let outcome = try FisherDiscriminant().analyse(PointSet(scores), labels: strategies.labels)
    #expect(abs(found.separability - outcome.separability) < 1e-2 * outcome.separability)
    #expect(found.nullMean == Statistics.mean(found.nullSeparabilities))
    for cluster in found.clusters {
      let separability = outcome.contrasts[cluster.label].separability
      #expect(abs(cluster.separability - separability) < 1e-2 * separability)
      #expect(cluster.z == (cluster.separability - found.nullMean) / found.nullDeviation)
      let others = strategies.labels.indices.filter { strategies.labels[$0] != cluster.label }
      let rest = (0..<256).map { j in
        Float(others.reduce(0.0) { $0 + Double(maps.points.values[$1 * 256 + j]) } / Double(others.count))
      }
      #expect(abs(cluster.regionShareElsewhere - cluster.region.share(of: rest)) < 1e-5)
      #expect(cluster.regionShare == cluster.region.share(of: strategies.clusters[cluster.label].mean))
      #expect(
        cluster.score == max(0, cluster.z) * max(0, cluster.regionShare - cluster.regionShareElsewhere))
    }
    #expect(found.score == found.clusters.map(\.score).max())
    #expect(found.gap == strategies.spectrum.gap && found.count == 2)
  }

  @Test func surrogatesHaveTheMomentsOfTheClass() throws {
    let base = try PlantedPoints.clouds([[1, 5, 0], [4, 5, 2]], sizes: [750, 750], seed: 6).points
    let drawn = try GaussianSurrogates(base).draw(using: RandomNumbers(seed: 7))
    func moments(_ points: PointSet) -> (mean: [Double], covariance: Matrix) {
      var rows = points.matrix
      let mean = rows.columnMeans
      rows.subtractFromRows(mean)
      return (mean, rows.transposedTimes(rows))
    }
    let (before, after) = (moments(base), moments(drawn))
    #expect(PlantedLayer.distance(before.mean, after.mean) < 0.2)
    let largest = before.covariance.elements.max() ?? 1
    #expect(PlantedLayer.distance(before.covariance.elements, after.covariance.elements) < 0.15 * largest)
    #expect(drawn.count == 1500 && drawn != base)
  }

  @Test func pValuesAreCorrectedOverAllClasses() throws {
    let maps = try PlantedMaps(60, tagged: 15, seed: 25).prepared()
    var spray = PlantedMaps.spray
    spray.count = .fixed(2)
    let one = try SuspicionRanking().assess(spray.analyse(maps, name: "a"), maps, by: spray)
    let ranked = SuspicionRanking().rank([one, one])
    let raw = ranked.flatMap { $0.clusters.map(\.p) }
    #expect(raw.count == 4)
    #expect(ranked.flatMap { $0.clusters.map(\.pAdjusted) } == MultipleTesting.holm.adjusted(raw))
  }

  @Test func oneStrategyIsNotSuspicious() throws {
    var spray = PlantedMaps.spray
    spray.count = .fixed(1)
    let found = try assess(PlantedMaps(60, tagged: 0, seed: 26), "cat", spray: spray)
    #expect(found.clusters.isEmpty && found.score == 0 && found.nullSeparabilities.isEmpty)
    #expect(found.sentence == "class 'cat': no distinct strategies")
  }

  @Test func largeClassesAreLookedAtInPart() throws {
    let planted = PlantedMaps(tagged: 30, seed: 27)
    let maps = try planted.prepared()
    let strategies = try PlantedMaps.spray.analyse(maps)
    var ranking = SuspicionRanking()
    ranking.exampleLimit = 80
    let found = try ranking.assess(strategies, maps, by: PlantedMaps.spray)
    #expect(found.clusters.count == 2 && found.clusters.allSatisfy { $0.z > 3 })
    #expect(found.clusters[0].label == planted.tagCluster(strategies).label)
  }

  @Test func sentencesSayWhatMaskingDid() throws {
    let planted = PlantedMaps(60, tagged: 15, seed: 28)
    let found = try assess(planted, "horse")
    let cluster = try #require(found.clusters.first)
    func sentence(_ here: Double, _ there: Double) -> String {
      let outcome = MaskingOutcome(
        label: cluster.label, region: cluster.region, memberDrops: [here], otherDrops: [there],
        memberDrop: here,
        otherDrop: there, memberInterval: [], otherInterval: [], difference: here - there,
        differenceInterval: [],
        effect: 1, p: 1, pAdjusted: 1, verdict: .notConfirmed, reason: "")
      return String(found.sentence(cluster, masking: outcome).split(separator: ";")[1])
    }
    #expect(
      sentence(2.13, 0.0301)
        == " masking that region drops the score by 2.1 on these images and 0.03 elsewhere")
    #expect(
      sentence(-1, 2)
        == " masking that region raises the score by 1.0 on these images and drops the score by 2.0 "
        + "elsewhere")
    #expect(
      sentence(6.2, -0.001) == " masking that region drops the score by 6.2 on these images and 0.0 elsewhere"
    )
    #expect(
      sentence(6.2, .nan) == " masking that region drops the score by 6.2 on these images and was not tried "
        + "elsewhere")
  }

  @Test func badRequestsAreRefused() throws {
    let maps = try PlantedMaps(40, tagged: 10, seed: 29).prepared()
    let strategies = try PlantedMaps.spray.analyse(maps)
    let other = try PlantedMaps(41, tagged: 10, seed: 29).prepared()
    #expect(
      kind { _ = try SuspicionRanking().assess(strategies, other, by: PlantedMaps.spray) }
        == .mismatch(
          "the 41 relevance maps are not those of the 40 examples that were analysed; give the same maps"))
    for change: (inout SuspicionRanking) -> Void in [
      { $0.surrogateCount = 2 }, { $0.componentLimit = 0 }, { $0.exampleLimit = 1 }, { $0.significance = 0 },
      { $0.area = 1 }, { $0.frame = 0.5 },
    ] {
      var wrong = SuspicionRanking()
      change(&wrong)
      #expect(kind { _ = try wrong.assess(strategies, maps, by: PlantedMaps.spray) }?.name == "parameters")
    }
  }
}
