internal import Foundation
internal import Noema

/// Relevance maps that were made elsewhere: a `.npy` array with examples first, or an HDF5 file as CoRelAy and zennit
/// write it, with `attribution`, and as far as they are there `label`, `prediction` and `index`.
struct AttributionFile {
  let path: String
  let count: Int
  /// The class that each map is for.
  let labels: [Int]?
  /// The model's outputs, `[maps, classes]`.
  let predictions: Tensor?
  /// The number in the data set of each map's example.
  let samples: [Int]
  private let content: Content

  private enum Content {
    case array(MappedNPY)
    case dataset(HDF5File)
    /// Maps under names, in the order of the names.
    case group(HDF5File, [String])
  }

  init(path: String) throws {
    self.path = path
    let name = path.lowercased()
    if name.hasSuffix(".npy") {
      let array = try MappedNPY(path: path)
      (content, count) = (.array(array), array.rowCount)
      (labels, predictions, samples) = (nil, nil, Array(0..<array.rowCount))
    } else if [".h5", ".hdf5"].contains(where: name.hasSuffix) {
      let file = try HDF5File(path)
      let keys = try file.isGroup("attribution") ? Self.sorted(try file.names(in: "attribution")) : nil
      let rows = try keys?.count ?? file.dataset("attribution").shape.first ?? 0
      (content, count) = (keys.map { .group(file, $0) } ?? .dataset(file), rows)
      let names = Set(try file.names())
      labels = try names.contains("label") ? Self.labels(file, keys, rows) : nil
      predictions = try names.contains("prediction") ? Self.predictions(file, keys, rows) : nil
      samples = try names.contains("index") ? Self.samples(file, rows) : Array(0..<rows)
    } else {
      throw DataError(.unsupported("relevance maps come from a .npy, .h5 or .hdf5 file"), at: path)
    }
    guard count > 0 else { throw DataError(.empty("the array of relevance maps"), at: path) }
  }

  /// Some maps, examples first.
  func maps(_ rows: Range<Int>) throws -> Tensor {
    switch content {
    case .array(let array): return try array.rows(rows)
    case .dataset(let file): return try file.read("attribution", rows: rows)
    case .group(let file, let keys):
      let parts = try rows.map { row in
        let map = try file.read("attribution/\(keys[row])").converted(to: .float32)
        return map.reshaped(to: [1] + map.shape)
      }
      if let row = parts.indices.first(where: { parts[$0].shape != parts[0].shape }) {
        throw DataError(
          .shape(found: Array(parts[row].shape.dropFirst()), expected: Array(parts[0].shape.dropFirst())),
          at: "\(path): attribution/\(keys[rows.lowerBound + row]) (bring all maps to one size)")
      }
      return try Tensor.stacked(parts)
    }
  }

  /// What the example of a map is called.
  func name(of row: Int) -> String {
    if case .group(_, let keys) = content { return keys[row] }
    return "\((path as NSString).lastPathComponent)[\(samples[row])]"
  }

  /// The class with the largest output for each map.
  var answers: [Int]? { predictions.map { $0.converted(to: .float32).largestIndices() } }

  // MARK: HDF5

  /// Names with numbers in the order of the numbers.
  private static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
  }

  /// One class a map: numbers, or rows of truth values with one true.
  private static func labels(_ file: HDF5File, _ keys: [String]?, _ rows: Int) throws -> [Int] {
    let all = try stacked("label", file, keys)
    let place = "\(file.path): label"
    guard [1, 2].contains(all.rank), all.shape[0] == rows else {
      throw DataError(.shape(found: all.shape, expected: [rows]), at: place)
    }
    if all.rank == 1 || all.shape[1] == 1 { return try wholeNumbers(all, place) }
    let width = all.shape[1], values = all.converted(to: .bool).elements(as: Bool.self)
    return try (0..<rows).map { row in
      let classes = (0..<width).filter { values[row * width + $0] }
      guard classes.count == 1 else {
        throw DataError(
          .unsupported(
            "row \(row) has \(classes.count) labels; give the one that each map is for with --labels"),
          at: place)
      }
      return classes[0]
    }
  }

  private static func predictions(_ file: HDF5File, _ keys: [String]?, _ rows: Int) throws -> Tensor {
    let all = try stacked("prediction", file, keys)
    guard all.rank == 2, all.shape[0] == rows, all.shape[1] > 0 else {
      throw DataError(.shape(found: all.shape, expected: [rows, -1]), at: "\(file.path): prediction")
    }
    return all.converted(to: .float32)
  }

  private static func samples(_ file: HDF5File, _ rows: Int) throws -> [Int] {
    let all = try file.read("index")
    guard all.shape == [rows] else {
      throw DataError(.shape(found: all.shape, expected: [rows]), at: "\(file.path): index")
    }
    return try wholeNumbers(all, "\(file.path): index")
  }

  /// A data set, or those of a group below each other.
  private static func stacked(_ name: String, _ file: HDF5File, _ keys: [String]?) throws -> Tensor {
    guard let keys, try file.isGroup(name) else { return try file.read(name) }
    let parts = try keys.map { key in
      let part = try file.read("\(name)/\(key)")
      return part.reshaped(to: [1] + part.shape)
    }
    guard let first = parts.first,
      parts.allSatisfy({ $0.shape == first.shape && $0.elementType == first.elementType })
    else { throw DataError(.malformed("its parts differ in shape or type"), at: "\(file.path): \(name)") }
    return try Tensor.stacked(parts)
  }

  private static func wholeNumbers(_ tensor: Tensor, _ place: String) throws -> [Int] {
    let values = tensor.converted(to: .float64).elements(as: Double.self)
    guard values.allSatisfy({ $0 == $0.rounded() && $0 >= 0 && $0 < 1e9 }) else {
      throw DataError(.malformed("numbers must be whole and from 0"), at: place)
    }
    return values.map { Int($0) }
  }
}
