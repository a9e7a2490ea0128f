internal import NoemaGraph

/// The game that Shapley values divide: who plays, what stands in for absent players, and what a coalition is
/// worth.
///
/// `v(S) = link(mean over background rows b of f(x_S, b_{N∖S}))`, the interventional value function, with the
/// class output on the subject's scale as `f`.
///
/// - Source: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017; Janzing et al.,
///   "Feature Relevance Quantification in Explainable AI", 2020 (interventions rather than conditioning).
public struct CoalitionGame: Sendable {
  /// What is made of a coalition's mean output.
  public enum Link: String, Sendable, Hashable, Codable, CaseIterable {
    case identity
    /// `log(p / (1 − p))`, for probabilities: values then add up in log-odds.
    case logit
  }

  /// The players.
  public var groups: FeatureGroups
  /// What stands in for absent players.
  public var background: Background
  /// What is made of a coalition's mean output.
  public var link: Link

  /// Makes a game; every element plays against zero unless told otherwise.
  public init(
    groups: FeatureGroups = .elements, background: Background = .zero, link: Link = .identity
  ) {
    self.groups = groups
    self.background = background
    self.link = link
  }
}
