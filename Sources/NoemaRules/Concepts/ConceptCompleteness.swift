internal import Foundation
internal import NoemaTensor

/// Whether it is the rules or the concepts that fall short: the fidelity of rules beside that of black boxes on the
/// same scores.
///
/// What no model can get out of the scores is not in them: other concepts, or another layer, are needed. What a black
/// box gets out and the rules do not is lost by the rules' form or size: more or other rules are.
///
/// - Source: the completeness of concepts after Yeh et al., "On completeness-aware concept-based explanations in deep
///   neural networks", NeurIPS 2020, with fidelity in place of accuracy.
public struct ConceptCompleteness: Sendable, Hashable, Codable {
  /// A model of the scores that need not be readable.
  public struct BlackBox: Sendable, Hashable, Codable {
    /// What it is.
    public let name: String
    /// The share of test examples with the network's class.
    public let fidelity: Estimate
    /// The share of validation examples, by which the best is chosen before the test.
    public let validation: Double
  }

  /// What falls short.
  public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
    /// Neither.
    case complete = "the concepts suffice, and the rules read them"
    /// The rules: a black box reads more out of the same scores.
    case rulesTooSimple = "the rules are too simple"
    /// The concepts: not even a black box reads what the network says out of them.
    case conceptsDoNotSuffice = "the concepts do not suffice"
    /// Both.
    case both = "the concepts do not suffice, and the rules are too simple for what they tell"
    /// The test examples are too few to say.
    case undecided = "too few test examples to tell"
  }

  /// The share of test examples to which the rules give the network's class.
  public let rules: Estimate
  /// The black boxes.
  public let blackBoxes: [BlackBox]
  /// The one that did best on validation examples, by index.
  public let best: Int
  /// By how much its fidelity exceeds that of the rules on the same examples, with a bootstrap interval.
  public let difference: Estimate
  /// The share that always answering the network's commonest class would reach.
  public let majority: Double
  /// The fidelity from which concepts suffice.
  public let sufficient: Double
  /// What falls short.
  public let verdict: Verdict

  /// The fidelity of the best black box.
  public var blackBox: Estimate { blackBoxes[best].fidelity }

  /// Judges rules over concepts.
  ///
  /// - Parameters:
  ///   - model: the rules.
  ///   - training: what they were learnt from.
  ///   - test: other examples.
  ///   - sufficient: the fidelity from which concepts suffice.
  ///   - slack: a black box may be better by so much.
  ///   - seed: of validation examples, the forest and intervals.
  /// - Throws: `RuleError` when tables do not fit the rules or have no examples, or the network gives all training
  ///   examples one class; `ConceptError` when regression fails.
  public init(
    of model: some RuleModel, training: ConceptTable, test: ConceptTable, sufficient: Double = 0.95,
    slack: Double = 0.02, seed: UInt64 = 7
  ) throws {
    try RuleError.require(
      (0...1).contains(sufficient) && (0...1).contains(slack),
      "the sufficient fidelity and the slack must lie in [0, 1], found \(sufficient) and \(slack)")
    try training.check()
    guard test.count > 0 else { throw RuleError(.tooFew(set: "the test examples", found: 0, needed: 1)) }
    let own = zip(try model.labels(on: test.table), test.labels).map { $0 == $1 }
    let validation = try ConceptCompleteness.validation(training, seed)
    var hits: [[Bool]] = []
    let boxes = try ScoreModels.Kind.allCases.enumerated().map { index, kind -> BlackBox in
      let answers = try ScoreModels.labels(
        kind, from: training.table, training.labels, classCount: training.classes.count, on: test.table,
        seed: seed)
      hits.append(zip(answers, test.labels).map { $0 == $1 })
      return BlackBox(
        name: kind.rawValue, fidelity: .share(hits[index].count { $0 }, of: test.count),
        validation: validation[index])
    }
    let best = boxes.indices.reduce(0) { boxes[$1].validation > boxes[$0].validation ? $1 : $0 }
    let gains = zip(hits[best], own).map { ($0 ? 1 : 0) - ($1 ? 1 : 0) + 1 }
    let count = Double(test.count)
    let difference = Estimate.bootstrap(groups: gains, groupCount: 3, resamples: 1000, seed: seed) {
      [($0[2] - $0[0]) / count]
    }[0]
    let rules = Estimate.share(own.count { $0 }, of: test.count)
    (self.rules, blackBoxes, self.best) = (rules, boxes, best)
    (self.difference, self.sufficient) = (difference, sufficient)
    let counts = training.classes.indices.map { label in test.labels.count { $0 == label } }
    majority = Double(counts.max() ?? 0) / count
    let ceiling = boxes[best].fidelity.value >= rules.value ? boxes[best].fidelity : rules
    verdict = ConceptCompleteness.verdict(
      ceiling, isBetter: difference.lower > 0 && difference.value > slack, sufficient)
  }

  /// - Parameter ceiling: the best that was reached on the scores.
  private static func verdict(_ ceiling: Estimate, isBetter: Bool, _ sufficient: Double) -> Verdict {
    if ceiling.upper < sufficient { return isBetter ? .both : .conceptsDoNotSuffice }
    if isBetter { return .rulesTooSimple }
    return ceiling.value >= sufficient ? .complete : .undecided
  }

  /// The fidelity of each kind on a quarter of the training examples, by models of the rest.
  private static func validation(_ training: ConceptTable, _ seed: UInt64) throws -> [Double] {
    var random = RandomNumbers(seed: seed).split(-1)
    let order = random.sample(training.count, below: training.count)
    let held = training.subset(rows: order.prefix(training.count / 4).sorted())
    let rest = training.subset(rows: order.dropFirst(training.count / 4).sorted())
    // Of very few examples the rest may show one class only.
    guard held.count > 0, Set(rest.labels).count > 1 else { return ScoreModels.Kind.allCases.map { _ in 0 } }
    return try ScoreModels.Kind.allCases.map { kind in
      let answers = try ScoreModels.labels(
        kind, from: rest.table, rest.labels, classCount: training.classes.count, on: held.table, seed: seed)
      return Double(zip(answers, held.labels).count { $0 == $1 }) / Double(held.count)
    }
  }

  /// The judgement in two sentences.
  public var sentences: [String] {
    func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
    let box = blackBoxes[best]
    return [
      "On the same concept scores, \(box.name) says what the network says of \(percent(box.fidelity.value)) of the "
        + "examples (\(percent(box.fidelity.lower)) to \(percent(box.fidelity.upper))), the rules of "
        + "\(percent(rules.value)).",
      "So \(verdict.rawValue).",
    ]
  }
}

extension ConceptTable {
  /// Refuses examples that rules cannot be learnt from.
  ///
  /// - Throws: `RuleError.tooFew` for fewer than two, `.constantLabels` when the network gives all one class.
  public func check() throws(RuleError) {
    guard count > 1 else { throw RuleError(.tooFew(set: "the training examples", found: count, needed: 2)) }
    guard Set(labels).count > 1 else {
      throw RuleError(.constantLabels(classes[labels[0]]), at: "the network's answers")
    }
  }
}
