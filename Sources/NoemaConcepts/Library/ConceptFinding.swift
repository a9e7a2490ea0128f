/// One remark of a validation about a concept's folder.
public struct ConceptFinding: Sendable, Hashable, Codable {
  /// How much a finding matters.
  public enum Severity: String, Sendable, Hashable, Codable {
    /// The concept cannot be used as it is.
    case error
    /// The concept can be used, but results will be worse or less certain.
    case warning
  }

  /// What was found.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// The folder holds no examples.
    case empty
    /// Too few different examples.
    case tooFew
    /// A file that cannot be read as an image.
    case unreadable
    /// A file of a kind that validation does not open.
    case unchecked
    /// Files with the same bytes.
    case duplicate
    /// Images that look the same.
    case nearDuplicate
    /// Examples that the random pool holds as well.
    case inRandomPool
    /// Images of several sizes or channel counts.
    case mixedSizes
    /// Size or count differ from `concept.yaml`.
    case manifestMismatch
    /// Images smaller than the model's input.
    case tooSmall
  }

  /// The concept's name.
  public let concept: String
  /// How much it matters.
  public let severity: Severity
  /// What was found.
  public let kind: Kind
  /// What was found and what to do, in a sentence.
  public let message: String
  /// The files concerned, sorted.
  public let files: [String]
}
