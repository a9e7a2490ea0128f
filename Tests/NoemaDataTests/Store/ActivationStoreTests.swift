internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Suite struct ActivationStoreTests {
  private let layers = [
    StoredLayer(name: "conv", onnxValue: "/conv/Conv_output_0", exampleShape: [2, 3]),
    StoredLayer(name: "head", onnxValue: "logits", exampleShape: [4]),
  ]

  /// Activations of rows, each element telling its layer, row and feature.
  private func activations(_ rows: Range<Int>) -> [Tensor] {
    layers.enumerated().map { index, layer in
      Tensor(
        shape: [rows.count] + layer.exampleShape,
        rows.flatMap { row in (0..<layer.featureCount).map { Float(index * 10_000 + row * 10 + $0) } })
    }
  }

  private func open(
    _ folder: ScratchFolder, key: String = "k", rowCount: Int = 10, shardRows: Int = 4,
    _ mismatch: ActivationStore.Mismatch = .fail
  ) throws(DataError) -> ActivationStore {
    try ActivationStore(
      folder: folder.file("store"), key: key, layers: layers, rowCount: rowCount, shardRows: shardRows,
      mismatch: mismatch)
  }

  private func fill(_ store: ActivationStore, upTo end: Int, batch: Int = 3) throws {
    var row = store.completedRows
    while row < end {
      let next = min(row + batch, end)
      try store.append(activations(row..<next))
      row = next
    }
  }

  private func expectWhole(_ store: ActivationStore, sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    for (layer, tensor) in zip(layers, activations(0..<store.rowCount)) {
      let features = try store.features(ofLayer: layer.name)
      #expect(features.rowCount == store.rowCount, sourceLocation: sourceLocation)
      #expect(features.columnCount == layer.featureCount, sourceLocation: sourceLocation)
      #expect(try features.rows(0..<store.rowCount) == tensor, sourceLocation: sourceLocation)
    }
  }

  private func storeNames(_ folder: ScratchFolder) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.file("store"))) ?? []).sorted()
  }

  @Test(arguments: [1, 3, 4, 10])
  func fillsAndReads(batch: Int) throws {
    let folder = try ScratchFolder()
    let store = try open(folder)
    try fill(store, upTo: 10, batch: batch)
    #expect(store.completedRows == 10)
    #expect(!store.isComplete)
    try store.finish()
    try expectWhole(store)
    let again = try ActivationStore(reading: folder.file("store"))
    #expect(again.layers == layers)
    #expect(again.key == "k")
    try expectWhole(again)
    #expect(
      storeNames(folder) == [
        ".lock", "layer-000-00000.npy", "layer-000-00001.npy", "layer-000-00002.npy", "layer-001-00000.npy",
        "layer-001-00001.npy", "layer-001-00002.npy", "manifest.json",
      ])
    #expect(try NPYFile.read(folder.file("store/layer-000-00002.npy")) == activations(8..<10)[0])
  }

  @Test func manifestTellsWhatIsThere() throws {
    let folder = try ScratchFolder()
    let store = try open(folder)
    try fill(store, upTo: 7)
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("store/manifest.json")))
    let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(manifest["key"] as? String == "k")
    #expect(manifest["complete"] as? Bool == false)
    let first = try #require((manifest["layers"] as? [[String: Any]])?.first)
    #expect(first["name"] as? String == "conv")
    #expect(first["onnxValue"] as? String == "/conv/Conv_output_0")
    #expect(first["shape"] as? [Int] == [10, 2, 3])
    #expect(first["shardRows"] as? Int == 4)
    #expect(first["files"] as? [String] == ["layer-000-00000.npy"])
  }

  @Test func resumesAfterAKill() throws {
    let folder = try ScratchFolder()
    do {
      let store = try open(folder)
      try fill(store, upTo: 7)
      #expect(store.completedRows == 4)
    }
    // A killed process leaves unfinished files and may have named the shard of one layer only.
    let partial = folder.file("store/.layer-000-00001.npy.99.1.partial")
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: partial))
    try NPYFile.write(activations(4..<8)[0], to: folder.file("store/layer-000-00001.npy"))
    let store = try open(folder)
    #expect(store.completedRows == 4)
    #expect(!FileManager.default.fileExists(atPath: partial))
    try fill(store, upTo: 10)
    try store.finish()
    try expectWhole(store)
  }

  @Test func finishedStoresStayFinished() throws {
    let folder = try ScratchFolder()
    do {
      let store = try open(folder)
      try fill(store, upTo: 10)
      try store.finish()
    }
    let store = try open(folder)
    #expect(store.isComplete)
    #expect(store.completedRows == 10)
    try store.finish()
    try expectWhole(store)
    #expect(throws: DataError.self) { try store.append(activations(0..<1)) }
  }

  @Test(arguments: [0, 100, 150, 223])
  func shortShardsAreComputedAgain(length: Int) throws {
    let folder = try ScratchFolder()
    do {
      let store = try open(folder)
      try fill(store, upTo: 10)
      try store.finish()
    }
    // 128 bytes of header and 4 rows of 6 floats.
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("store/layer-000-00001.npy"))).count == 224)
    #expect(truncate(folder.file("store/layer-000-00001.npy"), length) == 0)
    #expect(throws: DataError.self) { _ = try ActivationStore(reading: folder.file("store")) }
    let store = try open(folder)
    #expect(store.completedRows == 4)
    #expect(!store.isComplete)
    #expect(throws: DataError.self) { _ = try store.features(ofLayer: "conv") }
    try fill(store, upTo: 10)
    try store.finish()
    try expectWhole(store)
  }

  @Test func anotherKeyIsAnErrorOrAFreshStart() throws {
    let folder = try ScratchFolder()
    do {
      let store = try open(folder)
      try fill(store, upTo: 10)
      try store.finish()
    }
    let error = dataError { _ = try open(folder, key: "other") }
    #expect(
      error?.description
        == "\(folder.file("store")): the folder holds activations of key 'k', not 'other'; "
        + "choose another folder or start fresh")
    #expect(
      dataError { _ = try open(folder, shardRows: 5) }?.description.contains("under the same key") == true)
    #expect(try ActivationStore(reading: folder.file("store")).isComplete)
    let store = try open(folder, key: "other", .startFresh)
    #expect(store.completedRows == 0)
    #expect(storeNames(folder) == [".lock", "manifest.json"])
    try fill(store, upTo: 10)
    try store.finish()
    try expectWhole(store)
  }

  @Test func oneRunFillsAStore() throws {
    let folder = try ScratchFolder()
    let store = try open(folder)
    #expect(dataError { _ = try open(folder) }?.category == .inputOutput)
    try fill(store, upTo: 10)
    try store.finish()
    // A finished store needs no lock.
    #expect(try open(folder).isComplete)
  }

  @Test func appendIsChecked() throws {
    let folder = try ScratchFolder()
    let store = try open(folder)
    #expect(dataError { try store.append([activations(0..<1)[0]]) }?.category == .usage)
    #expect(dataError { try store.append(activations(0..<11)) }?.category == .usage)
    let uneven = [activations(0..<2)[0], activations(0..<1)[1]]
    #expect(dataError { try store.append(uneven) }?.kind == .shape(found: [1, 4], expected: [2, 4]))
    let double = [activations(0..<1)[0].converted(to: .float64), activations(0..<1)[1]]
    #expect(dataError { try store.append(double) }?.category == .usage)
    let bad = [activations(0..<1)[0], Tensor(shape: [1, 4], [1, .nan, 0, 0] as [Float])]
    #expect(
      dataError { try store.append(bad) }?.description
        == "\(folder.file("store")): layer 'head': an activation in row 0 of the batch is NaN or infinite")
    #expect(throws: DataError.self) { try store.finish() }
    #expect(store.completedRows == 0)
    try fill(store, upTo: 10)
    try store.finish()
    #expect(
      dataError { _ = try store.features(ofLayer: "haed") }?.description
        == "\(folder.file("store")): no layer named 'haed'; did you mean 'head'?")
  }

  @Test func settingsAreChecked() throws {
    let folder = try ScratchFolder()
    #expect(throws: DataError.self) { _ = try open(folder, shardRows: 0) }
    #expect(throws: DataError.self) { _ = try open(folder, rowCount: -1) }
    #expect(throws: DataError.self) { _ = try open(folder, rowCount: .max) }
    #expect(throws: DataError.self) {
      _ = try ActivationStore(folder: folder.path, key: "k", layers: [], rowCount: 1, shardRows: 1)
    }
    #expect(throws: DataError.self) {
      _ = try ActivationStore(
        folder: folder.path, key: "k", layers: [layers[0], layers[0]], rowCount: 1, shardRows: 1)
    }
    #expect(dataError { _ = try ActivationStore(reading: folder.file("none")) }?.kind == .missingFile)
  }

  @Test func noRowsAtAll() throws {
    let folder = try ScratchFolder()
    let store = try open(folder, rowCount: 0)
    try store.finish()
    #expect(try store.features(ofLayer: "head").rows(0..<0).shape == [0, 4])
  }

  @Test func blocksCrossShards() throws {
    let folder = try ScratchFolder()
    let store = try open(folder)
    try fill(store, upTo: 10)
    try store.finish()
    let features = try store.features(ofLayer: "conv")
    let inMemory = try TensorFeatures(activations(0..<10)[0])
    for first in 0..<10 {
      for last in first..<10 {
        for columns in [0..<6, 0..<1, 2..<5, 5..<6, 3..<3] {
          #expect(
            try block(features, rows: first..<last + 1, columns: columns)
              == block(inMemory, rows: first..<last + 1, columns: columns))
        }
      }
    }
  }

  @Test func readsConcurrently() async throws {
    let folder = try ScratchFolder()
    let store = try open(folder, rowCount: 200, shardRows: 16)
    try fill(store, upTo: 200, batch: 32)
    try store.finish()
    let features = try store.features(ofLayer: "conv")
    let inMemory = try TensorFeatures(activations(0..<200)[0])
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for task in 0..<16 {
        group.addTask {
          var wrong = 0
          for step in 0..<50 {
            let start = (task * 37 + step * 11) % 150
            let columns = step % 2 == 0 ? 0..<6 : 1..<4
            let rows = start..<start + 50
            if try block(features, rows: rows, columns: columns)
              != block(inMemory, rows: rows, columns: columns)
            {
              wrong += 1
            }
          }
          return wrong
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }

  @Test func damagedManifestsAreRefused() throws {
    let folder = try ScratchFolder()
    do {
      let store = try open(folder)
      try fill(store, upTo: 10)
      try store.finish()
    }
    let path = folder.file("store/manifest.json")
    let bytes = try ReadableFile.contents(of: path)
    for length in bytes.indices {
      try AtomicFile.write(Array(bytes[..<length]), to: path)
      #expect(throws: DataError.self) { _ = try ActivationStore(reading: folder.file("store")) }
    }
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x09
      try AtomicFile.write(damaged, to: path)
      guard let store = try? ActivationStore(reading: folder.file("store")) else { continue }
      for layer in store.layers { _ = try? store.features(ofLayer: layer.name).rows(0..<store.rowCount) }
    }
    try AtomicFile.write(Array("{}".utf8), to: path)
    #expect(throws: DataError.self) { _ = try open(folder) }
    #expect(try open(folder, .startFresh).completedRows == 0)
  }
}
