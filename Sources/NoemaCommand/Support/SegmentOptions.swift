internal import ArgumentParser
internal import Noema

/// How examples are divided into patches.
struct SegmentOptions: ParsableArguments {
  /// What divides examples.
  enum Name: String, CaseIterable, ExpressibleByArgument {
    case slic, quickshift, grid, windows, phrases, columns

    /// The kinds of examples that it divides.
    var kinds: [ExampleLayout.Kind] {
      switch self {
      case .slic, .quickshift, .grid: [.image]
      case .windows: [.signal, .text]
      case .phrases: [.text]
      case .columns: [.table]
      }
    }
  }

  @Option(help: "What examples are: image, signal, text or table; told by their shape and labels by default.")
  var kind: ExampleLayout.Kind?
  @Option(
    help: "slic, quickshift or grid for images, windows for signals, windows or phrases for texts, columns.")
  var segmenter: Name?
  @Option(
    help:
      """
      Segments at each resolution, with commas: how many superpixels of an image (15,50,80); kernel sizes of \
      quickshift; sides of the grid's crops in pixels; lengths of windows or phrases; how many groups of correlated \
      columns.
      """
  )
  var segments: String?
  @Option(help: "How much being near weighs against being alike in superpixels.") var compactness = 20.0
  @Option(
    help:
      """
      What surrounds a patch: grey, mean, spread:SIGMA, a byte for images, or numbers as the network takes them, such \
      as the token that masks.
      """
  )
  var fill: String?
  @Option(help: "What becomes of a patch of an image: stretch, letterbox or in-place.") var fit:
    PatchCutter.Fit?

  func validate() throws {
    _ = try counts()
    guard compactness > 0 else {
      throw ValidationError("--compactness must be above 0, found \(compactness).")
    }
  }

  /// The numbers of `--segments`.
  func counts() throws -> [Int]? {
    guard let segments else { return nil }
    let counts = segments.split(separator: ",").map { Int($0) }
    guard !counts.isEmpty, counts.allSatisfy({ ($0 ?? 0) >= 1 }) else {
      throw ValidationError(
        "--segments expects whole numbers from 1 with commas between, as 15,50,80, found '\(segments)'.")
    }
    return counts.map { $0! }
  }

  /// What divides examples of a kind; nil for the kind's own.
  ///
  /// - Parameters:
  ///   - pieces: the tokens of an example, where there is a vocabulary.
  ///   - table: the rows of a table.
  func makeSegmenter(
    _ layout: ExampleLayout, pieces: (@Sendable (Int) -> [Vocabulary.Piece])?, table: () throws -> PointSet
  ) throws -> (any Segmenter)? {
    if let segmenter, !segmenter.kinds.contains(layout.kind) {
      let names = Name.allCases.filter { $0.kinds.contains(layout.kind) }.map(\.rawValue)
      throw ValidationError(
        "--segmenter \(segmenter.rawValue) does not divide \(layout.kind.rawValue)s; "
          + "give \(names.joined(separator: " or ")), or say what the examples are with --kind.")
    }
    let counts = try counts()
    switch layout.kind {
    case .image:
      switch segmenter {
      case .quickshift:
        let kernels = (counts ?? [5]).map { Double($0) }
        return QuickshiftSegmenter(kernels.map { Quickshift(kernelSize: $0, greatestDistance: 2 * $0) })
      case .grid:
        return GridSegmenter(sides: counts ?? [max(1, min(layout.grid.height, layout.grid.width) * 2 / 7)])
      default:
        return SuperpixelSegmenter(counts: counts ?? SuperpixelSegmenter().counts, compactness: compactness)
      }
    case .signal: return counts.map { WindowSegmenter(lengths: $0) }
    case .text:
      if segmenter == .phrases || segmenter == nil, let pieces {
        return PhraseSegmenter(lengths: counts ?? [8, 4, 2, 1], pieces: pieces)
      }
      guard segmenter != .phrases else {
        throw ValidationError("--segmenter phrases needs --vocabulary, which says where words begin.")
      }
      return counts.map { WindowSegmenter(lengths: $0) }
    case .table: return try counts.map { try ColumnGroups(correlatedIn: table(), counts: $0) }
    }
  }

  /// What surrounds patches; nil for the kind's own.
  func patchFill(_ kind: ExampleLayout.Kind, _ preprocessing: Preprocessing?) throws -> PatchFill? {
    guard let fill else { return nil }
    func refuse() -> ValidationError {
      ValidationError("--fill expects grey, mean, spread:SIGMA or numbers with commas, found '\(fill)'.")
    }
    switch fill {
    case "mean": return .mean
    case "grey", "gray":
      guard kind == .image, let preprocessing else {
        throw ValidationError(
          "--fill grey is for images whose preprocessing is known; give numbers as the network takes them.")
      }
      return .grey(in: preprocessing)
    default:
      if fill.hasPrefix("spread:") {
        guard let sigma = Double(fill.dropFirst(7)) else { throw refuse() }
        return .spread(sigma: sigma)
      }
      let numbers = fill.split(separator: ",").map { Double($0) }
      guard !numbers.isEmpty, numbers.allSatisfy({ $0?.isFinite == true }) else { throw refuse() }
      if kind == .image, numbers.count == 1, let preprocessing, let byte = numbers[0] {
        guard (0...255).contains(byte) else {
          throw ValidationError("--fill takes a byte from 0 to 255 for images, found '\(fill)'.")
        }
        return .grey(byte, in: preprocessing)
      }
      return .values(numbers.map { Float($0!) })
    }
  }

  var record: [(name: String, value: String)] {
    [
      ("segmenter", segmenter?.rawValue ?? "as the kind has it"), ("segments", segments ?? "by default"),
      ("compactness", String(compactness)), ("fill", fill ?? "by default"),
      ("fit", fit?.rawValue ?? "by default"),
    ]
  }
}
