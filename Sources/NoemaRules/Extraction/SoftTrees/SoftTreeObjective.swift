internal import Glibc
internal import NoemaTensor

/// What the training of a soft tree makes small, with its gradient in closed form.
///
/// The loss of an example x with the target T is `Σ_ℓ P^ℓ(x) CE(T, Q^ℓ)` over the leaves ℓ, with the chance P of coming
/// there and the leaf's distribution `Q = softmax(φ)`. The penalty of an inner node at depth d that sends the share
/// `α = Σ_x P(x) p(x) / Σ_x P(x)` to the right is `−λ 2^−d · ½ (log α + log(1 − α))`.
struct SoftTreeObjective {
  let shape: SoftTreeShape
  let inverseTemperature: Double
  /// λ.
  let penalty: Double

  /// Examples that are seen at once.
  struct Batch {
    /// `[rows, columns]`.
    let inputs: Matrix
    /// `[rows, classes]`, each row adding to 1.
    let targets: Matrix
    /// How much each row counts; they add to 1.
    let shares: [Double]
  }

  /// What earlier batches sent to inner nodes: sums that fade by `1 − 2^−d` a batch, so that a node that few examples
  /// reach looks back further.
  struct Memory {
    var right: [Double]
    var reached: [Double]

    init(_ shape: SoftTreeShape) {
      (right, reached) = (
        Array(repeating: 0, count: shape.innerCount), Array(repeating: 0, count: shape.innerCount)
      )
    }
  }

  struct Value {
    var loss: Double
    var penalty: Double
    /// Of the sum of both, in the order of the tree's numbers.
    var gradient: [Double]
  }

  /// How near α may come to its ends.
  static let clamp = 1e-6
  /// What comes to a node below this is rounding, by which nothing is divided.
  static let leastReach = 1e-12

  /// The objective at some numbers.
  ///
  /// The penalty's gradient takes α from the memory and how it moves from the batch; it is exact for an empty memory.
  func value(_ numbers: [Double], _ batch: Batch, memory: inout Memory) -> Value {
    let routing = SoftRouting(
      batch.inputs,
      weights: Matrix(
        rowCount: shape.innerCount, columnCount: shape.columnCount, elements: Array(numbers[shape.weights])),
      biases: Array(numbers[shape.biases]), inverseTemperature: inverseTemperature)
    let logShares = logSoftmax(numbers[shape.scores], columns: shape.classCount)
    var costs = batch.targets.timesTransposed(logShares)
    for index in costs.elements.indices { costs.elements[index] = -costs.elements[index] }
    var leaves = routing.leaves
    var loss = 0.0
    for row in 0..<leaves.rowCount {
      for leaf in 0..<shape.leafCount {
        leaves[row, leaf] *= batch.shares[row]
        loss += leaves[row, leaf] * costs[row, leaf]
      }
    }
    let balance = Balance(routing, batch.shares, self, &memory)
    let slopes = slopes(routing, costs, batch.shares, balance)
    let scores = scoreGradient(leaves.transposedTimes(batch.targets), logShares)
    var biases = [Double](repeating: 0, count: shape.innerCount)
    for row in 0..<slopes.rowCount {
      for node in 0..<shape.innerCount { biases[node] += slopes[row, node] }
    }
    return Value(
      loss: loss, penalty: balance.penalty,
      gradient: slopes.transposedTimes(batch.inputs).elements + biases + scores)
  }

  /// `∂/∂φ = Q Σ_k M_k − M` of each leaf, with M the targets that reach it.
  private func scoreGradient(_ mass: Matrix, _ logShares: Matrix) -> [Double] {
    var result = mass.elements
    for leaf in 0..<shape.leafCount {
      let total = mass.row(leaf).reduce(0, +)
      for label in 0..<shape.classCount {
        let index = leaf * shape.classCount + label
        result[index] = exp(logShares.elements[index]) * total - result[index]
      }
    }
    return result
  }

  /// The derivative by each filter's output `w·x + b`, `[rows, inner nodes]`, from the leaves up.
  private func slopes(
    _ routing: SoftRouting, _ costs: Matrix, _ shares: [Double], _ balance: Balance
  ) -> Matrix {
    let inner = shape.innerCount
    var result = Matrix(rowCount: costs.rowCount, columnCount: inner)
    // The derivative by the chance of coming to each node.
    var cotangents = [Double](repeating: 0, count: shape.nodeCount)
    for row in 0..<costs.rowCount {
      let share = shares[row]
      for leaf in 0..<shape.leafCount { cotangents[inner + leaf] = share * costs[row, leaf] }
      for node in (0..<inner).reversed() {
        let (chance, reach) = (routing.right[row, node], routing.reach[row, node])
        let (left, right) = (cotangents[2 * node + 1], cotangents[2 * node + 2])
        let pull = balance.slopes[node] * share
        cotangents[node] =
          chance * right + (1 - chance) * left + pull * (chance - balance.batchShares[node])
        result[row, node] = reach * (right - left + pull) * inverseTemperature * chance * (1 - chance)
      }
    }
    return result
  }

  /// How inner nodes divide what comes to them.
  private struct Balance {
    var penalty = 0.0
    /// The share of the batch that each node sends to the right.
    var batchShares: [Double]
    /// The derivative of the penalty by that share, over what comes to the node; 0 where nothing does.
    var slopes: [Double]

    init(
      _ routing: SoftRouting, _ shares: [Double], _ objective: SoftTreeObjective, _ memory: inout Memory
    ) {
      let inner = objective.shape.innerCount
      (batchShares, slopes) = (Array(repeating: 0, count: inner), Array(repeating: 0, count: inner))
      for node in 0..<inner {
        var (right, reached) = (0.0, 0.0)
        for row in shares.indices {
          let mass = shares[row] * routing.reach[row, node]
          right += mass * routing.right[row, node]
          reached += mass
        }
        let weight = exp2(-Double(SoftTreeShape.depth(of: node)))
        memory.right[node] = (1 - weight) * memory.right[node] + right
        memory.reached[node] = (1 - weight) * memory.reached[node] + reached
        guard memory.reached[node] > SoftTreeObjective.leastReach else { continue }
        let least = SoftTreeObjective.clamp
        let share = min(1 - least, max(least, memory.right[node] / memory.reached[node]))
        let scale = objective.penalty * weight / 2
        penalty -= scale * (log(share) + log(1 - share))
        guard reached > SoftTreeObjective.leastReach else { continue }
        batchShares[node] = right / reached
        slopes[node] = -scale * (1 / share - 1 / (1 - share)) / reached
      }
    }
  }
}
