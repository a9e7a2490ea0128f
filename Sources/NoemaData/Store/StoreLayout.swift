internal import NoemaTensor

/// Where the rows of a layer are: shards of equal row count, the last one shorter.
struct StoreLayout: Sendable {
  let folder: String
  /// The position of the layer in the manifest, which names its files.
  let layerIndex: Int
  let rowCount: Int
  let shardRows: Int
  let exampleShape: [Int]

  /// Checks numbers that come from a caller or a file.
  ///
  /// - Throws: `DataError` when a count is out of range or the layer too large.
  static func check(rowCount: Int, shardRows: Int, exampleShape: [Int], place: String) throws(DataError) {
    guard rowCount >= 0, shardRows > 0, shardRows <= 1 << 40 else {
      throw DataError(
        .parameters("\(rowCount) rows in shards of \(shardRows); both counts must be positive"), at: place)
    }
    do {
      let bound = [max(rowCount, shardRows, 1)] + exampleShape
      _ = try Tensor.byteCount(shape: bound.map { $0 == 0 ? 1 : $0 }, elementType: .float32)
    } catch {
      throw DataError(
        .tooLarge("\(rowCount) rows of shape \(exampleShape) are too large to store"), at: place)
    }
  }

  var featureCount: Int { exampleShape.reduce(1, *) }
  var shardCount: Int { (rowCount + shardRows - 1) / shardRows }

  /// The rows of a shard.
  func rows(ofShard shard: Int) -> Range<Int> { shard * shardRows..<min((shard + 1) * shardRows, rowCount) }

  /// The shape of a shard's array.
  func shape(ofShard shard: Int) -> [Int] { [rows(ofShard: shard).count] + exampleShape }

  /// The file name of a shard, as in `layer-000-00012.npy`.
  func fileName(ofShard shard: Int) -> String {
    "layer-\(padded(layerIndex, 3))-\(padded(shard, 5)).npy"
  }

  func path(ofShard shard: Int) -> String { "\(folder)/\(fileName(ofShard: shard))" }

  /// Opens a shard and checks its header and size.
  ///
  /// - Throws: `DataError` when the shard is missing, cut short or of another shape.
  func open(shard: Int) throws(DataError) -> (source: ByteSource, offset: Int) {
    let source = ByteSource(try ReadableFile(path: path(ofShard: shard)))
    let header = try NPYHeader(reading: source)
    let expected = shape(ofShard: shard)
    guard header.element == NPYElement(.float32), !header.isFortranOrder else {
      throw DataError(
        .malformed("the shard holds \(header.element) in another order than float32 rows"), at: source.place)
    }
    guard header.shape == expected else {
      throw DataError(.shape(found: header.shape, expected: expected), at: source.place)
    }
    return (source, header.byteCount)
  }

  /// How many shards from the first on are whole.
  var wholeShardCount: Int {
    var count = 0
    while count < shardCount, (try? open(shard: count)) != nil { count += 1 }
    return count
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
