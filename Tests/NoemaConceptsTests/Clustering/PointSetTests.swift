import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct PointSetTests {
  @Test func rowsAreReadAndChosen() throws {
    let points = try PointSet([1, 2, 3, 4, 5, 6], count: 3, dimension: 2)
    #expect(Array(points.row(1)) == [3, 4])
    #expect(try points.selecting([2, 0, 2]).values == [5, 6, 1, 2, 5, 6])
    #expect(points.matrix.elements == [1, 2, 3, 4, 5, 6])
    #expect(try PointSet(points.matrix) == points)
    #expect(try PointSet(features: FeatureRows(points, rows: [2, 0])).values == [5, 6, 1, 2])
    #expect(points.distinctCount(upTo: 9) == 3)
    #expect(try points.selecting([0, 1, 0]).distinctCount(upTo: 9) == 2)
  }

  @Test func whatIsNotASetOfPointsIsRefused() throws {
    let extents = [(3, 2), (-1, -5), (0, 0), (5, 0), (Int.max, 2)]
    for (count, dimension) in extents {
      #expect(
        kind { _ = try PointSet([1, 2, 3, 4, 5], count: count, dimension: dimension) }?.name == "mismatch")
    }
    #expect(throws: ConceptError(.notFinite("the value of example 1, feature 0 is NaN or infinite"))) {
      try PointSet([1, 2, .nan, 4], count: 2, dimension: 2)
    }
    #expect(throws: ConceptError(.notFinite("the value of example 0, feature 1 is NaN or infinite"))) {
      try PointSet(Matrix(rowCount: 1, columnCount: 2, elements: [0, 1e300]))
    }
    let points = try PointSet([1, 2], count: 2, dimension: 1)
    #expect(throws: ConceptError(.parameters("there is no point 2 among 2"))) {
      try points.selecting([0, 2])
    }
    #expect(kind { _ = try points.selecting([]) }?.name == "mismatch")
  }
}
