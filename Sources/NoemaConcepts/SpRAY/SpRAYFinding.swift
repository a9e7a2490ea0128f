/// What a study found for one class: its strategies, how suspicious they are, and what masking them did.
public struct SpRAYFinding: Sendable {
  /// The strategies.
  public let strategies: SpRAYClass
  /// The maps in which they were found.
  public let maps: RelevanceMaps
  /// How suspicious they are, and the place in the ranking: classes with a strategy that masking confirmed first.
  public internal(set) var suspicion: ClassSuspicion
  /// What masking the region of each strategy did, by labels; empty when that was not tried.
  public internal(set) var masking: [MaskingOutcome] = []
  /// Why masking was not tried, in words; nil when it was.
  public internal(set) var untested: String?

  /// What is known of a strategy or a class.
  public enum Verdict: String, Sendable, Codable, CaseIterable {
    /// Masking shows that the network rests on the region.
    case confirmed
    /// Masking does not show it.
    case notConfirmed = "not confirmed"
    /// Masking was not tried, or on too few examples: maps alone do not tell what the network uses.
    case notTested = "not tested"
  }

  /// What masking a strategy did; nil when that was not tried.
  public func outcome(of label: Int) -> MaskingOutcome? { masking.first { $0.label == label } }

  /// What is known of a strategy.
  public func verdict(of label: Int) -> Verdict {
    switch outcome(of: label)?.verdict {
    case .confirmed: .confirmed
    case .notConfirmed: .notConfirmed
    case .tooFew, nil: .notTested
    }
  }

  /// The strategy that the suspicion is about: the most suspicious of those that masking confirmed, or of all where it
  /// confirmed none; nil for a class whose maps do not part.
  public var leading: ClusterSuspicion? {
    suspicion.clusters.first { verdict(of: $0.label) == .confirmed } ?? suspicion.clusters.first
  }

  /// What is known of the leading strategy.
  public var verdict: Verdict { leading.map { verdict(of: $0.label) } ?? .notTested }

  /// What the class's leading strategy rests on, in a sentence.
  public var sentence: String {
    leading.map { sentence(of: $0.label) } ?? "class '\(suspicion.name)': no distinct strategies"
  }

  /// What a strategy rests on, and whether the network confirms it, in a sentence.
  public func sentence(of label: Int) -> String {
    guard let cluster = suspicion.clusters.first(where: { $0.label == label }) else {
      return "class '\(suspicion.name)': no distinct strategies"
    }
    let outcome = outcome(of: label)
    switch verdict(of: label) {
    case .confirmed: return suspicion.sentence(cluster, masking: outcome) + ": confirmed"
    case .notConfirmed:
      return suspicion.sentence(cluster, masking: outcome) + ": not confirmed, \(outcome?.reason ?? "")"
    case .notTested:
      return suspicion.sentence(cluster) + "; not tested by masking: " + (outcome?.reason ?? untested ?? "")
    }
  }
}
