internal import Foundation

/// How numbers are written in figures and pages.
public enum NumberText {
  /// The value with a fixed number of decimals, a true minus sign, "–" when it is not finite.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "–" }
    if abs(value) >= 1e9 { return scientific(value) }
    let text = String(format: "%.\(max(0, min(digits, 12)))f", value)
    let isZero = !text.contains { ("1"..."9").contains($0) }
    return (value < 0 && !isZero ? "−" : "") + text.drop { $0 == "-" }
  }

  /// The value with about three significant digits, whatever its size.
  public static func compact(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    if size == 0 { return "0" }
    if size < 1e-3 || size >= 1e5 { return scientific(value) }
    return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
  }

  /// A p-value: three decimals, or "< 0.001".
  public static func pValue(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    return value < 0.001 ? "< 0.001" : fixed(value, 3)
  }

  /// An equation or inequality such as `p = 0.005`.
  public static func equation(_ name: String, _ value: Double) -> String {
    let text = pValue(value)
    return text.hasPrefix("<") ? "\(name) \(text)" : "\(name) = \(text)"
  }

  /// A coordinate of a drawing: at most two decimals, none that are zero.
  static func coordinate(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let hundredths = (min(max(value, -1e6), 1e6) * 100).rounded()
    let whole = Int(hundredths)
    let (quotient, rest) = abs(whole).quotientAndRemainder(dividingBy: 100)
    let sign = whole < 0 ? "-" : ""
    if rest == 0 { return "\(sign)\(quotient)" }
    return rest % 10 == 0
      ? "\(sign)\(quotient).\(rest / 10)" : "\(sign)\(quotient).\(rest < 10 ? "0" : "")\(rest)"
  }

  private static func scientific(_ value: Double) -> String {
    String(format: "%.2e", value).replacingOccurrences(of: "-", with: "−")
  }
}
