import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct SobolSequenceTests {
  /// The numbers of primitive polynomials of degree s are φ(2ˢ − 1) / s.
  @Test func polynomialsArePrimitive() {
    let counts = [1, 1, 2, 2, 6, 6, 18, 16, 48]
    let found = PrimitivePolynomials.first(counts.reduce(0, +))
    let degrees = found.map { 31 - $0.leadingZeroBitCount }
    for (place, count) in counts.enumerated() { #expect(degrees.count { $0 == place + 1 } == count) }
    #expect(Array(found.prefix(6)) == [0b11, 0b111, 0b1011, 0b1101, 0b10011, 0b11001])
    #expect(Set(found).count == found.count)
  }

  @Test(arguments: [nil, 0, 12345] as [UInt64?])
  func everyIntervalHoldsOnePoint(_ seed: UInt64?) throws {
    let sequence = try SobolSequence(dimension: 80, seed: seed)
    for size in [2, 8, 32, 256] {
      let points = sequence.points(size)
      for coordinate in 0..<80 {
        let intervals = (0..<size).map { Int(points[$0, coordinate] * Double(size)) }
        #expect(Set(intervals) == Set(0..<size))
      }
    }
  }

  /// The first two coordinates are a (0, 2)-sequence: every rectangle of area 1/N holds one of N points.
  @Test(arguments: [nil, 7] as [UInt64?])
  func rectanglesOfTheFirstPlaneHoldOnePoint(_ seed: UInt64?) throws {
    let points = try SobolSequence(dimension: 2, seed: seed).points(64)
    for across in 0...6 {
      let (columns, rows) = (1 << across, 64 >> across)
      let cells = (0..<64).map {
        Int(points[$0, 0] * Double(columns)) * rows + Int(points[$0, 1] * Double(rows))
      }
      #expect(Set(cells) == Set(0..<64))
    }
  }

  /// The first points of the plain sequence, which all implementations share.
  @Test func theFirstPointsAreSobols() throws {
    let points = try SobolSequence(dimension: 2, seed: nil).points(8)
    #expect((0..<8).map { points[$0, 0] } == [0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875])
    #expect((0..<8).map { points[$0, 1] } == [0, 0.5, 0.75, 0.25, 0.625, 0.125, 0.375, 0.875])
  }

  /// What is wrong with few points of many dimensions: columns that go up and down together. With Joe and Kuo's
  /// direction numbers, scrambled, 59 to 66 of the 1225 pairs of columns do, and the worst reaches 0.94 or more.
  @Test func columnsAreNotAlike() throws {
    let points = try SobolSequence(dimension: 50, seed: 1).points(32)
    var (worst, above) = (0.0, 0)
    for a in 0..<50 {
      for b in 0..<a {
        let products = (0..<32).reduce(0.0) { $0 + (points[$1, a] - 0.5) * (points[$1, b] - 0.5) }
        let correlation = products / 32 * 12
        worst = max(worst, abs(correlation))
        if abs(correlation) > 0.5 { above += 1 }
      }
    }
    #expect(worst < 0.93 && above <= 66, "\(above) pairs, \(worst)")
    #expect((0..<50).allSatisfy { column in (0..<32).contains { points[$0, column] > 0.95 } })
  }

  /// A smooth function's mean is found far better than by chance: its error by random points is about 0.01.
  @Test func meansAreFoundFast() throws {
    var square = 0.0
    for seed in 0..<10 as Range<UInt64> {
      let points = try SobolSequence(dimension: 6, seed: seed).points(1024)
      let mean =
        (0..<1024).reduce(0.0) { sum, row in
          sum + (0..<6).reduce(1.0) { $0 * (1 + 0.5 * (points[row, $1] - 0.5)) }
        } / 1024
      square += (mean - 1) * (mean - 1) / 10
    }
    #expect(square.squareRoot() < 1e-3)
  }

  @Test func scramblingIsUniformAndSeeded() throws {
    // The first point of many seeds, which is the origin without scrambling.
    let firsts = try (0..<400 as Range<UInt64>).map {
      try SobolSequence(dimension: 3, seed: $0).points(1)[0, 2]
    }
    let sorted = firsts.sorted()
    let gap = sorted.enumerated().reduce(0.0) { max($0, abs($1.element - Double($1.offset) / 400)) }
    #expect(Distributions.kolmogorovTail(gap, count: 400) > 0.001)
    #expect(
      try SobolSequence(dimension: 3, seed: 4).points(9) == SobolSequence(dimension: 3, seed: 4).points(9))
    // A coordinate does not depend on how many there are.
    let (few, many) = (
      try SobolSequence(dimension: 3, seed: 4).points(9), try SobolSequence(dimension: 9, seed: 4).points(9)
    )
    #expect((0..<9).allSatisfy { few[$0, 2] == many[$0, 2] })
    #expect(kind { _ = try SobolSequence(dimension: 0) }?.name == "parameters")
    #expect(kind { _ = try SobolSequence(dimension: 257) }?.name == "parameters")
  }
}

@Suite struct TotalIndicesTests {
  private func method(_ size: Int) -> TotalIndices {
    var method = TotalIndices()
    method.designSize = size
    return method
  }

  @Test func oneConceptAlone() throws {
    let found = try method(64)(concepts: 4) { _, masks in (0..<masks.rowCount).map { 3 * masks[$0, 2] + 1 } }
    #expect(found.total[0] == 0 && found.total[1] == 0 && found.total[3] == 0)
    #expect(abs(found.total[2] - 1) < 0.15 && found.constantExamples.isEmpty)
  }

  /// Σ aᵢ xᵢ: both indices are aᵢ² / Σ a², and sum to 1.
  @Test func sumsDivideTheVariance() throws {
    let weights = [3.0, 2, 1, 0.5]
    let all = weights.reduce(0) { $0 + $1 * $1 }
    let found = try method(4096)(concepts: 4) { _, masks in
      (0..<masks.rowCount).map { row in (0..<4).reduce(0) { $0 + weights[$1] * masks[row, $1] } }
    }
    for k in 0..<4 {
      #expect(abs(found.total[k] - weights[k] * weights[k] / all) < 0.01)
      #expect(abs(found.firstOrder[k] - weights[k] * weights[k] / all) < 0.01)
    }
    #expect(abs(found.total.reduce(0, +) - 1) < 0.02)
  }

  /// x y: V = 1/9 − 1/16, first-order 1/48 each, so totals are 1 − 3/7.
  @Test func interactionsCountInTotalsOnly() throws {
    let found = try method(4096)(concepts: 3) { _, masks in
      (0..<masks.rowCount).map { masks[$0, 0] * masks[$0, 1] }
    }
    for k in 0..<2 {
      #expect(abs(found.total[k] - 4.0 / 7) < 0.01 && abs(found.firstOrder[k] - 3.0 / 7) < 0.01)
    }
    #expect(found.total[2] == 0 && found.total.reduce(0, +) > 1.1)
  }

  /// Ishigami's function, whose indices are known.
  @Test func ishigamisFunction() throws {
    let found = try method(1 << 13)(concepts: 3) { _, masks in
      (0..<masks.rowCount).map { row in
        let x = (0..<3).map { (2 * masks[row, $0] - 1) * Double.pi }
        return sin(x[0]) + 7 * pow(sin(x[1]), 2) + 0.1 * pow(x[2], 4) * sin(x[0])
      }
    }
    #expect(PlantedLayer.distance(found.total, [0.5576, 0.4424, 0.2437]) < 0.01)
    #expect(PlantedLayer.distance(found.firstOrder, [0.3139, 0.4424, 0]) < 0.02)
  }

  @Test func examplesAreAveragedAndConstantOnesNamed() throws {
    let found = try method(256)(concepts: 2, examples: 3) { example, masks in
      (0..<masks.rowCount).map { example == 1 ? 5 : masks[$0, example / 2] }
    }
    #expect(found.constantExamples == [1] && found.examples[1] == [0, 0])
    #expect(abs(found.total[0] - 0.5) < 0.05 && abs(found.total[1] - 0.5) < 0.05)
    #expect(found.standardErrors.allSatisfy { abs($0 - 0.5) < 0.1 })
    let constant = try method(8)(concepts: 2) { _, masks in [Double](repeating: 1, count: masks.rowCount) }
    #expect(constant.total == [0, 0] && constant.standardErrors.allSatisfy(\.isNaN))
  }

  @Test func costIsWhatIsPromised() throws {
    var rows = 0
    _ = try TotalIndices()(concepts: 20) { _, masks in
      rows += masks.rowCount
      #expect(masks.elements.allSatisfy { $0 >= 0 && $0 < 1 })
      return (0..<masks.rowCount).map { masks[$0, 0] }
    }
    #expect(rows == 704)
  }

  @Test func wrongInputIsNamed() {
    func name(_ size: Int, _ concepts: Int, _ output: @escaping TotalIndices.Output) -> String? {
      kind { _ = try method(size)(concepts: concepts, output: output) }?.name
    }
    #expect(name(24, 2) { _, masks in masks.elements } == "parameters")
    #expect(name(8, 129) { _, masks in masks.elements } == "parameters")
    #expect(name(8, 2) { _, _ in [1] } == "mismatch")
    #expect(name(8, 1) { _, masks in masks.elements.map { _ in .nan } } == "notFinite")
  }
}
