import Foundation
import Testing

@testable import NoemaRules

@Suite struct FidelitySizeCurveTests {
  private func curve(_ points: [(Int, Int)]) -> FidelitySizeCurve {
    FidelitySizeCurve(
      points.enumerated().map { .init(name: "\($0)", size: $1.0, fidelity: .share($1.1, of: 1_000)) })
  }

  @Test func theKneeIsWhereGainsShrink() {
    let curve = curve([(64, 975), (2, 700), (4, 850), (8, 950), (8, 900), (16, 960), (32, 940), (128, 980)])
    #expect(curve.points.map(\.size) == [2, 4, 8, 8, 16, 32, 64, 128])
    // Neither the worse one of equal size nor 32 rules below 16 are on the front.
    #expect(curve.front.map { curve.points[$0].size } == [2, 4, 8, 16, 64, 128])
    #expect(curve.knee.map { curve.points[$0].size } == 8)
    // One standard error of 0.98 in 1000 is 0.0044.
    #expect(curve.smallestWithinError.map { curve.points[$0].size } == 128)
    #expect(self.curve([(64, 977), (128, 980)]).smallestWithinError == 0)
  }

  @Test func shortCurvesHaveTheirLastPoint() {
    #expect(curve([]).knee == nil && curve([]).smallestWithinError == nil)
    #expect(curve([(3, 900)]).knee == 0)
    #expect(curve([(3, 900), (5, 950)]).knee == 1)
    // A larger set that is no better is not on the front.
    #expect(curve([(3, 900), (5, 900)]).front == [0])
  }
}
