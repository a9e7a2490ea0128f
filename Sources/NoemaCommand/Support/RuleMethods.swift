internal import ArgumentParser
internal import Noema

/// How rules are extracted.
enum RuleMethod: String, CaseIterable {
  // By questions and answers.
  case tree, rules, trepan, ensemble, list, anchors
  case softTree = "soft-tree"
  // By way of hidden layers.
  case eclaire, cred
  case remD = "rem-d"
  case deepRED = "deepred"
  // From true classes, without the network.
  case remT = "rem-t"

  /// Finds a method by its name.
  ///
  /// - Throws: `ValidationError` with near names, or all of them where none is near.
  static func named(_ name: String) throws -> RuleMethod {
    if let method = RuleMethod(rawValue: name) { return method }
    let names = allCases.map { $0.rawValue }, near = EditDistance.nearest(name, in: names)
    let hint =
      near.isEmpty
      ? "the methods are \(names.joined(separator: ", "))"
      : "did you mean \(near.map { "'\($0)'" }.joined(separator: ", "))?"
    throw ValidationError("no method named '\(name)'; \(hint)")
  }

  /// Whether hidden layers are looked at.
  var looksInside: Bool {
    switch self {
    case .eclaire, .remD, .deepRED, .cred: true
    case .tree, .rules, .trepan, .ensemble, .list, .anchors, .softTree, .remT: false
    }
  }

  /// Whether queries are generated.
  var asksQueries: Bool {
    switch self {
    case .tree, .rules, .trepan, .ensemble, .list, .softTree: true
    case .anchors, .eclaire, .remD, .deepRED, .remT, .cred: false
    }
  }

  /// Whether trees are grown whose leaves hold a least number of rows.
  var growsLeaves: Bool {
    switch self {
    case .tree, .rules, .softTree, .eclaire, .remD, .deepRED, .cred, .remT: true
    case .trepan, .ensemble, .list, .anchors: false
    }
  }

  /// Whether the extractor itself takes a limit; others are shortened afterwards.
  var takesLimit: Bool {
    switch self {
    case .tree, .rules, .trepan, .list, .anchors, .softTree: true
    case .ensemble, .eclaire, .remD, .deepRED, .remT, .cred: false
    }
  }
}

/// A method with its settings.
struct RuleExtraction {
  var method: RuleMethod
  /// The number of generated queries; nil for the method's own.
  var queries: Int?
  /// The depth of a soft tree.
  var depth = 4
  /// The fewest rows of a tree's leaf, below 1 a share of the examples; nil for the method's own.
  var minimumCases: Double?

  /// What a method found.
  struct Outcome {
    var extracted: ExtractedRules
    /// The soft tree that the rules stand for.
    var softTree: SoftTree?
  }

  /// Extracts rules.
  ///
  /// - Parameter maximum: the most rules, for methods that take a limit.
  /// - Throws: also `RuleError.unsupported` for a method that looks inside what has no inside.
  func rules(
    of oracle: any TableOracle, like labeled: RuleExamples, maximum: Int?, seed: UInt64
  ) throws -> Outcome {
    let examples = labeled.table
    switch method {
    case .tree:
      return Outcome(
        extracted: try tree(maximum, examples.rowCount, seed).extract(from: oracle, examples: examples))
    case .rules:
      var extractor = DistilledRules()
      extractor.tree = tree(nil, examples.rowCount, seed)
      extractor.maximumRules = maximum
      return Outcome(extracted: try extractor.extract(from: oracle, examples: examples))
    case .trepan:
      var extractor = Trepan()
      // A question parts a leaf in two.
      if let maximum { extractor.maximumNodes = max(1, maximum - 1) }
      if let queries { extractor.minimumExamples = queries }
      extractor.seed = seed
      return Outcome(extracted: try extractor.extract(from: oracle, examples: examples))
    case .ensemble:
      var extractor = SparseRuleEnsemble()
      (extractor.queryCount, extractor.seed) = (queries, seed)
      return Outcome(extracted: try extractor.extract(from: oracle, examples: examples))
    case .list:
      var extractor = RuleListExtractor()
      if let maximum { extractor.maximumRules = maximum }
      (extractor.queryCount, extractor.seed) = (queries, seed)
      return Outcome(extracted: try extractor.extract(from: oracle, examples: examples))
    case .anchors:
      var extractor = Anchors()
      if let maximum { extractor.maximumRules = maximum }
      extractor.search.seed = seed
      return Outcome(extracted: try extractor.extract(from: oracle, examples: examples))
    case .softTree: return try softTree(oracle, examples, maximum, seed)
    case .eclaire:
      var extractor = Eclaire()
      if let minimumCases { extractor.minimumCases = minimumCases }
      extractor.seed = seed
      return Outcome(extracted: try extractor.extract(from: layered(oracle), examples: examples))
    case .remD:
      var extractor = RemD()
      if let minimumCases { extractor.minimumCases = minimumCases }
      extractor.seed = seed
      return Outcome(extracted: try extractor.extract(from: layered(oracle), examples: examples))
    case .deepRED:
      return Outcome(
        extracted: try deepRED(examples.rowCount).extract(from: layered(oracle), examples: examples))
    case .cred:
      var extractor = CRED()
      extractor.settings = deepRED(examples.rowCount)
      return Outcome(extracted: try extractor.extract(from: layered(oracle), examples: examples))
    case .remT:
      guard let labels = labeled.labels else {
        throw RuleError(.parameters("rem-t learns from true classes; name their column with --label"))
      }
      var extractor = RemT()
      if let minimumCases { extractor.minimumCases = minimumCases }
      extractor.seed = seed
      return Outcome(
        extracted: try extractor.fit(LabeledTable(examples, classes: oracle.classes, labels: labels)))
    }
  }

  /// A node of fewer than twice a leaf's cases is not parted.
  private func deepRED(_ rows: Int) -> DeepRed {
    var extractor = DeepRed()
    if let minimumCases {
      let share = minimumCases < 1 ? minimumCases : minimumCases / Double(max(1, rows))
      extractor.minimumShare = min(2 * share, 0.999)
    }
    return extractor
  }

  private func tree(_ maximum: Int?, _ rows: Int, _ seed: UInt64) -> DistilledTree {
    var extractor = DistilledTree()
    (extractor.maximumLeaves, extractor.queryCount, extractor.seed) = (maximum, queries, seed)
    if let minimumCases {
      let leaf = minimumCases < 1 ? (minimumCases * Double(rows)).rounded(.up) : minimumCases
      extractor.learner = .cart(CART(minimumLeaf: max(1, Int(leaf))))
    }
    return extractor
  }

  private func layered(_ oracle: any TableOracle) throws(RuleError) -> any LayeredOracle {
    guard let oracle = oracle as? any LayeredOracle else {
      throw RuleError(
        .unsupported(
          "--method \(method.rawValue) looks at the hidden layers behind a table's columns, and there are none"
        ))
    }
    return oracle
  }

  /// A soft tree asks weighted sums, which are no rules; a tree of plain questions is distilled from it.
  private func softTree(
    _ oracle: any TableOracle, _ examples: RuleTable, _ maximum: Int?, _ seed: UInt64
  ) throws -> Outcome {
    let fit = try SoftTreeDistillation(depth: depth, seed: seed).distil(oracle, examples: examples)
    let hits = zip(try fit.tree.labels(of: examples), try oracle.labels(of: examples)).count { $0 == $1 }
    let share = NumberText.fixed(100 * Double(hits) / Double(max(1, examples.rowCount)), 1)
    let plain = try tree(maximum, examples.rowCount, seed).extract(from: fit.tree, examples: examples)
    let remark =
      "A soft tree of depth \(depth) says what the network says of \(share) % of the training examples; it is in "
      + "soft-tree.json. Its questions are weighted sums, so these rules are those of a plain tree that was distilled "
      + "from it."
    return Outcome(
      extracted: ExtractedRules(
        plain.model, isTruncated: plain.isTruncated, remarks: [remark] + plain.remarks),
      softTree: fit.tree)
  }
}
