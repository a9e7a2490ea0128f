import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct TrustworthinessTests {
  @Test func aFaithfulLayoutScoresOne() throws {
    let places = PlantedLayer.noise(40, 2, seed: 1).rounded
    for k in [1, 5, 19] {
      #expect(try Trustworthiness(neighborCount: k).score(of: places, for: PointSet(places)) == 1)
    }
  }

  /// Five points in a row, shuffled: ranks 3, 4, 3, 3 and 4 of the shown neighbours.
  @Test func aShuffledRowScoresAFifth() throws {
    let points = try PointSet([0, 1, 2, 3, 4], count: 5, dimension: 1)
    let layout = Matrix(rowCount: 5, columnCount: 1, elements: [0, 2, 4, 1, 3])
    let score = try Trustworthiness(neighborCount: 1).score(of: layout, for: points)
    #expect(abs(score - 0.2) < 1e-12)
  }

  @Test(arguments: [1, 4, 30], [3, 50])
  func ranksFollowTheDefinition(_ k: Int, _ dimension: Int) throws {
    let n = 70
    let values = PlantedLayer.noise(n, dimension, seed: 9).rounded
    let layout = PlantedLayer.noise(n, 2, seed: 10).rounded
    var penalty = 0
    for i in 0..<n {
      func order(_ rows: Matrix) -> [Int] {
        (0..<n).filter { $0 != i }.sorted { Blobs.distance(rows, i, $0) < Blobs.distance(rows, i, $1) }
      }
      let ranks = order(values)
      for j in order(layout).prefix(k) { penalty += max(0, ranks.firstIndex(of: j)! + 1 - k) }
    }
    let expected = 1 - 2 * Double(penalty) / Double(n * k * (2 * n - 3 * k - 1))
    let found = try Trustworthiness(neighborCount: k).score(of: layout, for: PointSet(values))
    #expect(abs(found - expected) < 1e-12)
  }

  @Test func duplicatesRankByIndex() throws {
    // All at one place: the ranks of i's neighbours are their indices, with i left out.
    let points = try PointSet(Array(repeating: 1, count: 7), count: 7, dimension: 1)
    let layout = Matrix(rowCount: 7, columnCount: 1, elements: (0..<7).map { Double($0) })
    // The nearest place is the one before, or 1 for the first; ranks 1, 1, 2, 3, 4, 5, 6.
    let score = try Trustworthiness(neighborCount: 1).score(of: layout, for: points)
    #expect(abs(score - (1 - 2 * 15.0 / (7 * 10))) < 1e-12)
  }

  @Test func badInputIsNamed() throws {
    let points = try PointSet(PlantedLayer.noise(10, 3, seed: 1))
    let layout = PlantedLayer.noise(10, 2, seed: 2)
    for k in [0, 5] {
      #expect(
        throws: ConceptError(
          .parameters(
            "trustworthiness of 10 points takes 1 neighbour or more and fewer than n / 2, found \(k)"))
      ) {
        try Trustworthiness(neighborCount: k).score(of: layout, for: points)
      }
    }
    #expect(throws: ConceptError(.mismatch("4 places are not a layout of 10 points"))) {
      try Trustworthiness(neighborCount: 4).score(
        of: layout.selecting(rows: [0, 1, 2, 3], columns: [0, 1]), for: points)
    }
    var broken = layout
    broken[3, 1] = .nan
    #expect(throws: ConceptError(.notFinite("the value of example 3, feature 1 is NaN or infinite"))) {
      try Trustworthiness(neighborCount: 4).score(of: broken, for: points)
    }
  }
}
