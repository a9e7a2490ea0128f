/// A column that rules may speak about: its name, its kind of values, and its unit.
public struct Feature: Sendable, Hashable {
  /// What values a feature takes, and how a table stores them.
  public enum Kind: Sendable, Hashable {
    /// Real numbers.
    case numeric
    /// Whole numbers.
    case integer
    /// Names without an order; stored as the index of the level.
    case categorical(levels: [String])
    /// Names in ascending order; stored as the index of the level, so that bounds apply.
    case ordinal(levels: [String])
  }

  /// The name, unique in a table.
  public var name: String
  /// The kind of values.
  public var kind: Kind
  /// The unit in which numbers are given, for people.
  public var unit: String?
  /// Where values come from that no column of a table holds, such as `the concept 'striped' at 'layer4'`, for people;
  /// nil of columns.
  public var origin: String?

  /// Makes a feature.
  public init(_ name: String, kind: Kind = .numeric, unit: String? = nil, origin: String? = nil) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.origin = origin
  }

  /// The names of the levels of a categorical or ordinal feature, nil of numbers.
  public var levels: [String]? {
    switch kind {
    case .numeric, .integer: nil
    case .categorical(let levels), .ordinal(let levels): levels
    }
  }

  /// Whether values have an order, so that thresholds make sense: all kinds but categories.
  public var isOrdered: Bool {
    if case .categorical = kind { false } else { true }
  }

  /// Whether all values are whole: integers and level indices.
  public var isDiscrete: Bool { kind != .numeric }

  /// Whether the feature can take this value; NaN, a missing value, always fits.
  public func admits(_ value: Double) -> Bool {
    if value.isNaN { return true }
    switch kind {
    case .numeric: return value.isFinite
    case .integer: return value.isFinite && value == value.rounded()
    case .categorical(let levels), .ordinal(let levels):
      return value >= 0 && value < Double(levels.count) && value == value.rounded()
    }
  }
}

extension Feature: Codable {
  private enum CodingKeys: String, CodingKey { case name, type, unit, levels, origin }
  private enum KindName: String, Codable { case numeric, integer, categorical, ordinal }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    unit = try container.decodeIfPresent(String.self, forKey: .unit)
    origin = try container.decodeIfPresent(String.self, forKey: .origin)
    switch try container.decode(KindName.self, forKey: .type) {
    case .numeric: kind = .numeric
    case .integer: kind = .integer
    case .categorical: kind = .categorical(levels: try container.decode([String].self, forKey: .levels))
    case .ordinal: kind = .ordinal(levels: try container.decode([String].self, forKey: .levels))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    let type: KindName =
      switch kind {
      case .numeric: .numeric
      case .integer: .integer
      case .categorical: .categorical
      case .ordinal: .ordinal
      }
    try container.encode(type, forKey: .type)
    try container.encodeIfPresent(unit, forKey: .unit)
    try container.encodeIfPresent(levels, forKey: .levels)
    try container.encodeIfPresent(origin, forKey: .origin)
  }
}

extension Feature {
  /// Checks that names are unique and not empty, and that no feature lists a level twice.
  ///
  /// - Throws: `RuleError.duplicatedColumn` or `RuleError.malformed`; also for more levels than a ``LevelSet`` holds.
  static func check(_ features: [Feature], at place: String = "") throws(RuleError) {
    var seen: Set<String> = []
    for feature in features {
      guard !feature.name.isEmpty else {
        throw RuleError(.malformed("a feature has no name"), at: place)
      }
      guard seen.insert(feature.name).inserted else {
        throw RuleError(.duplicatedColumn(feature.name), at: place)
      }
      guard let levels = feature.levels else { continue }
      guard !levels.isEmpty, Set(levels).count == levels.count else {
        throw RuleError(.malformed("feature '\(feature.name)' needs levels, each named once"), at: place)
      }
      guard levels.count <= LevelSet.maximumLevel + 1 else {
        throw RuleError(
          .limit(
            "feature '\(feature.name)' has \(levels.count) levels, at most \(LevelSet.maximumLevel + 1) are read"
          ),
          at: place)
      }
    }
  }
}
