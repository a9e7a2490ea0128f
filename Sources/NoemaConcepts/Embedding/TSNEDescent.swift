/// The descent of t-SNE: momentum, and a gain for each coordinate that grows while steps keep their direction.
///
/// - Source: van der Maaten and Hinton, JMLR 2008, section 3.4; Jacobs, Neural Networks 1988, for the gains.
struct TSNEDescent {
  /// The places so far.
  private(set) var layout: [SIMD2<Double>]
  /// The steps so far.
  private(set) var iteration = 0
  /// The looks so far.
  private(set) var checks: [TSNE.Check] = []
  /// `KL(P‖Q)` of the layout after `run`.
  private(set) var divergence = 0.0

  private let settings: TSNE
  private let learningRate: Double
  private let negativeEntropy: Double
  private var field: any LayoutForceField
  private var updates: [SIMD2<Double>]
  private var gains: [SIMD2<Double>]

  /// Prepares a descent.
  ///
  /// - Parameter method: exact or Barnes–Hut.
  init(_ settings: TSNE, _ affinities: PerplexityAffinities, method: TSNE.Method, start: [SIMD2<Double>]) {
    self.settings = settings
    learningRate =
      settings.learningRate ?? max(Double(start.count) / (4 * settings.exaggeration), 50)
    negativeEntropy = affinities.negativeEntropy
    field =
      method == .exact
      ? ExactForces(affinities.matrix)
      : BarnesHutForces(affinities.matrix, openingAngle: settings.openingAngle)
    layout = start
    updates = Array(repeating: .zero, count: start.count)
    gains = Array(repeating: SIMD2(repeating: 1), count: start.count)
  }

  /// Descends until the steps are taken or nothing moves.
  ///
  /// - Throws: `ConceptError.algebra` when places run away.
  mutating func run(_ progress: ((TSNE.Check) -> Void)?) throws(ConceptError) {
    var best = (divergence: Double.infinity, iteration: 0)
    while iteration < settings.iterations {
      let isExaggerated = iteration < settings.exaggerationIterations
      let isCheck = (iteration + 1).isMultiple(of: 50)
      let forces = try field.forces(at: layout, measuring: isCheck)
      let norm = step(
        forces, exaggeration: isExaggerated ? settings.exaggeration : 1, momentum: isExaggerated ? 0.5 : 0.8)
      iteration += 1
      guard norm.isFinite, layout.allSatisfy({ abs($0.x) < 1e100 && abs($0.y) < 1e100 }) else {
        throw ConceptError(
          .algebra(
            "t-SNE's places ran away at step \(iteration) with a learning rate of \(learningRate); give a smaller one"
          ))
      }
      guard isCheck else { continue }
      let check = TSNE.Check(
        iteration: iteration, divergence: forces.divergence(negativeEntropy: negativeEntropy),
        gradientNorm: norm)
      checks.append(check)
      progress?(check)
      if isExaggerated { continue }
      if check.divergence < best.divergence { best = (check.divergence, iteration) }
      if norm <= settings.minimumGradient || iteration - best.iteration > settings.patience { break }
    }
    divergence = try field.forces(at: layout, measuring: true).divergence(negativeEntropy: negativeEntropy)
  }

  /// Moves all points; returns the norm of the gradient.
  private mutating func step(_ forces: LayoutForces, exaggeration: Double, momentum: Double) -> Double {
    var square = 0.0
    for i in layout.indices {
      let gradient = forces.gradient(of: i, exaggeration: exaggeration)
      var (update, gain) = (updates[i], gains[i])
      for axis in 0..<2 {
        let isSteady = update[axis] * gradient[axis] < 0
        gain[axis] = max(isSteady ? gain[axis] + 0.2 : gain[axis] * 0.8, 0.01)
        update[axis] = momentum * update[axis] - learningRate * gain[axis] * gradient[axis]
      }
      (updates[i], gains[i]) = (update, gain)
      layout[i] += update
      square += (gradient * gradient).sum()
    }
    return square.squareRoot()
  }
}
