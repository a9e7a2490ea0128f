/// How a reader should understand the report of concepts that were found.
enum ACEGuide {
  static let strips = """
    The most important first. Above, a patch outlined in its example; below, the patch as the network saw it. A \
    concept is a cluster of activations: that its patches look alike to you is not guaranteed, and its name is only \
    that of its best patch.
    """
  static let others = """
    The most important first; what belongs to the patch is marked. A concept is a cluster of activations, and its name \
    only that of its best patch.
    """
  static let scores = """
    Share of held-out examples whose output rises when the activation moves towards the concept, with 95 % intervals. \
    Hatched bars do not support a claim; at 0.5 as many rise as fall. Numbers are ranks.
    """
  static let indices = """
    The share of the output's variance in which each concept has a part when all are dimmed at random; bars of two \
    standard errors over examples.
    """
  static let losses = "How much the class loses, on average, when the segments of a concept are filled in."
  static let sufficient = """
    The more important concepts are shown first, on an input that is filled otherwise. Above the band, they bring the \
    class back faster than as many random segments of the same examples do.
    """
  static let destroying = """
    The more important concepts are filled first. Below the band, the class goes faster than without as many random \
    segments.
    """
  static let maps = """
    Where the first concepts are in whole examples that took no part in the search; red where a concept is strong. The \
    numbers are ranks.
    """
  static let table = "All kept concepts; result.json has more."

  /// The section "How to read this".
  static func paragraphs(significance: Double) -> [HTML] {
    let items: [(name: String, text: String)] = [
      ("Concepts.", concepts),
      (
        "Verdict.",
        """
        “Used” asks that a probe tells the patches from random patches, and that moving towards them changes the class \
        more consistently than random directions do (p at most \(significance), corrected over all concepts and \
        layers). “Represented but not used” is a finding about these data, not proof that the concept plays no role.
        """
      ),
      ("Importance.", importance), ("Curves.", curves), ("Stability.", stability), ("Limits.", limits),
    ]
    return items.map { .element("p", [:], [.element("b", text: $0.name), .text(" \($0.text)")]) }
  }

  private static let concepts = """
    Examples of the class were cut into segments; each became an input of its own, and the activations of all of them \
    were grouped. Groups of few patches, or of few examples, were dropped. All else on this page was measured on \
    examples that took no part in the search.
    """
  private static let importance = """
    The measures ask different things and may disagree. The score says how consistently a move towards the concept \
    raises the class, the total index how much of the output hangs on it when all are dimmed, the loss what is missing \
    when it is filled in. Concepts are ranked by verdict, score and mean derivative, then by total index and loss.
    """
  private static let curves = """
    The grey band is what concepts do that mean nothing: the segments of each example dealt anew among as many \
    concepts. A curve within it says that any segments do as well. The dashed line of random orders shows whether the \
    ranking knows anything. A concept that covers more of the input wins without being understood better, so the \
    share covered stands below.
    """
  private static let stability = """
    The mean cosine with the partner that a concept has when the search is repeated, with other seeds and on examples \
    drawn anew. Below about 0.8 another search may not find it.
    """
  private static let limits = """
    Patches are not natural inputs: they have filled surroundings, and on images they are enlarged. A concept may be \
    an artefact of that; try another filling. Concepts are proposals: bring examples of your own for one that \
    matters, and test it by noema tcav.
    """
}
