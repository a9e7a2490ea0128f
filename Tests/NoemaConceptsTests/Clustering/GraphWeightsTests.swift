import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct GraphWeightsTests {
  @Test func gaussianWeightsFollowTheirDefinition() throws {
    let points = try PlantedPoints.noise(30, 3, seed: 1)
    let neighbors = try NearestNeighbors.find(points, k: 5)
    let union = try NeighborGraph(neighbors, weighting: .union).weights
    let last = (0..<30).map { neighbors.distances(of: $0).last! }.sorted()
    for (width, sigma) in [(0.8, 0.8), (nil, last[15])] as [(Double?, Double)] {
      let graph = try NeighborGraph(neighbors, weighting: .gaussian(width: width)).weights
      for i in 0..<30 {
        for j in 0..<30 where i != j {
          let distance = PlantedPoints.distance(points, i, j)
          let expected = union[i, j] == 0 ? 0 : exp(-distance * distance / (2 * sigma * sigma))
          #expect(abs(graph[i, j] - expected) < 1e-12)
        }
      }
    }
  }

  @Test func gaussianWeightsOfDuplicatesAreOne() throws {
    let graph = try NeighborGraph(PlantedPoints.line([5, 5, 5, 5]), k: 2, weighting: .gaussian()).weights
    #expect(graph.values.allSatisfy { $0 == 1 })
  }

  @Test func badWidthsAreNamed() throws {
    let neighbors = try NearestNeighbors.find(PlantedPoints.line([1, 2, 4]), k: 1)
    for width in [0, -1, .infinity, .nan] as [Double] {
      #expect(
        kind { _ = try NeighborGraph(neighbors, weighting: .gaussian(width: width)) }?.name == "parameters")
    }
  }

  @Test func theUnitOfWeightsDoesNotMatter() throws {
    let points = try PlantedPoints.noise(40, 3, seed: 2)
    let graph = try NeighborGraph(points, k: 6).weights
    func scaled(_ factor: Double) -> SparseSymmetricMatrix {
      SparseSymmetricMatrix(
        count: 40, rowStarts: graph.rowStarts, columns: graph.columns,
        values: graph.values.map { $0 * factor })
    }
    let expected = try SpectralEmbedding(dimensions: 6).embed(graph).eigenvalues
    // Products of degrees would vanish or have no number at the ends.
    for factor in [0x1p-1040, 0x1p-600, 0x1p1000] {
      let found = try SpectralEmbedding(dimensions: 6).embed(scaled(factor)).eigenvalues
      #expect(PlantedLayer.distance(found, expected) < 1e-9, "\(factor)")
    }
  }

  @Test func sumsBeyondFloat64AreNamed() throws {
    let most = Double.greatestFiniteMagnitude
    #expect(throws: ConceptError(.notFinite("the weights of edge 0–1 sum to more than float64 holds"))) {
      try SparseSymmetricMatrix(count: 2, edges: [(0, 1, most), (1, 0, most)])
    }
    let star = try SparseSymmetricMatrix(count: 3, edges: [(0, 1, most), (0, 2, most)])
    #expect(
      throws: ConceptError(
        .notFinite("the weights of node 0 sum to more than float64 holds; divide all weights by the largest"))
    ) { try SpectralEmbedding(dimensions: 2).embed(star) }
  }

  @Test func repeatedEdgesAreAddedInTheSameOrderOnBothSides() throws {
    let matrix = try SparseSymmetricMatrix(count: 2, edges: [(0, 1, 1), (1, 0, 0x1p-53), (0, 1, 0x1p-53)])
    #expect(matrix[0, 1] == matrix[1, 0])
  }

  @Test func denseDecompositionsThatNoMemoryHoldsAreRefused() throws {
    let n = SpectralEmbedding.denseMaximum + 1
    let path = try SparseSymmetricMatrix(count: n, edges: (1..<n).map { ($0 - 1, $0, 1) })
    var embedding = SpectralEmbedding(dimensions: 4)
    embedding.solver = .dense
    #expect(kind { _ = try embedding.embed(path) }?.name == "parameters")
    embedding.solver = .automatic
    embedding.dimensions = n
    #expect(kind { _ = try embedding.embed(path) }?.name == "parameters")
  }
}
