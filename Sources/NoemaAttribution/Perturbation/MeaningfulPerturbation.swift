internal import Glibc
internal import NoemaGraph
internal import NoemaTensor

/// The smallest smooth mask that destroys a class's score, or keeps it, found by gradients: minimises
/// `l₁ mean(1 − m) + l₂ mean |∇m|^β + f(m · x + (1 − m) · b)`, or `l₁ mean(m) + l₂ mean |∇m|^β − f(…)`.
///
/// Deleting, a position's attribution is the share of it that the mask removes; preserving, the share that it
/// keeps. All channels receive it. Lengths are for images whose shorter side has 224 pixels and scale with
/// the image. The paper does not say whether its norms are sums or means; these are means over the mask's
/// cells, with weights that suit them.
///
/// - Source: Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", 2017,
///   equation 7.
public struct MeaningfulPerturbation: AttributionMethod {
  /// What the mask is for.
  public enum Game: String, Sendable, Hashable, Codable, CaseIterable {
    /// Remove as little as destroys the score.
    case deletion
    /// Keep as little as holds the score.
    case preservation
  }

  /// The mask at first.
  public enum Start: String, Sendable, Hashable, Codable, CaseIterable {
    /// Deleting, all but the smallest disc in the middle whose removal takes 99 % of the score; preserving,
    /// everything.
    case disc
    /// Everything is kept.
    case whole
  }

  /// What the mask is for.
  public var game: Game
  /// The number of the mask's cells along each side; not more than there are positions.
  public var cells: Int
  /// The number of steps.
  public var iterations: Int
  /// The step size of Adam.
  public var learningRate: Double
  /// l₁, the weight of the area.
  public var areaWeight: Double
  /// l₂, the weight of the mask's variation.
  public var variationWeight: Double
  /// β, the power of differences between neighbours.
  public var variationPower: Double
  /// The standard deviation with which the enlarged mask is blurred.
  public var smoothing: Double
  /// How far the image is shifted at random under the mask.
  public var jitter: Double
  /// What stands where the mask removes the image.
  public var infill: ImageInfill
  /// The mask at first.
  public var start: Start
  /// The scale of the score; the weights suit probabilities.
  public var scale: OutputScale
  /// The seed of the shifts, and of random infills.
  public var seed: UInt64

  /// Makes the method with the paper's parameters unless told otherwise: 300 steps on 28 × 28 cells.
  public init(
    game: Game = .deletion, cells: Int = 28, iterations: Int = 300, learningRate: Double = 0.1,
    areaWeight: Double = 0.01, variationWeight: Double = 0.2, variationPower: Double = 3,
    smoothing: Double = 5, jitter: Double = 4, infill: ImageInfill = .blur(sigma: 10),
    start: Start = .disc, scale: OutputScale = .probability, seed: UInt64 = 0
  ) {
    self.game = game
    self.cells = cells
    self.iterations = iterations
    self.learningRate = learningRate
    self.areaWeight = areaWeight
    self.variationWeight = variationWeight
    self.variationPower = variationPower
    self.smoothing = smoothing
    self.jitter = jitter
    self.infill = infill
    self.start = start
    self.scale = scale
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try optimiser(for: subject) }

  /// Compiles the method; its masks say what is kept.
  ///
  /// - Throws: as `attributor(for:)` does.
  public func optimiser(for subject: Subject) throws -> MaskOptimiser {
    try check()
    let runner = try MaskRunner(
      subject, rowsPerExample: 1, score: .output, scale: scale, method: "meaningful perturbation")
    try infill.check(runner.layout)
    let removes = game == .deletion
    return try MaskOptimiser(subject, runner: runner, rowsPerExample: 1) { batch, runner in
      try MaskDescent(method: self, batch: batch, runner: runner).run().map { [$0] }
    } read: { masks in
      let kept = masks[0].mask.elements(as: Float.self).map { Double($0) }, area = masks[0].area
      return (
        removes ? kept.map { 1 - $0 } : kept,
        "score \(masks[0].scoreBefore.brief), and \(masks[0].scoreAfter.brief) with "
          + "\((100 * (removes ? 1 - area : area)).brief) % of the image \(removes ? "removed" : "kept")"
      )
    }
  }

  private func check() throws(GraphError) {
    guard cells > 0, (1...1_000_000).contains(iterations) else {
      throw GraphError(
        .input(
          "meaningful perturbation needs cells and 1 to 1000000 steps, found \(cells) and \(iterations)"))
    }
    guard learningRate > 0, learningRate.isFinite, variationPower >= 1, variationPower.isFinite else {
      throw GraphError(
        .input(
          "meaningful perturbation needs a positive learning rate and a power of 1 or more, found "
            + "\(learningRate) and \(variationPower)"))
    }
    for number in [areaWeight, variationWeight, smoothing, jitter]
    where !(number >= 0 && number.isFinite) {
      throw GraphError(
        .input("weights and lengths of meaningful perturbation must be 0 or more, found \(number)"))
    }
  }
}

/// The descent of one batch.
private struct MaskDescent {
  let method: MeaningfulPerturbation
  let batch: MaskBatch
  let runner: MaskRunner
  private let layout: ImageLayout
  private let gridHeight, gridWidth: Int
  private let enlarge: SeparableMap
  private let infills: Infills
  /// The sign of the score in what is minimised.
  private let sign: Double

  init(method: MeaningfulPerturbation, batch: MaskBatch, runner: MaskRunner) {
    (self.method, self.batch, self.runner) = (method, batch, runner)
    layout = runner.layout
    gridHeight = min(method.cells, layout.height)
    gridWidth = min(method.cells, layout.width)
    enlarge = .enlarging(
      (gridHeight, gridWidth), to: (layout.height, layout.width), sigma: layout.scaled(method.smoothing))
    infills = Infills(method.infill, of: batch.images, layout)
    sign = method.game == .deletion ? 1 : -1
  }

  private var gridCount: Int { gridHeight * gridWidth }

  func run() throws -> [OptimisedMask] {
    let examples = batch.images.indices
    let whole = [Double](repeating: 1, count: gridCount)
    let before = try scores(examples.map { ($0, whole) }, step: 0, isShifted: false).scores
    var grids = try startingGrids(before)
    var optimisers = examples.map { _ in Adam(count: gridCount) }
    var histories = [[Double]](repeating: [], count: examples.count)
    for step in 0..<method.iterations {
      let found = try scores(examples.map { ($0, grids[$0]) }, step: step, isShifted: true)
      for example in examples {
        let penalty = penalty(grids[example])
        histories[example].append(penalty.value + sign * found.scores[example])
        let slope = enlarge.pullback(found.gradients[example])
        optimisers[example].step(
          &grids[example], gradient: zip(slope, penalty.gradient).map { sign * $0 + $1 },
          rate: method.learningRate)
        for i in grids[example].indices { grids[example][i] = min(max(grids[example][i], 0), 1) }
      }
    }
    let after = try scores(
      examples.map { ($0, grids[$0]) }, step: method.iterations, isShifted: false
    ).scores
    return examples.map { example in
      OptimisedMask(
        mask: Tensor(shape: [layout.height, layout.width], enlarge(grids[example]).map { Float($0) }),
        scoreBefore: before[example], scoreAfter: after[example], history: histories[example])
    }
  }

  /// Scores of masked images, and their derivatives by the enlarged masks.
  private func scores(
    _ masks: [(example: Int, grid: [Double])], step: Int, isShifted: Bool
  ) throws -> (scores: [Double], gradients: [[Double]]) {
    let reach = isShifted ? Int(layout.scaled(method.jitter).rounded()) : 0
    var maps: [[Float]] = [], images: [[Float]] = [], fills: [[Float]] = []
    for (example, grid) in masks {
      let random = batch.random(method.seed, example).split(step)
      let map = enlarge(grid).map { Float($0) }
      let infill = try infills(example, mask: map, random.split(0))
      maps.append(map)
      guard reach > 0 else {
        images.append(batch.images[example])
        fills.append(infill)
        continue
      }
      var shifts = random.split(1)
      let (down, right) = (
        shifts.index(below: 2 * reach + 1) - reach, shifts.index(below: 2 * reach + 1) - reach
      )
      images.append(layout.shifted(batch.images[example], down: down, right: right))
      fills.append(layout.shifted(infill, down: down, right: right))
    }
    var gradients = masks.map { _ in [Double](repeating: 0, count: layout.positions) }
    let scores = try runner.scores(rows: masks.count, of: batch, example: { masks[$0].example }) {
      row, target in
      maps[row].withUnsafeBufferPointer { map in
        images[row].withUnsafeBufferPointer { image in
          fills[row].withUnsafeBufferPointer { layout.blend(map, image, $0, into: target) }
        }
      }
    } take: { row, factor, gradient in
      images[row].withUnsafeBufferPointer { image in
        fills[row].withUnsafeBufferPointer { fill in
          gradients[row].withUnsafeMutableBufferPointer {
            layout.addBlendDerivative(gradient, image, fill, factor: factor, to: $0)
          }
        }
      }
    }
    return (scores, gradients)
  }

  /// What the mask's area and variation cost.
  private func penalty(_ grid: [Double]) -> (value: Double, gradient: [Double]) {
    let share = method.areaWeight / Double(gridCount)
    var value = grid.reduce(0) { $0 + share * (sign > 0 ? 1 - $1 : $1) }
    var gradient = [Double](repeating: -sign * share, count: gridCount)
    func vary(_ pairs: Int, _ first: (Int) -> Int, _ distance: Int) {
      guard pairs > 0 else { return }
      let weight = method.variationWeight / Double(pairs), power = method.variationPower
      for pair in 0..<pairs {
        let i = first(pair), difference = grid[i + distance] - grid[i]
        guard difference != 0 else { continue }
        value += weight * pow(abs(difference), power)
        let slope = weight * power * pow(abs(difference), power - 1) * (difference > 0 ? 1 : -1)
        gradient[i + distance] += slope
        gradient[i] -= slope
      }
    }
    vary((gridHeight - 1) * gridWidth, { $0 }, gridWidth)
    vary(
      gridHeight * (gridWidth - 1),
      { [gridWidth] in $0 / (gridWidth - 1) * gridWidth + $0 % (gridWidth - 1) }, 1)
    return (value, gradient)
  }

  /// The masks at first.
  private func startingGrids(_ before: [Double]) throws -> [[Double]] {
    let examples = batch.images.indices
    guard method.start == .disc, method.game == .deletion else {
      return examples.map { _ in [Double](repeating: 1, count: gridCount) }
    }
    // The last one removes everything.
    let discs = (1...10).map { disc(Double($0) / 10) }
    let found = try scores(
      examples.flatMap { example in discs.map { (example, $0) } }, step: 0, isShifted: false
    ).scores
    return examples.map { example in
      let part = found[example * discs.count..<(example + 1) * discs.count], least = part.last!
      let enough = part.firstIndex { $0 - least <= 0.01 * (before[example] - least) } ?? part.endIndex - 1
      return discs[enough - part.startIndex]
    }
  }

  /// A mask without a disc in the middle, of a share of the half diagonal.
  private func disc(_ share: Double) -> [Double] {
    (0..<gridCount).map { cell in
      let y = (Double(cell / gridWidth) + 0.5) / Double(gridHeight) - 0.5
      let x = (Double(cell % gridWidth) + 0.5) / Double(gridWidth) - 0.5
      return (x * x + y * y).squareRoot() <= share * 0.5.squareRoot() ? 0 : 1
    }
  }
}

extension ImageLayout {
  /// An image moved by some positions; the border's values follow.
  func shifted(_ image: [Float], down: Int, right: Int) -> [Float] {
    var found = [Float](repeating: 0, count: count)
    for channel in 0..<channels {
      for y in 0..<height {
        let from = min(max(y - down, 0), height - 1) * width
        for x in 0..<width {
          found[offset(channel, y * width + x)] =
            image[offset(channel, from + min(max(x - right, 0), width - 1))]
        }
      }
    }
    return found
  }
}
