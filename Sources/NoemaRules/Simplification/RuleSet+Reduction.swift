extension RuleSet {
  /// The same rules with every condition in the one form that its feature allows.
  ///
  /// Never changes an answer.
  public func canonical() -> RuleSet {
    with(
      rules.map { rule in
        var rule = rule
        rule.clause = rule.clause.canonical(in: features)
        return rule
      })
  }

  /// The rules without those that no example can satisfy.
  ///
  /// Never changes an answer, except that a class-normalised vote counts fewer rules.
  public func removingUnsatisfiableRules() -> RuleSet {
    with(rules.filter { $0.clause.isSatisfiable(in: features) })
  }

  /// The rules with one for each pair of clause and conclusion.
  ///
  /// Of equals the first stays; where rules vote or the best decides, the one that weighs most, which as a voter takes
  /// over what the others would have voted. Never changes an answer, up to the rounding of sums of votes.
  public func removingDuplicates() -> RuleSet {
    var places: [RuleKey: Int] = [:]
    var votes = voteWeights
    for (index, rule) in rules.enumerated() {
      let key = RuleKey(clause: rule.clause.canonical(in: features), conclusion: rule.conclusion)
      guard let place = places[key] else {
        places[key] = index
        continue
      }
      let stays = resolution == .firstMatch || voteWeights[index] <= voteWeights[place]
      places[key] = stays ? place : index
      votes[stays ? place : index] += votes[stays ? index : place]
    }
    let kept = places.values.sorted()
    guard !resolution.isOrdered else { return with(kept.map { rules[$0] }) }
    return with(
      kept.map { index in
        var rule = rules[index]
        if voteWeights[index] > 0 { rule.support.weight *= votes[index] / voteWeights[index] }
        return rule
      })
  }

  /// The rules without conditions that only ask whether a value is there, or let a missing one pass, on features that
  /// are missing nowhere in a table.
  ///
  /// Never changes an answer for a row of the table; may for an example with other missing values.
  public func assumingPresent(in table: RuleTable) -> RuleSet {
    let complete = features.indices.filter { !table.hasMissing($0) }
    return with(
      rules.map { rule in
        var rule = rule
        rule.clause = Clause(
          conditions: rule.clause.conditions.map { condition in
            guard complete.contains(condition.feature) else { return condition }
            return Condition(
              condition.feature, condition.values, admitsMissing: condition.values == .all)
          })
        return rule
      })
  }
}

/// What makes two rules say the same.
struct RuleKey: Hashable {
  let clause: Clause
  let conclusion: Conclusion
}
