/// How a set of rules decides when several fire.
///
/// Three forms are votes: each firing rule gives its class a weight, the class with the largest positive sum wins,
/// equal sums go to the class named first, and when no sum is positive the default stands. Sums run in the order of the
/// rules, so that an export adds the same numbers in the same order. When rules conclude numbers, a vote is their
/// mean with these weights.
public enum ConflictResolution: String, Sendable, Hashable, Codable, CaseIterable {
  /// The first rule that fires.
  case firstMatch = "first-match"
  /// A vote by confidence times the rule's weight.
  ///
  /// - Source: Quinlan, C5.0.
  case confidenceVote = "confidence-vote"
  /// A vote by the rule's weight, divided by the weights of all rules of its class: with weights of 1, their number.
  ///
  /// - Source: the prediction of REMIX (Espinosa Zarlenga, Shams and Jamnik 2021), whose random choice among equals
  ///   is replaced.
  case classNormalisedVote = "class-normalised-vote"
  /// The firing rule of highest confidence, the first of equals.
  case singleBest = "single-best"
  /// A naive Bayes vote: how far the log-odds of the rule exceed those of chance, times its cover and its weight;
  /// a rule no better than chance does not vote. A number counts by cover and weight.
  case logOddsVote = "log-odds-vote"

  /// Whether one rule decides, so that the rules are a list in some order.
  public var isOrdered: Bool { self == .firstMatch || self == .singleBest }
}

/// Rules without an order: several may fire, a ``ConflictResolution`` decides, and a default answers when none does.
public struct RuleSet: RuleModel, Hashable {
  public let features: [Feature]
  public let classes: [String]
  /// The rules; their order matters for `firstMatch` and for ties only.
  public let rules: [Rule]
  /// How several firing rules come to one conclusion.
  public let resolution: ConflictResolution
  /// The conclusion when no rule decides.
  public let defaultConclusion: Conclusion
  /// How much each rule's vote weighs, by ``resolution``; in an ordered resolution, the confidence.
  let voteWeights: [Double]

  /// Makes a rule set.
  ///
  /// - Throws: `RuleError` when features are named twice, or a rule reads a feature or concludes a class that does
  ///   not exist, or holds numbers that are not finite.
  public init(
    features: [Feature], classes: [String], rules: [Rule], resolution: ConflictResolution = .confidenceVote,
    defaultConclusion: Conclusion
  ) throws(RuleError) {
    try Feature.check(features)
    try RuleSet.check(classes)
    for (index, rule) in rules.enumerated() { try rule.check(features, classes, place: "rule \(index + 1)") }
    try defaultConclusion.check(classes, place: "the default")
    self.init(
      unchecked: features, classes: classes, rules: rules, resolution: resolution,
      defaultConclusion: defaultConclusion)
  }

  /// Makes a rule set of parts that were checked before.
  init(
    unchecked features: [Feature], classes: [String], rules: [Rule], resolution: ConflictResolution,
    defaultConclusion: Conclusion
  ) {
    self.features = features
    self.classes = classes
    self.rules = rules
    self.resolution = resolution
    self.defaultConclusion = defaultConclusion
    voteWeights = RuleSet.voteWeights(rules, resolution, classCount: classes.count)
  }

  /// The same set with other rules over the same features and classes.
  func with(_ rules: [Rule]) -> RuleSet {
    RuleSet(
      unchecked: features, classes: classes, rules: rules, resolution: resolution,
      defaultConclusion: defaultConclusion)
  }

  /// The same rules under another resolution.
  public func resolved(by resolution: ConflictResolution) -> RuleSet {
    RuleSet(
      unchecked: features, classes: classes, rules: rules, resolution: resolution,
      defaultConclusion: defaultConclusion)
  }

  static func check(_ classes: [String]) throws(RuleError) {
    guard Set(classes).count == classes.count else {
      throw RuleError(.malformed("two classes share a name; rename one"))
    }
  }

  private static func voteWeights(
    _ rules: [Rule], _ resolution: ConflictResolution, classCount: Int
  ) -> [Double] {
    switch resolution {
    case .firstMatch, .singleBest: return rules.map(\.confidence)
    case .confidenceVote: return rules.map { $0.confidence * $0.support.weight }
    case .classNormalisedVote:
      guard classCount > 0 else { return rules.map(\.support.weight) }
      var totals = [Double](repeating: 0, count: classCount)
      for rule in rules { totals[rule.conclusion.label ?? 0] += rule.support.weight }
      return rules.map { rule in
        let total = totals[rule.conclusion.label ?? 0]
        return total > 0 ? rule.support.weight / total : 0
      }
    case .logOddsVote:
      // The log-odds of a class by chance among K: log(1 / (K − 1)).
      let chance = Support(cover: Double(max(2, classCount)) - 2, correct: 0).logOdds
      return rules.map { rule in
        let size = rule.support.cover * rule.support.weight
        return classCount > 0 ? size * max(0, rule.support.logOdds - chance) : size
      }
    }
  }

  public var terms: [Term] { rules.flatMap(\.clause.terms) }
}

// MARK: Prediction
extension RuleSet {
  /// The rules that fire for an example, by index.
  public func firingRules(_ values: [Double]) -> [Int] {
    rules.indices.filter { rules[$0].clause.holds(values) }
  }

  public func conclusion(_ values: [Double]) -> Conclusion { conclusion(firing: firingRules(values)) }

  /// What the rules that fire come to.
  ///
  /// - Parameter firing: their indices, ascending.
  public func conclusion(firing: [Int]) -> Conclusion {
    switch resolution {
    case .firstMatch: return firing.first.map { rules[$0].conclusion } ?? defaultConclusion
    case .singleBest:
      var best: Int?
      for index in firing where rules[index].confidence > (best.map { rules[$0].confidence } ?? -1) {
        best = index
      }
      return best.map { rules[$0].conclusion } ?? defaultConclusion
    default: return vote(firing)
    }
  }

  private func vote(_ firing: [Int]) -> Conclusion { decision(tally(firing)[...]) }

  /// What votes come to: sums for each class, or the sum of weighted numbers and that of weights.
  private func decision(_ tally: ArraySlice<Double>) -> Conclusion {
    guard !classes.isEmpty else {
      let (sum, weight) = (tally[tally.startIndex], tally[tally.startIndex + 1])
      return weight > 0 ? .value(sum / weight) : defaultConclusion
    }
    var best: Int?
    for place in tally.indices where tally[place] > (best.map { tally[$0] } ?? 0) { best = place }
    return best.map { .label($0 - tally.startIndex) } ?? defaultConclusion
  }

  private var tallyWidth: Int { classes.isEmpty ? 2 : classes.count }

  /// Adds the vote of a rule to the sums that begin at a place.
  @inline(__always)
  private func count(_ index: Int, _ tally: inout [Double], at place: Int) {
    switch rules[index].conclusion {
    case .label(let label): tally[place + label] += voteWeights[index]
    case .value(let value):
      tally[place] += voteWeights[index] * value
      tally[place + 1] += voteWeights[index]
    }
  }

  private func tally(_ firing: [Int]) -> [Double] {
    var tally = [Double](repeating: 0, count: tallyWidth)
    for index in firing { count(index, &tally, at: 0) }
    return tally
  }

  /// The sum of votes for each class from rules that fire; empty of numbers.
  ///
  /// - Parameter firing: their indices, ascending.
  public func scores(firing: [Int]) -> [Double] { classes.isEmpty ? [] : tally(firing) }

  public func conclusions(on table: RuleTable) throws(RuleError) -> [Conclusion] {
    if let list { return try list.conclusions(on: table) }
    try table.check(matches: features)
    let width = tallyWidth
    var tally = [Double](repeating: 0, count: table.rowCount * width)
    for (index, rule) in rules.enumerated() {
      for row in rule.clause.coveredRows(of: table) { count(index, &tally, at: row * width) }
    }
    return (0..<table.rowCount).map { decision(tally[($0 * width)..<(($0 + 1) * width)]) }
  }

  /// For each row of a table, the rules that fire, by index.
  ///
  /// - Throws: `RuleError` when the table's features are not those of the rules.
  public func firings(on table: RuleTable) throws(RuleError) -> [[Int]] {
    try table.check(matches: features)
    var result = [[Int]](repeating: [], count: table.rowCount)
    for (index, rule) in rules.enumerated() {
      for row in rule.clause.coveredRows(of: table) { result[row].append(index) }
    }
    return result
  }
}
