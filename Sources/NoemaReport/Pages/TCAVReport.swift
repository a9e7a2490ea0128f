public import NoemaConcepts
public import NoemaData

/// What the report of a concept study is made from.
public struct TCAVReport: Sendable {
  /// Examples of one concept.
  public struct Strip: Sendable {
    /// The concept's name.
    public var concept: String
    /// A few of its images.
    public var images: [Image]

    /// Makes a strip.
    public init(concept: String, images: [Image]) {
      self.concept = concept
      self.images = images
    }
  }

  /// One class input with its directional derivative.
  public struct Example: Sendable {
    /// The input as the network sees it.
    public var image: Image
    /// Derivative of the class output along the unit CAV, in output units per activation unit.
    public var derivative: Double
    /// Its file or name.
    public var caption: String

    /// Makes an example.
    public init(image: Image, derivative: Double, caption: String) {
      self.image = image
      self.derivative = derivative
      self.caption = caption
    }
  }

  /// The class inputs that react most and least to one concept.
  public struct Extremes: Sendable {
    /// The layer, target class and concept.
    public var layer, target, concept: String
    /// The inputs with the largest derivatives, largest first.
    public var most: [Example]
    /// The inputs with the smallest derivatives, smallest first.
    public var least: [Example]

    /// Makes the extremes.
    public init(layer: String, target: String, concept: String, most: [Example], least: [Example]) {
      self.layer = layer
      self.target = target
      self.concept = concept
      self.most = most
      self.least = least
    }
  }

  /// The study's name.
  public var title: String
  /// The question in a sentence.
  public var question: String
  /// The answer in one sentence or a few; made from the verdicts when empty.
  public var answers: [String]
  /// One result for each concept, layer and target class.
  public var results: [TCAVResult]
  /// The layers from input to output; layers that are missing here follow in the order of the results.
  public var layers: [String]
  /// Example images of the concepts; empty when the data are not images.
  public var strips: [Strip]
  /// The inputs that react most and least.
  public var extremes: [Extremes]
  /// Derivatives of the class inputs along the unit CAVs: a result's `derivativeIndex` points here.
  public var derivatives: [[Double]]
  /// Things the reader should know first, in sentences.
  public var warnings: [String]
  /// Settings of the study, in the order to show.
  public var settings: [(name: String, value: String)]
  /// Hashes of model and data, in the order to show.
  public var hashes: [(name: String, value: String)]
  /// The command that repeats the study; may be empty.
  public var commandLine: String
  /// Largest adjusted p that counts as significant.
  public var significance = 0.05

  /// Makes a report's content.
  public init(
    title: String, question: String, answers: [String] = [], results: [TCAVResult], layers: [String] = [],
    strips: [Strip] = [], extremes: [Extremes] = [], derivatives: [[Double]] = [],
    warnings: [String] = [], settings: [(name: String, value: String)] = [],
    hashes: [(name: String, value: String)] = [],
    commandLine: String = "", significance: Double = 0.05
  ) {
    self.title = title
    self.question = question
    self.answers = answers
    self.results = results
    self.layers = layers
    self.strips = strips
    self.extremes = extremes
    self.derivatives = derivatives
    self.warnings = warnings
    self.settings = settings
    self.hashes = hashes
    self.commandLine = commandLine
    self.significance = significance
  }
}

extension TCAVReport {
  /// The layers that have results, from input to output.
  var orderedLayers: [String] {
    (layers.filter(Set(results.map(\.layer)).contains) + results.map(\.layer)).unique
  }
  /// The target classes, in the order of the results.
  var targets: [String] { results.map(\.target).unique }
  /// The concepts, in the order of the results.
  var concepts: [String] { results.map(\.concept).unique }

  func result(layer: String, target: String, concept: String) -> TCAVResult? {
    results.first { $0.layer == layer && $0.target == target && $0.concept == concept }
  }

  /// The results in reading order: target, then layer, then falling score.
  var sortedResults: [TCAVResult] {
    targets.flatMap { target in
      orderedLayers.flatMap { layer in
        results.filter { $0.target == target && $0.layer == layer }.sorted {
          ($0.score.isFinite ? $0.score : -1) > ($1.score.isFinite ? $1.score : -1)
        }
      }
    }
  }

  /// The score as a figure shows it: hatched unless its verdict is ``TCAVResult/Verdict/used``.
  func measurement(_ result: TCAVResult) -> MeasuredValue {
    let interval = result.scoreInterval
    let isUsed = result.verdict == .used
    return MeasuredValue(
      result.score, low: interval.count == 2 ? interval[0] : nil,
      high: interval.count == 2 ? interval[1] : nil,
      isSignificant: isUsed, mark: isUsed ? "" : result.verdict.mark)
  }

  /// One sentence for each target, from the verdicts alone.
  var derivedAnswers: [String] {
    targets.map { target in
      let used = results.filter { $0.target == target && $0.verdict == .used }
      let raising = used.filter { $0.score > 0.5 }.map(\.concept).unique
      let lowering = used.filter { $0.score <= 0.5 }.map(\.concept).unique
      let both = raising.filter(lowering.contains)
      let parts = [
        ("raised by", raising.filter { !both.contains($0) }),
        ("lowered by", lowering.filter { !both.contains($0) }),
        ("raised or lowered, depending on the layer, by", both),
      ].filter { !$0.1.isEmpty }.map { "\($0.0) \(Self.list($0.1))" }
      guard !parts.isEmpty else {
        return "No tested concept was shown to move the output \(target) more than random directions do."
      }
      let alike = used.flatMap(\.diagnostics.indistinguishable).unique.filter { name in
        !used.contains { $0.concept == name }
      }
      let caution = alike.isEmpty ? "" : " (directions hardly told from \(Self.list(alike)))"
      return "The output \(target) is \(parts.joined(separator: "; "))\(caution)."
    }
  }

  /// The names in words; beyond five only how many.
  private static func list(_ names: [String]) -> String {
    if names.count > 5 { return names.prefix(4).joined(separator: ", ") + " and \(names.count - 4) more" }
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and \(last)"
  }
}

extension TCAVResult.Verdict {
  /// The mark beside a bar that is not solid.
  var mark: String {
    switch self {
    case .used: ""
    case .representedButNotUsed: "n.s."
    case .notRepresented: "n.r."
    case .tooLittleData, .degenerate: "n/a"
    }
  }
}

extension Array where Element: Hashable {
  /// The elements without repetitions, each where it first stood.
  var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
