internal import Glibc
internal import NoemaTensor

/// Planes of an image from their spectrum: `x = Fₕᵀ (z ⊙ s) F_w`, with orthonormal real Fourier bases `F`.
///
/// Sines and cosines along each axis span what the half spectrum of a real transform does, and a scale that depends on
/// the length of the frequency alone gives the same images the same chance; but the map is its own adjoint's inverse
/// up to the scale, without conjugate columns that count twice. A step on `z` moves low frequencies more than high
/// ones, as natural images do.
///
/// - Source: Olah et al., "Feature Visualization", Distill 2017.
struct FourierMap: Sendable {
  private let rows: Matrix, columns: Matrix
  /// The factor of each coefficient.
  let scales: [Double]

  /// Makes the map of planes of a size.
  ///
  /// - Parameter decay: the power p of `1 / fᵖ`.
  init(height: Int, width: Int, decay: Double) {
    let (rows, down) = Self.basis(height), (columns, across) = Self.basis(width)
    (self.rows, self.columns) = (rows, columns)
    // What coefficients of unit variance of a half spectrum, scaled by √(h w) and divided by 4, come to in this basis.
    let gain = 2.0.squareRoot() / 4
    let least = 1 / Double(max(height, width))
    scales = down.flatMap { y in
      across.map { x in gain / pow(max((y * y + x * x).squareRoot(), least), decay) }
    }
  }

  /// The plane of coefficients, row after row.
  func callAsFunction(_ coefficients: [Double]) -> [Double] {
    rows.transposedTimes(matrix(zip(coefficients, scales).map { $0 * $1 })).times(columns).elements
  }

  /// The derivative by the coefficients, given the one by the plane.
  func pullback(_ gradient: [Double]) -> [Double] {
    zip(rows.times(matrix(gradient)).timesTransposed(columns).elements, scales).map { $0 * $1 }
  }

  private func matrix(_ elements: [Double]) -> Matrix {
    Matrix(rowCount: rows.rowCount, columnCount: columns.rowCount, elements: elements)
  }

  /// Orthonormal waves on `count` points as rows, and the cycles per point of each.
  private static func basis(_ count: Int) -> (Matrix, [Double]) {
    var matrix = Matrix(rowCount: count, columnCount: count), frequencies: [Double] = []
    for row in 0..<count {
      let wave = (row + 1) / 2, isSine = row > 0 && row % 2 == 0
      let isAlone = row == 0 || 2 * wave == count
      let size = ((isAlone ? 1 : 2) / Double(count)).squareRoot()
      for point in 0..<count {
        // Whole turns are left out, so that long rows stay exact.
        let angle = 2 * Double.pi * Double(wave * point % count) / Double(count)
        matrix[row, point] = size * (isSine ? sin(angle) : cos(angle))
      }
      frequencies.append(Double(wave) / Double(count))
    }
    return (matrix, frequencies)
  }
}
