/// What becomes of a clause with a term that no rule of the layer below implies.
public enum UnimpliedTerm: String, Sendable, Hashable, Codable, CaseIterable {
  /// The clause goes: nothing below says that it ever holds.
  case dropsClause = "drops-clause"
  /// The term goes, so that the clause says more than it did, as the reference implementation has it.
  case dropsTerm = "drops-term"
}

/// What bounds the product of rules.
struct SubstitutionLimits: Sendable {
  /// The most clauses of a class, at any time.
  var clauses: Int
  /// The most pairs of clauses that are multiplied for a class after a layer.
  var products: Int {
    let (count, isTooMany) = clauses.multipliedReportingOverflow(by: 200)
    return isTooMany ? .max : count
  }
  /// The fewest examples that a clause must cover.
  var minimumCover: Int
  var unimplied: UnimpliedTerm
  var time: TimeLimit
}

/// Rules over a layer for the terms of the layer above.
struct TermRules: Sendable {
  /// The clauses that imply each term.
  private(set) var clauses: [Term: [Disjunction.Member]] = [:]
  /// Whether time was over before all terms were learnt.
  private(set) var isTruncated = false

  init(clauses: [Term: [Disjunction.Member]]) { self.clauses = clauses }

  /// Learns when terms hold; a term and its negation from one set of rules.
  ///
  /// - Parameters:
  ///   - terms: over the upper layer, of numbers.
  ///   - upper: the upper layer's activations.
  init(
    for terms: [Term], over upper: RuleTable, by classifier: LayerClassifier, until limit: TimeLimit
  ) throws(RuleError) {
    struct Cut: Hashable {
      let feature: Int
      let threshold: Double
    }
    var cuts: [Cut] = []
    var seen: Set<Cut> = []
    for term in terms {
      let cut = Cut(feature: term.feature, threshold: term.threshold ?? 0)
      if seen.insert(cut).inserted { cuts.append(cut) }
    }
    var truth = TermRows(upper)
    let sets = cuts.map { truth.rows(.atMost($0.feature, $0.threshold)) }
    var rows = TermRows(classifier.data.table)
    for (cut, rules) in zip(cuts, try classifier.rules(where: sets, until: limit)) {
      guard let rules else {
        isTruncated = true
        continue
      }
      clauses[.atMost(cut.feature, cut.threshold)] = rules.members(concluding: 1, &rows)
      clauses[.above(cut.feature, cut.threshold)] = rules.members(concluding: 0, &rows)
    }
  }

  /// Replaces every term of a disjunction by the clauses that imply it.
  ///
  /// A product grows by one term at a time, the one with the fewest clauses first, and loses at once what nothing
  /// satisfies, what covers too few examples and what another product makes redundant. A product's confidence is the
  /// mean of its factors', each that of its rule times the least confidence of the clauses that have the term.
  ///
  /// - Returns: the disjunction over this layer, and whether a limit cut it short.
  func substituting(
    in upper: Disjunction, _ features: [Feature], rowCount: Int, _ limits: SubstitutionLimits
  ) -> (Disjunction, isTruncated: Bool) {
    let priors = upper.priors
    let everything = RowSet(rowCount) { _ in true }
    var result = Disjunction()
    var isTruncated = false
    var budget = limits.products
    for member in upper.members {
      guard !limits.time.isOver, budget > 0, result.count < limits.clauses else { return (result, true) }
      var factors: [[Disjunction.Member]] = []
      var isImplied = true
      for term in member.clause.terms {
        let prior = priors[term] ?? 1
        let choices = (clauses[term] ?? []).map {
          Disjunction.Member($0.clause, confidence: $0.confidence * prior, rows: $0.rows)
        }
        if choices.isEmpty { isImplied = false } else { factors.append(choices) }
      }
      guard isImplied || limits.unimplied == .dropsTerm else { continue }
      let (product, isCut) = product(
        of: factors, Disjunction.Member(.always, confidence: 0, rows: everything), features, limits,
        &budget)
      isTruncated = isTruncated || isCut
      for entry in product.members {
        let confidence = factors.isEmpty ? member.confidence : entry.confidence / Double(factors.count)
        result.insert(Disjunction.Member(entry.clause, confidence: confidence, rows: entry.rows))
        if result.count >= limits.clauses { break }
      }
    }
    return (result, isTruncated || result.count >= limits.clauses)
  }

  private func product(
    of factors: [[Disjunction.Member]], _ unit: Disjunction.Member, _ features: [Feature],
    _ limits: SubstitutionLimits, _ budget: inout Int
  ) -> (Disjunction, isTruncated: Bool) {
    var product = Disjunction([unit])
    var isTruncated = false
    let order = factors.indices.sorted { (factors[$0].count, $0) < (factors[$1].count, $1) }
    for factor in order.map({ factors[$0] }) {
      var next = Disjunction()
      extending: for partial in product.members {
        for choice in factor {
          guard next.count < limits.clauses, budget > 0, !limits.time.isOver else {
            isTruncated = true
            break extending
          }
          budget -= 1
          let rows = partial.rows.intersection(choice.rows)
          guard limits.minimumCover == 0 || rows.count >= limits.minimumCover else { continue }
          let clause = partial.clause.intersection(choice.clause)
          guard clause.isSatisfiable(in: features) else { continue }
          next.insert(
            Disjunction.Member(clause, confidence: partial.confidence + choice.confidence, rows: rows))
        }
      }
      product = next
    }
    return (product, isTruncated)
  }
}

extension [Rule] {
  /// The clauses of the rules with one conclusion, without redundant ones.
  func members(concluding label: Int, _ rows: inout TermRows) -> [Disjunction.Member] {
    let features = rows.table.features
    var result = Disjunction()
    for rule in self where rule.conclusion.label == label {
      let clause = rule.clause.canonical(in: features)
      guard clause.isSatisfiable(in: features) else { continue }
      result.insert(Disjunction.Member(clause, confidence: rule.confidence, rows: rows.rows(clause)))
    }
    return result.members
  }
}
