public import NoemaGraph
public import NoemaTensor

/// What methods may be told; each takes what it needs.
public struct MethodSettings: Sendable {
  /// Points of a path.
  public var steps = 50
  /// The rule of quadrature of a path.
  public var rule = IntegratedGradients.Rule.gaussLegendre
  /// The reference input.
  public var baseline = Baseline.zero
  /// A set of reference inputs, one tensor `[k, …]` per attributed value; empty when none was given.
  public var references: [Tensor] = []
  /// Random copies, masks or coalitions; nil for the method's own number.
  public var samples: Int?
  /// The deviation of noise, as a share of an input's range.
  public var noise = 0.15
  /// The seed of random numbers.
  public var seed: UInt64 = 0
  /// The ε of the epsilon rule.
  public var epsilon = 1e-6
  /// The γ of the gamma rule.
  public var gamma = 0.25
  /// A composite of one's own; nil when none was given.
  public var composite: Composite?
  /// The lowest and highest values of inputs, one for all channels or one for each; empty when not known.
  public var low: [Double] = []
  public var high: [Double] = []
  /// Extents and strides of occluding windows, over the last axes; empty for an eighth of the image and half of that.
  public var window: [Int] = []
  public var stride: [Int] = []
  /// The number of each element's group, one tensor per attributed value; nil for elements by themselves.
  public var groups: [Tensor]?
  /// The token whose attention is read.
  public var attending = AttendingToken.classToken
  /// How the heads of a layer become one.
  public var heads = HeadFusion.mean
  /// Whether masks of a given area also see the image mirrored.
  public var mirrors = true
  /// What relevance is to pass; empty when nothing was given.
  public var concepts: [ConceptRelevance.Condition] = []
  /// Whether ahead of a concept's layer only what leads to it counts.
  public var excludesParallel = true

  /// Settings as the papers have them.
  public init() {}
}

extension MethodSettings {
  /// What stands in for what is absent.
  var background: Background { references.isEmpty ? .baseline(baseline) : .rows(references) }

  /// The game that Shapley values divide.
  var game: CoalitionGame { CoalitionGame(groups: FeatureGroups(masks: groups), background: background) }

  /// The features that are taken away together.
  var ablationGroups: FeatureAblation.Groups { groups.map { .masks($0) } ?? .elements }
}
