internal import NoemaTensor

/// How well a literal tells examples of its concept from others, on examples that it was not fitted to.
///
/// A concept that a layer does not represent cannot be read there, and a rule that speaks of it speaks of something
/// else.
public struct LiteralQuality: Sendable, Hashable, Codable {
  /// The chance that an example of the concept scores above another one, with a bootstrap interval.
  public let auc: Estimate
  /// The mean of both sides' shares of right decisions, with a bootstrap interval.
  public let balancedAccuracy: Estimate
  /// Examples that show the concept.
  public let positiveCount: Int
  /// Examples that do not.
  public let negativeCount: Int
  /// Whether the AUC is at least the one asked for, and surely above chance.
  public let isRepresented: Bool

  /// Judges scores.
  ///
  /// - Parameters:
  ///   - scores: of held-out examples.
  ///   - isPositive: whether each shows the concept.
  ///   - cutoff: scores above it say that it does.
  ///   - minimumAUC: the least AUC of a concept that is represented.
  ///   - resamples: of the bootstrap.
  ///   - seed: of the bootstrap.
  /// - Throws: `RuleError` when counts differ, a side has no example, or a score is not finite.
  public init(
    scores: [Double], isPositive: [Bool], cutoff: Double = 0, minimumAUC: Double = 0.6, resamples: Int = 1000,
    seed: UInt64 = 7
  ) throws(RuleError) {
    guard scores.count == isPositive.count else {
      throw RuleError(.count(what: "scores", found: scores.count, expected: isPositive.count))
    }
    guard scores.allSatisfy({ $0.isFinite }) else {
      throw RuleError(.notFinite("a score is NaN or infinite"))
    }
    positiveCount = isPositive.count { $0 }
    negativeCount = isPositive.count - positiveCount
    for (count, side) in [(positiveCount, "the concept's examples"), (negativeCount, "the other examples")] {
      guard count > 0 else { throw RuleError(.tooFew(set: side, found: 0, needed: 1)) }
    }
    let order = RankedScores(scores, isPositive, cutoff)
    let figures = Estimate.bootstrap(
      groups: Array(scores.indices), groupCount: scores.count, resamples: resamples, seed: seed
    ) { [order.auc($0), order.balancedAccuracy($0)] }
    (auc, balancedAccuracy) = (figures[0], figures[1])
    isRepresented = auc.value >= minimumAUC && auc.lower > 0.5
  }
}

/// Scores in ascending order, for figures over resampled examples.
private struct RankedScores {
  let order: [Int]
  let scores: [Double]
  let isPositive: [Bool]
  let cutoff: Double

  init(_ scores: [Double], _ isPositive: [Bool], _ cutoff: Double) {
    order = scores.indices.sorted { scores[$0] < scores[$1] }
    (self.scores, self.isPositive, self.cutoff) = (scores, isPositive, cutoff)
  }

  /// Pairs in which the positive scores above, ties counting half; NaN when a side was not drawn.
  ///
  /// - Parameter weights: how often each example was drawn.
  func auc(_ weights: [Double]) -> Double {
    var (below, negatives, positives, pairs, start) = (0.0, 0.0, 0.0, 0.0, 0)
    while start < order.count {
      var (tiedPositives, tiedNegatives, end) = (0.0, 0.0, start)
      while end < order.count, scores[order[end]] == scores[order[start]] {
        if isPositive[order[end]] {
          tiedPositives += weights[order[end]]
        } else {
          tiedNegatives += weights[order[end]]
        }
        end += 1
      }
      pairs += tiedPositives * (below + tiedNegatives / 2)
      below += tiedNegatives
      (positives, negatives, start) = (positives + tiedPositives, negatives + tiedNegatives, end)
    }
    return pairs / (positives * negatives)
  }

  /// The mean of both sides' hits; NaN when a side was not drawn.
  func balancedAccuracy(_ weights: [Double]) -> Double {
    var (hits, all) = ([0.0, 0.0], [0.0, 0.0])
    for row in scores.indices {
      let side = isPositive[row] ? 1 : 0
      all[side] += weights[row]
      if (scores[row] > cutoff) == isPositive[row] { hits[side] += weights[row] }
    }
    return (hits[0] / all[0] + hits[1] / all[1]) / 2
  }
}
