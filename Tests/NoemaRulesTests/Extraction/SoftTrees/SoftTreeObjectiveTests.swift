import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct SoftTreeObjectiveTests {
  private let shape = SoftTreeShape(depth: 2, columnCount: 3, classCount: 3)

  private func batch(_ random: inout RandomNumbers, rows: Int = 7) -> SoftTreeObjective.Batch {
    let targets = (0..<rows).flatMap { _ -> [Double] in
      let parts = (0..<3).map { _ in random.uniform() }
      return parts.map { $0 / parts.reduce(0, +) }
    }
    let weights = (0..<rows).map { _ in 0.2 + random.uniform() }
    return SoftTreeObjective.Batch(
      inputs: Matrix(rowCount: rows, columnCount: 3, elements: (0..<(rows * 3)).map { _ in random.normal() }),
      targets: Matrix(rowCount: rows, columnCount: 3, elements: targets),
      shares: weights.map { $0 / weights.reduce(0, +) })
  }

  private func numbers(_ random: inout RandomNumbers) -> [Double] {
    (0..<shape.scores.upperBound).map { _ in random.normal() }
  }

  private func chance(_ numbers: [Double], _ node: Int, _ inputs: ArraySlice<Double>, _ beta: Double)
    -> Double
  {
    let sum = zip(numbers[(node * 3)..<(node * 3 + 3)], inputs).reduce(
      numbers[shape.biases.lowerBound + node]
    ) {
      $0 + $1.0 * $1.1
    }
    return 1 / (1 + exp(-beta * sum))
  }

  /// The objective leaf by leaf, each leaf's way spelt out; memory of one batch.
  private func naive(_ numbers: [Double], _ batch: SoftTreeObjective.Batch, beta: Double, lambda: Double) -> (
    loss: Double, penalty: Double
  ) {
    var loss = 0.0
    var (right, reached) = ([0.0, 0, 0], [0.0, 0, 0])
    for row in 0..<batch.inputs.rowCount {
      let inputs = batch.inputs.row(row)
      let p = (0..<3).map { chance(numbers, $0, inputs, beta) }
      let ways = [(1 - p[0]) * (1 - p[1]), (1 - p[0]) * p[1], p[0] * (1 - p[2]), p[0] * p[2]]
      for (leaf, way) in ways.enumerated() {
        let scores = (0..<3).map { numbers[shape.scores.lowerBound + leaf * 3 + $0] }
        let sum = scores.reduce(0) { $0 + exp($1) }
        let entropy = (0..<3).reduce(0) { $0 - batch.targets[row, $1] * log(exp(scores[$1]) / sum) }
        loss += batch.shares[row] * way * entropy
      }
      for (node, reach) in [1, 1 - p[0], p[0]].enumerated() {
        right[node] += batch.shares[row] * reach * p[node]
        reached[node] += batch.shares[row] * reach
      }
    }
    let penalty = (0..<3).reduce(0) { sum, node in
      let alpha = right[node] / reached[node]
      return sum - lambda * (node == 0 ? 1 : 0.5) * 0.5 * (log(alpha) + log(1 - alpha))
    }
    return (loss, penalty)
  }

  @Test(arguments: [0, 0.3], [1, 1.7])
  func valuesAreThoseOfTheFormulas(_ lambda: Double, _ beta: Double) {
    var random = RandomNumbers(seed: 4)
    let objective = SoftTreeObjective(shape: shape, inverseTemperature: beta, penalty: lambda)
    for _ in 0..<10 {
      let (batch, numbers) = (batch(&random), numbers(&random))
      var memory = SoftTreeObjective.Memory(shape)
      let value = objective.value(numbers, batch, memory: &memory)
      let expected = naive(numbers, batch, beta: beta, lambda: lambda)
      #expect(abs(value.loss - expected.loss) < 1e-12)
      #expect(abs(value.penalty - expected.penalty) < 1e-12)
    }
  }

  @Test(arguments: [0, 0.3], [1, 1.7])
  func gradientsAreThoseOfCentralDifferences(_ lambda: Double, _ beta: Double) {
    var random = RandomNumbers(seed: 5)
    let objective = SoftTreeObjective(shape: shape, inverseTemperature: beta, penalty: lambda)
    for _ in 0..<5 {
      let (batch, numbers) = (batch(&random), numbers(&random))
      func sum(_ numbers: [Double]) -> Double {
        var memory = SoftTreeObjective.Memory(shape)
        let value = objective.value(numbers, batch, memory: &memory)
        return value.loss + value.penalty
      }
      var memory = SoftTreeObjective.Memory(shape)
      let gradient = objective.value(numbers, batch, memory: &memory).gradient
      #expect(gradient.count == numbers.count)
      for index in numbers.indices {
        var (up, down) = (numbers, numbers)
        // Errors of order step² and 1e-16/step balance.
        up[index] += 1e-5
        down[index] -= 1e-5
        #expect(abs(gradient[index] - (sum(up) - sum(down)) / 2e-5) < 1e-8, "number \(index)")
      }
    }
  }

  @Test func deeperNodesLookBackFurther() {
    var random = RandomNumbers(seed: 6)
    let objective = SoftTreeObjective(shape: shape, inverseTemperature: 1, penalty: 1)
    let numbers = numbers(&random)
    let batches = (0..<3).map { _ in batch(&random) }
    var memory = SoftTreeObjective.Memory(shape)
    for batch in batches { _ = objective.value(numbers, batch, memory: &memory) }
    let alone = batches.map { batch in
      var memory = SoftTreeObjective.Memory(shape)
      _ = objective.value(numbers, batch, memory: &memory)
      return memory
    }
    // The root forgets at once, its children by half.
    #expect(memory.right[0] == alone[2].right[0] && memory.reached[0] == alone[2].reached[0])
    for node in 1..<3 {
      let right = alone[2].right[node] + 0.5 * alone[1].right[node] + 0.25 * alone[0].right[node]
      #expect(abs(memory.right[node] - right) < 1e-15)
    }
  }

  @Test func aNodeThatSendsAllOneWayStaysFinite() {
    var random = RandomNumbers(seed: 7)
    let batch = batch(&random)
    var numbers = numbers(&random)
    for node in 0..<3 { numbers[shape.biases.lowerBound + node] = node == 1 ? -5000 : 5000 }
    var memory = SoftTreeObjective.Memory(shape)
    let value = SoftTreeObjective(shape: shape, inverseTemperature: 1, penalty: 1)
      .value(numbers, batch, memory: &memory)
    #expect(value.loss.isFinite && value.gradient.allSatisfy { $0.isFinite })
    // The share is cut at a millionth from 1 at the root and right below it; the left child is never reached.
    let node = -0.5 * (log(1e-6) + log(1 - 1e-6))
    #expect(abs(value.penalty - 1.5 * node) < 1e-6)
  }

  @Test func shapesAreThoseOfACompleteTree() {
    #expect(shape.innerCount == 3 && shape.leafCount == 4 && shape.nodeCount == 7)
    #expect(shape.weights == 0..<9 && shape.biases == 9..<12 && shape.scores == 12..<24)
    #expect((0..<7).map { SoftTreeShape.depth(of: $0) } == [0, 1, 1, 2, 2, 2, 2])
  }

  @Test func sharesOfLargeScoresDoNotOverflow() {
    let shares = logSoftmax([1000, 999, 0, -1000, -1000, -1000], columns: 3)
    #expect(abs(shares[0, 0] + log(1 + exp(-1))) < 1e-12)
    #expect(abs(shares[0, 2] + 1000 + log(1 + exp(-1))) < 1e-9)
    #expect((0..<3).allSatisfy { abs(shares[1, $0] + log(3)) < 1e-12 })
  }

  @Test func stepsAreThoseOfAdam() {
    var random = RandomNumbers(seed: 8)
    var adam = Adam(count: 2)
    var numbers = [1.0, -2]
    var expected = numbers
    var (m, v) = ([0.0, 0], [0.0, 0])
    for step in 1...20 {
      let gradient = [random.normal(), 100 * random.normal()]
      adam.step(&numbers, against: gradient, rate: 0.1)
      for index in 0..<2 {
        m[index] = 0.9 * m[index] + 0.1 * gradient[index]
        v[index] = 0.999 * v[index] + 0.001 * gradient[index] * gradient[index]
        let (mean, square) = (
          m[index] / (1 - pow(0.9, Double(step))), v[index] / (1 - pow(0.999, Double(step)))
        )
        expected[index] -= 0.1 * mean / (square.squareRoot() + 1e-8)
      }
      for (a, b) in zip(numbers, expected) { #expect(abs(a - b) < 1e-12) }
    }
  }
}
