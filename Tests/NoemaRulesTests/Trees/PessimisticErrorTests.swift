import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct PessimisticErrorTests {
  /// Values worked out from the published formulas at a confidence of 0.25.
  @Test(arguments: [
    (6.0, 0.0, 1.2378), (9, 0, 1.2848), (1, 0, 0.75), (16, 1, 2.5069), (168, 1, 2.6101), (20, 3, 4.8250),
  ])
  func errorsAreThoseOfC45(_ cases: Double, _ errors: Double, _ expected: Double) {
    #expect(abs(PessimisticError().errors(cases: cases, errors: errors) - expected) < 5e-5)
  }

  @Test func theExactRateSolvesTheBinomial() {
    #expect(abs(PessimisticError().exactRate(cases: 16, errors: 1) - 0.1596) < 5e-5)
    for (cases, errors) in [(1, 0), (7, 2), (30, 11), (12, 11)] {
      for confidence in [0.05, 0.25, 0.6] {
        let rate = PessimisticError(confidence: confidence).exactRate(
          cases: Double(cases), errors: Double(errors))
        // The chance of so few errors.
        var chance = 0.0
        for k in 0...errors {
          let ways = exp(lgamma(Double(cases) + 1) - lgamma(Double(k) + 1) - lgamma(Double(cases - k) + 1))
          chance += ways * pow(rate, Double(k)) * pow(1 - rate, Double(cases - k))
        }
        #expect(abs(chance - confidence) < 1e-9)
      }
    }
    #expect(PessimisticError().exactRate(cases: 3, errors: 3) == 1)
  }

  @Test func pessimismIsMonotone() {
    let estimate = PessimisticError()
    for cases in stride(from: 0.5, through: 40, by: 0.5) {
      var last = -1.0
      for errors in stride(from: 0, through: cases, by: 0.125) {
        let value = estimate.errors(cases: cases, errors: errors)
        #expect(value >= errors)
        #expect(value <= cases + 1e-9 || cases < 2)
        // Between the formulas for one and for many errors there is a small step in C4.5 itself.
        #expect(value >= last - 0.35)
        last = value
      }
      #expect(
        PessimisticError(confidence: 0.1).errors(cases: cases, errors: 0)
          > estimate.errors(cases: cases, errors: 0))
    }
    #expect(estimate.errors(cases: 0, errors: 0) == 0)
    #expect(estimate.rate(cases: 0, errors: 0) == 1)
  }

  /// Without errors the approximation is exact.
  @Test(arguments: [1, 2, 10, 500] as [Double]) func withoutErrorsBothAgree(_ cases: Double) {
    let estimate = PessimisticError()
    #expect(abs(estimate.rate(cases: cases, errors: 0) - estimate.exactRate(cases: cases, errors: 0)) < 1e-9)
  }
}
