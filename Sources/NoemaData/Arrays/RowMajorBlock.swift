/// A block of a float32 matrix stored row after row, read with as few calls as its shape allows.
struct RowMajorBlock {
  let source: ByteSource
  /// The byte where row 0 begins.
  let offset: Int
  /// The columns of the stored matrix.
  let columnCount: Int
  let rows: Range<Int>
  let columns: Range<Int>

  /// Below this many bytes a row, reading whole rows and dropping columns is cheaper than a call per row.
  private static let narrowRowByteCount = 1 << 14
  private static let scratchByteCount = 1 << 20

  /// Copies the block, row after row.
  ///
  /// - Throws: `DataError` when the source ends before or cannot be read.
  func read(into destination: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    precondition(destination.count >= rows.count * columns.count, "the destination is smaller than the block")
    guard !rows.isEmpty, !columns.isEmpty else { return }
    if columns.count == columnCount {
      try source.read(at: byte(rows.lowerBound, 0), into: bytes(destination, 0..<rows.count * columnCount))
    } else if columnCount * 4 <= RowMajorBlock.narrowRowByteCount {
      try readWholeRows(into: destination)
    } else {
      for (index, row) in rows.enumerated() {
        let range = index * columns.count..<(index + 1) * columns.count
        try source.read(at: byte(row, columns.lowerBound), into: bytes(destination, range))
      }
    }
  }

  private func readWholeRows(into destination: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let rowsAtOnce = min(rows.count, RowMajorBlock.scratchByteCount / (columnCount * 4))
    let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: rowsAtOnce * columnCount)
    defer { scratch.deallocate() }
    var target = destination.baseAddress!
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsAtOnce) {
      let count = min(rowsAtOnce, rows.upperBound - start)
      try source.read(at: byte(start, 0), into: bytes(scratch, 0..<count * columnCount))
      for row in 0..<count {
        target.update(
          from: scratch.baseAddress! + row * columnCount + columns.lowerBound, count: columns.count)
        target += columns.count
      }
    }
  }

  private func byte(_ row: Int, _ column: Int) -> Int { offset + (row * columnCount + column) * 4 }

  private func bytes(
    _ buffer: UnsafeMutableBufferPointer<Float>, _ range: Range<Int>
  ) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[range]))
  }
}
