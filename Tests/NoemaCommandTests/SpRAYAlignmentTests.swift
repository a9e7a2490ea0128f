import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

/// Studies in which maps are moved to a common middle, or compared as images.
@Suite struct SpRAYAlignmentTests {
  private static let side = 25

  /// Horses are squares somewhere on a picture; those of the tagged are small and bright. Ships are bars.
  private static func pictures(seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    var values: [Float] = []
    for example in 0..<SpRAYScene.count {
      let isHorse = example < SpRAYScene.horseCount
      let (reach, width, value): (Int, Int, Float) =
        SpRAYScene.tagged.contains(example) ? (1, 1, 1) : isHorse ? (2, 2, 0.36) : (4, 0, 1)
      let (row, column) = (4 + random.index(below: 17), 4 + random.index(below: 17))
      // Scores vary as among natural pictures.
      let strength = Float(0.4 + 0.6 * random.uniform())
      for place in 0..<side * side {
        let (y, x) = (abs(place / side - row), abs(place % side - column))
        values.append(y <= reach && x <= width ? strength * value : 0)
      }
    }
    return Tensor(shape: [SpRAYScene.count, 1, side, side], values)
  }

  /// Sums all pixels, for ships half as much.
  private static var network: ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 1, side, side])
    draft.node("Relu", ["input"], ["/relu1/Relu_output_0"], name: "/relu1/Relu")
    draft.node("Flatten", ["/relu1/Relu_output_0"], ["/Flatten_output_0"], name: "/Flatten")
    let weights = (0..<2 * side * side).map { Float($0 < side * side ? 1 : 0.5) }
    draft.initialiser("fc1.weight", Tensor(shape: [2, side * side], weights))
    draft.node(
      "Gemm", ["/Flatten_output_0", "fc1.weight"], ["logits"], name: "/fc1/Gemm", ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    return draft
  }

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try Self.network.write(to: workspace.file("net.onnx"))
    let card = SpRAYScene.card.replacingOccurrences(of: "[16, 16]", with: "[25, 25]")
    try workspace.write(card, "net.yaml")
    try workspace.write(Self.pictures(seed: 1), "data.npy")
    try workspace.write(Self.pictures(seed: 2), "further.npy")
    try workspace.write(SpRAYScene.labels.joined(separator: "\n") + "\n", "labels.txt")
    return workspace
  }

  private func arguments(_ out: String, _ further: [String] = []) -> [String] {
    SpRAYScene.arguments(out, ["--method", "gradient-x-input", "--mask-area", "0.015"] + further)
  }

  @Test(arguments: ["centre", "peak"]) func moversAreFoundWhereMapsAreAligned(_ alignment: String) throws {
    let workspace = try workspace()
    let outcome = try workspace.start(arguments("out", ["--align", alignment])).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("out")
    #expect(tag.precision == 1 && tag.recall == 1)
    let horse = try workspace.sprayClass("out", "horse")
    let clusters = try #require(horse["clusters"] as? [[String: Any]])
    #expect(clusters.count == 2)
    // The region of nine pixels is masked where each picture has its square: all of the tag, a third of the others.
    let effect = try #require(try workspace.maskingEffect("out", "horse", tag.cluster))
    #expect(effect["isConfirmed"] as? Bool == true)
    let drop = try #require(effect["drop"] as? Double),
      elsewhere = try #require(effect["dropElsewhere"] as? Double)
    #expect(abs(drop / elsewhere - 1 / 0.36) < 0.4)
    let suspicion = try #require(horse["suspicion"] as? [String: Any])
    #expect(suspicion["cluster"] as? Int == tag.cluster)
    #expect((suspicion["sentence"] as? String)?.hasSuffix(" elsewhere: confirmed") == true)
    #expect(outcome.output.contains("in a place that moves with the map"))
    let run = try #require(workspace.json("out/result.json")["run"] as? [String: Any])
    #expect((run["settings"] as? [String: String])?["align"] == alignment)
    // What is the same wherever it lies has the same map.
    let maps = try workspace.floats("out/maps.npy"), width = Self.side * Self.side
    let tagged = SpRAYScene.tagged.sorted()
    for example in tagged.dropFirst() {
      for place in 0..<width {
        #expect(abs(maps[example * width + place] - maps[tagged[0] * width + place]) < 1e-6)
      }
    }
  }

  @Test func withoutAlignmentTheyAreMissed() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(arguments("out", ["--quiet"])).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("out")
    #expect(min(tag.precision, tag.recall) < 0.7)
  }

  @Test func furtherPicturesAreMovedAlike() throws {
    let workspace = try workspace()
    #expect(try workspace.start(arguments("out", ["--align", "centre", "--quiet"])).wait().code == 0)
    let tag = try workspace.isolation("out").cluster
    let outcome = try workspace.run(
      "assign", "--strategies", "out", "--model", "net.onnx", "--data", "further.npy", "--labels",
      "labels.txt", "-o",
      "assigned")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let rows = try workspace.assignments("assigned")
    #expect(rows.count == SpRAYScene.count)
    for (example, row) in rows.prefix(SpRAYScene.horseCount).enumerated() {
      #expect((row["cluster"] == "\(tag)") == SpRAYScene.tagged.contains(example), "\(row)")
    }
  }

  @Test func studiesOfAlignedMapsAreReproduced() throws {
    let workspace = try workspace()
    let flags = ["--align", "peak", "--metric", "ssim", "--ssim-window", "5", "--seed", "4", "--quiet"]
    #expect(try workspace.start(arguments("first", flags)).wait().code == 0)
    #expect(try workspace.run("run", "first/study.yaml", "-o", "second").code == 0)
    let classes = try #require(workspace.json("first/result.json")["classes"] as? NSArray)
    #expect(try classes.isEqual(to: #require(workspace.json("second/result.json")["classes"] as? [Any])))
    for file in ["embedding.npy", "eigenvectors.npy", "maps.npy", "mean-maps.npy"] {
      #expect(try workspace.array("first/\(file)") == workspace.array("second/\(file)"), "\(file)")
    }
  }

  // MARK: Likeness of images

  @Test(arguments: [
    ["--weighting", "mean"], ["--weighting", "gaussian"], ["--weighting", "gaussian", "--edge-width", "0.2"],
  ])
  func structuralSimilarityFindsTheTag(_ flags: [String]) throws {
    let workspace = try SpRAYScene.workspace()
    let settings = ["--metric", "ssim", "--ssim-window", "3"] + flags
    let outcome = try workspace.start(SpRAYScene.arguments("out", settings)).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("out")
    #expect(tag.precision >= 0.95 && tag.recall >= 0.95)
    #expect(try workspace.maskingEffect("out", "horse", tag.cluster)?["isConfirmed"] as? Bool == true)
    let run = try #require(workspace.json("out/result.json")["run"] as? [String: Any])
    let recorded = try #require(run["settings"] as? [String: String])
    #expect(
      recorded["metric"] == "ssim" && recorded["ssim-window"] == "3" && recorded["weighting"] == flags[1])
    let width = flags.count > 2 ? "0.2" : flags[1] == "gaussian" ? "median of the last neighbours" : nil
    #expect(recorded["edge-width"] == width)
    // The range of each class's values is kept for further maps.
    let saved = try #require(workspace.json("out/strategies.json")["strategies"] as? [String: Any])
    let text = String(decoding: try JSONSerialization.data(withJSONObject: saved), as: UTF8.self)
    #expect(text.contains("\"structural\"") && text.contains("\"range\""))
    let assigned = try workspace.run(
      "assign", "--strategies", "out", "--model", "net.onnx", "--data", "data.npy", "--labels", "labels.txt",
      "-o",
      "assigned")
    #expect(assigned.code == 0, "\(assigned.errors)")
    let (known, again) = (try workspace.assignments("out"), try workspace.assignments("assigned"))
    #expect(zip(known, again).count { $0["cluster"] == $1["cluster"] } >= 145)
  }

  private static let data = "--model net.onnx --data data.npy --labels labels.txt"

  private static let refusals = [
    RefusedCommand(2, "\(data) --align middle", "'middle' is invalid for '--align"),
    RefusedCommand(
      2, "\(data) --align centre --channels positions",
      "maps of which positions are summed do not depend on places, so they cannot be aligned; leave out one of the two"
    ),
    RefusedCommand(
      2, "\(data) --align peak --histogram 8",
      "maps of which values are counted do not depend on places, so they cannot be aligned; leave out one of the two"
    ),
    RefusedCommand(
      65, "--from-attributions vectors.npy --align centre",
      "relevance of shape [9] for one example has no rows and columns along which it could be moved; do not align it"
    ),
    RefusedCommand(
      2, "\(data) --metric ssim --channels positions",
      "--metric ssim compares maps as images, and --channels positions leaves vectors; take another metric."),
    RefusedCommand(
      2, "\(data) --metric ssim --histogram 8",
      "--metric ssim compares maps as images, and --histogram leaves vectors; take another metric."),
    RefusedCommand(
      2, "\(data) --metric ssim --map-side 5",
      "--metric ssim with windows of 7 blocks needs maps as large, found --map-side 5; take a smaller --ssim-window."
    ),
    RefusedCommand(2, "--from-attributions vectors.npy --metric ssim", "vectors have none"),
    RefusedCommand(
      2, "--from-attributions small.npy --metric ssim", "4 × 4 with windows of 7; take smaller windows"),
    RefusedCommand(2, "\(data) --metric ssim --ssim-window 1", "windows from 2 to the smaller side"),
    RefusedCommand(
      2, "\(data) --metric ssim --plane-of maps",
      "pictures of the maps need a distance of vectors, which structural similarity is none of"),
    RefusedCommand(2, "\(data) --edge-width 0.3", "--edge-width is of --weighting gaussian, found mean."),
    RefusedCommand(
      2, "\(data) --weighting gaussian --edge-width 0", "the width of weights must be above 0, found 0.0"),
    RefusedCommand(2, "\(data) --metric sim", "'sim' is invalid for '--metric"),
  ]

  @Test(arguments: refusals) func settingsThatDoNotFitAreExplained(_ row: RefusedCommand) throws {
    let workspace = try workspace()
    try workspace.write(Workspace.noise([40, 9], seed: 3), "vectors.npy")
    try workspace.write(Workspace.noise([40, 1, 4, 4], seed: 4), "small.npy")
    try row.check(in: workspace, first: ["spray"] + SpRAYScene.quick, last: ["-o", "out"])
  }
}
