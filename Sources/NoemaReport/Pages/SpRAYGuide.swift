/// How a reader should understand the numbers of a spectral relevance analysis.
enum SpRAYGuide {
  static let ranking = """
    The most suspicious first. A rank is a reason to look, not a finding; masking asks the network itself.
    """

  /// The section "How to read this".
  static var paragraphs: [HTML] {
    let items: [(name: String, text: String)] = [
      ("Strategies.", strategies), ("Eigengap.", eigengap), ("Silhouette and stability.", stability),
      ("Suspicion.", suspicion), ("Masking.", masking), ("The plane.", plane),
    ]
    return items.map { .element("p", [:], [.element("b", text: $0.name), .text(" " + $0.text)]) }
  }

  private static let strategies = """
    Examples of one class whose relevance maps resemble each other: the network finds the class in the same place \
    or the same thing. Several strategies are normal; one that sits on a border, a corner or a mark is what to \
    look for.
    """
  private static let eigengap = """
    Each eigenvalue near zero stands for a group of maps that hangs together. A wide gap after the k-th says that k \
    groups are distinct; without a wide gap the number of strategies is a matter of taste.
    """
  private static let stability = """
    A silhouette near 1 means that examples are much nearer to their own group than to the next, near 0 that they \
    lie between two. Stability is how well the groups, or one of them, come back when the examples are drawn again: \
    1 is the same, 0 no better than chance.
    """
  private static let suspicion = """
    Classes are ranked by how clearly their strategies part and how much of the relevance sits in few places. Real \
    differences within a class part as clearly as flaws do, so the rank alone proves nothing.
    """
  private static let masking = """
    The region that a strategy looks at is hidden, on its own examples and on others of the class. Confirmed means \
    that the score drops on its examples, and more than elsewhere: the network does rest on that region there. \
    Whether it should is for you to say.
    """
  private static let plane = """
    Near examples have similar maps. Distances between far groups, and the size of groups, mean little.
    """
}
