extension RuleSet {
  /// The rules without those whose clause another rule of the same conclusion subsumes.
  ///
  /// - Parameter asDisjunction: take the rules of one conclusion as a plain *or* and pay no heed to votes and order.
  ///   When false, a rule goes only if no answer can change: never where rules vote, and in an ordered resolution if
  ///   no rule of another conclusion between the two meets it.
  public func removingSubsumedRules(asDisjunction: Bool = false) -> RuleSet {
    guard asDisjunction || resolution.isOrdered else { return self }
    let order = decisionOrder
    let clauses = order.map { rules[$0].clause.canonical(in: features) }
    var isGone = [Bool](repeating: false, count: order.count)
    for place in order.indices {
      isGone[place] = order.indices.contains { other in
        guard other != place, !isGone[other], conclusion(order[other]) == conclusion(order[place]),
          clauses[other].subsumes(clauses[place])
        else { return false }
        if asDisjunction { return clauses[other] != clauses[place] || other < place }
        return other < place || !isMet(clauses[place], between: place, other, order, clauses)
      }
    }
    let gone = Set(order.indices.filter { isGone[$0] }.map { order[$0] })
    return with(rules.indices.filter { !gone.contains($0) }.map { rules[$0] })
  }

  /// The rules with neighbours merged: two of the same conclusion that agree on all features but one, where their
  /// conditions touch or overlap, become one; repeated until none is left.
  ///
  /// - Parameter asDisjunction: take the rules of one conclusion as a plain *or* and pay no heed to votes and order.
  ///   When false, two rules merge only if no answer can change: where rules vote by confidence, if they vote alike and
  ///   never together; in an ordered resolution, if no rule of another conclusion that is asked between them meets
  ///   the one that moves. Other votes are left alone.
  /// - Returns: `singleBest` comes back in the order of confidence as `firstMatch`, which answers alike.
  public func mergingAdjacentRules(asDisjunction: Bool = false) -> RuleSet {
    if resolution == .singleBest {
      return RuleSet(
        unchecked: features, classes: classes, rules: decisionOrder.map { rules[$0] },
        resolution: .firstMatch,
        defaultConclusion: defaultConclusion
      ).mergingAdjacentRules(asDisjunction: asDisjunction)
    }
    guard asDisjunction || resolution == .firstMatch || resolution == .confidenceVote else { return self }
    var current = canonical().rules
    while true {
      let before = current.count
      for feature in Set(current.flatMap { $0.clause.conditions.map(\.feature) }).sorted() {
        merge(&current, along: feature, asDisjunction)
      }
      if current.count == before { return with(current) }
    }
  }

  /// Merges rules that agree on all features but one.
  private func merge(_ rules: inout [Rule], along feature: Int, _ asDisjunction: Bool) {
    // Rules that agree elsewhere; what a key names stays true while they merge.
    var groups: [RuleKey: [Int]] = [:]
    for (index, rule) in rules.enumerated() {
      groups[
        RuleKey(clause: rule.clause.removing(feature: feature), conclusion: rule.conclusion), default: []
      ]
      .append(index)
    }
    var isGone = [Bool](repeating: false, count: rules.count)
    for members in groups.values.filter({ $0.count > 1 }).sorted(by: { $0[0] < $1[0] }) {
      // From left to right, so that a chain of intervals needs one pass.
      let order = members.sorted { a, b in
        let (x, y) = (rules[a].start(on: feature), rules[b].start(on: feature))
        return x != y ? x < y : a < b
      }
      for (place, index) in order.enumerated() {
        for other in order[..<place] where !isGone[other] && !isGone[index] {
          let (first, second) = (min(other, index), max(other, index))
          guard let union = rules[first].clause.union(rules[second].clause),
            let target = asDisjunction ? first : target(first, second, in: rules, isGone)
          else { continue }
          rules[target] = rules[first].merged(with: rules[second], to: union)
          isGone[target == first ? second : first] = true
        }
      }
    }
    rules = rules.indices.filter { !isGone[$0] }.map { rules[$0] }
  }

  /// Where the union of two rules may stand without changing an answer; nil when nowhere.
  private func target(_ first: Int, _ second: Int, in rules: [Rule], _ isGone: [Bool]) -> Int? {
    let (a, b) = (rules[first], rules[second])
    guard resolution == .firstMatch else {
      let voteAlike = a.confidence == b.confidence && a.support.weight == b.support.weight
      return voteAlike && !a.clause.intersection(b.clause).isSatisfiable(in: features) ? first : nil
    }
    func isFree(_ clause: Clause) -> Bool {
      !((first + 1)..<second).contains { between in
        !isGone[between] && rules[between].conclusion != a.conclusion
          && rules[between].clause.intersection(clause).isSatisfiable(in: features)
      }
    }
    return isFree(b.clause) ? first : isFree(a.clause) ? second : nil
  }

  private func conclusion(_ index: Int) -> Conclusion { rules[index].conclusion }

  /// Whether a rule of another conclusion that is asked between two places meets the clause at the first.
  private func isMet(_ clause: Clause, between place: Int, _ other: Int, _ order: [Int], _ clauses: [Clause])
    -> Bool
  {
    ((place + 1)..<other).contains { between in
      conclusion(order[between]) != conclusion(order[place])
        && clauses[between].intersection(clause).isSatisfiable(in: features)
    }
  }
}

extension Rule {
  /// Where the values begin that the rule admits of a feature.
  fileprivate func start(on feature: Int) -> Double {
    switch clause.condition(on: feature)?.values {
    case .interval(let lower, _): lower
    case .levels(let levels): Double(levels.levels.first ?? 0)
    default: -.infinity
    }
  }

  /// One rule for two: covers add when the clauses cannot hold together, else the larger one is a lower bound.
  fileprivate func merged(with other: Rule, to union: Clause) -> Rule {
    let areApart = clause.intersection(other.clause).isContradictory
    let larger = support.cover >= other.support.cover ? support : other.support
    let merged = Support(
      cover: areApart ? support.cover + other.support.cover : larger.cover,
      correct: areApart ? support.correct + other.support.correct : larger.correct,
      weight: max(support.weight, other.support.weight))
    return Rule(union, conclusion, support: merged, confidence: max(confidence, other.confidence))
  }
}
