import NoemaTensor

@testable import NoemaConcepts

/// Data whose truth is known.
enum PlantedLayer {
  /// Independent standard normal numbers.
  static func noise(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    var random = RandomNumbers(seed: seed)
    return Matrix(
      rowCount: rows, columnCount: columns, elements: (0..<rows * columns).map { _ in random.normal() })
  }

  /// Orthonormal columns.
  static func orthogonal(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
    try noise(rows, columns, seed: seed).orthonormalised()
  }

  /// A matrix `U diag(values) Vᵀ` with random orthonormal sides.
  static func withSingularValues(_ values: [Double], rows: Int, columns: Int, seed: UInt64) throws -> Matrix {
    var left = try orthogonal(rows, values.count, seed: seed)
    left.scaleColumns(values)
    return left.timesTransposed(try orthogonal(columns, values.count, seed: seed &+ 1))
  }

  /// Columns of two matrices side by side.
  static func joined(_ a: Matrix, _ b: Matrix) -> Matrix {
    var result = Matrix(rowCount: a.rowCount, columnCount: a.columnCount + b.columnCount)
    for i in 0..<a.rowCount {
      for (j, value) in (a.row(i) + b.row(i)).enumerated() { result[i, j] = value }
    }
    return result
  }

  /// The distance of two lists of numbers, entry by entry.
  static func distance(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
  }
}

extension Matrix {
  /// The matrix in float32, as layers come.
  var features: TensorFeatures {
    get throws { try TensorFeatures(Tensor(shape: [rowCount, columnCount], elements.map { Float($0) })) }
  }

  /// The matrix rounded to float32, so that both sides of a comparison see the same numbers.
  var rounded: Matrix {
    Matrix(rowCount: rowCount, columnCount: columnCount, elements: elements.map { Double(Float($0)) })
  }
}
