public import NoemaRules

/// What `result.json` says of extracted rules (`noema.rules.study/1`); the rules themselves are in `rules.json`.
///
/// All figures are of the test examples, with 95 % intervals.
public struct RulesRecord: Sendable, Encodable {
  /// One rule on the test examples.
  public struct RuleResult: Sendable, Encodable {
    /// The rule's index in its set or list, the leaf's node in its tree; nil for what answers otherwise.
    public let place: Int?
    /// When it holds, and what it concludes, in words.
    public let premise, conclusion: String
    /// The number of conditions.
    public let conditionCount: Int
    /// The share of the examples for which it fires; of a list and a tree, which it decides.
    public let cover: Estimate
    /// The share of these that the network gives the rule's class.
    public let precision: Estimate
    /// The share of these whose true class is the rule's; nil without truth.
    public let accuracy: Estimate?
  }

  /// How alike the rules of several runs are.
  public struct Stability: Sendable, Encodable {
    /// What differs between the runs.
    public var name: String
    /// The number of rule sets that were compared, the one of the result among them.
    public var runCount: Int
    /// Means over pairs: the share of examples with the same class, intersection over union of the examples of each
    /// class, of the terms, and of the features.
    public var agreement, behaviour, terms, features: Double
    /// The least and the greatest number of rules.
    public var sizes: [Int]

    /// Compares rule sets; nil of fewer than two.
    ///
    /// - Throws: `RuleError` when their features or classes are not the same.
    public init?(
      _ name: String, _ models: [any RuleModel], sizes: [Int], on table: RuleTable
    ) throws(RuleError) {
      guard let means = try RuleStability(models, on: table).means else { return nil }
      self.name = name
      runCount = models.count
      (agreement, behaviour, terms, features) = means
      self.sizes = [sizes.min() ?? 0, sizes.max() ?? 0]
    }
  }

  /// The schema's name and version.
  public let schema = "noema.rules.study/1"
  /// How the rules were extracted.
  public var method: String
  /// `set`, `list` or `tree`.
  public let form: String
  /// The classes.
  public let classes: [String]
  /// The number of test examples.
  public let exampleCount: Int
  /// How much there is to read.
  public let size: RuleSize
  /// Fidelity, accuracy, coverage, overlap and conflicts.
  public let quality: RuleQuality
  /// How near the shares of classes come to the network's probabilities; nil of a list, or without these.
  public let softFidelity: SoftFidelity?
  /// Every rule.
  public let rules: [RuleResult]
  /// The agreement with the network where each rule decides.
  public let regions: [RegionAgreement.Region]
  /// The examples on which rules and network differ, and why; empty where the rules are too many.
  public let mistakes: [RegionAgreement.Mistake]
  /// Fidelity against size, on examples that are neither for training nor for testing; nil where it was not asked for.
  public var curve: FidelitySizeCurve?
  /// Whether other seeds and other samples give the same rules.
  public var stability: [Stability] = []
  /// Whether a limit on size or time ended the search.
  public var isTruncated = false
  /// What the method says of its rules, a sentence each.
  public var remarks: [String] = []
  /// What rules over concepts speak of, and whether it suffices; nil of rules over a table.
  public var concepts: ConceptsRecord?

  /// Judges rules.
  ///
  /// - Parameters:
  ///   - method: how they were extracted.
  ///   - document: the rules.
  ///   - table: the test examples.
  ///   - network: the network's class for each.
  ///   - probabilities: the network's class probabilities, row after row; nil where nobody knows them.
  ///   - truth: the true classes, if known.
  ///   - seed: of the bootstrap.
  /// - Throws: `RuleError` when the table's features are not the rules', there is no example, sizes differ, or the
  ///   rules conclude numbers.
  public init(
    method: String, _ document: RuleDocument, on table: RuleTable, network: [Int],
    probabilities: [Double]? = nil,
    truth: [Int]? = nil, seed: UInt64 = 7
  ) throws(RuleError) {
    self.method = method
    form = document.form
    classes = document.model.classes
    exampleCount = table.rowCount
    size = document.size
    quality = try document.quality(on: table, network: network, truth: truth, seed: seed)
    softFidelity = try document.softFidelity(on: table, probabilities, seed: seed)
    rules = try RulesRecord.results(document, table, network, truth)
    regions = try document.regions(on: table, network: network)
    // A tree's mistakes are explained by its leaves as rules, unless these are too many.
    if let plain = document.plainRules(limit: 2000) {
      mistakes = try RegionAgreement.mistakes(of: plain, on: table, network: network)
    } else {
      mistakes = []
    }
  }

  private static func results(
    _ document: RuleDocument, _ table: RuleTable, _ network: [Int], _ truth: [Int]?
  ) throws(RuleError) -> [RuleResult] {
    let shown = ShownRules(document)
    var rows = [[Int]](repeating: [], count: shown.rules.count)
    for (row, firing) in try shown.firings(on: table).enumerated() {
      for rule in firing { rows[rule].append(row) }
    }
    return zip(shown.rules, rows).map { rule, rows in
      func hits(_ labels: [Int]) -> Estimate {
        .share(rows.count { rule.conclusion == .label(labels[$0]) }, of: rows.count)
      }
      return RuleResult(
        place: rule.place, premise: shown.premise(of: rule), conclusion: shown.conclusion(of: rule),
        conditionCount: rule.conditions.count, cover: .share(rows.count, of: table.rowCount),
        precision: hits(network), accuracy: truth.map(hits))
    }
  }
}

extension RuleDocument {
  /// `set`, `list` or `tree`.
  public var form: String {
    switch self {
    case .set: "set"
    case .list: "list"
    case .tree: "tree"
    }
  }

  /// How much there is to read.
  public var size: RuleSize {
    switch self {
    case .set(let rules): RuleSize(rules)
    case .list(let list): RuleSize(list)
    case .tree(let tree): RuleSize(tree)
    }
  }

  fileprivate func quality(
    on table: RuleTable, network: [Int], truth: [Int]?, seed: UInt64
  ) throws(RuleError) -> RuleQuality {
    switch self {
    case .set(let rules):
      try RuleQuality(of: rules, on: table, network: network, truth: truth, seed: seed)
    case .list(let list): try RuleQuality(of: list, on: table, network: network, truth: truth, seed: seed)
    case .tree(let tree): try RuleQuality(of: tree, on: table, network: network, truth: truth, seed: seed)
    }
  }

  fileprivate func softFidelity(
    on table: RuleTable, _ probabilities: [Double]?, seed: UInt64
  ) throws(RuleError) -> SoftFidelity? {
    guard let probabilities else { return nil }
    let shares: [[Double]]
    switch self {
    case .set(let rules): shares = try rules.firings(on: table).map { rules.shares(firing: $0) }
    case .list: return nil
    case .tree(let tree): shares = (0..<table.rowCount).map { tree.distribution(row: $0, of: table) }
    }
    let width = model.classes.count
    guard probabilities.count == width * table.rowCount else {
      throw RuleError(
        .count(what: "probabilities", found: probabilities.count, expected: width * table.rowCount))
    }
    let network = (0..<table.rowCount).map { Array(probabilities[$0 * width..<($0 + 1) * width]) }
    return try SoftFidelity(shares: shares, network: network, seed: seed)
  }

  fileprivate func regions(
    on table: RuleTable, network: [Int]
  ) throws(RuleError) -> [RegionAgreement.Region] {
    switch self {
    case .set(let rules): try RegionAgreement(rules, on: table, network: network).regions
    case .list(let list): try RegionAgreement(list, on: table, network: network).regions
    case .tree(let tree): try RegionAgreement(tree, on: table, network: network).regions
    }
  }

  /// The document as rules one beside the other that answer alike; a tree sends missing values to default children.
  ///
  /// - Returns: nil for a tree of more rules than the limit.
  public func plainRules(limit: Int = 100_000) -> RuleSet? {
    switch self {
    case .set(let rules): rules
    case .list(let list): list.ruleSet
    case .tree(let tree): try? tree.with(.defaultChild).ruleSet(clauseLimit: limit)
    }
  }
}
