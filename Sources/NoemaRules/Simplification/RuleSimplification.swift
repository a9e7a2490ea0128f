/// Makes a rule set shorter, step by step, without losing fidelity on validation data.
///
/// ```swift
/// let simpler = try RuleSimplification().simplify(rules, on: validation, reference: networkAnswers)
/// print(simpler.rules, simpler.trace)
/// ```
///
/// Steps that cannot change an answer are taken as they are. Where rules vote, duplicates, subsumed and adjacent rules
/// are tried as the plain disjunction that the rules of a class form, and taken when the data lose no fidelity; else
/// only what cannot change an answer is. The steps that follow go by the data, which should not be those that the rules
/// were learnt from.
public struct RuleSimplification: Sendable, Hashable, Codable {
  /// One step.
  public enum Step: String, Sendable, Hashable, Codable, CaseIterable {
    /// Conditions in canonical form.
    case canonical
    /// Drop rules that nothing satisfies.
    case unsatisfiable
    /// Drop duplicates.
    case duplicates
    /// Drop rules that another one subsumes.
    case subsumed
    /// Merge adjacent rules.
    case adjacent
    /// Drop questions about missing values on features that the data never miss.
    case presence
    /// Drop terms that fidelity does not need.
    case terms
    /// Drop rules that fidelity does not need.
    case rules
    /// Round thresholds between neighbouring values of the data.
    case thresholds
  }

  /// The steps, in order. Those before ``Step/terms`` are taken once more at the end, because rounding and shortening
  /// make rules equal and adjacent.
  public var steps: [Step] = Step.allCases
  /// By how much fidelity (of numbers, the share of variance explained) may fall below the best one on the way.
  public var tolerance: Double = 0

  /// Makes a simplification with all steps and no tolerance.
  public init() {}

  /// What one step did.
  public struct Trace: Sendable, Hashable, Codable {
    /// The step.
    public let step: Step
    /// Whether rules of one class were taken as a disjunction, which the data allowed.
    public let asDisjunction: Bool
    /// The number of rules before and after.
    public let ruleCount: [Int]
    /// The number of terms before and after.
    public let termCount: [Int]
    /// The rows of the data whose answer changed.
    public let changedAnswers: Int
    /// The mean fidelity on the data before and after.
    public let fidelity: [Double]
  }

  /// The simpler rules and how they came about.
  public struct Result: Sendable {
    /// The rules. Supports and confidences are the old ones, because votes rest on them; count them anew with
    /// ``RuleSet/counted(on:reference:)``.
    public let rules: RuleSet
    /// Each step, in order.
    public let trace: [Trace]
  }

  /// Simplifies rules.
  ///
  /// - Parameters:
  ///   - rules: the rules; `singleBest` comes back as a `firstMatch` that answers alike when neighbours merge.
  ///   - table: validation data.
  ///   - reference: what the network says about each row.
  /// - Throws: `RuleError` when the table's features are not those of the rules, there is no row, sizes differ, or the
  ///   tolerance is not from 0 to 1.
  public func simplify(
    _ rules: RuleSet, on table: RuleTable, reference: [Conclusion]
  ) throws(RuleError) -> Result {
    try table.check(matches: rules.features)
    try reference.check(count: table.rowCount)
    guard table.rowCount > 0 else {
      throw RuleError(.tooFew(set: "the validation table", found: 0, needed: 1))
    }
    guard (0...1).contains(tolerance) else {
      throw RuleError(.parameters("the tolerance is \(tolerance); give a share from 0 to 1"))
    }
    var data = Data(table: table, reference: reference, loss: AnswerLoss(reference))
    var current = try State(rules, data)
    data.best = current.fidelity
    var trace: [Trace] = []
    let repeated = steps.contains(where: \.goesByData) ? steps.filter { !$0.goesByData } : []
    for step in steps + repeated {
      let (next, asDisjunction) = try take(step, current, data)
      trace.append(
        Trace(
          step: step, asDisjunction: asDisjunction,
          ruleCount: [current.rules.rules.count, next.rules.rules.count],
          termCount: [current.rules.terms.count, next.rules.terms.count],
          changedAnswers: zip(current.answers, next.answers).count { $0 != $1 },
          fidelity: [current.fidelity, next.fidelity]))
      data.best = max(data.best, next.fidelity)
      current = next
    }
    return Result(rules: current.rules, trace: trace)
  }

  private struct Data {
    let table: RuleTable
    let reference: [Conclusion]
    let loss: AnswerLoss
    /// The best fidelity on the way so far.
    var best = -Double.infinity
  }

  /// Rules and what they answer on the data.
  private struct State {
    let rules: RuleSet
    let answers: [Conclusion]
    let fidelity: Double

    init(_ rules: RuleSet, _ data: Data) throws(RuleError) {
      self.rules = rules
      answers = try rules.conclusions(on: data.table)
      let loss = zip(answers, data.reference).reduce(0) { $0 + data.loss($1.0, $1.1) }
      fidelity = 1 - loss / Double(data.reference.count)
    }
  }

  private func take(
    _ step: Step, _ state: State, _ data: Data
  ) throws(RuleError) -> (next: State, asDisjunction: Bool) {
    let result = apply(step, state.rules, data)
    let next = result == state.rules ? state : try State(result, data)
    guard !state.rules.resolution.isOrdered, let bolder = disjunction(step, state.rules),
      bolder.rules.count < result.rules.count
    else { return (next, false) }
    let other = try State(bolder, data)
    return other.fidelity >= max(state.fidelity, data.best) - tolerance ? (other, true) : (next, false)
  }

  private func apply(_ step: Step, _ rules: RuleSet, _ data: Data) -> RuleSet {
    switch step {
    case .canonical: return rules.canonical()
    case .unsatisfiable: return rules.removingUnsatisfiableRules()
    case .duplicates: return rules.removingDuplicates()
    case .subsumed: return rules.removingSubsumedRules()
    case .adjacent: return rules.mergingAdjacentRules()
    case .presence: return rules.assumingPresent(in: data.table)
    case .thresholds: return rules.roundingThresholds(ThresholdRounding(data.table))
    case .terms, .rules:
      var reduction = GreedyReduction(
        rules, data.table, data.reference, lowest: 1 - data.best, tolerance: tolerance)
      if step == .terms { reduction.removeTerms() } else { reduction.removeRules() }
      return reduction.result
    }
  }

  private func disjunction(_ step: Step, _ rules: RuleSet) -> RuleSet? {
    switch step {
    case .subsumed: rules.removingSubsumedRules(asDisjunction: true)
    case .adjacent: rules.mergingAdjacentRules(asDisjunction: true)
    default: nil
    }
  }
}

extension RuleSimplification.Step {
  /// Whether the step goes by the data rather than by logic alone.
  var goesByData: Bool { self == .terms || self == .rules || self == .thresholds }
}
