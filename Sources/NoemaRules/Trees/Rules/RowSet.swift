/// A set of rows as bits.
struct RowSet: Sendable {
  private(set) var words: [UInt64]

  /// The rows `0..<count` for which a condition holds.
  init(_ count: Int, where holds: (Int) -> Bool) {
    words = [UInt64](repeating: 0, count: (count + 63) / 64)
    for row in 0..<count where holds(row) { words[row >> 6] |= 1 << UInt64(row & 63) }
  }

  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  mutating func set(_ row: Int, _ isMember: Bool) {
    let bit: UInt64 = 1 << UInt64(row & 63)
    if isMember { words[row >> 6] |= bit } else { words[row >> 6] &= ~bit }
  }

  func intersection(_ other: RowSet) -> RowSet {
    var result = self
    result.formIntersection(other)
    return result
  }

  mutating func formIntersection(_ other: RowSet) {
    for index in words.indices { words[index] &= other.words[index] }
  }

  mutating func formUnion(_ other: RowSet) {
    for index in words.indices { words[index] |= other.words[index] }
  }

  mutating func subtract(_ other: RowSet) {
    for index in words.indices { words[index] &= ~other.words[index] }
  }

  /// The number of rows in both sets.
  func commonCount(_ other: RowSet) -> Int {
    var count = 0
    for index in words.indices { count += (words[index] & other.words[index]).nonzeroBitCount }
    return count
  }

  /// Calls with each row, ascending.
  func forEach(_ body: (Int) -> Void) {
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        body(index << 6 | rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
  }
}

/// The weight of each class in sets of rows.
struct ClassWeights: Sendable {
  let rowCount: Int
  let classCount: Int
  /// The rows of each class, when each row has one class and counts 1.
  private let members: [RowSet]
  /// Else the weight of each class, row after row.
  private let weights: [Double]

  init(_ examples: TrainingTable) {
    let (rows, classes) = (examples.table.rowCount, examples.classes.count)
    (rowCount, classCount) = (rows, classes)
    if case .labels(let labels) = examples.target, (0..<rows).allSatisfy({ examples.weight($0) == 1 }) {
      members = (0..<classes).map { label in RowSet(rows) { labels[$0] == label } }
      weights = []
      return
    }
    members = []
    var weights = [Double](repeating: 0, count: rows * classes)
    for row in 0..<rows {
      switch examples.target {
      case .labels(let labels): weights[row * classes + labels[row]] = examples.weight(row)
      case .values: break
      case .probabilities(let all):
        for k in 0..<classes { weights[row * classes + k] = examples.weight(row) * all[row * classes + k] }
      }
    }
    self.weights = weights
  }

  /// The weight of each class in some rows.
  func distribution(_ rows: RowSet) -> [Double] {
    guard weights.isEmpty else {
      var result = [Double](repeating: 0, count: classCount)
      rows.forEach { row in
        for k in 0..<classCount { result[k] += weights[row * classCount + k] }
      }
      return result
    }
    return members.map { Double($0.commonCount(rows)) }
  }

  /// The weight of some rows, and that of their other classes.
  func support(_ rows: RowSet, of label: Int) -> (cover: Double, wrong: Double) {
    guard weights.isEmpty else {
      let distribution = distribution(rows)
      let cover = distribution.reduce(0, +)
      return (cover, max(0, cover - distribution[label]))
    }
    let cover = rows.count
    return (Double(cover), Double(cover - members[label].commonCount(rows)))
  }
}
