/// Rules and trees as PMML 4.4, the exchange format of scoring engines.
///
/// Classifying rule sets and lists become a `RuleSetModel`, trees a `TreeModel`, and rules that conclude numbers a
/// `TreeModel` of one level whose first true node decides. Comparisons, missing values and ties come out as here:
/// thresholds are written so that they read back as the same doubles, a rule whose field is missing does not fire
/// unless it says so, and classes stand in their order, in which PMML breaks ties.
///
/// - Source: Data Mining Group, PMML 4.4, *RuleSet* and *TreeModel*.
public struct PMML: Sendable, Hashable, Codable {
  /// The name of the field that is predicted.
  public var target = "prediction"
  /// The name of the model.
  public var modelName = "Noema rules"
  /// The largest number of parts or clauses that rules are cut into where PMML has no form for them.
  public var limit = 1_000

  /// Makes a writer with the default names.
  public init() {}

  /// Writes rules.
  ///
  /// - Throws: `RuleError.unsupported` for names that XML cannot hold, and for trees that send missing values to all
  ///   children and conclude numbers or have levels in no group; `RuleError.limit` for M-of-N tests, and for votes
  ///   between numbers, that take too many clauses; `RuleError.parameters` when a feature has the target's name.
  public func text(_ document: RuleDocument) throws(RuleError) -> String {
    let model = document.model
    try check(model)
    var xml = XMLText()
    xml.begin("PMML", [("version", "4.4"), ("xmlns", "http://www.dmg.org/PMML-4_4")])
    xml.begin("Header", [("description", modelName)])
    xml.element("Application", [("name", "Noema")])
    xml.end()
    dictionary(model, &xml)
    switch document {
    case .set(let rules): try write(rules, &xml)
    case .list(let list): write(list, &xml)
    case .tree(let tree): try write(tree, &xml)
    }
    xml.end()
    return xml.text
  }

  private func check(_ model: any RuleModel) throws(RuleError) {
    guard !model.features.contains(where: { $0.name == target }) else {
      throw RuleError(
        .parameters("a feature is named '\(target)' like the target; give the target another name"))
    }
    let names =
      [target, modelName] + model.classes + model.features.flatMap { [$0.name] + ($0.levels ?? []) }
    if let name = names.first(where: { !XMLText.isExpressible($0) }) {
      throw RuleError(
        .unsupported("XML cannot hold the name '\(RuleText.plain(name))'; rename it, or write JSON"))
    }
  }

  // MARK: Fields

  private func dictionary(_ model: any RuleModel, _ xml: inout XMLText) {
    xml.begin("DataDictionary", [("numberOfFields", "\(model.features.count + 1)")])
    for feature in model.features {
      var attributes = [("name", feature.name)]
      if let unit = feature.unit, XMLText.isExpressible(unit) {
        attributes.append(("displayName", "\(feature.name) (\(unit))"))
      }
      guard let levels = feature.levels else {
        xml.element("DataField", attributes + [("optype", "continuous"), ("dataType", "double")])
        continue
      }
      let type = feature.isOrdered ? "ordinal" : "categorical"
      field(attributes + [("optype", type), ("dataType", "string")], levels, &xml)
    }
    if model.classes.isEmpty {
      xml.element("DataField", [("name", target), ("optype", "continuous"), ("dataType", "double")])
    } else {
      field([("name", target), ("optype", "categorical"), ("dataType", "string")], model.classes, &xml)
    }
    xml.end()
  }

  private func field(_ attributes: [(String, String)], _ values: [String], _ xml: inout XMLText) {
    xml.begin("DataField", attributes)
    for value in values { xml.element("Value", [("value", value)]) }
    xml.end()
  }

  private func schema(_ model: any RuleModel, _ xml: inout XMLText) {
    xml.begin("MiningSchema")
    for feature in model.features {
      xml.element("MiningField", [("name", feature.name), ("usageType", "active")])
    }
    xml.element("MiningField", [("name", target), ("usageType", "target")])
    xml.end()
  }

  // MARK: Rules

  private func write(_ rules: RuleSet, _ xml: inout XMLText) throws(RuleError) {
    guard !rules.classes.isEmpty else {
      let ordered: RuleSet = rules.resolution.isOrdered ? rules : try rules.flattened(limit: limit)
      if let list = ordered.list { write(list, &xml) }
      return
    }
    let criterion =
      switch rules.resolution {
      case .firstMatch: "firstHit"
      case .singleBest: "weightedMax"
      default: "weightedSum"
      }
    // A firing rule without weight would win against the default in PMML.
    let voting = rules.rules.indices.filter { rules.resolution.isOrdered || rules.voteWeights[$0] > 0 }
    ruleSet(
      rules, criterion, rules.defaultConclusion, voting.map { (rules.rules[$0], rules.voteWeights[$0]) }, &xml
    )
  }

  private func write(_ list: RuleList, _ xml: inout XMLText) {
    guard list.classes.isEmpty else {
      ruleSet(list, "firstHit", list.defaultConclusion, list.rules.map { ($0, $0.confidence) }, &xml)
      return
    }
    let attributes = [("functionName", "regression"), ("missingValueStrategy", "none")]
    xml.begin(
      "TreeModel",
      [("modelName", modelName)] + attributes
        + [("noTrueChildStrategy", "returnLastPrediction"), ("splitCharacteristic", "multiSplit")])
    schema(list, &xml)
    xml.begin("Node", [("id", "0"), ("score", score(list.defaultConclusion, list))])
    xml.element("True")
    for (index, rule) in list.rules.enumerated() {
      xml.begin("Node", [("id", "\(index + 1)"), ("score", score(rule.conclusion, list))])
      predicate(rule.clause, list.features, &xml)
      xml.end()
    }
    xml.end()
    xml.end()
  }

  private func ruleSet(
    _ model: any RuleModel, _ criterion: String, _ otherwise: Conclusion, _ rules: [(Rule, weight: Double)],
    _ xml: inout XMLText
  ) {
    xml.begin(
      "RuleSetModel",
      [("modelName", modelName), ("functionName", "classification"), ("algorithmName", "RuleSet")])
    schema(model, &xml)
    xml.begin("RuleSet", [("defaultScore", score(otherwise, model))])
    xml.element("RuleSelectionMethod", [("criterion", criterion)])
    for (index, (rule, weight)) in rules.enumerated() {
      xml.begin(
        "SimpleRule",
        [
          ("id", "\(index + 1)"), ("score", score(rule.conclusion, model)),
          ("recordCount", DecimalText.exact(rule.support.cover)),
          ("nbCorrect", DecimalText.exact(rule.support.correct)),
          ("confidence", DecimalText.exact(rule.confidence)), ("weight", DecimalText.exact(weight)),
        ])
      predicate(rule.clause, model.features, &xml)
      xml.end()
    }
    xml.end()
    xml.end()
  }

  private func score(_ conclusion: Conclusion, _ model: any RuleModel) -> String {
    switch conclusion {
    case .label(let label): model.classes[label]
    case .value(let value): DecimalText.exact(value)
    }
  }

  // MARK: Trees

  private func write(_ tree: DecisionTree, _ xml: inout XMLText) throws(RuleError) {
    let isClassifier = !tree.classes.isEmpty
    guard isClassifier || tree.missingPolicy == .defaultChild else {
      throw RuleError(
        .unsupported(
          "PMML cannot average numbers over all children of a missing value; write tree.with(.defaultChild)"))
    }
    if tree.missingPolicy == .allChildren { try checkGroups(tree) }
    let isBinary = tree.nodes.allSatisfy { $0.children.count == 2 || $0.isLeaf }
    xml.begin(
      "TreeModel",
      [
        ("modelName", modelName), ("functionName", isClassifier ? "classification" : "regression"),
        ("missingValueStrategy", tree.missingPolicy == .defaultChild ? "defaultChild" : "weightedConfidence"),
        ("noTrueChildStrategy", "returnLastPrediction"),
        ("splitCharacteristic", isBinary ? "binarySplit" : "multiSplit"),
      ])
    schema(tree, &xml)
    // Nodes are closed when the walk comes back to them: no recursion, however deep the tree.
    enum Step { case open(Int, parent: Int?, position: Int), close }
    var steps: [Step] = [.open(0, parent: nil, position: 0)]
    while let step = steps.popLast() {
      guard case .open(let index, let parent, let position) = step else {
        xml.end()
        continue
      }
      let node = tree.nodes[index]
      var attributes = [
        ("id", "\(index)"), ("score", score(tree.conclusion(atNode: index), tree)),
        ("recordCount", DecimalText.exact(node.weight)),
      ]
      if !node.isLeaf { attributes.append(("defaultChild", "\(node.children[node.defaultChild])")) }
      xml.begin("Node", attributes)
      if let parent { try edge(tree, parent, position, &xml) } else { xml.element("True") }
      if isClassifier { distribution(tree, node, &xml) }
      steps.append(.close)
      for (position, child) in node.children.enumerated().reversed() {
        steps.append(.open(child, parent: index, position: position))
      }
    }
    xml.end()
  }

  private func checkGroups(_ tree: DecisionTree) throws(RuleError) {
    for (index, node) in tree.nodes.enumerated() {
      guard case .groups(let feature, let groups) = node.split else { continue }
      let levels = groups.reduce(LevelSet([])) { $0.union($1) }
      guard levels.count == tree.features[feature].levels?.count else {
        throw RuleError(
          .unsupported("some level is in no group, and PMML cannot send it to all children; give it a group"),
          at: "node \(index)")
      }
    }
  }

  /// When an example goes to a child. A missing value leaves the question open, and the strategy answers it.
  private func edge(_ tree: DecisionTree, _ parent: Int, _ position: Int, _ xml: inout XMLText)
    throws(RuleError)
  {
    switch tree.nodes[parent].split {
    case .term, .groups:
      let edge = try tree.clauses(from: parent, toChild: position, limit: limit)[0].canonical(
        in: tree.features)
      let conditions = edge.conditions.map { condition in
        condition.values == .none || condition.values == .all
          ? condition : Condition(condition.feature, condition.values)
      }
      predicate(Clause(conditions: conditions), tree.features, &xml)
    case .mOfN:
      let clauses = try tree.clauses(from: parent, toChild: position, limit: limit)
      let compound = clauses.count > 1
      if compound { xml.begin("CompoundPredicate", [("booleanOperator", "or")]) }
      // A missing value must fail a literal here rather than leave the whole question open.
      for clause in clauses { predicate(clause, tree.features, isDecided: true, &xml) }
      if compound { xml.end() }
      if clauses.isEmpty { xml.element("False") }
    case nil: xml.element("True")
    }
  }

  private func distribution(_ tree: DecisionTree, _ node: DecisionTree.Node, _ xml: inout XMLText) {
    let total = node.distribution.reduce(0, +)
    for (label, count) in node.distribution.enumerated() {
      let share = total > 0 ? count / total : 1 / Double(tree.classes.count)
      xml.element(
        "ScoreDistribution",
        [
          ("value", tree.classes[label]), ("recordCount", DecimalText.exact(count)),
          ("confidence", DecimalText.exact(share)),
        ])
    }
  }

  // MARK: Predicates

  /// - Parameter isDecided: whether a missing value must make the predicate false rather than unknown.
  private func predicate(
    _ clause: Clause, _ features: [Feature], isDecided: Bool = false, _ xml: inout XMLText
  ) {
    let parts = clause.conditions.map { $0.canonical(in: features[$0.feature]) }
      .flatMap { $0.predicates(features[$0.feature], isDecided: isDecided) }
    switch parts.count {
    case 0: xml.element("True")
    case 1: parts[0].write(&xml)
    default: PMMLPredicate.compound("and", parts).write(&xml)
    }
  }
}
