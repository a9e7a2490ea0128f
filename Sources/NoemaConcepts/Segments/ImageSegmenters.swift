internal import NoemaAttribution
internal import NoemaGraph

/// Superpixels of an image at several resolutions: what ACE cuts images into.
///
/// - Source: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019; Achanta et al., 2012.
public struct SuperpixelSegmenter: Segmenter, Hashable, Codable {
  /// About how many segments at each resolution.
  public var counts: [Int]
  /// How much being near weighs against being alike.
  public var compactness: Double
  /// The standard deviation, in pixels, of the blur before.
  public var smoothing: Double

  /// Makes a segmenter with ACE's settings.
  public init(counts: [Int] = [15, 50, 80], compactness: Double = 20, smoothing: Double = 1) {
    (self.counts, self.compactness, self.smoothing) = (counts, compactness, smoothing)
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    let pixels = example.layout.positionCount
    guard !counts.isEmpty, counts.allSatisfy({ $0 >= 1 && $0 <= pixels }) else {
      throw ConceptError(
        .parameters(
          "found \(counts) superpixels of \(pixels) pixels; give one or more numbers from 1 to the pixels, or larger "
            + "images"))
    }
    return try segmenting { () throws(GraphError) in
      let colours = try ColourPlanes(example, smoothing: smoothing)
      return try counts.sorted().map { count throws(GraphError) in
        PositionSet.parts(of: try Superpixels(count, compactness: compactness).labels(of: colours))
      }
    }
  }
}

/// Segments of like colour by quickshift, at several widths of its kernel.
public struct QuickshiftSegmenter: Segmenter, Hashable, Codable {
  /// The settings of each resolution.
  public var shifts: [Quickshift]
  /// The standard deviation, in pixels, of the blur before.
  public var smoothing: Double

  /// Makes a segmenter.
  public init(_ shifts: [Quickshift] = [Quickshift()], smoothing: Double = 0) {
    (self.shifts, self.smoothing) = (shifts, smoothing)
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    guard !shifts.isEmpty else {
      throw ConceptError(.parameters("quickshift needs settings of 1 or more levels"))
    }
    let colours = try segmenting { () throws(GraphError) in try ColourPlanes(example, smoothing: smoothing) }
    let levels = try shifts.map { shift throws(ConceptError) in
      PositionSet.parts(of: try shift.labels(of: colours))
    }
    return levels.sorted { $0.count < $1.count }
  }
}

/// Square crops on a regular grid, as CRAFT takes them.
///
/// - Source: Fel et al., "CRAFT: Concept Recursive Activation FacTorization for Explainability", CVPR 2023.
public struct GridSegmenter: Segmenter, Hashable, Codable {
  /// The side of a crop in pixels, at each resolution.
  public var sides: [Int]
  /// The step between crops as a share of their side.
  public var step: Double

  /// Makes a segmenter; crops of 64 pixels every four fifths of that unless told otherwise.
  public init(sides: [Int] = [64], step: Double = 0.8) {
    (self.sides, self.step) = (sides, step)
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    let (height, width) = example.layout.grid
    return try sides.sorted(by: >).map { side throws(ConceptError) in
      let rows = try WindowStarts(length: side, step: step).starts(in: height)
      let columns = try WindowStarts(length: side, step: step).starts(in: width)
      return rows.flatMap { top in
        columns.map { left in
          PositionSet(runs: (top..<(top + side)).map { $0 * width + left..<$0 * width + left + side })
        }
      }
    }
  }
}

extension ColourPlanes {
  /// The colours of an image.
  fileprivate init(_ example: SegmentedExample, smoothing: Double) throws(GraphError) {
    let (height, width) = example.layout.grid
    try self.init(
      example.layout.planes(example.values), channels: example.layout.channels, height: height, width: width,
      smoothing: smoothing)
  }
}

/// Puts settings that segmentations refuse in the words of a study.
private func segmenting<Result>(_ body: () throws(GraphError) -> Result) throws(ConceptError) -> Result {
  do { return try body() } catch { throw ConceptError(.parameters(error.description)) }
}
