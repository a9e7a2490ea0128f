/// Leaves out inputs that the network does without.
struct InputPruning {
  /// How far the agreement may fall.
  let loss: Double

  /// The inputs that stay, ascending; at least one.
  func kept(_ data: LayeredExamples) throws -> [Int] {
    let table = data.inputs.table
    let all = Array(table.features.indices)
    let costs = try all.map { try loss(without: [$0], data) }
    var gone: Set<Int> = []
    for feature in all.sorted(by: { (costs[$0], $0) < (costs[$1], $1) }) where gone.count + 1 < all.count {
      guard costs[feature] <= loss, try loss(without: gone.union([feature]), data) <= loss else { continue }
      gone.insert(feature)
    }
    return all.filter { !gone.contains($0) }
  }

  /// The share of rows of which the network says something else when inputs stand still.
  private func loss(without features: Set<Int>, _ data: LayeredExamples) throws -> Double {
    let table = data.inputs.table
    let values = table.features.indices.flatMap { feature in
      features.contains(feature)
        ? [Double](repeating: InputPruning.neutral(table, feature), count: table.rowCount)
        : Array(table.column(feature))
    }
    let still = RuleTable(unchecked: table.features, rowCount: table.rowCount, values: values)
    let labels = try OracleAnswers(of: data.oracle, on: still).labels
    return Double(zip(labels, data.answers.labels).count { $0 != $1 }) / Double(table.rowCount)
  }

  /// The mean, or of levels the most frequent one.
  private static func neutral(_ table: RuleTable, _ feature: Int) -> Double {
    let known = table.column(feature).filter { !$0.isNaN }
    guard !known.isEmpty else { return .nan }
    if let levels = table.features[feature].levels {
      var counts = [Double](repeating: 0, count: levels.count)
      for value in known { counts[Int(value)] += 1 }
      return Double(DecisionTree.largest(counts))
    }
    let mean = known.reduce(0) { $0 + $1 / Double(known.count) }
    return table.features[feature].isDiscrete ? mean.rounded() : mean
  }
}
