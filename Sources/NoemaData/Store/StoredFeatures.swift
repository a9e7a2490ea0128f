public import NoemaTensor

/// The activations of a layer on disk: rows are examples, columns the flattened features, float32.
///
/// Nothing stays in memory between calls, and several threads may read at once. Shards are opened for each
/// block: a store of many layers and shards would otherwise exhaust the open files that a process may have.
public struct StoredFeatures: FeatureMatrix {
  /// The layer.
  public let layer: StoredLayer
  private let layout: StoreLayout

  init(layer: StoredLayer, layout: StoreLayout) {
    self.layer = layer
    self.layout = layout
  }

  public var rowCount: Int { layout.rowCount }
  public var columnCount: Int { layout.featureCount }

  public func copyBlock(
    rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(rowCount)")
    precondition(
      columns.lowerBound >= 0 && columns.upperBound <= columnCount, "columns \(columns) of \(columnCount)")
    precondition(destination.count >= rows.count * columns.count, "the destination is smaller than the block")
    guard !rows.isEmpty, !columns.isEmpty else { return }
    for shard in rows.lowerBound / layout.shardRows...(rows.upperBound - 1) / layout.shardRows {
      let held = layout.rows(ofShard: shard)
      let part = rows.clamped(to: held)
      let (source, offset) = try layout.open(shard: shard)
      let block = RowMajorBlock(
        source: source, offset: offset, columnCount: columnCount,
        rows: part.lowerBound - held.lowerBound..<part.upperBound - held.lowerBound, columns: columns)
      let target = (part.lowerBound - rows.lowerBound) * columns.count
      try block.read(
        into: UnsafeMutableBufferPointer(rebasing: destination[target..<target + part.count * columns.count]))
    }
  }

  /// Some rows with the shape of the layer's activations: `[range.count] + exampleShape`.
  ///
  /// - Precondition: The range lies within the rows.
  /// - Throws: `DataError` when a shard is missing or cut short.
  public func rows(_ range: Range<Int>) throws -> Tensor {
    try Tensor(shape: [range.count] + layer.exampleShape, elementType: .float32) { bytes in
      try copyBlock(rows: range, columns: 0..<columnCount, to: bytes.bindMemory(to: Float.self))
    }
  }
}
