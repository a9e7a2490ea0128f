import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Rows that are known mixtures.
enum PlantedMixtures {
  /// Sparse sums of concepts with separate features, `rows × features`, and the concepts.
  static func parts(
    _ rows: Int, concepts: Int, width: Int, noise: Double = 0, seed: UInt64
  ) throws -> (points: PointSet, concepts: Matrix) {
    var random = RandomNumbers(seed: seed)
    var atoms = Matrix(rowCount: concepts, columnCount: concepts * width)
    for k in 0..<concepts {
      // Some features of the next concept too.
      for j in 0..<width + width / 2 {
        atoms[k, (k * width + j) % (concepts * width)] = 0.2 + random.uniform()
      }
    }
    var coefficients = Matrix(rowCount: rows, columnCount: concepts)
    for i in 0..<rows {
      for k in 0..<concepts where random.uniform() < 0.4 { coefficients[i, k] = random.uniform() * 3 }
    }
    let values = coefficients.times(atoms).elements.map { Float(max(0, $0 + noise * random.normal())) }
    return (try PointSet(values, count: rows, dimension: concepts * width), atoms)
  }
}

@Suite struct NonNegativeTests {
  private func objective(_ points: PointSet, _ model: NonNegativeDictionary) -> Double {
    let found = model.coefficients.times(model.atoms)
    var sum = 0.0
    for i in found.elements.indices { sum += pow(Double(points.values[i]) - found.elements[i], 2) }
    return sum
  }

  @Test(arguments: NonNegativeFactorisation.Start.allCases)
  func theErrorNeverRises(_ start: NonNegativeFactorisation.Start) throws {
    let points = try PlantedMixtures.parts(60, concepts: 4, width: 6, noise: 0.1, seed: 1).points
    var learner = NonNegativeFactorisation(3)
    (learner.start, learner.tolerance) = (start, 0)
    var last = Double.infinity
    for iterations in 1...12 {
      learner.iterationLimit = iterations
      let model = try learner.learn(points)
      #expect(model.iterations == iterations && model.error <= last * (1 + 1e-6))
      #expect(
        model.atoms.elements.allSatisfy { $0 >= 0 } && model.coefficients.elements.allSatisfy { $0 >= 0 })
      #expect(abs(model.error - objective(points, model).squareRoot()) < 1e-9 * (1 + model.error))
      last = model.error
    }
  }

  @Test(arguments: NonNegativeFactorisation.Start.allCases)
  func plantedConceptsAreFound(_ start: NonNegativeFactorisation.Start) throws {
    let planted = try PlantedMixtures.parts(200, concepts: 5, width: 8, seed: 2)
    var learner = NonNegativeFactorisation(5)
    (learner.start, learner.iterationLimit, learner.tolerance) = (start, 2000, 1e-7)
    let model = try learner.learn(planted.points)
    #expect(try model.fit(of: planted.points).relativeError < 0.01)
    #expect(try DictionaryMatching(planted.concepts, model.atoms).cosines.allSatisfy { $0 > 0.95 })
  }

  /// scikit-learn's error after as many iterations, from the same start.
  @Test(arguments: [(8, 10), (8, 60), (20, 10)])
  func theErrorIsNoLargerThanScikitLearns(_ setting: (Int, Int)) throws {
    let fixture = try ConceptFixture("factors")
    var learner = NonNegativeFactorisation(setting.0)
    (learner.iterationLimit, learner.tolerance) = (setting.1, 0)
    let model = try learner.learn(try fixture.points("rows"))
    #expect(try model.error <= fixture.number("error\(setting.0)x\(setting.1)"))
  }

  @Test func moreConceptsLeaveLess() throws {
    let points = try PlantedMixtures.parts(80, concepts: 6, width: 5, noise: 0.05, seed: 3).points
    let errors = try [1, 2, 4, 6].map { try NonNegativeFactorisation($0).learn(points).error }
    #expect(zip(errors, errors.dropFirst()).allSatisfy { $0 > $1 })
    // One concept is the leading singular pair, which has no negative parts.
    let svd = try SingularValues(points.matrix)
    let rest = svd.values.dropFirst().reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(errors[0] - rest) < 1e-4 * rest)
  }

  @Test func penaltiesShrinkFactors() throws {
    let points = try PlantedMixtures.parts(50, concepts: 3, width: 5, seed: 4).points
    var learner = NonNegativeFactorisation(3)
    (learner.tolerance, learner.iterationLimit) = (1e-8, 500)
    let free = try learner.learn(points)
    learner.penalty = 2
    let shrunk = try learner.learn(points)
    func size(_ model: NonNegativeDictionary) -> Double {
      (model.atoms.elements + model.coefficients.elements).reduce(0) { $0 + $1 * $1 }
    }
    #expect(objective(points, shrunk) + 2 * size(shrunk) < objective(points, free) + 2 * size(free))
    // At a minimum both factors have the same weight.
    let (u, w) = (shrunk.coefficients, shrunk.atoms)
    #expect(abs(u.dot(u) - w.dot(w)) < 0.02 * u.dot(u))
  }

  /// The best of all choices of numbers that are not 0.
  private func bruteForce(_ gram: Matrix, _ target: [Double]) throws -> [Double] {
    let n = target.count
    var best = (worth: 0.0, solution: [Double](repeating: 0, count: n))
    for bits in 1..<(1 << n) {
      let free = (0..<n).filter { bits >> $0 & 1 == 1 }
      let part = try Cholesky(gram.selecting(rows: free, columns: free)).solve(free.map { target[$0] })
      guard part.allSatisfy({ $0 >= 0 }) else { continue }
      var solution = [Double](repeating: 0, count: n)
      for (place, i) in free.enumerated() { solution[i] = part[place] }
      let worth =
        zip(gram.times(solution), solution).reduce(0) { $0 + $1.0 * $1.1 } / 2
        - zip(target, solution).reduce(0) { $0 + $1.0 * $1.1 }
      if worth < best.worth { best = (worth, solution) }
    }
    return best.solution
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func leastSquaresAreExact(_ seed: UInt64) throws {
    let atoms = PlantedLayer.noise(6, 9, seed: seed)
    let gram = atoms.timesTransposed(atoms)
    var solver = NonNegativeLeastSquares(gram, penalty: 0)
    for row in 0..<20 {
      let target = atoms.times(Array(PlantedLayer.noise(1, 9, seed: 100 * seed + UInt64(row)).row(0)))
      let expected = try bruteForce(gram, target)
      #expect(PlantedLayer.distance(solver.solve(target), expected) < 1e-9)
    }
  }

  @Test func encodingIsOptimal() throws {
    let planted = try PlantedMixtures.parts(120, concepts: 5, width: 7, noise: 0.1, seed: 6)
    var learner = NonNegativeFactorisation(5)
    learner.penalty = 0.3
    let model = try learner.learn(planted.points)
    let codes = try model.encode(planted.points)
    let slopes = codes.times(model.atoms.timesTransposed(model.atoms))
    let targets = planted.points.matrix.timesTransposed(model.atoms)
    for i in codes.elements.indices {
      // The gradient is 0 where a coefficient is free, and not negative where it is held.
      let slope = slopes.elements[i] - targets.elements[i] + 0.3 * codes.elements[i]
      #expect(codes.elements[i] > 0 ? abs(slope) < 1e-8 : slope > -1e-8)
    }
    // No row is further away than with the coefficients that came with learning.
    #expect(try model.fit(of: planted.points).relativeError > 0)
    let back = try model.decode(codes)
    #expect(back.rowCount == 120 && back.columnCount == 35)
  }

  /// A concept twice, and one of zeros.
  @Test func dependentConceptsAreTaken() throws {
    let atoms = Matrix(rowCount: 4, columnCount: 3, elements: [1, 2, 0, 1, 2, 0, 0, 0, 0, 0, 1, 1])
    let model = NonNegativeDictionary(
      atoms: atoms, coefficients: Matrix(rowCount: 0, columnCount: 4), error: 0, iterations: 0, penalty: 0)
    let rows = try PointSet([2, 4, 0, 1, 5, 3], count: 2, dimension: 3)
    let back = try model.decode(try model.encode(rows))
    #expect(PlantedLayer.distance(back.elements, [2, 4, 0, 1, 5, 3]) < 1e-9)
  }

  @Test func rowsOfLowRankAreTaken() throws {
    let row = [Float(1), 2, 0, 3]
    let same = try PointSet((0..<10).flatMap { _ in row }, count: 10, dimension: 4)
    for start in NonNegativeFactorisation.Start.allCases {
      var learner = NonNegativeFactorisation(3)
      learner.start = start
      #expect(try learner.learn(same).error < 1e-2)
    }
  }

  @Test func wrongInputIsNamed() throws {
    let negative = try PointSet([1, 2, 3, -0.5], count: 2, dimension: 2)
    #expect(
      throws: ConceptError(
        .parameters(
          "row 1, feature 1 is -0.5; non-negative factors need activations of 0 or more: choose a layer after "
            + "a ReLU, or principal components"))
    ) { try NonNegativeFactorisation(1).learn(negative) }
    let zeros = try PointSet([0, 0, 0, 0], count: 2, dimension: 2)
    #expect(kind { _ = try NonNegativeFactorisation(1).learn(zeros) }?.name == "parameters")
    let few = try PointSet([1, 2, 3, 4], count: 1, dimension: 4)
    #expect(
      throws: ConceptError(.tooFew(set: "the set of rows", found: 1, needed: 2))
    ) { try NonNegativeFactorisation(2).learn(few) }
    let narrow = try PointSet([1, 2, 3, 4], count: 4, dimension: 1)
    #expect(kind { _ = try NonNegativeFactorisation(2).learn(narrow) }?.name == "parameters")
    #expect(kind { _ = try NonNegativeFactorisation(0).learn(narrow) }?.name == "parameters")
  }
}
