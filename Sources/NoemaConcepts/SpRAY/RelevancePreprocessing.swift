/// How relevance maps are made comparable before they are clustered.
///
/// Steps in their order: channels are brought together, signs are handled, the map is divided by its size and moved to
/// a common middle where that is asked for, and positions are summed in square blocks, which keeps the total. With
/// `histogramBins` a map is described by how its values are distributed instead, wherever they lie.
///
/// ```swift
/// var collector = RelevanceCollector(RelevancePreprocessing())
/// for (maps, examples) in batches { try collector.append(maps, of: examples) }
/// let maps = try collector.finish()
/// ```
///
/// - Sources: Lapuschkin et al., Nature Communications 2019; the variants of CoRelAy 1.0 by their names.
public struct RelevancePreprocessing: Sendable, Hashable, Codable {
  /// How the channels of a position are brought together. Vectors stay as they are.
  public enum Channels: String, Sendable, Codable, CaseIterable {
    /// Their sum.
    case sum
    /// The sum of their absolute values.
    case absoluteSum = "absolute-sum"
    /// Every channel has a map of its own.
    case none
    /// Positions are summed and channels stay: the relevance of the concepts of a hidden layer (Achtibat et al.,
    /// Nature Machine Intelligence 2023), which does not depend on where they are.
    case positions
  }

  /// What becomes of negative relevance.
  public enum Sign: String, Sendable, Codable, CaseIterable {
    /// It stays.
    case keep
    /// It becomes zero.
    case positive
    /// It becomes positive.
    case absolute
  }

  /// What a map is divided by.
  public enum Normalisation: String, Sendable, Codable, CaseIterable {
    /// `Σ |R|`.
    case absoluteSum = "absolute-sum"
    /// `Σ R`, which is near zero where signs cancel, and turns a map over where it is negative.
    case signedSum = "signed-sum"
    /// `√(Σ R²)`.
    case l2
    /// Nothing.
    case none
  }

  /// How channels are brought together.
  public var channels = Channels.sum
  /// What becomes of negative relevance.
  public var sign = Sign.keep
  /// What a map is divided by.
  public var normalisation = Normalisation.absoluteSum
  /// How maps are moved before they are compared.
  public var alignment = MapAlignment.none
  /// The most blocks along the longer side of a map; nil for no sums over positions.
  public var longestSide: Int? = 32
  /// Describes each channel by the density of its values in that many bins between its least and its largest value; nil
  /// for the map itself.
  public var histogramBins: Int?
  /// Whether the channels of `[n, height, width, channels]` come last.
  public var hasChannelsLast = false
  /// Whether maps that say nothing, `FlawedMap.Flaw`, are left out.
  public var excludesFlawed = false

  /// Makes a preprocessing with the defaults above.
  public init() {}

  /// Absolute relevance, CoRelAy's `absspectral`.
  public static var absolute: RelevancePreprocessing {
    var result = RelevancePreprocessing()
    result.channels = .absoluteSum
    return result
  }

  /// Every channel for itself, CoRelAy's `fullspectral`.
  public static var full: RelevancePreprocessing {
    var result = RelevancePreprocessing()
    result.channels = .none
    return result
  }

  /// Densities of values, CoRelAy's `histogram`.
  public static var histogram: RelevancePreprocessing {
    var result = full
    result.histogramBins = 32
    return result
  }

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    guard (longestSide ?? 1) >= 1 else {
      throw ConceptError(.parameters("the longest side must be 1 or more, found \(longestSide ?? 0)"))
    }
    guard (histogramBins ?? 2) >= 2 else {
      throw ConceptError(.parameters("a histogram needs 2 or more bins, found \(histogramBins ?? 0)"))
    }
    guard alignment == .none || (channels != .positions && histogramBins == nil) else {
      throw ConceptError(
        .parameters(
          "maps of which \(histogramBins == nil ? "positions are summed" : "values are counted") do not depend on "
            + "places, so they cannot be aligned; leave out one of the two"))
    }
  }
}
