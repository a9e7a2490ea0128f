internal import Foundation
internal import ONNXSchema
internal import SwiftProtobuf

/// The files that cases start from.
///
/// Test cases hold their inputs in files beside the network; they are kept with it, because an operand that decides
/// a shape has to be a constant.
struct Corpus {
  /// A network and values for its inputs, in order.
  struct File {
    let model: Onnx_ModelProto
    let inputs: [Onnx_TensorProto]
  }

  private(set) var files: [File] = []

  /// Larger files take too long to be read thousands of times.
  private static let mostBytes = 300_000

  /// Reads the ONNX files at any depth below some folders, in order of their paths.
  init(folders: [String]) {
    for folder in folders {
      var paths: [String] = []
      for case let path as String in FileManager.default.enumerator(atPath: folder) ?? .init()
      where path.hasSuffix(".onnx") {
        paths.append(folder + "/" + path)
      }
      for path in paths.sorted() {
        guard let data = FileManager.default.contents(atPath: path), data.count <= Self.mostBytes,
          let model = try? Onnx_ModelProto(serializedBytes: data)
        else { continue }
        files.append(File(model: model, inputs: Self.inputs(beside: path)))
      }
    }
  }

  private static func inputs(beside path: String) -> [Onnx_TensorProto] {
    let folder = (path as NSString).deletingLastPathComponent + "/test_data_set_0"
    var tensors: [Onnx_TensorProto] = []
    while let data = FileManager.default.contents(atPath: "\(folder)/input_\(tensors.count).pb"),
      data.count <= mostBytes, let tensor = try? Onnx_TensorProto(serializedBytes: data)
    {
      tensors.append(tensor)
    }
    return tensors
  }
}
