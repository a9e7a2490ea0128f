internal import NoemaTensor

/// Training rows in the axes of their own scatter, where every ridge penalty is a division.
///
/// A linear probe with an L2 penalty is the same in these axes as in the features, because they are a rotation;
/// directions in which nothing varies are dropped. Whichever of the Gram matrix and the scatter is smaller is
/// decomposed, once for all classes, penalties and control tasks.
struct SpectralBasis {
  /// Training rows, centred: examples × directions; its columns are orthogonal.
  let rows: Matrix
  /// The squared length of each column of `rows`, in descending order.
  let squares: [Double]
  /// The mean of the training rows.
  private let mean: [Double]
  /// Features × directions, orthonormal.
  private let directions: Matrix

  /// The unit of penalties, the trace of the Gram matrix over the examples; 1 when nothing varies.
  var unit: Double {
    let trace = squares.reduce(0, +)
    return trace > 0 ? trace / Double(rows.rowCount) : 1
  }

  /// Decomposes training rows.
  ///
  /// - Throws: `ConceptError.algebra`.
  init(_ training: Matrix) throws(ConceptError) {
    mean = training.columnMeans
    var centred = training
    centred.subtractFromRows(mean)
    let byExamples = training.rowCount <= training.columnCount
    let product = byExamples ? centred.timesTransposed(centred) : centred.transposedTimes(centred)
    let eigen = try solving("probe") { () throws(TensorError) in try SymmetricEigen(product) }
    let largest = eigen.values.first ?? 0
    let kept = largest > 0 ? eigen.values.prefix { $0 > 1e-10 * largest }.count : 0
    squares = Array(eigen.values.prefix(kept))
    var vectors = eigen.vectors.firstColumns(kept)
    let roots = squares.map { $0.squareRoot() }
    if byExamples {
      var axes = centred.transposedTimes(vectors)
      axes.scaleColumns(roots.map { 1 / $0 })
      vectors.scaleColumns(roots)
      rows = vectors
      directions = axes
    } else {
      rows = centred.times(vectors)
      directions = vectors
    }
  }

  /// Further rows in the same axes.
  func project(_ others: Matrix) -> Matrix {
    var centred = others
    centred.subtractFromRows(mean)
    return centred.times(directions)
  }

  /// The same scores for features as they come, neither centred nor turned: features × classes, and intercepts.
  func inFeatures(_ scores: LinearScores) -> LinearScores {
    let weights = directions.times(scores.weights)
    let shifts = weights.transposed.times(mean)
    return LinearScores(
      weights: weights, intercepts: zip(scores.intercepts, shifts).map { $0 - $1 }, penalty: scores.penalty)
  }

  /// All examples of a layer in at most as many columns as there are examples: the features themselves when they
  /// are fewer, else a rotation of them.
  static func coordinates(of features: some FeatureMatrix) throws -> Matrix {
    let (n, d) = (features.rowCount, features.columnCount)
    if n > d {
      var rows = try features.block(rows: 0..<n, columns: 0..<d)
      rows.subtractColumnMeans()
      return rows
    }
    let gram = try features.gram()
    let eigen = try solving("probe") { () throws(TensorError) in try SymmetricEigen(gram) }
    let largest = eigen.values.first ?? 0
    let kept = largest > 0 ? eigen.values.prefix { $0 > 1e-10 * largest }.count : 0
    var rows = eigen.vectors.firstColumns(kept)
    rows.scaleColumns(eigen.values.prefix(kept).map { $0.squareRoot() })
    return rows
  }
}

/// One linear score for each class, in the axes of a basis.
struct LinearScores {
  /// Directions × classes.
  var weights: Matrix
  /// One a class; minus infinity for a class that training did not show.
  var intercepts: [Double]
  /// The penalty that was used, as the family defines it.
  var penalty: Double

  /// Scores of rows of the basis, examples × classes.
  func scores(_ rows: Matrix) -> Matrix {
    var result = rows.times(weights)
    result.subtractFromRows(intercepts.map { -$0 })
    return result
  }
}

extension Matrix {
  /// The column of the largest element of each row, the first of equals.
  var rowMaxima: [Int] {
    (0..<rowCount).map { i in
      var best = 0
      for j in 1..<max(1, columnCount) where self[i, j] > self[i, best] { best = j }
      return best
    }
  }
}
