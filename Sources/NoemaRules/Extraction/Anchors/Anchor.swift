/// Statements about an example that are enough for the network's class: whatever else changes, it nearly always stays.
public struct Anchor: Sendable, Hashable, Codable {
  /// A shorter anchor on the way to this one.
  public struct Step: Sendable, Hashable, Codable {
    /// The statements, ascending.
    public let predicates: [Int]
    /// The share of drawn examples that keep the class.
    public let precision: Double
    /// The share of examples that satisfy the statements.
    public let coverage: Double
  }

  /// The class.
  public let label: Int
  /// The statements, ascending; none when the class is nearly always given.
  public let predicates: [Int]
  /// The statements in words.
  public let texts: [String]
  /// The share of examples with the class among those drawn during the search, with the bounds by which it was judged.
  ///
  /// Bounds are at the rate `log((1 + (B − 1) m)/δ)` with B candidates of m statements, wider than 95 %. A searched
  /// maximum is a little too high; ``freshPrecision`` is not.
  public let precision: Estimate
  /// The share among examples drawn after the search, with its 95 % interval.
  public let freshPrecision: Estimate
  /// The share of examples that satisfy the statements.
  public let coverage: Estimate
  /// The examples shown to the network, the fresh ones included.
  public let sampleCount: Int
  /// Whether the precision is what was asked for; else no anchor was found that is, and this one came nearest.
  public let isCertain: Bool
  /// Whether the limit on samples ended a choice or the search, so that a better anchor may exist.
  public let isLimited: Bool
  /// The anchors from the empty one to this one; coverage never rises.
  public let path: [Step]

  /// The statements joined by AND, or `always`.
  public var text: String { texts.isEmpty ? "always" : texts.joined(separator: " AND ") }
}
