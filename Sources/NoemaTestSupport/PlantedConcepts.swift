public import NoemaTensor

/// A network over small pictures whose answer is known in concepts: *yes* for red and not green. Blue passes it by.
///
/// A colour that a picture shows fills it at a strength of 0.8 to 1, one that it does not at 0 to 0.2, with a little
/// noise on every pixel; `yes` wins where `red − 0.8 green > 0.5`.
public enum PlantedConcepts {
  /// The classes, in the order of the outputs.
  public static let classes = ["no", "yes"]

  /// What a picture shows.
  public struct Content: Sendable, Hashable {
    /// Whether each colour is there.
    public var red, green, blue: Bool

    /// Names colours.
    public init(red: Bool, green: Bool, blue: Bool) { (self.red, self.green, self.blue) = (red, green, blue) }

    /// The network's class.
    public var label: Int { red && !green ? 1 : 0 }
  }

  /// `[N, 3, 4, 4]` through five channels `relu` and their means `flat` to two logits.
  public static func model() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 3, 4, 4])
    let mixing: [Float] = [1, 0, 0, 0, 1, 0, 1, 1, 0, 1, -1, 0, 0, 0.5, 0]
    draft.initialiser("mixing", Tensor(shape: [5, 3, 1, 1], mixing))
    let weights: [Float] = [0, 40, 0, -32, 0, 0, 0, 0, 0, 0]
    draft.initialiser("weights", Tensor(shape: [5, 2], weights))
    draft.initialiser("bias", Tensor(shape: [2], [0, -20] as [Float]))
    draft.node("Conv", ["input", "mixing"], ["conv"])
    draft.node("Relu", ["conv"], ["relu"])
    draft.node("GlobalAveragePool", ["relu"], ["pool"])
    draft.node("Flatten", ["pool"], ["flat"])
    draft.node("Gemm", ["flat", "weights", "bias"], ["out"])
    draft.output("out", [nil, 2])
    return draft
  }

  /// Pictures of known content.
  public static func pictures(_ contents: [Content], seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    var values: [Float] = []
    for content in contents {
      for isThere in [content.red, content.green, content.blue] {
        let level = random.uniform(0..<0.2) + (isThere ? 0.8 : 0)
        for _ in 0..<16 { values.append(Float(level + 0.05 * random.normal())) }
      }
    }
    return Tensor(shape: [contents.count, 3, 4, 4], values)
  }

  /// Contents in which every colour is there as often as not, or as often as told.
  public static func contents(_ count: Int, share: Double = 0.5, seed: UInt64) -> [Content] {
    var random = RandomNumbers(seed: seed)
    return (0..<count).map { _ in
      let flags = (0..<3).map { _ in random.uniform() < share }
      return Content(red: flags[0], green: flags[1], blue: flags[2])
    }
  }

  /// Pictures of one colour, `red`, `green` or `blue`. The others are there as often as not: a probe that never saw
  /// green on either side would as soon answer to red or green as to red.
  public static func examples(_ count: Int, of colour: String, seed: UInt64) -> Tensor {
    pictures(contents(count, seed: seed).map { $0.setting(colour, true) }, seed: seed &+ 1)
  }

  /// Pictures without one colour; the others are there as often as not.
  public static func examples(_ count: Int, without colour: String, seed: UInt64) -> Tensor {
    pictures(contents(count, seed: seed).map { $0.setting(colour, false) }, seed: seed &+ 1)
  }

  /// Random pictures, each colour in one of ten: what all colours are held against.
  public static func random(_ count: Int, seed: UInt64) -> Tensor {
    pictures(contents(count, share: 0.1, seed: seed), seed: seed &+ 1)
  }
}

extension PlantedConcepts.Content {
  fileprivate func setting(_ colour: String, _ isThere: Bool) -> Self {
    var content = self
    switch colour {
    case "red": content.red = isThere
    case "green": content.green = isThere
    default: content.blue = isThere
    }
    return content
  }
}
