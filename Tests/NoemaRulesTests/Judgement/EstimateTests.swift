import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct EstimateTests {
  @Test func wilsonsIntervalIsThatOfTheFormula() {
    // R: prop.test(8, 10, correct = FALSE) gives 0.4901625, 0.9433178.
    let estimate = Estimate.share(8, of: 10)
    #expect(estimate.value == 0.8 && estimate.count == 10)
    #expect(abs(estimate.lower - 0.4901625) < 1e-6 && abs(estimate.upper - 0.9433178) < 1e-6)
    let all = Estimate.share(10, of: 10)
    #expect(all.upper == 1 && abs(all.lower - 10 / (10 + 1.959963984540054 * 1.959963984540054)) < 1e-12)
    #expect(Estimate.share(0, of: 10).lower == 0)
    #expect(Estimate.share(0, of: 0) == Estimate(value: 0, lower: 0, upper: 1, count: 0))
  }

  /// Of intervals at 95 %, about 95 % hold the truth.
  @Test func intervalsCoverTheTruth() {
    var random = RandomNumbers(seed: 1)
    var held = (share: 0, mean: 0)
    for round in 0..<400 {
      let draws = (0..<60).map { _ in random.uniform() }
      let estimate = Estimate.share(draws.count { $0 < 0.3 }, of: 60)
      if estimate.lower <= 0.3, estimate.upper >= 0.3 { held.share += 1 }
      let mean = Estimate.bootstrap(
        groups: Array(0..<60), groupCount: 60, resamples: 200, seed: UInt64(round)
      ) { counts in [zip(draws, counts).reduce(0) { $0 + $1.0 * $1.1 } / 60] }[0]
      if mean.lower <= 0.5, mean.upper >= 0.5 { held.mean += 1 }
    }
    #expect((370...396).contains(held.share) && (360...396).contains(held.mean), "\(held)")
  }

  /// Drawing the sizes of groups at once is the same bootstrap.
  @Test func fewGroupsAreResampledAtOnce() {
    let groups = (0..<4_000).map { $0 % 100 < 3 ? 0 : $0 % 100 < 40 ? 1 : 2 }
    let figures = { (sizes: [Double]) in [sizes[0] / 4_000, sizes[1] / sizes[2]] }
    let fast = Estimate.bootstrap(groups: groups, groupCount: 3, resamples: 2_000, seed: 1, figures)
    // As many groups as examples: drawn one by one.
    let slow = Estimate.bootstrap(groups: Array(0..<4_000), groupCount: 4_000, resamples: 2_000, seed: 2) {
      counts in
      var sizes = [0.0, 0, 0]
      for (group, count) in zip(groups, counts) { sizes[group] += count }
      return figures(sizes)
    }
    for (a, b) in zip(fast, slow) {
      #expect(a.value == b.value && a.count == 4_000)
      let width = b.upper - b.lower
      #expect(abs(a.lower - b.lower) < 0.1 * width && abs(a.upper - b.upper) < 0.1 * width)
    }
  }

  @Test(arguments: [(7.0, 0.3), (40, 0.9), (5_000, 0.004), (5_000, 0.4), (3, 0), (3, 1)])
  func binomialNumbersHaveTheirMoments(_ count: Double, _ share: Double) {
    var random = RandomNumbers(seed: 3)
    let draws = (0..<20_000).map { _ in Estimate.binomial(count, share, using: &random) }
    #expect(draws.allSatisfy { $0 >= 0 && $0 <= count && $0 == $0.rounded() })
    let deviation = (count * share * (1 - share)).squareRoot()
    #expect(abs(Statistics.mean(draws) - count * share) <= 0.03 * deviation)
    #expect(abs(Statistics.standardDeviation(draws) - deviation) <= 0.03 * deviation)
  }
}
