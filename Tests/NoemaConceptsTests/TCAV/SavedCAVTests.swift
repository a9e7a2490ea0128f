import Foundation
import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaConcepts

@Suite struct SavedCAVTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/noema-cavs-\(UUID().uuidString)"

  private func write(_ entries: String, values: [Float], schema: String = "noema.tcav/1") throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data("{\"schema\": \"\(schema)\", \"cavs\": [\(entries)]}".utf8).write(
      to: URL(fileURLWithPath: folder + "/result.json"))
    try NPYFile.write(Tensor(shape: [values.count], values), to: folder + "/cavs.npy")
  }

  private func entry(_ concept: String, shape: String = "[3]", offset: Int, hash: String = "ab") -> String {
    "{\"layer\": \"relu1\", \"onnxValue\": \"/relu1\", \"concept\": \"\(concept)\", \"pooling\": \"none\", "
      + "\"modelHash\": \"\(hash)\", \"shape\": \(shape), \"offset\": \(offset)}"
  }

  @Test func directionsAreReadFromTheirPlaces() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try write(
      entry("striped", offset: 0) + ", " + entry("dotted", shape: "[2, 1]", offset: 3),
      values: [1, 0, 0, 0, -1])
    let cavs = try SavedCAV.read(folder: folder)
    #expect(cavs.map(\.concept) == ["striped", "dotted"])
    #expect(cavs.map(\.direction) == [[1, 0, 0], [0, -1]])
    #expect(cavs[1].shape == [2, 1] && cavs[1].pooling == .none && cavs[1].modelHash == "ab")
  }

  @Test func foldersThatDoNotFitAreRefused() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: DataError.self) { try SavedCAV.read(folder: folder) }
    try write(entry("striped", offset: 0), values: [1, 0, 0], schema: "noema.spray/1")
    #expect(throws: ConceptError.self) { try SavedCAV.read(folder: folder) }
    for wrong in [
      entry("striped", offset: 1), entry("striped", offset: -1), entry("striped", shape: "[0]", offset: 0),
      entry("striped", shape: "[4611686018427387904, 4]", offset: 0),
    ] {
      try write(wrong, values: [1, 0, 0])
      let error = #expect(throws: ConceptError.self) { try SavedCAV.read(folder: folder) }
      #expect(error?.description.contains("striped") == true)
    }
  }

  @Test func anotherModelLayerPoolingOrWidthIsRefused() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.node("Relu", ["x"], ["y"])
    draft.output("y", [nil, 3])
    let network = try Network(bytes: draft.bytes())
    try write(entry("striped", offset: 0, hash: network.hash), values: [1, 0, 0])
    let cav = try SavedCAV.read(folder: folder)[0]
    try cav.check(model: network, onnxValue: "/relu1", pooling: .none, featureCount: 3)
    draft.node("Tanh", ["y"], ["z"])
    draft.output("z", [nil, 3])
    let other = try Network(bytes: draft.bytes())
    for (model, value, pooling, count, says) in [
      (other, "/relu1", Pooling.none, 3, "another model"), (network, "/relu2", .none, 3, "/relu1"),
      (network, "/relu1", .mean, 3, "pooled"), (network, "/relu1", .none, 4, "3 features, not 4"),
    ] {
      let error = #expect(throws: ConceptError.self) {
        try cav.check(model: model, onnxValue: value, pooling: pooling, featureCount: count)
      }
      #expect(error?.description.contains(says) == true, "\(says): \(error?.description ?? "")")
    }
  }

  @Test func cosinesAreThoseOfTheDefinition() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try write(entry("striped", offset: 0), values: [0.6, 0.8, 0])
    let cav = try SavedCAV.read(folder: folder)[0]
    let rows: [[Float]] = [[3, 4, 0], [-3, -4, 0], [4, -3, 7], [0, 0, 0]]
    let features = Tensor(shape: [4, 3], rows.flatMap { $0 })
    for (found, expected) in zip(try cav.cosines(TensorFeatures(features), centred: false), [1, -1, 0, 0]) {
      #expect(abs(found - Double(expected)) < 1e-7)
    }
    let mean = (0..<3).map { column in rows.reduce(0) { $0 + Double($1[column]) } / 4 }
    for (row, found) in zip(rows, try cav.cosines(TensorFeatures(features))) {
      let centred = zip(row, mean).map { Double($0) - $1 }
      let length = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(found - (0.6 * centred[0] + 0.8 * centred[1]) / length) < 1e-7)
    }
  }
}
