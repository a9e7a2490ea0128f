internal import Foundation
internal import Noema

/// The examples of a study of rules over concepts, as the scores of these.
struct ConceptRuleMaterial {
  /// What rules are learnt from, and what they are judged by.
  let training, test: ConceptTable
  /// The concepts that no rule may speak of.
  let leftOut: [ConceptLiteral]
  /// The true class of each test example, where labels name the network's classes.
  let truth: [Int]?
  /// What a reader should know, a sentence each.
  let remarks: [String]
  /// The SHA-256 of the data.
  let hashes: [(name: String, value: String)]
  private let source: any ExampleSource
  private let pictures: ExamplePictures?
  private let paths: [String: String]

  /// The share of the examples that is held out where there is no test data.
  private static let heldOutShare = 0.3

  /// Fits the concepts and measures the examples.
  init(_ command: RulesConceptsCommand, _ model: LoadedModel, _ progress: ProgressBar) throws {
    let dataset = try command.data.open(model)
    model.noteGuess(dataset.examples, command.options.quiet)
    let other = try command.test.map { try Dataset(path: $0, options: command.data.options(model).inputs) }
    let literals = try command.concepts.literals(
      model, command.data.options(model), command.options, seed: command.asked.seed, progress)
    var measurement = ConceptMeasurement(model.network, literals: literals, classes: model.classNames)
    (measurement.output, measurement.shapes) = (command.output, model.shapes)
    (measurement.memory, measurement.skipsBad) = (
      try command.options.memoryBudget() / 4, command.options.skipBad
    )
    var whole = try measurement(dataset.examples) { progress($0, $1, $2) }
    var (rows, remarks) = (Array(0..<whole.count), [String]())
    var held: [Int] = []
    if other == nil {
      guard whole.count > 1 else {
        throw RuleError(.tooFew(set: "the data", found: whole.count, needed: 2), at: command.data.data)
      }
      var random = RandomNumbers(seed: command.asked.seed)
      let order = random.sample(whole.count, below: whole.count)
      let count = max(1, Int(Self.heldOutShare * Double(whole.count)))
      (held, rows) = (order.prefix(count).sorted(), order.dropFirst(count).sorted())
      remarks.append("There was no test data; \(count) of \(whole.count) examples were held out.")
    }
    whole = whole.standardising(by: rows)
    measurement.literals = whole.literals
    let test =
      try other.map { try measurement($0.examples) { progress($0, $1, $2) } } ?? whole.subset(rows: held)
    var leftOut = whole.literals.filter(\.isUnrepresented)
    if command.concepts.keepsUnrepresented { leftOut = [] }
    let unspoken = Set(leftOut.map(\.name))
    let columns = whole.literals.indices.filter { !unspoken.contains(whole.literals[$0].name) }
    guard !columns.isEmpty else {
      throw RuleError(
        .parameters(
          "no concept is represented where it is read; try another --layer, more examples, or --keep-unrepresented. "
            + leftOut.prefix(4).map(\.absence).joined(separator: " ")))
    }
    training = whole.subset(rows: rows).selecting(columns: columns)
    self.test = test.selecting(columns: columns)
    self.leftOut = leftOut
    self.remarks = remarks + leftOut.map(\.absence)
    try training.check()
    let tested = other ?? dataset
    source = tested.examples
    pictures = ExamplePictures(tested.examples, model)
    truth = ConceptRuleMaterial.truth(tested, test.indices, test.classes)
    hashes =
      [(name: "data sha-256", value: dataset.hash())]
      + (other.map { [(name: "test sha-256", value: $0.hash())] } ?? [])
    paths = ["path": command.data.data].merging(command.test.map { ["test": $0] } ?? [:]) { first, _ in first
    }
  }

  /// The class of each example by its label; nil unless every label names one.
  private static func truth(_ dataset: Dataset, _ rows: [Int], _ classes: [String]) -> [Int]? {
    guard let words = dataset.labels else { return nil }
    let places = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let labels = rows.compactMap { row -> Int? in
      places[words[row]] ?? Int(words[row]).flatMap { classes.indices.contains($0) ? $0 : nil }
    }
    return labels.count == rows.count ? labels : nil
  }

  /// What an example of the test data is called.
  func name(_ index: Int) -> String { source.name(of: index) }

  /// Examples that could not be read.
  var skipped: [String] { training.skipped + (test.skipped == training.skipped ? [] : test.skipped) }

  /// What the record says of the data.
  var record: [String: String] {
    hashes.reduce(into: paths) { $0[$1.name] = $1.value }
  }

  /// The test examples as rules see them, and the network's class: a table for `noema rules apply`.
  var scores: String {
    let features = test.table.features
    let head = features.map { Escape.csv($0.name) } + ["network"]
    let lines = (0..<test.count).map { row in
      let fields = features.enumerated().map { column, feature -> String in
        let value = test.table[row, column]
        return feature.levels.map { Escape.csv($0[Int(value)]) } ?? "\(value)"
      }
      return (fields + [Escape.csv(test.classes[test.labels[row]])]).joined(separator: ",")
    }
    return ([head.joined(separator: ",")] + lines).joined(separator: "\n") + "\n"
  }

  /// Pictures for the concepts that rules read.
  func exemplars(of document: RuleDocument) throws -> [RulesReport.Exemplars] {
    guard let pictures else { return [] }
    return try document.size.termsOfFeature.keys.sorted().prefix(12).map { column in
      RulesReport.Exemplars(
        concept: test.literals[column].name,
        images: try ConceptsRecord.highest(column, of: test).compactMap {
          try pictures.picture(test.indices[$0])
        })
    }
  }
}
