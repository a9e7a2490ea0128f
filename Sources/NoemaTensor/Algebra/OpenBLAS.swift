internal import COpenBLAS

/// How OpenBLAS and LAPACK run: on one thread, for good.
///
/// Their sums depend on the number of threads in the last bits, and that number is the whole process's: if it changed
/// with what else runs, answers would not repeat. Large products are shared among cores by ``ProductTiles`` instead.
public enum OpenBLAS {
  /// Sets the number of threads to one, once; to be called before any routine of OpenBLAS, LAPACK or a library on them.
  public static func keepToOneThread() { _ = isSet }

  private static let isSet: Bool = {
    openblas_set_num_threads(1)
    return true
  }()
}

/// The parts of a large product that cores compute side by side. They depend on the extents alone, so that the last
/// bits of a product depend neither on the number of cores nor on what else runs.
struct ProductTiles {
  /// A part of the product.
  struct Tile {
    let rows: Range<Int>
    let columns: Range<Int>
  }

  /// The tiles, each of all columns or of all rows.
  let tiles: [Tile]

  /// Cuts a product of `rows × inner` and `inner × columns` along its longer side.
  ///
  /// - Precondition: no extent is 0.
  init(rows: Int, columns: Int, inner: Int) {
    OpenBLAS.keepToOneThread()
    let length = max(rows, columns)
    let perLine = min(rows, columns) * inner
    // Each tile packs the other factor anew: with fewer lines that costs more than a second core brings.
    let lines = max(Self.leastLines, (length + Self.mostTiles - 1) / Self.mostTiles, Self.leastWork / perLine)
    let step = (lines + 15) / 16 * 16
    tiles = stride(from: 0, to: length, by: step).map { start in
      let range = start..<min(start + step, length)
      return rows >= columns ? Tile(rows: range, columns: 0..<columns) : Tile(rows: 0..<rows, columns: range)
    }
  }

  /// Runs a job for each tile with the factors' and the product's memory, on all cores.
  func run<Element>(
    _ a: UnsafeBufferPointer<Element>, _ b: UnsafeBufferPointer<Element>,
    _ product: UnsafeMutableBufferPointer<Element>,
    _ job:
      @Sendable (
        Tile, UnsafePointer<Element>, UnsafePointer<Element>, UnsafeMutablePointer<Element>
      ) -> Void
  ) {
    guard let a = a.baseAddress, let b = b.baseAddress, let product = product.baseAddress else { return }
    // Factors are only read, and each tile writes its own part of the product.
    nonisolated(unsafe) let (left, right, result) = (a, b, product)
    Parallel.all(tiles.count) { job(tiles[$0], left, right, result) }
  }

  private static let leastLines = 128
  private static let mostTiles = 16
  /// Multiplications for which starting a second thread pays.
  private static let leastWork = 1 << 22
}
