import NoemaTensor
import Testing

@Suite struct StatisticsTests {
  /// Values of Student's t from its closed forms: with one degree of freedom it is Cauchy's distribution, with
  /// two `1 − t/√(2 + t²)`.
  @Test func studentTailsMatchClosedForms() {
    #expect(abs(Distributions.studentTwoSided(1, degrees: 1) - 0.5) < 1e-14)
    for t in [0.1, 1, 3, 20] {
      #expect(abs(Distributions.studentTwoSided(t, degrees: 2) - (1 - t / (2 + t * t).squareRoot())) < 1e-13)
    }
    #expect(abs(Distributions.studentTwoSided(1.959963984540054, degrees: 1e7) - 0.05) < 1e-7)
  }

  @Test func incompleteBetaMatchesClosedForms() {
    for x in [0.01, 0.3, 0.77, 0.999] {
      #expect(abs(Distributions.incompleteBeta(x, a: 3, b: 1) - x * x * x) < 1e-14)
      let left = Distributions.incompleteBeta(x, a: 2.5, b: 7)
      #expect(abs(left + Distributions.incompleteBeta(1 - x, a: 7, b: 2.5) - 1) < 1e-13)
    }
  }

  /// By hand: means 2 and 5, variances 1 and 4, three values each: t = −3/√(5/3), ν = (5/3)²/((1/9 + 16/9)/2).
  @Test func welchMatchesHandCalculation() {
    let test = TTest.welch([1, 2, 3], [3, 5, 7])
    #expect(abs(test.t + 3 / (5.0 / 3).squareRoot()) < 1e-14)
    #expect(abs(test.degrees - (25.0 / 9) / (17.0 / 18)) < 1e-12)
    #expect(!test.isDegenerate)
    #expect(TTest.welch([1, 1], [1, 1]).p == 1)
    #expect(TTest.welch([1, 1], [2, 2]).p == 0 && TTest.welch([1, 1], [2, 2]).isDegenerate)
  }

  @Test func corrections() {
    let p = [0.01, 0.04, 0.03, .nan, 0.005]
    func near(_ a: [Double], _ b: [Double]) -> Bool {
      zip(a, b).allSatisfy { ($0.isNaN && $1.isNaN) || abs($0 - $1) < 1e-15 }
    }
    #expect(near(MultipleTesting.bonferroni.adjusted(p), [0.04, 0.16, 0.12, .nan, 0.02]))
    #expect(near(MultipleTesting.holm.adjusted(p), [0.03, 0.06, 0.06, .nan, 0.02]))
    #expect(near(MultipleTesting.benjaminiHochberg.adjusted(p), [0.02, 0.04, 0.04, .nan, 0.02]))
    #expect(near(MultipleTesting.none.adjusted(p), p))
  }

  @Test func areaCountsTiesHalf() {
    let area = Classification.areaUnderROC(scores: [1, 2, 2, 3], isPositive: [false, true, false, true])
    #expect(area == 0.875)
    #expect(Classification.areaUnderROC(scores: [1, 2], isPositive: [true, true]) == 0.5)
    #expect(
      Classification.balancedAccuracy(scores: [-1, 1, 1, 1], isPositive: [false, false, true, true]) == 0.75)
  }

  @Test func quantilesInterpolate() {
    #expect(Statistics.quantile([4, 1, 3, 2], 0.5) == 2.5)
    #expect(Statistics.quantile([1], 0.9) == 1)
    #expect(abs(Statistics.variance([1.0, 2, 3, 4]) - 5.0 / 3) < 1e-15)
  }

  @Test func bootstrapIntervalCoversTheMean() {
    var random = RandomNumbers(seed: 2)
    var table = Matrix(rowCount: 40, columnCount: 10)
    for row in 0..<40 { for column in 0..<10 { table[row, column] = row < 30 ? 1 : 0 } }
    let totals = Bootstrap.totals(of: [table, table], using: &random)
    #expect(totals[0] == totals[1], "all tables are resampled the same way")
    let interval = Bootstrap.percentiles(of: totals[0].map { $0 / 400 })
    // Only rows vary: the binomial standard error is √(0.75 · 0.25 / 40) = 0.068.
    #expect(
      abs(interval[0] - (0.75 - 1.96 * 0.068)) < 0.04 && abs(interval[1] - (0.75 + 1.96 * 0.068)) < 0.04)
  }

  @Test func kolmogorovTail() {
    #expect(abs(Distributions.kolmogorovTail(0.05, count: 100_000_000) - 0) < 1e-12)
    // The asymptotic 5 % point is 1.358.
    #expect(abs(Distributions.kolmogorovTail(1.358 / 1000, count: 1_000_000) - 0.05) < 1e-3)
  }
}
