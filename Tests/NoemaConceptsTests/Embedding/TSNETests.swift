import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct TSNETests {
  @Test(arguments: [TSNE.Method.exact, .barnesHut], Metric.allCases)
  func blobsStayApart(_ method: TSNE.Method, _ metric: Metric) throws {
    let blobs = try Blobs(3, of: 50)
    var settings = TSNE(perplexity: 12, metric: metric)
    settings.method = method
    settings.iterations = 600
    let layout = try settings.embed(blobs.points)
    #expect(layout.method == method && layout.remarks.isEmpty)
    #expect(blobs.purity(layout.coordinates) > 0.99)
  }

  @Test func theDivergenceSinks() throws {
    let blobs = try Blobs(3, of: 40)
    var seen: [TSNE.Check] = []
    let layout = try TSNE(perplexity: 12).embed(blobs.points) { seen.append($0) }
    #expect(seen == layout.checks)
    #expect(layout.checks.map(\.iteration) == Array(stride(from: 50, through: layout.iterations, by: 50)))
    let late = layout.checks.filter { $0.iteration >= 500 }
    for (before, after) in zip(late, late.dropFirst()) {
      #expect(after.divergence < before.divergence + 1e-3, "step \(after.iteration)")
    }
    #expect(late.last!.divergence <= late[0].divergence)
    let early = try #require(layout.checks.first { $0.iteration == 300 })
    #expect(layout.divergence < early.divergence)
    #expect(layout.divergence > 0)
  }

  @Test func treeAndAllPairsLayOutAlikeWell() throws {
    let blobs = try Blobs(4, of: 60, distance: 5)
    var divergences: [Double] = []
    for method in [TSNE.Method.exact, .barnesHut] {
      var settings = TSNE(perplexity: 15)
      settings.method = method
      let layout = try settings.embed(blobs.points)
      divergences.append(layout.divergence)
      #expect(try Trustworthiness().score(of: layout.coordinates, for: blobs.points) > 0.9, "\(method)")
    }
    // Affinities to neighbours only miss a little.
    #expect(abs(divergences[0] - divergences[1]) < 0.3 * divergences[0], "\(divergences)")
  }

  @Test(arguments: [TSNE.Method.exact, .barnesHut])
  func aSeedGivesOneLayoutWhateverElseRuns(_ method: TSNE.Method) async throws {
    let points = try Blobs(3, of: 70).points
    var changing = TSNE(perplexity: 10)
    changing.method = method
    changing.iterations = 150
    changing.start = .random
    let settings = changing
    let alone = try settings.embed(points)
    async let first = settings.embed(points)
    async let second = settings.embed(points)
    let together = try await [first, second]
    #expect(together == [alone, alone])
    changing.seed = 1
    #expect(try changing.embed(points).coordinates != alone.coordinates)
  }

  @Test func theStartIsPrincipalComponents() throws {
    let points = try Blobs(3, of: 20).points
    var settings = TSNE(perplexity: 5)
    settings.iterations = 0
    let layout = try settings.embed(points)
    #expect(layout.iterations == 0 && layout.checks.isEmpty)
    let scores = try PrincipalComponents(points, count: 2).scores
    let variance = scores.transposed.row(0).reduce(0) { $0 + $1 * $1 } / 60
    let expected = scores.elements.map { $0 * 1e-4 / variance.squareRoot() }
    #expect(PlantedLayer.distance(layout.coordinates.elements, expected) < 1e-12)
  }

  @Test func pointsOnALineLeaveIt() throws {
    let points = try PointSet((0..<40).map { Float($0 * $0) }, count: 40, dimension: 1)
    var settings = TSNE(perplexity: 8)
    settings.iterations = 400
    let layout = try settings.embed(points).coordinates
    for column in [0, 1] {
      let values = layout.transposed.row(column)
      #expect(values.max()! - values.min()! > 1e-3)
    }
    #expect(try Trustworthiness().score(of: layout, for: points) > 0.9)
  }

  @Test func theDescentEndsWhenNothingMoves() throws {
    let points = try Blobs(3, of: 20).points
    var settings = TSNE(perplexity: 5)
    // The first look after exaggeration.
    settings.minimumGradient = 1e6
    #expect(try settings.embed(points).iterations == 300)
    // Best at 300; the first look more than 100 steps later.
    settings.minimumGradient = 0
    settings.patience = 100
    settings.learningRate = 1e-300
    #expect(try settings.embed(points).iterations == 450)
  }

  @Test func identicalPointsStayWhereTheyStart() throws {
    let points = try PointSet(Array(repeating: 2.5, count: 30), count: 10, dimension: 3)
    let layout = try TSNE(perplexity: 2).embed(points)
    #expect(layout.coordinates == Matrix(rowCount: 10, columnCount: 2))
    #expect(layout.remarks == ["all points are identical, so the layout is where they started"])
  }

  @Test func duplicatesStayTogether() throws {
    var values = PlantedLayer.noise(40, 4, seed: 8)
    for i in 0..<12 { for j in 0..<4 { values[i, j] = values[0, j] } }
    let layout = try TSNE(perplexity: 6).embed(try PointSet(values)).coordinates
    #expect(layout.elements.allSatisfy { $0.isFinite })
    for i in 0..<12 {
      let order = (0..<40).filter { $0 != i }.sorted {
        Blobs.distance(layout, i, $0) < Blobs.distance(layout, i, $1)
      }
      #expect(order.prefix(5).count { $0 < 12 } >= 4)
    }
  }

  @Test func aLargePerplexityIsLowered() throws {
    let points = try PointSet(PlantedLayer.noise(13, 3, seed: 5))
    let layout = try TSNE().embed(points)
    #expect(layout.perplexity == 4)
    #expect(layout.remarks == ["a perplexity of 30.0 is too large for 13 points and was lowered to 4.0"])
    let smallest = try TSNE().embed(try points.selecting([0, 1, 2, 3]))
    #expect(smallest.perplexity == 1 && smallest.coordinates.elements.allSatisfy { $0.isFinite })
  }

  @Test func badInputIsNamed() throws {
    let points = try PointSet(PlantedLayer.noise(12, 3, seed: 5))
    #expect(throws: ConceptError(.tooFew(set: "the set of points", found: 3, needed: 4))) {
      try TSNE().embed(try points.selecting([0, 1, 2]))
    }
    #expect(throws: ConceptError(.notFinite("the value of example 1, feature 0 is NaN or infinite"))) {
      try TSNE().embed(try PointSet([1, 2, .nan, 4, 5, 6, 7, 8], count: 4, dimension: 2))
    }
    let changes: [(inout TSNE) -> Void] = [
      { $0.perplexity = 0.5 }, { $0.perplexity = .nan }, { $0.openingAngle = 0.8 }, { $0.iterations = -1 },
      { $0.exaggeration = 0 }, { $0.learningRate = -1 }, { $0.patience = -1 },
    ]
    for (index, change) in changes.enumerated() {
      var settings = TSNE(perplexity: 3)
      change(&settings)
      let error = #expect(throws: ConceptError.self, "\(index)") { try settings.embed(points) }
      guard case .parameters? = error?.kind else {
        Issue.record("change \(index): \(String(describing: error))")
        continue
      }
    }
  }

  @Test(arguments: [TSNE.Method.exact, .barnesHut])
  func placesThatRunAwayAreNamed(_ method: TSNE.Method) throws {
    var settings = TSNE(perplexity: 3)
    settings.method = method
    settings.learningRate = 1e200
    let points = try Blobs(2, of: 12).points
    let error = #expect(throws: ConceptError.self) { try settings.embed(points) }
    #expect(error?.description.contains("with a learning rate of 1e+200; give a smaller one") == true)
  }
}
