import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ObjectiveSiteTests {
  private func evaluate(_ site: ObjectiveSite, _ values: [Float]) -> (value: Double, gradient: [Float]) {
    var gradient = [Float](repeating: 0, count: values.count)
    let value = values.withUnsafeBufferPointer { values in
      gradient.withUnsafeMutableBufferPointer { site.evaluate(values, gradient: $0) }
    }
    return (value, gradient)
  }

  private func site(_ shape: [Int], _ change: (inout VisualizationTarget) -> Void) throws -> ObjectiveSite {
    var target = VisualizationTarget("target", .unit(1))
    change(&target)
    return try ObjectiveSite(target, layout: ActivationLayout(shape))
  }

  /// Two channels of 2 × 3: channel 1 is 6 … 11.
  private let maps = (0..<12).map { Float($0) }

  @Test func placesAreThoseOfTheDefinition() throws {
    #expect(evaluate(try site([2, 2, 3]) { _ in }, maps).value == 8.5)
    #expect(evaluate(try site([2, 2, 3]) { $0.place = .centre }, maps).value == 10)
    #expect(evaluate(try site([2, 2, 3]) { $0.place = .position([0, 2]) }, maps).value == 8)
    // Tokens have their features last.
    #expect(evaluate(try site([6, 2]) { _ in }, maps).value == 6)
    #expect(evaluate(try site([6, 2]) { $0.place = .position([4]) }, maps).value == 9)
    #expect(evaluate(try site([12]) { $0.direction = .unit(7) }, maps).value == 7)
    #expect(evaluate(try site([2, 2, 3]) { $0.direction = .vector([1, 2]) }, maps).value == 2.5 + 17)
    let whole = try site([2, 2, 3]) { $0.direction = .vector([Float](repeating: 1, count: 12)) }
    #expect(evaluate(whole, maps).value == 66)
  }

  @Test(arguments: [0.0, 1, 2], [false, true])
  func gradientsAreDerivatives(_ power: Double, _ isMinimised: Bool) throws {
    for place in [VisualizationTarget.Place.mean, .centre] {
      let site = try site([3, 2, 2]) {
        $0.direction = .vector([1, -0.5, 2])
        ($0.place, $0.cosinePower, $0.isMinimised) = (place, power, isMinimised)
      }
      // Positions on the near side, where the cosine counts, and on the far side, where it does not.
      let values = normals(12, seed: 5).map { Float($0) }, d = normals(12, seed: 6)
      let gradient = evaluate(site, values).gradient
      let step = 1e-3
      func value(_ sign: Double) -> Double {
        evaluate(site, zip(values, d).map { Float(Double($0) + sign * step * $1) }).value
      }
      let expected = (isMinimised ? -1 : 1) * (value(1) - value(-1)) / (2 * step)
      #expect(abs(product(gradient.map { Double($0) }, d) - expected) < 2e-3 * max(1, abs(expected)))
    }
  }

  @Test func targetsThatTheLayerLacksAreRefused() throws {
    func refusal(_ shape: [Int], _ change: (inout VisualizationTarget) -> Void) -> String {
      do {
        _ = try site(shape, change)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(refusal([2, 4, 4]) { $0.direction = .unit(2) }.contains("has 0 to 1"))
    #expect(refusal([2, 4, 4]) { $0.direction = .vector([1, 2, 3]) }.contains("has 3 elements"))
    #expect(refusal([2, 4, 4]) { $0.direction = .vector([0, 0]) }.contains("not all 0"))
    #expect(refusal([2, 4, 4]) { $0.direction = .vector([1, .nan]) }.contains("finite"))
    #expect(refusal([2, 4, 4]) { $0.place = .position([4, 0]) }.contains("does not lie in"))
    #expect(refusal([8]) { $0.place = .position([1]) }.contains("has no positions"))
    #expect(refusal([8]) { $0.cosinePower = -1 }.contains("power of the cosine"))
  }
}

@Suite struct DiversityTermTests {
  private func features(_ seed: UInt64, _ channels: Int, _ positions: Int) -> Matrix {
    Matrix(rowCount: channels, columnCount: positions, elements: normals(channels * positions, seed: seed))
  }

  /// The mean cosine of Gram matrices, written down.
  private func naive(_ features: [Matrix]) -> [Double] {
    let grams = features.map { $0.timesTransposed($0).elements }
    return grams.indices.map { i in
      let others = grams.indices.filter { $0 != i }
      let cosines = others.map { j in
        product(grams[i], grams[j]) / (product(grams[i], grams[i]) * product(grams[j], grams[j])).squareRoot()
      }
      return cosines.reduce(0, +) / Double(others.count)
    }
  }

  @Test(arguments: [(3, 7), (7, 3)])
  func similaritiesAreThoseOfTheDefinition(_ size: (Int, Int)) {
    let all = (0..<3).map { features($0, size.0, size.1) }
    for (found, wanted) in zip(DiversityTerm(all).similarities, naive(all)) {
      #expect(abs(found - wanted) < 1e-12)
    }
  }

  @Test(arguments: [(3, 7), (7, 3)])
  func gradientsAreDerivatives(_ size: (Int, Int)) {
    let all = (0..<3).map { features($0, size.0, size.1) }
    let term = DiversityTerm(all)
    for image in 0..<3 {
      let d = normals(21, seed: 40 + UInt64(image)), step = 1e-5
      func sum(_ sign: Double) -> Double {
        var moved = all
        for k in d.indices { moved[image].elements[k] += sign * step * d[k] }
        return naive(moved).reduce(0, +)
      }
      let expected = (sum(1) - sum(-1)) / (2 * step)
      #expect(abs(product(term.gradients[image].elements, d) - expected) < 1e-6)
    }
  }

  @Test func silentImagesAreLikeNoOther() {
    let term = DiversityTerm([features(1, 2, 3), Matrix(rowCount: 2, columnCount: 3)])
    #expect(term.similarities == [0, 0])
    #expect(term.gradients.allSatisfy { $0.elements.allSatisfy { $0 == 0 } })
  }
}
