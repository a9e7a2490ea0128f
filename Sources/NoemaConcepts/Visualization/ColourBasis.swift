public import NoemaData
public import NoemaTensor

/// Colours that vary together, made of independent ones: `rgb = M c`, with `M Mᵀ` in proportion to how the channels of
/// photographs vary together.
///
/// Optimised channel by channel, an image gets garish colours that photographs do not have.
///
/// - Source: Olah et al., "Feature Visualization", Distill 2017.
public struct ColourBasis: Sendable, Hashable, Codable {
  /// `M`, a row for each of red, green and blue; its longest column has length 1.
  public let rows: [[Double]]

  /// The root of the covariance of ImageNet's pixels.
  public static let photographs = ColourBasis(
    scaling: [[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]])

  /// Each channel by itself.
  public static let independent = ColourBasis(scaling: [[1, 0, 0], [0, 1, 0], [0, 0, 1]])

  /// The root `U √Λ` of a covariance `U Λ Uᵀ` of red, green and blue.
  ///
  /// - Throws: `ConceptError.parameters` unless it is a covariance of three channels that vary.
  public init(covariance: Matrix) throws(ConceptError) {
    guard covariance.rowCount == 3, covariance.columnCount == 3,
      let parts = try? SymmetricEigen(covariance), parts.values[0] > 0,
      parts.values[2] > -1e-9 * parts.values[0]
    else {
      throw ConceptError(.parameters("colours need the 3 × 3 covariance of red, green and blue that vary"))
    }
    let roots = parts.values.map { max(0, $0).squareRoot() }
    self.init(scaling: (0..<3).map { row in (0..<3).map { parts.vectors[row, $0] * roots[$0] } })
  }

  /// The root of the covariance of some images' pixels.
  ///
  /// - Throws: `ConceptError.parameters` where they are grey or of one colour.
  public init(of images: [Image]) throws(ConceptError) {
    var (count, sums) = (0.0, [Double](repeating: 0, count: 3))
    var products = Matrix(rowCount: 3, columnCount: 3)
    for image in images where image.channelCount == 3 {
      count += Double(image.pixels.count / 3)
      for start in stride(from: 0, to: image.pixels.count, by: 3) {
        for i in 0..<3 {
          let value = Double(image.pixels[start + i])
          sums[i] += value
          for j in 0...i { products[i, j] += value * Double(image.pixels[start + j]) }
        }
      }
    }
    var covariance = Matrix(rowCount: 3, columnCount: 3)
    for i in 0..<3 {
      for j in 0...i {
        covariance[i, j] = products[i, j] / max(1, count) - sums[i] * sums[j] / max(1, count * count)
        covariance[j, i] = covariance[i, j]
      }
    }
    try self.init(covariance: covariance)
  }

  private init(scaling rows: [[Double]]) {
    let longest = (0..<3).map { column in rows.reduce(0) { $0 + $1[column] * $1[column] } }.max() ?? 1
    self.rows = rows.map { row in row.map { $0 / longest.squareRoot() } }
  }

  /// Red, green and blue, plane after plane.
  func colours(_ planes: [[Double]]) -> [[Double]] { mix(planes) { rows[$0][$1] } }

  /// The derivative by the independent planes, given the one by the colours.
  func pullback(_ gradient: [[Double]]) -> [[Double]] { mix(gradient) { rows[$1][$0] } }

  private func mix(_ planes: [[Double]], _ weight: (Int, Int) -> Double) -> [[Double]] {
    (0..<3).map { target in
      let (a, b, c) = (weight(target, 0), weight(target, 1), weight(target, 2))
      return planes[0].indices.map { a * planes[0][$0] + b * planes[1][$0] + c * planes[2][$0] }
    }
  }
}
