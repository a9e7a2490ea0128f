internal import NoemaTensor

extension ProbeLabels {
  /// Random labels, the same for all examples of a type or group.
  ///
  /// The labels of units are shuffled, so that classes keep their sizes; where units do not span folds, within
  /// each fold, so that training sets keep them too. A probe that leans to the larger class would otherwise take
  /// the chance imbalance of random labels for a harder task.
  ///
  /// - Source: Hewitt and Liang, EMNLP 2019.
  func controlTask(_ folds: ProbeFolds, using random: inout RandomNumbers) -> [Int] {
    let units = types ?? groups ?? Array(indices.indices)
    var members: [Int: [Int]] = [:]
    for (row, unit) in units.enumerated() { members[unit, default: []].append(row) }
    var buckets = Array(repeating: [Int](), count: folds.count)
    for unit in members.keys.sorted() {
      buckets[types == nil ? folds.assignment[members[unit]?.first ?? 0] : 0].append(unit)
    }
    var result = indices
    for bucket in buckets {
      // A unit of several classes stands for the class of one of its examples.
      let drawn = bucket.map { unit in
        let rows = members[unit] ?? []
        return indices[rows[random.index(below: rows.count)]]
      }
      let order = random.sample(bucket.count, below: bucket.count)
      for (unit, position) in zip(bucket, order) {
        for row in members[unit] ?? [] { result[row] = drawn[position] }
      }
    }
    return result
  }

  /// What shares a label in a control task.
  var controlUnit: ProbeStudyResult.ControlUnit { types != nil ? .type : groups != nil ? .group : .example }
}
