/// Rules as one Python function, `predict(row)`, without imports.
///
/// `row` maps column names to values, as a dictionary or a `pandas.Series` does; numbers must be numbers, categories
/// text. A column that is absent, `None` or NaN is missing. The function returns the name of the class, or the number.
public struct PythonSource: Sendable, Hashable, Codable {
  /// The name of the function.
  public var function = "predict"

  /// How deeply conditions are nested; Python allows 100 indentations. A deeper tree is written leaf by leaf.
  private static let depthLimit = 80

  /// Makes a writer with the default name.
  public init() {}

  /// Writes rules.
  ///
  /// - Throws: `RuleError.parameters` when the function's name is none; `RuleError.unsupported` for trees that send
  ///   missing values to all children.
  public func text(_ document: RuleDocument) throws(RuleError) -> String {
    let letters = function.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
    }
    guard letters, let first = function.utf8.first, !(0x30...0x39).contains(first) else {
      throw RuleError(.parameters("'\(function)' is no name of a Python function; use letters, digits and _"))
    }
    let model = document.model
    let used = Set(model.terms.map(\.feature)).sorted()
    var lines = [
      "def \(function)(row):", "    \"\"\"Answers for one row, a mapping from column names to values.\"\"\"",
    ]
    for feature in used {
      // NaN is the one value that differs from itself.
      lines.append("    x\(feature) = row.get(\(PythonSource.string(model.features[feature].name)))")
      lines.append("    x\(feature) = None if x\(feature) != x\(feature) else x\(feature)")
    }
    switch document {
    case .list(let list): body(list, &lines)
    case .tree(let tree): try body(tree, &lines)
    case .set(let rules): if let list = rules.list { body(list, &lines) } else { vote(rules, &lines) }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func body(_ list: RuleList, _ lines: inout [String]) {
    for rule in list.rules {
      lines.append("    if \(test(rule.clause, list.features)):")
      lines.append("        return \(literal(rule.conclusion, list.classes))")
    }
    lines.append("    return \(literal(list.defaultConclusion, list.classes))")
  }

  private func vote(_ rules: RuleSet, _ lines: inout [String]) {
    let isClassifier = !rules.classes.isEmpty
    lines.append(
      isClassifier ? "    scores = [0.0] * \(rules.classes.count)" : "    total, weight = 0.0, 0.0")
    for (rule, weight) in zip(rules.rules, rules.voteWeights) where weight > 0 {
      lines.append("    if \(test(rule.clause, rules.features)):")
      let amount = DecimalText.real(weight)
      if isClassifier {
        lines.append("        scores[\(rule.conclusion.label ?? 0)] += \(amount)")
      } else {
        let product = DecimalText.real(weight * (rule.conclusion.value ?? 0))
        lines += ["        total += \(product)", "        weight += \(amount)"]
      }
    }
    let otherwise = literal(rules.defaultConclusion, rules.classes)
    guard isClassifier else {
      lines.append("    return total / weight if weight > 0 else \(otherwise)")
      return
    }
    let names = rules.classes.map { PythonSource.string($0) }.joined(separator: ", ")
    lines += [
      "    best, answer = 0.0, \(otherwise)", "    for score, name in zip(scores, [\(names)]):",
      "        if score > best:", "            best, answer = score, name", "    return answer",
    ]
  }

  private func body(_ tree: DecisionTree, _ lines: inout [String]) throws(RuleError) {
    if tree.depth > PythonSource.depthLimit || tree.missingPolicy == .allChildren {
      // Refuses trees that send missing values to all children.
      if let list = try tree.ruleSet().list { body(list, &lines) }
      return
    }
    nest(tree, node: 0, depth: 1, &lines)
  }

  private func nest(_ tree: DecisionTree, node index: Int, depth: Int, _ lines: inout [String]) {
    let margin = String(repeating: "    ", count: depth)
    let node = tree.nodes[index]
    guard let split = node.split else {
      lines.append("\(margin)return \(literal(tree.conclusion(atNode: index), tree.classes))")
      return
    }
    // What is left over goes to the last child: missing values to the default child.
    let last = split.asksValues ? node.defaultChild : 1
    for position in node.children.indices where position != last {
      lines.append("\(margin)if \(test(split, position, tree.features)):")
      nest(tree, node: node.children[position], depth: depth + 1, &lines)
    }
    // Every branch before has returned.
    nest(tree, node: node.children[last], depth: depth, &lines)
  }

  private func test(_ split: DecisionTree.Split, _ position: Int, _ features: [Feature]) -> String {
    switch split {
    case .term(let term):
      test(Clause([term.edge(position == 0, takesMissing: false, in: features)]), features)
    case .groups(let feature, let groups): test(Clause([.isIn(feature, groups[position])]), features)
    case .mOfN(let mOfN):
      mOfN.literals.map { "(\(test(Clause([$0]), features)))" }.joined(separator: " + ") + " >= \(mOfN.m)"
    }
  }

  // MARK: Tests and literals

  private func test(_ clause: Clause, _ features: [Feature]) -> String {
    let parts = clause.conditions.map { test($0.canonical(in: features[$0.feature]), features[$0.feature]) }
    return parts.isEmpty ? "True" : parts.joined(separator: " and ")
  }

  private func test(_ condition: Condition, _ feature: Feature) -> String {
    let name = "x\(condition.feature)"
    let text: String
    switch condition.values {
    case .all: return condition.admitsMissing ? "True" : "\(name) is not None"
    case .none: return condition.admitsMissing ? "\(name) is None" : "False"
    case .levels(let levels): text = membership(name, feature, levels.levels)
    case .interval(let lower, let upper):
      if let levels = feature.levels {
        text = membership(name, feature, levels.indices.filter { Double($0) > lower && Double($0) <= upper })
      } else {
        let low = lower > -.infinity ? "\(DecimalText.exact(lower)) < " : ""
        let high = upper < .infinity ? " <= \(DecimalText.exact(upper))" : ""
        let comparison = low + name + high
        text = condition.admitsMissing ? comparison : "\(name) is not None and \(comparison)"
      }
    }
    return condition.admitsMissing ? "(\(name) is None or \(text))" : text
  }

  private func membership(_ name: String, _ feature: Feature, _ levels: [Int]) -> String {
    "\(name) in {\(levels.map { PythonSource.string(feature.levels?[$0] ?? "") }.joined(separator: ", "))}"
  }

  private func literal(_ conclusion: Conclusion, _ classes: [String]) -> String {
    switch conclusion {
    case .label(let label): PythonSource.string(classes[label])
    case .value(let value): DecimalText.real(value)
    }
  }

  /// A string literal of printable ASCII; everything else is escaped.
  static func string(_ text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x27, 0x5C: result += "\\" + String(Character(scalar))
      case 0x20...0x7E: result.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return result + "'"
  }
}
