internal import NoemaConcepts
public import NoemaData

/// What the report of concepts that were found is made from.
public struct ACEReport: Sendable {
  /// A token, and whether it belongs to the patch.
  public struct Word: Sendable, Hashable {
    /// Its text, with a space before it where a word begins.
    public var text: String
    /// Whether it belongs to the patch.
    public var isMarked: Bool

    /// Makes a token.
    public init(text: String, isMarked: Bool) { (self.text, self.isMarked) = (text, isMarked) }
  }

  /// A column of a table and its value.
  public struct Cell: Sendable, Hashable {
    /// The column's name.
    public var name: String
    /// The value.
    public var value: Double

    /// Makes a cell.
    public init(name: String, value: Double) { (self.name, self.value) = (name, value) }
  }

  /// What a patch looks like.
  public enum Sight: Sendable {
    /// The whole image with the patch outlined, and the patch as the network saw it.
    case picture(whole: Image, patch: Image)
    /// Words, and those around them.
    case words([Word])
    /// The first channel of a signal, and the steps that belong to the patch.
    case signal([Float], [Range<Int>])
    /// Columns of a table.
    case columns([Cell])
  }

  /// A whole image with concepts over it.
  public struct Mapped: Sendable {
    /// The image's name.
    public var name: String
    /// The image.
    public var image: Image
    /// Where each of the first concepts by rank is.
    public var maps: [Image]

    /// Makes an entry.
    public init(name: String, image: Image, maps: [Image]) {
      (self.name, self.image, self.maps) = (name, image, maps)
    }
  }

  /// The study's name.
  public var title: String
  /// The question in a sentence.
  public var question: String
  /// The answer in a few sentences; made from the numbers when empty.
  public var answers: [String] = []
  /// The numbers.
  public var record: ACERecord
  /// What the exemplars look like: by layer, concept and exemplar, as the record has them; may hold fewer.
  public var sights: [[[Sight]]] = []
  /// Maps of each layer; may hold fewer layers.
  public var maps: [[Mapped]] = []
  /// What the reader should know first, beside what the record says.
  public var warnings: [String] = []
  /// Settings and hashes, in the order to show.
  public var settings: [(name: String, value: String)] = []
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the study; may be empty.
  public var commandLine = ""
  /// The level up to which p counts.
  public var significance = 0.05

  /// Collects what is reported.
  public init(title: String, question: String, record: ACERecord) {
    (self.title, self.question, self.record) = (title, question, record)
  }
}

extension ACEReport {
  /// What an example is called.
  var exampleName: String { record.kind == "table" ? "row" : record.kind }

  /// A name of a layer where there are several.
  func place(_ layer: ACERecord.Layer) -> String { record.layers.count > 1 ? "At \(layer.layer), " : "" }

  /// What was found, layer by layer.
  public var derivedAnswers: [String] { record.layers.prefix(6).flatMap { [usage($0)] + sufficiency($0) } }

  private func usage(_ layer: ACERecord.Layer) -> String {
    let count = layer.concepts.count
    guard count > 0 else {
      return capital(
        "\(place(layer))none of \(layer.clusters.count) clusters of patches was kept as a concept.")
    }
    let found = "\(count) concept\(count == 1 ? "" : "s")"
    guard layer.concepts.contains(where: { $0.verdict != nil }) else {
      return capital("\(place(layer))\(found) were found; whether the network uses them was not tested.")
    }
    let used = layer.concepts.filter { $0.verdict == TCAVResult.Verdict.used.rawValue }
    guard !used.isEmpty else {
      return capital(
        "\(place(layer))\(found) were found, and none can be said to be used beyond what random \(exampleName) "
          + "patches do.")
    }
    let names = used.prefix(5).map { concept in
      "\(concept.rank) (score \(NumberText.fixed(concept.score ?? .nan, 2)), "
        + "\(NumberText.equation("p", concept.pPermutationAdjusted ?? .nan)))"
    }
    return capital(
      "\(place(layer))\(used.count) of \(found) \(used.count == 1 ? "is" : "are") used: "
        + names.joined(separator: ", ") + (used.count > 5 ? ", …" : "") + ".")
  }

  /// Whether the concepts bring the class back faster than any segments do.
  private func sufficiency(_ layer: ACERecord.Layer) -> [String] {
    guard let curves = layer.curves, let random = curves.sufficient.randomConcepts else { return [] }
    let curve = curves.sufficient
    let other = random.mean.count > 1 ? zip(random.mean, random.mean.dropFirst()).map { ($0 + $1) / 2 } : []
    let mean = other.isEmpty ? Double.nan : other.reduce(0, +) / Double(other.count)
    let numbers =
      "mean height \(NumberText.fixed(curve.area, 2)) against \(NumberText.fixed(mean, 2)), "
      + NumberText.equation("p", random.p)
    let speed =
      random.p <= significance + 1e-9
      ? "faster than as many random segments" : "no faster than random segments do"
    return [
      capital("\(place(layer))shown by themselves in their order, concepts bring the class back ")
        + "\(speed): \(numbers)."
    ]
  }

  private func capital(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// What the reader should know first.
  var allWarnings: [String] {
    let own = record.layers.flatMap { layer in
      layer.warnings.map { record.layers.count > 1 ? "\(layer.layer): \($0)" : $0 }
    }
    let skipped = record.skipped.prefix(20).map { "left out: \($0)" }
    let more =
      record.skipped.count > 20 ? ["left out: \(record.skipped.count - 20) more, listed in result.json"] : []
    return (warnings + record.warnings + own + skipped + more).unique
  }
}

extension ACERecord.Concept {
  /// The score as a figure shows it: hatched unless the concept is used.
  var measurement: MeasuredValue? {
    guard let score else { return nil }
    let kind = verdict.flatMap { TCAVResult.Verdict(rawValue: $0) }
    let ends = scoreInterval.flatMap { $0.count == 2 ? $0 : nil }
    return MeasuredValue(
      score, low: ends?[0], high: ends?[1], isSignificant: kind == .used,
      mark: kind == .used ? "" : kind?.mark ?? "")
  }
}
