import NoemaTensor
import Testing

private func noise(_ rows: Int, _ columns: Int, seed: UInt64, offset: Double = 0) -> Matrix {
  var random = RandomNumbers(seed: seed)
  return Matrix(
    rowCount: rows, columnCount: columns, elements: (0..<rows * columns).map { _ in random.normal() + offset }
  )
}

private func features(_ matrix: Matrix) throws -> TensorFeatures {
  try TensorFeatures(matrix.tensor.converted(to: .float32))
}

private func distance(_ a: Matrix, _ b: Matrix) -> Double {
  zip(a.elements, b.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

@Suite struct AlgebraTests {
  @Test func productsAgreeWithSums() {
    let (a, b) = (noise(3, 5, seed: 1), noise(5, 4, seed: 2))
    var expected = Matrix(rowCount: 3, columnCount: 4)
    for i in 0..<3 { for j in 0..<4 { for k in 0..<5 { expected[i, j] += a[i, k] * b[k, j] } } }
    #expect(distance(a.times(b), expected) < 1e-14)
    #expect(distance(a.transposed.transposedTimes(b), expected) < 1e-14)
    #expect(distance(a.timesTransposed(b.transposed), expected) < 1e-14)
    #expect(
      zip(a.times(Array(b.transposed.row(0))), (0..<3).map { expected[$0, 0] }).allSatisfy {
        abs($0 - $1) < 1e-14
      })
  }

  @Test func eigenvectorsRebuildTheMatrix() throws {
    let a = noise(6, 9, seed: 3)
    let gram = a.timesTransposed(a)
    let eigen = try SymmetricEigen(gram)
    #expect(eigen.values == eigen.values.sorted(by: >))
    var scaled = eigen.vectors
    for i in 0..<6 { for k in 0..<6 { scaled[i, k] *= eigen.values[k] } }
    #expect(distance(scaled.timesTransposed(eigen.vectors), gram) < 1e-12)
  }

  @Test func choleskySolves() throws {
    let a = noise(7, 9, seed: 4)
    let gram = a.timesTransposed(a)
    let right = noise(7, 2, seed: 5)
    #expect(distance(gram.times(try Cholesky(gram).solve(right)), right) < 1e-10)
    #expect(throws: TensorError.self) {
      _ = try Cholesky(Matrix(rowCount: 2, columnCount: 2, elements: [1, 0, 0, -1]))
    }
  }

  @Test func singularValuesRebuildTheMatrix() throws {
    for (rows, columns) in [(5, 8), (8, 5), (1, 1), (4, 4)] {
      let a = noise(rows, columns, seed: 6)
      let svd = try SingularValues(a)
      var scaled = svd.left
      for i in 0..<rows { for k in svd.values.indices { scaled[i, k] *= svd.values[k] } }
      #expect(distance(scaled.timesTransposed(svd.right), a) < 1e-12)
      for k in svd.values.indices {
        let column = (0..<columns).map { svd.right[$0, k] }
        #expect(column.max(by: { abs($0) < abs($1) })! > 0)
      }
    }
  }

  @Test func householderBasisIsOrthonormal() throws {
    let q = try noise(9, 4, seed: 7).orthonormalised()
    let product = q.transposedTimes(q)
    for i in 0..<4 { for j in 0..<4 { #expect(abs(product[i, j] - (i == j ? 1 : 0)) < 1e-14) } }
  }

  @Test func namesValuesThatAreNotFinite() {
    #expect(throws: TensorError(.notFinite(row: 0, column: 1))) {
      _ = try SymmetricEigen(Matrix(rowCount: 2, columnCount: 2, elements: [1, .nan, 0, 1]))
    }
  }
}

@Suite struct PoolProductsTests {
  /// A large common offset, as after a ReLU, and blocks that do not divide the width.
  @Test(arguments: [1 << 28, 4 * 30 * 7])
  func agreesWithDoublePrecision(memory: Int) throws {
    let (x, y) = (noise(20, 93, seed: 8, offset: 30), noise(10, 93, seed: 9, offset: 1))
    var centred = x
    var means = [Double](repeating: 0, count: 93)
    for j in 0..<93 {
      means[j] = (0..<20).reduce(0) { $0 + x[$1, j] } / 20
      for i in 0..<20 { centred[i, j] -= means[j] }
    }
    let products = try PoolProducts(pool: try features(x), others: [try features(y)], memory: memory)
    #expect(distance(products.gram, centred.timesTransposed(centred)) < 1e-3)
    #expect(distance(products.cross[0], y.timesTransposed(centred)) < 1e-3)
    let norm = y.row(3).reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(products.norms[0][3] - norm) < 1e-5)
    var shifted = y
    for i in 0..<10 { for j in 0..<93 { shifted[i, j] -= means[j] } }
    let (along, norms) = products.centred(0)
    #expect(distance(along, shifted.timesTransposed(centred)) < 1e-2)
    #expect(abs(norms[2] - shifted.row(2).reduce(0) { $0 + $1 * $1 }.squareRoot()) < 1e-3)
  }

  @Test func scaleMakesTheMeanSquareOne() throws {
    var products = try PoolProducts(pool: try features(noise(20, 50, seed: 10, offset: 2)))
    let scale = products.normaliseScale()
    #expect(abs(products.gram.trace / 1000 - 1) < 1e-12)
    #expect(abs(scale - 1) < 0.1)
  }

  @Test func combinesRows() throws {
    let x = noise(6, 31, seed: 11)
    let alpha = noise(6, 2, seed: 12)
    let combined = try Matrix(try features(x).combined(alpha, memory: 300))
    #expect(distance(combined, alpha.transposedTimes(x)) < 1e-5)
  }

  @Test func namesRowAndColumnOfNaN() throws {
    var x = noise(4, 9, seed: 13)
    x[2, 7] = .nan
    let bad = try features(x)
    #expect(throws: TensorError(.notFinite(row: 2, column: 7))) {
      _ = try PoolProducts(pool: bad, memory: 64)
    }
    let good = try features(noise(3, 9, seed: 14))
    #expect(throws: TensorError(.notFinite(row: 2, column: 7))) {
      _ = try PoolProducts(pool: good, others: [bad])
    }
    #expect(throws: TensorError.self) {
      _ = try PoolProducts(pool: good, others: [try features(noise(3, 8, seed: 15))])
    }
  }
}
