/// How a reader should understand the numbers of a concept study.
enum TCAVGuide {
  static func paragraphs(significance: Double) -> [HTML] {
    let level = NumberText.compact(significance)
    let items: [(String, String)] = [
      (
        "Score.",
        "Each concept is a direction in the activations of a layer, found from example inputs. The score is the share of "
          + "class inputs whose output would rise if their activation moved a little that way. 1 means all, 0 means none; "
          + "both are strong effects, in opposite directions. 0.5 means no consistent effect."
      ),
      (
        "Verdict.",
        "“Used” asks for two things: a linear probe finds the concept in held-out activations, and the score "
          + "lies further from 0.5 than those of random pseudo-concepts (adjusted p at most \(level)). “Represented but "
          + "not used” is a finding about these data, not proof that the concept plays no role."
      ),
      (
        "p-values.",
        "The permutation p compares with pseudo-concepts drawn from the random examples, treated just like the concept. "
          + "The t-test over runs is given for comparison with published work; its runs share examples, so it calls too "
          + "many concepts significant. Adjusted values are corrected over all hypotheses of this study."
      ),
      (
        "Intervals.",
        "Bootstrap over runs and class inputs. They do not cover the choice of concept examples; other "
          + "examples of the same concept may give another direction."
      ),
      (
        "Limits.",
        "Scores describe small moves along a direction, not what happens when a concept is removed from an input. They say how "
          + "consistent an effect is, not how large. If concept examples differ from random ones in something else, such "
          + "as background or resolution, the direction holds that too. Near the output gradients of all inputs align "
          + "(gradient alignment near 1) and every score is pushed towards 0 or 1, whatever the concept."
      ),
    ]
    return items.map { .element("p", [:], [.element("b", text: $0.0), .text(" \($0.1)")]) }
  }
}
