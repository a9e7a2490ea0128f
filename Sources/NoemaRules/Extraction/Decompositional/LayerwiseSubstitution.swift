/// When a class counts as the network's answer.
public enum OutputCondition: Sendable, Hashable, Codable {
  /// When it is the most probable, the first of equals.
  case mostProbable
  /// When its probability is above a number; one over the number of classes when nil. With more than two classes
  /// several may be on, or none.
  case above(Double?)
}

/// Rules from the output back to the inputs, a layer at a time.
struct LayerwiseSubstitution {
  let data: LayeredExamples
  let condition: OutputCondition
  let limits: SubstitutionLimits
  /// What makes rules over the activations of a hidden layer, or over the inputs.
  let classifier: (LayerData, _ isInput: Bool) -> LayerClassifier
  private(set) var isTruncated = false

  init(
    _ data: LayeredExamples, _ condition: OutputCondition, _ limits: SubstitutionLimits,
    _ classifier: @escaping (LayerData, _ isInput: Bool) -> LayerClassifier
  ) {
    (self.data, self.condition, self.limits, self.classifier) = (data, condition, limits, classifier)
  }

  /// Substitutes after each layer, so that terms that no rule needs any more are not learnt.
  ///
  /// - Parameter reduce: what is done to the rules of each class after a layer.
  mutating func immediate(_ reduce: (_ label: Int, Disjunction) -> Disjunction) throws -> [Disjunction] {
    var upper = try data.activations(data.layers[data.layers.count - 1])
    var rules = try classRules(upper)
    for layer in data.layers.indices.reversed() {
      let lower = layer == 0 ? data.inputs : try data.activations(data.layers[layer - 1])
      let terms = Disjunction.terms(of: rules)
      let learnt = try TermRules(
        for: terms, over: upper.table, by: classifier(lower, layer == 0), until: limits.time)
      rules = substitute(learnt, rules, lower.table.features).enumerated().map { reduce($0, $1) }
      upper = lower
    }
    return rules
  }

  /// Learns the terms of all layers, and substitutes at the end.
  mutating func deferred() throws -> [Disjunction] {
    var upper = try data.activations(data.layers[data.layers.count - 1])
    var rules = try classRules(upper)
    var terms = Disjunction.terms(of: rules)
    var learnt: [(rules: TermRules, features: [Feature])] = []
    for layer in data.layers.indices.reversed() {
      let lower = layer == 0 ? data.inputs : try data.activations(data.layers[layer - 1])
      let found = try TermRules(
        for: terms, over: upper.table, by: classifier(lower, layer == 0), until: limits.time)
      learnt.append((found, lower.table.features))
      terms = Disjunction.terms(
        of: found.clauses.keys.sorted(by: Term.precedes).map { Disjunction(found.clauses[$0] ?? []) })
      upper = lower
    }
    for step in learnt { rules = substitute(step.rules, rules, step.features) }
    return rules
  }

  /// Rules over the last hidden layer for where each class is the answer.
  private mutating func classRules(_ layer: LayerData) throws(RuleError) -> [Disjunction] {
    let (classes, rows) = (data.oracle.classes.count, data.rowCount)
    let sets = (0..<classes).map { label in
      switch condition {
      case .mostProbable: return data.inputs.rows(data.answers.labels, are: label)
      case .above(let threshold):
        let bound = threshold ?? 1 / Double(classes)
        return RowSet(rows) { data.answers.probabilities[$0 * classes + label] > bound }
      }
    }
    let found = try classifier(layer, false).rules(where: sets, until: limits.time)
    var covered = TermRows(layer.table)
    return found.map { rules in
      if rules == nil { isTruncated = true }
      return Disjunction((rules ?? []).members(concluding: 1, &covered))
    }
  }

  private mutating func substitute(
    _ learnt: TermRules, _ rules: [Disjunction], _ features: [Feature]
  ) -> [Disjunction] {
    if learnt.isTruncated { isTruncated = true }
    let (limits, count) = (limits, data.rowCount)
    let results = Workers().map(rules.count) { index in
      learnt.substituting(in: rules[index], features, rowCount: count, limits)
    }
    if results.contains(where: \.isTruncated) { isTruncated = true }
    return results.map(\.0)
  }

  /// The rules of all classes, as they vote.
  func ruleSet(_ rules: [Disjunction], _ resolution: ConflictResolution) throws(RuleError) -> RuleSet {
    try data.ruleSet(
      rules.enumerated().flatMap { label, rules in
        rules.members.map { Rule($0.clause, .label(label), confidence: $0.confidence) }
      }, resolution)
  }
}

extension Disjunction {
  /// The distinct terms of several, in the order in which they come.
  static func terms(of all: [Disjunction]) -> [Term] {
    var seen: Set<Term> = []
    return all.flatMap(\.terms).filter { seen.insert($0).inserted }
  }
}

extension Term {
  /// An order of comparisons that does not change from run to run.
  static func precedes(_ a: Term, _ b: Term) -> Bool {
    func key(_ term: Term) -> (Int, Double, Int) {
      if case .atMost = term { return (term.feature, term.threshold ?? 0, 0) }
      return (term.feature, term.threshold ?? 0, 1)
    }
    return key(a) < key(b)
  }
}
