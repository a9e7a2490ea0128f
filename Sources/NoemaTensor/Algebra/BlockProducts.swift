internal import COpenBLAS

/// Products of float32 blocks whose rows lie one after the other in memory; sums over blocks are the caller's, in
/// float64.
///
/// Extents are checked against the buffers. Without rows nothing is done; without columns results are zero.
public enum SinglePrecision {
  /// The upper triangle of `rows · rowsᵀ`; what lies below it stays.
  ///
  /// - Parameters:
  ///   - rows: `count × width`.
  ///   - result: `count × count`.
  /// - Precondition: buffers are as large as their extents say.
  public static func gram(
    _ rows: UnsafeBufferPointer<Float>, count: Int, width: Int, into result: UnsafeMutableBufferPointer<Float>
  ) {
    BlockExtents.check(rows.count, count, width)
    BlockExtents.check(result.count, count, count)
    guard count > 0 else { return }
    guard width > 0 else {
      for row in 0..<count { result[(row * count + row)..<((row + 1) * count)].update(repeating: 0) }
      return
    }
    ProductTiles(rows: count, columns: count, inner: width).run(rows, rows, result) {
      tile, rows, _, result in
      let (start, end) = (tile.rows.lowerBound, tile.rows.upperBound)
      cblas_ssyrk(
        CblasRowMajor, CblasUpper, CblasNoTrans, Int32(end - start), Int32(width), 1, rows + start * width,
        Int32(width), 0, result + start * count + start, Int32(count))
      guard end < count else { return }
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(end - start), Int32(count - end), Int32(width), 1,
        rows + start * width, Int32(width), rows + end * width, Int32(width), 0, result + start * count + end,
        Int32(count))
    }
  }

  /// `a · bᵀ`.
  ///
  /// - Parameters:
  ///   - a: `aCount × width`.
  ///   - b: `bCount × width`.
  ///   - chunk: how many columns are multiplied at once, 1 or more. Rounding grows with this number, and with the
  ///     number of chunks, see ``roundingShare(width:chunk:)``.
  ///   - result: `aCount × bCount`.
  /// - Precondition: buffers are as large as their extents say.
  public static func product(
    _ a: UnsafeBufferPointer<Float>, _ aCount: Int, _ b: UnsafeBufferPointer<Float>, _ bCount: Int,
    width: Int, chunk: Int = .max, into result: UnsafeMutableBufferPointer<Float>
  ) {
    BlockExtents.check(a.count, aCount, width)
    BlockExtents.check(b.count, bCount, width)
    BlockExtents.check(result.count, aCount, bCount)
    precondition(chunk >= 1, "found chunks of \(chunk) columns; give 1 or more")
    guard aCount > 0, bCount > 0 else { return }
    guard width > 0 else {
      result[..<(aCount * bCount)].update(repeating: 0)
      return
    }
    let step = min(chunk, width)
    ProductTiles(rows: aCount, columns: bCount, inner: width).run(a, b, result) { tile, a, b, result in
      let (i, j) = (tile.rows.lowerBound, tile.columns.lowerBound)
      for start in stride(from: 0, to: width, by: step) {
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasTrans, Int32(tile.rows.count), Int32(tile.columns.count),
          Int32(min(step, width - start)), 1, a + i * width + start, Int32(width), b + j * width + start,
          Int32(width), start == 0 ? 0 : 1, result + i * bCount + j, Int32(bCount))
      }
    }
  }

  /// A bound of `|fl(xᵀy) − xᵀy| / (‖x‖ ‖y‖)` for ``product(_:_:_:_:width:chunk:into:)``, whatever the order in which
  /// the processor adds.
  ///
  /// - Source: Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1.
  public static func roundingShare(width: Int, chunk: Int = .max) -> Double {
    let step = min(chunk, max(1, width))
    return Double(step + (width - 1) / step + 1) * 0x1p-24
  }

  /// `aᵀ · b`.
  ///
  /// - Parameters:
  ///   - a: `count × left`.
  ///   - b: `count × right`.
  ///   - result: `left × right`.
  /// - Precondition: buffers are as large as their extents say.
  public static func transposedProduct(
    _ a: UnsafeBufferPointer<Float>, left: Int, _ b: UnsafeBufferPointer<Float>, right: Int, count: Int,
    into result: UnsafeMutableBufferPointer<Float>
  ) {
    BlockExtents.check(a.count, count, left)
    BlockExtents.check(b.count, count, right)
    BlockExtents.check(result.count, left, right)
    guard left > 0, right > 0 else { return }
    guard count > 0 else {
      result[..<(left * right)].update(repeating: 0)
      return
    }
    ProductTiles(rows: left, columns: right, inner: count).run(a, b, result) { tile, a, b, result in
      let (i, j) = (tile.rows.lowerBound, tile.columns.lowerBound)
      cblas_sgemm(
        CblasRowMajor, CblasTrans, CblasNoTrans, Int32(tile.rows.count), Int32(tile.columns.count),
        Int32(count), 1, a + i, Int32(left), b + j, Int32(right), 0, result + i * right + j, Int32(right))
    }
  }
}

/// Products of float64 blocks whose rows lie one after the other in memory.
public enum DoublePrecision {
  /// `a · bᵀ`.
  ///
  /// - Parameters:
  ///   - a: `aCount × width`.
  ///   - b: `bCount × width`.
  ///   - result: `aCount × bCount`.
  /// - Precondition: buffers are as large as their extents say.
  public static func product(
    _ a: UnsafeBufferPointer<Double>, _ aCount: Int, _ b: UnsafeBufferPointer<Double>, _ bCount: Int,
    width: Int, into result: UnsafeMutableBufferPointer<Double>
  ) {
    BlockExtents.check(a.count, aCount, width)
    BlockExtents.check(b.count, bCount, width)
    BlockExtents.check(result.count, aCount, bCount)
    guard aCount > 0, bCount > 0 else { return }
    guard width > 0 else {
      result[..<(aCount * bCount)].update(repeating: 0)
      return
    }
    ProductTiles(rows: aCount, columns: bCount, inner: width).run(a, b, result) { tile, a, b, result in
      let (i, j) = (tile.rows.lowerBound, tile.columns.lowerBound)
      cblas_dgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(tile.rows.count), Int32(tile.columns.count),
        Int32(width), 1, a + i * width, Int32(width), b + j * width, Int32(width), 0, result + i * bCount + j,
        Int32(bCount))
    }
  }
}

/// What the library would answer with a message on the terminal, or by reading past the end.
private enum BlockExtents {
  static func check(_ found: Int, _ rows: Int, _ columns: Int) {
    precondition(
      (0...Int(Int32.max)).contains(rows) && (0...Int(Int32.max)).contains(columns),
      "a block of \(rows) × \(columns) elements is negative or too large for BLAS")
    precondition(found >= rows * columns, "\(found) elements are no block of \(rows) × \(columns)")
  }
}
