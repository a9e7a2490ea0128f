/// Numbers as tables write them: decimal digits, a point, an exponent.
enum DecimalNumber {
  /// What a field holds.
  enum Reading: Equatable {
    case number(Double)
    /// Nothing, or one of the usual words for a missing value.
    case missing
    /// NaN, an infinity, or digits beyond the range of a double.
    case notFinite
    case notNumber
  }

  private static let missingWords: Set<String> = ["na", "n/a", "null", "none", "?", "-", "."]
  private static let notFiniteWords: Set<String> = ["nan", "inf", "infinity"]
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20,
    1e21, 1e22,
  ]

  /// Reads a field; spaces around it do not count.
  static func read(_ field: UnsafeBufferPointer<UInt8>) -> Reading {
    var start = 0
    var end = field.count
    while start < end, field[start] == 0x20 || field[start] == 0x09 { start += 1 }
    while end > start, field[end - 1] == 0x20 || field[end - 1] == 0x09 { end -= 1 }
    return readTrimmed(UnsafeBufferPointer(rebasing: field[start..<end]))
  }

  private static func readTrimmed(_ field: UnsafeBufferPointer<UInt8>) -> Reading {
    var position = 0
    var isNegative = false
    if let first = field.first, first == 0x2D || first == 0x2B {
      isNegative = first == 0x2D
      position = 1
    }
    var mantissa: UInt64 = 0
    var digitCount = 0
    var exponent = 0
    func takeDigits(_ each: (UInt64) -> Void) {
      while position < field.count, case let digit = field[position] &- 0x30, digit < 10 {
        each(UInt64(digit))
        position += 1
        digitCount += 1
      }
    }
    // Wrapping is harmless: with more than 19 digits the slow path reads the field.
    takeDigits { mantissa = mantissa &* 10 &+ $0 }
    if position < field.count, field[position] == 0x2E {
      position += 1
      takeDigits {
        mantissa = mantissa &* 10 &+ $0
        exponent -= 1
      }
    }
    guard digitCount > 0 else { return word(field) }
    if position < field.count, field[position] | 0x20 == 0x65 {
      position += 1
      var sign = 1
      var power = 0
      if position < field.count, field[position] == 0x2D || field[position] == 0x2B {
        sign = field[position] == 0x2D ? -1 : 1
        position += 1
      }
      let before = digitCount
      takeDigits { power = min(power * 10 + Int($0), 100_000) }
      guard digitCount > before else { return .notNumber }
      digitCount = before
      exponent += sign * power
    }
    guard position == field.count else { return .notNumber }
    // Both operands are exact below, so that the one rounding is the correct one.
    if digitCount <= 19, mantissa <= 1 << 53, abs(exponent) <= 22 {
      let scale = powersOfTen[abs(exponent)]
      let magnitude = exponent < 0 ? Double(mantissa) / scale : Double(mantissa) * scale
      return .number(isNegative ? -magnitude : magnitude)
    }
    guard let value = Double(String(decoding: field, as: UTF8.self)) else { return .notNumber }
    return value.isFinite ? .number(value) : .notFinite
  }

  private static func word(_ field: UnsafeBufferPointer<UInt8>) -> Reading {
    if field.isEmpty { return .missing }
    guard field.count <= 9 else { return .notNumber }
    let word = String(decoding: field, as: UTF8.self).lowercased()
    if missingWords.contains(word) { return .missing }
    return notFiniteWords.contains(word.trimmingPrefix { $0 == "-" || $0 == "+" }.description)
      ? .notFinite : .notNumber
  }
}
