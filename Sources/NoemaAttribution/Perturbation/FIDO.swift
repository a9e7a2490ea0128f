internal import Glibc
internal import NoemaGraph
internal import NoemaTensor

/// The probability with which each position is kept in the smallest region that suffices for a class, or
/// removed in the smallest whose loss destroys it: learned Bernoulli masks over an infill, for the log-odds
/// of the class.
///
/// Masks are sampled for each position by the binary Concrete distribution, whose samples have derivatives.
/// What is removed is filled in; a generative model as `ImageInfill.custom` is the paper's best choice. A
/// network of one output is explained by that output, the log-odds of a binary classifier.
///
/// - Source: Chang, Creager, Goldenberg and Duvenaud, "Explaining Image Classifiers by Counterfactual
///   Generation", 2019, equations 4 and 5.
public struct FIDO: AttributionMethod {
  /// Which region is looked for.
  public enum Region: String, Sendable, Hashable, Codable, CaseIterable {
    /// The smallest sufficient region (SSR).
    case sufficient
    /// The smallest destroying region (SDR).
    case destroying
  }

  /// Which region is looked for.
  public var region: Region
  /// The number of cells along each side; not more than there are positions.
  public var cells: Int
  /// The number of steps.
  public var iterations: Int
  /// The number of masks drawn at each step.
  public var samples: Int
  /// The step size of Adam, which falls linearly to 0.
  public var learningRate: Double
  /// The price of a kept (SSR) or removed (SDR) position of an image of 224 × 224; all positions together
  /// cost the same in images of other sizes. It rises from 0 over the first tenth of the steps.
  public var penalty: Double
  /// The price of squared differences of probabilities between neighbouring cells.
  public var variationWeight: Double
  /// The temperature of the Concrete distribution: how far samples are from 0 and 1.
  public var temperature: Double
  /// What stands where a mask removes the image.
  public var infill: ImageInfill
  /// The seed of the masks, and of random infills.
  public var seed: UInt64

  /// Makes the method with the paper's parameters unless told otherwise: the sufficient region in 300 steps
  /// of 8 masks of 56 × 56 cells, and a blurred image for what is removed.
  public init(
    region: Region = .sufficient, cells: Int = 56, iterations: Int = 300, samples: Int = 8,
    learningRate: Double = 0.05, penalty: Double = 1e-3, variationWeight: Double = 0,
    temperature: Double = 0.1, infill: ImageInfill = .blur(sigma: 10), seed: UInt64 = 0
  ) {
    (self.region, self.cells, self.infill, self.seed) = (region, cells, infill, seed)
    (self.iterations, self.samples, self.learningRate) = (iterations, samples, learningRate)
    (self.penalty, self.variationWeight, self.temperature) = (penalty, variationWeight, temperature)
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try optimiser(for: subject) }

  /// Compiles the method; its masks hold the probabilities of being kept, and scores are those of images that
  /// keep what is more probably kept than removed.
  ///
  /// - Throws: as `attributor(for:)` does.
  public func optimiser(for subject: Subject) throws -> MaskOptimiser {
    try check()
    let runner = try MaskRunner(
      subject, rowsPerExample: samples, score: .logOdds, scale: .logProbability, method: "FIDO")
    try infill.check(runner.layout)
    let removes = region == .destroying
    return try MaskOptimiser(subject, runner: runner, rowsPerExample: samples) { batch, runner in
      try DropoutDescent(method: self, batch: batch, runner: runner).run().map { [$0] }
    } read: { masks in
      let kept = masks[0].mask.elements(as: Float.self).map { Double($0) }
      let shown = Double(kept.count { $0 > 0.5 }) / Double(kept.count)
      return (
        removes ? kept.map { 1 - $0 } : kept,
        "log-odds \(masks[0].scoreBefore.brief), and \(masks[0].scoreAfter.brief) with "
          + "\((100 * (removes ? 1 - shown : shown)).brief) % of the image \(removes ? "removed" : "kept")"
      )
    }
  }

  private func check() throws(GraphError) {
    guard cells > 0, (1...1_000_000).contains(iterations), (1...10_000).contains(samples) else {
      throw GraphError(
        .input(
          "FIDO needs cells, 1 to 1000000 steps and 1 to 10000 masks a step, found \(cells), "
            + "\(iterations) and \(samples)"))
    }
    guard learningRate > 0, learningRate.isFinite, temperature > 0, temperature.isFinite else {
      throw GraphError(
        .input(
          "FIDO needs a positive learning rate and temperature, found \(learningRate) and \(temperature)"))
    }
    for number in [penalty, variationWeight] where !(number >= 0 && number.isFinite) {
      throw GraphError(.input("weights of FIDO must be 0 or more, found \(number)"))
    }
  }
}

/// The descent of one batch; probabilities are of being dropped, as logits of each cell.
private struct DropoutDescent {
  let method: FIDO
  let batch: MaskBatch
  let runner: MaskRunner
  private let layout: ImageLayout
  private let gridHeight, gridWidth: Int
  private let enlarge: SeparableMap
  private let infills: Infills
  /// The sign of the score in what is minimised.
  private let sign: Double
  /// Probabilities are kept this far from 0 and 1 where they are divided by.
  private let margin = 1e-6

  init(method: FIDO, batch: MaskBatch, runner: MaskRunner) {
    (self.method, self.batch, self.runner) = (method, batch, runner)
    layout = runner.layout
    gridHeight = min(method.cells, layout.height)
    gridWidth = min(method.cells, layout.width)
    enlarge = .enlarging((gridHeight, gridWidth), to: (layout.height, layout.width))
    infills = Infills(method.infill, of: batch.images, layout)
    sign = method.region == .sufficient ? -1 : 1
  }

  func run() throws -> [OptimisedMask] {
    let examples = batch.images.indices, cellCount = gridHeight * gridWidth
    let before = try fixedScores(examples.map { _ in [Float](repeating: 1, count: layout.positions) })
    var logits = examples.map { _ in [Double](repeating: 0, count: cellCount) }
    var optimisers = examples.map { _ in Adam(count: cellCount) }
    var histories = [[Double]](repeating: [], count: examples.count)
    let rampSteps = max(1, method.iterations / 10)
    for step in 0..<method.iterations {
      let grids = logits.map { $0.map(logistic) }
      let sampled = try sampledScores(grids.map { enlarge($0) }, step: step)
      let price = min(1, Double(step) / Double(rampSteps)) * method.penalty * 224 * 224
      let rate = method.learningRate * (1 - Double(step) / Double(method.iterations))
      for example in examples {
        let cost = cost(grids[example], price: price)
        histories[example].append(cost.value + sign * sampled.means[example])
        let slope = enlarge.pullback(sampled.gradients[example].map { $0 + cost.each })
        let gradient = grids[example].indices.map { i in
          (slope[i] + cost.variation[i]) * grids[example][i] * (1 - grids[example][i])
        }
        optimisers[example].step(&logits[example], gradient: gradient, rate: rate)
      }
    }
    let kept = logits.map { enlarge($0.map(logistic)).map { Float(1 - $0) } }
    let after = try fixedScores(kept.map { $0.map { $0 > 0.5 ? 1 : 0 } })
    return examples.map {
      OptimisedMask(
        mask: Tensor(shape: [layout.height, layout.width], kept[$0]), scoreBefore: before[$0],
        scoreAfter: after[$0], history: histories[$0])
    }
  }

  private func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// What kept or dropped positions and differences between cells cost.
  ///
  /// - Returns: the cost, its derivative by each position's probability, and the variation's by each cell's.
  private func cost(
    _ grid: [Double], price: Double
  ) -> (value: Double, each: Double, variation: [Double]) {
    let drop = enlarge(grid), mean = drop.reduce(0, +) / Double(drop.count)
    var value = price * (sign < 0 ? 1 - mean : mean)
    var variation = [Double](repeating: 0, count: grid.count)
    if method.variationWeight > 0 {
      for i in grid.indices {
        for (neighbour, exists) in [
          (i + 1, i % gridWidth + 1 < gridWidth), (i + gridWidth, i + gridWidth < grid.count),
        ] where exists {
          let difference = grid[neighbour] - grid[i]
          value += method.variationWeight * difference * difference
          variation[neighbour] += 2 * method.variationWeight * difference
          variation[i] -= 2 * method.variationWeight * difference
        }
      }
    }
    return (value, sign * price / Double(drop.count), variation)
  }

  /// Mean scores of sampled masks, and the derivatives of the signed means by each position's probability.
  private func sampledScores(
    _ drops: [[Double]], step: Int
  ) throws -> (means: [Double], gradients: [[Double]]) {
    let samples = method.samples, positions = layout.positions
    var shown: [[Float]] = [], fills: [[Float]] = []
    for example in drops.indices {
      let logits = drops[example].map { drop in
        let p = min(max(drop, margin), 1 - margin)
        return log(p / (1 - p))
      }
      for sample in 0..<samples {
        let random = batch.random(method.seed, example).split(step).split(sample)
        var stream = random.split(0)
        let kept = logits.map { logit in
          let u = min(max(stream.uniform(), 1e-12), 1 - 1e-12)
          return Float(1 - logistic((logit + log(u / (1 - u))) / method.temperature))
        }
        shown.append(kept)
        fills.append(try infills(example, mask: kept, random.split(1)))
      }
    }
    var gradients = drops.map { _ in [Double](repeating: 0, count: positions) }
    var slopes = [Double](repeating: 0, count: positions)
    let scores = try masked(shown, fills, example: { $0 / samples }) { row, factor, gradient in
      let example = row / samples
      for u in slopes.indices { slopes[u] = 0 }
      batch.images[example].withUnsafeBufferPointer { image in
        fills[row].withUnsafeBufferPointer { fill in
          slopes.withUnsafeMutableBufferPointer {
            layout.addBlendDerivative(gradient, image, fill, factor: factor, to: $0)
          }
        }
      }
      let share = sign / Double(samples)
      for u in 0..<positions {
        let z = Double(shown[row][u]), p = min(max(drops[example][u], margin), 1 - margin)
        gradients[example][u] -= share * slopes[u] * z * (1 - z) / (method.temperature * p * (1 - p))
      }
    }
    return (
      drops.indices.map { example in
        scores[example * samples..<(example + 1) * samples].reduce(0, +) / Double(samples)
      }, gradients
    )
  }

  /// The scores of images under one mask each.
  private func fixedScores(_ masks: [[Float]]) throws -> [Double] {
    let fills = try masks.indices.map {
      try infills($0, mask: masks[$0], batch.random(method.seed, $0).split(method.iterations))
    }
    return try masked(masks, fills, example: { $0 }) { _, _, _ in }
  }

  private func masked(
    _ masks: [[Float]], _ fills: [[Float]], example: (Int) -> Int,
    take: (_ row: Int, _ factor: Double, _ gradient: UnsafeBufferPointer<Float>) -> Void
  ) throws -> [Double] {
    try runner.scores(
      rows: masks.count, of: batch, example: example,
      fill: { row, target in
        masks[row].withUnsafeBufferPointer { mask in
          batch.images[example(row)].withUnsafeBufferPointer { image in
            fills[row].withUnsafeBufferPointer { layout.blend(mask, image, $0, into: target) }
          }
        }
      }, take: take)
  }
}
