/// Features, levels and classes by name.
struct RuleNames {
  private let features: [Feature]
  private let classes: [String]
  private let featureIndices: [String: Int]
  private let levelIndices: [[String: Int]]
  private let classIndices: [String: Int]

  /// - Precondition: names are unique.
  init(features: [Feature], classes: [String]) {
    func positions(_ names: [String]) -> [String: Int] {
      Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }
    self.features = features
    self.classes = classes
    featureIndices = positions(features.map(\.name))
    levelIndices = features.map { positions($0.levels ?? []) }
    classIndices = positions(classes)
  }

  // MARK: To names

  func record(_ conclusion: Conclusion) -> RuleRecord.ConclusionRecord {
    switch conclusion {
    case .label(let label): .name(classes[label])
    case .value(let value): .value(value)
    }
  }

  func record(_ rule: Rule, id: Int?) -> RuleRecord.RuleEntry {
    RuleRecord.RuleEntry(
      id: id, terms: rule.clause.terms.map { record($0) }, conclusion: record(rule.conclusion),
      confidence: rule.confidence, cover: rule.support.cover, correct: rule.support.correct,
      weight: rule.support.weight)
  }

  func record(_ term: Term) -> RuleRecord.TermEntry {
    let feature = features[term.feature]
    var entry = RuleRecord.TermEntry(feature: feature.name, op: .present)
    switch term {
    case .atMost: entry.op = .atMost
    case .above: entry.op = .above
    case .isIn(_, let levels, _):
      entry.op = .isIn
      entry.values = levels.levels.compactMap { feature.levels?[$0] }
    case .isMissing: entry.op = .missing
    case .isPresent: entry.op = .present
    }
    if let threshold = term.threshold {
      // A bound between or beyond levels stays a number.
      if let levels = feature.levels, let level = levels.indices.first(where: { Double($0) == threshold }) {
        entry.level = levels[level]
      } else {
        entry.value = threshold
      }
    }
    if entry.op != .missing, term.admitsMissing { entry.orMissing = true }
    return entry
  }

  func record(_ node: DecisionTree.Node, id: Int) -> RuleRecord.NodeEntry {
    var entry = RuleRecord.NodeEntry(
      id: id, distribution: node.distribution, weight: node.weight, impurity: node.impurity)
    guard let split = node.split else { return entry }
    entry.children = node.children
    entry.defaultChild = node.defaultChild
    switch split {
    case .term(let term): entry.term = record(term)
    case .mOfN(let test):
      entry.atLeast = test.m
      entry.of = test.literals.map { record($0) }
    case .groups(let feature, let groups):
      entry.feature = features[feature].name
      entry.groups = groups.map { $0.levels.compactMap { features[feature].levels?[$0] } }
    }
    return entry
  }

  // MARK: From names

  func conclusion(_ record: RuleRecord.ConclusionRecord, place: String) throws(RuleError) -> Conclusion {
    switch record {
    case .value(let value): return .value(value)
    case .name(let name):
      guard let label = classIndices[name] else {
        throw RuleError(.malformed("the class '\(name.prefix(40))' is not listed"), at: place)
      }
      return .label(label)
    }
  }

  func rule(_ entry: RuleRecord.RuleEntry, place: String) throws(RuleError) -> Rule {
    var terms: [Term] = []
    for term in entry.terms { terms.append(try self.term(term, place: place)) }
    return Rule(
      Clause(terms), try conclusion(entry.conclusion, place: place),
      support: Support(cover: entry.cover, correct: entry.correct, weight: entry.weight),
      confidence: entry.confidence)
  }

  func term(_ entry: RuleRecord.TermEntry, place: String) throws(RuleError) -> Term {
    let index = try feature(entry.feature, place: place)
    let orMissing = entry.orMissing ?? false
    func threshold() throws(RuleError) -> Double {
      if let level = entry.level { return Double(try self.level(level, of: index, place: place)) }
      guard let value = entry.value else {
        throw RuleError(
          .malformed("a comparison with '\(entry.feature.prefix(40))' needs a value"), at: place)
      }
      return value
    }
    let term: Term
    switch entry.op {
    case .atMost: term = .atMost(index, try threshold(), orMissing: orMissing)
    case .above: term = .above(index, try threshold(), orMissing: orMissing)
    case .isIn:
      term = .isIn(index, try levels(entry.values ?? [], of: index, place: place), orMissing: orMissing)
    case .missing: term = .isMissing(index)
    case .present: term = .isPresent(index)
    }
    try term.check(features, place: place)
    return term
  }

  func node(_ entry: RuleRecord.NodeEntry, place: String) throws(RuleError) -> DecisionTree.Node {
    var split: DecisionTree.Split?
    if let term = entry.term {
      split = .term(try self.term(term, place: place))
    } else if let m = entry.atLeast {
      var literals: [Term] = []
      for term in entry.of ?? [] { literals.append(try self.term(term, place: place)) }
      split = .mOfN(MOfN(m, of: literals))
    } else if let groups = entry.groups {
      let index = try feature(entry.feature ?? "", place: place)
      var sets: [LevelSet] = []
      for group in groups { sets.append(try levels(group, of: index, place: place)) }
      split = .groups(index, sets)
    }
    return DecisionTree.Node(
      split: split, children: entry.children ?? [], defaultChild: entry.defaultChild ?? 0,
      distribution: entry.distribution, weight: entry.weight, impurity: entry.impurity)
  }

  private func feature(_ name: String, place: String) throws(RuleError) -> Int {
    guard let index = featureIndices[name] else {
      throw RuleError(.malformed("the feature '\(name.prefix(40))' is not listed"), at: place)
    }
    return index
  }

  private func level(_ name: String, of feature: Int, place: String) throws(RuleError) -> Int {
    guard let level = levelIndices[feature][name] else {
      throw RuleError(
        .malformed("'\(features[feature].name)' lists no level '\(name.prefix(40))'"), at: place)
    }
    return level
  }

  private func levels(_ names: [String], of feature: Int, place: String) throws(RuleError) -> LevelSet {
    var result: LevelSet = []
    for name in names { result.insert(try level(name, of: feature, place: place)) }
    return result
  }
}
