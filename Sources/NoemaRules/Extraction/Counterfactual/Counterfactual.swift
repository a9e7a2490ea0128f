/// A smallest set of changes of one example's features that gives it another class.
public struct Counterfactual: Sendable, Hashable {
  /// One feature and its new value.
  public struct Change: Sendable, Hashable {
    /// The index of the feature.
    public let feature: Int
    /// The value of the example; NaN where missing.
    public let from: Double
    /// The new value.
    public let to: Double
    /// How far apart they are: of ordered features in median absolute deviations of the examples; 1 between levels of a
    /// category and from a missing value.
    public let distance: Double
  }

  /// The changes, by feature. None of them alone, and no smaller set of them, gives the wanted class.
  public let changes: [Change]
  /// The parts of the changed features that the new values are in, between thresholds of the rules that guided the
  /// search. Features that the clause does not speak about stay as they are.
  public let clause: Clause
  /// The class that the oracle gives the changed example.
  public let label: Int
  /// The sum of the changes' distances.
  public let distance: Double
  /// How often the oracle gives the wanted class when the changed features take values drawn evenly from the clause,
  /// within the range of the examples, and all others stay.
  public let verification: Estimate
}

/// What a search for counterfactuals found.
public struct Counterfactuals: Sendable, Hashable {
  /// The class that the oracle gives the example.
  public let label: Int
  /// The smallest sets of changes, by their number and then by distance.
  public let found: [Counterfactual]
  /// Of up to so many changes every smallest set among the values tried was found.
  public let completeSize: Int
  /// How many changed examples the oracle was asked about in the search.
  public let questionCount: Int
  /// Whether a limit ended the search or cut its results.
  public let isTruncated: Bool
  /// What a reader should know, a sentence each.
  public let remarks: [String]
}
