public import NoemaRules

/// What the report of extracted rules is made from: the rules, the test examples with what the network says of them,
/// and the numbers of ``RulesRecord``.
public struct RulesReport: Sendable {
  /// The study's name.
  public var title: String
  /// The question in a sentence.
  public var question = "Which rules does the network follow?"
  /// The answer in a sentence or a few; made from the record when empty.
  public var answers: [String] = []
  /// The numbers.
  public var record: RulesRecord
  /// The rules.
  public let document: RuleDocument
  /// The test examples.
  public let table: RuleTable
  /// The network's class for each.
  public let network: [Int]
  /// The true classes, where they are known.
  public let truth: [Int]?
  /// Things the reader should know first, in sentences.
  public var warnings: [String] = []
  /// Settings of the study, in the order to show.
  public var settings: [(name: String, value: String)] = []
  /// Hashes of model and data, in the order to show.
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the study; may be empty.
  public var commandLine = ""
  /// What the network says of other examples, to count classes at the nodes of the drawn tree; the test examples when
  /// nil.
  public var drawn: (table: RuleTable, network: [Int])?
  /// Pictures of the test examples that show each concept most, where rules are over concepts and examples are
  /// pictures.
  public var exemplars: [Exemplars] = []

  /// Makes a report's content.
  ///
  /// - Parameter record: of these rules on these examples.
  public init(
    title: String, record: RulesRecord, document: RuleDocument, table: RuleTable, network: [Int],
    truth: [Int]? = nil
  ) {
    self.title = title
    self.record = record
    self.document = document
    self.table = table
    self.network = network
    self.truth = truth
  }
}

extension RulesReport {
  /// The answer, in sentences.
  var derivedAnswers: [String] {
    let quality = record.quality, size = record.size
    let rules = size.rules == 1 ? "One rule says" : "\(size.rules) rules say"
    let commonest = quality.confusion.indices.max {
      quality.confusion[$0].reduce(0, +) < quality.confusion[$1].reduce(0, +)
    }
    let name = commonest.map { record.classes[$0] } ?? ""
    var sentences = [
      "\(rules) what the network says of \(Self.percent(quality.fidelity)) of \(record.exampleCount) examples that it "
        + "was not extracted from; always answering '\(name)' would reach "
        + "\(Self.percent(quality.majorityFidelity))."
    ]
    if let accuracy = quality.accuracy, let own = quality.networkAccuracy {
      sentences.append(
        "The rules are right about \(Self.percent(accuracy)), the network about \(Self.percent(own)).")
    }
    if let concepts = record.concepts {
      sentences.append(contentsOf: concepts.completeness.sentences.suffix(1))
    }
    return sentences
  }

  /// What a reader should know before the rest.
  var derivedWarnings: [String] {
    var warnings: [String] = []
    if record.isTruncated {
      warnings.append("A limit on the size of the rules ended the search; more rules would agree more often.")
    }
    if record.quality.fidelity.lower <= record.quality.majorityFidelity {
      warnings.append(
        "The rules agree with the network hardly more often than one and the same answer would; balanced fidelity and "
          + "kappa say what they are worth.")
    }
    if let concepts = record.concepts {
      let leftOut = concepts.literals.filter(\.isLeftOut).map { "'\($0.name)'" }
      if !leftOut.isEmpty {
        warnings.append(
          "Not represented where they are read, and so left out: \(leftOut.joined(separator: ", ")).")
      }
    }
    if record.exampleCount < 100 {
      warnings.append("With \(record.exampleCount) test examples, intervals are wide.")
    }
    if let stability = record.stability.first(where: { $0.agreement < 0.9 }) {
      warnings.append(
        "The rules are not stable: those of \(stability.name) agree about "
          + "\(Self.percent(stability.agreement)) of the examples only.")
    }
    return warnings
  }

  /// A share in percent.
  static func percent(_ share: Double) -> String {
    share.isFinite ? NumberText.fixed(100 * share, 1) + " %" : "–"
  }

  /// A share in percent with its interval.
  static func percent(_ share: Estimate) -> String {
    let ends = "\(NumberText.fixed(100 * share.lower, 1)) to \(NumberText.fixed(100 * share.upper, 1))"
    return "\(percent(share.value)) (\(ends))"
  }

  /// A number with its interval.
  static func number(_ estimate: Estimate) -> String {
    "\(NumberText.compact(estimate.value)) (\(NumberText.compact(estimate.lower)) to "
      + "\(NumberText.compact(estimate.upper)))"
  }

  /// Checks that rules and examples fit together.
  ///
  /// - Throws: `ReportError` of kind `input`.
  func check() throws(ReportError) {
    do { try table.check(matches: document.model.features) } catch {
      throw ReportError(.input("\(error)"), at: "test examples")
    }
    let classes = document.model.classes
    for (labels, what) in [(network, "the network's classes"), (truth ?? network, "true classes")] {
      guard labels.count == table.rowCount else {
        throw ReportError(.input("\(labels.count) of \(what) for \(table.rowCount) test examples"))
      }
      guard labels.allSatisfy({ classes.indices.contains($0) }) else {
        throw ReportError(.input("\(what) name a class that is none of the \(classes.count) of the rules"))
      }
    }
    guard record.form == document.form, record.exampleCount == table.rowCount, record.classes == classes
    else { throw ReportError(.input("the numbers are those of other rules or examples")) }
  }
}
