internal import NoemaGraph
internal import NoemaTensor

/// The smooth mask of a given area under which a class's score is largest, or whose removal makes it
/// smallest, for several areas together.
///
/// A position's attribution is the sum of the masks over all areas, or where `threshold` is set what the
/// smallest mask that meets it holds; all channels receive it. The area is held by a penalty on the distance
/// of the sorted mask from one that is 1 on that share and 0 elsewhere. Lengths are for images whose shorter
/// side has 224 pixels and scale with the image.
///
/// ```swift
/// let asInTheBenchmark = ExtremalPerturbation(areas: [0.025, 0.05, 0.1, 0.2], smoothing: 0.09)
/// ```
///
/// - Source: Fong, Patrick and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth
///   Masks", 2019, equations 3 to 6; numbers as in TorchRay.
public struct ExtremalPerturbation: AttributionMethod {
  /// What the mask is for.
  public enum Game: String, Sendable, Hashable, Codable, CaseIterable {
    /// The score is largest where the mask keeps the image.
    case preservation
    /// The score is smallest where the mask removes the image.
    case deletion
    /// Both.
    case dual
  }

  /// What the mask optimises.
  public enum Reward: String, Sendable, Hashable, Codable, CaseIterable {
    /// The class output.
    case output
    /// The class output less the largest other one; costs twice the passes.
    case contrast
  }

  /// How an image is perturbed where it is not kept, in eight steps to the image itself.
  public enum Perturbation: Sendable, Hashable {
    /// Blurred by a Gaussian of up to this standard deviation, with zeros beyond the border.
    case blur(sigma: Double = 20)
    /// Faded to zero.
    case fade
  }

  /// The areas of masks, as shares of a canvas that reaches beyond the grid's outermost points by a bump's
  /// width on each side; of 260 × 260 positions for an image of 224 × 224.
  public var areas: [Double]
  /// What masks are for.
  public var game: Game
  /// What masks optimise.
  public var reward: Reward
  /// How the image is perturbed.
  public var perturbation: Perturbation
  /// The number of steps.
  public var iterations: Int
  /// The distance between the grid's points.
  public var step: Double
  /// The width of the bumps that masks are made of.
  public var sigma: Double
  /// The step size of gradient descent with momentum.
  public var learningRate: Double
  /// The weight of the area's penalty at first; it grows by 0.35 % a step.
  public var areaWeight: Double
  /// The share of the whole image's score that the smallest mask must keep, or removing it leave at most; nil
  /// to sum the masks of all areas.
  public var threshold: Double?
  /// The standard deviation with which the map is blurred, as a share of the shorter side; with zeros beyond
  /// the border.
  public var smoothing: Double
  /// Whether the network sees every other step's image mirrored left to right, the first step's included. The
  /// mask then covers what counts in either, so say no to networks that tell left from right: in an image of
  /// text, or where only one side of the image is looked at.
  public var mirrors: Bool

  /// Makes the method; one preserving mask of a tenth of the image in 800 steps unless told otherwise.
  public init(
    areas: [Double] = [0.1], game: Game = .preservation, reward: Reward = .output,
    perturbation: Perturbation = .blur(), iterations: Int = 800, step: Double = 7, sigma: Double = 21,
    learningRate: Double = 0.01, areaWeight: Double = 300, threshold: Double? = nil, smoothing: Double = 0,
    mirrors: Bool = true
  ) {
    self.areas = areas
    self.game = game
    self.reward = reward
    self.perturbation = perturbation
    self.iterations = iterations
    self.step = step
    self.sigma = sigma
    self.learningRate = learningRate
    self.areaWeight = areaWeight
    self.threshold = threshold
    self.smoothing = smoothing
    self.mirrors = mirrors
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try optimiser(for: subject) }

  /// Compiles the method; it finds one mask for each area, in the order of `areas`, with the score of the
  /// image as the mask keeps it, or when deleting as it is left, and the reward less the area's penalty as
  /// the history.
  ///
  /// - Throws: as `attributor(for:)` does.
  public func optimiser(for subject: Subject) throws -> MaskOptimiser {
    try check()
    let rows = areas.count * (game == .dual ? 2 : 1)
    let runner = try MaskRunner(
      subject, rowsPerExample: rows, score: reward == .contrast ? .contrast : .output, scale: subject.scale,
      method: "extremal perturbation")
    let layout = runner.layout
    let blur = SeparableMap.blurring(
      (layout.height, layout.width), sigma: smoothing * Double(min(layout.height, layout.width)),
      fadesOut: true)
    return try MaskOptimiser(subject, runner: runner, rowsPerExample: rows) { batch, runner in
      try ExtremalAscent(method: self, batch: batch, runner: runner).run()
    } read: { masks in
      let chosen = chosen(among: masks)
      var map = [Double](repeating: 0, count: layout.positions)
      for index in chosen ?? Array(masks.indices) {
        for (u, value) in masks[index].mask.elements(as: Float.self).enumerated() { map[u] += Double(value) }
      }
      return (smoothing > 0 ? blur(map) : map, remark(masks, chosen))
    }
  }

  /// The mask that meets the threshold, where there is one to meet: nil for all masks, empty indices never.
  private func chosen(among masks: [OptimisedMask]) -> [Int]? {
    guard let threshold else { return nil }
    let order = areas.indices.sorted { areas[$0] < areas[$1] }
    return [order.first { meets(threshold, masks[$0]) } ?? order[order.count - 1]]
  }

  private func meets(_ threshold: Double, _ mask: OptimisedMask) -> Bool {
    let wanted = threshold * mask.scoreBefore
    return game == .deletion ? mask.scoreAfter <= wanted : mask.scoreAfter >= wanted
  }

  private func remark(_ masks: [OptimisedMask], _ chosen: [Int]?) -> String {
    let verb = game == .deletion ? "removed" : "kept"
    let parts = (chosen ?? Array(masks.indices)).map {
      "\(masks[$0].scoreAfter.brief) with \((100 * areas[$0]).brief) % \(verb)"
    }
    var text = "score \(masks[0].scoreBefore.brief), and " + parts.joined(separator: ", ")
    if let threshold, let index = chosen?.first, !meets(threshold, masks[index]) {
      text += "; no area met the threshold, and this is the largest"
    }
    return text
  }

  private func check() throws(GraphError) {
    guard !areas.isEmpty, areas.allSatisfy({ $0 > 0 && $0 < 1 }) else {
      throw GraphError(
        .input("extremal perturbation needs areas between 0 and 1, found \(areas)"))
    }
    guard (1...1_000_000).contains(iterations) else {
      throw GraphError(.input("extremal perturbation needs 1 to 1000000 steps, found \(iterations)"))
    }
    guard [step, sigma, learningRate].allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw GraphError(
        .input(
          "the grid's step, the bumps' width and the learning rate of extremal perturbation must be "
            + "positive, found \(step), \(sigma) and \(learningRate)"))
    }
    var weights = [areaWeight, smoothing]
    if let threshold { weights.append(threshold) }
    if case .blur(let sigma) = perturbation { weights.append(sigma) }
    if let bad = weights.first(where: { !($0 >= 0 && $0.isFinite) }) {
      throw GraphError(
        .input("weights, blurs and the threshold of extremal perturbation must be 0 or more, found \(bad)"))
    }
  }
}

/// The ascent of one batch: all areas of all examples together.
private struct ExtremalAscent {
  let method: ExtremalPerturbation
  let batch: MaskBatch
  let runner: MaskRunner
  private let smooth: SmoothMask
  private let pyramids: [PerturbationPyramid]
  /// For each row of an example: its area, and whether it shows what the mask leaves.
  private let rows: [(area: Int, isRest: Bool)]

  init(method: ExtremalPerturbation, batch: MaskBatch, runner: MaskRunner) {
    (self.method, self.batch, self.runner) = (method, batch, runner)
    let layout = runner.layout
    smooth = SmoothMask(
      height: layout.height, width: layout.width,
      step: max(1, Int(layout.scaled(method.step).rounded())), sigma: layout.scaled(method.sigma))
    pyramids = batch.images.map { PerturbationPyramid($0, method.perturbation, layout) }
    let kinds: [Bool] =
      switch method.game {
      case .preservation: [false]
      case .deletion: [true]
      case .dual: [false, true]
      }
    rows = method.areas.indices.flatMap { area in kinds.map { (area, $0) } }
  }

  func run() throws -> [[OptimisedMask]] {
    let areas = method.areas.count, count = batch.images.count * areas
    let whole = [Double](repeating: 1, count: runner.layout.positions)
    let before = try scores((0..<count).map { _ in whole }, mirrored: false) { $0.isRest ? whole : nil }
    var grids = [[Double]](repeating: Array(repeating: 1, count: smooth.gridCount), count: count)
    var speeds = grids
    var histories = [[Double]](repeating: [], count: count)
    var weight = method.areaWeight
    for step in 0..<method.iterations {
      let canvases = grids.map { smooth($0) }
      let found = try scores(canvases.map(smooth.cropped), mirrored: method.mirrors && step % 2 == 0)
      for mask in 0..<count {
        let area = areaPenalty(canvases[mask], share: method.areas[mask % areas], weight: weight)
        histories[mask].append(reward(found.scores, of: mask) - area.value)
        var slope = area.gradient.map { -$0 }
        for u in 0..<runner.layout.positions { slope[smooth.onCanvas(u)] += found.gradients[mask][u] }
        let gradient = smooth.pullback(slope, grid: grids[mask], canvas: canvases[mask])
        for i in gradient.indices {
          speeds[mask][i] = step == 0 ? gradient[i] : 0.9 * speeds[mask][i] + 0.1 * gradient[i]
          grids[mask][i] = min(max(grids[mask][i] + method.learningRate * speeds[mask][i], 0), 1)
        }
      }
      weight *= 1.0035
    }
    let masks = grids.map { smooth.cropped(smooth($0)) }
    let after = try scores(masks, mirrored: false)
    return batch.images.indices.map { example in
      (0..<areas).map { area in
        let mask = example * areas + area, row = row(of: mask)
        return OptimisedMask(
          mask: Tensor(shape: [smooth.height, smooth.width], masks[mask].map { Float($0) }),
          scoreBefore: before.scores[row], scoreAfter: after.scores[row], history: histories[mask])
      }
    }
  }

  /// The first row of a mask.
  private func row(of mask: Int) -> Int { mask * (rows.count / method.areas.count) }

  /// What a mask's rows are worth: what it keeps, less what it leaves.
  private func reward(_ scores: [Double], of mask: Int) -> Double {
    (row(of: mask)..<row(of: mask + 1)).reduce(0) { total, row in
      total + (rows[row % rows.count].isRest ? -scores[row] : scores[row])
    }
  }

  /// The scores of all rows, and the derivatives of rewards by the masks.
  ///
  /// - Parameter override: the mask of a row in place of its own.
  private func scores(
    _ masks: [[Double]], mirrored: Bool,
    override: ((area: Int, isRest: Bool)) -> [Double]? = { _ in nil }
  ) throws -> (scores: [Double], gradients: [[Double]]) {
    let each = rows.count / method.areas.count
    let shown = (0..<masks.count * each).map { row in
      let kind = rows[row % rows.count]
      if let mask = override(kind) { return mask.map { Float($0) } }
      return masks[row / each].map { Float(kind.isRest ? 1 - $0 : $0) }
    }
    var gradients = masks.map { [Double](repeating: 0, count: $0.count) }
    let scores = try runner.scores(rows: shown.count, of: batch, example: { $0 / rows.count }) {
      row, target in
      pyramids[row / rows.count].write(shown[row], mirrored: mirrored, to: target)
    } take: { row, factor, gradient in
      // The reward falls with what the mask leaves, and that with the mask: the signs cancel.
      pyramids[row / rows.count].pullback(gradient, shown[row], mirrored: mirrored, factor: factor) {
        gradients[row / each][$0] += $1
      }
    }
    return (scores, gradients)
  }

  /// The penalty `λ mean((sort(m) − r)²)` of a mask whose area is not as asked, and its derivative.
  private func areaPenalty(
    _ canvas: [Double], share: Double, weight: Double
  ) -> (value: Double, gradient: [Double]) {
    // Bits of floats from 0 on are in their order; places behind them keep ties in the order of places.
    let order = canvas.indices.map { UInt64(Float(canvas[$0]).bitPattern) << 32 | UInt64($0) }.sorted()
    let empty = Int(Double(canvas.count) * (1 - share)), part = weight / Double(canvas.count)
    var value = 0.0, gradient = [Double](repeating: 0, count: canvas.count)
    for (rank, key) in order.enumerated() {
      let place = Int(key & 0xFFFF_FFFF)
      let difference = canvas[place] - (rank < empty ? 0 : 1)
      value += part * difference * difference
      gradient[place] = 2 * part * difference
    }
    return (value, gradient)
  }
}
