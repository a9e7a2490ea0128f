/// Trees and rule lists as drawings for Graphviz (`dot -Tsvg`).
public enum GraphvizSource {
  /// A tree: questions in boxes, answers on edges, leaves with their class and weights.
  public static func text(_ tree: DecisionTree) -> String {
    var lines = head
    for (index, node) in tree.nodes.enumerated() {
      guard let split = node.split else {
        lines.append(
          "  n\(index) [style=\"rounded,filled\", fillcolor=\"#eef3f8\", label=\(leaf(tree, index))];")
        continue
      }
      lines.append("  n\(index) [label=\(quoted(tree.question(split)))];")
      for (position, child) in node.children.enumerated() {
        var label = tree.answer(position, split)
        if position == node.defaultChild, split.asksValues, tree.missingPolicy == .defaultChild {
          label += " or missing"
        }
        lines.append("  n\(index) -> n\(child) [label=\(quoted(label))];")
      }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  /// A list: one box a rule, an edge *yes* to what it concludes, an edge *no* to the next rule.
  public static func text(_ list: RuleList) -> String {
    var lines = head
    for (index, rule) in list.rules.enumerated() {
      lines.append("  n\(index) [label=\(quoted(RuleText.text(rule.clause, in: list.features)))];")
      lines.append("  n\(index) -> c\(index) [label=\"yes\"];")
      lines.append(
        "  n\(index) -> \(index + 1 < list.rules.count ? "n\(index + 1)" : "c\(index + 1)") [label=\"no\"];")
    }
    for (index, rule) in (list.rules + [list.otherwise]).enumerated() {
      let counts = "\(RuleText.short(rule.support.correct)) of \(RuleText.short(rule.support.cover))"
      let label = quoted("\(RuleText.text(rule.conclusion, in: list.classes))\n\(counts)")
      lines.append("  c\(index) [style=\"rounded,filled\", fillcolor=\"#eef3f8\", label=\(label)];")
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private static var head: [String] {
    ["digraph rules {", "  node [shape=box, fontname=\"sans-serif\"];", "  edge [fontname=\"sans-serif\"];"]
  }

  private static func leaf(_ tree: DecisionTree, _ index: Int) -> String {
    let node = tree.nodes[index]
    let conclusion = RuleText.text(tree.conclusion(atNode: index), in: tree.classes)
    let counts = zip(tree.classes, node.distribution).filter { $0.1 > 0 }
      .map { "\(RuleText.plain($0)): \(RuleText.short($1))" }.joined(separator: "\n")
    return quoted("\(conclusion)\n" + (counts.isEmpty ? "weight \(RuleText.short(node.weight))" : counts))
  }

  /// A quoted label: quotes and backslashes escaped, line breaks as `\n`.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
