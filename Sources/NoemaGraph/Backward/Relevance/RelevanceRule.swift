/// What becomes of the share of relevance that biases, other constants and ε contribute.
public enum BiasShare: String, Sendable, Hashable, Codable, CaseIterable {
  /// They keep it: sums fall short by it.
  case kept
  /// They are left out of the denominators, which may then come near 0 where outputs do not.
  case ignored
  /// It is spread over the inputs by the magnitudes of their contributions, equally where all are 0: sums are
  /// conserved.
  case spread
}

/// How relevance passes backward through one node.
///
/// With `z = Wx + b` for a linear node, `u⁺ = max(u, 0)`, `u⁻ = min(u, 0)`, and denominators that are kept away from 0
/// by the rule's `ε`, signed like them.
public enum RelevanceRule: Sendable, Hashable {
  /// In proportion to the contributions `w x`; biases keep their share unless told otherwise. `ε = 0` is LRP-0.
  ///
  /// - Source: Bach et al., "On Pixel-Wise Explanations", 2015, equations 56 and 58.
  case epsilon(Double, bias: BiasShare = .kept)
  /// Positive contributions times `α`, less negative ones times `β = α − 1`; `α = 1` is the z⁺ rule.
  ///
  /// - Source: Bach et al., 2015, equation 60.
  case alphaBeta(alpha: Double, beta: Double, ignoresBias: Bool = false)
  /// Contributions of the output's sign count `1 + γ` times.
  ///
  /// - Source: Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, for positive inputs; Andéol et
  ///   al., "Learning Domain Invariant Representations", 2021, for inputs and outputs of either sign.
  case gamma(Double)
  /// For inputs between a lowest and a highest value: one number for all channels, or one for each.
  ///
  /// - Source: Montavon et al., "Explaining Nonlinear Classification Decisions with Deep Taylor Decomposition", 2017,
  ///   equation 11.
  case box(low: [Double], high: [Double])
  /// In proportion to `w²`, whatever the inputs are.
  ///
  /// - Source: Montavon et al., 2017, equation 8.
  case squaredWeights
  /// In equal parts to all inputs that are read.
  ///
  /// - Source: Lapuschkin et al., "Unmasking Clever Hans Predictors", 2019.
  case flat
  /// As it is.
  case pass
  /// The exact derivative's way, as if relevance were a gradient: right for operators that only move elements, and for
  /// maxima, where the winner takes all.
  case gradient
  /// Nothing passes.
  case block

  /// The z⁺ rule.
  public static let zPlus = RelevanceRule.alphaBeta(alpha: 1, beta: 0)

  /// The rule's name with its parameters.
  public var description: String {
    switch self {
    case .epsilon(let epsilon, let bias):
      "epsilon(\(epsilon)\(bias == .kept ? "" : ", bias \(bias.rawValue)"))"
    case .alphaBeta(1, 0, _): "z-plus"
    case .alphaBeta(let alpha, let beta, _): "alpha-beta(\(alpha), \(beta))"
    case .gamma(let gamma): "gamma(\(gamma))"
    case .box: "box"
    case .squaredWeights: "squared-weights"
    case .flat: "flat"
    case .pass: "pass"
    case .gradient: "gradient"
    case .block: "block"
    }
  }

  /// Whether the rule multiplies by the input, so that an input of 0 gets no relevance.
  var vanishesWithInput: Bool {
    switch self {
    case .epsilon, .alphaBeta, .gamma: true
    default: false
    }
  }

  /// Refuses parameters out of range.
  func check() throws(GraphError) {
    switch self {
    case .epsilon(let epsilon, _):
      guard epsilon >= 0, epsilon.isFinite else {
        throw GraphError(.input("the epsilon rule needs ε ≥ 0, found \(epsilon)"))
      }
    case .alphaBeta(let alpha, let beta, _):
      guard alpha >= 0, beta >= 0, alpha.isFinite, abs(alpha - beta - 1) < 1e-9 else {
        throw GraphError(
          .input("the alpha-beta rule needs α − β = 1 and both ≥ 0, found α = \(alpha), β = \(beta)"))
      }
    case .gamma(let gamma):
      guard gamma >= 0, gamma.isFinite else {
        throw GraphError(.input("the gamma rule needs γ ≥ 0, found \(gamma)"))
      }
    case .box(let low, let high):
      guard !low.isEmpty, low.count == high.count,
        zip(low, high).allSatisfy({ $0 <= $1 && $0.isFinite && $1.isFinite })
      else {
        throw GraphError(
          .input(
            "the box rule needs as many lowest as highest values, each lowest ≤ highest; found \(low), \(high)"
          ))
      }
    default: break
    }
  }
}
