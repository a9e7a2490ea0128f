internal import NoemaTensor

/// The files of one shard being written, one for each layer.
final class ShardWriter {
  /// The rows written so far.
  private(set) var rowCount = 0
  private let shardRowCount: Int
  private var files: [LayerFile] = []

  /// A noncopyable writer cannot stand in an array; this holds one.
  private final class LayerFile {
    var writer: NPYWriter?
    init(_ writer: consuming NPYWriter) { self.writer = consume writer }
  }

  /// Creates the files under temporary names.
  ///
  /// - Throws: `DataError` when one cannot be created.
  init(layouts: [StoreLayout], shard: Int) throws(DataError) {
    shardRowCount = layouts[0].rows(ofShard: shard).count
    for layout in layouts {
      files.append(
        LayerFile(
          try NPYWriter(
            path: layout.path(ofShard: shard), shape: layout.shape(ofShard: shard), elementType: .float32)))
    }
  }

  /// The rows still to come.
  var missingRows: Int { shardRowCount - rowCount }

  /// Appends some rows of each layer's activations.
  ///
  /// - Throws: `DataError` when writing fails.
  func append(_ activations: [Tensor], rows: Range<Int>) throws(DataError) {
    for (file, tensor) in zip(files, activations) {
      try file.writer?.append(rows.count == tensor.shape[0] ? tensor : tensor.rows(rows))
    }
    rowCount += rows.count
  }

  /// Gives every file its name.
  ///
  /// - Throws: `DataError` when the system refuses.
  func finish() throws(DataError) {
    for file in files {
      if let writer = file.writer.take() { try writer.finish() }
    }
  }
}
