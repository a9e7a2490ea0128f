/// Rules as an SQL expression: for a list, a tree or a set with an order one `CASE`, for votes sums of `CASE`s.
///
/// The columns must hold numbers as numbers, categories as text, and missing values as `NULL`. Thresholds are written
/// so that they read back as the same doubles, and sums run in the order of the rules. Identifiers and literals are
/// quoted as the standard says, by doubling.
public struct SQL: Sendable, Hashable, Codable {
  /// The table that columns are qualified with; none when nil.
  public var table: String? = "data"
  /// The name of the column that ``statement(_:)`` adds.
  public var column = "prediction"

  /// Rules that are added up in one expression; SQLite allows a depth of 1000.
  private static let chunk = 200

  /// Makes a writer with the default names.
  public init() {}

  /// A query of all columns of the table and the prediction.
  ///
  /// - Throws: `RuleError` as ``expression(_:)``, and when there is no table.
  public func statement(_ document: RuleDocument) throws(RuleError) -> String {
    guard let table else { throw RuleError(.parameters("a statement needs the name of a table")) }
    let quoted = try identifier(table)
    return "SELECT \(quoted).*,\n\(try expression(document)) AS \(try identifier(column))\nFROM \(quoted);\n"
  }

  /// The prediction as an expression over the columns of a row.
  ///
  /// - Throws: `RuleError.unsupported` for names that contain a zero character, and for trees that send missing values
  ///   to all children.
  public func expression(_ document: RuleDocument) throws(RuleError) -> String {
    switch document {
    case .list(let list): return try expression(list)
    case .tree(let tree): return try expression(tree)
    case .set(let rules):
      if let list = rules.list { return try expression(list) }
      return try vote(rules)
    }
  }

  private func expression(_ list: RuleList) throws(RuleError) -> String {
    let otherwise = try literal(list.defaultConclusion, list.classes)
    guard !list.rules.isEmpty else { return otherwise }
    var text = "CASE\n"
    for rule in list.rules {
      text +=
        "WHEN \(try test(rule.clause, list.features)) THEN \(try literal(rule.conclusion, list.classes))\n"
    }
    return text + "ELSE \(otherwise) END"
  }

  // MARK: Votes

  private func vote(_ rules: RuleSet) throws(RuleError) -> String {
    let isClassifier = !rules.classes.isEmpty
    // What is summed: votes for each class, or weighted values and weights.
    let sums =
      isClassifier ? rules.classes.indices.map { "noema_score_\($0)" } : ["noema_sum", "noema_weight"]
    if let name = rules.features.map(\.name).first(where: { $0.hasPrefix("noema_") }) {
      throw RuleError(.unsupported("the column '\(name)' begins like the sums of the expression; rename it"))
    }
    var source = ""
    for start in stride(from: 0, to: max(1, rules.rules.count), by: SQL.chunk) {
      let range = start..<min(start + SQL.chunk, rules.rules.count)
      var columns: [String] = []
      for (slot, name) in sums.enumerated() {
        var text = start == 0 ? "0.0" : name
        for index in range {
          let (rule, weight) = (rules.rules[index], rules.voteWeights[index])
          guard weight > 0, !isClassifier || rule.conclusion == .label(slot) else { continue }
          let amount = !isClassifier && slot == 0 ? weight * (rule.conclusion.value ?? 0) : weight
          text +=
            " + CASE WHEN \(try test(rule.clause, rules.features)) THEN \(DecimalText.real(amount)) ELSE 0.0 END"
        }
        columns.append("\(text) AS \(name)")
      }
      // DISTINCT keeps the optimiser from writing each sum out wherever it is used.
      let from = source.isEmpty ? "" : "\nFROM (\(source)) AS noema_part"
      source = "SELECT DISTINCT \(columns.joined(separator: ",\n"))\(from)"
    }
    return "(SELECT \(try decision(rules, sums))\nFROM (\(source)) AS noema_votes)"
  }

  private func decision(_ rules: RuleSet, _ sums: [String]) throws(RuleError) -> String {
    let otherwise = try literal(rules.defaultConclusion, rules.classes)
    guard !rules.classes.isEmpty else {
      return "CASE WHEN noema_weight > 0 THEN noema_sum / noema_weight ELSE \(otherwise) END"
    }
    var text = "CASE"
    for (label, name) in sums.enumerated() {
      // The first of the largest is the first that none after it exceeds.
      let later = sums[(label + 1)...].map { " AND \(name) >= \($0)" }.joined()
      text += "\nWHEN \(name) > 0\(later) THEN \(try literal(.label(label), rules.classes))"
    }
    return text + "\nELSE \(otherwise) END"
  }

  // MARK: Trees

  /// How deeply `CASE`s are nested; a deeper tree is written as one `CASE` with a line for each leaf.
  private static let depthLimit = 100

  private func expression(_ tree: DecisionTree) throws(RuleError) -> String {
    if tree.depth > SQL.depthLimit || tree.missingPolicy == .allChildren {
      // Refuses trees that send missing values to all children.
      return try expression(.set(try tree.ruleSet()))
    }
    return try expression(tree, node: 0)
  }

  private func expression(_ tree: DecisionTree, node index: Int) throws(RuleError) -> String {
    let node = tree.nodes[index]
    guard let split = node.split else { return try literal(tree.conclusion(atNode: index), tree.classes) }
    // ELSE answers for one child: the default one, to which also missing values go.
    let last = split.asksValues ? node.defaultChild : 1
    var text = ""
    for position in node.children.indices where position != last {
      let condition = try test(split, position, tree.features)
      text += "\nWHEN \(condition) THEN \(try expression(tree, node: node.children[position]))"
    }
    let otherwise = try expression(tree, node: node.children[last])
    return text.isEmpty ? otherwise : "CASE\(text)\nELSE \(otherwise) END"
  }

  private func test(
    _ split: DecisionTree.Split, _ position: Int, _ features: [Feature]
  ) throws(RuleError) -> String {
    switch split {
    case .term(let term):
      return try test(Clause([term.edge(position == 0, takesMissing: false, in: features)]), features)
    case .groups(let feature, let groups):
      return try test(Clause([.isIn(feature, groups[position])]), features)
    case .mOfN(let mOfN):
      var parts: [String] = []
      for literal in mOfN.literals {
        parts.append("CASE WHEN \(try test(Clause([literal]), features)) THEN 1 ELSE 0 END")
      }
      return "\(parts.joined(separator: " + ")) >= \(mOfN.m)"
    }
  }

  // MARK: Tests and literals

  private func test(_ clause: Clause, _ features: [Feature]) throws(RuleError) -> String {
    var parts: [String] = []
    for condition in clause.conditions {
      parts.append(
        try test(condition.canonical(in: features[condition.feature]), features[condition.feature]))
    }
    return parts.isEmpty ? "1 = 1" : parts.joined(separator: " AND ")
  }

  private func test(_ condition: Condition, _ feature: Feature) throws(RuleError) -> String {
    var name = try identifier(feature.name)
    if let table { name = "\(try identifier(table)).\(name)" }
    let text: String
    switch condition.values {
    case .all: return condition.admitsMissing ? "1 = 1" : "\(name) IS NOT NULL"
    case .none: return condition.admitsMissing ? "\(name) IS NULL" : "1 = 0"
    case .levels(let levels): text = try membership(name, feature, levels.levels)
    case .interval(let lower, let upper):
      if let levels = feature.levels {
        text = try membership(
          name, feature, levels.indices.filter { Double($0) > lower && Double($0) <= upper })
      } else {
        text =
          (lower > -.infinity ? ["\(name) > \(DecimalText.real(lower))"] : [])
          .appending(upper < .infinity ? "\(name) <= \(DecimalText.real(upper))" : nil).joined(
            separator: " AND ")
      }
    }
    return condition.admitsMissing ? "(\(name) IS NULL OR \(text))" : text
  }

  private func membership(_ name: String, _ feature: Feature, _ levels: [Int]) throws(RuleError) -> String {
    var names: [String] = []
    for level in levels { names.append(try string(feature.levels?[level] ?? "")) }
    return names.count == 1 ? "\(name) = \(names[0])" : "\(name) IN (\(names.joined(separator: ", ")))"
  }

  private func literal(_ conclusion: Conclusion, _ classes: [String]) throws(RuleError) -> String {
    switch conclusion {
    case .label(let label): try string(classes[label])
    case .value(let value): DecimalText.real(value)
    }
  }

  private func identifier(_ name: String) throws(RuleError) -> String { try quoted(name, "\"") }

  private func string(_ text: String) throws(RuleError) -> String { try quoted(text, "'") }

  private func quoted(_ text: String, _ mark: String) throws(RuleError) -> String {
    guard !text.unicodeScalars.contains("\0") else {
      throw RuleError(
        .unsupported("SQL cannot hold the name '\(RuleText.plain(text))'; rename it, or write JSON"))
    }
    // By scalars: a quote that carries a combining mark is still a quote.
    var result = mark
    for scalar in text.unicodeScalars {
      result.unicodeScalars.append(scalar)
      if scalar == mark.unicodeScalars.first { result += mark }
    }
    return result + mark
  }
}

extension [String] {
  fileprivate func appending(_ other: String?) -> [String] { other.map { self + [$0] } ?? self }
}
