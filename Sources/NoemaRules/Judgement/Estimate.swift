internal import Glibc
internal import NoemaTensor

/// A figure with its 95 % interval and the number of examples behind it.
public struct Estimate: Sendable, Hashable, Codable {
  /// The figure.
  public let value: Double
  /// The lower end of the interval.
  public let lower: Double
  /// The upper end of the interval.
  public let upper: Double
  /// The number of examples.
  public let count: Int

  /// Makes an estimate of its parts.
  public init(value: Double, lower: Double, upper: Double, count: Int) {
    self.value = value
    self.lower = lower
    self.upper = upper
    self.count = count
  }

  /// A share of examples with Wilson's score interval, which holds also near 0 and 1; of no examples 0 in [0, 1].
  ///
  /// - Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
  public static func share(_ hits: Int, of count: Int) -> Estimate {
    let ends = wilson(Double(hits), of: Double(count), deviate: 1.959963984540054)
    return Estimate(
      value: count > 0 ? Double(hits) / Double(count) : 0, lower: ends.lower, upper: ends.upper, count: count)
  }

  /// The ends of Wilson's interval at a normal deviate.
  static func wilson(_ hits: Double, of count: Double, deviate: Double) -> (lower: Double, upper: Double) {
    guard count > 0 else { return (0, 1) }
    let (share, square) = (hits / count, deviate * deviate)
    let centre = share + square / (2 * count)
    let spread = deviate * (share * (1 - share) / count + square / (4 * count * count)).squareRoot()
    let scale = 1 + square / count
    // At the ends the formula is exact, and rounding must not leave them.
    return (
      hits <= 0 ? 0 : max(0, (centre - spread) / scale), hits >= count ? 1 : min(1, (centre + spread) / scale)
    )
  }

  /// Statistics of examples with percentile intervals from resampled examples.
  ///
  /// - Parameters:
  ///   - groups: for each example the group that it belongs to; the statistics depend on the groups' sizes alone.
  ///   - groupCount: the number of groups.
  ///   - resamples: how many bootstrap samples are drawn.
  ///   - seed: of the draws.
  ///   - statistics: the figures, given the size of each group; NaN results of resamples are left out.
  static func bootstrap(
    groups: [Int], groupCount: Int, resamples: Int, seed: UInt64, _ statistics: ([Double]) -> [Double]
  ) -> [Estimate] {
    var sizes = [Double](repeating: 0, count: groupCount)
    for group in groups { sizes[group] += 1 }
    let original = sizes
    let values = statistics(original)
    var random = RandomNumbers(seed: seed)
    var drawn = values.map { _ in [Double]() }
    for _ in 0..<(groups.isEmpty ? 0 : resamples) {
      if groupCount * 16 < groups.count {
        resample(original, groups.count, into: &sizes, using: &random)
      } else {
        for group in sizes.indices { sizes[group] = 0 }
        for _ in groups { sizes[groups[random.index(below: groups.count)]] += 1 }
      }
      for (figure, value) in statistics(sizes).enumerated() where !value.isNaN { drawn[figure].append(value) }
    }
    return zip(values, drawn).map { value, drawn in
      guard !drawn.isEmpty else {
        return Estimate(value: value, lower: value, upper: value, count: groups.count)
      }
      let ends = Bootstrap.percentiles(of: drawn)
      return Estimate(value: value, lower: ends[0], upper: ends[1], count: groups.count)
    }
  }

  /// Draws the sizes of groups at once: one binomial number a group, of what the groups before have left.
  private static func resample(
    _ original: [Double], _ count: Int, into sizes: inout [Double], using random: inout RandomNumbers
  ) {
    var (left, mass) = (Double(count), Double(count))
    for group in original.indices {
      sizes[group] = original[group] >= mass ? left : binomial(left, original[group] / mass, using: &random)
      left -= sizes[group]
      mass -= original[group]
    }
  }

  /// A binomial number: by inversion, or rounded from a normal one where that differs less than the bootstrap's own
  /// error.
  static func binomial(_ count: Double, _ share: Double, using random: inout RandomNumbers) -> Double {
    if share > 0.5 { return count - binomial(count, 1 - share, using: &random) }
    let mean = count * share
    if mean > 100 {
      let number = (mean + (mean * (1 - share)).squareRoot() * random.normal()).rounded()
      return min(count, max(0, number))
    }
    let odds = share / (1 - share)
    var (number, chance, rest) = (0.0, pow(1 - share, count), random.uniform())
    while rest > chance, number < count {
      rest -= chance
      number += 1
      chance *= (count - number + 1) / number * odds
    }
    return number
  }
}
