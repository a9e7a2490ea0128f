import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct UMAPCurveTests {
  /// SciPy's `curve_fit` of the same 300 distances.
  @Test(arguments: [
    (0.1, 1.57694, 0.89506), (0.0, 1.93281, 0.79049), (0.01, 1.89561, 0.80064), (0.25, 1.12144, 1.05750),
    (0.5, 0.58303, 1.33417),
  ])
  func fitsEqualSciPy(_ minimumDistance: Double, _ a: Double, _ b: Double) throws {
    let curve = try UMAPCurve(minimumDistance: minimumDistance)
    #expect(abs(curve.a - a) < 2e-5 && abs(curve.b - b) < 2e-5, "\(curve)")
  }

  @Test func noNeighbourOfTheFitIsBetter() throws {
    let curve = try UMAPCurve(minimumDistance: 0.3, spread: 2)
    func error(_ a: Double, _ b: Double) -> Double {
      (0..<300).reduce(0) { sum, i in
        let x = 6 * Double(i) / 299
        let target = x < 0.3 ? 1 : exp(-(x - 0.3) / 2)
        let rest = target - 1 / (1 + a * pow(x, 2 * b))
        return sum + rest * rest
      }
    }
    let least = error(curve.a, curve.b)
    for (a, b) in [(1.001, 1.0), (0.999, 1.0), (1.0, 1.001), (1.0, 0.999), (1.001, 0.999)] {
      #expect(error(curve.a * a, curve.b * b) > least)
    }
  }

  @Test(arguments: [(-0.1, 1.0), (1.5, 1.0), (0.1, 0.0), (Double.nan, 1.0), (0.1, Double.infinity)])
  func badDistancesAreNamed(_ minimumDistance: Double, _ spread: Double) {
    #expect(throws: ConceptError.self) { try UMAPCurve(minimumDistance: minimumDistance, spread: spread) }
  }
}

@Suite struct FuzzyGraphTests {
  @Test(arguments: [2, 5, 15])
  func weightsSumToTheLogarithmAndJoinByTheDefinition(_ count: Int) throws {
    let n = 60
    let points = try PointSet(PlantedLayer.noise(n, 5, seed: 3))
    let neighbors = try NearestNeighbors.find(points, k: count - 1)
    let graph = try FuzzyGraph(neighbors)
    var given = Matrix(rowCount: n, columnCount: n)
    for i in 0..<n {
      let row = graph.memberships[(i * neighbors.k)..<((i + 1) * neighbors.k)]
      #expect(abs(row.reduce(0, +) - log2(Double(count))) < 1e-3)
      #expect(row.first == 1 && row.allSatisfy { $0 > 0 && $0 <= 1 })
      // `−log w` is the distance beyond the nearest in a unit of the point's own.
      let distances = Array(neighbors.distances(of: i))
      let scales = zip(row, distances).compactMap { weight, distance -> Double? in
        weight < 1 ? (distance - distances[0]) / -log(weight) : nil
      }
      if let scale = scales.first { #expect(scales.allSatisfy { abs($0 / scale - 1) < 1e-7 }) }
      for (j, weight) in zip(neighbors.indices(of: i), row) { given[i, Int(j)] = weight }
    }
    let weights = graph.weights.dense
    for i in 0..<n {
      for j in 0..<n {
        let expected = given[i, j] + given[j, i] - given[i, j] * given[j, i]
        #expect(abs(weights[i, j] - expected) < 1e-15 && weights[i, j] <= 1)
        #expect(weights[i, j] == weights[j, i])
      }
    }
  }

  @Test func duplicatesAreCertainNeighbours() throws {
    var values = PlantedLayer.noise(20, 3, seed: 4)
    for i in 0..<3 { for j in 0..<3 { values[i, j] = values[0, j] } }
    let neighbors = try NearestNeighbors.find(try PointSet(values), k: 5)
    let graph = try FuzzyGraph(neighbors)
    // The nearest that is not a duplicate is certain as well.
    #expect(graph.memberships[..<3] == [1, 1, 1] && graph.memberships[3] < 1)
    #expect(graph.weights[0, 1] == 1 && graph.weights[0, 2] == 1 && graph.weights[1, 2] == 1)
    let equal = try PointSet(Array(repeating: 1, count: 12), count: 6, dimension: 2)
    let certain = try FuzzyGraph(NearestNeighbors.find(equal, k: 5))
    #expect(certain.weights.values == Array(repeating: 1, count: 30))
  }
}

@Suite struct UMAPDescentTests {
  /// The passes of the paper once more, by plain loops over coordinates.
  private func reference(
    _ start: [SIMD2<Double>], _ graph: SparseSymmetricMatrix, _ descent: UMAPDescent,
    _ generator: RandomNumbers
  ) -> [[Double]] {
    var random = generator
    var places = start.map { [$0.x, $0.y] }
    let (a, b, n) = (descent.curve.a, descent.curve.b, graph.count)
    var edges: [(i: Int, j: Int, period: Double)] = []
    let weights = graph.dense
    for i in 0..<n {
      for j in 0..<n where weights[i, j] > 0 { edges.append((i, j, weights.elements.max()! / weights[i, j])) }
    }
    var due = edges.map(\.period)
    let pushPeriods = edges.map { $0.period / Double(descent.negativeSamples) }
    var pushDue = pushPeriods
    func square(_ i: Int, _ j: Int) -> Double {
      (0..<2).reduce(0) { $0 + pow(places[i][$1] - places[j][$1], 2) }
    }
    for epoch in 0..<descent.epochs {
      let rate = descent.learningRate * (1 - Double(epoch) / Double(descent.epochs))
      for (e, edge) in edges.enumerated() where due[e] <= Double(epoch) {
        let distance = square(edge.i, edge.j).squareRoot()
        let pull =
          distance > 0 ? -2 * a * b * pow(distance, 2 * (b - 1)) / (1 + a * pow(distance, 2 * b)) : 0
        for axis in 0..<2 {
          let step = max(-4, min(4, pull * (places[edge.i][axis] - places[edge.j][axis]))) * rate
          places[edge.i][axis] += step
          places[edge.j][axis] -= step
        }
        due[e] += edge.period
        let count = Int((Double(epoch) - pushDue[e]) / pushPeriods[e])
        for _ in 0..<max(count, 0) {
          let k = random.index(below: n)
          guard k != edge.i else { continue }
          let s = square(edge.i, k)
          let push = 2 * descent.repulsion * b / ((0.001 + s) * (1 + a * pow(s, b)))
          for axis in 0..<2 {
            places[edge.i][axis] += max(-4, min(4, push * (places[edge.i][axis] - places[k][axis]))) * rate
          }
        }
        pushDue[e] += Double(max(count, 0)) * pushPeriods[e]
      }
    }
    return places
  }

  @Test func stepsEqualPlainLoops() throws {
    let n = 25
    let points = try PointSet(PlantedLayer.noise(n, 4, seed: 2))
    let graph = try FuzzyGraph(NearestNeighbors.find(points, k: 5)).weights
    var random = RandomNumbers(seed: 5)
    var start = PlanarStart.random(n, deviation: 3, using: &random)
    start[3] = start[4]
    let descent = UMAPDescent(
      curve: try UMAPCurve(), epochs: 6, learningRate: 0.8, negativeSamples: 3, repulsion: 1.3)
    var passes: [Int] = []
    let found = descent.run(start, along: graph, using: random.split(1)) { passes.append($0) }
    #expect(passes == Array(1...6))
    let expected = reference(start, graph, descent, random.split(1))
    #expect(PlantedLayer.distance(found.flatMap { [$0.x, $0.y] }, expected.flatMap { $0 }) < 1e-6)
    #expect(found != start)
  }

  @Test func aPairIsPulledAsTheFormulaSays() throws {
    let graph = try SparseSymmetricMatrix(count: 2, edges: [(0, 1, 0.5)])
    let descent = UMAPDescent(
      curve: try UMAPCurve(), epochs: 2, learningRate: 1, negativeSamples: 0, repulsion: 1)
    let found = descent.run([SIMD2(0, 1), SIMD2(2, 1)], along: graph, using: RandomNumbers(seed: 0)) { _ in }
    // One pull in each direction, in the second pass, at half the rate.
    let (a, b) = (descent.curve.a, descent.curve.b)
    var distance = 2.0
    for _ in 0..<2 {
      distance -= 2 * 0.5 * 2 * a * b * pow(distance, 2 * b - 1) / (1 + a * pow(distance, 2 * b))
    }
    #expect(abs(found[1].x - found[0].x - distance) < 1e-12)
    #expect(abs(found[0].x + found[1].x - 2) < 1e-12 && found[0].y == 1 && found[1].y == 1)
  }
}

@Suite struct UMAPTests {
  @Test(arguments: Metric.allCases)
  func blobsStayApart(_ metric: Metric) throws {
    let blobs = try Blobs(3, of: 50)
    let layout = try UMAP(metric: metric).embed(blobs.points)
    #expect(blobs.purity(layout.coordinates) > 0.99)
    #expect(
      layout.remarks == [
        "the graph of neighbours has 3 parts, so points started along principal components"
      ])
    #expect(layout.graph.values.allSatisfy { $0 > 0 && $0 <= 1 })
    #expect(layout.graph.values.min()! >= 1.0 / 500)
  }

  @Test func aRingStaysARing() throws {
    let n = 120
    var ring = Matrix(rowCount: n, columnCount: 4)
    for i in 0..<n {
      let angle = 2 * Double.pi * Double(i) / Double(n)
      ring[i, 0] = cos(angle)
      ring[i, 3] = sin(angle)
    }
    let points = try PointSet(ring)
    for start in UMAP.Start.allCases {
      var settings = UMAP(neighborCount: 8)
      settings.start = start
      let layout = try settings.embed(points)
      #expect(layout.remarks.isEmpty)
      #expect(
        try Trustworthiness().score(of: layout.coordinates, for: points) > (start == .random ? 0.8 : 0.95),
        "\(start)")
    }
  }

  @Test func theStartIsSpectral() throws {
    let points = try PointSet(PlantedLayer.noise(40, 3, seed: 7))
    var settings = UMAP(neighborCount: 10)
    settings.epochs = 0
    let layout = try settings.embed(points)
    let vectors = try SpectralEmbedding(dimensions: 3).embed(layout.graph).vectors
    for axis in 0..<2 {
      let (found, column) = (layout.coordinates.transposed.row(axis), vectors.transposed.row(axis + 1))
      #expect(found.min() == 0 && abs(found.max()! - 10) < 1e-12)
      let (low, high) = (column.min()!, column.max()!)
      // Up to the noise that parts coincident points.
      let expected = column.map { 10 * ($0 - low) / (high - low) }
      #expect(PlantedLayer.distance(Array(found), expected) < 5e-3)
    }
  }

  @Test func aSeedGivesOneLayoutWhateverElseRuns() async throws {
    let points = try Blobs(2, of: 60, distance: 2).points
    let settings = UMAP(neighborCount: 10)
    let alone = try settings.embed(points)
    async let first = settings.embed(points)
    async let second = settings.embed(points)
    let together = try await [first, second]
    #expect(together == [alone, alone])
    #expect(try UMAP(neighborCount: 10, seed: 1).embed(points).coordinates != alone.coordinates)
  }

  @Test func manyNeighboursAreLowered() throws {
    let points = try PointSet(PlantedLayer.noise(6, 3, seed: 7))
    let layout = try UMAP().embed(points)
    #expect(layout.remarks == ["15 neighbours are too many for 6 points and were lowered to 6"])
    #expect(layout.coordinates.elements.allSatisfy { $0.isFinite })
  }

  @Test func identicalPointsStayWhereTheyStart() throws {
    let points = try PointSet(Array(repeating: 1, count: 20), count: 10, dimension: 2)
    let layout = try UMAP(neighborCount: 4).embed(points)
    #expect(layout.remarks.last == "all points are identical, so the layout is where they started")
    #expect(layout.coordinates.elements.allSatisfy { $0 >= 0 && $0 <= 10 + 1e-9 })
  }

  @Test func badInputIsNamed() throws {
    let points = try PointSet(PlantedLayer.noise(12, 3, seed: 5))
    #expect(throws: ConceptError(.tooFew(set: "the set of points", found: 3, needed: 4))) {
      try UMAP().embed(try points.selecting([0, 1, 2]))
    }
    #expect(throws: ConceptError(.notFinite("the value of example 1, feature 0 is NaN or infinite"))) {
      try UMAP().embed(try PointSet([1, 2, .nan, 4, 5, 6, 7, 8], count: 4, dimension: 2))
    }
    let changes: [(inout UMAP) -> Void] = [
      { $0.neighborCount = 1 }, { $0.minimumDistance = 2 }, { $0.spread = 0 }, { $0.epochs = -1 },
      { $0.learningRate = 0 }, { $0.negativeSamples = -1 }, { $0.repulsion = .nan },
    ]
    for (index, change) in changes.enumerated() {
      var settings = UMAP(neighborCount: 4)
      change(&settings)
      let error = #expect(throws: ConceptError.self, "\(index)") { try settings.embed(points) }
      guard case .parameters? = error?.kind else {
        Issue.record("change \(index): \(String(describing: error))")
        continue
      }
    }
    var fast = UMAP(neighborCount: 4)
    fast.learningRate = 1e308
    #expect(throws: ConceptError.self) { try fast.embed(points) }
  }
}
