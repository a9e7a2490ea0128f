import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct FittedProbeTests {
  /// Three clouds around corners of a triangle, far from the origin.
  private func clouds(seed: UInt64) throws -> (rows: Matrix, labels: ProbeLabels) {
    var random = RandomNumbers(seed: seed)
    let centres: [[Double]] = [[10, 5, 0], [13, 5, 0], [10, 8, 0]]
    var (elements, indices) = ([Double](), [Int]())
    for row in 0..<90 {
      indices.append(row % 3)
      elements += centres[row % 3].map { $0 + 0.5 * random.normal() }
    }
    return (
      Matrix(rowCount: 90, columnCount: 3, elements: elements).rounded,
      try ProbeLabels(classes: ["a", "b", "c"], indices: indices)
    )
  }

  /// The nearest mean, by its definition: scores are `−‖x − μ‖²` but for what all classes share.
  @Test func scoresAreOfFeaturesAsTheyCome() throws {
    let (rows, labels) = try clouds(seed: 1)
    let probe = try FittedProbe(.nearestMean, features: rows.features, labels: labels)
    #expect(probe.featureCount == 3 && probe.classes == ["a", "b", "c"])
    let scores = probe.scores(rows)
    let means = (0..<3).map { label -> [Double] in
      let own = labels.indices.indices.filter { labels.indices[$0] == label }
      return (0..<3).map { column in own.reduce(0) { $0 + rows[$1, column] } / Double(own.count) }
    }
    for row in 0..<90 {
      let distances = means.map { mean in
        (0..<3).reduce(0.0) { $0 + (rows[row, $1] - mean[$1]) * (rows[row, $1] - mean[$1]) }
      }
      for label in 1..<3 {
        let expected = distances[0] - distances[label]
        #expect(abs((scores[row, label] - scores[row, 0]) - expected) < 1e-8 * max(1, abs(expected)))
      }
    }
  }

  @Test(arguments: ProbeStudy.Family.allCases) func everyFamilyTellsCloudsApart(family: ProbeStudy.Family)
    throws
  {
    let (rows, labels) = try clouds(seed: 2)
    let probe = try FittedProbe(family, features: rows.features, labels: labels)
    let (other, truth) = try clouds(seed: 3)
    let shares = probe.probabilities(other)
    #expect(zip(shares.rowMaxima, truth.indices).count { $0 == $1 } >= 88)
    for row in 0..<90 { #expect(abs(shares.row(row).reduce(0, +) - 1) < 1e-12) }
    #expect(try FittedProbe(family, features: rows.features, labels: labels) == probe)
  }

  @Test func labelsThatTellNothingAreRefused() throws {
    let (rows, labels) = try clouds(seed: 4)
    #expect(throws: ConceptError.self) {
      try FittedProbe(features: rows.features, labels: ProbeLabels(classes: ["a"], indices: [0, 0]))
    }
    let same = try ProbeLabels(classes: labels.classes, indices: labels.indices.map { _ in 1 })
    #expect(throws: ConceptError.self) { try FittedProbe(features: rows.features, labels: same) }
  }
}
