import Foundation
import Testing

@testable import NoemaRules

@Suite struct BernoulliBoundsTests {
  private func divergence(_ p: Double, _ q: Double) -> Double {
    (p > 0 ? p * log(p / q) : 0) + (p < 1 ? (1 - p) * log((1 - p) / (1 - q)) : 0)
  }

  /// The bound by halving all that lies beyond the share, until doubles end.
  private func naive(_ share: Double, _ level: Double, up: Bool) -> Double {
    var (inside, outside) = (share, up ? 1.0 : 0.0)
    for _ in 0..<200 {
      let middle = (inside + outside) / 2
      if divergence(share, middle) > level { outside = middle } else { inside = middle }
    }
    return inside
  }

  @Test func divergenceIsThatOfTwoCoins() {
    #expect(abs(BernoulliBounds.divergence(0.5, 0.25) - (0.5 * log(2) + 0.5 * log(2.0 / 3))) < 1e-15)
    #expect(BernoulliBounds.divergence(0.3, 0.3) == 0)
    #expect(abs(BernoulliBounds.divergence(0, 0.2) + log(0.8)) < 1e-15)
    #expect(abs(BernoulliBounds.divergence(1, 0.2) + log(0.2)) < 1e-15)
    #expect(BernoulliBounds.divergence(0.5, 0) == .infinity)
    #expect(BernoulliBounds.divergence(0.5, 1) == .infinity)
    #expect(BernoulliBounds.divergence(0, 0) == 0 && BernoulliBounds.divergence(1, 1) == 0)
  }

  @Test func boundsAreThoseOfBisection() {
    for share in stride(from: 0.0, through: 1, by: 0.05) {
      for level in [1e-4, 0.003, 0.05, 0.1, 0.7, 3] {
        let (lower, upper) = (
          BernoulliBounds.lower(share, level: level), BernoulliBounds.upper(share, level: level)
        )
        let (below, above) = (naive(share, level, up: false), naive(share, level, up: true))
        // Rounded outwards, by at most the precision.
        #expect(upper >= above - 1e-12 && upper <= above + BernoulliBounds.precision)
        #expect(lower <= below + 1e-12 && lower >= below - BernoulliBounds.precision)
        #expect(abs(lower - (1 - BernoulliBounds.upper(1 - share, level: level))) < 2e-6)
      }
    }
  }

  @Test func boundsAtTheEndsAreExponentials() {
    // KL(0 ‖ q) = −log(1 − q) and KL(1 ‖ q) = −log q.
    for level in [0.01, 0.2, 1, 5] {
      #expect(abs(BernoulliBounds.upper(0, level: level) - (1 - exp(-level))) < 1.1e-6)
      #expect(abs(BernoulliBounds.lower(1, level: level) - exp(-level)) < 1.1e-6)
      #expect(BernoulliBounds.lower(0, level: level) == 0 && BernoulliBounds.upper(1, level: level) == 1)
    }
    #expect(BernoulliBounds.upper(0.4, level: 0) - 0.4 < 2e-6)
    #expect(BernoulliBounds.upper(0.4, level: .infinity) == 1)
    #expect(BernoulliBounds.lower(0.4, level: .infinity) == 0)
  }

  @Test func figuresOfHandAreMet() {
    let cases: [(share: Double, level: Double, lower: Double, upper: Double)] = [
      (0.9, 0.05, 0.77992, 0.96872), (0.5, 0.1, 0.28712, 0.71288),
    ]
    for item in cases {
      #expect(abs(BernoulliBounds.lower(item.share, level: item.level) - item.lower) < 1e-5)
      #expect(abs(BernoulliBounds.upper(item.share, level: item.level) - item.upper) < 1e-5)
    }
    // log(405.5 · 10/0.05) + log log(405.5 · 10/0.05).
    #expect(abs(BernoulliBounds.exploration(arms: 10, round: 1, errorRate: 0.05) - 13.7285) < 5e-5)
    let term = log(405.5 * 3 * pow(7, 1.1) / 0.1)
    #expect(abs(BernoulliBounds.exploration(arms: 3, round: 7, errorRate: 0.1) - term - log(term)) < 1e-12)
  }
}
