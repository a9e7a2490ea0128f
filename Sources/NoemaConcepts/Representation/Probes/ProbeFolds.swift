internal import NoemaTensor

/// Parts of a list of examples, each of which is held out once.
struct ProbeFolds {
  /// The fold of each example.
  let assignment: [Int]
  /// The number of folds.
  let count: Int

  /// Deals examples so that every fold has about the share of each class; groups stay whole.
  ///
  /// - Throws: `ConceptError` naming a single class, or a class with fewer examples (or groups) than folds.
  init(_ labels: ProbeLabels, count: Int, using random: inout RandomNumbers) throws(ConceptError) {
    guard count >= 2 else {
      throw ConceptError(.parameters("\(count) folds hold nothing out; give 2 or more"))
    }
    let present = labels.counts.enumerated().filter { $0.element > 0 }
    guard present.count >= 2 else {
      let name =
        present.first.map { "all examples are of class '\(labels.classes[$0.offset])'" }
        ?? "there are no examples"
      throw ConceptError(.parameters("\(name); a probe needs two classes or more"))
    }
    for (index, name) in labels.classes.enumerated() {
      guard labels.counts[index] >= count else {
        throw ConceptError(
          .tooFew(set: "class '\(name)' of \(count) folds", found: labels.counts[index], needed: count))
      }
    }
    self.count = count
    if let groups = labels.groups {
      assignment = try Self.grouped(labels, groups, count, &random)
    } else {
      assignment = Self.stratified(labels.indices, labels.classes.count, count, &random)
    }
  }

  /// Deals each class in turn; the next class goes on where the last one stopped, so that sizes differ by one.
  private static func stratified(
    _ labels: [Int], _ classCount: Int, _ count: Int, _ random: inout RandomNumbers
  ) -> [Int] {
    var members = (0..<classCount).map { _ in [Int]() }
    for (row, label) in labels.enumerated() { members[label].append(row) }
    var assignment = [Int](repeating: 0, count: labels.count)
    var next = 0
    for rows in members {
      for position in random.sample(rows.count, below: rows.count) {
        assignment[rows[position]] = next % count
        next += 1
      }
    }
    return assignment
  }

  /// Gives groups, the largest first, to the fold that then deviates least from an even share of each class.
  private static func grouped(
    _ labels: ProbeLabels, _ groups: [Int], _ count: Int, _ random: inout RandomNumbers
  ) throws(ConceptError) -> [Int] {
    let classCount = labels.classes.count
    var tallies: [Int: [Int]] = [:]
    for (group, label) in zip(groups, labels.indices) {
      tallies[group, default: Array(repeating: 0, count: classCount)][label] += 1
    }
    for (index, name) in labels.classes.enumerated() {
      let found = tallies.values.count { $0[index] > 0 }
      guard found >= count else {
        throw ConceptError(
          .parameters(
            "class '\(name)' is in \(found) groups, too few for \(count) folds that keep groups whole; lower the folds"
          ))
      }
    }
    let names = tallies.keys.sorted()
    let shuffled = random.sample(names.count, below: names.count).map { names[$0] }
    let sizes = tallies.mapValues { $0.reduce(0, +) }
    let order = shuffled.enumerated().sorted {
      let (a, b) = (sizes[$0.element] ?? 0, sizes[$1.element] ?? 0)
      return a != b ? a > b : $0.offset < $1.offset
    }.map(\.element)
    let even = labels.counts.map { Double($0) / Double(count) }
    var filled = (0..<count).map { _ in [Double](repeating: 0, count: classCount) }
    var place: [Int: Int] = [:]
    for group in order {
      let tally = tallies[group] ?? []
      // What adding the group changes in the squared deviation, each class on its own scale.
      let costs = filled.map { fold in
        (0..<classCount).reduce(0.0) { sum, c in
          let (before, added) = (fold[c] - even[c], Double(tally[c]))
          return sum + (2 * before * added + added * added) / (even[c] * even[c])
        }
      }
      let best = costs.indices.min { costs[$0] < costs[$1] } ?? 0
      for c in 0..<classCount { filled[best][c] += Double(tally[c]) }
      place[group] = best
    }
    return groups.map { place[$0] ?? 0 }
  }

  /// The examples that a fold trains on and those it holds out.
  func split(_ fold: Int) -> (train: [Int], test: [Int]) {
    (
      assignment.indices.filter { assignment[$0] != fold },
      assignment.indices.filter { assignment[$0] == fold }
    )
  }
}
