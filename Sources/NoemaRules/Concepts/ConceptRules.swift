/// Rules over concepts: what a network says of images, texts or rows, in words that people have for what is in them.
///
/// ```swift
/// let literals = try ConceptFitting()(network, layers: layers, concepts: concepts, random: others)
/// let measurement = ConceptMeasurement(network, literals: literals, classes: classes)
/// let result = try ConceptRules()(training: measurement(photos), test: measurement(held))
/// print(result.rules.text, result.completeness.verdict.rawValue)
/// // IF striped > 0.7 AND grass <= 0.4 THEN zebra  [confidence 0.98, cover 120, correct 119]
/// ```
///
/// Concepts that the layer does not represent are left out, and named. Extractors learn from examples alone, as a row
/// of scores is the row of no further example. Fidelity is beside that of black boxes on the same scores, which tells
/// rules that are too simple from concepts that do not suffice.
public struct ConceptRules: Sendable {
  /// How rules are extracted; it must ask no queries, as ``rules(maximum:seed:)``, ``tree(maximum:seed:)`` and
  /// ``list(maximum:seed:)`` do not.
  public var extractor: any RuleExtractor = ConceptRules.rules()
  /// Whether concepts that are not represented may be spoken of all the same.
  public var includesUnrepresented = false
  /// Whether thresholds become the shortest decimals that tell the training examples apart as they do.
  public var roundsThresholds = true
  /// The fidelity from which concepts suffice.
  public var sufficientFidelity = 0.95
  /// The seed of the judgement.
  public var seed: UInt64 = 7

  /// Makes an extraction with the defaults.
  public init() {}

  /// What was found.
  public struct Result: Sendable {
    /// The rules: a set, a list or a tree.
    public let rules: RuleDocument
    /// The concepts that they may speak of, one a feature.
    public let literals: [ConceptLiteral]
    /// The concepts that are not represented and were left out.
    public let leftOut: [ConceptLiteral]
    /// How well they stand for the network on the test examples.
    public let quality: RuleQuality
    /// Whether the concepts suffice.
    public let completeness: ConceptCompleteness
    /// What a reader should know, a sentence each.
    public let remarks: [String]
  }

  /// Extracts rules and judges them.
  ///
  /// - Parameters:
  ///   - training: what rules are learnt from.
  ///   - test: other examples, measured with the same concepts.
  ///   - truth: the true class of each test example, if known.
  /// - Throws: `RuleError` when no concept is represented, the network gives all training examples one class, or tables
  ///   do not fit; what the extractor throws.
  public func callAsFunction(
    training: ConceptTable, test: ConceptTable, truth: [Int]? = nil
  ) throws -> Result {
    let (training, leftOut) = try admitted(training)
    let kept = Set(training.literals.map(\.name))
    let test = test.selecting(columns: test.literals.indices.filter { kept.contains(test.literals[$0].name) })
    try training.check()
    try test.table.check(matches: training.table.features)
    let extracted = try extractor.extract(from: training.oracle, examples: training.table)
    var document = try RuleDocument(extracted.model)
    if roundsThresholds { document = document.roundingThresholds(ThresholdRounding(training.table)) }
    let model = document.model
    return Result(
      rules: document, literals: training.literals, leftOut: leftOut,
      quality: try RuleQuality(of: model, on: test.table, network: test.labels, truth: truth, seed: seed),
      completeness: try ConceptCompleteness(
        of: model, training: training, test: test, sufficient: sufficientFidelity, seed: seed),
      remarks: extracted.remarks + leftOut.map(\.absence))
  }

  /// The table without concepts that are not represented.
  private func admitted(_ table: ConceptTable) throws(RuleError) -> (
    table: ConceptTable, leftOut: [ConceptLiteral]
  ) {
    if includesUnrepresented { return (table, []) }
    let (kept, leftOut) = table.represented
    guard !kept.literals.isEmpty else {
      let names = leftOut.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
      throw RuleError(
        .parameters(
          "no concept is represented where it is read (\(names)); try other layers or more examples, or keep them all "
            + "the same"))
    }
    return (kept, leftOut)
  }
}

// MARK: Extractors
extension ConceptRules {
  /// The fewest examples of a leaf, where none can be made up.
  static let minimumLeaf = 5

  /// Rules that vote, simplified, from examples alone.
  ///
  /// - Parameter maximum: the most rules.
  public static func rules(maximum: Int? = nil, seed: UInt64 = 0) -> DistilledRules {
    var extractor = DistilledRules()
    extractor.tree = tree(seed: seed)
    extractor.maximumRules = maximum
    return extractor
  }

  /// A tree, from examples alone.
  ///
  /// - Parameter maximum: the most leaves.
  public static func tree(maximum: Int? = nil, seed: UInt64 = 0) -> DistilledTree {
    var extractor = DistilledTree()
    extractor.learner = .cart(CART(minimumLeaf: minimumLeaf))
    (extractor.queryCount, extractor.distribution) = (0, .examples)
    (extractor.maximumLeaves, extractor.seed) = (maximum, seed)
    return extractor
  }

  /// Rules in an order, from examples alone.
  ///
  /// - Parameter maximum: the most rules beside the last.
  public static func list(maximum: Int? = nil, seed: UInt64 = 0) -> RuleListExtractor {
    var extractor = RuleListExtractor()
    (extractor.queryCount, extractor.distribution) = (0, .examples)
    if let maximum { extractor.maximumRules = maximum }
    extractor.seed = seed
    return extractor
  }
}

extension ConceptLiteral {
  /// Why the concept is not spoken of.
  public var absence: String {
    guard let auc = quality?.auc else { return "\(origin) is left out." }
    let numbers = [auc.value, auc.lower, auc.upper].map { DecimalText.shortest(($0 * 100).rounded() / 100) }
    return
      "'\(name)' is left out: '\(layer)' does not represent it (held-out AUC \(numbers[0]), 95 % interval "
      + "\(numbers[1]) to \(numbers[2]))."
  }
}
