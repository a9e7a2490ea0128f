internal import NoemaTensor

/// How suspicious the strategies of a class are.
public struct ClassSuspicion: Sendable, Hashable, Codable {
  /// The class's name.
  public let name: String
  /// The class's index among the outputs; nil when not known.
  public let target: Int?
  /// Its strategies, the most suspicious first; none for a class of one strategy.
  public internal(set) var clusters: [ClusterSuspicion]
  /// `tr((S_w + γI)⁻¹ S_b)` of all strategies together; 0 for a class of one.
  public let separability: Double
  /// The largest separability of a cluster in each surrogate.
  public let nullSeparabilities: [Double]
  /// The mean and the standard deviation of those.
  public let nullMean, nullDeviation: Double
  /// The number of strategies that the eigenvalues suggest, the gap after it, and its share of the next eigenvalue.
  public let count: Int
  public let gap, relativeGap: Double
  /// What classes are ranked by: the score of the most suspicious strategy, 0 without one.
  public let score: Double
  /// The place in the ranking, from 1; 0 before it.
  public internal(set) var rank: Int
  /// Whether examples are pictures; decides on words.
  public let areImages: Bool
}

/// How suspicious one strategy is.
public struct ClusterSuspicion: Sendable, Hashable, Codable {
  /// The strategy's label.
  public let label: Int
  /// Its share of the class, in [0, 1].
  public let share: Double
  /// Fisher's `J` of its examples against the others; infinite when nothing varies along the direction, NaN when it has
  /// too few examples.
  public let separability: Double
  /// How many standard deviations `J` lies above the largest of surrogates without strategies.
  public let z: Double
  /// The chance of such a `J` without strategies, by Student's t for one further draw from the surrogates' normal.
  public let p: Double
  /// `p` after correction over all strategies of all classes; NaN before.
  public internal(set) var pAdjusted: Double
  /// Where its mean map lies.
  public let region: MapRegion
  /// The share of the mean map's relevance in the region, in [0, 1]; the concentration of the map.
  public let regionShare: Double
  /// The same share of the mean map of all other examples.
  public let regionShareElsewhere: Double
  /// The share of the mean map's relevance in the frame around the image, in [0, 1]; NaN for vectors and aligned
  /// maps.
  public let frameShare: Double
  /// `max(0, z)` times what the region holds more of this strategy than of the others.
  public let score: Double
  /// Whether it is separated beyond chance and by a region of its own. A suspicion only: the masking test asks the
  /// network.
  public internal(set) var isSuspicious: Bool
}

// MARK: Words
extension ClassSuspicion {
  /// One sentence on a strategy, such as: class 'horse', strategy 3 (18 % of images): relevance sits in the lower left
  /// corner; masking that region drops the score by 2.1 on these images and 0.03 elsewhere.
  ///
  /// Words count strategies from 1, as people do: strategy 3 has the label 2.
  ///
  /// - Parameter masking: what masking did; nil when it was not tried.
  public func sentence(_ cluster: ClusterSuspicion, masking: MaskingOutcome? = nil) -> String {
    let noun = areImages ? "images" : "examples"
    let start =
      "class '\(name)', strategy \(cluster.label + 1) (\(cluster.share.percent) of \(noun)): relevance sits "
      + cluster.region.phrase
    guard let masking, !masking.memberDrop.isNaN else { return start }
    return start + "; masking that region \(Self.effect(masking.memberDrop)) on these \(noun) and "
      + (masking.otherDrop.isNaN ? "was not tried elsewhere" : "\(Self.elsewhere(masking)) elsewhere")
  }

  /// One sentence on a class.
  public var sentence: String {
    guard let first = clusters.first else { return "class '\(name)': no distinct strategies" }
    return sentence(first)
  }

  private static func effect(_ drop: Double) -> String {
    drop < 0 ? "raises the score by \((-drop).brief)" : "drops the score by \(drop.brief)"
  }

  /// A drop elsewhere needs no verb, a rise does.
  private static func elsewhere(_ masking: MaskingOutcome) -> String {
    let (here, there) = (masking.memberDrop, masking.otherDrop)
    return (here < 0) == (there < 0) || there.brief == "0.0" ? abs(there).brief : effect(there)
  }
}

extension SuspicionRanking {
  /// How many strategies were looked at, and what that does to their p-values.
  public func testingNote(_ classes: [ClassSuspicion]) -> String {
    let count = classes.reduce(0) { $0 + $1.clusters.count }
    return
      "\(count) strategies of \(classes.count) classes were each set against \(surrogateCount) surrogates without "
      + "strategies; p-values come from Student's t, since so few surrogates alone cannot go below "
      + "1/\(surrogateCount + 1), and are corrected for \(count) tests (\(correction.rawValue)). Surrogates are "
      + "normal, and real maps seldom are: natural strategies stand out of them too, and only masking tells what the "
      + "network uses"
  }
}
