import Foundation
import Testing

@testable import NoemaTensor

@Suite struct BlockProductsTests {
  private func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = RandomNumbers(seed: seed)
    return (0..<count).map { _ in Float(random.normal()) }
  }

  /// `a · bᵀ` by its definition, in float64.
  private func naive(_ a: [Float], _ aCount: Int, _ b: [Float], _ bCount: Int, _ width: Int) -> [Double] {
    (0..<aCount).flatMap { i in
      (0..<bCount).map { j in
        (0..<width).reduce(0.0) { $0 + Double(a[i * width + $1]) * Double(b[j * width + $1]) }
      }
    }
  }

  @Test(arguments: [1, 7, 64, Int.max], [0, 1, 65, 300])
  func productsErrLessThanTheirBound(_ chunk: Int, _ width: Int) {
    let (a, b) = (numbers(5 * width, seed: 1), numbers(3 * width, seed: 2))
    // One element more than the block, which stays.
    var result = [Float](repeating: 9, count: 16)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        result.withUnsafeMutableBufferPointer {
          SinglePrecision.product(a, 5, b, 3, width: width, chunk: chunk, into: $0)
        }
      }
    }
    let share = SinglePrecision.roundingShare(width: width, chunk: chunk)
    let expected = naive(a, 5, b, 3, width)
    for i in 0..<5 {
      for j in 0..<3 {
        func norm(_ rows: [Float], _ row: Int) -> Double {
          rows[(row * width)..<((row + 1) * width)].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        #expect(abs(Double(result[3 * i + j]) - expected[3 * i + j]) <= share * norm(a, i) * norm(b, j))
      }
    }
    #expect(result[15] == 9)
  }

  @Test func roundingGrowsWithColumnsAtOnceAndWithTheirChunks() {
    #expect(SinglePrecision.roundingShare(width: 512, chunk: 512) == 513 * 0x1p-24)
    #expect(SinglePrecision.roundingShare(width: 1025, chunk: 512) == 515 * 0x1p-24)
    #expect(SinglePrecision.roundingShare(width: 3) == 4 * 0x1p-24)
  }

  @Test func gramsFillTheUpperTriangleOnly() {
    let rows = numbers(4 * 6, seed: 3)
    let expected = naive(rows, 4, rows, 4, 6)
    for width in [6, 0] {
      var result = [Float](repeating: -7, count: 16)
      rows.withUnsafeBufferPointer { rows in
        result.withUnsafeMutableBufferPointer {
          SinglePrecision.gram(rows, count: 4, width: width, into: $0)
        }
      }
      for i in 0..<4 {
        for j in 0..<4 {
          let value = Double(result[4 * i + j])
          #expect(j < i ? value == -7 : abs(value - (width == 0 ? 0 : expected[4 * i + j])) < 1e-5)
        }
      }
    }
  }

  @Test func otherProductsEqualTheirDefinition() {
    let (a, b) = (numbers(20, seed: 4), numbers(15, seed: 5))
    var transposed = [Float](repeating: 1, count: 12)
    var double = [Double](repeating: 1, count: 12)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        transposed.withUnsafeMutableBufferPointer {
          SinglePrecision.transposedProduct(a, left: 4, b, right: 3, count: 5, into: $0)
        }
      }
    }
    let (wideA, wideB) = (a.map { Double($0) }, b.map { Double($0) })
    wideA.withUnsafeBufferPointer { a in
      wideB.withUnsafeBufferPointer { b in
        double.withUnsafeMutableBufferPointer { DoublePrecision.product(a, 4, b, 3, width: 5, into: $0) }
      }
    }
    let rows = naive(a, 4, b, 3, 5)
    for i in 0..<4 {
      for j in 0..<3 {
        let along = (0..<5).reduce(0.0) { $0 + Double(a[4 * $1 + i]) * Double(b[3 * $1 + j]) }
        #expect(abs(Double(transposed[3 * i + j]) - along) < 1e-5)
        #expect(abs(double[3 * i + j] - rows[3 * i + j]) < 1e-13)
      }
    }
  }

  /// Products that are cut into tiles, along rows or along columns.
  @Test(arguments: [(300, 40), (40, 300), (290, 290)]) func largeProductsEqualTheirDefinition(
    _ aCount: Int, _ bCount: Int
  ) {
    let width = 2000
    #expect(ProductTiles(rows: aCount, columns: bCount, inner: width).tiles.count == 3)
    let (a, b) = (numbers(aCount * width, seed: 6), numbers(bCount * width, seed: 7))
    let expected = naive(a, aCount, b, bCount, width)
    let left = Matrix(rowCount: aCount, columnCount: width, elements: a.map(Double.init))
    let right = Matrix(rowCount: bCount, columnCount: width, elements: b.map(Double.init))
    func error(_ product: Matrix) -> Double {
      zip(product.elements, expected).map { abs($0 - $1) }.max() ?? .infinity
    }
    #expect(error(left.timesTransposed(right)) < 1e-10)
    #expect(error(left.times(right.transposed)) < 1e-10)
    #expect(error(left.transposed.transposedTimes(right.transposed)) < 1e-10)

    var single = [Float](repeating: 9, count: aCount * bCount)
    var transposed = single
    var double = [Double](repeating: 9, count: aCount * bCount)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        single.withUnsafeMutableBufferPointer {
          SinglePrecision.product(a, aCount, b, bCount, width: width, chunk: 512, into: $0)
        }
      }
    }
    left.elements.withUnsafeBufferPointer { a in
      right.elements.withUnsafeBufferPointer { b in
        double.withUnsafeMutableBufferPointer {
          DoublePrecision.product(a, aCount, b, bCount, width: width, into: $0)
        }
      }
    }
    left.transposed.elements.map { Float($0) }.withUnsafeBufferPointer { a in
      right.transposed.elements.map { Float($0) }.withUnsafeBufferPointer { b in
        transposed.withUnsafeMutableBufferPointer {
          SinglePrecision.transposedProduct(a, left: aCount, b, right: bCount, count: width, into: $0)
        }
      }
    }
    #expect(zip(double, expected).allSatisfy { abs($0 - $1) < 1e-10 })
    #expect(zip(single, expected).allSatisfy { abs(Double($0) - $1) < 1e-2 })
    #expect(zip(transposed, expected).allSatisfy { abs(Double($0) - $1) < 1e-2 })
  }

  @Test func largeGramsEqualTheirDefinitionAndRepeat() {
    let (count, width) = (300, 600)
    let rows = numbers(count * width, seed: 8)
    let expected = naive(rows, count, rows, count, width)
    // Side by side, and many at once: the last bits are the same.
    let grams = Parallel.map(8) { _ in
      var result = [Float](repeating: -7, count: count * count)
      rows.withUnsafeBufferPointer { rows in
        result.withUnsafeMutableBufferPointer {
          SinglePrecision.gram(rows, count: count, width: width, into: $0)
        }
      }
      return result
    }
    #expect(grams.allSatisfy { $0 == grams[0] })
    for i in 0..<count {
      for j in 0..<count {
        let value = Double(grams[0][count * i + j])
        #expect(j < i ? value == -7 : abs(value - expected[count * i + j]) < 1e-2)
      }
    }
  }
}

@Suite struct PartialFactorisationTests {
  private func gram(_ count: Int, seed: UInt64) -> Matrix {
    var random = RandomNumbers(seed: seed)
    let rows = Matrix(
      rowCount: count, columnCount: count + 3,
      elements: (0..<count * (count + 3)).map { _ in random.normal() })
    return rows.timesTransposed(rows)
  }

  @Test func theSmallestEigenvaluesAreThoseOfTheWhole() throws {
    let matrix = gram(30, seed: 1)
    let whole = try SymmetricEigen(matrix).values.sorted()
    for count in [0, 1, 4, 30] {
      let (values, vectors) = try SymmetricEigen.smallest(count, of: matrix)
      #expect(values.count == count && vectors.rowCount == count && vectors.columnCount == 30)
      for (k, value) in values.enumerated() {
        #expect(abs(value - whole[k]) < 1e-11 * whole[29])
        let vector = Array(vectors.row(k))
        #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
        for (moved, own) in zip(matrix.times(vector), vector) { #expect(abs(moved - value * own) < 1e-9) }
      }
    }
  }

  @Test func badRequestsOfEigenvaluesAreNamed() throws {
    #expect(throws: TensorError(.shape(found: [2, 3], expected: [2, 2]))) {
      try SymmetricEigen.smallest(1, of: Matrix(rowCount: 2, columnCount: 3))
    }
    for count in [-1, 3] {
      #expect(throws: TensorError.self) {
        try SymmetricEigen.smallest(count, of: Matrix(rowCount: 2, columnCount: 2))
      }
    }
    #expect(throws: TensorError(.notFinite(row: 0, column: 1))) {
      try SymmetricEigen.smallest(1, of: Matrix(rowCount: 2, columnCount: 2, elements: [1, .nan, .nan, 1]))
    }
  }

  @Test func factorsKnowDeterminantAndDistances() throws {
    let matrix = gram(5, seed: 2)
    let factor = try Cholesky(matrix, jitterLimit: 0)
    let logarithm = try SymmetricEigen(matrix).values.reduce(0) { $0 + log($1) }
    #expect(abs(factor.logDeterminant - logarithm) < 1e-10)
    let rows = gram(5, seed: 3)
    let white = factor.whitening(rows)
    for i in 0..<5 {
      let row = Array(rows.row(i))
      let expected = zip(row, factor.solve(row)).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(white.row(i).reduce(0) { $0 + $1 * $1 } - expected) < 1e-9 * max(1, expected))
    }
  }

  @Test func jitterIsAddedWithinItsLimitOnly() throws {
    let singular = Matrix(rowCount: 2, columnCount: 2, elements: [1, 1, 1, 1 - 1e-12])
    #expect(throws: TensorError.self) { try Cholesky(singular, jitterLimit: 0) }
    #expect(try Cholesky(singular).solve([1, 1]).allSatisfy { $0.isFinite })
  }
}
