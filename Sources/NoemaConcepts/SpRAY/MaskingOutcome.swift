internal import NoemaTensor

/// What masking the region of a strategy did to the class output.
public struct MaskingOutcome: Sendable, Hashable, Codable {
  /// What the numbers amount to.
  public enum Verdict: String, Sendable, Codable, CaseIterable {
    /// The network uses the region, on the examples of the strategy, and not on others.
    case confirmed
    /// It does not, or not by enough.
    case notConfirmed = "not confirmed"
    /// Too few examples on one side for a statement.
    case tooFew = "too few examples"
  }

  /// The strategy's label.
  public let label: Int
  /// What was masked.
  public let region: MapRegion
  /// The drop of the class output of each example of the strategy that was tried, output less output when masked.
  public let memberDrops: [Double]
  /// The drops of other examples of the class.
  public let otherDrops: [Double]
  /// Their means; NaN without examples.
  public let memberDrop, otherDrop: Double
  /// 95 % bootstrap intervals of the means; empty without examples.
  public let memberInterval, otherInterval: [Double]
  /// The difference of the means.
  public let difference: Double
  /// Its 95 % bootstrap interval; empty without examples.
  public let differenceInterval: [Double]
  /// The drop beyond that of other examples, in standard deviations of the unmasked output inside both groups.
  public let effect: Double
  /// The chance of such a difference when who is whose example does not matter, by permutations; NaN when too few.
  public let p: Double
  /// `p` after correction over all strategies that were tried.
  public internal(set) var pAdjusted: Double
  /// What the numbers amount to.
  public internal(set) var verdict: Verdict
  /// Why it is no more than that, in words; empty when confirmed.
  public internal(set) var reason: String
}

extension MaskingTest {
  /// Corrects the p-values of all strategies that were tried together, of whatever classes, and says what each result
  /// amounts to.
  public func settle(_ outcomes: inout [MaskingOutcome]) {
    let adjusted = correction.adjusted(outcomes.map { $0.p })
    for index in outcomes.indices {
      outcomes[index].pAdjusted = adjusted[index]
      let (verdict, reason) = self.verdict(of: outcomes[index])
      outcomes[index].verdict = verdict
      outcomes[index].reason = reason
    }
  }

  private func verdict(of outcome: MaskingOutcome) -> (MaskingOutcome.Verdict, String) {
    if outcome.region.cells.isEmpty { return (.notConfirmed, "the mean map is zero") }
    if outcome.p.isNaN {
      return (
        .tooFew,
        "\(outcome.memberDrops.count) examples of the strategy and \(outcome.otherDrops.count) others were tried, at "
          + "least \(minimumExamples) of each are needed"
      )
    }
    if !(outcome.pAdjusted <= significance) {
      return (.notConfirmed, "the difference may be chance (p = \(outcome.pAdjusted.brief))")
    }
    guard let low = outcome.memberInterval.first, low > 0, outcome.differenceInterval.first ?? 0 > 0 else {
      return (.notConfirmed, "masking does not lower the score for certain")
    }
    if outcome.effect < minimumEffect {
      return (
        .notConfirmed,
        "the drop beyond that of other examples is \(outcome.effect.brief) standard deviations of the score, less than "
          + minimumEffect.brief
      )
    }
    return (.confirmed, "")
  }
}
