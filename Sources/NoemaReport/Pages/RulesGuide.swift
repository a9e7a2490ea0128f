/// How a reader should understand the numbers of extracted rules.
enum RulesGuide {
  /// The section "How to read this".
  static var paragraphs: [HTML] {
    let items: [(name: String, text: String)] = [
      ("Fidelity.", fidelity), ("Accuracy.", accuracy), ("Intervals.", intervals),
      ("Precision and cover of a rule.", rules), ("Coverage, overlap, conflicts.", firing),
      ("The knee.", knee), ("Stability.", stability),
    ]
    return items.map { .element("p", [:], [.element("b", text: $0.name), .text(" " + $0.text)]) }
  }

  private static let fidelity = """
    How often the rules say what the network says. It holds for examples like the test table's, and only beside what \
    one and the same answer would reach: a network that nearly always says *no* is followed by no rule at all. \
    Balanced fidelity gives each class the same weight; kappa is 0 for agreement by chance.
    """
  private static let accuracy = """
    How often the rules are right. Rules can be right where the network is wrong: then they explain it badly there.
    """
  private static let intervals = """
    Numbers in parentheses are 95 % intervals. They say how far another test table of the same size might lead, and \
    nothing of other data or other rules.
    """
  private static let rules = """
    Cover is the share of the test examples for which the rule fires (of a list and a tree, which it decides), \
    precision how often the network says of these what the rule says. A rule that covers few examples is known from few.
    """
  private static let firing = """
    Coverage is the share of examples for which some rule fires; the default answers for the others. Overlap is how \
    many rules fire at once, a conflict that they say different things.
    """
  private static let knee = """
    The size after which further rules bring little: the point farthest above the line from the smallest rule set to \
    the best. The curve is measured on examples that served neither its extraction nor the test.
    """
  private static let stability = """
    Rules of another seed or of a resampled table. High agreement with few common terms means that different rules \
    say the same; take none of their thresholds for the network's own.
    """
}
