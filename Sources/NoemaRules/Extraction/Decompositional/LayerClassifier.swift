internal import NoemaTensor

/// Learns rules over one layer.
struct LayerClassifier: Sendable {
  let data: LayerData
  let learner: LayerLearner
  var minimumCases: Double
  /// Whether features that do not help on held-out rows are left out first.
  var winnows = false
  /// A node in which a class has this share is a leaf.
  var dominance = 1.0
  /// The only features that rules may speak about; all when nil.
  var allowed: [Int]?
  var seed: UInt64 = 0

  /// Rules for labels.
  func rules(
    _ labels: [Int], _ classes: [String], weights: [Double]? = nil, workers: Workers = Workers()
  ) throws(RuleError) -> [Rule] {
    var features = allowed ?? Array(data.table.features.indices)
    var part = allowed == nil ? data : data.selecting(features)
    var examples = try TrainingTable(part.table, .labels(labels), classes: classes, weights: weights)
    if winnows {
      let kept = try helpful(examples, part.columns, workers)
      if kept.count < features.count {
        features = kept.map { features[$0] }
        part = data.selecting(features)
        examples = try TrainingTable(part.table, .labels(labels), classes: classes, weights: weights)
      }
    }
    let rules = try learner.rules(
      examples, part.columns, minimumCases: minimumCases, dominance: dominance, seed: seed, workers: workers)
    guard features.count < data.table.features.count else { return rules }
    return rules.map { rule in
      var rule = rule
      rule.clause = Clause(
        conditions: rule.clause.conditions.map {
          Condition(features[$0.feature], $0.values, admitsMissing: $0.admitsMissing)
        })
      return rule
    }
  }

  /// For sets of rows, rules that conclude 1 where they hold and 0 elsewhere; nil for those that time did not reach.
  ///
  /// Equal sets are learnt once, several at a time.
  func rules(where sets: [RowSet], until limit: TimeLimit) throws(RuleError) -> [[Rule]?] {
    var places: [[UInt64]: Int] = [:]
    var unique: [RowSet] = []
    let chosen = sets.map { set in
      if let place = places[set.words] { return place }
      places[set.words] = unique.count
      unique.append(set)
      return unique.count - 1
    }
    let distinct = unique
    // With fewer jobs than cores each job has some of them.
    let all = Workers()
    let inner = distinct.count >= all.count ? Workers.one : all
    let outer = distinct.count >= all.count ? all : Workers.one
    let found = outer.map(distinct.count) { index -> Result<[Rule]?, RuleError> in
      do throws(RuleError) {
        return .success(limit.isOver ? nil : try rules(where: distinct[index], inner))
      } catch { return .failure(error) }
    }
    var learnt: [[Rule]?] = []
    for result in found { learnt.append(try result.get()) }
    return chosen.map { learnt[$0] }
  }

  private func rules(where set: RowSet, _ workers: Workers) throws(RuleError) -> [Rule] {
    let (held, count) = (set.count, data.table.rowCount)
    if held == 0 || held == count {
      let support = Support(cover: Double(count), correct: Double(count))
      return [Rule(.always, .label(held == 0 ? 0 : 1), support: support)]
    }
    var labels = [Int](repeating: 0, count: count)
    set.forEach { labels[$0] = 1 }
    return try rules(labels, ["no", "yes"], workers: workers)
  }

  // MARK: Winnowing

  /// The features whose values, dealt out anew among the rows of one half, make a tree grown on the other half err more
  /// often; all when there is none.
  private func helpful(
    _ examples: TrainingTable, _ columns: SortedColumns, _ workers: Workers
  ) throws(RuleError) -> [Int] {
    let table = examples.table
    let all = Array(table.features.indices)
    var random = RandomNumbers(seed: seed).split(-7)
    let order = random.sample(table.rowCount, below: table.rowCount)
    let (half, rest) = (order.prefix(table.rowCount / 2), Array(order.dropFirst(table.rowCount / 2)))
    var weights = [Double](repeating: 0, count: table.rowCount)
    for row in half { weights[row] = examples.weight(row) }
    guard weights.contains(where: { $0 > 0 }) else { return all }
    let part = try TrainingTable(table, examples.target, classes: examples.classes, weights: weights)
    let tree = try learner.tree(part, columns, minimumCases: minimumCases, workers: workers)
    func errors(_ values: (Int, Int) -> Double) -> Double {
      var sum = 0.0
      var row = [Double](repeating: 0, count: all.count)
      for place in rest.indices {
        for feature in all { row[feature] = values(place, feature) }
        if tree.conclusion(row).label != examples.label(rest[place]) { sum += examples.weight(rest[place]) }
      }
      return sum
    }
    let base = errors { table[rest[$0], $1] }
    let kept = Set(tree.terms.map(\.feature)).sorted().filter { feature in
      var random = RandomNumbers(seed: seed).split(feature)
      let dealt = random.sample(rest.count, below: rest.count)
      return errors { $1 == feature ? table[rest[dealt[$0]], $1] : table[rest[$0], $1] } > base
    }
    return kept.isEmpty ? all : kept
  }
}
