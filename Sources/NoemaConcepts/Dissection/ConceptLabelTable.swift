public import NoemaData

/// Which examples show which concepts, without saying where.
public struct ConceptLabelTable: Sendable, Hashable {
  /// The names of the concepts.
  public let concepts: [String]
  /// For each concept whether each example has it.
  public let marks: [[Bool]]

  /// One concept for each label that occurs, in alphabetical order.
  public init(labels: [String]) {
    let names = Set(labels).sorted()
    concepts = names
    marks = names.map { name in labels.map { $0 == name } }
  }

  /// Reads a table with a column `name` of examples and a column of 0 and 1 for each concept.
  ///
  /// - Parameter examples: the names of the examples in use; every one needs its row, in any order.
  /// - Throws: `DataError` for a table that cannot be read, for other marks than 0 and 1, and for examples without a
  ///   row.
  public init(path: String, examples: [String]) throws(DataError) {
    let table = try CSVTable(path: path)
    let names = try table.text(inColumn: "name")
    concepts = table.columnNames.filter { $0 != "name" }
    guard !concepts.isEmpty else {
      throw DataError(.empty("the list of concepts (columns beside name)"), at: path)
    }
    let rows = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    var order: [Int] = []
    for example in examples {
      guard let row = rows[example] else {
        throw DataError(.malformed("no row is called '\(example)'; every example needs one"), at: path)
      }
      order.append(row)
    }
    var marks: [[Bool]] = []
    for concept in concepts {
      let words = try table.text(inColumn: concept)
      var column: [Bool] = []
      for row in order {
        guard ["0", "1"].contains(words[row]) else {
          throw DataError(
            .malformed("'\(words[row])' of '\(names[row])' in column '\(concept)'; marks are 0 or 1"),
            at: path)
        }
        column.append(words[row] == "1")
      }
      marks.append(column)
    }
    self.marks = marks
  }
}
