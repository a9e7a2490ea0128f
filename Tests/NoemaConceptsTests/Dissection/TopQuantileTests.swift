import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct TopQuantileTests {
  /// Batches of `[examples, units, height, width]`, rectified for every other unit.
  private func batches(_ counts: [Int], units: Int, _ height: Int, _ width: Int, seed: UInt64) -> [Tensor] {
    var random = RandomNumbers(seed: seed)
    return counts.map { count in
      Tensor(
        shape: [count, units, height, width],
        (0..<count * units * height * width).map { index -> Float in
          let value = Float(random.normal())
          return index / (height * width) % units % 2 == 0 ? value : max(0, value - 1.5)
        })
    }
  }

  private func values(_ batches: [Tensor], unit: Int) -> [Double] {
    batches.flatMap { batch in
      let positions = batch.shape[2] * batch.shape[3]
      let elements = batch.elements(as: Float.self)
      return (0..<batch.shape[0]).flatMap { example in
        (0..<positions).map { Double(elements[(example * batch.shape[1] + unit) * positions + $0]) }
      }
    }
  }

  @Test(arguments: [0.005, 0.03, 0.2, 0.9])
  func thresholdsAreQuantiles(_ share: Double) throws {
    let data = batches([3, 1, 5], units: 4, 6, 7, seed: 2)
    var quantile = try TopQuantile(share: share, units: 4, positions: 9 * 42)
    for batch in data { try quantile.add(batch) }
    for unit in 0..<4 {
      let all = values(data, unit: unit)
      #expect(abs(quantile.thresholds[unit] - Statistics.quantile(all, 1 - share)) < 1e-12)
      let range = quantile.ranges[unit]
      #expect(range.least == all.min() && range.greatest == all.max())
    }
    #expect(quantile.positionCount == 378 && quantile.sampledCount == 378)
  }

  /// Fewer positions than announced.
  @Test func anUpperBoundWillDo() throws {
    let data = batches([4], units: 2, 5, 5, seed: 3)
    var quantile = try TopQuantile(share: 0.1, units: 2, positions: 5000)
    try quantile.add(data[0])
    #expect(abs(quantile.thresholds[0] - Statistics.quantile(values(data, unit: 0), 0.9)) < 1e-12)
  }

  @Test func littleMemoryGivesASample() throws {
    let data = batches([Int](repeating: 20, count: 20), units: 2, 10, 10, seed: 4)
    var quantile = try TopQuantile(share: 0.05, units: 2, positions: 40_000, memory: 2 * 8 * 500, seed: 1)
    for batch in data { try quantile.add(batch) }
    #expect(quantile.positionCount == 40_000 && (9000...11_000).contains(quantile.sampledCount))
    // Ranks of 10 000 values have a standard deviation of 0.0022 there.
    let above = Double(values(data, unit: 0).count { $0 > quantile.thresholds[0] }) / 40_000
    #expect(abs(above - 0.05) < 0.01)
  }

  @Test func wrongInputIsNamed() throws {
    #expect(kind { _ = try TopQuantile(share: 1, units: 1, positions: 1) }?.name == "parameters")
    #expect(kind { _ = try TopQuantile(share: 0.1, units: 0, positions: 1) }?.name == "parameters")
    let empty = try TopQuantile(share: 0.1, units: 2, positions: 4)
    #expect(empty.thresholds.allSatisfy { $0.isNaN })
    func add(_ activations: Tensor) throws {
      var quantile = empty
      try quantile.add(activations, first: 7)
    }
    #expect(
      throws: ConceptError(.notFinite("the activation of unit 1 is NaN or infinite"), at: "example 8")
    ) { try add(Tensor(shape: [2, 2, 1, 1], [Float(1), 2, 3, .nan])) }
    #expect(kind { try add(Tensor(shape: [1, 3], [Float(1), 2, 3])) }?.name == "mismatch")
    #expect(kind { try add(Tensor(shape: [5, 2], repeating: Float(1))) }?.name == "mismatch")
  }
}

@Suite struct TopExamplesTests {
  @Test(arguments: TopExamples.Reduction.allCases)
  func theBestAreTheBest(_ reduction: TopExamples.Reduction) throws {
    var random = RandomNumbers(seed: 6)
    let (n, units, height, width) = (30, 3, 4, 5)
    // Whole numbers, so that there are ties; the last unit is dead.
    let values = (0..<n * units * height * width).map { index -> Float in
      index / (height * width) % units == 2 ? 0 : Float(random.index(below: 40)) - 8
    }
    let labels = (0..<n).map { $0 % 3 }
    var top = try TopExamples(units: units, count: 4, reduction: reduction)
    for range in [0..<7, 7..<8, 8..<30] {
      let part = Array(values[(range.lowerBound * units * 20)..<(range.upperBound * units * 20)])
      try top.add(
        Tensor(shape: [range.count, units, height, width], part), first: range.lowerBound,
        labels: Array(labels[range]))
    }
    for summary in top.summaries {
      let maps = (0..<n).map { example in
        (0..<20).map { Double(values[(example * units + summary.unit) * 20 + $0]) }
      }
      let numbers = maps.map { reduction == .max ? $0.max()! : $0.reduce(0, +) / 20 }
      let all = maps.flatMap { $0 }
      if summary.unit == 2 {
        #expect(summary.isDead && summary.top.isEmpty && summary.sparsity.isNaN && summary.firingRate == 0)
        #expect(summary.selectivity == 0)
        continue
      }
      let order = (0..<n).sorted { (numbers[$1], $0) < (numbers[$0], $1) }.filter { numbers[$0] != 0 }
      #expect(summary.top.map(\.example) == Array(order.prefix(4)))
      let rising = (0..<n).sorted { (numbers[$0], $0) < (numbers[$1], $1) }
      #expect(summary.bottom.map(\.example) == Array(rising.prefix(4)))
      for found in summary.top {
        #expect(found.value == numbers[found.example])
        let map = maps[found.example]
        #expect(found.row * width + found.column == map.firstIndex(of: map.max()!))
      }
      #expect(abs(summary.mean - Statistics.mean(all)) < 1e-9)
      let variance = Statistics.variance(all) * Double(all.count - 1) / Double(all.count)
      #expect(abs(summary.standardDeviation - variance.squareRoot()) < 1e-9)
      #expect(summary.maximum == all.max() && !summary.isDead)
      #expect(summary.firingRate == Double(all.count { $0 > 0 }) / Double(all.count))
      let squares = all.reduce(0) { $0 + $1 * $1 } / Double(all.count)
      #expect(abs(summary.sparsity - summary.mean * summary.mean / squares) < 1e-9)
      let means = (0..<3).map { label in
        Statistics.mean((0..<n).filter { labels[$0] == label }.map { numbers[$0] })
      }
      let best = means.firstIndex(of: means.max()!)!
      let rest = Statistics.mean((0..<n).filter { labels[$0] != best }.map { numbers[$0] })
      #expect(summary.selectedClass == best)
      #expect(abs(summary.selectivity! - (means[best] - rest) / (abs(means[best]) + abs(rest))) < 1e-9)
    }
  }

  @Test func wrongInputIsNamed() throws {
    #expect(kind { _ = try TopExamples(units: 0) }?.name == "parameters")
    let empty = try TopExamples(units: 1)
    func add(_ activations: Tensor, labels: [Int] = []) throws -> TopExamples {
      var top = empty
      try top.add(activations, first: 0, labels: labels)
      return top
    }
    #expect(kind { _ = try add(Tensor(shape: [2, 1], [Float(1), 2]), labels: [1]) }?.name == "mismatch")
    #expect(kind { _ = try add(Tensor(shape: [1, 1], [Float.infinity])) }?.name == "notFinite")
    let two = try add(Tensor(shape: [2, 1], [Float(1), 2])).summaries[0]
    #expect(two.top.map(\.example) == [1, 0] && two.selectivity == nil)
  }
}
