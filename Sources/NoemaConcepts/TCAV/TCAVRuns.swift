internal import NoemaTensor

/// The rows of one probe: positives first.
struct ProbeRows: Sendable {
  var positives, negatives: [Int]
  var all: [Int] { positives + negatives }
  var isPositive: [Bool] { positives.map { _ in true } + negatives.map { _ in false } }
}

/// A CAV by its coefficients on the rows of its run.
struct FittedRun: Sendable {
  var rows: [Int]
  var alpha: [Double]
  /// `‖v‖`, with the pool's scale.
  var norm: Double
}

/// Draws the rows of a concept's runs, of pseudo-concepts, and of held-out splits.
struct RunSampler: Sendable {
  let concept: [Int]
  let random: RandomRows
  let count: Int

  /// - Parameter randomCount: negatives per run; as many as positives when nil.
  init(concept: [Int], random: RandomRows, randomCount: Int?) {
    self.concept = concept
    self.random = random
    count = randomCount ?? concept.count
  }

  /// Whether pseudo-concepts can be drawn from the random rows alone; otherwise labels are permuted.
  var hasRoomForPseudoConcepts: Bool { random.all.count >= 2 * concept.count }

  /// How many runs are worthwhile.
  func runCount(_ asked: Int) -> Int {
    if case .sets(let sets) = random { return min(asked, sets.count) }
    return asked
  }

  /// The concept against random examples.
  ///
  /// As many random rows as the concept has stay out of the negatives, as they do for pseudo-concepts, so that
  /// both go through the same pipeline.
  func runs(_ runs: Int, using numbers: inout RandomNumbers) -> [ProbeRows] {
    guard hasRoomForPseudoConcepts else { return deal(concept, random, runs, &numbers) }
    let held = numbers.sample(concept.count, below: random.all.count)
    return deal(concept, random.removing(positions: Set(held)), runs, &numbers)
  }

  /// A pseudo-concept against random examples that exclude its own.
  func pseudoRuns(_ runs: Int, using numbers: inout RandomNumbers) -> [ProbeRows] {
    let rows = random.all
    if !hasRoomForPseudoConcepts {
      // Permute the labels of the pooled rows; what is left takes the places of the random rows.
      let pooled = concept + rows
      let order = numbers.sample(pooled.count, below: pooled.count).map { pooled[$0] }
      let rest = random.replacingRows(with: Array(order[concept.count...]))
      return deal(Array(order[..<concept.count]), rest, runs, &numbers)
    }
    let chosen = Set(numbers.sample(concept.count, below: rows.count))
    let positives = chosen.sorted().map { rows[$0] }
    return deal(positives, random.removing(positions: chosen), runs, &numbers)
  }

  /// One run a set, or as many as are asked for with negatives of their own.
  private func deal(
    _ positives: [Int], _ random: RandomRows, _ runs: Int, _ numbers: inout RandomNumbers
  ) -> [ProbeRows] {
    switch random {
    case .sets(let sets): return sets.prefix(runs).map { ProbeRows(positives: positives, negatives: $0) }
    case .pool(let rows):
      let size = min(count, rows.count)
      return (0..<runs).map { _ in
        ProbeRows(positives: positives, negatives: numbers.sample(size, below: rows.count).map { rows[$0] })
      }
    }
  }
}

extension RandomRows {
  /// Without the rows at some positions of `all`; sets that lose all of theirs are dropped.
  fileprivate func removing(positions: Set<Int>) -> RandomRows {
    switch self {
    case .pool(let rows): return .pool(rows.indices.filter { !positions.contains($0) }.map { rows[$0] })
    case .sets(let sets):
      var position = -1
      let kept = sets.map { set in
        set.filter { _ in
          position += 1
          return !positions.contains(position)
        }
      }
      return .sets(kept.filter { !$0.isEmpty })
    }
  }

  /// Other rows in the place of these, in sets of the same sizes.
  fileprivate func replacingRows(with rows: [Int]) -> RandomRows {
    switch self {
    case .pool: return .pool(rows)
    case .sets(let sets):
      var rest = rows[...]
      return .sets(
        sets.map { set in
          defer { rest = rest.dropFirst(set.count) }
          return Array(rest.prefix(set.count))
        })
    }
  }
}

/// Draws runs of a concept against the other concepts: random halves of both sides.
struct RelativeSampler: Sendable {
  let concept, others: [Int]

  func runs(_ runs: Int, using numbers: inout RandomNumbers) -> [ProbeRows] {
    (0..<runs).map { _ in halves(concept, others, &numbers) }
  }

  /// Labels permuted over both sides.
  func pseudoRuns(_ runs: Int, using numbers: inout RandomNumbers) -> [ProbeRows] {
    let pooled = concept + others
    let order = numbers.sample(pooled.count, below: pooled.count).map { pooled[$0] }
    let (left, right) = (Array(order[..<concept.count]), Array(order[concept.count...]))
    return (0..<runs).map { _ in halves(left, right, &numbers) }
  }

  private func halves(_ left: [Int], _ right: [Int], _ numbers: inout RandomNumbers) -> ProbeRows {
    func half(_ rows: [Int]) -> [Int] {
      numbers.sample((rows.count + 1) / 2, below: rows.count).map { rows[$0] }
    }
    return ProbeRows(positives: half(left), negatives: half(right))
  }
}

/// Fits probes on parts of one Gram matrix.
struct RunFitter: Sendable {
  let gram: Matrix

  /// The problem of some rows; classes of unequal size get equal weight.
  func problem(_ rows: ProbeRows) throws(ConceptError) -> ProbeProblem {
    let all = rows.all
    let isPositive = rows.isPositive
    let weights =
      rows.positives.count == rows.negatives.count ? nil : ProbeProblem.balancedWeights(isPositive)
    return try ProbeProblem(
      kernel: gram.selecting(rows: all, columns: all), isPositive: isPositive, weights: weights)
  }

  /// The CAVs of all runs of one (pseudo-)concept; the penalty is chosen on the first run.
  func fit(_ runs: [ProbeRows], _ probe: any Probe) throws(ConceptError) -> [FittedRun] {
    guard let first = runs.first else { return [] }
    if probe is MeanDifference { return meanDifferences(runs) }
    let tuned = try probe.tuned(on: try problem(first))
    var fitted: [FittedRun] = []
    for rows in runs {
      let problem = try problem(rows)
      let alpha = try tuned.fit(problem).alpha
      let products = problem.kernel.times(alpha)
      let square = zip(alpha, products).reduce(0) { $0 + $1.0 * $1.1 }
      fitted.append(FittedRun(rows: rows.all, alpha: alpha, norm: max(square, 0).squareRoot()))
    }
    return fitted
  }

  /// Mean differences need no solver: `‖v‖²` is a sum over entries of the Gram matrix, of which those between
  /// positives, the same in most runs, are added up once.
  private func meanDifferences(_ runs: [ProbeRows]) -> [FittedRun] {
    var known: (rows: [Int], sums: [Double], square: Double) = ([], [], 0)
    return gram.elements.withUnsafeBufferPointer { kernel in
      let n = gram.rowCount
      return runs.map { rows in
        if known.rows != rows.positives {
          var sums = [Double](repeating: 0, count: n)
          for row in rows.positives { for column in 0..<n { sums[column] += kernel[row * n + column] } }
          known = (rows.positives, sums, rows.positives.reduce(0) { $0 + sums[$1] })
        }
        let (p, q) = (1 / Double(rows.positives.count), 1 / Double(rows.negatives.count))
        var (between, within) = (0.0, 0.0)
        for (index, row) in rows.negatives.enumerated() {
          between += known.sums[row]
          within += kernel[row * n + row]
          for other in rows.negatives[..<index] { within += 2 * kernel[row * n + other] }
        }
        let square = known.square * p * p - 2 * between * p * q + within * q * q
        return FittedRun(
          rows: rows.all, alpha: rows.positives.map { _ in p } + rows.negatives.map { _ in -q },
          norm: max(square, 0).squareRoot())
      }
    }
  }

  /// Held-out AUC and balanced accuracy, mean over random splits of two thirds and one third of each class.
  func quality(
    _ runs: [ProbeRows], _ probe: any Probe, using numbers: inout RandomNumbers
  ) throws(ConceptError) -> (auc: Double, balancedAccuracy: Double) {
    var (auc, accuracy) = (0.0, 0.0)
    var tuned: (any Probe)?
    for run in runs {
      var (train, test) = (ProbeRows(positives: [], negatives: []), ProbeRows(positives: [], negatives: []))
      (test.positives, train.positives) = split(run.positives, &numbers)
      (test.negatives, train.negatives) = split(run.negatives, &numbers)
      let problem = try problem(train)
      if tuned == nil { tuned = try probe.tuned(on: problem) }
      let scores = try tuned!.fit(problem).scores(gram.selecting(rows: test.all, columns: train.all))
      auc += Classification.areaUnderROC(scores: scores, isPositive: test.isPositive)
      accuracy += Classification.balancedAccuracy(scores: scores, isPositive: test.isPositive)
    }
    let count = Double(max(1, runs.count))
    return runs.isEmpty ? (0.5, 0.5) : (auc / count, accuracy / count)
  }

  private func split(_ rows: [Int], _ numbers: inout RandomNumbers) -> (test: [Int], train: [Int]) {
    let order = numbers.sample(rows.count, below: rows.count).map { rows[$0] }
    let tests = max(1, rows.count / 3)
    return (Array(order[..<tests]), Array(order[tests...]))
  }
}

/// Runs `count` jobs on all cores and keeps their results in order; the first error in order is thrown.
func parallelMap<Result: Sendable>(
  _ count: Int, _ job: @Sendable (Int) throws(ConceptError) -> Result
) throws(ConceptError) -> [Result] {
  try Parallel.map(count, job)
}
