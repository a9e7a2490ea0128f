/// An example that is to be divided.
public struct SegmentedExample: Sendable {
  /// Its values, in the order of its shape.
  public let values: [Float]
  /// How they lie on positions.
  public let layout: ExampleLayout
  /// Its place in the data set.
  public let index: Int

  /// Takes the values of an example.
  ///
  /// - Throws: `ConceptError.mismatch` when they do not fill the shape, `.notFinite` naming the value.
  public init(_ values: [Float], layout: ExampleLayout, index: Int = 0) throws(ConceptError) {
    guard values.count == layout.valueCount else {
      throw ConceptError(
        .mismatch("\(values.count) values do not fill an example of shape \(layout.shape)"),
        at: "example \(index)")
    }
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw ConceptError(
        .notFinite("value \(bad) of shape \(layout.shape) is NaN or infinite"), at: "example \(index)")
    }
    (self.values, self.layout, self.index) = (values, layout, index)
  }
}

/// What divides examples into segments, at one or more resolutions.
///
/// ```swift
/// let parts = try SuperpixelSegmenter(counts: [15, 50, 80]).segments(of: image)
/// ```
public protocol Segmenter: Sendable {
  /// The segments of an example at each resolution, the coarsest first. Segments may overlap, also within a resolution.
  ///
  /// - Throws: `ConceptError.parameters` when settings are out of range or do not fit the example.
  func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]]
}

extension Segmenter {
  /// The segments of an example that are large enough, and each in one resolution only.
  ///
  /// - Throws: as dividing does, and `ConceptError.parameters` for a choice out of range.
  public func segments(
    of example: SegmentedExample, choice: SegmentChoice = SegmentChoice()
  ) throws(ConceptError) -> [Segment] {
    try choice(try levels(of: example), positions: example.layout.positionCount)
  }
}

/// A segment of an example.
public struct Segment: Sendable, Hashable, Codable {
  /// The resolution that it comes from, 0 for the coarsest.
  public let level: Int
  /// Its positions.
  public let positions: PositionSet
}

/// Which segments of several resolutions are worth looking at.
///
/// - Source: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019, and its implementation.
public struct SegmentChoice: Sendable, Hashable, Codable {
  /// Segments of no more than this share of all positions are dropped.
  public var leastShare = 0.001
  /// A segment whose Jaccard index with one kept of a coarser resolution is above this is that one again.
  public var greatestOverlap = 0.5

  /// Makes a choice with the defaults above.
  public init() {}

  /// Chooses segments, level by level.
  ///
  /// - Parameters:
  ///   - levels: segments of each resolution, the coarsest first.
  ///   - positions: the number of all positions.
  /// - Throws: `ConceptError.parameters` for shares outside [0, 1].
  public func callAsFunction(_ levels: [[PositionSet]], positions: Int) throws(ConceptError) -> [Segment] {
    guard (0...1).contains(leastShare), (0...1).contains(greatestOverlap) else {
      throw ConceptError(
        .parameters(
          "the least share of a segment and the greatest overlap lie in [0, 1], found \(leastShare) and "
            + "\(greatestOverlap)"))
    }
    var kept: [Segment] = []
    for (level, sets) in levels.enumerated() {
      let coarser = kept
      for set in sets where Double(set.count) > leastShare * Double(positions) {
        if coarser.contains(where: { $0.positions.jaccard(set) > greatestOverlap }) { continue }
        kept.append(Segment(level: level, positions: set))
      }
    }
    return kept
  }
}
