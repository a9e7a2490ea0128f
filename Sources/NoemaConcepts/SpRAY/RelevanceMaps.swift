public import NoemaTensor

/// An example whose relevance is clustered.
public struct RelevanceExample: Sendable, Hashable, Codable {
  /// Its index in the data set.
  public var index: Int
  /// Its name, such as a file's.
  public var name: String
  /// Its class by the data set; nil when not known.
  public var label: Int?
  /// Its class by the network; nil when not known.
  public var prediction: Int?

  /// Names an example.
  public init(index: Int, name: String? = nil, label: Int? = nil, prediction: Int? = nil) {
    self.index = index
    self.name = name ?? "example \(index)"
    self.label = label
    self.prediction = prediction
  }
}

/// A relevance map that says nothing.
public struct FlawedMap: Sendable, Hashable, Codable {
  /// What is wrong with it.
  public enum Flaw: String, Sendable, Codable, CaseIterable {
    /// A value is NaN or infinite.
    case notFinite = "not finite"
    /// All values are zero: the method yields nothing for this target.
    case zero
    /// All values are the same.
    case constant
    /// Positive and negative relevance cancel, so that it cannot be divided by its sum.
    case cancelling
  }

  /// Whose map it is.
  public let example: RelevanceExample
  /// What is wrong with it.
  public let flaw: Flaw
}

/// The prepared relevance maps of some examples, one a row.
///
/// Anything with a row an example will do: relevance of inputs, of a hidden layer, or of its channels.
public struct RelevanceMaps: Sendable, Hashable {
  /// The maps, `channels · height · width` values or a vector each.
  public let points: PointSet
  /// Whose they are.
  public let examples: [RelevanceExample]
  /// How values lie on the image; nil for vectors.
  public let grid: MapGrid?
  /// By how much each map was moved, in positions before they were summed; empty where maps stayed.
  public let offsets: [MapOffset]
  /// Maps that were left out.
  public let flawed: [FlawedMap]

  /// Joins maps and examples.
  ///
  /// - Throws: `ConceptError.mismatch` when there is no example for every map, the grid has other values, or offsets
  ///   are not those of the maps of an aligned grid.
  public init(
    _ points: PointSet, examples: [RelevanceExample], grid: MapGrid? = nil, offsets: [MapOffset] = [],
    flawed: [FlawedMap] = []
  ) throws(ConceptError) {
    guard examples.count == points.count else {
      throw ConceptError(
        .mismatch("found \(points.count) relevance maps of \(examples.count) examples; give one for each"))
    }
    guard (grid?.count ?? points.dimension) == points.dimension else {
      throw ConceptError(
        .mismatch("relevance maps of \(points.dimension) values do not lie on \(grid?.count ?? 0) blocks"))
    }
    guard offsets.count == (grid?.isAligned == true ? points.count : 0) else {
      throw ConceptError(
        .mismatch(
          "found \(offsets.count) offsets of \(points.count) relevance maps; aligned ones have one each, others none"
        ))
    }
    self.points = points
    self.examples = examples
    self.grid = grid
    self.offsets = offsets
    self.flawed = flawed
  }

  /// Takes vectors, such as the relevance of hidden channels, of examples that are numbered from 0.
  public init(vectors points: PointSet) {
    self.points = points
    examples = (0..<points.count).map { RelevanceExample(index: $0) }
    grid = nil
    offsets = []
    flawed = []
  }

  /// By how much a map was moved.
  func offset(of map: Int) -> MapOffset { offsets.isEmpty ? .zero : offsets[map] }

  /// The values of one map where they lie on its image; aligned maps are moved back as exactly as blocks allow.
  ///
  /// - Precondition: `map` is the place of one.
  public func values(of map: Int) -> [Float] {
    let values = Array(points.row(map))
    return grid?.movedBack(values, from: offset(of: map)) ?? values
  }
}

/// Prepares relevance batch after batch; only prepared maps are kept.
public struct RelevanceCollector: Sendable {
  /// How maps are prepared.
  public let preprocessing: RelevancePreprocessing
  /// Whose maps are kept so far.
  public private(set) var examples: [RelevanceExample] = []
  /// Maps that say nothing, so far.
  public private(set) var flawed: [FlawedMap] = []
  private var layout: RelevanceLayout?
  private var values: [Float] = []
  private var offsets: [MapOffset] = []

  /// Makes an empty collection.
  ///
  /// - Throws: `ConceptError.parameters`.
  public init(_ preprocessing: RelevancePreprocessing = RelevancePreprocessing()) throws(ConceptError) {
    try preprocessing.validate()
    self.preprocessing = preprocessing
  }

  /// Prepares a batch.
  ///
  /// - Parameters:
  ///   - relevance: `[n, channels, height, width]`, `[n, height, width]` or `[n, features]`, of any float type.
  ///   - examples: whose they are, n of them.
  /// - Throws: `ConceptError.mismatch` when numbers differ, or shapes differ from those of earlier batches.
  public mutating func append(
    _ relevance: Tensor, of examples: [RelevanceExample]
  ) throws(ConceptError) {
    guard relevance.rank >= 1, relevance.shape[0] == examples.count else {
      throw ConceptError(
        .mismatch(
          "found relevance of shape \(relevance.shape) for \(examples.count) examples; its first axis must count them"
        ))
    }
    guard !examples.isEmpty else { return }
    let shape = Array(relevance.shape.dropFirst())
    let layout: RelevanceLayout
    if let known = self.layout {
      layout = known
    } else {
      layout = try RelevanceLayout(preprocessing, shape: shape)
    }
    guard layout.shape == shape else {
      throw ConceptError(
        .mismatch(
          "the relevance of \(examples[0].name) has shape \(shape), that of earlier examples \(layout.shape); bring "
            + "all to one size"))
    }
    self.layout = layout
    let width = shape.reduce(1, *)
    relevance.converted(to: .float32).withElements(as: Float.self) { all in
      for (row, example) in examples.enumerated() {
        switch layout.prepare(UnsafeBufferPointer(rebasing: all[(row * width)..<((row + 1) * width)])) {
        case .flawed(let flaw): flawed.append(FlawedMap(example: example, flaw: flaw))
        case .values(let map, let offset):
          values.append(contentsOf: map)
          offsets.append(offset)
          self.examples.append(example)
        }
      }
    }
  }

  /// Counts an example for which there is no map, because a value on the way to it is not finite, for instance.
  public mutating func refuse(_ example: RelevanceExample, as flaw: FlawedMap.Flaw) {
    flawed.append(FlawedMap(example: example, flaw: flaw))
  }

  /// The maps that were prepared.
  ///
  /// - Throws: `ConceptError.notFinite` or `.algebra` that counts and names flawed maps, unless they are left out by
  ///   request and others remain; `.tooFew` when there is none at all.
  public func finish() throws(ConceptError) -> RelevanceMaps {
    if !flawed.isEmpty, examples.isEmpty { throw flawed.refusal(among: flawed.count) }
    if !flawed.isEmpty, !preprocessing.excludesFlawed {
      throw flawed.refusal(among: flawed.count + examples.count)
    }
    guard let layout, !examples.isEmpty else {
      throw ConceptError(.tooFew(set: "the set of relevance maps", found: 0, needed: 1))
    }
    let points = try PointSet(values, count: examples.count, dimension: values.count / examples.count)
    return try RelevanceMaps(
      points, examples: examples, grid: layout.grid, offsets: layout.grid?.isAligned == true ? offsets : [],
      flawed: flawed)
  }
}

extension [FlawedMap] {
  /// Counts and names by flaw, such as `2 zero (a.png, b.png)`; three names of each.
  public var summary: String {
    FlawedMap.Flaw.allCases.compactMap { flaw -> String? in
      let names = filter { $0.flaw == flaw }.map { $0.example.name }
      guard !names.isEmpty else { return nil }
      let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " …" : "")
      return "\(names.count) \(flaw.rawValue) (\(shown))"
    }.joined(separator: ", ")
  }

  /// The error that counts and names them among a number of maps; where they are all, nothing can be left out.
  func refusal(among total: Int) -> ConceptError {
    let text =
      count == total
      ? "none of the \(total) relevance maps says anything: \(summary); the method yields nothing for this target: "
        + "try another method, layer or output scale"
      : "\(count) of \(total) relevance maps say nothing: \(summary); check the method and its target, or leave them "
        + "out with --skip-bad"
    return ConceptError(contains { $0.flaw == .notFinite } ? .notFinite(text) : .algebra(text))
  }
}
