/// What the network loses without each concept: the worth of everything less the worth of everything else.
public struct ConceptAblation: Sendable, Hashable, Codable {
  /// Whether what belongs to no concept is shown.
  public var showsRest: Bool

  /// Makes an ablation.
  public init(showsRest: Bool = true) { self.showsRest = showsRest }

  /// What each concept is worth, the others present.
  ///
  /// - Throws: `ConceptError.tooFew` without concepts, and what asking for worths throws.
  public func callAsFunction(concepts: Int, worth: @escaping ConceptWorth) throws -> [Double] {
    guard concepts >= 1 else { throw ConceptError(.tooFew(set: "the list of concepts", found: 0, needed: 1)) }
    var worths = KnownWorths(worth)
    let displays = (-1..<concepts).map { hidden in
      ConceptDisplay((0..<concepts).map { $0 != hidden }, showsRest: showsRest)
    }
    let found = try worths(displays)
    return found.dropFirst().map { found[0] - $0 }
  }
}
