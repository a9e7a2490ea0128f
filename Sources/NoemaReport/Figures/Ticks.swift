internal import Foundation

/// Round numbers along an axis.
public struct Ticks: Sendable, Hashable {
  /// The positions, ascending; at least two unless the range holds none.
  public let values: [Double]
  /// The label of each position.
  public let labels: [String]

  /// Chooses a step of 1, 2, 2.5 or 5 times a power of ten so that about `count` ticks lie in the range.
  ///
  /// A range that is empty or not finite is taken to be 0 … 1.
  public init(in range: ClosedRange<Double>, count: Int = 5) {
    let range = Ticks.usable(range)
    let step = Ticks.step(for: range.upperBound - range.lowerBound, count: max(1, count))
    // The tolerance keeps an end that rounding has pushed just outside, such as 0.3 in steps of 0.1.
    let first = (range.lowerBound / step - 1e-6).rounded(.up)
    let last = (range.upperBound / step + 1e-6).rounded(.down)
    let number = last >= first && last - first < 100 ? Int(last - first) : -1
    values =
      number < 0 ? [range.lowerBound, range.upperBound] : (0...number).map { (first + Double($0)) * step }
    labels = values.map { Ticks.label($0, step: step) }
  }

  /// The range itself, widened when it has no width, 0 … 1 when it is not finite.
  static func usable(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
    let low = range.lowerBound, high = range.upperBound
    guard low.isFinite, high.isFinite, (high - low).isFinite else { return 0...1 }
    let smallest = max(abs(low), abs(high)) * 1e-9 + 1e-300
    return high - low > smallest
      ? range : (low - max(abs(low) * 0.5, 0.5))...(high + max(abs(high) * 0.5, 0.5))
  }

  private static func step(for span: Double, count: Int) -> Double {
    let rough = span / Double(count)
    let power = pow(10, floor(log10(rough)))
    let candidates = [1, 2, 2.5, 5, 10].map { $0 * power }
    return candidates.min { abs(log($0 / rough)) < abs(log($1 / rough)) } ?? rough
  }

  private static func label(_ value: Double, step: Double) -> String {
    if abs(value) < step * 1e-6 { return "0" }
    if step < 1e-4 || abs(value) >= 1e5 { return NumberText.compact(value) }
    var digits = 0
    var scaled = step
    while digits < 6, abs(scaled - scaled.rounded()) > 1e-6 * scaled {
      digits += 1
      scaled *= 10
    }
    return NumberText.fixed(value, digits)
  }
}
