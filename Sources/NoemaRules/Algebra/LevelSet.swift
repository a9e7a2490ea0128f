/// A set of level indices of a categorical or ordinal feature.
///
/// Kept as bits, so that membership, the innermost question of a prediction, costs one look-up.
public struct LevelSet: Sendable, Hashable {
  /// The bits, lowest level first, without trailing zero words: equal sets have equal words.
  private var words: [UInt64] = []

  /// The largest level index that a set takes; larger ones are left out. A bound for hostile files.
  public static let maximumLevel = (1 << 20) - 1

  /// Makes a set of level indices; negative ones and those above ``maximumLevel`` are left out.
  public init(_ levels: some Sequence<Int>) {
    for level in levels { insert(level) }
  }

  /// The levels `0..<count`.
  public init(all count: Int) { self.init(0..<max(0, count)) }

  /// Adds a level.
  public mutating func insert(_ level: Int) {
    guard level >= 0, level <= LevelSet.maximumLevel else { return }
    while words.count <= level >> 6 { words.append(0) }
    words[level >> 6] |= 1 << UInt64(level & 63)
  }

  /// Whether a level is in the set.
  public func contains(_ level: Int) -> Bool {
    level >= 0 && level >> 6 < words.count && words[level >> 6] & (1 << UInt64(level & 63)) != 0
  }

  /// Whether a table's value is a level in the set; false of NaN and of values between levels.
  public func contains(value: Double) -> Bool {
    // The comparison refuses NaN and what does not fit an Int.
    guard value >= 0, value < Double(words.count * 64) else { return false }
    let level = Int(value)
    return Double(level) == value && contains(level)
  }

  /// The number of levels in the set.
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Whether no level is in the set.
  public var isEmpty: Bool { words.isEmpty }

  /// The levels in ascending order.
  public var levels: [Int] { (0..<(words.count * 64)).filter { contains($0) } }

  /// The levels in both sets.
  public func intersection(_ other: LevelSet) -> LevelSet { combined(other) { $0 & $1 } }

  /// The levels in either set.
  public func union(_ other: LevelSet) -> LevelSet { combined(other) { $0 | $1 } }

  /// The levels of this set that the other one lacks.
  public func subtracting(_ other: LevelSet) -> LevelSet { combined(other) { $0 & ~$1 } }

  /// Whether the other set has every level of this one.
  public func isSubset(of other: LevelSet) -> Bool { subtracting(other).isEmpty }

  private func combined(_ other: LevelSet, _ operation: (UInt64, UInt64) -> UInt64) -> LevelSet {
    var result = LevelSet([])
    for index in 0..<max(words.count, other.words.count) {
      let a = index < words.count ? words[index] : 0
      let b = index < other.words.count ? other.words[index] : 0
      result.words.append(operation(a, b))
    }
    while result.words.last == 0 { result.words.removeLast() }
    return result
  }
}

extension LevelSet: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
}
