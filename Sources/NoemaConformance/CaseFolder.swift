internal import Foundation

/// A test case on disk, in either arrangement of the ONNX backend tests.
///
/// A folder holds `model.onnx` beside `test_data_set_*` with `input_N.pb` and `output_N.pb`. A light case is
/// a file `NAME.onnx` beside `NAME_output_N.pb`; its inputs are generated.
struct CaseFolder {
  /// The folder, or the file of a light case.
  let path: String

  /// The name that reports show: the folder's, or the file's without ending.
  var name: String {
    let last = (path as NSString).lastPathComponent
    return isLight ? (last as NSString).deletingPathExtension : last
  }
  /// Whether the case is one file whose inputs are generated.
  var isLight: Bool { path.hasSuffix(".onnx") }
  /// The model's file.
  var model: String { isLight ? path : path + "/model.onnx" }

  /// Input and output files of each data set, in order; a light case has one set without inputs.
  func dataSets() throws -> [(inputs: [String], outputs: [String])] {
    if isLight {
      let folder = (path as NSString).deletingLastPathComponent
      return [([], try Self.numbered(name + "_output_", in: folder))]
    }
    let sets = try FileManager.default.contentsOfDirectory(atPath: path)
      .filter { $0.hasPrefix("test_data_set_") }.sorted {
        $0.compare($1, options: .numeric) == .orderedAscending
      }
    return try sets.map { set in
      (try Self.numbered("input_", in: path + "/" + set), try Self.numbered("output_", in: path + "/" + set))
    }
  }

  /// The files `PREFIXn.pb` of a folder by their number.
  private static func numbered(_ prefix: String, in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder)
      .compactMap { file -> (number: Int, file: String)? in
        guard file.hasPrefix(prefix), file.hasSuffix(".pb") else { return nil }
        return Int(file.dropFirst(prefix.count).dropLast(3)).map { ($0, file) }
      }
      .sorted { $0.number < $1.number }.map { folder + "/" + $0.file }
  }

  /// The cases at any depth below a folder, by path.
  static func find(below root: String) -> [CaseFolder] {
    var found: [String] = []
    let files = FileManager.default
    for case let file as String in files.enumerator(atPath: root) ?? .init() where file.hasSuffix(".onnx") {
      let whole = root + "/" + file
      if (file as NSString).lastPathComponent == "model.onnx" {
        found.append((whole as NSString).deletingLastPathComponent)
      } else if files.fileExists(atPath: whole.dropLast(5) + "_output_0.pb") {
        found.append(whole)
      }
    }
    return found.sorted().map { CaseFolder(path: $0) }
  }
}
