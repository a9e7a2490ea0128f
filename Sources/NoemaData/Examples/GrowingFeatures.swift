internal import Foundation
public import NoemaTensor

/// Rows of features that grow in memory, or in a nameless file on disk when they would not fit a budget.
///
/// The file is unlinked as soon as it exists, so that nothing is left behind whatever happens.
public final class GrowingFeatures: FeatureMatrix, @unchecked Sendable {
  // Safe because rows are appended before the features are shared; reading changes nothing.
  public let columnCount: Int
  public private(set) var rowCount = 0
  private var rows: [Float] = []
  private let file: Int32?
  private let place: String

  /// Makes room for features.
  ///
  /// - Parameter folder: where a file keeps the rows; nil to keep them in memory.
  /// - Throws: ``DataError`` when the file cannot be made.
  public init(columnCount: Int, expectedRows: Int, in folder: String? = nil) throws(DataError) {
    self.columnCount = columnCount
    place = folder ?? ""
    guard let folder else {
      file = nil
      rows.reserveCapacity(columnCount * expectedRows)
      return
    }
    var template = Array((folder + "/noema-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw DataError(errno: errno, operation: "create a scratch file", at: folder)
    }
    unlink(template)
    file = descriptor
  }

  deinit {
    if let file { close(file) }
  }

  /// Appends the rows of a tensor whose first axis counts examples.
  ///
  /// - Throws: ``DataError`` when the disk is full.
  public func append(_ tensor: Tensor) throws(DataError) {
    precondition(tensor.count == tensor.shape[0] * columnCount && tensor.elementType == .float32)
    guard let file else {
      tensor.withElements(as: Float.self) { rows.append(contentsOf: $0) }
      rowCount += tensor.shape[0]
      return
    }
    let code: Int32 = tensor.withBytes { bytes in
      var done = 0
      let start = rowCount * columnCount * 4
      while done < bytes.count {
        let written = pwrite(file, bytes.baseAddress! + done, bytes.count - done, off_t(start + done))
        if written < 0, errno == EINTR { continue }
        if written <= 0 { return written == 0 ? ENOSPC : errno }
        done += written
      }
      return 0
    }
    if code != 0 {
      throw DataError(
        errno: code, operation: "write activations (free disk space or raise --memory)", at: place)
    }
    rowCount += tensor.shape[0]
  }

  public func copyBlock(
    rows range: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard !range.isEmpty, !columns.isEmpty else { return }
    let target = destination.baseAddress!
    if let file {
      for (offset, row) in range.enumerated() {
        let count = columns.count * 4
        let from = off_t((row * columnCount + columns.lowerBound) * 4)
        var done = 0
        while done < count {
          let got = pread(
            file, UnsafeMutableRawPointer(target + offset * columns.count) + done, count - done,
            from + off_t(done))
          if got < 0, errno == EINTR { continue }
          if got <= 0 {
            throw DataError(errno: got == 0 ? EIO : errno, operation: "read activations", at: place)
          }
          done += got
        }
      }
      return
    }
    rows.withUnsafeBufferPointer { source in
      for (offset, row) in range.enumerated() {
        (target + offset * columns.count)
          .update(from: source.baseAddress! + row * columnCount + columns.lowerBound, count: columns.count)
      }
    }
  }
}
