internal import NoemaTensor

/// Examples and settings from which soft trees are trained.
struct SoftTreeTraining {
  /// What a run came to.
  struct Outcome {
    var numbers: [Double]
    var losses: [Double] = []
  }

  private let settings: SoftTreeDistillation
  private let examples: TrainingTable
  private let columns: [SoftTree.Column]
  private let inputs: Matrix
  private let targets: Matrix
  private let objective: SoftTreeObjective

  init(_ settings: SoftTreeDistillation, _ examples: TrainingTable) throws(RuleError) {
    let (rows, count) = (examples.table.rowCount, examples.classes.count)
    var targets = Matrix(rowCount: rows, columnCount: count)
    switch examples.target {
    case .labels(let labels): for (row, label) in labels.enumerated() { targets[row, label] = 1 }
    case .probabilities(let probabilities): targets.elements = probabilities
    case .values:
      throw RuleError(.unsupported("a soft tree concludes classes, not numbers; grow a tree by CART instead"))
    }
    (self.settings, self.examples, self.targets) = (settings, examples, targets)
    columns = SoftTree.columns(of: examples.table)
    inputs = SoftTree.inputs(columns, of: examples.table, rows: 0..<rows)
    objective = SoftTreeObjective(
      shape: SoftTreeShape(depth: settings.depth, columnCount: columns.count, classCount: count),
      inverseTemperature: settings.inverseTemperature, penalty: settings.penalty)
  }

  /// Trains from random numbers.
  ///
  /// - Throws: `RuleError.notFinite` when the loss leaves the finite numbers.
  func run(_ random: RandomNumbers) throws(RuleError) -> Outcome {
    let outcome = train(random)
    guard let loss = outcome.losses.last, loss.isFinite, outcome.numbers.allSatisfy(\.isFinite) else {
      throw RuleError(
        .notFinite(
          "the loss of the soft tree is not finite in epoch \(outcome.losses.count); lower the learning rate")
      )
    }
    return outcome
  }

  private func train(_ random: RandomNumbers) -> Outcome {
    var random = random
    let rows = examples.table.rowCount
    let batchCount = (rows + settings.batchSize - 1) / settings.batchSize
    var outcome = Outcome(numbers: firstNumbers(&random))
    var adam = Adam(count: outcome.numbers.count)
    var memory = SoftTreeObjective.Memory(objective.shape)
    let epochs = settings.epochCount(rows: rows)
    var stepsLeft = epochs * batchCount
    let stepCount = Double(stepsLeft)
    for _ in 0..<epochs {
      let order = random.sample(rows, below: rows)
      var (sum, weight) = (0.0, 0.0)
      for start in stride(from: 0, to: rows, by: settings.batchSize) {
        let chosen = Array(order[start..<min(rows, start + settings.batchSize)])
        let rate = settings.learningRate * Double(stepsLeft) / stepCount
        stepsLeft -= 1
        guard let (batch, batchWeight) = makeBatch(chosen) else { continue }
        let value = objective.value(outcome.numbers, batch, memory: &memory)
        adam.step(&outcome.numbers, against: value.gradient, rate: rate)
        sum += batchWeight * value.loss
        weight += batchWeight
      }
      outcome.losses.append(sum / weight)
      if !sum.isFinite { break }
    }
    return outcome
  }

  /// Filters of about unit output and leaves that differ a little, because equal leaves tell filters nothing.
  private func firstNumbers(_ random: inout RandomNumbers) -> [Double] {
    let shape = objective.shape
    let scale = 1 / Double(max(1, shape.columnCount)).squareRoot()
    var numbers = [Double](repeating: 0, count: shape.scores.upperBound)
    for index in shape.weights { numbers[index] = scale * random.normal() }
    for index in shape.scores { numbers[index] = 0.1 * random.normal() }
    return numbers
  }

  /// Some rows, and their weight; nil when that is 0.
  private func makeBatch(_ rows: [Int]) -> (batch: SoftTreeObjective.Batch, weight: Double)? {
    let weights = rows.map { examples.weights?[$0] ?? 1 }
    let total = weights.reduce(0, +)
    guard total > 0 else { return nil }
    let batch = SoftTreeObjective.Batch(
      inputs: inputs.selecting(rows: rows, columns: Array(0..<inputs.columnCount)),
      targets: targets.selecting(rows: rows, columns: Array(0..<targets.columnCount)),
      shares: weights.map { $0 / total })
    return (batch, total)
  }

  /// The tree of some numbers.
  func tree(_ numbers: [Double]) -> SoftTree {
    let shape = objective.shape
    return SoftTree(
      unchecked: examples.table.features, examples.classes, shape.depth, settings.inverseTemperature, columns,
      Array(numbers[shape.weights]), Array(numbers[shape.biases]), Array(numbers[shape.scores]))
  }

  /// The share of examples that each node sends right.
  func balance(of tree: SoftTree) -> [Double] {
    let routing = tree.routing(of: examples.table, rows: 0..<examples.table.rowCount)
    return (0..<tree.innerCount).map { node in
      var (right, reached) = (0.0, 0.0)
      for row in 0..<examples.table.rowCount {
        let mass = (examples.weights?[row] ?? 1) * routing.reach[row, node]
        right += mass * routing.right[row, node]
        reached += mass
      }
      return reached > 0 ? right / reached : 0.5
    }
  }
}
