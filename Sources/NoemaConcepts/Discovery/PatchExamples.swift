public import NoemaData
internal import NoemaTensor

/// A segment of an example, which becomes an input of its own.
public struct Patch: Sendable, Hashable, Codable {
  /// The example's index in its source.
  public let example: Int
  /// The number among the segments of its example, from 0.
  public let number: Int
  /// The resolution that the segment comes from, 0 for the coarsest.
  public let level: Int
  /// The positions of the example that it shows.
  public let positions: PositionSet
}

/// Patches as examples that networks and concept studies read: each is cut when it is asked for, so that none is kept.
public struct PatchExamples: ExampleSource {
  /// Where the whole examples come from.
  public let base: any ExampleSource
  /// The patches.
  public let patches: [Patch]
  /// How they become inputs.
  public let cutter: PatchCutter
  /// How values lie on positions.
  public let layout: ExampleLayout
  /// How an input is turned back into a picture; nil when it shows none.
  public let preprocessing: Preprocessing?
  private let cache: ExampleCache
  /// What identifies the cutter.
  private let cutterHash: String

  /// Names patches of examples.
  ///
  /// - Parameter memory: bytes of whole examples that are kept for the next patches.
  /// - Throws: `ConceptError.mismatch` when examples have not the layout's shape.
  public init(
    _ base: any ExampleSource, patches: [Patch], cutter: PatchCutter, layout: ExampleLayout,
    preprocessing: Preprocessing? = nil, memory: Int = 256 << 20
  ) throws(ConceptError) {
    guard base.exampleShape == layout.shape else {
      throw ConceptError(
        .mismatch(
          "examples of shape \(base.exampleShape) do not lie as \(layout.shape); give their own layout"))
    }
    (self.base, self.patches, self.cutter, self.layout) = (base, patches, cutter, layout)
    self.preprocessing = preprocessing.flatMap { $0.shape == layout.shape ? $0 : nil }
    cache = ExampleCache(base, bytes: memory)
    cutterHash = Self.hash("\(cutter)")
  }

  public var count: Int { patches.count }
  public var exampleShape: [Int] { layout.shape }
  public var areImages: Bool { false }

  /// The example's name and the number of the segment.
  public func name(of index: Int) -> String {
    "\(base.name(of: patches[index].example)), segment \(patches[index].number)"
  }

  public func copy(_ index: Int, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let values = try cut(index) { example throws(ConceptError) in
      try cutter.patch(example, patches[index].positions)
    }
    _ = target.update(fromContentsOf: values)
  }

  /// The patch as a picture; nil when inputs show none.
  public func image(at index: Int) throws(DataError) -> Image? {
    guard let preprocessing else { return nil }
    return try preprocessing.inverse(of: try values(at: index))
  }

  /// The example of a patch with everything filled but the segment, where it lies; nil when inputs show no picture.
  ///
  /// - Throws: as reading does.
  public func place(of index: Int) throws(DataError) -> Image? {
    guard let preprocessing else { return nil }
    let values = try cut(index) { example throws(ConceptError) in
      try cutter.showing(patches[index].positions, of: example)
    }
    return try preprocessing.inverse(of: values)
  }

  /// What identifies the example's bytes, the segment and the way in which it is cut.
  public func contentHash(of index: Int) throws(DataError) -> String {
    let example = try base.contentHash(of: patches[index].example)
    return Self.hash("\(example) \(patches[index].positions.runs) \(cutterHash)")
  }

  private static func hash(_ text: String) -> String {
    Array(text.utf8).withUnsafeBytes(SHA256.hexadecimal)
  }

  /// A whole example of the base.
  ///
  /// - Throws: as reading does.
  func whole(_ example: Int) throws(DataError) -> [Float] { try cache.values(at: example) }

  private func cut(
    _ index: Int, _ body: (SegmentedExample) throws(ConceptError) -> [Float]
  ) throws(DataError) -> [Float] {
    let example = patches[index].example, values = try cache.values(at: example)
    do throws(ConceptError) {
      return try body(try SegmentedExample(values, layout: layout, index: example))
    } catch {
      throw DataError(.parameters(error.description), at: base.name(of: example))
    }
  }
}
