internal import COpenBLAS

/// Products of the rows of two blocks, which is what distances between many points cost.
enum RowProducts {
  /// How many columns are multiplied at once in float32: rounding grows with this number, and only as a 512th with
  /// the width.
  static let chunk = 512

  /// A bound of `|fl(xᵀy) − xᵀy| / (‖x‖ ‖y‖)` for `single`, whatever the order of its sums.
  static func roundingShare(width: Int) -> Double {
    Double(min(chunk, width) + (width + chunk - 1) / chunk) * 0x1p-24
  }

  /// `a · bᵀ` in float32, `aCount × bCount`, for blocks of contiguous rows.
  static func single(
    _ a: UnsafePointer<Float>, _ aCount: Int, _ b: UnsafePointer<Float>, _ bCount: Int, width: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    for start in stride(from: 0, to: width, by: chunk) {
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, Int32(aCount), Int32(bCount),
        Int32(min(chunk, width - start)), 1, a + start, Int32(width), b + start, Int32(width),
        start == 0 ? 0 : 1, result, Int32(bCount))
    }
  }

  /// `a · bᵀ` in float64, `aCount × bCount`, for blocks of contiguous rows.
  static func double(
    _ a: UnsafePointer<Double>, _ aCount: Int, _ b: UnsafePointer<Double>, _ bCount: Int, width: Int,
    into result: UnsafeMutablePointer<Double>
  ) {
    cblas_dgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(aCount), Int32(bCount), Int32(width), 1, a, Int32(width),
      b, Int32(width), 0, result, Int32(bCount))
  }
}
