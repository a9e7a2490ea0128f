import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct NeighborGraphTests {
  /// 0 and 1 are each other's nearest; 3 looks to 1, 7 to 3.
  private func chain() throws -> NearestNeighbors {
    try NearestNeighbors.find(PlantedPoints.line([0, 1, 3, 7]), k: 1)
  }

  @Test func weightsOfOneSidedPairsFollowTheirDefinitions() throws {
    let neighbors = try chain()
    let cases: [(NeighborGraph.Weighting, [Double])] = [
      (.mean, [1, 0.5, 0.5]), (.union, [1, 1, 1]), (.mutual, [1, 0, 0]),
    ]
    for (weighting, expected) in cases {
      let dense = try NeighborGraph(neighbors, weighting: weighting).weights.dense
      var wanted = Matrix(rowCount: 4, columnCount: 4)
      for (i, weight) in expected.enumerated() {
        wanted[i, i + 1] = weight
        wanted[i + 1, i] = weight
      }
      #expect(dense == wanted, "\(weighting)")
    }
  }

  @Test func localScalesFollowTheirDefinition() throws {
    let points = try PlantedPoints.noise(40, 3, seed: 1)
    let neighbors = try NearestNeighbors.find(points, k: 9)
    let graph = try NeighborGraph(neighbors, weighting: .localScaling(neighbor: 7)).weights
    let union = try NeighborGraph(neighbors, weighting: .union).weights
    let scales = (0..<40).map { i in
      (0..<40).filter { $0 != i }.map { PlantedPoints.distance(points, i, $0) }.sorted()[6]
    }
    for i in 0..<40 {
      for j in 0..<40 {
        let distance = PlantedPoints.distance(points, i, j)
        let expected = union[i, j] == 0 ? 0 : exp(-distance * distance / (scales[i] * scales[j]))
        #expect(abs(graph[i, j] - expected) < 1e-12)
        #expect(graph[i, j] == graph[j, i])
      }
    }
  }

  @Test func localScalesSurviveDuplicates() throws {
    // Three copies, so their second neighbour is at distance 0; the first farther one gives the scale, 2.
    let points = try PlantedPoints.line([0, 0, 0, 2, 3])
    let graph = try NeighborGraph(points, k: 3, weighting: .localScaling(neighbor: 2)).weights
    #expect(graph[0, 1] == 1 && graph[1, 2] == 1)
    // The scale of the point at 2 is its distance to the next copies.
    #expect(abs(graph[0, 3] - exp(-4 / (2 * 2))) < 1e-15)
    let same = try NeighborGraph(PlantedPoints.line([5, 5, 5, 5]), k: 2, weighting: .localScaling())
    #expect(same.weights.values.allSatisfy { $0 == 1 })
  }

  @Test func everyWeightingIsSymmetricWithAnEmptyDiagonal() throws {
    let neighbors = try NearestNeighbors.find(PlantedPoints.noise(90, 4, seed: 3), k: 6)
    for weighting: NeighborGraph.Weighting in [.mean, .union, .mutual, .localScaling()] {
      let weights = try NeighborGraph(neighbors, weighting: weighting).weights
      let dense = weights.dense
      #expect(dense == dense.transposed)
      #expect(dense.trace == 0)
      #expect(weights.values.allSatisfy { $0 > 0 && $0 <= 1 })
      for i in 0..<90 {
        let columns = weights.entries(of: i).map { weights.columns[$0] }
        #expect(columns == columns.sorted())
      }
    }
    // Every directed neighbour counts a half on either side.
    let sum = try NeighborGraph(neighbors).weights.values.reduce(0, +)
    #expect(sum == 90 * 6)
  }

  @Test func componentsAreThoseOfTheGraph() throws {
    let mutual = try NeighborGraph(try chain(), weighting: .mutual).components
    #expect(mutual.labels == [0, 0, 1, 2] && mutual.sizes == [2, 1, 1])
    #expect(mutual.members == [[0, 1], [2], [3]])
    #expect(try NeighborGraph(try chain()).components.count == 1)
    let clouds = try PlantedPoints.threeClouds()
    let order = PlantedPoints.order(75, seed: 3)
    let graph = try NeighborGraph(clouds.points.selecting(order), k: 9)
    #expect(PlantedPoints.agree(graph.components.labels, order.map { clouds.labels[$0] }))
  }

  @Test func aMatrixOfEdgesIsSymmetric() throws {
    let matrix = try SparseSymmetricMatrix(
      count: 4, edges: [(0, 2, 1.5), (2, 0, 0.5), (3, 3, 4), (1, 0, -1)])
    #expect(matrix.dense.elements == [0, -1, 2, 0, -1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4])
    #expect(matrix.entryCount == 5)
    #expect(matrix[2, 0] == 2 && matrix[0, 3] == 0 && matrix[3, 3] == 4)
    #expect(matrix.rowSums == [1, -1, 2, 4])
    #expect(matrix.times([1, 2, 3, 4]) == matrix.dense.times([1, 2, 3, 4]))
    #expect(ConnectedComponents(matrix).labels == [0, 0, 0, 1])
    let empty = try SparseSymmetricMatrix(count: 2, edges: [])
    #expect(empty.rowSums == [0, 0] && ConnectedComponents(empty).count == 2)
    // An entry of zero joins nothing.
    #expect(ConnectedComponents(try SparseSymmetricMatrix(count: 2, edges: [(0, 1, 0)])).count == 2)
  }

  @Test func badRequestsAreRefused() throws {
    #expect(throws: ConceptError(.parameters("edge 0–2 leaves the graph of 2 nodes"))) {
      try SparseSymmetricMatrix(count: 2, edges: [(0, 2, 1)])
    }
    #expect(throws: ConceptError(.notFinite("the weight of edge 0–1 is NaN or infinite"))) {
      try SparseSymmetricMatrix(count: 2, edges: [(0, 1, .nan)])
    }
    #expect(kind { _ = try SparseSymmetricMatrix(count: -1, edges: []) }?.name == "parameters")
    #expect(
      throws: ConceptError(.parameters("found a local scale by neighbour 0; give 1 or more, such as 7"))
    ) { try NeighborGraph(try chain(), weighting: .localScaling(neighbor: 0)) }
    #expect(kind { _ = try NeighborGraph(PlantedPoints.line([1, 2]), k: 2) }?.name == "parameters")
  }
}
