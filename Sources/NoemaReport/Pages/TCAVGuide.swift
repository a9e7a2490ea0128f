/// How a reader should understand the numbers of a concept study.
enum TCAVGuide {
  static let scores = """
    Share of class inputs whose output rises when the activation moves towards the concept, with 95 % \
    intervals. Hatched bars do not support a claim; at 0.5 as many inputs rise as fall.
    """
  static let sweeps = """
    The same scores from input to output. Hollow markers do not support a claim at that layer.
    """
  static let probes = """
    How well a linear probe tells each concept from random examples on held-out rows; the numbers are AUC. \
    The dashed mark is the AUC that 95 % of random concepts stay below: a score whose probe does not pass it, \
    or stays below the least AUC of the settings, says nothing about the concept.
    """
  static let nulls = """
    The experiment repeated with random examples in place of the concept (grey), and the concept's own score \
    (diamond). p counts the repetitions at least as far from 0.5, over as many runs, ties broken by the size \
    of the derivative; p adj. is corrected over all hypotheses of the study.
    """
  static let strips = "Examples that define each concept."
  static let derivatives = """
    One tick a class input: how much the output changes when its activation moves by one unit along the CAV, \
    mean over runs. The score counts how many lie right of zero; this shows how far.
    """
  static let extremes = "Class inputs by their derivative along the concept's direction."
  static let cosines = """
    Cosines between the mean CAVs. Concepts whose CAVs are far from orthogonal cannot be told apart by \
    their scores.
    """
  static let diagnostics = """
    Numbers that help to judge each score. Stability is the mean cosine between the CAVs of the runs; a \
    mean derivative is in output units per activation unit.
    """

  /// The section "How to read this".
  static func paragraphs(significance: Double) -> [HTML] {
    let items: [(name: String, text: String)] = [
      ("Score.", score),
      (
        "Verdict.",
        """
        “Used” asks for three things: a linear probe finds the concept in held-out activations; the score \
        lies further from 0.5 than those of random pseudo-concepts (adjusted p at most \(significance)); and \
        so does the mean direction alone (p direction at most \(significance)), because steady directions \
        have more extreme scores than wavering ones even when they have nothing to do with the class. \
        “Represented but not used” is a finding about these data, not proof that the concept plays no \
        role.
        """
      ),
      ("p-values.", pValues), ("Intervals.", intervals), ("Limits.", limits),
    ]
    return items.map { .element("p", [:], [.element("b", text: $0.name), .text(" \($0.text)")]) }
  }

  private static let score = """
    Each concept is a direction in the activations of a layer, found from example inputs. The score is the \
    share of class inputs whose output would rise if their activation moved a little that way. 1 means \
    all, 0 means none; both are strong effects, in opposite directions. 0.5 means no consistent effect.
    """
  private static let pValues = """
    The permutation p compares with pseudo-concepts drawn from the random examples, treated just like the \
    concept. The t-test over runs is given for comparison with published work; its runs share examples, so \
    it calls too many concepts significant. Adjusted values are corrected over all hypotheses of this \
    study.
    """
  private static let intervals = """
    Bootstrap over runs and class inputs; where all inputs agree, the exact binomial interval of the inputs. \
    They do not cover the choice of concept examples; other examples \
    of the same concept may give another direction.
    """
  private static let limits = """
    Scores describe small moves along a direction, not what happens when a concept is removed from an \
    input. They say how consistent an effect is, not how large. If concept examples differ from random \
    ones in something else, such as background or resolution, the direction holds that too. Near the \
    output, the gradients of all inputs align (gradient alignment near 1) and every score is pushed \
    towards 0 or 1, whatever the concept.
    """
}
