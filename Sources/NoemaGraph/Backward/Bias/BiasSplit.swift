/// How a layer shares what a unit holds of biases among the inputs that the unit reads.
///
/// Shares of a unit sum to 1 over the inputs that it reads, of contributions `s = w x`; the padding gets none.
///
/// - Source: Wang, Zhou and Bilmes, "Bias Also Matters: Bias Attribution for Deep Neural Network Explanation", 2019,
///   whose shares are softmaxes of scores made of contributions.
public enum BiasSplit: Sendable, Hashable, Codable {
  /// `softmax(|s| / T)`: to inputs that contribute much, those of 0 included.
  case contribution(temperature: Double = 1)
  /// `softmax(−|s| / T)`: to inputs that contribute little, for which the bias makes up.
  case compensation(temperature: Double = 1)
  /// `softmax(s sgn B / T)`: to inputs that pull the way of what the unit holds, `B`.
  case signed(temperature: Double = 1)
  /// `1 / n` to each of `n` inputs.
  case uniform
  /// `|s| / Σ |s|`, and `1 / n` where all are 0.
  case proportional

  /// The softmax over contributions; nil for the others.
  var score: (kind: SoftmaxShares.Score, temperature: Double)? {
    switch self {
    case .contribution(let temperature): (.magnitude, temperature)
    case .compensation(let temperature): (.negativeMagnitude, temperature)
    case .signed(let temperature): (.alongMass, temperature)
    case .uniform, .proportional: nil
    }
  }

  /// Refuses temperatures out of range.
  func check() throws(GraphError) {
    guard let temperature = score?.temperature else { return }
    guard temperature >= 1e-20, temperature.isFinite else {
      throw GraphError(
        .input("a softmax of contributions needs a temperature above 0, 1e-20 at least, found \(temperature)")
      )
    }
  }
}

extension Graph {
  /// Adds the biases of a decomposition, brought down to its targets.
  ///
  /// From the output backward, each node shares what its result holds, together with its own bias term, among the
  /// operands that are data: layers with weights as `split` says; sums of two values likewise, by the values; means
  /// and interpolations in proportion to magnitudes, or as they weigh where the split is uniform; matrix products of
  /// two values, too, and half of it to either; other products of two values half to each; maxima to the winner;
  /// paddings to the element next to them; joined constants to all that they are joined to. Everything else passes it
  /// on, inactive units as well.
  ///
  /// - Parameter note: receives what each node was given besides its own bias term, and what it passed on.
  /// - Returns: for each target a value shaped like it; all elements sum to `Σ c · ∂f/∂y`.
  /// - Throws: `GraphError.unsupported` for operators without a rule, `GraphError.input` for temperatures out of range.
  public mutating func addBiasAttribution(
    of decomposition: BiasDecomposition, split: BiasSplit, note: (BackwardStep) -> Void = { _ in }
  ) throws(GraphError) -> [Value] {
    try split.check()
    var shares = [Value?](repeating: nil, count: decomposition.targets.count)
    if !decomposition.terms.isEmpty {
      var own: [Value: Value] = [:]
      for term in decomposition.terms { own[term.result] = term.product }
      let rule = BiasRule(split: split, data: decomposition.data, own: own)
      let seed = try zeros(like: decomposition.start)
      let back = try backward(
        from: decomposition.start, seed: seed, to: decomposition.targets, through: decomposition.path,
        rules: BackwardRules { _, _ in rule })
      self = back.graph
      shares = back.cotangents
      back.steps.forEach(note)
    }
    var found: [Value] = []
    for (share, target) in zip(shares, decomposition.targets) {
      if let share { found.append(share) } else { found.append(try zeros(like: target)) }
    }
    return found
  }
}
