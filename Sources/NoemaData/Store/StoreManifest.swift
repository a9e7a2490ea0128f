internal import Foundation

/// A layer whose activations a store holds.
public struct StoredLayer: Sendable, Hashable, Codable {
  /// The name users know the layer by.
  public let name: String
  /// The value of the ONNX graph that is stored.
  public let onnxValue: String
  /// The extents of one example's activation, without the batch axis.
  public let exampleShape: [Int]

  /// Describes a layer.
  public init(name: String, onnxValue: String, exampleShape: [Int]) {
    self.name = name
    self.onnxValue = onnxValue
    self.exampleShape = exampleShape
  }

  /// The number of features of an example: the product of the shape.
  public var featureCount: Int { exampleShape.reduce(1, *) }
}

/// What `manifest.json` says about an activation store.
struct StoreManifest: Codable, Equatable {
  struct Layer: Codable, Equatable {
    let name: String
    let onnxValue: String
    /// Of the whole layer: the first axis counts rows.
    let shape: [Int]
    let shardRows: Int
    /// The shards that are whole.
    var files: [String]
  }

  static let fileName = "manifest.json"
  static let currentVersion = 1
  private static let maximumByteCount = 1 << 26

  let version: Int
  let key: String
  let rowCount: Int
  var layers: [Layer]
  var complete: Bool

  /// Reads the manifest of a folder and checks its numbers; nil when there is none.
  ///
  /// - Throws: `DataError` when it is no manifest or its numbers make no sense.
  static func read(folder: String) throws(DataError) -> StoreManifest? {
    let path = "\(folder)/\(fileName)"
    let bytes: [UInt8]
    do {
      bytes = try ReadableFile.contents(of: path, limit: maximumByteCount)
    } catch {
      if error.kind == .missingFile { return nil }
      throw error
    }
    guard let manifest = try? JSONDecoder().decode(StoreManifest.self, from: Data(bytes)) else {
      throw DataError(.malformed("this is not the manifest of an activation store"), at: path)
    }
    guard manifest.version == currentVersion else {
      throw DataError(
        .unsupported("store version \(manifest.version); delete the folder to start again"), at: path)
    }
    for layer in manifest.layers {
      try StoreLayout.check(
        rowCount: manifest.rowCount, shardRows: layer.shardRows, exampleShape: Array(layer.shape.dropFirst()),
        place: path)
      guard layer.shape.first == manifest.rowCount else {
        throw DataError(
          .shape(found: layer.shape, expected: [manifest.rowCount] + layer.shape.dropFirst()), at: path)
      }
    }
    return manifest
  }

  /// Writes the manifest, the old one staying until the new is whole.
  ///
  /// - Throws: `DataError` when the system refuses.
  func write(folder: String) throws(DataError) {
    let path = "\(folder)/\(StoreManifest.fileName)"
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      throw DataError(.parameters("the names of the layers cannot be written as JSON"), at: path)
    }
    try AtomicFile.write(Array(data), to: path)
  }

  /// Whether both describe the same rows of the same layers, however many of them are there.
  func agrees(with other: StoreManifest) -> Bool {
    key == other.key && rowCount == other.rowCount
      && layers.elementsEqual(other.layers) {
        $0.name == $1.name && $0.onnxValue == $1.onnxValue && $0.shape == $1.shape
          && $0.shardRows == $1.shardRows
      }
  }
}
