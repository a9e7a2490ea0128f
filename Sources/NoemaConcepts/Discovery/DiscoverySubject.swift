public import NoemaData
public import NoemaGraph

/// Where concepts are sought: a network, layers of it, and examples of a class.
///
/// ```swift
/// var subject = DiscoverySubject(
///   network: network, layers: try network.graph().layers().matching("layer4"), examples: zebras,
///   target: .init(name: "zebra", index: 340))
/// subject.preprocessing = card.preprocessing
/// ```
public struct DiscoverySubject: Sendable {
  /// A class.
  public struct Target: Sendable, Hashable, Codable {
    /// The class's name.
    public var name: String
    /// The class's index among the outputs.
    public var index: Int

    /// Names a class.
    public init(name: String, index: Int) { (self.name, self.index) = (name, index) }
  }

  /// The network; of one input.
  public var network: Network
  /// The layers, from input to output; each gets concepts of its own, from one pass over all patches.
  public var layers: [Layer]
  /// Examples of the class.
  public var examples: any ExampleSource
  /// The class.
  public var target: Target
  /// What examples are.
  public var kind = ExampleLayout.Kind.image
  /// What divides examples; nil for superpixels of images, windows of an eighth to a half of signals, the single
  /// columns of tables, and windows of 8, 4, 2 and 1 tokens of texts.
  public var segmenter: (any Segmenter)?
  /// How inputs are made of images: the units of the grey that fills patches, and the way back to pictures.
  public var preprocessing: Preprocessing?
  /// Whether channels come behind the positions of the layers; nil to take three axes that way unless examples are
  /// signals.
  public var hasChannelsLast: Bool?
  /// Bytes of memory to stay within.
  public var memory = 4 << 30
  /// Where activations go that do not fit.
  public var scratchFolder = "/var/tmp"
  /// Input shapes where the file leaves them open.
  public var shapes: [String: [Int]] = [:]
  /// Whether unreadable examples are left out.
  public var skipsBad = false

  /// Names what is looked at.
  public init(
    network: Network, layers: [Layer], examples: any ExampleSource, target: Target
  ) {
    (self.network, self.layers, self.examples, self.target) = (network, layers, examples, target)
  }

  /// How values of examples lie on positions.
  ///
  /// - Throws: `ConceptError.mismatch` for shapes that the kind does not have.
  public func layout() throws(ConceptError) -> ExampleLayout {
    try ExampleLayout(kind, shape: examples.exampleShape)
  }

  /// Whether channels come last at a layer of this rank, examples counted.
  func hasChannelsLast(rank: Int) -> Bool { hasChannelsLast ?? (rank == 3 && kind != .signal) }

  /// The segmenter, or the kind's own.
  func segmenter(_ superpixels: SuperpixelSegmenter) throws(ConceptError) -> any Segmenter {
    if let segmenter { return segmenter }
    let layout = try layout(), count = layout.positionCount
    switch kind {
    case .image: return superpixels
    case .signal: return WindowSegmenter(lengths: Set([2, 4, 8].map { max(1, count / $0) }).sorted())
    case .text: return WindowSegmenter(lengths: [8, 4, 2, 1].filter { $0 <= count })
    case .table: return ColumnGroups((0..<count).map { [$0] })
    }
  }

  /// What fills patches where the study leaves it open: ACE's grey in the units of images or their own mean, the mean
  /// of a signal, the means of a table's columns.
  func fill(_ layout: ExampleLayout, _ indices: [Int]) throws -> PatchFill {
    switch kind {
    case .image: return preprocessing.map { .grey(in: $0) } ?? .mean
    case .signal: return .mean
    case .text:
      guard layout.shape.count == 1 else { return .values([0]) }
      throw ConceptError(
        .parameters("nothing says what stands for hidden tokens; fill patches with the token that masks"))
    case .table:
      var (sums, count) = ([Double](repeating: 0, count: layout.valueCount), 0.0)
      for index in indices {
        guard let values = try? examples.values(at: index), values.allSatisfy(\.isFinite) else { continue }
        for (column, value) in values.enumerated() { sums[column] += Double(value) }
        count += 1
      }
      return .example(sums.map { Float($0 / max(1, count)) })
    }
  }
}
