internal import Glibc

/// How far a chance may lie from the share of hits among draws, by the Kullback-Leibler divergence of two coins,
/// `KL(p ‖ q) = p log(p/q) + (1 − p) log((1 − p)/(1 − q))` in nats.
///
/// - Source: Kaufmann and Kalyanakrishnan, "Information complexity in bandit subset selection", COLT 2013.
public enum BernoulliBounds {
  /// Bounds lie at most so far outside the solution.
  static let precision = 1e-6

  /// The divergence of a coin of one share from a coin of another chance.
  public static func divergence(_ share: Double, _ chance: Double) -> Double {
    func part(_ p: Double, _ q: Double) -> Double { p > 0 ? (q > 0 ? p * log(p / q) : .infinity) : 0 }
    return max(0, part(share, chance) + part(1 - share, 1 - chance))
  }

  /// The greatest chance whose divergence from the share is at most the level, β over the number of draws.
  public static func upper(_ share: Double, level: Double) -> Double {
    bound(share, end: min(1, share + (max(0, level) / 2).squareRoot()), level)
  }

  /// The least chance whose divergence from the share is at most the level.
  public static func lower(_ share: Double, level: Double) -> Double {
    bound(share, end: max(0, share - (max(0, level) / 2).squareRoot()), level)
  }

  /// - Parameter end: a chance at or beyond the bound: by Pinsker's inequality `KL(p ‖ q) ≥ 2 (p − q)²`.
  private static func bound(_ share: Double, end: Double, _ level: Double) -> Double {
    guard divergence(share, end) > level else { return end }
    var (inside, outside) = (share, end)
    while abs(outside - inside) > precision {
      let middle = (inside + outside) / 2
      if divergence(share, middle) > level { outside = middle } else { inside = middle }
    }
    return outside
  }

  /// The exploration rate of KL-LUCB, `β = log(k n t^α / δ) + log log(k n t^α / δ)` with k = 405.5 and α = 1.1.
  ///
  /// - Parameters:
  ///   - arms: n, 1 or more.
  ///   - round: t, from 1.
  ///   - errorRate: δ, between 0 and 1.
  public static func exploration(arms: Int, round: Int, errorRate: Double) -> Double {
    let term = log(405.5 * Double(arms) * pow(Double(round), 1.1) / errorRate)
    return term + log(term)
  }
}
