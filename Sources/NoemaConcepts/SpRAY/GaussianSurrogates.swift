internal import NoemaTensor

/// Maps without strategies: normal draws with the mean and the covariance of a class.
struct GaussianSurrogates: Sendable {
  private let mean: [Double]
  private let centred: Matrix

  init(_ points: PointSet) {
    var rows = points.matrix
    mean = rows.columnMeans
    rows.subtractFromRows(mean)
    centred = rows
  }

  /// As many draws as there are examples. With `X` less its mean and normal `G`, the rows of `G X / √(n − 1)` have the
  /// sample covariance, which nobody needs to factorise.
  func draw(using random: RandomNumbers) throws(ConceptError) -> PointSet {
    var random = random
    let n = centred.rowCount
    let scale = 1 / Double(max(1, n - 1)).squareRoot()
    var mixing = Matrix(rowCount: n, columnCount: n)
    for i in mixing.elements.indices { mixing.elements[i] = scale * random.normal() }
    var rows = mixing.times(centred)
    rows.subtractFromRows(mean.map { -$0 })
    return try PointSet(rows)
  }
}
