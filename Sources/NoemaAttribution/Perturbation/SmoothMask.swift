internal import Glibc

/// Masks as smooth maxima of bumps on a grid: no detail finer than the bumps, and the area inside can still
/// be anything.
///
/// A position's value is `Σ v s / Σ s` with `s = exp(20 v)` over the grid points about it, where `v` is the
/// point's value times a kernel of its distance, flat up to half the bumps' width. The canvas reaches beyond
/// the outermost grid points by that width, so that bumps at the border have their whole area.
///
/// - Source: Fong, Patrick and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth
///   Masks", 2019, equations 7 to 9.
struct SmoothMask: Sendable {
  let height, width: Int
  /// Extents of the canvas.
  let canvasHeight, canvasWidth: Int
  /// Extents of the grid.
  let gridHeight, gridWidth: Int
  private let step, margin, reach: Int
  /// The kernel for each place within a grid square, and each grid point about it.
  private let kernel: [Float]
  private let coldness: Float = 20

  /// Lays out a grid.
  ///
  /// - Parameters:
  ///   - step: the distance between grid points.
  ///   - sigma: the width of bumps.
  init(height: Int, width: Int, step: Int, sigma: Double) {
    (self.height, self.width, self.step) = (height, width, step)
    margin = Int(sigma.rounded())
    reach = 1 + Int((sigma / Double(step)).rounded(.up))
    gridHeight = (height + step - 1) / step
    gridWidth = (width + step - 1) / step
    // Bumps narrower than the step would leave the image's last positions out.
    canvasHeight = margin + max(height, (gridHeight - 1) * step + 1 + margin)
    canvasWidth = margin + max(width, (gridWidth - 1) * step + 1 + margin)
    let side = -reach...reach
    kernel = (0..<step * step).flatMap { [step] place in
      side.flatMap { row in
        side.map { column in
          let (y, x) = (Double(place / step - step * row), Double(place % step - step * column))
          let excess = max((y * y + x * x).squareRoot() / sigma - 0.5, 0)
          return Float(exp(-2 * excess * excess))
        }
      }
    }
  }

  /// The number of grid points.
  var gridCount: Int { gridHeight * gridWidth }

  /// The mask on the canvas.
  func callAsFunction(_ grid: [Double]) -> [Double] {
    let points = grid.map { Float($0) }
    var canvas = [Double](repeating: 0, count: canvasHeight * canvasWidth)
    points.withUnsafeBufferPointer { points in
      kernel.withUnsafeBufferPointer { kernel in
        for u in canvas.indices {
          var total = Float(0), weighted = Float(0)
          let absent = forEachPoint(about: u) { point, weight in
            let value = kernel[weight] * points[point], share = share(value)
            total += share
            weighted += share * value
          }
          // Points outside the grid are zeros.
          canvas[u] = Double(min(max(weighted / (total + Float(absent)), 0), 1))
        }
      }
    }
    return canvas
  }

  /// The derivative by the grid's values, given the one by the canvas's.
  func pullback(_ gradient: [Double], grid: [Double], canvas: [Double]) -> [Double] {
    let points = grid.map { Float($0) }
    var found = [Double](repeating: 0, count: grid.count)
    found.withUnsafeMutableBufferPointer { found in
      points.withUnsafeBufferPointer { points in
        kernel.withUnsafeBufferPointer { kernel in
          for u in gradient.indices where gradient[u] != 0 {
            var total = Float(0)
            let absent = forEachPoint(about: u) { point, weight in
              total += share(kernel[weight] * points[point])
            }
            let factor = Float(gradient[u]) / (total + Float(absent)), mean = Float(canvas[u])
            forEachPoint(about: u) { point, weight in
              let value = kernel[weight] * points[point]
              found[point] += Double(
                factor * share(value) * (1 + coldness * (value - mean)) * kernel[weight])
            }
          }
        }
      }
    }
    return found
  }

  /// The part of the canvas that lies on the image.
  func cropped(_ canvas: [Double]) -> [Double] {
    (0..<height * width).map { canvas[onCanvas($0)] }
  }

  /// The place on the canvas of a position of the image.
  func onCanvas(_ position: Int) -> Int {
    (position / width + margin) * canvasWidth + position % width + margin
  }

  /// The weight of a value in the smooth maximum; most points are zeros once a mask has found its area.
  @inline(__always)
  private func share(_ value: Float) -> Float { value == 0 ? 1 : exp(coldness * value) }

  /// Calls `body` with the grid points about a place of the canvas, and where their kernel stands.
  ///
  /// - Returns: the number of places about it where there is no point.
  @inline(__always) @discardableResult
  private func forEachPoint(about u: Int, _ body: (_ point: Int, _ weight: Int) -> Void) -> Int {
    // Counted from the first multiple of the step before the canvas, so that divisions round down.
    let ahead = (margin + step - 1) / step
    let (y, x) = (u / canvasWidth - margin + ahead * step, u % canvasWidth - margin + ahead * step)
    let (row, column) = (y / step - ahead, x / step - ahead), side = 2 * reach + 1
    let start = (y % step * step + x % step) * side * side
    let rows = max(0, row - reach)..<max(0, row - reach, min(gridHeight, row + reach + 1))
    let columns = max(0, column - reach)..<max(0, column - reach, min(gridWidth, column + reach + 1))
    for i in rows {
      for j in columns {
        body(i * gridWidth + j, start + (i - row + reach) * side + j - column + reach)
      }
    }
    return side * side - rows.count * columns.count
  }
}
