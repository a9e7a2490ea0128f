internal import Foundation

/// JSON as all result files have it: sorted keys, and the words NaN and Infinity for numbers that are not finite.
public enum JSONText {
  /// The text of a value.
  ///
  /// - Throws: `EncodingError` of the value's own making.
  public static func of(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }
}
