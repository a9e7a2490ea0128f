internal import Foundation
public import NoemaAttribution
internal import NoemaData
public import NoemaGraph
public import NoemaTensor

/// A concept activation vector of an earlier study, with all that it belongs to.
///
/// It is refused by another model, another layer or another pooling, because there it would be a direction
/// without meaning.
public struct SavedCAV: Sendable, Hashable {
  /// The concept.
  public let concept: String
  /// The layer's name and its ONNX value.
  public let layer, onnxValue: String
  /// How positions were brought together.
  public let pooling: Pooling
  /// The shape of the layer's value for one example, after pooling.
  public let shape: [Int]
  /// The SHA-256 of the model file.
  public let modelHash: String
  /// The unit direction, flattened in row-major order.
  public let direction: [Float]

  /// The CAVs of a result folder.
  ///
  /// - Throws: `DataError` when files are missing, `ConceptError.malformed` when they do not fit each other.
  public static func read(folder: String) throws -> [SavedCAV] {
    struct Entry: Decodable {
      var layer, onnxValue, concept, pooling, modelHash: String
      var shape: [Int]
      var offset: Int
    }
    struct Record: Decodable {
      var schema: String
      var cavs: [Entry]
    }
    let path = "\(folder)/result.json"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw DataError(.missingFile, at: path)
    }
    guard let record = try? JSONDecoder().decode(Record.self, from: data), record.schema == "noema.tcav/1"
    else {
      throw ConceptError(
        .malformed("this is not the result of a concept study (schema noema.tcav/1)"), at: path)
    }
    let values = try NPYFile.read("\(folder)/cavs.npy").converted(to: .float32).elements(as: Float.self)
    return try record.cavs.map { entry in
      var count = 1
      for extent in entry.shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: extent)
        guard extent > 0, !overflow, product <= values.count else { count = -1; break }
        count = product
      }
      guard count > 0, entry.offset >= 0, entry.offset <= values.count - count,
        let pooling = Pooling(rawValue: entry.pooling)
      else {
        throw ConceptError(
          .malformed("the CAV of '\(entry.concept)' at '\(entry.layer)' does not fit cavs.npy"), at: path)
      }
      return SavedCAV(
        concept: entry.concept, layer: entry.layer, onnxValue: entry.onnxValue, pooling: pooling,
        shape: entry.shape,
        modelHash: entry.modelHash, direction: Array(values[entry.offset..<(entry.offset + count)]))
    }
  }

  /// Refuses a model or features that the CAV does not belong to.
  ///
  /// - Throws: `ConceptError.mismatch` saying what differs.
  public func check(model: Network, onnxValue: String, pooling: Pooling, featureCount: Int)
    throws(ConceptError)
  {
    func refuse(_ what: String) throws(ConceptError) {
      throw ConceptError(
        .mismatch("the CAV of '\(concept)' belongs to \(what); run the study again for this one"), at: layer)
    }
    if model.hash != modelHash {
      try refuse("another model (SHA-256 \(modelHash.prefix(12))…, not \(model.hash.prefix(12))…)")
    }
    if onnxValue != self.onnxValue { try refuse("the layer '\(self.onnxValue)', not '\(onnxValue)'") }
    if pooling != self.pooling {
      try refuse("activations pooled by '\(self.pooling.rawValue)', not '\(pooling.rawValue)'")
    }
    if featureCount != direction.count { try refuse("\(direction.count) features, not \(featureCount)") }
  }

  /// How much each example's activation points along the CAV: the cosine, by which images are sorted.
  ///
  /// - Parameters:
  ///   - features: activations, examples × features.
  ///   - centred: whether the examples' mean is subtracted first, which usually sorts better; the paper does not.
  /// - Returns: cosines in [-1, 1]; 0 for activations of length zero.
  /// - Throws: what reading a block throws.
  public func cosines(_ features: some FeatureMatrix, centred: Bool = true) throws -> [Double] {
    let (n, d) = (features.rowCount, features.columnCount)
    precondition(d == direction.count, "check first")
    guard n > 0 else { return [] }
    let width = max(1, min(d, (64 << 20) / (4 * n)))
    var block = [Float](repeating: 0, count: n * width)
    var (along, squares) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
    for start in stride(from: 0, to: d, by: width) {
      let columns = start..<min(start + width, d)
      try block.withUnsafeMutableBufferPointer {
        try features.copyBlock(
          rows: 0..<n, columns: columns, to: UnsafeMutableBufferPointer(rebasing: $0[..<(n * columns.count)]))
      }
      for column in 0..<columns.count {
        var mean = 0.0
        if centred { for row in 0..<n { mean += Double(block[row * columns.count + column]) / Double(n) } }
        let weight = Double(direction[start + column])
        for row in 0..<n {
          let value = Double(block[row * columns.count + column]) - mean
          along[row] += value * weight
          squares[row] += value * value
        }
      }
    }
    return zip(along, squares).map { $1 > 0 ? max(-1, min(1, $0 / $1.squareRoot())) : 0 }
  }
}
