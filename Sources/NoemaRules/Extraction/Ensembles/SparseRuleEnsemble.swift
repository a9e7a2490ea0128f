internal import Glibc
internal import NoemaTensor

/// Few rules and straight lines whose weighted sum says what a network says of each class (RuleFit).
///
/// 1. Small trees of random sizes are boosted on the network's scores of a class; each way to a node is a rule.
/// 2. Rules, and numbers within their bounds, are columns of least squares that pays for coefficients (the lasso).
///    Rules are 1 or 0, numbers are scaled to a deviation of 0.4, as a typical rule has.
/// 3. The penalty is the one that is best in cross-validation, among those that leave few terms.
///
/// ```swift
/// var ensemble = SparseRuleEnsemble()
/// ensemble.maximumTerms = 12
/// let sums = try ensemble.fit(network, examples: table).model
/// ```
///
/// Of two classes one is fitted, and the other one's scores mirror it. An oracle that names one class throughout gives
/// no rule but the default, and a remark.
///
/// - Source: Friedman and Popescu, "Predictive learning via rule ensembles", *Annals of Applied Statistics* 2008.
public struct SparseRuleEnsemble: RuleExtractor, Hashable, Codable {
  /// What is fitted: the network's probabilities, or their logarithms.
  public var scale = AdditiveRules.Scale.logit
  /// On the scale of logits, a lesser probability counts as this one.
  public var leastProbability = 0.01
  /// The number of trees for each class.
  public var treeCount = 100
  /// The mean number of leaves of a tree is about this; 2 makes all rules of one term.
  public var meanLeaves = 4.0
  /// The share of a tree's prediction that is taken off before the next one grows.
  public var learningRate = 0.01
  /// The fewest examples of a leaf.
  public var minimumLeaf = 5
  /// The most rules to choose from for each class.
  public var candidateLimit = 1000
  /// Whether numbers are columns beside rules.
  public var usesLinearTerms = true
  /// The share of a number's values on either side that count as the bound.
  public var trim = 0.025
  /// The most coefficients for each class; nil for no limit.
  public var maximumTerms: Int? = 30
  /// The parts of the cross-validation.
  public var folds = 5
  /// The greatest penalty is taken whose error exceeds the least by no more than so many standard errors.
  public var standardErrors = 0.0
  /// The stairs that stand for a straight line in the extracted rules.
  public var linearSteps = 10
  /// The number of generated queries; nil for 10 an example, but 10,000 at most.
  public var queryCount: Int?
  /// Where queries come from.
  public var distribution = QueryDistribution.copula
  /// The share of queries to judge the rules by, of examples when there are none or they are examples or mixes.
  public var heldOutShare = 0.2
  /// The seed of queries, trees and parts.
  public var seed: UInt64 = 0

  /// Makes an extractor with the defaults.
  public init() {}

  /// A fitted ensemble.
  public struct Fit: Sendable {
    /// The sums.
    public let model: AdditiveRules
    /// For each class the penalty that was chosen; 0 where there was nothing to choose.
    public let penalties: [Double]
    /// For each class the share of the variance of its scores that is explained in cross-validation.
    public let explainedVariances: [Double]
    /// Whether a limit on rules or terms ended the search.
    public let isTruncated: Bool
    /// What a reader should know, a sentence each.
    public let remarks: [String]
  }

  /// Fits sums to what an oracle says.
  ///
  /// - Parameters:
  ///   - oracle: what is explained.
  ///   - examples: rows like those that it will be asked about.
  /// - Throws: `RuleError.parameters` for settings out of range, `.tooFew` for no examples, others when examples or
  ///   answers do not fit the oracle's features and classes; and what asking throws.
  /// - Complexity: for `n` rows and `p` rules of a class `O(n p²/64)`, and `O(p)` for each move of a coefficient.
  public func fit(_ oracle: any TableOracle, examples: RuleTable) throws -> Fit {
    try fitted(oracle, examples).fit
  }

  /// Extracts the sums as rules that vote by weight; see ``AdditiveRules/ruleSet(steps:)``.
  ///
  /// - Throws: `RuleError` as ``fit(_:examples:)``.
  public func extract(from oracle: any TableOracle, examples: RuleTable) throws -> ExtractedRules {
    let (fit, data) = try fitted(oracle, examples)
    if let label = data.onlyLabel {
      let rules = try RuleSet(
        features: oracle.features, classes: oracle.classes, rules: [], defaultConclusion: .label(label))
      return ExtractedRules(rules, remarks: fit.remarks)
    }
    let votes = try fit.model.ruleSet(steps: linearSteps)
    let counted = try votes.counted(
      on: data.training, reference: data.trainingAnswers.labels.map { .label($0) })
    let rules = votes.with(
      counted.rules.map { Rule($0.clause, $0.conclusion, support: $0.support, confidence: 1) })
    let sums = try fit.model.labels(on: data.training)
    let same = zip(sums, try rules.labels(on: data.training)).count { $0 == $1 }
    var remarks = fit.remarks
    remarks.append(
      "The rules are the terms of a sum and vote by their weights: a confidence of 1 says nothing about a single rule, "
        + "whose cover and correct rows do.")
    if !fit.model.linearTerms.isEmpty {
      remarks.append(
        "\(fit.model.linearTerms.count) straight line\(fit.model.linearTerms.count == 1 ? " is" : "s are") "
          + "stairs of \(linearSteps) steps here; rules and sums give the same class to \(same) of "
          + "\(sums.count) rows.")
    }
    remarks += try data.agreement(of: rules)
    return ExtractedRules(rules, isTruncated: fit.isTruncated, remarks: remarks)
  }
}

// MARK: Steps
extension SparseRuleEnsemble {
  /// What one class's scores come to.
  private struct ClassFit {
    let columns: EnsembleColumns
    let choice: Lasso.Choice
    let explained: Double
    let isTruncated: Bool
  }

  private func fitted(
    _ oracle: any TableOracle, _ examples: RuleTable
  ) throws -> (fit: Fit, data: DistillationData) {
    try check()
    let data = try DistillationData(
      queryCount, upTo: 10_000, from: distribution, heldOutShare: heldOutShare, seed: seed, oracle, examples)
    let count = oracle.classes.count
    let targets = targets(data.trainingAnswers, classCount: count)
    if data.onlyLabel != nil || data.training.rowCount == 0 {
      let intercepts = targets.map { $0.reduce(0, +) / Double(max(1, $0.count)) }
      let model = AdditiveRules(
        features: oracle.features, classes: oracle.classes, scale: scale, intercepts: intercepts, rules: [],
        linearTerms: [])
      let nothing = intercepts.map { _ in 0.0 }
      let fit = Fit(
        model: model, penalties: nothing, explainedVariances: nothing, isTruncated: false,
        remarks: data.remarks)
      return (fit, data)
    }
    // The scores of two classes mirror each other.
    let labels = count == 2 ? [1] : Array(0..<count)
    var fits: [ClassFit] = []
    for label in labels { fits.append(try fitClass(label, targets[label], data.training)) }
    let isTruncated = fits.contains(where: \.isTruncated)
    var remarks = data.remarks
    if fits.contains(where: { !$0.choice.solution.isConverged }) {
      remarks.append("Some coefficients were still moving when the limit on passes was reached.")
    }
    if isTruncated {
      remarks.append(
        "A limit on terms or on rules to choose from ended the search; more of them may explain more.")
    }
    func perClass(_ value: (ClassFit) -> Double) -> [Double] {
      oracle.classes.indices.map { value(fits[count == 2 ? 0 : $0]) }
    }
    let fit = Fit(
      model: join(fits, oracle), penalties: perClass(\.choice.solution.penalty),
      explainedVariances: perClass(\.explained), isTruncated: isTruncated, remarks: remarks)
    return (fit, data)
  }

  /// For each class what is to be explained, row by row.
  private func targets(_ answers: OracleAnswers, classCount count: Int) -> [[Double]] {
    let rows = answers.labels.count
    guard scale == .logit else {
      return (0..<count).map { label in (0..<rows).map { answers.probabilities[$0 * count + label] } }
    }
    let logs = answers.probabilities.map { log(max($0, leastProbability)) }
    let means = (0..<rows).map { logs[$0 * count..<($0 + 1) * count].reduce(0, +) / Double(count) }
    return (0..<count).map { label in (0..<rows).map { logs[$0 * count + label] - means[$0] } }
  }

  private func fitClass(
    _ label: Int, _ target: [Double], _ table: RuleTable
  ) throws(RuleError) -> ClassFit {
    var random = RandomNumbers(seed: seed).split(label)
    let clauses = try BoostedPaths(settings: self, table: table).clauses(target, using: &random)
    let lines = usesLinearTerms ? AdditiveRules.LinearTerm.lines(table, trim: trim) : []
    let columns = EnsembleColumns(clauses, lines: lines, of: table, limit: candidateLimit)
    let order = random.sample(table.rowCount, below: table.rowCount)
    let parts = min(folds, table.rowCount)
    let moments = (0..<parts).map { part in
      let rows = stride(from: part, to: order.count, by: parts).map { order[$0] }.sorted()
      return columns.moments(table.subset(rows: rows), target: rows.map { target[$0] })
    }
    let choice = Lasso().choose(moments, termLimit: maximumTerms, standardErrors: standardErrors)
    let first = choice.path.solutions[0]
    // Without a coefficient the error is about the variance.
    let variance = first.termCount == 0 ? choice.errors[0] : 0
    return ClassFit(
      columns: columns, choice: choice,
      explained: variance > 0 ? 1 - choice.errors[choice.chosen] / variance : 0,
      isTruncated: choice.isCut || columns.isCut)
  }

  /// One rule for each clause, whichever classes use it.
  private func join(_ fits: [ClassFit], _ oracle: any TableOracle) -> AdditiveRules {
    let count = oracle.classes.count
    func mirrored(_ value: Double, _ label: Int, about centre: Double = 0) -> [Double] {
      count == 2 ? [centre - value, value] : (0..<count).map { $0 == label ? value : 0 }
    }
    var intercepts = [Double](repeating: 0, count: count)
    var (rules, places) = ([AdditiveRules.WeightedRule](), [Clause: Int]())
    var lines = [[Double]?](repeating: nil, count: fits.first?.columns.lines.count ?? 0)
    func add(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }
    for (place, fit) in fits.enumerated() {
      let (label, solution) = (count == 2 ? 1 : place, fit.choice.solution)
      intercepts = add(
        intercepts, mirrored(solution.intercept, label, about: scale == .probability ? 1 : 0))
      let clauseCount = fit.columns.clauses.count
      for (column, coefficient) in solution.coefficients.enumerated() where coefficient != 0 {
        guard column < clauseCount else {
          let line = column - clauseCount
          let scaled = mirrored(coefficient * fit.columns.unit(line), label)
          lines[line] = lines[line].map { add($0, scaled) } ?? scaled
          continue
        }
        let clause = fit.columns.clauses[column]
        let known = places[clause]
        let rule = AdditiveRules.WeightedRule(
          clause: clause,
          coefficients: add(
            known.map { rules[$0].coefficients } ?? mirrored(0, label), mirrored(coefficient, label)),
          share: fit.columns.shares[column])
        if let known { rules[known] = rule } else { rules.append(rule) }
        places[clause] = known ?? rules.count - 1
      }
    }
    let linearTerms = lines.enumerated().compactMap { line, coefficients in
      coefficients.map { coefficients in
        let line = fits[0].columns.lines[line]
        return AdditiveRules.LinearTerm(
          feature: line.feature, lower: line.lower, upper: line.upper, centre: line.centre,
          deviation: line.deviation, coefficients: coefficients)
      }
    }
    return AdditiveRules(
      features: oracle.features, classes: oracle.classes, scale: scale, intercepts: intercepts, rules: rules,
      linearTerms: linearTerms)
  }

  private func check() throws(RuleError) {
    try RuleError.require(
      leastProbability > 0 && leastProbability < 0.5,
      "the least probability must lie between 0 and 0.5, found \(leastProbability)")
    try RuleError.require(
      (1...10_000).contains(treeCount), "the trees must be 1 to 10000, found \(treeCount)")
    try RuleError.require(
      (2...64).contains(meanLeaves), "the mean leaves must be 2 to 64, found \(meanLeaves)")
    try RuleError.require(
      learningRate > 0 && learningRate <= 1,
      "the learning rate must be above 0 and at most 1, found \(learningRate)")
    try RuleError.require(
      minimumLeaf >= 1, "the examples of a leaf must be 1 or more, found \(minimumLeaf)")
    try RuleError.require(
      (1...2000).contains(candidateLimit),
      "the rules to choose from must be 1 to 2000, found \(candidateLimit)")
    try RuleError.require(
      trim >= 0 && trim < 0.5, "the trimmed share must be from 0 to below 0.5, found \(trim)")
    try RuleError.require((maximumTerms ?? 1) >= 1, "the terms must be 1 or more, found \(maximumTerms ?? 0)")
    try RuleError.require(
      (2...100).contains(folds), "the parts of the cross-validation must be 2 to 100, found \(folds)")
    try RuleError.require(
      standardErrors >= 0 && standardErrors.isFinite,
      "the standard errors must be 0 or more, found \(standardErrors)")
    try RuleError.require(linearSteps >= 2, "a straight line needs 2 steps or more, found \(linearSteps)")
  }
}
