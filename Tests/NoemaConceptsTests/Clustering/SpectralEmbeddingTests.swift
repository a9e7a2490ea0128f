import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SpectralEmbeddingTests {
  private func path(_ n: Int) throws -> SparseSymmetricMatrix {
    try SparseSymmetricMatrix(count: n, edges: (1..<n).map { ($0 - 1, $0, 1) })
  }

  private func cycle(_ n: Int) throws -> SparseSymmetricMatrix {
    try SparseSymmetricMatrix(count: n, edges: (0..<n).map { ($0, ($0 + 1) % n, 1) })
  }

  private func complete(_ n: Int) throws -> SparseSymmetricMatrix {
    try SparseSymmetricMatrix(count: n, edges: (0..<n).flatMap { i in (0..<i).map { (i, $0, 2.5) } })
  }

  private func torus(_ side: Int) throws -> SparseSymmetricMatrix {
    var edges: [(Int, Int, Double)] = []
    for x in 0..<side {
      for y in 0..<side {
        edges.append((x * side + y, (x + 1) % side * side + y, 1))
        edges.append((x * side + y, x * side + (y + 1) % side, 1))
      }
    }
    return try SparseSymmetricMatrix(count: side * side, edges: edges)
  }

  /// The cosine of some parts of a full turn.
  private func turn(_ parts: Int, of all: Int) -> Double { cos(2 * Double.pi * Double(parts) / Double(all)) }

  private func embed(
    _ graph: SparseSymmetricMatrix, _ dimensions: Int, _ solver: SpectralEmbedding.Solver,
    _ laplacian: SpectralEmbedding.Laplacian = .symmetric
  ) throws -> SpectralCoordinates {
    var embedding = SpectralEmbedding(dimensions: dimensions, laplacian: laplacian)
    embedding.solver = solver
    return try embedding.embed(graph)
  }

  /// The largest `|L v − λ v|` over all columns, and of `VᵀV − I`.
  private func residuals(
    _ graph: SparseSymmetricMatrix, _ found: SpectralCoordinates, _ laplacian: SpectralEmbedding.Laplacian
  ) -> (equation: Double, basis: Double) {
    let degrees = graph.rowSums
    var equation = 0.0
    for (k, value) in found.eigenvalues.enumerated() {
      let vector = (0..<graph.count).map { found.vectors[$0, k] }
      let roots = degrees.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
      let moved: [Double]
      if laplacian == .symmetric {
        moved = zip(graph.times(zip(vector, roots).map { $0 * $1 }), roots).map { $0 * $1 }
      } else {
        moved = zip(graph.times(vector), roots).map { $0 * $1 * $1 }
      }
      for i in vector.indices where degrees[i] > 0 {
        equation = max(equation, abs(vector[i] - moved[i] - value * vector[i]))
      }
    }
    let product = found.vectors.transposedTimes(found.vectors)
    var basis = 0.0
    for i in 0..<product.rowCount {
      for j in 0..<product.columnCount where laplacian == .symmetric || i == j {
        basis = max(basis, abs(product[i, j] - (i == j ? 1 : 0)))
      }
    }
    return (equation, basis)
  }

  @Test(arguments: [SpectralEmbedding.Solver.dense, .sparse])
  func spectraHaveTheirClosedForms(_ solver: SpectralEmbedding.Solver) throws {
    let n = 70
    let cases: [(String, SparseSymmetricMatrix, [Double])] = [
      ("path", try path(n), (0..<n).map { 1 - turn($0, of: 2 * (n - 1)) }),
      ("cycle", try cycle(n), (0..<n).map { 1 - turn($0, of: n) }),
      ("complete", try complete(n), (0..<n).map { $0 == 0 ? 0 : Double(n) / Double(n - 1) }),
      ("torus", try torus(9), (0..<81).map { 1 - (turn($0 / 9, of: 9) + turn($0 % 9, of: 9)) / 2 }),
    ]
    for (name, graph, values) in cases {
      // An even number cuts through the pairs of the cycle.
      let expected = Array(values.sorted().prefix(8))
      for laplacian in SpectralEmbedding.Laplacian.allCases {
        let found = try embed(graph, 8, solver, laplacian)
        #expect(PlantedLayer.distance(found.eigenvalues, expected) < 1e-9, "\(name), \(solver)")
        let errors = residuals(graph, found, laplacian)
        #expect(errors.equation < 1e-8 && errors.basis < 1e-8, "\(name), \(solver): \(errors)")
        #expect(found.components.count == 1 && found.zeroCount == 1 && found.isolated.isEmpty)
      }
    }
  }

  @Test func allEigenvaluesOfABipartiteGraphReachTwo() throws {
    let graph = try SparseSymmetricMatrix(
      count: 7, edges: (0..<3).flatMap { i in (3..<7).map { (i, $0, 1) } })
    // More dimensions than nodes are as many as nodes.
    let found = try embed(graph, 32, .automatic)
    #expect(PlantedLayer.distance(found.eigenvalues, [0, 1, 1, 1, 1, 1, 2]) < 1e-12)
    #expect(residuals(graph, found, .symmetric).basis < 1e-12)
  }

  @Test func theFirstVectorIsTheRootOfTheDegrees() throws {
    let graph = try path(4)
    let symmetric = try embed(graph, 2, .dense)
    let expected = [1, 2, 2, 1].map { ($0 / 6.0).squareRoot() }
    #expect(PlantedLayer.distance((0..<4).map { symmetric.vectors[$0, 0] }, expected) < 1e-14)
    let walk = try embed(graph, 2, .dense, .randomWalk)
    #expect((0..<4).allSatisfy { abs(walk.vectors[$0, 0] - 0.5) < 1e-14 })
    // Both ends of a path are of one size; the first is positive.
    #expect(symmetric.vectors[0, 1] > 0 && walk.vectors[0, 1] > 0)
  }

  @Test func everyComponentHasItsZero() throws {
    let clouds = try PlantedPoints.threeClouds(sizes: [30, 20, 25])
    let order = PlantedPoints.order(75, seed: 2)
    let labels = order.map { clouds.labels[$0] }
    let graph = try NeighborGraph(clouds.points.selecting(order), k: 9)
    let found = try SpectralEmbedding(dimensions: 6).embed(graph)
    #expect(found.components.count == 3 && found.zeroCount == 3)
    #expect(found.eigenvalues.prefix(3).allSatisfy { $0 == 0 } && found.eigenvalues[3] > 1e-3)
    #expect(found.eigenvalues == found.eigenvalues.sorted())
    // The three first coordinates of unit rows tell components apart without error.
    var embedding = SpectralEmbedding(dimensions: 3)
    embedding.solver = .dense
    let rows = try embedding.embed(graph).normalisedRows
    for i in 0..<75 {
      // Larger components come first.
      let expected = [[1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]][labels[i]]
      #expect(PlantedLayer.distance(Array(rows.row(i)), expected) < 1e-12)
    }
  }

  @Test func nodesWithoutEdgesAreComponents() throws {
    let graph = try SparseSymmetricMatrix(count: 5, edges: [(1, 3, 1)])
    let found = try embed(graph, 5, .automatic)
    #expect(PlantedLayer.distance(found.eigenvalues, [0, 0, 0, 0, 2]) < 1e-12)
    #expect(found.isolated == [0, 2, 4] && found.components.count == 4 && found.zeroCount == 4)
    #expect((0..<5).map { found.vectors[$0, 1] } == [1, 0, 0, 0, 0])
    for laplacian in SpectralEmbedding.Laplacian.allCases {
      let vectors = try embed(graph, 5, .dense, laplacian).vectors
      let product = vectors.transposedTimes(vectors)
      for i in 0..<5 { for j in 0..<5 { #expect(abs(product[i, j] - (i == j ? 1 : 0)) < 1e-12) } }
    }
    // Fewer dimensions than components leave the smallest without coordinates.
    let few = try embed(graph, 2, .automatic)
    #expect(few.eigenvalues == [0, 0])
    #expect(PlantedLayer.distance(Array(few.normalisedRows.row(1)), [1, 0]) < 1e-12)
    #expect(Array(few.normalisedRows.row(4)) == [0, 0])
  }

  @Test func bothSolversAgree() throws {
    let points = try PlantedPoints.clouds(
      [[0, 0, 0], [3, 0, 0], [0, 4, 0]], sizes: [150, 130, 120], seed: 5
    ).points
    let graph = try NeighborGraph(points, k: 12).weights
    let (dense, sparse) = (try embed(graph, 16, .dense), try embed(graph, 16, .sparse))
    #expect(PlantedLayer.distance(dense.eigenvalues, sparse.eigenvalues) < 1e-9)
    #expect(dense.eigenvalues != sparse.eigenvalues)
    // Signs are fixed, and these eigenvalues are simple.
    #expect(PlantedLayer.distance(dense.vectors.elements, sparse.vectors.elements) < 1e-6)
    var small = SpectralEmbedding(dimensions: 16)
    small.denseLimit = 100
    #expect(try small.embed(graph) == sparse)
    small.denseLimit = 400
    #expect(try small.embed(graph) == dense)
  }

  @Test func runsAreRepeatable() throws {
    let graph = try NeighborGraph(PlantedPoints.noise(300, 3, seed: 6), k: 8).weights
    let first = try embed(graph, 10, .sparse)
    #expect(try embed(graph, 10, .sparse) == first)
    var other = SpectralEmbedding(dimensions: 10)
    other.solver = .sparse
    other.seed = 9
    #expect(PlantedLayer.distance(try other.embed(graph).eigenvalues, first.eigenvalues) < 1e-9)
  }

  @Test func permutedNodesHavePermutedCoordinates() throws {
    let points = try PlantedPoints.noise(90, 3, seed: 7)
    let order = PlantedPoints.order(90, seed: 8)
    for solver in [SpectralEmbedding.Solver.dense, .sparse] {
      let a = try embed(NeighborGraph(points, k: 9).weights, 6, solver)
      let b = try embed(NeighborGraph(points.selecting(order), k: 9).weights, 6, solver)
      #expect(PlantedLayer.distance(a.eigenvalues, b.eigenvalues) < 1e-10)
      // Inner products of the rows do not know signs.
      let (left, right) = (a.vectors.timesTransposed(a.vectors), b.vectors.timesTransposed(b.vectors))
      #expect(
        PlantedLayer.distance(left.selecting(rows: order, columns: order).elements, right.elements) < 1e-7)
    }
  }

  @Test func badRequestsAreRefused() throws {
    let graph = try path(5)
    #expect(kind { _ = try SpectralEmbedding(dimensions: 0).embed(graph) }?.name == "parameters")
    #expect(
      kind { _ = try SpectralEmbedding().embed(SparseSymmetricMatrix(count: 0, edges: [])) }?.name == "tooFew"
    )
    var embedding = SpectralEmbedding()
    embedding.tolerance = 0
    #expect(kind { _ = try embedding.embed(graph) }?.name == "parameters")
    #expect(
      throws: ConceptError(.parameters("a weight of node 1 is -1.0; Laplacians need weights of 0 or more"))
    ) { try SpectralEmbedding().embed(SparseSymmetricMatrix(count: 2, edges: [(0, 1, -1)])) }
  }

  @Test func aSearchThatDoesNotEndSaysHowFarItCame() throws {
    let size = 400
    let solver = LanczosSolver(tolerance: 1e-14, restartLimit: 1)
    let caught = kind {
      _ = try solver.largest(6, start: (0..<size).map { Double($0 % 7) + 1 }) { x, y in
        for i in 0..<size { y[i] = (1 - 1e-3 / Double(i + 1)) * x[i] }
      }
    }
    #expect(caught?.name == "algebra")
  }
}
