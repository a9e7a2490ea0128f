/// The coins that fall heads most often, found with few throws (KL-LUCB).
///
/// In each round the J = top `count` coins by share of heads stand against the rest: if the greatest upper bound of
/// the rest exceeds the least lower bound of J by less than a tolerance, J is the answer; else these two coins are
/// thrown again. With the probability 1 − δ no chance in the answer is further than the tolerance below one outside.
///
/// ```swift
/// var arms = [BestArms.Arm](repeating: .init(), count: coins.count)
/// let choice = try BestArms()(2, of: &arms) { which, count in which.map { coins[$0].heads(in: count) } }
/// ```
///
/// - Source: Kaufmann and Kalyanakrishnan, "Information complexity in bandit subset selection", COLT 2013.
public struct BestArms: Sendable, Hashable, Codable {
  /// What throws of a coin showed.
  public struct Arm: Sendable, Hashable, Codable {
    /// The throws that were heads.
    public var hits: Int
    /// All throws.
    public var draws: Int

    /// Takes counts.
    public init(hits: Int = 0, draws: Int = 0) { (self.hits, self.draws) = (hits, draws) }

    /// The share of heads; 0 of no throws.
    public var mean: Double { draws > 0 ? Double(hits) / Double(draws) : 0 }

    /// The lower bound of the chance of heads at an exploration rate β.
    public func lower(_ rate: Double) -> Double {
      BernoulliBounds.lower(mean, level: rate / Double(draws))
    }

    /// The upper bound of the chance of heads at an exploration rate β.
    public func upper(_ rate: Double) -> Double {
      BernoulliBounds.upper(mean, level: rate / Double(draws))
    }
  }

  /// Which coins were chosen.
  public struct Choice: Sendable, Hashable {
    /// Their indices, best first.
    public let arms: [Int]
    /// Whether the bounds are apart; else the limit on throws ended the search, and the shares decided.
    public let isCertain: Bool
    /// The throws made.
    public let draws: Int
  }

  /// How much better than the chosen ones a coin left out may be, ε.
  public var tolerance = 0.1
  /// The chance of a choice that is wrong by more than the tolerance, δ.
  public var errorRate = 0.05
  /// The throws that a coin not yet thrown gets at first.
  public var firstDraws = 10
  /// The throws that each of two coins gets in a round.
  public var batchSize = 100
  /// The most throws of a choice.
  public var maximumDraws = 50_000

  /// Makes a search with the usual settings.
  public init() {}

  /// Chooses coins.
  ///
  /// - Parameters:
  ///   - count: how many; no more than there are.
  ///   - arms: what is known of each coin; throws are added.
  ///   - preferences: which of two coins with the same share is better, the greater; else the first. Empty, or one
  ///     entry a coin.
  ///   - draw: throws each of some coins a number of times and counts the heads of each.
  /// - Throws: `RuleError.parameters` for settings out of range, `RuleError.count` when counts do not fit, and what
  ///   throwing throws.
  public func callAsFunction(
    _ count: Int, of arms: inout [Arm], preferring preferences: [Double] = [],
    draw: (_ arms: [Int], _ count: Int) throws -> [Int]
  ) throws -> Choice {
    try check()
    guard count >= 0, preferences.isEmpty || preferences.count == arms.count else {
      throw RuleError(
        count < 0
          ? .parameters("the number of arms to choose must be 0 or more, found \(count)")
          : .count(what: "preferences", found: preferences.count, expected: arms.count))
    }
    var spent = try drawFirst(&arms, draw)
    var round = 1
    while true {
      let order = ranking(arms, preferences)
      guard count > 0, count < arms.count else {
        return Choice(arms: Array(order.prefix(count)), isCertain: true, draws: spent)
      }
      let (champion, challenger, gap) = rivals(arms, order, count, round)
      let isCertain = gap < tolerance
      if isCertain || spent + 2 * batchSize > maximumDraws {
        return Choice(arms: Array(order.prefix(count)), isCertain: isCertain, draws: spent)
      }
      spent += try add(batchSize, to: [challenger, champion], &arms, draw)
      round += 1
    }
  }

  /// Throws the coins that were not thrown before, fewer times when the limit is near.
  private func drawFirst(_ arms: inout [Arm], _ draw: ([Int], Int) throws -> [Int]) throws -> Int {
    let untried = arms.indices.filter { arms[$0].draws == 0 }
    let each = min(firstDraws, maximumDraws / max(1, untried.count))
    return untried.isEmpty || each == 0 ? 0 : try add(each, to: untried, &arms, draw)
  }

  private func add(
    _ count: Int, to chosen: [Int], _ arms: inout [Arm], _ draw: ([Int], Int) throws -> [Int]
  ) throws -> Int {
    let hits = try draw(chosen, count)
    guard hits.count == chosen.count else {
      throw RuleError(.count(what: "counts of hits", found: hits.count, expected: chosen.count))
    }
    for (arm, hits) in zip(chosen, hits) {
      arms[arm].hits += hits
      arms[arm].draws += count
    }
    return count * chosen.count
  }

  private func ranking(_ arms: [Arm], _ preferences: [Double]) -> [Int] {
    let means = arms.map(\.mean)
    return arms.indices.sorted { a, b in
      if means[a] != means[b] { return means[a] > means[b] }
      if !preferences.isEmpty, preferences[a] != preferences[b] { return preferences[a] > preferences[b] }
      return a < b
    }
  }

  /// The chosen coin of least lower and the other one of greatest upper bound, and by how much the second is greater.
  private func rivals(
    _ arms: [Arm], _ order: [Int], _ count: Int, _ round: Int
  ) -> (champion: Int, challenger: Int, gap: Double) {
    let rate = BernoulliBounds.exploration(arms: arms.count, round: round, errorRate: errorRate)
    var (champion, challenger) = ((arm: order[0], bound: 2.0), (arm: order[count], bound: -1.0))
    for arm in order[..<count] {
      let bound = arms[arm].lower(rate)
      if bound < champion.bound { champion = (arm, bound) }
    }
    for arm in order[count...] {
      let bound = arms[arm].upper(rate)
      if bound > challenger.bound { challenger = (arm, bound) }
    }
    return (champion.arm, challenger.arm, challenger.bound - champion.bound)
  }

  private func check() throws(RuleError) {
    guard tolerance > 0, tolerance.isFinite else {
      throw RuleError(.parameters("the tolerance of a choice must be above 0, found \(tolerance)"))
    }
    guard errorRate > 0, errorRate < 1 else {
      throw RuleError(.parameters("the error rate must lie between 0 and 1, found \(errorRate)"))
    }
    guard firstDraws >= 1, batchSize >= 1, maximumDraws >= 0 else {
      throw RuleError(
        .parameters(
          "first draws and batches must be 1 or more and the limit 0 or more, found \(firstDraws), \(batchSize) "
            + "and \(maximumDraws)"))
    }
  }
}
