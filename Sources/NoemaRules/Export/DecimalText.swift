internal import Foundation

/// Numbers as text that reads back as the same double.
enum DecimalText {
  /// The shortest decimal that is the same double: `1.5`, `2`, `1e+20`.
  static func shortest(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// A decimal that also a careless reader takes for the same double: the shortest one up to 15 digits, which every
  /// reader gets right, else the nearest of 17 digits, which lies well within the range that rounds to the double. The
  /// shortest of 16 digits or more may lie at its edge.
  static func exact(_ value: Double) -> String {
    let text = shortest(value)
    let digits = text.prefix { $0 != "e" }.filter(\.isNumber)
    return digits.drop { $0 == "0" }.count <= 15 ? text : String(format: "%.17g", value)
  }

  /// As ``exact(_:)``, but never in the form of an integer, which some languages divide differently.
  static func real(_ value: Double) -> String {
    let text = exact(value)
    return text.contains { $0 == "." || $0 == "e" } ? text : text + ".0"
  }
}
