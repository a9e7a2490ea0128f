import NoemaTensor
import Testing

@testable import NoemaConcepts

private let clusterings: [StrategyClustering] = [
  .kMeans(), .agglomerative(), .agglomerative(.average), .gaussianMixture(), .gaussianMixture(.full),
  .dbscan(),
  .hdbscan(),
]

@Suite struct SpRAYTests {
  @Test(arguments: [12, 30, 84])
  func aPlantedTagIsAStrategy(_ tagged: Int) throws {
    let planted = PlantedMaps(tagged: tagged, seed: 1)
    let found = try PlantedMaps.spray.analyse(planted.prepared(), name: "horse", target: 7)
    let (label, precision, recall) = planted.tagCluster(found)
    #expect(precision >= 0.95 && recall >= 0.95)
    #expect(found.clusters.count == 2 && found.spectrum.count == 2 && found.spectrum.relativeGap > 0.8)
    let cluster = found.clusters[label]
    #expect(cluster.size == cluster.members.count)
    #expect(cluster.share == Double(cluster.size) / 120)
    #expect(cluster.silhouette > 0.8)
    let inside = PlantedMaps.tag.reduce(0.0) { $0 + Double(abs(cluster.mean[$1])) }
    #expect(inside / cluster.mean.reduce(0.0) { $0 + Double(abs($1)) } > 0.4)
    #expect(cluster.labelCounts == [7: cluster.size])
    let wrong = cluster.members.count { $0 % 5 == 0 }
    #expect(cluster.predictionCounts[3] ?? 0 == wrong)
    let (stability, counts) = (try #require(found.stability), try #require(found.spectrum.variation))
    #expect(stability.adjustedRand.count == 10 && counts.clusterCounts.count == 10)
    #expect(stability.jaccard[label] == cluster.stability)
    // A strategy of twelve loses some of its members in every part.
    guard tagged > 12 else { return }
    #expect(cluster.stability > 0.9 && stability.mean > 0.9 && counts.agreement > 0.8)
    #expect(counts.clusterCountInterval == [2, 2] && counts.gapInterval[0] > 0)
  }

  @Test func aCleanClassHasNoClearGap() throws {
    let found = try PlantedMaps.spray.analyse(PlantedMaps(tagged: 0, seed: 2).prepared())
    #expect(found.spectrum.relativeGap < 0.8)
    #expect(found.spectrum.componentSizes == [120])
  }

  @Test(arguments: clusterings)
  func partsWithoutAPathAreRecovered(_ clustering: StrategyClustering) throws {
    let clouds = try PlantedPoints.threeClouds()
    let order = PlantedPoints.order(75, seed: 4)
    let maps = RelevanceMaps(vectors: try clouds.points.selecting(order))
    var spray = PlantedMaps.spray
    spray.clustering = clustering
    // Density needs no number, but as many coordinates as parts; eigenvalues tell.
    let found = try spray.analyse(maps)
    #expect(PlantedPoints.agree(found.labels, order.map { clouds.labels[$0] }))
    #expect(found.clusters.map(\.size) == [30, 25, 20])
    #expect(found.spectrum.eigenvalues.count { $0 < 1e-9 } == 3)
    #expect(found.spectrum.componentSizes == [30, 25, 20])
    #expect(found.spectrum.eigenvalues.allSatisfy { (0...2).contains($0) })
    #expect(found.spectrum.eigenvalues == found.spectrum.eigenvalues.sorted())
    #expect(found.members.allSatisfy { $0.confidence == 1 && $0.silhouette > 0.99 })
    #expect(found.remarks.contains { $0.contains("falls into 3 parts") })
    #expect(found.grid == nil)
  }

  @Test func theOrderOfExamplesDoesNotMatter() throws {
    let maps = try PlantedMaps(tagged: 30, seed: 5).prepared()
    let order = PlantedPoints.order(120, seed: 6)
    let turned = try RelevanceMaps(
      maps.points.selecting(order), examples: order.map { maps.examples[$0] }, grid: maps.grid)
    let (before, after) = (try PlantedMaps.spray.analyse(maps), try PlantedMaps.spray.analyse(turned))
    #expect(order.map { before.labels[$0] } == after.labels)
    #expect(PlantedLayer.distance(before.spectrum.eigenvalues, after.spectrum.eigenvalues) < 1e-9)
    #expect(before.clusters.map(\.size) == after.clusters.map(\.size))
  }

  @Test func theScaleOfMapsDoesNotMatter() throws {
    let planted = PlantedMaps(tagged: 30, seed: 7)
    var values = planted.relevance.elements(as: Float.self)
    // Powers of two, so that nothing is rounded.
    for i in values.indices { values[i] *= [0.25, 1, 8, 1024][i / 256 % 4] }
    var collector = try RelevanceCollector()
    // In batches of different sizes.
    let scaled = Tensor(shape: planted.relevance.shape, values)
    for range in [0..<50, 50..<51, 51..<120] {
      try collector.append(scaled.rows(range), of: Array(PlantedMaps.examples(120)[range]))
    }
    let maps = try planted.prepared()
    #expect(try collector.finish() == maps)
  }

  @Test func clustersAreWhatTheirMembersAre() throws {
    let maps = try PlantedMaps(tagged: 30, seed: 8).prepared()
    var spray = PlantedMaps.spray
    spray.count = .fixed(4)
    spray.prototypeCount = 3
    let found = try spray.analyse(maps)
    #expect(found.clusters.count == 4 && found.spectrum.count == 4)
    #expect(found.clusters.map(\.size) == found.clusters.map(\.size).sorted(by: >))
    let rows = try spray.clusteringRows(
      of: spray.embed(NeighborGraph(maps.points, k: 10), dimensions: 32), count: 4)
    for (label, cluster) in found.clusters.enumerated() {
      #expect(cluster.label == label)
      #expect(cluster.members == found.labels.indices.filter { found.labels[$0] == label })
      for j in 0..<256 {
        let total = cluster.members.reduce(0.0) { $0 + Double(maps.points.values[$1 * 256 + j]) }
        #expect(abs(Double(cluster.mean[j]) - total / Double(cluster.size)) < 1e-7)
      }
      let nearest = cluster.members.map { found.members[$0].distance }.min()!
      #expect(cluster.prototypes.count == 3 && cluster.prototypes.allSatisfy { cluster.members.contains($0) })
      #expect(found.members[cluster.prototypes[0]].distance <= nearest + 1e-5)
      for point in cluster.members {
        let apart = (0..<4).reduce(0.0) { sum, j in
          let mean =
            cluster.members.reduce(0.0) { $0 + Double(rows.values[$1 * 4 + j]) } / Double(cluster.size)
          return sum + (Double(rows.values[point * 4 + j]) - mean)
            * (Double(rows.values[point * 4 + j]) - mean)
        }
        #expect(abs(found.members[point].distance - apart.squareRoot()) < 1e-6)
      }
    }
    // Confidence from all pairs.
    let neighbors = try NearestNeighbors.find(maps.points, k: 10)
    for i in 0..<120 {
      var (same, all) = (0.0, 0.0)
      for j in 0..<120 {
        let weight = Double(
          (neighbors.indices(of: i).contains(Int32(j)) ? 1 : 0)
            + (neighbors.indices(of: j).contains(Int32(i)) ? 1 : 0))
        all += weight
        if found.labels[i] == found.labels[j] { same += weight }
      }
      #expect(abs(found.members[i].confidence - same / all) < 1e-12)
    }
    #expect(abs(found.silhouette - Statistics.mean(found.members.map(\.silhouette))) < 1e-12)
  }

  @Test func runsAreRepeatable() throws {
    let maps = try PlantedMaps(60, tagged: 15, seed: 9).prepared()
    var spray = PlantedMaps.spray
    var tsne = TSNE(perplexity: 10)
    tsne.iterations = 100
    var umap = UMAP(neighborCount: 8)
    umap.epochs = 30
    spray.layouts = [.tsne(tsne), .umap(umap)]
    let (a, b) = (try spray.analyse(maps), try spray.analyse(maps))
    #expect(a.labels == b.labels && a.spectrum == b.spectrum && a.stability == b.stability)
    #expect(a.pictures == b.pictures && a.pictures.map(\.name) == ["tsne", "umap"])
    #expect(a.pictures.allSatisfy { $0.coordinates.rowCount == 60 && $0.coordinates.columnCount == 2 })
    #expect(a.eigenvectors.rowCount == 60 && a.eigenvectors.columnCount == a.spectrum.eigenvalues.count)
    spray.layoutSource = .maps
    #expect(try spray.analyse(maps).pictures != a.pictures)
  }

  @Test func phasesAreReported() throws {
    let maps = try PlantedMaps(40, tagged: 10, seed: 3).prepared()
    var phases: [String] = []
    _ = try PlantedMaps.spray.analyse(maps) { phase, done, total in phases.append("\(phase) \(done)/\(total)")
    }
    #expect(
      phases
        == [
          "neighbours 0/5", "spectrum 1/5", "strategies 2/5", "stability 3/5", "pictures 4/5", "pictures 5/5",
        ])
  }

  @Test func relativeGapsDecideBetweenStrategies() throws {
    func count(_ values: [Double], _ rule: StrategyCount, maximum: Int = 20) throws -> Int {
      try rule.choose(values, maximum: maximum, leastRelativeGap: 0.5)
    }
    // Two parts, of which one is a long chain with small eigenvalues of its own.
    let chain = [0, 0, 0.02, 0.07, 0.072, 0.084, 0.16, 0.21, 0.27]
    #expect(try count(chain, .relativeGap) == 2)
    #expect(try count(chain, .largestGap) == 6)
    // No structure.
    #expect(try count([0, 0.3, 0.4, 0.45, 0.5], .relativeGap) == 1)
    // Weakly joined.
    #expect(try count([0, 0.01, 0.02, 0.3, 0.4], .relativeGap) == 3)
    #expect(try count([0, 0, 0, 0, 0], .relativeGap, maximum: 3) == 3)
    #expect(try count([0, 0.5], .relativeGap) == 1)
    #expect(try count([0, 0, 1], .fixed(7)) == 7)
  }

  @Test func unusualClassesAreSaid() throws {
    let one = try PointSet([Float](repeating: 0.5, count: 60), count: 20, dimension: 3)
    let identical = try SpRAY().analyse(RelevanceMaps(vectors: one))
    #expect(
      identical.clusters.map(\.size) == [20] && identical.stability == nil && identical.silhouette.isNaN)
    #expect(identical.remarks.contains { $0.hasPrefix("all maps are identical") })

    let noise = try PlantedPoints.noise(40, 4, seed: 1)
    let doubled = try noise.selecting(Array(0..<40) + [0, 1, 2])
    #expect(
      try PlantedMaps.spray.analyse(RelevanceMaps(vectors: doubled)).remarks
        .contains { $0.hasPrefix("3 examples have the map of another") })

    var spray = PlantedMaps.spray
    spray.clustering = .dbscan(radius: 1e-7, minimumPoints: 40)
    let nothing = try spray.analyse(RelevanceMaps(vectors: noise))
    #expect(
      nothing.clusters.isEmpty && nothing.noiseCount == 40
        && nothing.labels == Array(repeating: -1, count: 40))
    #expect(nothing.remarks.contains { $0.hasPrefix("the clustering calls all examples noise") })
    #expect(nothing.members.allSatisfy { $0.distance.isNaN && $0.silhouette.isNaN })

    let few = try SpRAY().analyse(RelevanceMaps(vectors: noise.selecting(Array(0..<10))))
    #expect(few.neighborCount == 5 && few.pictures.count == 1)
    #expect(few.remarks.contains { $0.hasPrefix("10 examples are few") })
  }

  @Test func classesThatAreTooSmallAreRefused() throws {
    let noise = try PlantedPoints.noise(30, 3, seed: 2)
    let three = RelevanceMaps(vectors: try noise.selecting([0, 1, 2]))
    #expect(
      throws: ConceptError(
        .tooFew(set: "the set of relevance maps", found: 3, needed: 10), at: "class 'horse'")
    ) { try SpRAY().analyse(three, name: "horse") }
    let maps = RelevanceMaps(vectors: noise)
    var spray = SpRAY()
    spray.neighborCount = 30
    #expect(
      kind { _ = try spray.analyse(maps) }
        == .parameters(
          "found 30 neighbours, but each of 30 examples has 29 others; give fewer neighbours or more examples"
        ))
    spray = SpRAY()
    spray.count = .fixed(30)
    #expect(kind { _ = try spray.analyse(maps) }?.name == "parameters")
    for change: (inout SpRAY) -> Void in [
      { $0.neighborCount = 0 }, { $0.count = .fixed(0) }, { $0.maximumCount = 0 },
      { $0.minimumRelativeGap = 0 },
      { $0.embedding.dimensions = 1 }, { $0.prototypeCount = -1 }, { $0.minimumExamples = 1 },
      { $0.stability?.draws = 1 },
    ] {
      var wrong = SpRAY()
      change(&wrong)
      #expect(kind { _ = try wrong.analyse(maps) }?.name == "parameters")
    }
  }
}
