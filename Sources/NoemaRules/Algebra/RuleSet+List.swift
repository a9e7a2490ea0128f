extension RuleSet {
  /// The same rules as a list that answers alike; nil when they vote (see ``flattened(limit:)`` for those).
  ///
  /// `firstMatch` keeps the order, `singleBest` sorts by confidence.
  public var list: RuleList? {
    guard resolution.isOrdered else { return nil }
    return RuleList(
      unchecked: features, classes: classes, rules: decisionOrder.map { rules[$0] },
      otherwise: Rule(.always, defaultConclusion), counting: .marginal)
  }

  /// The order in which an ordered resolution asks the rules.
  var decisionOrder: [Int] {
    guard resolution == .singleBest else { return Array(rules.indices) }
    return rules.indices.sorted { (rules[$1].confidence, $0) < (rules[$0].confidence, $1) }
  }

  /// Rules no two of which fire together, and one of which always does, that answer as these do: whatever the
  /// resolution was, they are a list, a table or nested conditions in any order.
  ///
  /// The space is cut along each clause in turn, parts that the same rules cover are decided, and neighbours that say
  /// the same are merged. That can take exponentially many parts; a few dozen overlapping rules are the usual limit.
  ///
  /// - Parameter limit: the largest number of parts on the way.
  /// - Throws: `RuleError.limit` when there are more.
  public func flattened(limit: Int = 10_000) throws(RuleError) -> RuleSet {
    var parts: [(clause: Clause, firing: [Int])] = [(.always, [])]
    for (index, rule) in rules.enumerated() {
      let outside = rule.clause.complement(in: features)
      var next: [(clause: Clause, firing: [Int])] = []
      for part in parts {
        // Nothing that comes later changes what an ordered resolution has decided.
        if resolution == .firstMatch, !part.firing.isEmpty {
          next.append(part)
          continue
        }
        let inside = part.clause.intersection(rule.clause)
        guard inside.isSatisfiable(in: features) else {
          next.append(part)
          continue
        }
        next.append((inside, part.firing + [index]))
        for piece in outside {
          let rest = part.clause.intersection(piece)
          if rest.isSatisfiable(in: features) { next.append((rest, part.firing)) }
        }
      }
      guard next.count <= limit else {
        throw RuleError(
          .limit("the rules cut the space into more than \(limit) parts; simplify them, or raise the limit"))
      }
      parts = next
    }
    let flat = parts.map { part in
      Rule(part.clause.canonical(in: features), conclusion(firing: part.firing))
    }
    return RuleSet(
      unchecked: features, classes: classes, rules: flat, resolution: .firstMatch,
      defaultConclusion: defaultConclusion
    ).mergingAdjacentRules()
  }
}

extension RuleList {
  /// The list as a set under first match, which answers alike.
  public var ruleSet: RuleSet {
    RuleSet(
      unchecked: features, classes: classes, rules: rules, resolution: .firstMatch,
      defaultConclusion: defaultConclusion)
  }

  /// Orders a set into a list by class priority, then precision, then cover on data, and counts each rule on what
  /// the rules before it leave; the last entry is the commonest class of the rest (its mean of numbers).
  ///
  /// A list decides otherwise than a vote: judge it anew.
  ///
  /// - Parameters:
  ///   - rules: the set.
  ///   - table: the data.
  ///   - reference: what is right for each row.
  ///   - classPriority: classes by index, those to be asked first in front; when nil all are alike.
  /// - Throws: `RuleError` when the table's features are not those of the rules, or sizes differ.
  public init(
    ordering rules: RuleSet, on table: RuleTable, reference: [Conclusion], classPriority: [Int]? = nil
  ) throws(RuleError) {
    let counted = try rules.counted(on: table, reference: reference)
    let rank = Dictionary(
      (classPriority ?? []).enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    func key(_ rule: Rule) -> (Int, Double, Double) {
      let priority = rule.conclusion.label.map { rank[$0] ?? rank.count } ?? 0
      return (priority, -rule.support.precision, -rule.support.cover)
    }
    let order = counted.rules.indices.sorted { a, b in
      let (first, second) = (key(counted.rules[a]), key(counted.rules[b]))
      return first != second ? first < second : a < b
    }
    let list = RuleList(
      unchecked: rules.features, classes: rules.classes, rules: order.map { counted.rules[$0] },
      otherwise: Rule(.always, rules.defaultConclusion), counting: .marginal)
    self = try list.counted(on: table, reference: reference)
  }

  /// The list with supports, conditional on earlier rules not holding, counted on data; rules that decide nothing
  /// stay, and the last entry is taken from the rest where there is one.
  ///
  /// - Throws: `RuleError` when the table's features are not those of the rules, or sizes differ.
  public func counted(on table: RuleTable, reference: [Conclusion]) throws(RuleError) -> RuleList {
    try reference.check(count: table.rowCount)
    var rows = [[Int]](repeating: [], count: rules.count + 1)
    for (row, rule) in try decidingRules(on: table).enumerated() { rows[rule ?? rules.count].append(row) }
    let tolerance = reference.tolerance
    let supported = zip(rules, rows).map { rule, rows in
      Rule(rule.clause, rule.conclusion, support: reference.support(rule, rows: rows, tolerance: tolerance))
    }
    var last = otherwise
    let rest = rows[rules.count]
    if let conclusion = reference.commonest(among: rest, classCount: classes.count) {
      last.conclusion = conclusion
    }
    last.support = reference.support(last, rows: rest, tolerance: tolerance)
    last.confidence = last.support.laplace
    return RuleList(
      unchecked: features, classes: classes, rules: supported, otherwise: last, counting: .conditional)
  }
}

extension RuleSet {
  /// The set with supports and confidences (``Support/laplace``) counted on data, rule by rule.
  ///
  /// Weights stay. Where rules vote by confidence or cover, answers may change.
  ///
  /// - Throws: `RuleError` when the table's features are not those of the rules, or sizes differ.
  public func counted(on table: RuleTable, reference: [Conclusion]) throws(RuleError) -> RuleSet {
    try table.check(matches: features)
    try reference.check(count: table.rowCount)
    let tolerance = reference.tolerance
    return with(
      rules.map { rule in
        let rows = rule.clause.coveredRows(of: table)
        return Rule(
          rule.clause, rule.conclusion, support: reference.support(rule, rows: rows, tolerance: tolerance))
      })
  }
}

extension [Conclusion] {
  func check(count: Int) throws(RuleError) {
    guard self.count == count else {
      throw RuleError(.count(what: "reference answers", found: self.count, expected: count))
    }
  }

  /// How far a number may be off and count as right: a tenth of the standard deviation.
  var tolerance: Double {
    let values = compactMap(\.value)
    let mean = values.reduce(0, +) / Double(Swift.max(1, values.count))
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(Swift.max(1, values.count))
    return 0.1 * variance.squareRoot()
  }

  /// How many of the rows a rule is right about.
  func support(_ rule: Rule, rows: [Int], tolerance: Double) -> Support {
    let correct = rows.count { row in
      switch (rule.conclusion, self[row]) {
      case (.label(let a), .label(let b)): a == b
      case (.value(let a), .value(let b)): abs(a - b) <= tolerance
      default: false
      }
    }
    return Support(cover: Double(rows.count), correct: Double(correct), weight: rule.support.weight)
  }

  /// The commonest class, the first of equals, or the mean; nil of no rows.
  func commonest(among rows: [Int], classCount: Int) -> Conclusion? {
    guard !rows.isEmpty else { return nil }
    if classCount == 0 {
      return .value(rows.reduce(0) { $0 + (self[$1].value ?? 0) } / Double(rows.count))
    }
    var counts = [Double](repeating: 0, count: classCount)
    for row in rows { if let label = self[row].label, label < classCount { counts[label] += 1 } }
    return .label(DecisionTree.largest(counts))
  }
}
