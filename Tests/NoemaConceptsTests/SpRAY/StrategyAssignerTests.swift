import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct StrategyAssignerTests {
  private func known() throws -> (planted: PlantedMaps, maps: RelevanceMaps, found: SpRAYClass) {
    let planted = PlantedMaps(tagged: 30, seed: 11)
    let maps = try planted.prepared()
    return (planted, maps, try PlantedMaps.spray.analyse(maps))
  }

  @Test func furtherExamplesFindTheirStrategy() throws {
    let (planted, maps, found) = try known()
    let tag = planted.tagCluster(found).label
    let further = PlantedMaps(80, tagged: 20, seed: 12)
    let assigned = try StrategyAssigner(found, maps: maps).assign(further.prepared())
    let hits = zip(assigned, further.isTagged).count { ($0.label == tag) == $1 }
    #expect(hits >= 78)
    #expect(assigned.map(\.example) == PlantedMaps.examples(80))
    #expect(assigned.allSatisfy { $0.confidence > 0.5 && $0.confidence <= 1 })
  }

  @Test func votesFollowTheirDefinition() throws {
    let (_, maps, found) = try known()
    let further = try PlantedMaps(5, tagged: 2, seed: 13).prepared()
    for (row, assigned) in try StrategyAssigner(found, maps: maps).assign(further).enumerated() {
      let distances = (0..<120).map { i in
        zip(further.points.row(row), maps.points.row(i))
          .reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }.squareRoot()
      }
      let nearest = (0..<120).sorted { distances[$0] < distances[$1] }.prefix(10)
      let votes = nearest.count { found.labels[$0] == assigned.label }
      #expect(nearest.allSatisfy { i in nearest.count { found.labels[$0] == found.labels[i] } <= votes })
      #expect(assigned.confidence == Double(votes) / 10)
      let mean = nearest.reduce(0) { $0 + distances[$1] } / 10
      #expect(abs(assigned.distance - mean) < 1e-7 * mean)
      #expect(
        assigned.novelty == Double(found.members.count { $0.neighborDistance < assigned.distance }) / 120)
    }
  }

  @Test func whatIsLikeNothingIsNovel() throws {
    let (_, maps, found) = try known()
    var strange = [Float](repeating: 0, count: 256)
    strange[15] = 1
    let grid = try #require(maps.grid)
    let further = try RelevanceMaps(
      PointSet(strange, count: 1, dimension: 256), examples: PlantedMaps.examples(1), grid: grid)
    #expect(try StrategyAssigner(found, maps: maps).assign(further)[0].novelty == 1)
  }

  @Test func mapsThatDoNotFitAreRefused() throws {
    let (_, maps, found) = try known()
    let other = try PlantedMaps(120, tagged: 30, seed: 11).prepared(.absolute)
    let assigner = try StrategyAssigner(found, maps: maps)
    #expect(try assigner.assign(other).count == 120)
    let vectors = RelevanceMaps(vectors: maps.points)
    #expect(kind { _ = try assigner.assign(vectors) }?.name == "mismatch")
    #expect(kind { _ = try StrategyAssigner(found, maps: vectors) }?.name == "mismatch")
  }
}
