internal import Glibc

/// Rules from a tree: the ways to its leaves, each freed of what does not matter, and of each class those that are
/// worth their length.
///
/// 1. A rule loses a condition, the one whose loss leaves the lowest pessimistic error rate, as long as that does not
///    rise.
/// 2. Of equal rules one stays; a rule that is left without conditions goes, unless it is the only one.
/// 3. Of each class the rules are chosen that say with the fewest bits which cases have the class: a rule costs its
///    conditions, less what their and the rules' free order saves; the cases wrongly covered and those missed cost
///    `log2 C(covered, wrong) + log2 C(rest, missed)`. Of up to ten rules the best choice is found, of more one that
///    no addition or removal of a rule betters.
///
/// ```swift
/// let rules = try TreeRules().ruleSet(C45().fit(examples), examples)
/// ```
///
/// - Source: Quinlan, *C4.5: Programs for Machine Learning*, 1993, chapter 5. The bits of a condition are those of
///   its feature and of its threshold or levels among those of the table.
public struct TreeRules: Sendable, Hashable, Codable {
  /// The confidence of pessimistic errors.
  public var confidence: Double
  /// How much the bits of rules weigh against those of cases; below 1, because conditions repeat one another.
  public var ruleWeight = 0.5
  /// Whether rules lose conditions.
  public var generalises = true
  /// Whether rules are chosen by their bits.
  public var selects = true

  /// Makes a conversion.
  public init(confidence: Double = 0.25) { self.confidence = confidence }

  /// Rules that vote by their confidence `(correct + 1)/(cover + 2)`, as in C5.0.
  ///
  /// The default is the class with most weight among the cases that no rule covers, the more frequent one of equals.
  ///
  /// - Parameters:
  ///   - tree: a tree of classes, grown by any learner.
  ///   - examples: what the rules are counted on, usually what the tree was grown on.
  /// - Throws: `RuleError` when the examples do not fit the tree, its leaves hold numbers, or an M-of-N test has too
  ///   many clauses.
  public func ruleSet(_ tree: DecisionTree, _ examples: TrainingTable) throws(RuleError) -> RuleSet {
    let made = try make(tree, examples)
    return RuleSet(
      unchecked: tree.features, classes: tree.classes, rules: made.rules.map { made.rule($0) },
      resolution: .confidenceVote, defaultConclusion: .label(made.defaultLabel(made.rules)))
  }

  /// Rules in an order, as in C4.5rules: the class comes next whose rules are wrong least often on the cases that are
  /// left, and of a class the rule with the lowest pessimistic error rate first.
  ///
  /// - Parameters:
  ///   - tree: as for ``ruleSet(_:_:)``.
  ///   - examples: as for ``ruleSet(_:_:)``.
  /// - Throws: `RuleError` as ``ruleSet(_:_:)``.
  public func ruleList(_ tree: DecisionTree, _ examples: TrainingTable) throws(RuleError) -> RuleList {
    let made = try make(tree, examples)
    let rules = made.ordered().map { made.rule($0) }
    let label = made.defaultLabel(made.rules)
    let rest = made.weights.distribution(made.uncovered(made.rules))
    let support = Support(cover: rest.reduce(0, +), correct: rest[label])
    return RuleList(
      unchecked: tree.features, classes: tree.classes, rules: rules,
      otherwise: Rule(.always, .label(label), support: support), counting: .marginal)
  }

  private func make(_ tree: DecisionTree, _ examples: TrainingTable) throws(RuleError) -> CountedRules {
    try examples.table.check(matches: tree.features)
    guard !tree.classes.isEmpty, examples.classes == tree.classes else {
      throw RuleError(
        .parameters(
          "rules need a tree of classes and examples with the same classes, found \(examples.classes)"))
    }
    guard confidence > 0, confidence < 1, ruleWeight >= 0 else {
      throw RuleError(
        .parameters(
          "the confidence must lie between 0 and 1 and the weight be 0 or more, found \(confidence) and \(ruleWeight)"
        ))
    }
    var counted = CountedRules(
      examples, ClassWeights(examples), PessimisticError(confidence: confidence), ruleWeight: ruleWeight)
    for rule in try tree.with(.defaultChild).ruleSet().rules {
      let clause = TreeRules.forgettingMissing(rule.clause, tree, examples.table)
      counted.add(clause, rule.conclusion.label ?? 0, generalises: generalises)
    }
    if selects { counted.select() }
    return counted
  }

  /// A condition does not admit missing values where there were none to send, or where they went to all children.
  private static func forgettingMissing(_ clause: Clause, _ tree: DecisionTree, _ table: RuleTable) -> Clause
  {
    Clause(
      conditions: clause.conditions.map { condition in
        if condition.values == .none { return condition }
        guard tree.missingPolicy == .allChildren || !table.hasMissing(condition.feature) else {
          return condition
        }
        return Condition(condition.feature, condition.values)
      })
  }
}

/// Rules with the rows they cover.
struct CountedRules {
  struct Entry {
    let clause: Clause
    let label: Int
    let rows: RowSet
    let cover: Double
    let wrong: Double
    /// The pessimistic error rate.
    let rate: Double
  }

  let weights: ClassWeights
  private(set) var rules: [Entry] = []
  private let table: RuleTable
  private let estimate: PessimisticError
  private let ruleWeight: Double
  /// The number of distinct values of each feature.
  private let valueCounts: [Int]
  /// The rows that satisfy a term; rules share most of theirs.
  private var rowsOfTerm: [Term: RowSet] = [:]

  init(_ examples: TrainingTable, _ weights: ClassWeights, _ estimate: PessimisticError, ruleWeight: Double) {
    self.weights = weights
    self.estimate = estimate
    self.ruleWeight = ruleWeight
    table = examples.table
    let table = examples.table
    valueCounts = table.features.indices.map { Set(table.column($0).filter { !$0.isNaN }).count }
  }

  func rule(_ entry: Entry) -> Rule {
    Rule(
      entry.clause, .label(entry.label),
      support: Support(cover: entry.cover, correct: entry.cover - entry.wrong))
  }

  private mutating func rows(_ term: Term) -> RowSet {
    if let known = rowsOfTerm[term] { return known }
    let rows = RowSet(table.rowCount) { term.holds(row: $0, of: table) }
    rowsOfTerm[term] = rows
    return rows
  }

  private func rate(_ rows: RowSet, _ label: Int) -> Double {
    let support = weights.support(rows, of: label)
    return estimate.rate(cases: support.cover, errors: support.wrong)
  }

  // MARK: Generalisation

  /// Takes up a rule, unless there is an equal one.
  mutating func add(_ clause: Clause, _ label: Int, generalises: Bool) {
    var terms = clause.terms
    var sets = terms.map { rows($0) }
    if generalises { generalise(&terms, &sets, label) }
    let clause = Clause(terms)
    if rules.contains(where: { $0.label == label && $0.clause == clause }) { return }
    var covered = RowSet(table.rowCount) { _ in true }
    for set in sets { covered.formIntersection(set) }
    let support = weights.support(covered, of: label)
    rules.append(
      Entry(
        clause: clause, label: label, rows: covered, cover: support.cover, wrong: support.wrong,
        rate: estimate.rate(cases: support.cover, errors: support.wrong)))
  }

  private func generalise(_ terms: inout [Term], _ sets: inout [RowSet], _ label: Int) {
    let all = RowSet(table.rowCount) { _ in true }
    while !terms.isEmpty {
      // The rows of all terms before one, and of all after.
      var before = [all]
      for set in sets { before.append(before[before.count - 1].intersection(set)) }
      let present = rate(before[sets.count], label)
      var after = all
      var best: (rate: Double, place: Int)?
      for place in terms.indices.reversed() {
        let rate = rate(before[place].intersection(after), label)
        // The first of equals.
        if rate <= best?.rate ?? .infinity { best = (rate, place) }
        after.formIntersection(sets[place])
      }
      guard let best, best.rate <= present else { return }
      terms.remove(at: best.place)
      sets.remove(at: best.place)
    }
  }

  // MARK: Coverage

  /// The rows that none of some rules covers.
  func uncovered(_ entries: [Entry]) -> RowSet {
    var rows = RowSet(table.rowCount) { _ in true }
    for entry in entries { rows.subtract(entry.rows) }
    return rows
  }

  /// The class with most weight among the rows that no rule covers.
  func defaultLabel(_ entries: [Entry]) -> Int {
    let all = weights.distribution(RowSet(table.rowCount) { _ in true })
    let rest = weights.distribution(uncovered(entries))
    var best = 0
    for k in all.indices where (rest[k], all[k]) > (rest[best], all[best]) { best = k }
    return best
  }

  /// The rules class by class, fewest wrong cases among those left first.
  func ordered() -> [Entry] {
    var left = RowSet(table.rowCount) { _ in true }
    var classes = (0..<weights.classCount).filter { label in rules.contains { $0.label == label } }
    var result: [Entry] = []
    while !classes.isEmpty {
      let unions = classes.map { label in
        var rows = RowSet(table.rowCount) { _ in false }
        for entry in self.rules where entry.label == label { rows.formUnion(entry.rows) }
        return rows
      }
      let wrong = zip(classes, unions).map { weights.support($1.intersection(left), of: $0).wrong }
      let next = DecisionTree.largest(wrong.map { -$0 })
      let label = classes.remove(at: next)
      left.subtract(unions[next])
      let own = rules.filter { $0.label == label }
      result += own.indices.sorted { (own[$0].rate, $0) < (own[$1].rate, $1) }.map { own[$0] }
    }
    return result
  }
}

// MARK: Choice by description length
extension CountedRules {
  /// Up to so many rules of a class, all choices are tried.
  private static let exhaustiveLimit = 10

  /// Keeps of each class the rules that are worth their bits, and none without conditions beside others.
  mutating func select() {
    guard rules.count > 1 else { return }
    rules.removeAll { $0.clause == .always }
    var kept: [Int] = []
    for label in 0..<weights.classCount {
      let own = rules.indices.filter { rules[$0].label == label }
      guard !own.isEmpty else { continue }
      let choice = Choice(
        rules: own.map { rules[$0] }, bits: own.map { ruleBits(rules[$0].clause) }, weights: weights,
        rowCount: table.rowCount, label: label, ruleWeight: ruleWeight)
      let chosen =
        own.count <= CountedRules.exhaustiveLimit ? choice.best() : choice.locallyBest()
      kept += chosen.map { own[$0] }
    }
    rules = kept.sorted().map { rules[$0] }
  }

  /// What it takes to say a rule's conditions in any order.
  private func ruleBits(_ clause: Clause) -> Double {
    let terms = clause.terms
    let bits = terms.reduce(0) { sum, term in
      let feature = term.feature
      let values: Double =
        switch term {
        case .atMost, .above: log2(Double(max(1, valueCounts[feature] - 1)))
        case .isIn: Double(table.features[feature].levels?.count ?? 1)
        case .isMissing, .isPresent: 0
        }
      return sum + log2(Double(table.features.count)) + values
    }
    return max(0, bits - lgamma(Double(terms.count) + 1) / log(2))
  }
}

/// The choice among the rules of one class.
private struct Choice {
  let rules: [CountedRules.Entry]
  /// The bits of each rule.
  let bits: [Double]
  let weights: ClassWeights
  let rowCount: Int
  let label: Int
  let ruleWeight: Double

  /// All choices; of equals, that of fewer and earlier rules.
  func best() -> [Int] {
    var best: (bits: Double, mask: Int) = (.infinity, 0)
    for mask in 0..<(1 << rules.count) {
      let bits = total(rules.indices.filter { mask >> $0 & 1 == 1 })
      if bits < best.bits - 1e-9 { best = (bits, mask) }
    }
    return rules.indices.filter { best.mask >> $0 & 1 == 1 }
  }

  /// From all rules on, adds and removes rules, those of the highest error rate first, as long as one saves bits.
  func locallyBest() -> [Int] {
    let order = rules.indices.sorted { (rules[$0].rate, $0) > (rules[$1].rate, $1) }
    var isChosen = [Bool](repeating: true, count: rules.count)
    var (count, sum) = (rules.count, bits.reduce(0, +))
    // How many chosen rules cover each row; where it is one, and where more than none.
    var counts = [Int32](repeating: 0, count: rowCount)
    for rule in rules { rule.rows.forEach { counts[$0] += 1 } }
    var once = RowSet(rowCount) { counts[$0] == 1 }
    var covered = RowSet(rowCount) { counts[$0] > 0 }
    var present = total(covered, bits: sum, count: count)
    var unchanged = 0
    var place = 0
    while unchanged < rules.count {
      let rule = order[place % order.count]
      place += 1
      let rows = rules[rule].rows
      let sign = isChosen[rule] ? -1 : 1
      var next = covered
      if isChosen[rule] { next.subtract(once.intersection(rows)) } else { next.formUnion(rows) }
      let bits = total(next, bits: sum + Double(sign) * self.bits[rule], count: count + sign)
      unchanged += 1
      guard bits < present - 1e-9 else { continue }
      (present, covered, unchanged) = (bits, next, 0)
      (count, sum) = (count + sign, sum + Double(sign) * self.bits[rule])
      isChosen[rule].toggle()
      rows.forEach { row in
        counts[row] += Int32(sign)
        once.set(row, counts[row] == 1)
      }
    }
    return rules.indices.filter { isChosen[$0] }
  }

  private func total(_ chosen: [Int]) -> Double {
    var covered = RowSet(rowCount) { _ in false }
    for rule in chosen { covered.formUnion(rules[rule].rows) }
    return total(covered, bits: chosen.reduce(0) { $0 + bits[$1] }, count: chosen.count)
  }

  private func total(_ covered: RowSet, bits: Double, count: Int) -> Double {
    let (cover, wrong) = weights.support(covered, of: label)
    var rest = RowSet(rowCount) { _ in true }
    rest.subtract(covered)
    let outside = weights.support(rest, of: label)
    let exceptions =
      Choice.combinations(cover, wrong) + Choice.combinations(outside.cover, outside.cover - outside.wrong)
    return exceptions + ruleWeight * max(0, bits - lgamma(Double(count) + 1) / log(2))
  }

  /// `log2 C(n, k)`, for sums of weights too.
  private static func combinations(_ n: Double, _ k: Double) -> Double {
    max(0, (lgamma(n + 1) - lgamma(k + 1) - lgamma(max(0, n - k) + 1)) / log(2))
  }
}
