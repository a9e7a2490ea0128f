public import NoemaTensor

/// Network dissection: which units of a layer fire where a concept is.
///
/// A unit's threshold is what its activations exceed at a small share of all positions of the data set. Its
/// map, brought to the image's size around the centres of what its positions see, marks the pixels from the
/// threshold up; the unit is held to detect the concept with which those pixels share most, `Σ |M ∩ L| / Σ |M ∪
/// L|` over the images that are annotated for the concept's category.
///
/// The largest of many such ratios is high by chance. So labels are also chosen on a random half of the images and
/// measured on the other, and measured against the annotations of other images.
///
/// - Source: Bau et al., "Network Dissection: Quantifying Interpretability of Deep Visual Representations",
///   CVPR 2017.
public struct NetworkDissection: Sendable, Hashable, Codable {
  /// Over which images unions are summed.
  public enum Images: String, Sendable, Codable, CaseIterable {
    /// Those annotated for the concept's category, so that what was not looked for does not count as absent.
    case annotatedForCategory
    /// Those that show the concept; ratios are higher then.
    case showingConcept
  }

  /// The share of positions above a unit's threshold.
  public var topShare = 0.005
  /// The ratio above which a unit detects a concept.
  public var leastIoU = 0.04
  /// Over which images unions are summed.
  public var images = Images.annotatedForCategory
  /// Bytes for the largest activations.
  public var memory = 256 << 20
  /// The seed of halves, of other images, and of positions when memory does not suffice.
  public var seed: UInt64 = 0

  /// Makes a dissection with the paper's settings.
  public init() {}

  /// Passes the whole data set by, in order: calls its argument with the activations `[examples, units, …]` of
  /// each batch and the index of its first example. It is run twice.
  public typealias Pass = (_ body: (_ activations: Tensor, _ first: Int) throws -> Void) throws -> Void

  /// Dissects a layer.
  ///
  /// - Parameters:
  ///   - shape: of the layer for one example: `[units, height, width]`.
  ///   - field: what its positions see; positions are spread evenly where that is everything.
  ///   - annotations: of all images, in the order of the data set; masks have the size of the network's input.
  ///   - pass: gives the layer's activations.
  /// - Throws: `ConceptError.parameters` for settings out of range and a layer without maps, `.mismatch` when
  ///   annotations do not fit, `.notFinite` with unit and example, and what passing and reading annotations throw.
  public func callAsFunction(
    shape: [Int], field: ReceptiveField, annotations: some ConceptAnnotations, pass: Pass
  ) throws -> DissectionResult {
    try validate(shape, annotations)
    let units = shape[0], positions = shape[1] * shape[2]
    var quantile = try TopQuantile(
      share: topShare, units: units, positions: annotations.count * positions, memory: memory, seed: seed)
    try pass { activations, first in try quantile.add(activations, first: first) }
    let gates = zip(quantile.thresholds, quantile.ranges).map { threshold, range in
      UnitGate(
        threshold: threshold, isStrict: threshold <= range.least, isDead: !(range.greatest > range.least))
    }
    var tally = DissectionTally(
      concepts: annotations.concepts, gates: gates, shape: shape, field: field, images: images)
    var random = RandomNumbers(seed: seed).split(1)
    let halves = (0..<annotations.count).map { _ in random.next() >> 63 == 1 }
    let others = Self.others(annotations.count, using: &random)
    try pass { activations, first in
      let map = try UnitMaps(activations, units: units)
      try map.checkFinite(activations, first: first)
      guard [map.height, map.width] == Array(shape[1...]), first + map.examples <= annotations.count else {
        throw ConceptError(
          .mismatch(
            "the second pass gave \(activations) from example \(first) on; it must be that of the first"))
      }
      for row in 0..<map.examples {
        let example = first + row
        try tally.add(
          activations, row: row, annotation: try annotations.annotation(of: example),
          other: try others.map { ($0[example], try annotations.annotation(of: $0[example])) },
          isHeldOut: halves[example], example: example)
      }
    }
    return DissectionResult(
      tally, positions: quantile.positionCount, sampled: quantile.sampledCount, topShare: topShare,
      leastIoU: leastIoU)
  }

  private func validate(_ shape: [Int], _ annotations: some ConceptAnnotations) throws(ConceptError) {
    guard leastIoU >= 0, leastIoU < 1 else {
      throw ConceptError(.parameters("the ratio of a detector lies in [0, 1), found \(leastIoU)"))
    }
    guard shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw ConceptError(
        .parameters(
          "a layer of \(shape) for each example has no maps; dissect one of [units, height, width], "
            + "or align units with labels"))
    }
    guard !annotations.concepts.isEmpty, annotations.count >= 1 else {
      throw ConceptError(
        .tooFew(
          set: "the annotations", found: min(annotations.count, annotations.concepts.count), needed: 1))
    }
  }

  /// Another image for each, no image for itself; nil for fewer than two.
  private static func others(_ count: Int, using random: inout RandomNumbers) -> [Int]? {
    guard count > 1 else { return nil }
    let circle = random.sample(count, below: count)
    var others = [Int](repeating: 0, count: count)
    for place in circle.indices { others[circle[place]] = circle[(place + 1) % count] }
    return others
  }
}

/// When a unit fires.
struct UnitGate: Sendable, Hashable {
  let threshold: Double
  /// Whether the threshold itself does not count, because it is the unit's least value.
  let isStrict: Bool
  /// Whether all activations are the same.
  let isDead: Bool
}
