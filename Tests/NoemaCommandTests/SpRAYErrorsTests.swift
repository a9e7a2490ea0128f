import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Data and settings from which no strategies come: each has its exit code and a sentence, or is said in the result.
@Suite struct SpRAYErrorsTests {
  private typealias Case = RefusedCommand

  private static let data = "--model net.onnx --data data.npy --labels labels.txt"
  private static let maps = "--from-attributions maps.npy"

  private static let flags = [
    Case(2, "", "Give --model and --data, or --from-attributions"),
    Case(2, "--model net.onnx", "--model needs --data"),
    Case(2, "--data data.npy", "--data needs --model"),
    Case(2, "\(maps) --layer relu1", "those of --from-attributions are made already"),
    Case(2, "\(data) --method lrp-epsilo", "no method named 'lrp-epsilo'; did you mean"),
    Case(65, "\(data) --method activations", "activations are those of a hidden layer; name it with --layer"),
    Case(2, "\(data) --layer relu7", "no layer named 'relu7'; did you mean 'relu1'"),
    Case(2, "\(data) --classes hrose", "no class named 'hrose'; did you mean 'horse'?"),
    Case(
      2, "\(data) --clusters many", "--clusters expects relative-gap, largest-gap or a number, found 'many'."),
    Case(2, "\(data) --plane pca", "--plane expects tsne, umap or both"),
    Case(2, "\(data) --infill grey", "--infill expects mean, blur or a number, found 'grey'."),
    Case(2, "\(data) --bootstrap 1", "--bootstrap must be 0, or 2 or more"),
    Case(2, "\(data) --mask-area 1", "the masked area must lie in (0, 1), found 1.0"),
    Case(2, "\(data) --map-side -1", "--map-side"),
    Case(2, "\(data) --histogram 1", "a histogram needs 2 or more bins, found 1"),
    Case(2, "\(data) --min-gap 0", "the least relative gap must lie in (0, 1], found 0.0"),
    Case(2, "--model net.onnx --data data.npy --target label", "--target label needs labels"),
  ]

  private static let sizes = [
    // Fewer examples than neighbours.
    Case(
      2, "\(data) --classes horse --neighbors 90",
      "class 'horse': found 90 neighbours, but each of 90 examples has 89 others; "
        + "give fewer neighbours or more examples"
    ),
    // A class with three examples.
    Case(
      65, "--model net.onnx --data data.npy --labels three.txt --classes ship",
      "class 'ship': the set of relevance maps has 3 examples, at least 10 are needed; add examples"),
    Case(
      65, "--model net.onnx --data few.npy",
      "the set of relevance maps has 4 examples, at least 10 are needed; add examples"),
    Case(
      2, "\(data) --classes ship --clusters 60", "class 'ship': 60 strategies of 60 examples say nothing"),
    Case(65, "--model net.onnx --data wide.npy", "the network takes examples of shape [1, 16, 16]"),
    Case(65, "\(maps) --labels few.txt", "few.txt: 2 labels for the 40 maps of maps.npy"),
    Case(2, "\(maps) --classes horse", "--classes needs labels; give them with --labels"),
    Case(2, "\(maps) --target predicted", "--target predicted needs the array 'prediction' of an HDF5 file"),
    Case(
      65, "--from-attributions far.h5 --model net.onnx --data few.npy",
      "map 0 is of example 40, but the data has 4 examples"),
    Case(65, "--from-attributions deep.npy", "relevance of shape [1, 1, 4, 4] for one example is no map"),
    Case(65, "--from-attributions data.csv", "relevance maps come from a .npy, .h5 or .hdf5 file"),
    Case(66, "--from-attributions gone.h5", "gone.h5: no such file"),
    Case(2, "\(maps) --virelay project", "--virelay shows images, so it needs --model and --data"),
    Case(65, "--from-attributions several.h5", "row 0 has 2 labels; give the one that each map is for"),
  ]

  /// What says nothing is counted and named.
  private static let flawed = [
    Case(
      65, "--from-attributions holes.npy",
      "3 of 40 relevance maps say nothing: 2 not finite (holes.npy[1], holes.npy[5]), 1 zero (holes.npy[7]); check the "
        + "method and its target, or leave them out with --skip-bad"),
    Case(
      65, "--from-attributions zeros.npy",
      "class 'all examples': none of the 40 relevance maps says anything: 40 zero (zeros.npy[0], zeros.npy[1], "
        + "zeros.npy[2] …); the method yields nothing for this target"),
    Case(
      65, "--from-attributions zeros.npy --skip-bad",
      "class 'all examples': none of the 40 relevance maps says anything"),
  ]

  private func workspace() throws -> Workspace {
    let workspace = try SpRAYScene.workspace()
    let maps = Workspace.noise([40, 1, 4, 4], seed: 3)
    try workspace.write(maps, "maps.npy")
    try workspace.write(Workspace.noise([40, 1, 1, 4, 4], seed: 3), "deep.npy")
    try workspace.write(SpRAYScene.images().rows(0..<4), "few.npy")
    try workspace.write(Workspace.noise([40, 1, 16, 18], seed: 4), "wide.npy")
    try workspace.write(Tensor(shape: [40, 4, 4], repeating: Float(0)), "zeros.npy")
    var holes = maps.elements(as: Float.self)
    holes[1 * 16 + 3] = .nan
    holes[5 * 16] = .infinity
    for place in 7 * 16..<8 * 16 { holes[place] = 0 }
    try workspace.write(Tensor(shape: [40, 4, 4], holes), "holes.npy")
    try workspace.write("a\nb\n", "few.txt")
    try workspace.write("a,b\n1,2\n", "data.csv")
    let rare = (0..<SpRAYScene.count).map { $0 < SpRAYScene.count - 3 ? "horse" : "ship" }
    try workspace.write(rare.joined(separator: "\n"), "three.txt")
    for name in ["far.h5", "several.h5"] {
      let writer = try HDF5Writer(path: workspace.file(name))
      try writer.write(maps, to: "attribution")
      if name == "far.h5" {
        try writer.write(Tensor(shape: [40], (40..<80).map { Int64($0) }), to: "index", as: .uint32)
      } else {
        try writer.write(Tensor(shape: [40, 2], repeating: true), to: "label")
      }
      try writer.finish()
    }
    return workspace
  }

  @Test(arguments: flags + sizes + flawed)
  func failuresAreExplained(_ row: RefusedCommand) throws {
    try row.check(in: workspace(), first: ["spray"] + SpRAYScene.quick, last: ["-o", "out"])
  }

  /// Maps that say nothing are left out by request, counted and named.
  @Test func flawedMapsAreLeftOutByRequest() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(
      ["spray", "--from-attributions", "holes.npy", "--skip-bad", "-o", "out"] + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(
      result["skipped"] as? [String] == [
        "holes.npy[1]: the relevance map is NaN or infinite somewhere",
        "holes.npy[5]: the relevance map is NaN or infinite somewhere",
        "holes.npy[7]: the relevance map is zero everywhere",
      ])
    #expect(try workspace.sprayClass("out", "all examples")["exampleCount"] as? Int == 37)
    #expect(outcome.output.contains("left out holes.npy[7]"))
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(
      page.contains("maps that say nothing were left out: 2 not finite (holes.npy[1], holes.npy[5]), 1 zero"))
  }

  /// Of all classes those that are too small are left out and named; a class that was asked for is not.
  @Test func smallClassesAreLeftOutOfAll() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(
      ["spray", "--model", "net.onnx", "--data", "data.npy", "--labels", "three.txt", "-o", "out"]
        + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(result["skipped"] as? [String] == ["class 'ship': 3 examples are too few, 10 are needed"])
    #expect((result["classes"] as? [[String: Any]])?.count == 1)
    #expect(outcome.output.contains("left out class 'ship'"))
  }

  /// Maps of two far groups make a graph of two parts, which is said and no obstacle.
  @Test func partsOfTheGraphAreSaid() throws {
    let workspace = try Workspace()
    var values = Workspace.noise([40, 16], seed: 5).elements(as: Float.self)
    for place in values.indices where place % 16 == (place / 16 < 25 ? 0 : 8) { values[place] += 60 }
    try workspace.write(Tensor(shape: [40, 4, 4], values), "maps.npy")
    let outcome = try workspace.start(
      ["spray", "--from-attributions", "maps.npy", "-o", "out"] + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let entry = try workspace.sprayClass("out", "all examples")
    #expect(entry["componentCount"] as? Int == 2)
    #expect((entry["clusters"] as? [[String: Any]])?.map { $0["size"] as? Int } == [25, 15])
    let remarks = try #require(entry["remarks"] as? [String])
    #expect(remarks.contains { $0.hasPrefix("the graph of neighbours falls into 2 parts") })
    #expect(outcome.output.contains("falls into 2 parts without a path between them, of 25, 15 examples"))
  }

  @Test func identicalMapsAreSaid() throws {
    let workspace = try Workspace()
    let map = Workspace.noise([4, 4], seed: 6).elements(as: Float.self)
    try workspace.write(Tensor(shape: [20, 4, 4], (0..<20).flatMap { _ in map }), "maps.npy")
    let outcome = try workspace.start(
      ["spray", "--from-attributions", "maps.npy", "-o", "out"] + SpRAYScene.quick
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("all maps are identical, so there is one strategy at most"))
    #expect(outcome.output.contains("The relevance maps of no class part into distinct strategies."))
    #expect((try workspace.sprayClass("out", "all examples")["clusters"] as? [Any])?.count == 1)
  }

  /// A network that yields NaN for some inputs: they are counted and named, and left out by request.
  @Test func outputsThatAreNotFiniteAreNamed() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    draft.initialiser("w", Workspace.noise([2, 4], seed: 1))
    // A root of a negative number is none.
    draft.node("Sqrt", ["x"], ["root"], name: "/sqrt/Sqrt")
    draft.node("Gemm", ["root", "w"], ["logits"], name: "/fc/Gemm", ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    var values = Workspace.noise([40, 4], seed: 2).elements(as: Float.self).map { abs($0) + 0.1 }
    values[3 * 4] = -1
    values[21 * 4 + 2] = -1
    try workspace.write(Tensor(shape: [40, 4], values), "data.npy")
    try workspace.write((0..<40).map { "\($0 / 20)" }.joined(separator: "\n"), "labels.txt")
    let arguments =
      [
        "spray", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt", "--method",
        "gradient-x-input",
        "-o", "out",
      ] + SpRAYScene.quick
    let refused = try workspace.start(arguments).wait()
    #expect(
      refused.code == 65
        && refused.errors.contains(
          "the outputs for 2 of 40 examples are NaN or infinite (data.npy[3], data.npy[21]); clean the data, or leave "
            + "them out with --skip-bad"),
      "\(refused.errors)")
    let outcome = try workspace.start(arguments + ["--skip-bad"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      try workspace.json("out/result.json")["skipped"] as? [String] == [
        "data.npy[3]: the output is NaN or infinite", "data.npy[21]: the output is NaN or infinite",
      ])
    // Vectors have no place on an image, so nothing is tested.
    #expect(!outcome.output.contains(": confirmed"))
    #expect(try workspace.assignments("out").count == 38)
  }

  /// A class whose output does not depend on the layer has no relevance there: the class and the method are named.
  @Test func aMethodThatYieldsNothingIsNamed() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("x", [nil, 4])
    for branch in ["a", "b"] {
      draft.initialiser("\(branch).weight", Workspace.noise([2, 4], seed: branch == "a" ? 1 : 2))
      draft.node(
        "Gemm", ["x", "\(branch).weight"], ["\(branch)_sum"], name: "\(branch)_sum", ["transB": .int(1)])
    }
    draft.node("Concat", ["a_sum", "b_sum"], ["logits"], ["axis": .int(1)])
    draft.output("logits", [nil, 4])
    try draft.write(to: workspace.file("net.onnx"))
    try workspace.write(Workspace.noise([40, 4], seed: 3), "data.npy")
    try workspace.write((0..<40).map { $0 < 20 ? "0" : "2" }.joined(separator: "\n"), "labels.txt")
    let arguments =
      [
        "spray", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt", "--layer", "a_sum",
        "--method",
        "gradient-x-input", "-o", "out",
      ] + SpRAYScene.quick
    let refused = try workspace.start(arguments).wait()
    #expect(
      refused.code == 65
        && refused.errors.contains(
          "class '2': none of the 20 relevance maps says anything: 20 zero (data.npy[20], data.npy[21], "
            + "data.npy[22] …); the method yields nothing for this target: try another method, layer or output scale"
        ),
      "\(refused.errors)")
    // Of all classes, it is left out by request.
    let outcome = try workspace.start(arguments + ["--skip-bad"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("left out"))
    let skipped = try #require(workspace.json("out/result.json")["skipped"] as? [String])
    #expect(skipped.contains { $0.hasPrefix("class '2': the method yields nothing for it") })
  }
}
