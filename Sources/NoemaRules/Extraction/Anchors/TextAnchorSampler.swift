public import NoemaTensor

/// A text to be explained by the tokens that must stay: every other token gives way to an unknown one by a coin.
///
/// A statement says that the token at a place is there. Coverage is the share of texts so changed in which the tokens
/// still are, `(1 − p)` to the power of their number: it compares anchors of one text, and says nothing about others.
///
/// ```swift
/// let sampler = try TextAnchorSampler(["not", "bad", "at", "all"]) { texts in try network.labels(of: texts) }
/// ```
///
/// - Source: Ribeiro, Singh and Guestrin, AAAI 2018, and its implementation for texts without a language model.
public struct TextAnchorSampler: AnchorSampler {
  /// The text.
  public let tokens: [String]
  /// What a token that goes gives way to.
  public let unknown: String
  /// The chance that a token goes, p.
  public let chance: Double
  /// The class that the network gives the text.
  public let label: Int
  private let network: @Sendable ([[String]]) throws -> [Int]

  /// Takes a text.
  ///
  /// - Parameters:
  ///   - tokens: the text.
  ///   - unknown: what a token that goes gives way to, as the network knows it.
  ///   - chance: that a token goes, between 0 and 1.
  ///   - labels: the network's class for each of some texts of as many tokens.
  /// - Throws: `RuleError.parameters` for a chance out of range, `RuleError.tooFew` without tokens, `RuleError.count`
  ///   when there is not one label a text, and what asking throws.
  public init(
    _ tokens: [String], unknown: String = "UNK", chance: Double = 0.5,
    labels: @escaping @Sendable ([[String]]) throws -> [Int]
  ) throws {
    guard !tokens.isEmpty else { throw RuleError(.tooFew(set: "the text's tokens", found: 0, needed: 1)) }
    guard chance > 0, chance < 1 else {
      throw RuleError(.parameters("the chance that a token goes must lie between 0 and 1, found \(chance)"))
    }
    let own = try labels([tokens])
    guard own.count == 1 else {
      throw RuleError(.count(what: "labels of the text", found: own.count, expected: 1))
    }
    (self.tokens, self.unknown, self.chance) = (tokens, unknown, chance)
    (label, network) = (own[0], labels)
  }

  /// The number of statements: tokens.
  public var predicateCount: Int { tokens.count }

  /// A statement in words.
  public func text(_ predicate: Int) -> String {
    "'\(RuleText.plain(tokens[predicate]))' at \(predicate + 1)"
  }

  /// - Returns: for each token whether it stays.
  public func draw(
    _ count: Int, fixing predicates: [Int], using random: inout RandomNumbers
  ) -> [[Bool]] {
    (0..<count).map { _ in
      var stays = tokens.map { _ in random.uniform() >= chance }
      for predicate in predicates { stays[predicate] = true }
      return stays
    }
  }

  /// Whether a statement holds of a drawn text.
  public func holds(_ predicate: Int, of sample: [Bool]) -> Bool { sample[predicate] }

  /// The class that the network gives each drawn text; throws what asking throws.
  public func labels(of samples: [[Bool]]) throws -> [Int] {
    try network(samples.map { zip(tokens, $0).map { token, stays in stays ? token : unknown } })
  }
}
