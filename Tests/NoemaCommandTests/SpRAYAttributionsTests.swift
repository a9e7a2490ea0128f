import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Studies of maps that were made elsewhere, and examples that are assigned later.
@Suite struct SpRAYAttributionsTests {
  /// A folder with maps by `noema explain`, and the study that makes the same maps itself.
  private func workspace() throws -> Workspace {
    let workspace = try SpRAYScene.workspace()
    let explain = try workspace.start([
      "explain", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt", "--target", "label",
      "--method", "gradient-x-input", "--pictures", "0", "--quiet", "-o", "explained",
    ]).wait()
    #expect(explain.code == 0, "\(explain.errors)")
    let direct = try workspace.start(
      SpRAYScene.arguments("direct", ["--method", "gradient-x-input", "--quiet"])
    ).wait()
    #expect(direct.code == 0, "\(direct.errors)")
    return workspace
  }

  /// Writes maps as CoRelAy has them.
  private func writeHDF5(_ workspace: Workspace, _ name: String, grouped: Bool = false) throws {
    let maps = try workspace.array("explained/attributions.npy")
    let writer = try HDF5Writer(path: workspace.file(name))
    let labels = SpRAYScene.labels.map { Int64($0 == "horse" ? 0 : 1) }
    let predictions = Tensor(shape: [labels.count, 2], labels.flatMap { [Float(1 - $0), Float($0)] })
    if grouped {
      // Names in the order of numbers, not of letters.
      for row in labels.indices {
        let map = maps.rows(row..<row + 1).reshaped(to: [1, 16, 16])
        try writer.write(map, to: "attribution/\(row)")
        try writer.write(Tensor(labels[row]), to: "label/\(row)", as: .uint16)
      }
    } else {
      try writer.write(maps, to: "attribution")
      try writer.write(Tensor(shape: [labels.count], labels), to: "label", as: .uint16)
      try writer.write(predictions, to: "prediction")
      try writer.write(
        Tensor(shape: [labels.count], labels.indices.map { Int64($0) }), to: "index", as: .uint32)
    }
    try writer.finish()
  }

  private func clusters(_ workspace: Workspace, _ folder: String) throws -> [String] {
    try workspace.assignments(folder).map { "\($0["example"] ?? "") \($0["cluster"] ?? "")" }
  }

  /// The same maps lead to the same strategies, whoever made them.
  @Test func mapsFromFilesLeadToTheSameStrategies() throws {
    let workspace = try workspace()
    try writeHDF5(workspace, "maps.h5")
    try writeHDF5(workspace, "grouped.h5", grouped: true)
    let expected = try clusters(workspace, "direct")
    let sources = [
      ("npy", ["explained/attributions.npy", "--labels", "labels.txt"]), ("h5", ["maps.h5"]),
      ("grouped", ["grouped.h5"]),
    ]
    for (name, source) in sources {
      let outcome = try workspace.start(
        ["spray", "--from-attributions"] + source + ["-o", name] + SpRAYScene.quick
      )
      .wait()
      #expect(outcome.code == 0, "\(name): \(outcome.errors)")
      #expect(try clusters(workspace, name) == expected, "\(name)")
      #expect(
        outcome.output.contains("No strategy was tested by masking (there is no network to ask)"), "\(name)")
      #expect(!outcome.output.contains(": confirmed"))
    }
    #expect(try workspace.assignments("grouped")[12]["name"] == "12")
    #expect(try workspace.assignments("npy")[12]["class"] == "horse")
    // Without names a class is its number.
    #expect(try workspace.assignments("h5")[12]["class"] == "0")
  }

  /// With the network and the data, what was found in maps is put to the network.
  @Test func mapsFromFilesAreTestedOnTheNetwork() throws {
    let workspace = try workspace()
    try writeHDF5(workspace, "maps.h5")
    let outcome = try workspace.start(
      [
        "spray", "--from-attributions", "maps.h5", "--model", "net.onnx", "--data", "data.npy", "-o", "out",
        "--virelay", "project",
      ] + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("out")
    #expect(tag.precision >= 0.95 && tag.recall >= 0.95)
    for cluster in 0..<2 {
      let found = try workspace.maskingEffect("out", "horse", cluster) as NSDictionary?
      let direct = try workspace.maskingEffect("direct", "horse", cluster) as NSDictionary?
      #expect(found == direct)
    }
    #expect(try workspace.maskingEffect("out", "horse", tag.cluster)?["isConfirmed"] as? Bool == true)
    #expect(try workspace.entries("project").contains("project.yaml"))
  }

  /// Maps without a class are one.
  @Test func mapsWithoutLabelsAreOneClass() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(
      ["spray", "--from-attributions", "explained/attributions.npy", "-o", "out"] + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let entry = try workspace.sprayClass("out", "all examples")
    #expect(entry["exampleCount"] as? Int == SpRAYScene.count)
  }

  // MARK: Assigning

  @Test func furtherExamplesFindTheirStrategy() throws {
    let workspace = try workspace()
    try workspace.write(SpRAYScene.images(seed: 9), "new.npy")
    let outcome = try workspace.run(
      "assign", "--strategies", "direct", "--model", "net.onnx", "--data", "new.npy", "--labels",
      "labels.txt", "-o",
      "assigned")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("direct").cluster
    let rows = try workspace.assignments("assigned")
    #expect(rows.count == SpRAYScene.count)
    let hits = rows.prefix(SpRAYScene.horseCount).enumerated().count { row, fields in
      (fields["cluster"] == "\(tag)") == SpRAYScene.tagged.contains(row)
    }
    #expect(hits >= SpRAYScene.horseCount - 2)
    let result = try workspace.json("assigned/result.json")
    let inputs = try #require(result["inputs"] as? [[String: Any]])
    #expect(result["schema"] as? String == "noema.assign/1")
    for (row, input) in inputs.prefix(SpRAYScene.horseCount).enumerated()
    where input["cluster"] as? Int == tag {
      #expect(input["isConfirmed"] as? Bool == true, "\(row)")
    }
    #expect(outcome.output.contains("relevance sits in the lower left corner"))
    // The examples themselves belong where they were found.
    let again = try workspace.run(
      "assign", "--strategies", "direct", "--model", "net.onnx", "--data", "data.npy", "--labels",
      "labels.txt",
      "--quiet", "-o", "again")
    #expect(again.code == 0, "\(again.errors)")
    let known = try clusters(workspace, "direct"), found = try clusters(workspace, "again")
    #expect(zip(known, found).count { $0 == $1 } >= SpRAYScene.count - 3)
  }

  @Test func whatDoesNotBelongTogetherIsRefused() throws {
    let workspace = try workspace()
    let other = try workspace.run(
      "assign", "--strategies", "direct", "--model", "clean.onnx", "--data", "data.npy")
    #expect(
      other.code == 65 && other.errors.contains("these strategies belong to another model"), "\(other.errors)"
    )
    let maps = try workspace.run(
      "assign", "--strategies", "direct", "--from-attributions", "explained/attributions.npy")
    #expect(
      maps.code == 2 && maps.errors.contains("The earlier run made its maps by gradient-x-input"),
      "\(maps.errors)")
    let gone = try workspace.run(
      "assign", "--strategies", "gone", "--model", "net.onnx", "--data", "data.npy")
    #expect(gone.code == 66 && gone.errors.contains("gone/strategies.json"), "\(gone.errors)")
    try FileManager.default.removeItem(atPath: workspace.file("direct/maps.npy"))
    let lost = try workspace.run(
      "assign", "--strategies", "direct", "--model", "net.onnx", "--data", "data.npy")
    #expect(lost.code == 66 && lost.errors.contains("direct/maps.npy"), "\(lost.errors)")
  }

  @Test func givenMapsAreAssignedToo() throws {
    let workspace = try workspace()
    let maps = ["--from-attributions", "explained/attributions.npy", "--labels", "labels.txt"]
    #expect(
      try workspace.start(["spray", "-o", "out", "--quiet"] + maps + SpRAYScene.quick).wait().code == 0)
    let outcome = try workspace.start(["assign", "--strategies", "out", "-o", "again"] + maps).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let known = try clusters(workspace, "out"), found = try clusters(workspace, "again")
    #expect(zip(known, found).count { $0 == $1 } >= SpRAYScene.count - 3)
    // Nothing was tested, so nothing is confirmed.
    let inputs = try #require(workspace.json("again/result.json")["inputs"] as? [[String: Any]])
    #expect(inputs.allSatisfy { $0["isConfirmed"] as? Bool == false })
  }
}
