internal import Glibc
internal import NoemaTensor

/// A linear map of grids that acts along columns and rows, such as enlarging and blurring: `R · grid · Cᵀ`.
struct SeparableMap: Sendable {
  /// What happens along the height, `[height, grid height]`.
  let rows: Matrix
  /// What happens along the width, `[width, grid width]`.
  let columns: Matrix

  /// The map of a grid, row after row.
  func callAsFunction(_ grid: [Double]) -> [Double] {
    rows.times(Matrix(rowCount: rows.columnCount, columnCount: columns.columnCount, elements: grid))
      .timesTransposed(columns).elements
  }

  /// The derivative by the grid's elements, given the one by the map's.
  func pullback(_ gradient: [Double]) -> [Double] {
    rows.transposedTimes(
      Matrix(rowCount: rows.rowCount, columnCount: columns.rowCount, elements: gradient)
    ).times(columns).elements
  }

  /// Enlarges a grid bilinearly, and blurs what comes out.
  static func enlarging(_ grid: (Int, Int), to image: (Int, Int), sigma: Double = 0) -> SeparableMap {
    SeparableMap(
      rows: Matrix.blurring(image.0, sigma: sigma).times(Matrix.enlarging(grid.0, to: image.0)),
      columns: Matrix.blurring(image.1, sigma: sigma).times(Matrix.enlarging(grid.1, to: image.1)))
  }

  /// Blurs an image.
  ///
  /// - Parameter fadesOut: whether there are zeros beyond the border; without, weights there fall to the
  ///   others.
  static func blurring(_ image: (Int, Int), sigma: Double, fadesOut: Bool = false) -> SeparableMap {
    SeparableMap(
      rows: Matrix.blurring(image.0, sigma: sigma, fadesOut: fadesOut),
      columns: Matrix.blurring(image.1, sigma: sigma, fadesOut: fadesOut))
  }
}

extension SeparableMap {
  /// Maps every channel of an image to one of the same size.
  func callAsFunction(_ image: [Float], _ layout: ImageLayout) -> [Float] {
    var found = [Float](repeating: 0, count: layout.count)
    for channel in 0..<layout.channels {
      let plane = self((0..<layout.positions).map { Double(image[layout.offset(channel, $0)]) })
      for u in 0..<layout.positions { found[layout.offset(channel, u)] = Float(plane[u]) }
    }
    return found
  }
}

extension Matrix {
  /// Bilinear interpolation along an axis: centres of cells lie at halves, and the border's value holds
  /// beyond them.
  fileprivate static func enlarging(_ from: Int, to: Int) -> Matrix {
    var result = Matrix(rowCount: to, columnCount: from)
    for i in 0..<to {
      let place = (Double(i) + 0.5) * Double(from) / Double(to) - 0.5
      let centre = min(max(place, 0), Double(from - 1))
      let lower = Int(centre), upper = min(lower + 1, from - 1), share = centre - Double(lower)
      result[i, lower] += 1 - share
      result[i, upper] += share
    }
    return result
  }

  /// A Gaussian along an axis, cut at four standard deviations.
  fileprivate static func blurring(_ extent: Int, sigma: Double, fadesOut: Bool = false) -> Matrix {
    let radius = sigma > 0 ? Int((4 * sigma).rounded(.up)) : 0
    let weights = (-radius...radius).map { sigma > 0 ? exp(-Double($0 * $0) / (2 * sigma * sigma)) : 1 }
    let whole = weights.reduce(0, +)
    var result = Matrix(rowCount: extent, columnCount: extent)
    for i in 0..<extent {
      let range = max(0, i - radius)...min(extent - 1, i + radius)
      let total = fadesOut ? whole : range.reduce(0) { $0 + weights[$1 - i + radius] }
      for j in range { result[i, j] = weights[j - i + radius] / total }
    }
    return result
  }
}
