internal import NoemaGraph
internal import NoemaTensor

/// How far each position moves in a small change of the image that overturns the decision while hidden layers
/// stay as they were: minimises `(margin(x′) − v)² + γ Σ mean (h(x′) − h(x))² + s mean (x′ − x)²`.
///
/// The margin is the class's logit less the largest other one; of a network with one output it is that
/// output. A position's attribution is `√ mean (x′ − x)²` over its channels, blurred; all channels receive
/// it. Inputs that are no images are moved element by element.
///
/// - Source: Elliott, Law and Russell, "Explaining Classifiers using Adversarial Perturbations on the
///   Perceptual Ball", 2021, equation 5; numbers as in the authors' program.
public struct PerceptualBall: AttributionMethod {
  /// ONNX names of the hidden layers that stay near their values; empty for up to five, evenly spaced among
  /// those that rectifiers give, or else among all that the rest of the network is a function of.
  public var layers: [String]
  /// v, the margin that is aimed at: negative, for the class to lose.
  public var margin: Double
  /// γ, the weight of the hidden layers' changes.
  public var layerWeight: Double
  /// s, the weight of the image's change.
  public var imageWeight: Double
  /// The number of steps.
  public var iterations: Int
  /// The number of earlier steps that shape the next one.
  public var memory: Int
  /// What the image's values are limited to; nil for nothing.
  public var range: ClosedRange<Float>?
  /// The standard deviation of the blur, in pixels of an image whose shorter side has 224; scales with the
  /// image.
  public var smoothing: Double

  /// Makes the method with the paper's parameters unless told otherwise: at most 200 steps, to a margin of
  /// −2.
  public init(
    layers: [String] = [], margin: Double = -2, layerWeight: Double = 1e4, imageWeight: Double = 1,
    iterations: Int = 200, memory: Int = 100, range: ClosedRange<Float>? = nil, smoothing: Double = 2
  ) {
    self.layers = layers
    self.margin = margin
    self.layerWeight = layerWeight
    self.imageWeight = imageWeight
    self.iterations = iterations
    self.memory = memory
    self.range = range
    self.smoothing = smoothing
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    try check()
    return try BallAttributor(self, subject)
  }

  private func check() throws(GraphError) {
    guard (1...1_000_000).contains(iterations), (1...10_000).contains(memory) else {
      throw GraphError(
        .input(
          "the perceptual ball needs 1 to 1000000 steps and a memory of 1 to 10000, found \(iterations) "
            + "and \(memory)"
        ))
    }
    guard margin.isFinite else {
      throw GraphError(.input("the margin of the perceptual ball must be finite, found \(margin)"))
    }
    for number in [layerWeight, imageWeight, smoothing] where !(number >= 0 && number.isFinite) {
      throw GraphError(.input("weights of the perceptual ball must be 0 or more, found \(number)"))
    }
    if let range, !range.lowerBound.isFinite || !range.upperBound.isFinite {
      throw GraphError(.input("the range of the perceptual ball must be finite, found \(range)"))
    }
  }
}

/// The searches of one batch, which share their evaluations.
private struct BallAttributor: Attributor {
  let batchSize: Int
  private let method: PerceptualBall
  /// Gives outputs on the subject's scale.
  private let plain: RowRunner
  private let objective: BallObjective
  private let layout: ImageLayout?
  private let blur: SeparableMap?

  init(_ method: PerceptualBall, _ subject: Subject) throws {
    self.method = method
    plain = try RowRunner(subject, rowsPerExample: 1)
    guard plain.shapes.count == 1, plain.isAtInputs else {
      throw GraphError(
        .unsupported(
          "the perceptual ball moves one input of the network, but attributions are asked for at "
            + "\(plain.names.joined(separator: ", "))"))
    }
    objective = try BallObjective(method, subject, input: plain.names[0])
    // The searches remember steps and changes of derivatives.
    let bytes = plain.widths[0].multipliedCapped(by: 8 * method.memory)
    batchSize = min(plain.batchSize(rowsPerExample: 1), max(1, subject.memory / max(1, bytes)))
    layout =
      plain.shapes[0].count == 3
      ? try ImageLayout(plain.shapes, names: plain.names, isInput: true, method: "the perceptual ball") : nil
    blur = layout.map {
      .blurring(($0.height, $0.width), sigma: $0.scaled(method.smoothing))
    }
  }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let values = try plain.values(of: inputs, classes: classes), width = plain.widths[0]
    let outputs = try plain.outputs(values, inputs: inputs, classes: classes)
    let images = values[0].withElements(as: Float.self) { elements in
      classes.indices.map { Array(elements[$0 * width..<($0 + 1) * width]) }
    }
    let start = try objective.start(inputs, classes: classes)
    var searches = images.map {
      LBFGS(from: $0, memory: method.memory, steps: method.iterations, range: method.range)
    }
    var margins = [Double](repeating: 0, count: classes.count), distances = margins
    var evaluations = 0
    while evaluations < method.iterations + method.iterations / 4 + 2 {
      evaluations += 1
      let active = searches.indices.filter { !searches[$0].isDone }
      if active.isEmpty { break }
      try objective.evaluate(active.map { searches[$0].trial }, of: active, start) { index, found in
        let example = active[index]
        searches[example].take(found.value, found.gradient)
        // What was just accepted is the point itself.
        if searches[example].value == found.value {
          (margins[example], distances[example]) = (found.margin, found.distance)
        }
      }
    }
    var result = Attribution(
      values: [classes.indices.flatMap { map(images[$0], searches[$0].point) }].tensors(
        plain.shapes, examples: classes.count),
      outputs: outputs)
    for example in classes.indices {
      result.remarks[example] =
        "margin \(margins[example].brief), distance of hidden layers \(distances[example])"
        + (margins[example] < 0
          ? "" : "; the decision stands: take more iterations, or a smaller weight of layers")
    }
    return result
  }

  /// How far each position has moved.
  private func map(_ image: [Float], _ moved: [Float]) -> [Double] {
    let squares = zip(image, moved).map { Double($1 - $0) * Double($1 - $0) }
    guard let layout, let blur else { return squares.map { $0.squareRoot() } }
    let distances = (0..<layout.positions).map { u in
      ((0..<layout.channels).reduce(0) { $0 + squares[layout.offset($1, u)] } / Double(layout.channels))
        .squareRoot()
    }
    return layout.spread(method.smoothing > 0 ? blur(distances) : distances)
  }
}
