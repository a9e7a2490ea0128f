public import NoemaGraph
internal import NoemaTensor

/// A method by its name, with what a user wants to know before choosing it.
public struct MethodDescription: Sendable {
  /// The family that a method belongs to.
  public enum Family: String, Sendable, CaseIterable {
    case gradients, relevance, differences, maps, attention, perturbation, surrogates, shapley
  }

  /// The name on the command line.
  public let name: String
  /// The family.
  public let family: Family
  /// What it shows, in a line.
  public let summary: String
  /// Authors and year.
  public let paper: String
  /// What it needs of the network or the user; empty for nothing.
  public let needs: String
  /// What it costs per example, in forward passes or the like.
  public let cost: String
  /// Whether it answers to a question of its own, such as a file of rules or a concept, and is run where it is named.
  let isOnRequest: Bool
  private let make: @Sendable (MethodSettings) throws(GraphError) -> any AttributionMethod

  /// Whether it is a backward pass through the network that needs no file or set of references.
  public var isOnePass: Bool {
    [.gradients, .relevance, .differences].contains(family) && !cost.contains("×") && !isOnRequest
  }

  /// Whether it compares inputs with references, where a set of them is given.
  public var readsReferences: Bool { needs.contains("--references") }

  /// The method under some settings.
  ///
  /// - Throws: `GraphError.input` for settings that it cannot do without.
  public func method(_ settings: MethodSettings) throws(GraphError) -> any AttributionMethod {
    try make(settings)
  }

  init(
    _ name: String, _ family: Family, _ summary: String, paper: String, needs: String = "", cost: String,
    isOnRequest: Bool = false,
    _ make: @escaping @Sendable (MethodSettings) throws(GraphError) -> any AttributionMethod
  ) {
    self.name = name
    self.family = family
    self.summary = summary
    self.paper = paper
    self.needs = needs
    self.cost = cost
    self.isOnRequest = isOnRequest
    self.make = make
  }
}

extension MethodDescription {
  /// Every method, family by family.
  public static let all: [MethodDescription] =
    gradients + relevance + differences + maps + attention + perturbation + surrogates + shapley

  /// The method of a name.
  ///
  /// - Throws: `GraphError.unknownName` with the nearest names.
  public static func named(_ name: String) throws(GraphError) -> MethodDescription {
    if let found = all.first(where: { $0.name == name }) { return found }
    throw GraphError(
      .unknownName(name, what: "method", suggestions: EditDistance.nearest(name, in: all.map(\.name))))
  }

  /// What most methods that pass backward cost.
  static let onePass = "1 forward, 1 backward"
}
