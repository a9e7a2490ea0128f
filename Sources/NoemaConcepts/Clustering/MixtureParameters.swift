internal import Foundation
internal import NoemaTensor

/// Weights, means and covariances of a mixture, of rows less the mean of all.
struct MixtureParameters: Sendable {
  let weights: [Double]
  /// Components × coordinates.
  let means: Matrix
  let covariances: [Gaussian.Covariance]
  private let components: [Gaussian]

  /// The maximisation: the parameters that make the examples most likely, given who belongs where.
  ///
  /// - Parameter floor: added to every variance.
  /// - Throws: `ConceptError.algebra`.
  init(
    _ rows: Matrix, _ responsibilities: Matrix, _ shape: GaussianMixture.Shape, floor: Double
  ) throws(ConceptError) {
    let (n, k) = (rows.rowCount, responsibilities.columnCount)
    let parts = try parallelMap(k) { component throws(ConceptError) -> Part in
      let shares = (0..<n).map { responsibilities[$0, component] }
      return try Part(rows, shares, shape, floor: floor)
    }
    let total = parts.reduce(0) { $0 + $1.weight }
    weights = parts.map { $0.weight / total }
    means = Matrix(rowCount: k, columnCount: rows.columnCount, elements: parts.flatMap(\.mean))
    covariances = parts.map(\.covariance)
    components = parts.map(\.gaussian)
  }

  /// The expectation: who belongs where, and how dense the mixture is at each row.
  func expectation(_ rows: Matrix) throws(ConceptError) -> (responsibilities: Matrix, logDensities: [Double])
  {
    let columns = try parallelMap(weights.count) { k in components[k].logDensities(rows) }
    let logWeights = weights.map { log($0) }
    var shares = Matrix(rowCount: rows.rowCount, columnCount: weights.count)
    var densities: [Double] = []
    densities.reserveCapacity(rows.rowCount)
    for i in 0..<rows.rowCount {
      var largest = -Double.infinity
      for k in weights.indices {
        shares[i, k] = logWeights[k] + columns[k][i]
        largest = max(largest, shares[i, k])
      }
      var total = 0.0
      for k in weights.indices {
        shares[i, k] = exp(shares[i, k] - largest)
        total += shares[i, k]
      }
      for k in weights.indices { shares[i, k] /= total }
      densities.append(largest + log(total))
    }
    return (shares, densities)
  }

  /// The Mahalanobis distance of each row to each mean.
  func distances(_ rows: Matrix) throws(ConceptError) -> Matrix {
    let columns = try parallelMap(weights.count) { k in components[k].squares(rows) }
    var result = Matrix(rowCount: rows.rowCount, columnCount: weights.count)
    for (k, column) in columns.enumerated() {
      for (i, square) in column.enumerated() { result[i, k] = square.squareRoot() }
    }
    return result
  }

  /// One component.
  private struct Part: Sendable {
    let weight: Double
    let mean: [Double]
    let covariance: Gaussian.Covariance
    let gaussian: Gaussian

    init(
      _ rows: Matrix, _ shares: [Double], _ shape: GaussianMixture.Shape, floor: Double
    ) throws(ConceptError) {
      // A component that lost all its examples keeps a finite mean.
      weight = shares.reduce(0, +) + 10 * Double.ulpOfOne
      let total = weight
      let (n, d) = (rows.rowCount, rows.columnCount)
      mean = Matrix(rowCount: 1, columnCount: n, elements: shares).times(rows).elements.map { $0 / total }
      var centred = rows
      centred.subtractFromRows(mean)
      centred.elements.withUnsafeMutableBufferPointer { values in
        for i in 0..<n {
          let root = (shares[i] / total).squareRoot()
          for j in 0..<d { values[i * d + j] *= root }
        }
      }
      switch shape {
      case .diagonal:
        var variances = [Double](repeating: floor, count: d)
        for i in 0..<n { for j in 0..<d { variances[j] += centred[i, j] * centred[i, j] } }
        covariance = .diagonal(variances)
      case .full:
        var matrix = centred.transposedTimes(centred)
        for j in 0..<d { matrix[j, j] += floor }
        covariance = .full(matrix)
      }
      gaussian = try Gaussian(mean: mean, covariance)
    }
  }
}
