public import NoemaData
public import NoemaRules

/// What `result.json` says of rules over concepts beside other rules: what they may speak of, and whether it suffices.
public struct ConceptsRecord: Sendable, Encodable {
  /// A concept.
  public struct Literal: Sendable, Encodable {
    /// What rules call it.
    public let name: String
    /// What it is and where it is read.
    public let origin: String
    /// How well held-out examples of it are told from others; nil where nobody has labelled any.
    public let quality: LiteralQuality?
    /// Whether it was left out, because the layer does not represent it.
    public let isLeftOut: Bool
    /// How many terms read it.
    public let termCount: Int
    /// The test examples that show it most, by name.
    public let highest: [String]
  }

  /// The concepts: those that rules may speak of, then those left out.
  public let literals: [Literal]
  /// Whether rules or concepts fall short.
  public let completeness: ConceptCompleteness

  /// Puts together what is known.
  ///
  /// - Parameters:
  ///   - test: the test examples by the concepts that rules may speak of.
  ///   - leftOut: the others.
  ///   - document: the rules.
  ///   - names: what an example of the test source is called.
  public init(
    _ test: ConceptTable, leftOut: [ConceptLiteral], _ document: RuleDocument,
    completeness: ConceptCompleteness,
    names: (Int) -> String
  ) {
    let uses = document.size.termsOfFeature
    literals =
      test.literals.enumerated().map { column, literal in
        Literal(
          name: literal.name, origin: literal.origin, quality: literal.quality, isLeftOut: false,
          termCount: uses[column] ?? 0,
          highest: ConceptsRecord.highest(column, of: test).map { names(test.indices[$0]) })
      }
      + leftOut.map {
        Literal(
          name: $0.name, origin: $0.origin, quality: $0.quality, isLeftOut: true, termCount: 0, highest: [])
      }
    self.completeness = completeness
  }

  /// The rows of the highest scores of a concept, at most three.
  public static func highest(_ column: Int, of test: ConceptTable) -> [Int] {
    Array(
      (0..<test.count).sorted { (test.table[$1, column], $0) < (test.table[$0, column], $1) }.prefix(3))
  }
}

extension RulesReport {
  /// Pictures of the test examples that show a concept most.
  public struct Exemplars: Sendable {
    /// The concept.
    public var concept: String
    /// The pictures, the highest score first.
    public var images: [Image]

    /// Names pictures.
    public init(concept: String, images: [Image]) { (self.concept, self.images) = (concept, images) }
  }
}

/// The section about concepts.
extension RulesContent {
  /// More concepts are in `result.json` alone, unless a rule reads them.
  private static let literalLimit = 100

  func concepts() throws -> HTML? {
    guard let concepts = record.concepts else { return nil }
    let used = concepts.literals.filter { $0.termCount > 0 }
    let shown =
      used + concepts.literals.filter { $0.termCount == 0 }.prefix(max(0, Self.literalLimit - used.count))
    let boxes = concepts.completeness.blackBoxes.map {
      [HTML.text($0.name), .text(RulesReport.percent($0.fidelity))]
    }
    let content: [HTML] = [
      .table(
        header: ["Concept", "What it is", "Held-out AUC", "Accuracy", "Terms", "Highest in"].map(HTML.text),
        numeric: [4], rows: shown.map(row)),
      .element("h3", text: "Do the concepts suffice?"),
      .table(
        header: ["Reader of the same scores", "Fidelity"].map(HTML.text), className: "settings",
        rows: [[.text("the rules"), .text(RulesReport.percent(concepts.completeness.rules))]] + boxes),
    ]
    let left = concepts.literals.count - shown.count
    return HTML.section(
      "The concepts",
      (concepts.completeness.sentences + (left > 0 ? ["\(left) concepts more are in result.json."] : []))
        .joined(separator: " "),
      try content + strips())
  }

  private func row(_ literal: ConceptsRecord.Literal) -> [HTML] {
    let quality = literal.quality
    return [
      .text(literal.name), .text(literal.origin),
      .text(
        quality.map { RulesReport.number($0.auc) + (literal.isLeftOut ? ", not represented" : "") } ?? "–"),
      .text(quality.map { RulesReport.percent($0.balancedAccuracy) } ?? "–"),
      .text(literal.isLeftOut ? "left out" : "\(literal.termCount)"),
      .text(literal.highest.joined(separator: ", ")),
    ]
  }

  private func strips() throws -> [HTML] {
    try report.exemplars.filter { !$0.images.isEmpty }.flatMap { entry -> [HTML] in
      let images = try entry.images.map { image -> HTML in
        let name = max(image.width, image.height) <= EmbeddedImage.fewPixels ? "small" : ""
        let address = try EmbeddedImage.address(of: image)
        let picture = HTML.element(
          "img", ["src": address, "alt": "shows \(entry.concept)", "class": name, "loading": "lazy"])
        return .element("div", [:], [picture])
      }
      return [
        .element("h3", text: "Highest in \(entry.concept)"), .element("div", ["class": "strip"], images),
      ]
    }
  }
}
