import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Parameters in files of their own: read beside the model, never from anywhere else.
@Suite struct ExternalDataTests {
  /// `outer/secret.bin` and `outer/model/{net.onnx,weights.bin}`, removed at the end.
  private final class Folders {
    let outer = FileManager.default.temporaryDirectory.appendingPathComponent("noema-\(UUID().uuidString)")
    var model: URL { outer.appendingPathComponent("model") }
    let numbers: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]

    init() throws {
      let folder = model.appendingPathComponent("parts")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let data = numbers.withUnsafeBytes { Data($0) }
      for file in ["model/weights.bin", "model/parts/weights.bin", "secret.bin"] {
        try data.write(to: outer.appendingPathComponent(file))
      }
      try FileManager.default.createSymbolicLink(
        at: model.appendingPathComponent("link.bin"),
        withDestinationURL: outer.appendingPathComponent("secret.bin"))
    }

    deinit { try? FileManager.default.removeItem(at: outer) }

    /// `y = w` through a product with the identity of its rows.
    func network(_ entries: [String: String]) throws -> Network {
      var draft = ModelDraft()
      draft.input("x", [nil, 2])
      draft.externalInitialiser("w", shape: [2, 2], entries: entries)
      draft.node("MatMul", ["x", "w"], ["y"])
      draft.output("y")
      let path = model.appendingPathComponent("net.onnx").path
      try draft.write(to: path)
      return try Network(contentsOf: path)
    }
  }

  @Test(arguments: [
    (["location": "weights.bin"], nil as Int?),
    (["location": "weights.bin", "offset": "8", "length": "16"], 2),
    (["location": "parts/weights.bin", "offset": "16"], 4),
    (["location": "./weights.bin"], nil),
  ])
  func dataBesideTheModelAreRead(_ entries: [String: String], _ first: Int?) throws {
    let folders = try Folders()
    let graph = try folders.network(entries).graph(batch: 2)
    let rows = try graph.interpreted([Tensor(shape: [2, 2], [Float(1), 0, 0, 1])])[0]
    let start = first ?? 0
    #expect(rows.elements(as: Float.self) == Array(folders.numbers[start..<start + 4]))
  }

  @Test(arguments: [
    ("../secret.bin", "lies outside the model's folder"),
    ("parts/../../secret.bin", "lies outside the model's folder"),
    ("link.bin", "lies outside the model's folder"),
    ("..", "lies outside the model's folder"),
    ("/etc/passwd", "lies outside the model's folder"),
    ("", "external data without a location"),
    ("parts", "external data 'parts' is not beside the model"),
  ])
  func otherFilesAreRefused(_ location: String, _ message: String) throws {
    let error = #expect(throws: GraphError.self) { try Folders().network(["location": location]) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    #expect(error?.place == "tensor 'w'")
  }

  @Test(arguments: [
    (["offset": "24"], "external data 'weights.bin' is shorter than 24 + 16 bytes"),
    (["offset": "99999999999999999999"], "offset or length of external data 'weights.bin' is no number"),
    (["offset": "-8"], "offset or length of external data 'weights.bin' is no number"),
    (["length": "20"], "shape [2, 2] needs 16 bytes, external data has 20"),
    (["length": "-16"], "shape [2, 2] needs 16 bytes, external data has -16"),
    (["offset": "18446744073709551615"], "is shorter than"),
  ])
  func placesOutsideTheFileAreRefused(_ entries: [String: String], _ message: String) throws {
    let entries = entries.merging(["location": "weights.bin"]) { first, _ in first }
    let error = #expect(throws: GraphError.self) { try Folders().network(entries) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    #expect(error?.category == .badData)
  }

  @Test func missingDataAreNamed() throws {
    let error = #expect(throws: GraphError.self) { try Folders().network(["location": "gone.bin"]) }
    #expect(error?.description.contains("external data 'gone.bin' is not beside the model") == true)
    #expect(error?.category == .missingFile)
  }

  @Test func modelInMemoryHasNoFolder() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.externalInitialiser("w", shape: [2, 2], entries: ["location": "weights.bin"])
    draft.node("MatMul", ["x", "w"], ["y"])
    draft.output("y")
    let error = #expect(throws: GraphError.self) { try Network(bytes: draft.bytes()) }
    #expect(error?.description.contains("in a model that was not read from a file") == true)
  }
}
