import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

private let rows = Matrix(rowCount: 24, columnCount: 6, elements: ProbeGoldens.features.flatMap { $0 })
private let labels = ProbeGoldens.labels.map { $0 == 1 }

private func problem(_ x: Matrix = rows, weights: [Double]? = nil, labels y: [Bool] = labels) throws
  -> ProbeProblem
{
  try ProbeProblem(kernel: x.timesTransposed(x), isPositive: y, weights: weights)
}

/// `v = Xᵀ α`.
private func direction(_ probe: DualProbe, _ x: Matrix = rows) -> [Double] { x.transposed.times(probe.alpha) }

private func distance(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

private func cosine(_ a: [Double], _ b: [Double]) -> Double {
  func dot(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
  return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
}

private func expect(
  _ probe: DualProbe, _ golden: ProbeGoldens.Linear, within tolerance: Double, _ name: String
) {
  let error = max(distance(direction(probe), golden.coefficients), abs(probe.intercept - golden.intercept))
  #expect(error < tolerance, "\(name): \(error)")
}

private let all: [(name: String, probe: any Probe)] = [
  ("mean difference", MeanDifference()), ("ridge", Ridge(.fixed(0.7))), ("ridge, leave one out", Ridge()),
  ("logistic", Logistic(inversePenalty: 0.5)), ("hinge", HingeSVM(.fixed(0.5))),
  ("squared hinge", SquaredHingeSVM(cost: 0.5)), ("pattern of ridge", HaufePattern(of: Ridge(.fixed(0.7)))),
  ("pattern of hinge", HaufePattern(of: HingeSVM(.fixed(0.5)))),
]

@Suite struct ProbeGoldenTests {
  @Test func ridgeEqualsScikitLearn() throws {
    let weights = ProbeGoldens.weights
    expect(try Ridge(.fixed(0.5)).fit(problem()), ProbeGoldens.ridgeHalf, within: 1e-8, "0.5")
    expect(try Ridge(.fixed(10)).fit(problem()), ProbeGoldens.ridgeTen, within: 1e-8, "10")
    expect(
      try Ridge(.fixed(0.5)).fit(problem(weights: weights)), ProbeGoldens.ridgeHalfWeighted, within: 1e-8,
      "0.5 w")
    expect(
      try Ridge(.fixed(10)).fit(problem(weights: weights)), ProbeGoldens.ridgeTenWeighted, within: 1e-8,
      "10 w")
    let path = try RidgePath(problem())
    #expect(distance(path.leaveOneOut(penalty: 0.5), ProbeGoldens.ridgeHalfLeaveOneOut) < 1e-8)
  }

  @Test func logisticEqualsScikitLearn() throws {
    let weights = ProbeGoldens.weights
    expect(try Logistic(inversePenalty: 0.3).fit(problem()), ProbeGoldens.logistic03, within: 1e-6, "0.3")
    expect(try Logistic(inversePenalty: 2).fit(problem()), ProbeGoldens.logistic2, within: 1e-6, "2")
    expect(
      try Logistic(inversePenalty: 0.3).fit(problem(weights: weights)), ProbeGoldens.logistic03Weighted,
      within: 1e-6, "0.3 w")
    expect(
      try Logistic(inversePenalty: 2).fit(problem(weights: weights)), ProbeGoldens.logistic2Weighted,
      within: 1e-6, "2 w")
  }

  @Test func supportVectorMachinesEqualScikitLearn() throws {
    let one = try HingeSVM(.fixed(1)).fit(problem())
    expect(one, ProbeGoldens.svm1, within: 1e-6, "SVC 1")
    expect(try HingeSVM(.fixed(0.1)).fit(problem()), ProbeGoldens.svm01, within: 1e-6, "SVC 0.1")
    expect(
      try SquaredHingeSVM(cost: 1).fit(problem()), ProbeGoldens.squaredHinge1, within: 1e-4, "LinearSVC 1")
    let scores = one.scores(rows.timesTransposed(rows))
    #expect(distance(scores, ProbeGoldens.svm1Decisions) < 1e-6)
    #expect(
      abs(Classification.areaUnderROC(scores: scores, isPositive: labels) - ProbeGoldens.svm1AUC) < 1e-12)
    #expect(
      abs(
        Classification.balancedAccuracy(scores: scores, isPositive: labels)
          - ProbeGoldens.svm1BalancedAccuracy) < 1e-12)
  }

  @Test func statisticsEqualSciPy() {
    let samples = ProbeGoldens.samples
    for (test, golden) in [
      (TTest.welch(samples[0], samples[1]), ProbeGoldens.welch01),
      (TTest.welch(samples[0], samples[2]), ProbeGoldens.welch02),
      (TTest.welch(samples[1], samples[2]), ProbeGoldens.welch12),
    ] {
      #expect(
        distance([test.t, test.degrees, test.p], golden) < 1e-9 * max(1, golden.map { abs($0) }.max()!))
    }
    for row in ProbeGoldens.studentCDF {
      let tail = Distributions.studentTwoSided(row[0], degrees: row[1]) / 2
      #expect(abs((row[0] > 0 ? 1 - tail : tail) - row[2]) < 1e-10)
    }
    #expect(distance(MultipleTesting.holm.adjusted(ProbeGoldens.pValues), ProbeGoldens.holm) < 1e-12)
    #expect(
      distance(MultipleTesting.bonferroni.adjusted(ProbeGoldens.pValues), ProbeGoldens.bonferroni) < 1e-12)
    #expect(
      distance(
        MultipleTesting.benjaminiHochberg.adjusted(ProbeGoldens.pValues), ProbeGoldens.benjaminiHochberg)
        < 1e-12)
    #expect(
      abs(
        Classification.areaUnderROC(scores: ProbeGoldens.tiedScores, isPositive: labels)
          - ProbeGoldens.tiedAUC) < 1e-12)
  }
}

@Suite struct ProbeInvariantTests {
  /// A constant added to all rows changes no coefficient where the intercept is free, and these sum to zero.
  @Test func translationChangesNothing() throws {
    var moved = rows
    for i in 0..<24 { for j in 0..<6 { moved[i, j] += Double(j) - 2 } }
    for (name, probe) in all where name != "squared hinge" {
      let (here, there) = (try probe.fit(problem()), try probe.fit(problem(moved)))
      #expect(distance(direction(here), direction(there, moved)) < 1e-7, "\(name)")
      #expect(abs(here.alpha.reduce(0, +)) < 1e-9, "\(name)")
    }
  }

  @Test func rotationChangesNothing() throws {
    var random = RandomNumbers(seed: 1)
    let q = try Matrix(rowCount: 6, columnCount: 6, elements: (0..<36).map { _ in random.normal() })
      .orthonormalised()
    let turned = rows.times(q)
    for (name, probe) in all {
      let (here, there) = (try probe.fit(problem()), try probe.fit(problem(turned)))
      #expect(distance(rows.times(direction(here)), turned.times(direction(there, turned))) < 1e-7, "\(name)")
    }
  }

  @Test func permutationPermutes() throws {
    var random = RandomNumbers(seed: 2)
    let order = random.sample(24, below: 24)
    let shuffled = rows.selecting(rows: order, columns: Array(0..<6))
    for (name, probe) in all {
      let here = try probe.fit(problem())
      let there = try probe.fit(problem(shuffled, labels: order.map { labels[$0] }))
      #expect(distance(direction(here), direction(there, shuffled)) < 1e-7, "\(name)")
    }
  }

  @Test func swappedLabelsReverseTheDirection() throws {
    for (name, probe) in all {
      let (here, there) = (try probe.fit(problem()), try probe.fit(problem(labels: labels.map { !$0 })))
      #expect(distance(direction(here), direction(there).map { -$0 }) < 1e-7, "\(name)")
      #expect(abs(here.intercept + there.intercept) < 1e-7, "\(name)")
    }
  }

  /// Scaling by c scales the ridge penalty by c².
  @Test func scalingScalesThePenalty() throws {
    let scaled = Matrix(rowCount: 24, columnCount: 6, elements: rows.elements.map { 3 * $0 })
    let (here, there) = (try Ridge(.fixed(0.5)).fit(problem()), try Ridge(.fixed(4.5)).fit(problem(scaled)))
    #expect(distance(direction(here), direction(there, scaled).map { $0 * 3 }) < 1e-10)
    // Relative penalties need no such care.
    let (a, b) = (try Ridge().fit(problem()), try Ridge().fit(problem(scaled)))
    #expect(distance(direction(a), direction(b, scaled).map { $0 * 3 }) < 1e-9)
  }

  @Test func halfWeightOfDoubledRowsChangesNothing() throws {
    let doubled = rows.selecting(rows: (0..<24).flatMap { [$0, $0] }, columns: Array(0..<6))
    let twice = labels.flatMap { [$0, $0] }
    for (name, probe) in all where !name.hasPrefix("ridge, leave") {
      let here = try probe.fit(problem())
      let there = try probe.fit(problem(doubled, weights: Array(repeating: 0.5, count: 48), labels: twice))
      #expect(distance(direction(here), direction(there, doubled)) < 1e-6, "\(name)")
    }
  }

  @Test func leaveOneOutEqualsRefits() throws {
    for weights in [nil, ProbeGoldens.weights] {
      let path = try RidgePath(problem(weights: weights))
      let predictions = path.leaveOneOut(penalty: 2)
      for left in 0..<24 {
        let kept = (0..<24).filter { $0 != left }
        let x = rows.selecting(rows: kept, columns: Array(0..<6))
        let probe = try Ridge(.fixed(2)).fit(
          problem(x, weights: weights.map { w in kept.map { w[$0] } }, labels: kept.map { labels[$0] }))
        let score = zip(rows.row(left), direction(probe, x)).reduce(probe.intercept) { $0 + $1.0 * $1.1 }
        #expect(abs(score - predictions[left]) < 1e-10)
      }
    }
  }

  /// Ridge by the normal equations, logistic regression by its gradient: the primal says the same as the dual.
  @Test func primalEqualsDual() throws {
    let weights = ProbeGoldens.weights
    let total = weights.reduce(0, +)
    let means = (0..<6).map { j in (0..<24).reduce(0) { $0 + weights[$1] * rows[$1, j] } / total }
    let targets = labels.map { $0 ? 1.0 : -1 }
    let targetMean = zip(weights, targets).reduce(0) { $0 + $1.0 * $1.1 } / total
    var normal = Matrix(rowCount: 6, columnCount: 6)
    var right = [Double](repeating: 0, count: 6)
    for i in 0..<24 {
      for j in 0..<6 {
        right[j] += weights[i] * (rows[i, j] - means[j]) * (targets[i] - targetMean)
        for k in 0..<6 { normal[j, k] += weights[i] * (rows[i, j] - means[j]) * (rows[i, k] - means[k]) }
      }
    }
    for j in 0..<6 { normal[j, j] += 0.8 }
    let primal = try Cholesky(normal).solve(right)
    #expect(distance(direction(try Ridge(.fixed(0.8)).fit(problem(weights: weights))), primal) < 1e-8)

    // The primal gradient of each smooth loss vanishes at the dual's solution.
    func gradient(_ probe: DualProbe, penalty: Double, slope: (Double, Double) -> Double) -> Double {
      let w = direction(probe)
      var sums = w.map { penalty * $0 }
      for i in 0..<24 {
        let f = zip(rows.row(i), w).reduce(probe.intercept) { $0 + $1.0 * $1.1 }
        for j in 0..<6 { sums[j] += weights[i] * slope(f, targets[i]) * rows[i, j] }
      }
      return sums.reduce(0) { max($0, abs($1)) }
    }
    let logistic = try Logistic(inversePenalty: 0.5).fit(problem(weights: weights))
    #expect(gradient(logistic, penalty: 2) { f, t in -t / (1 + exp(t * f)) } < 1e-8)
    let squared = try SquaredHingeSVM(cost: 0.5).fit(problem(weights: weights))
    #expect(gradient(squared, penalty: 1) { f, t in -t * max(0, 1 - t * f) } < 1e-8)
    // The logistic certificate: λ αᵢ = sᵢ (yᵢ − pᵢ).
    let scores = logistic.scores(rows.timesTransposed(rows))
    for i in 0..<24 {
      let p = 1 / (1 + exp(-scores[i]))
      #expect(abs(2 * logistic.alpha[i] - weights[i] * ((labels[i] ? 1 : 0) - p)) < 1e-9)
    }
  }

  /// The duality gap of the hinge machine vanishes.
  @Test(arguments: [0.01, 1, 100, 10_000])
  func hingeHasNoDualityGap(cost: Double) throws {
    let probe = try HingeSVM(.fixed(cost)).fit(problem())
    let kernel = rows.timesTransposed(rows)
    let norm = zip(probe.alpha, kernel.times(probe.alpha)).reduce(0) { $0 + $1.0 * $1.1 }
    let losses = zip(probe.scores(kernel), labels).reduce(0) { $0 + max(0, 1 - ($1.1 ? 1 : -1) * $1.0) }
    let primal = norm / 2 + cost * losses
    let dual = probe.alpha.reduce(0) { $0 + abs($1) } - norm / 2
    #expect(abs(primal - dual) < 1e-8 * max(1, primal), "\(primal) \(dual)")
  }

  @Test func strongRidgeIsTheMeanDifference() throws {
    let strong = direction(try Ridge(.relative(1e9)).fit(problem()))
    #expect(cosine(strong, direction(try MeanDifference().fit(problem()))) > 1 - 1e-9)
  }

  /// `Cov(x, y) / Var(y)` of binary labels is the difference of means; so is the pattern of a strong ridge.
  @Test func patternIsTheMeanDifference() throws {
    let y = labels.map { $0 ? 1.0 : 0 }
    let (yMean, n) = (y.reduce(0, +) / 24, 24.0)
    let pattern = (0..<6).map { j in
      let mean = (0..<24).reduce(0) { $0 + rows[$1, j] } / n
      return (0..<24).reduce(0) { $0 + (rows[$1, j] - mean) * (y[$1] - yMean) }
        / y.reduce(0) { $0 + ($1 - yMean) * ($1 - yMean) }
    }
    #expect(distance(pattern, direction(try MeanDifference().fit(problem()))) < 1e-12)
  }

  /// `a = Σ w / (wᵀ Σ w)`, from the covariance itself.
  @Test func haufePatternMatchesTheCovariance() throws {
    let filter = direction(try Ridge(.fixed(0.7)).fit(problem()))
    let means = (0..<6).map { j in (0..<24).reduce(0) { $0 + rows[$1, j] } / 24 }
    var covariance = Matrix(rowCount: 6, columnCount: 6)
    for i in 0..<24 {
      for j in 0..<6 {
        for k in 0..<6 { covariance[j, k] += (rows[i, j] - means[j]) * (rows[i, k] - means[k]) / 24 }
      }
    }
    let along = covariance.times(filter)
    let power = zip(filter, along).reduce(0) { $0 + $1.0 * $1.1 }
    let pattern = direction(try HaufePattern(of: Ridge(.fixed(0.7))).fit(problem()))
    #expect(distance(pattern, along.map { $0 / power }) < 1e-10)
  }

  @Test func refusesWhatHasNoSolution() throws {
    #expect(throws: ConceptError.self) { try Ridge(.fixed(0)).fit(problem()) }
    #expect(throws: ConceptError.self) { try Logistic(inversePenalty: -1).fit(problem()) }
    #expect(throws: ConceptError.self) { try HingeSVM(.fixed(.nan)).fit(problem()) }
    #expect(throws: ConceptError(.tooFew(set: "the positive class", found: 0, needed: 1))) {
      try problem(labels: labels.map { _ in false })
    }
    #expect(throws: ConceptError.self) { try problem(weights: Array(repeating: 0, count: 24)) }
  }

  @Test func namesRoundTrip() {
    for name in ProbeKind.names where name != "pattern" {
      #expect(ProbeKind(rawValue: name)?.rawValue == name)
    }
    #expect(ProbeKind(rawValue: "pattern") == .meanDifference)
    #expect(ProbeKind(rawValue: "mean-difference-pattern") == .meanDifference)
    #expect(ProbeKind(rawValue: "forest") == nil)
  }
}
