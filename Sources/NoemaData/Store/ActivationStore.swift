internal import Glibc
public import NoemaTensor
internal import Synchronization

/// Activations of some layers for every example of a data set, in one folder.
///
/// Rows are appended batch by batch, all layers at once, and written in shards of a fixed number of rows:
/// `.npy` files of float32 that any tool reads. A shard appears under its name when it is whole, so a run
/// that was killed continues at ``completedRows``. Shards cut short since are noticed by their size and
/// computed again.
///
/// ```swift
/// let store = try ActivationStore(
///   folder: "cache/3f2a", key: hash, layers: layers, rowCount: examples.count, shardRows: 512)
/// while store.completedRows < store.rowCount { … try store.append(batch) … }
/// try store.finish()
/// let features = try store.features(ofLayer: "layer4")   // FeatureMatrix
/// ```
///
/// One run fills a store at a time; reading is free to all threads and processes.
public final class ActivationStore: Sendable {
  /// What to do when the folder holds activations under another key, or of other layers or rows.
  public enum Mismatch: Sendable {
    /// Throw an error that says what differs.
    case fail
    /// Remove the activations and begin again.
    case startFresh
  }

  /// The folder.
  public let folder: String
  /// The hash of all that the activations depend on: model, preprocessing, data.
  public let key: String
  /// The layers, in the order in which activations are appended.
  public let layers: [StoredLayer]
  /// The rows of the finished store.
  public let rowCount: Int
  /// The rows of every shard but the last.
  public let shardRows: Int

  private let layouts: [StoreLayout]
  private let state: Mutex<State>

  private struct State: ~Copyable {
    var manifest: StoreManifest
    var shard: Int
    var writer: ShardWriter?
    var lock: StoreLock?
  }

  /// Opens a store to fill it: a new one, or the rest of one begun under the same key.
  ///
  /// - Parameters:
  ///   - folder: Made when missing.
  ///   - key: A string that changes whenever the activations would.
  ///   - layers: What is stored, with the shape of one example's activation.
  ///   - rowCount: The number of examples.
  ///   - shardRows: The rows of a file; what a kill can cost.
  ///   - mismatch: What to do with activations of another key.
  /// - Throws: `DataError` when another run fills the store, the key differs, a number is out of range or the
  ///   folder cannot be written.
  public init(
    folder: String, key: String, layers: [StoredLayer], rowCount: Int, shardRows: Int,
    mismatch: Mismatch = .fail
  ) throws(DataError) {
    guard Set(layers.map(\.name)).count == layers.count, !layers.isEmpty else {
      throw DataError(.parameters("a store needs at least one layer, and no layer twice"), at: folder)
    }
    for layer in layers {
      try StoreLayout.check(
        rowCount: rowCount, shardRows: shardRows, exampleShape: layer.exampleShape,
        place: "\(folder): layer '\(layer.name)'")
    }
    try StoreFolder.create(folder)
    let lock = try StoreLock(folder: folder)
    let wanted = StoreManifest(
      version: StoreManifest.currentVersion, key: key, rowCount: rowCount,
      layers: layers.map {
        StoreManifest.Layer(
          name: $0.name, onnxValue: $0.onnxValue, shape: [rowCount] + $0.exampleShape, shardRows: shardRows,
          files: [])
      },
      complete: false)
    try ActivationStore.prepare(folder, wanted, mismatch)
    self.folder = folder
    self.key = key
    self.layers = layers
    self.rowCount = rowCount
    self.shardRows = shardRows
    layouts = layers.enumerated().map { index, layer in
      StoreLayout(
        folder: folder, layerIndex: index, rowCount: rowCount, shardRows: shardRows,
        exampleShape: layer.exampleShape)
    }
    state = Mutex(State(manifest: wanted, shard: 0, writer: nil, lock: lock))
    try resume()
  }

  /// Removes what the store wrote, and its folder if nothing else is in it.
  public func remove() {
    StoreFolder.remove(in: folder) { name in
      name == StoreManifest.fileName || name == StoreLock.fileName
        || name.hasPrefix("layer-") && name.hasSuffix(".npy")
    }
    rmdir(folder)
  }

  /// Opens a finished store to read it.
  ///
  /// - Throws: `DataError` when there is no store, it is not finished, or a shard is missing or cut short.
  public init(reading folder: String) throws(DataError) {
    guard let manifest = try StoreManifest.read(folder: folder), let first = manifest.layers.first else {
      throw DataError(.missingFile, at: "\(folder)/\(StoreManifest.fileName)")
    }
    self.folder = folder
    key = manifest.key
    rowCount = manifest.rowCount
    shardRows = first.shardRows
    layers = manifest.layers.map {
      StoredLayer(name: $0.name, onnxValue: $0.onnxValue, exampleShape: Array($0.shape.dropFirst()))
    }
    layouts = manifest.layers.enumerated().map { index, layer in
      StoreLayout(
        folder: folder, layerIndex: index, rowCount: manifest.rowCount, shardRows: layer.shardRows,
        exampleShape: Array(layer.shape.dropFirst()))
    }
    let shardCount = layouts[0].shardCount
    state = Mutex(State(manifest: manifest, shard: shardCount, writer: nil, lock: nil))
    guard manifest.complete else { throw ActivationStore.unfinished(folder) }
    for layout in layouts {
      for shard in 0..<layout.shardCount { _ = try layout.open(shard: shard) }
    }
  }

  /// The rows that are stored for good; appending continues with this row after an interruption.
  ///
  /// Rows of a shard that is not whole yet do not count.
  public var completedRows: Int { state.withLock { min($0.shard * shardRows, rowCount) } }

  /// Whether every row of every layer is stored and the store was finished.
  public var isComplete: Bool { state.withLock { $0.manifest.complete } }

  /// Appends the next rows of every layer.
  ///
  /// - Parameter activations: For each layer in the order of ``layers``, a float32 tensor `[n] +
  ///   exampleShape`.
  /// - Throws: `DataError` when a shape or type differs, values are NaN or infinite, there are too many rows,
  ///   or writing fails; after a failed write the unfinished shard is dropped and appending resumes at
  ///   ``completedRows``.
  public func append(_ activations: [Tensor]) throws(DataError) {
    let count = try check(activations)
    try locked { state throws(DataError) in
      let begun = min(state.shard * shardRows, rowCount) + (state.writer?.rowCount ?? 0)
      guard state.lock != nil, count <= rowCount - begun else {
        throw DataError(
          .parameters("\(count) rows appended after \(begun) of \(rowCount); the store takes no more"),
          at: folder)
      }
      do throws(DataError) {
        try append(activations, count, &state)
      } catch {
        state.writer = nil
        throw error
      }
    }
  }

  /// Marks the store as whole, so that it can be read.
  ///
  /// - Throws: `DataError` when rows are missing or the manifest cannot be written.
  public func finish() throws(DataError) {
    try locked { state throws(DataError) in
      if state.manifest.complete { return }
      guard state.shard == layouts[0].shardCount else { throw ActivationStore.unfinished(folder) }
      var manifest = state.manifest
      manifest.complete = true
      try manifest.write(folder: folder)
      state.manifest = manifest
      state.lock = nil
    }
  }

  /// The stored activations of a layer.
  ///
  /// - Throws: `DataError.unknownName` with near names, and an error when the store is not finished.
  public func features(ofLayer name: String) throws(DataError) -> StoredFeatures {
    guard let index = layers.firstIndex(where: { $0.name == name }) else {
      throw DataError(
        .unknownName(name, what: "layer", suggestions: EditDistance.nearest(name, in: layers.map(\.name))),
        at: folder)
    }
    guard isComplete else { throw ActivationStore.unfinished(folder) }
    return StoredFeatures(layer: layers[index], layout: layouts[index])
  }

  private static func unfinished(_ folder: String) -> DataError {
    DataError(
      .parameters("the activation store is not finished; run the command that fills it again"), at: folder)
  }

  /// Leaves in the folder only what belongs to the wanted activations.
  private static func prepare(_ folder: String, _ wanted: StoreManifest, _ mismatch: Mismatch)
    throws(DataError)
  {
    var found: StoreManifest?
    do {
      found = try StoreManifest.read(folder: folder)
    } catch {
      guard mismatch == .startFresh else { throw error }
    }
    if let found, !found.agrees(with: wanted), mismatch == .fail {
      let what =
        found.key == wanted.key
        ? "other layers, rows or shard sizes under the same key"
        : "activations of key '\(found.key)', not '\(wanted.key)'"
      throw DataError(
        .parameters("the folder holds \(what); choose another folder or start fresh"), at: folder)
    }
    let keepsShards = found.map { $0.agrees(with: wanted) } ?? false
    StoreFolder.remove(in: folder) { name in
      let isShard = name.hasPrefix("layer-") && name.hasSuffix(".npy")
      let isPartial = name.hasPrefix(".layer-") || name.hasPrefix(".\(StoreManifest.fileName)")
      return isPartial && name.hasSuffix(AtomicFile.unfinishedSuffix) || isShard && !keepsShards
    }
  }

  /// Counts the shards that are whole in every layer and writes that down.
  private func resume() throws(DataError) {
    let whole = layouts.map(\.wholeShardCount).min() ?? 0
    try locked { state throws(DataError) in
      let isWhole = whole == layouts[0].shardCount
      let wasComplete = ((try? StoreManifest.read(folder: folder)) ?? nil)?.complete ?? false
      state.shard = whole
      state.manifest.complete = isWhole && wasComplete
      listFiles(&state)
      try state.manifest.write(folder: folder)
      if state.manifest.complete { state.lock = nil }
    }
  }

  private func listFiles(_ state: inout State) {
    for (index, layout) in layouts.enumerated() {
      state.manifest.layers[index].files = (0..<state.shard).map(layout.fileName)
    }
  }

  private func check(_ activations: [Tensor]) throws(DataError) -> Int {
    guard activations.count == layers.count else {
      throw DataError(
        .parameters("activations of \(activations.count) layers appended, the store holds \(layers.count)"),
        at: folder)
    }
    let count = activations.first?.shape.first ?? 0
    for (layer, tensor) in zip(layers, activations) {
      let place = "\(folder): layer '\(layer.name)'"
      guard tensor.elementType == .float32 else {
        throw DataError(
          .parameters("activations of \(tensor.elementType), the store holds float32"), at: place)
      }
      guard tensor.shape == [count] + layer.exampleShape else {
        throw DataError(.shape(found: tensor.shape, expected: [count] + layer.exampleShape), at: place)
      }
      if let offset = tensor.firstNonFinite() {
        let row = offset / max(layer.featureCount, 1)
        throw DataError(.notFinite("an activation in row \(row) of the batch is NaN or infinite"), at: place)
      }
    }
    return count
  }

  private func append(_ activations: [Tensor], _ count: Int, _ state: inout State) throws(DataError) {
    var start = 0
    while start < count {
      if state.writer == nil { state.writer = try ShardWriter(layouts: layouts, shard: state.shard) }
      guard let writer = state.writer else { return }
      let end = min(count, start + writer.missingRows)
      try writer.append(activations, rows: start..<end)
      start = end
      guard writer.missingRows == 0 else { return }
      state.writer = nil
      try writer.finish()
      state.shard += 1
      listFiles(&state)
      try state.manifest.write(folder: folder)
    }
  }

  /// Runs `body` with the state; the lock's own call cannot carry a typed error.
  private func locked(_ body: (inout State) throws(DataError) -> Void) throws(DataError) {
    var failure: DataError?
    state.withLock { state in
      do throws(DataError) { try body(&state) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
