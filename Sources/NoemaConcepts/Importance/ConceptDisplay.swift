/// What of an input the network is shown: some concepts, and perhaps what belongs to none.
public struct ConceptDisplay: Sendable, Hashable {
  /// Whether each concept is shown.
  public var concepts: [Bool]
  /// Whether that is shown which belongs to no concept.
  public var showsRest: Bool

  /// Names what is shown.
  public init(_ concepts: [Bool], showsRest: Bool) { (self.concepts, self.showsRest) = (concepts, showsRest) }
}

/// What the network makes of displays: for each one number, such as the accuracy on inputs of which only that is shown.
public typealias ConceptWorth = (_ displays: [ConceptDisplay]) throws -> [Double]

/// Asks for the worth of each display once, however often it comes.
struct KnownWorths {
  private let worth: ConceptWorth
  private var known: [ConceptDisplay: Double] = [:]

  init(_ worth: @escaping ConceptWorth) { self.worth = worth }

  /// The worths of displays.
  ///
  /// - Throws: `ConceptError.mismatch` when the network gives another number of answers, `.notFinite` for one that is
  ///   none, and what asking throws.
  mutating func callAsFunction(_ displays: [ConceptDisplay]) throws -> [Double] {
    var (asked, seen) = ([ConceptDisplay](), Set<ConceptDisplay>())
    for display in displays where known[display] == nil && seen.insert(display).inserted {
      asked.append(display)
    }
    if !asked.isEmpty {
      let found = try worth(asked)
      guard found.count == asked.count else {
        throw ConceptError(
          .mismatch("found \(found.count) worths of \(asked.count) displays of concepts; give one for each"))
      }
      for (display, value) in zip(asked, found) {
        guard value.isFinite else {
          let shown = display.concepts.indices.filter { display.concepts[$0] }
          throw ConceptError(.notFinite("the worth of concepts \(shown) is NaN or infinite"))
        }
        known[display] = value
      }
    }
    return displays.map { known[$0] ?? .nan }
  }
}
