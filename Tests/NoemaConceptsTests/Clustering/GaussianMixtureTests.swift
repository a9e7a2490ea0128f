import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct GaussianMixtureTests {
  /// The logarithm of a normal density in a plane, written out.
  private func logDensity(_ x: [Double], _ mean: [Double], _ s: Matrix) -> Double {
    let determinant = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
    let (u, v) = (x[0] - mean[0], x[1] - mean[1])
    let square = (s[1, 1] * u * u - 2 * s[0, 1] * u * v + s[0, 0] * v * v) / determinant
    return -0.5 * (2 * log(2 * Double.pi) + log(determinant) + square)
  }

  /// Two long clouds across each other, which no spheres tell apart.
  private func crossing() throws -> (points: PointSet, labels: [Int]) {
    var random = RandomNumbers(seed: 3)
    var values: [Float] = []
    for i in 0..<300 {
      let (long, short) = (Float(8 * random.normal()), Float(0.3 * random.normal()))
      values += i < 150 ? [long, short + 40] : [short, long + 40]
    }
    return (try PointSet(values, count: 300, dimension: 2), (0..<300).map { $0 < 150 ? 0 : 1 })
  }

  @Test func oneComponentIsTheMeanAndTheCovariance() throws {
    let points = try PlantedPoints.clouds([[3, -2]], sizes: [50], seed: 1).points
    var covariance = points.matrix
    let mean = covariance.columnMeans
    covariance.subtractColumnMeans()
    covariance = covariance.transposedTimes(covariance)
    for i in covariance.elements.indices { covariance.elements[i] /= 50 }
    for shape in GaussianMixture.Shape.allCases {
      var mixture = GaussianMixture(1, shape: shape, restarts: 1)
      mixture.ridge = 0
      let model = try mixture.fit(points)
      var expected = covariance
      if shape == .diagonal {
        expected[0, 1] = 0
        expected[1, 0] = 0
      }
      #expect(PlantedLayer.distance(model.means.elements, mean) < 1e-12)
      #expect(PlantedLayer.distance(model.covariances[0].elements, expected.elements) < 1e-12)
      #expect(model.weights == [1] && model.responsibilities.elements.allSatisfy { $0 == 1 })
      #expect(model.hasConverged && model.labels == Array(repeating: 0, count: 50))
      let likelihood = (0..<50).reduce(0) {
        $0 + logDensity(points.row($1).map { Double($0) }, mean, expected)
      }
      #expect(abs(model.logLikelihood - likelihood) < 1e-9)
      let free = shape == .full ? 5 : 4
      #expect(model.parameterCount == free)
      #expect(abs(model.bayesianInformation - (Double(free) * log(50.0) - 2 * likelihood)) < 1e-9)
      let distance = try model.distances(PointSet([3.5, -1], count: 1, dimension: 2))[0, 0]
      let fall = logDensity(mean, mean, expected) - logDensity([3.5, -1], mean, expected)
      #expect(abs(distance * distance - 2 * fall) < 1e-9)
    }
  }

  @Test func densitiesAndResponsibilitiesFollowFromTheParameters() throws {
    let (points, _) = try crossing()
    let model = try GaussianMixture(3, restarts: 2, seed: 4).fit(points)
    let further = try PlantedPoints.clouds([[0, 40]], sizes: [20], spread: 5, seed: 5).points
    let (densities, shares) = (try model.logDensities(further), try model.responsibilities(further))
    for i in 0..<20 {
      let x = further.row(i).map { Double($0) }
      let terms = (0..<3).map { k in
        model.weights[k] * exp(logDensity(x, Array(model.means.row(k)), model.covariances[k]))
      }
      let total = terms.reduce(0, +)
      #expect(abs(densities[i] - log(total)) < 1e-8)
      for k in 0..<3 { #expect(abs(shares[i, k] - terms[k] / total) < 1e-8) }
      #expect(try model.assign(further)[i] == terms.firstIndex(of: terms.max()!))
    }
    #expect(abs(model.weights.reduce(0, +) - 1) < 1e-12)
    for k in 0..<3 {
      let mean = (0..<300).reduce(0) { $0 + model.responsibilities[$1, k] } / 300
      #expect(abs(model.weights[k] - mean) < 1e-2)
    }
  }

  @Test func whatKMeansCannotTellApartIsFound() throws {
    let (points, labels) = try crossing()
    let model = try GaussianMixture(2).fit(points)
    // Where they cross nobody can tell.
    #expect(PlantedPoints.adjustedRand(model.labels, labels) > 0.75)
    #expect(PlantedPoints.adjustedRand(try KMeans(2).fit(points).labels, labels) < 0.5)
    #expect(model.covariances.contains { $0[0, 0] > 20 * $0[1, 1] })
    #expect(model.covariances.contains { $0[1, 1] > 20 * $0[0, 0] })
  }

  @Test func theCriterionCountsClouds() throws {
    let points = try PlantedPoints.threeClouds(sizes: [60, 50, 40]).points
    for shape in GaussianMixture.Shape.allCases {
      let criteria = try (1...5).map { count in
        var mixture = GaussianMixture(count, shape: shape)
        // Without it a component may shrink to a few points on a line.
        mixture.ridge = 1e-3
        return try mixture.fit(points).bayesianInformation
      }
      #expect(criteria.firstIndex(of: criteria.min()!) == 2, "\(shape): \(criteria)")
    }
  }

  @Test func whatWasNeverSeenIsUnlikely() throws {
    let model = try GaussianMixture(3).fit(PlantedPoints.threeClouds().points)
    let densities = try model.logDensities(PointSet([0, 0, 10, 10, 300, 300], count: 3, dimension: 2))
    #expect(densities[0] > densities[1] + 10 && densities[1] > densities[2] + 100)
    #expect(densities.allSatisfy { $0.isFinite })
  }

  @Test func anOffsetOnlyMovesTheMeans() throws {
    let points = try PlantedPoints.mapped(PlantedPoints.threeClouds().points) { ($0 * 64).rounded() / 64 }
    let moved = try PlantedPoints.mapped(points) { $0 + 1024 }
    let (a, b) = (try GaussianMixture(3).fit(points), try GaussianMixture(3).fit(moved))
    #expect(PlantedLayer.distance(a.means.elements.map { $0 + 1024 }, b.means.elements) < 1e-8)
    #expect(
      PlantedLayer.distance(a.covariances.flatMap(\.elements), b.covariances.flatMap(\.elements)) < 1e-8)
    #expect(abs(a.logLikelihood - b.logLikelihood) < 1e-6)
  }

  @Test func moreCoordinatesThanExamplesLiveByTheRidge() throws {
    let points = try PlantedPoints.noise(12, 30, seed: 6)
    var mixture = GaussianMixture(2, restarts: 1)
    mixture.ridge = 1e-3
    #expect(try mixture.fit(points).logLikelihood.isFinite)
    mixture.ridge = 0
    let flat = try PointSet((0..<24).map { $0 % 2 == 0 ? Float($0) : 0.5 }, count: 12, dimension: 2)
    #expect(kind { _ = try mixture.fit(flat) }?.name == "algebra")
    mixture.ridge = 1e-6
    #expect(try mixture.fit(flat).logLikelihood.isFinite)
  }

  @Test func runsAreRepeatable() throws {
    let points = try PlantedPoints.noise(400, 3, seed: 7)
    let mixture = GaussianMixture(4, restarts: 3, seed: 1)
    let (a, b) = (try mixture.fit(points), try mixture.fit(points))
    #expect(a.means == b.means && a.logLikelihoods == b.logLikelihoods && a.labels == b.labels)
    #expect(a.logLikelihood == a.logLikelihoods.max())
    #expect(try GaussianMixture(4, restarts: 3, seed: 2).fit(points).logLikelihoods != a.logLikelihoods)
  }

  @Test func badRequestsAreRefused() throws {
    let points = try PlantedPoints.noise(5, 2, seed: 1)
    #expect(kind { _ = try GaussianMixture(0).fit(points) }?.name == "parameters")
    #expect(kind { _ = try GaussianMixture(6).fit(points) }?.name == "tooFew")
    #expect(kind { _ = try GaussianMixture(1).fit(points.selecting([2])) }?.name == "tooFew")
    #expect(kind { _ = try GaussianMixture(1).fit(points.selecting([2, 2, 2])) }?.name == "algebra")
    let model = try GaussianMixture(1).fit(points)
    #expect(kind { _ = try model.logDensities(PlantedPoints.line([1])) }?.name == "mismatch")
  }
}
