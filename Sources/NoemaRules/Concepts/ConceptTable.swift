internal import NoemaTensor

/// Examples as the scores of concepts, with what the network says of each: what rules over concepts are learnt from.
public struct ConceptTable: Sendable {
  /// The concepts, one a column.
  public let literals: [ConceptLiteral]
  /// The scores.
  public let table: RuleTable
  /// The classes, in the order of the network's outputs.
  public let classes: [String]
  /// The network's class of each example.
  public let labels: [Int]
  /// The network's class probabilities, row after row.
  public let probabilities: [Double]
  /// The index of each example in its source.
  public let indices: [Int]
  /// Examples that could not be read and were left out, with the reason.
  public let skipped: [String]

  /// Puts scores beside answers.
  ///
  /// - Parameter columns: one a literal, each with a score for every index.
  /// - Throws: `RuleError` when counts do not fit, names occur twice, or a score is not finite.
  init(
    _ literals: [ConceptLiteral], columns: [[Double]], classes: [String], probabilities: [Double],
    indices: [Int],
    skipped: [String]
  ) throws(RuleError) {
    for (literal, column) in zip(literals, columns) {
      if let row = column.firstIndex(where: { !$0.isFinite }) {
        throw RuleError(
          .notFinite("its score of example \(indices[row]) is \(column[row])"),
          at: "concept '\(literal.name)'")
      }
    }
    self.literals = literals
    table = try RuleTable(
      features: literals.map(\.feature), rowCount: indices.count, values: columns.flatMap { $0 })
    (self.classes, self.probabilities, self.indices, self.skipped) = (
      classes, probabilities, indices, skipped
    )
    labels = ConceptOracle.largest(probabilities, classes.count)
  }

  private init(
    _ whole: ConceptTable, literals: [ConceptLiteral]? = nil, table: RuleTable, rows: [Int]? = nil
  ) {
    self.literals = literals ?? whole.literals
    self.table = table
    classes = whole.classes
    skipped = whole.skipped
    let width = whole.classes.count
    labels = rows.map { $0.map { whole.labels[$0] } } ?? whole.labels
    indices = rows.map { $0.map { whole.indices[$0] } } ?? whole.indices
    probabilities =
      rows.map { $0.flatMap { whole.probabilities[$0 * width..<($0 + 1) * width] } } ?? whole.probabilities
  }

  /// The number of examples.
  public var count: Int { table.rowCount }

  /// What extractors ask: the network's answers for these examples, and for no others.
  public var oracle: any TableOracle { ConceptOracle(self) }

  /// The examples of the given rows, in that order.
  public func subset(rows: [Int]) -> ConceptTable {
    ConceptTable(self, table: table.subset(rows: rows), rows: rows)
  }

  /// The concepts of the given columns, in that order.
  public func selecting(columns: [Int]) -> ConceptTable {
    ConceptTable(self, literals: columns.map { literals[$0] }, table: table.selecting(features: columns))
  }

  /// The concepts that are represented, or of which nothing is known, and those that are not.
  public var represented: (table: ConceptTable, leftOut: [ConceptLiteral]) {
    let kept = literals.indices.filter { !literals[$0].isUnrepresented }
    return (selecting(columns: kept), literals.filter(\.isUnrepresented))
  }

  /// Raw scores along directions in standard deviations from their mean, so that thresholds can be read; other columns
  /// stay as they are.
  ///
  /// Measure further examples with the literals of the result, and they are on the same scale.
  ///
  /// - Parameter rows: that mean and deviation are taken over; all when nil.
  public func standardising(by rows: [Int]? = nil) -> ConceptTable {
    var (literals, values) = (literals, table.values)
    for column in literals.indices where literals[column].cutoff == nil {
      guard case .direction(var direction) = literals[column].reading, direction.scale == .raw else {
        continue
      }
      let scores = Array(table.column(column))
      let sample = rows.map { $0.map { scores[$0] } } ?? scores
      guard !sample.isEmpty else { continue }
      let mean = sample.reduce(0, +) / Double(sample.count)
      let square = sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sample.count)
      direction.scale = .standard(mean: mean, deviation: square.squareRoot())
      literals[column].reading = .direction(direction)
      for row in scores.indices { values[column * count + row] = direction.scaled(scores[row]) }
    }
    return ConceptTable(
      self, literals: literals,
      table: RuleTable(unchecked: literals.map(\.feature), rowCount: count, values: values))
  }
}

/// The network's answers for the rows of a concept table.
///
/// A row of scores cannot be turned back into an example, so nothing can be asked about rows that are not there. Rows
/// that are equal in every score are one to all rules; the answer is the mean of theirs.
struct ConceptOracle: TableOracle {
  let features: [Feature]
  let classes: [String]
  private let answers: [[Double]: [Double]]

  init(_ examples: ConceptTable) {
    (features, classes) = (examples.table.features, examples.classes)
    let width = examples.classes.count
    var sums: [[Double]: (total: [Double], count: Double)] = [:]
    for row in 0..<examples.count {
      let own = Array(examples.probabilities[row * width..<(row + 1) * width])
      let key = examples.table.row(row)
      if let known = sums[key] {
        sums[key] = (zip(known.total, own).map(+), known.count + 1)
      } else {
        sums[key] = (own, 1)
      }
    }
    answers = sums.mapValues { entry in entry.total.map { $0 / entry.count } }
  }

  func probabilities(of table: RuleTable) throws -> [Double] {
    try table.check(matches: features)
    var all: [Double] = []
    for row in 0..<table.rowCount {
      guard let answer = answers[table.row(row)] else {
        throw RuleError(
          .unsupported(
            "the network cannot be asked about concept scores that no example has (row \(row + 1)); set the number of "
              + "queries to 0, or take an extractor that goes by examples only"))
      }
      all += answer
    }
    return all
  }

  /// The most probable class of each row, the first of equals.
  static func largest(_ probabilities: [Double], _ count: Int) -> [Int] {
    stride(from: 0, to: probabilities.count, by: max(1, count)).map { start in
      (1..<max(1, count)).reduce(0) { probabilities[start + $1] > probabilities[start + $0] ? $1 : $0 }
    }
  }
}
