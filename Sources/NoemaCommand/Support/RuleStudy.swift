internal import Noema

/// The steps of a study of rules: how many are worth having, the rules, and whether other runs give the same.
struct RuleStudy {
  let oracle: any TableOracle
  let extraction: RuleExtraction
  /// What rules are extracted from.
  let training: RuleExamples
  let seed: UInt64
  /// The sizes that are tried for the curve; none for no curve.
  var sizes: [Int] = [2, 4, 8, 16, 32, 64]
  /// Whether thresholds are rounded between neighbouring values of the training table.
  var rounds = true

  /// Fewer rows are not divided for a curve.
  private static let leastRows = 40
  /// The curve is measured on one part of so many.
  private static let parts = 4
  /// With fewer rows one part tells sizes badly apart, so each takes its turn.
  private static let manyRows = 2000

  /// Rules as they are written.
  struct Rules {
    var document: RuleDocument
    var softTree: SoftTree?
    var isTruncated: Bool
    var remarks: [String]
  }

  // MARK: Rules

  /// Extracts rules and rounds them.
  ///
  /// - Parameter maximum: the most rules; nil for what the method finds.
  func rules(maximum: Int?, from examples: RuleExamples? = nil, seed: UInt64? = nil) throws -> Rules {
    let examples = examples ?? training
    let outcome = try extraction.rules(of: oracle, like: examples, maximum: maximum, seed: seed ?? self.seed)
    let rules = Rules(
      document: try RuleDocument(outcome.extracted.model), softTree: outcome.softTree,
      isTruncated: outcome.extracted.isTruncated, remarks: outcome.extracted.remarks)
    return try finished(rules, maximum: maximum, on: examples.table)
  }

  /// Rules shortened where the method takes no limit, and rounded.
  private func finished(_ rules: Rules, maximum: Int?, on table: RuleTable) throws -> Rules {
    var rules = rules
    let before = rules.document.size.rules
    if let maximum, before > maximum, !extraction.method.takesLimit {
      rules.document = try shortened(rules.document, to: maximum, on: table)
      let count = rules.document.size.rules
      if count < before {
        rules.remarks.append("\(before) rules were shortened to \(count).")
        rules.isTruncated = true
      }
    }
    if rounds {
      rules.document = rules.document.roundingThresholds(ThresholdRounding(training.table))
    }
    return rules
  }

  /// Fewer rules, in steps that cost ever more fidelity on what they were extracted from; those left are cut by what
  /// they get right.
  private func shortened(
    _ document: RuleDocument, to maximum: Int, on table: RuleTable
  ) throws -> RuleDocument {
    guard var rules = document.plainRules() else { return document }
    let answers = try oracle.labels(of: table).map { Conclusion.label($0) }
    for tolerance in [0, 0.01, 0.02, 0.05, 0.1] where rules.rules.count > maximum {
      var simplification = RuleSimplification()
      simplification.tolerance = tolerance
      // Rounding comes later, on the whole table.
      simplification.steps.removeAll { $0 == .thresholds }
      rules = try simplification.simplify(rules, on: table, reference: answers).rules
    }
    guard rules.rules.count > maximum else { return .set(rules) }
    let counted = try rules.counted(on: table, reference: answers).rules.map(\.support.correct)
    let kept = rules.rules.indices.sorted { (counted[$1], $0) < (counted[$0], $1) }.prefix(maximum).sorted()
    return .set(
      try RuleSet(
        features: rules.features, classes: rules.classes, rules: kept.map { rules.rules[$0] },
        resolution: rules.resolution, defaultConclusion: rules.defaultConclusion))
  }

  // MARK: Curve

  /// Rows that rules are extracted from, and others with what the network says of them.
  private struct Division {
    let rest: RuleExamples
    let validation: RuleTable
    let answers: [Int]
    /// The rules of a method without a limit of its own, which are the same for every size.
    let whole: Rules?
  }

  private func divisions() throws -> [Division] {
    var random = RandomNumbers(seed: seed).split(1)
    let order = random.sample(training.count, below: training.count)
    return try (0..<(training.count < RuleStudy.manyRows ? RuleStudy.parts : 1)).map { part in
      let bounds = [part, part + 1].map { $0 * training.count / RuleStudy.parts }
      let rest = training.subset(rows: (order[..<bounds[0]] + order[bounds[1]...]).sorted())
      let validation = training.table.subset(rows: order[bounds[0]..<bounds[1]].sorted())
      return Division(
        rest: rest, validation: validation, answers: try oracle.labels(of: validation),
        whole: extraction.method.takesLimit ? nil : try rules(maximum: nil, from: rest))
    }
  }

  /// Fidelity against size, on rows that the rules are not extracted from, and for each point the limit that led there.
  ///
  /// - Returns: nil without sizes, and for few rows.
  func curve(
    _ progress: (String, Int, Int) -> Void
  ) throws -> (curve: FidelitySizeCurve, limits: [String: Int])? {
    guard !sizes.isEmpty, training.count >= RuleStudy.leastRows else { return nil }
    let divisions = try divisions()
    let count = divisions.reduce(0) { $0 + $1.answers.count }
    var points: [FidelitySizeCurve.Point] = []
    var limits: [String: Int] = [:]
    for (step, limit) in sizes.enumerated() {
      progress("curve", step, sizes.count)
      var (hits, found, mayGrow) = (0, [Int](), false)
      for division in divisions {
        let rules =
          try division.whole.map { try finished($0, maximum: limit, on: division.rest.table) }
          ?? self.rules(maximum: limit, from: division.rest)
        let labels = try rules.document.model.labels(on: division.validation)
        hits += zip(labels, division.answers).count { $0 == $1 }
        found.append(rules.document.size.rules)
        mayGrow = mayGrow || rules.isTruncated || rules.document.size.rules >= limit
      }
      let size = Int((Double(found.reduce(0, +)) / Double(found.count)).rounded())
      let name = "at most \(limit)"
      limits[name] = limit
      points.append(.init(name: name, size: size, fidelity: .share(hits, of: count)))
      // Larger limits would bring the same rules.
      if !mayGrow { break }
    }
    progress("curve", sizes.count, sizes.count)
    return (FidelitySizeCurve(points), limits)
  }

  // MARK: Stability

  /// Runs the extraction again with other seeds, and from resampled rows.
  ///
  /// - Parameter repeats: how often, each way.
  func stability(
    of rules: RuleDocument, maximum: Int?, repeats: Int, on table: RuleTable,
    _ progress: (String, Int, Int) -> Void
  ) throws -> [RulesRecord.Stability] {
    guard repeats > 0 else { return [] }
    var result: [RulesRecord.Stability] = []
    for (way, name) in ["other seeds", "resampled examples"].enumerated() {
      var documents = [rules]
      for run in 1...repeats {
        progress("stability", way * repeats + run - 1, 2 * repeats)
        documents.append(
          way == 0
            ? try self.rules(maximum: maximum, seed: seed &+ UInt64(run)).document
            : try self.rules(maximum: maximum, from: resampled(run)).document)
      }
      let models = documents.map(\.model)
      if let entry = try RulesRecord.Stability(name, models, sizes: documents.map(\.size.rules), on: table) {
        result.append(entry)
      }
    }
    progress("stability", 2 * repeats, 2 * repeats)
    return result
  }

  private func resampled(_ run: Int) -> RuleExamples {
    var random = RandomNumbers(seed: seed).split(1 + run)
    return training.subset(rows: (0..<training.count).map { _ in random.index(below: training.count) })
  }
}
