/// Cases: a row, a class and a weight each. An example with probabilities is a case of each class that has some.
struct C45Cases: Sendable {
  /// A case is not divided among branches into parts of less than this share of it: else cases that lack many values
  /// would be everywhere, and cost time without end. It then goes down the largest branch.
  static let smallestPart = 0.01

  let classCount: Int
  /// The row of each case, ascending.
  let rows: [UInt32]
  let labels: [UInt16]
  let weights: [Double]
  /// For each row of the table the first of its cases; one entry more than rows.
  let starts: [Int]

  init(_ examples: TrainingTable) {
    let classes = examples.classes.count
    var rows: [UInt32] = []
    var labels: [UInt16] = []
    var weights: [Double] = []
    var starts: [Int] = []
    func add(_ row: Int, _ label: Int, _ weight: Double) {
      guard weight > 0 else { return }
      rows.append(UInt32(row))
      labels.append(UInt16(label))
      weights.append(weight)
    }
    for row in 0..<examples.table.rowCount {
      starts.append(rows.count)
      let weight = examples.weight(row)
      switch examples.target {
      case .labels(let all): add(row, all[row], weight)
      case .values: break
      case .probabilities(let all):
        // A part too small to change a count is left out.
        for k in 0..<classes where all[row * classes + k] > 1e-9 {
          add(row, k, weight * all[row * classes + k])
        }
      }
    }
    starts.append(rows.count)
    (self.classCount, self.rows, self.labels, self.weights, self.starts) = (
      classes, rows, labels, weights, starts
    )
  }

  /// The weight of each class among some cases with other weights than at first.
  func distribution(_ cases: WeightedCases) -> [Double] {
    var result = [Double](repeating: 0, count: classCount)
    for (index, weight) in zip(cases.indices, cases.weights) { result[Int(labels[Int(index)])] += weight }
    return result
  }
}

/// Some cases with the weight that reached a node.
struct WeightedCases: Sendable {
  var indices: [UInt32]
  var weights: [Double]
}

/// The cases of a node: in rows of their own, and by value in every column.
struct NodeCases: Sendable {
  /// Which cases they are.
  var indices: [UInt32]
  var weights: [Double]
  var labels: [UInt16]
  /// For each feature the cases whose value is known, sorted; `row` is the position in ``indices``.
  var columns: [[ColumnEntry]]

  /// All cases.
  init(_ cases: C45Cases, _ sorted: SortedColumns, _ workers: Workers) {
    indices = (0..<cases.rows.count).map { UInt32($0) }
    weights = cases.weights
    labels = cases.labels
    columns = workers.map(sorted.features.count) { feature in
      var column: [ColumnEntry] = []
      column.reserveCapacity(cases.rows.count)
      for entry in sorted.entries[(feature * sorted.rowCount)..<((feature + 1) * sorted.rowCount)]
      where entry.code != ColumnEntry.missing {
        for index in cases.starts[Int(entry.row)]..<cases.starts[Int(entry.row) + 1] {
          column.append(ColumnEntry(code: entry.code, row: UInt32(index)))
        }
      }
      return column
    }
  }

  private init(_ indices: [UInt32], _ weights: [Double], _ labels: [UInt16]) {
    (self.indices, self.weights, self.labels, columns) = (indices, weights, labels, [])
  }

  var distribution: Distribution { Distribution(self) }

  /// Class weights, and whether they are counts.
  struct Distribution {
    var classes: [Double] = []
    var weight = 0.0
    /// Whether every case counts 1.
    var isCount = true

    init(_ cases: NodeCases) {
      classes = [Double](repeating: 0, count: Int(cases.labels.max() ?? 0) + 1)
      for (label, weight) in zip(cases.labels, cases.weights) {
        classes[Int(label)] += weight
        self.weight += weight
        if weight != 1 { isCount = false }
      }
    }
  }

  /// Divides the cases among branches.
  ///
  /// - Parameters:
  ///   - branches: for each case the branch of its value, −1 when that is missing.
  ///   - known: the weight of each branch, by which a case without value is divided.
  ///   - original: the weight of each case of the training table.
  func divided(
    _ branches: [Int32], _ known: [Double], _ original: [Double], _ workers: Workers
  ) -> [NodeCases] {
    let count = known.count
    let sum = known.reduce(0, +)
    let shares = known.map { $0 / sum }
    let (largest, least) = (DecisionTree.largest(shares), shares.min() ?? 1)
    let branches = branches.enumerated().map { index, branch in
      branch < 0 && weights[index] * least < C45Cases.smallestPart * original[Int(indices[index])]
        ? Int32(largest) : branch
    }
    var parts = (0..<count).map { _ in NodeCases([], [], []) }
    // Where each case stands in its branch; a missing one stands in all, at places listed apart.
    var places = [UInt32](repeating: 0, count: branches.count)
    var missingPlaces: [[UInt32]] = []
    for (index, branch) in branches.enumerated() {
      if branch >= 0 {
        places[index] = UInt32(parts[Int(branch)].indices.count)
        parts[Int(branch)].append(self, index, weights[index])
      } else {
        places[index] = UInt32(missingPlaces.count)
        missingPlaces.append(parts.map { UInt32($0.indices.count) })
        for part in 0..<count { parts[part].append(self, index, weights[index] * shares[part]) }
      }
    }
    let (here, elsewhere) = (places, missingPlaces)
    let columns = workers.map(self.columns.count) { feature in
      var parts = [[ColumnEntry]](repeating: [], count: count)
      for entry in self.columns[feature] {
        let branch = Int(branches[Int(entry.row)])
        let place = here[Int(entry.row)]
        if branch >= 0 {
          parts[branch].append(ColumnEntry(code: entry.code, row: place))
        } else {
          for part in 0..<count {
            parts[part].append(ColumnEntry(code: entry.code, row: elsewhere[Int(place)][part]))
          }
        }
      }
      return parts
    }
    for part in 0..<count { parts[part].columns = columns.map { $0[part] } }
    return parts
  }

  private mutating func append(_ other: NodeCases, _ index: Int, _ weight: Double) {
    indices.append(other.indices[index])
    weights.append(weight)
    labels.append(other.labels[index])
  }
}
