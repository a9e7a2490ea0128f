import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Maps of the same pass in other parts, as a share of the largest magnitude.
private let mapTolerance = 1e-4

/// Relevance by way of channels and of concepts, and the channels themselves.
@Suite struct ConceptRelevanceCommandTests {
  private let inputs = Workspace.noise([5, 1, 8, 8], seed: 5)

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    return workspace
  }

  private func explain(_ workspace: Workspace, _ out: String, _ arguments: String...) throws -> Outcome {
    try workspace.start(
      ["explain", "--model", "net.onnx", "--data", "x.npy", "--target", "1", "--pictures", "0", "-o", out]
        + arguments
    ).wait()
  }

  private func map(_ workspace: Workspace, _ out: String, _ arguments: String...) throws -> Tensor {
    let outcome = try workspace.start(
      [
        "explain", "--model", "net.onnx", "--data", "x.npy", "--target", "1", "--pictures", "0", "--quiet",
        "-o", out, "--method", "concept-relevance",
      ] + arguments
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try workspace.array("\(out)/attributions.npy")
  }

  /// Over the channels of a layer that everything passes, maps sum to the unconditional one.
  @Test func channelsSumToTheWhole() throws {
    let workspace = try workspace()
    #expect(try explain(workspace, "whole", "--method", "lrp-epsilon-plus-flat", "--quiet").code == 0)
    let whole = try workspace.array("whole/attributions.npy")
    var sum = [Float](repeating: 0, count: whole.count)
    for channels in ["0", "1,3", "2"] {
      let part = try map(workspace, "part", "--concept", "relu1=\(channels)")
      for (index, value) in part.elements(as: Float.self).enumerated() { sum[index] += value }
      #expect(scaledDifference(part, whole)! > 0.01)
    }
    #expect(scaledDifference(Tensor(shape: whole.shape, sum), whole)! < mapTolerance)
  }

  /// Several conditions must all be met, whatever their order.
  @Test func conditionsAreRepeated() throws {
    let workspace = try workspace()
    let one = try map(workspace, "one", "--concept", "relu1=2", "--concept", "pool1=0,2")
    let other = try map(workspace, "other", "--concept", "pool1=2,0", "--concept", "relu1=2")
    let single = try map(workspace, "single", "--concept", "relu1=2")
    #expect(scaledDifference(one, other)! < mapTolerance)
    // What leaves channel 2 stays in it through the pooling.
    #expect(scaledDifference(one, single)! < mapTolerance)
    // A study file repeats them.
    let outcome = try workspace.run("run", "one/study.yaml", "--out", "again")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.floats("again/attributions.npy") == workspace.floats("one/attributions.npy"))
    let run = try #require(workspace.json("one/result.json")["run"] as? [String: Any])
    let settings = try #require(run["settings"] as? [String: String])
    #expect(settings["concept"] == "relu1=2 pool1=0,2" && settings["cavs"] == nil)
  }

  /// A direction along one channel is that channel, from an array and from a study.
  @Test func directionsOfFilesAndStudies() throws {
    let workspace = try workspace()
    try workspace.write(Tensor(shape: [4], [Float(0), -3, 0, 0]), "direction.npy")
    try writeStudy(workspace, hash: Network(contentsOf: workspace.file("net.onnx")).hash)
    let channel = try map(workspace, "channel", "--concept", "relu1=1")
    let file = try map(workspace, "file", "--concept", "relu1=direction.npy")
    let study = try map(workspace, "study-map", "--concept", "relu1=striped", "--cavs", "study")
    #expect(scaledDifference(file, channel)! < mapTolerance)
    #expect(scaledDifference(study, channel)! < mapTolerance)
    let dotted = try map(workspace, "dotted", "--concept", "relu1=dotted", "--cavs", "study")
    #expect(scaledDifference(dotted, channel)! > 0.01)
  }

  /// The CAVs of two concepts at relu1, pooled: channel 1, and a mixture.
  private func writeStudy(_ workspace: Workspace, hash: String) throws {
    let cavs = ["striped", "dotted"].enumerated().map { index, concept in
      """
      {"concept": "\(concept)", "layer": "relu1", "modelHash": "\(hash)", "offset": \(4 * index),
       "onnxValue": "/relu1/Relu_output_0", "pooling": "mean", "shape": [4]}
      """
    }
    try workspace.write(
      "{\"schema\": \"noema.tcav/1\", \"cavs\": [\(cavs.joined(separator: ","))]}", "study/result.json")
    try workspace.write(Tensor(shape: [8], [Float(0), 1, 0, 0, 0.5, 0.5, 0.5, 0.5]), "study/cavs.npy")
  }

  // MARK: Channels

  /// An array of a number for each channel, and the most relevant ones with the inputs that have most of each.
  @Test func channelsAreRankedWithTheirExamples() throws {
    let workspace = try workspace()
    let outcome = try explain(
      workspace, "out", "--method", "channel-relevance", "--layer", "relu1", "--top-channels", "3",
      "--channel-examples", "2")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let array = try workspace.array("out/attributions.npy")
    #expect(array.shape == [5, 4])
    let values = array.elements(as: Float.self).map { Double($0) }
    let columns = (0..<4).map { channel in (0..<5).map { values[$0 * 4 + channel] } }
    let means = columns.map { $0.reduce(0, +) / 5 }

    let result = try workspace.json("out/result.json")
    let names = try #require(result["names"] as? [String])
    let method = try #require((result["methods"] as? [[String: Any]])?.first)
    let channels = try #require(method["channels"] as? [[String: Any]])
    let expected = (0..<4).sorted { means[$0] > means[$1] }.prefix(3)
    #expect(channels.compactMap { $0["channel"] as? Int } == Array(expected))
    for (entry, channel) in zip(channels, expected) {
      #expect(abs((entry["meanRelevance"] as? Double ?? .nan) - means[channel]) < 1e-6)
      let examples = try #require(entry["examples"] as? [[String: Any]])
      let order = (0..<5).sorted { columns[channel][$0] > columns[channel][$1] }.prefix(2)
      #expect(examples.compactMap { $0["name"] as? String } == order.map { names[$0] })
      for (example, row) in zip(examples, order) {
        #expect(abs((example["relevance"] as? Double ?? .nan) - columns[channel][row]) < 1e-6)
      }
    }
    #expect(outcome.output.contains("mean relevance") && outcome.output.contains(names[0].prefix(5)))
    // Others have none.
    #expect(try explain(workspace, "gradient", "--method", "gradient", "--quiet").code == 0)
    let other = try #require(
      (workspace.json("gradient/result.json")["methods"] as? [[String: Any]])?.first)
    #expect(other["channels"] == nil)
  }

  /// What an example's map by a channel sums to is the channel's relevance, where nothing is lost on the way.
  @Test func mapsSumToTheChannel() throws {
    let workspace = try workspace()
    try workspace.write("base: contribution-propagation\n", "rules.yaml")
    let outcome = try explain(
      workspace, "channels", "--method", "channel-relevance", "--layer", "relu1", "--composite",
      "rules.yaml", "--quiet")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let channels = try workspace.floats("channels/attributions.npy")
    _ = try map(workspace, "map", "--concept", "relu1=3", "--composite", "rules.yaml")
    let method = try #require((workspace.json("map/result.json")["methods"] as? [[String: Any]])?.first)
    let expected = try #require(method["expected"] as? [Double])
    for row in 0..<5 {
      #expect(abs(expected[row] - Double(channels[row * 4 + 3])) < 1e-3 * max(1, abs(expected[row])))
    }
  }

  // MARK: The report

  /// A number of the page: three digits or three decimals.
  private func expectShown(
    _ text: some StringProtocol, _ value: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let shown = Double(text.replacingOccurrences(of: "−", with: "-")) ?? .nan
    #expect(abs(shown - value) <= 6e-3 * abs(value) + 6e-4, sourceLocation: sourceLocation)
  }

  private func page(_ workspace: Workspace, _ out: String, _ arguments: String...) throws -> String {
    let outcome = try workspace.start(
      [
        "explain", "--model", "net.onnx", "--data", "x.npy", "--target", "1", "--pictures", "2", "--quiet",
        "-o", out,
      ] + arguments
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try String(contentsOfFile: workspace.file("\(out)/report.html"), encoding: .utf8)
  }

  /// Channels by the magnitude of their means, with errors of these.
  @Test func reportTabulatesChannels() throws {
    let workspace = try workspace()
    let page = try page(
      workspace, "out", "--method", "channel-relevance,lrp-zero", "--layer", "relu1", "--top-channels", "3")
    let values = try workspace.floats("out/channel-relevance.npy").map { Double($0) }
    let columns = (0..<4).map { channel in (0..<5).map { values[$0 * 4 + channel] } }
    let means = columns.map { $0.reduce(0, +) / 5 }, total = means.reduce(0) { $0 + abs($1) }
    let order = (0..<4).sorted { abs(means[$0]) > abs(means[$1]) }.prefix(3)
    let rows = page.matches(
      of: /<tr><th scope="row">(\d+)<\/th><td[^>]*>([^<]*)<\/td><td[^>]*>± ([^<]*)<\/td><td[^>]*>([^<]*) %/)
    #expect(rows.compactMap { Int($0.1) } == Array(order))
    for (row, channel) in zip(rows, order) {
      let squares = columns[channel].reduce(0) { $0 + ($1 - means[channel]) * ($1 - means[channel]) }
      expectShown(row.2, means[channel])
      expectShown(row.3, (squares / 4 / 5).squareRoot())
      let share = Double(row.4.replacingOccurrences(of: "−", with: "-")) ?? .nan
      #expect(abs(share - 100 * means[channel] / total) < 0.06)
    }
    #expect(page.contains("and 1 more of smaller magnitude"))
    // The other method has its maps all the same.
    #expect(page.contains("Inputs and their attributions"))
    #expect(try workspace.entries("out/pictures") == ["x.npy-0.lrp-zero.png", "x.npy-1.lrp-zero.png"])
    // Who lists no channels sees no table.
    let plain = try self.page(
      workspace, "plain", "--method", "channel-relevance", "--layer", "relu1", "--top-channels", "0")
    #expect(!plain.contains("Relevance of the channels"))
  }

  /// Each input's strongest channels have the maps that concept relevance gives them.
  @Test func reportShowsMapsOfChannels() throws {
    let workspace = try workspace()
    let page = try page(workspace, "out", "--method", "channel-relevance", "--layer", "relu1")
    let values = try workspace.floats("out/attributions.npy")
    for row in 0..<2 {
      let order = (0..<4).sorted { values[row * 4 + $0] > values[row * 4 + $1] }.prefix(3)
      let pictures = page.matches(
        of:
          /src="data:image\/png;base64,([^"]+)" alt="x\.npy\[(\d)\]: by way of its strongest channels, channel (\d)"/
      ).filter { Int($0.2) == row }
      #expect(pictures.compactMap { Int($0.3) } == Array(order))
      _ = try self.page(
        workspace, "part", "--method", "concept-relevance", "--concept", "relu1=\(order[0])")
      let expected = try ImageFile.read(
        path: workspace.file("part/pictures/x.npy-\(row).concept-relevance.png"))
      let bytes = try #require(pictures.first.flatMap { Data(base64Encoded: String($0.1)) })
      let found = try PNGFile.decode(Array(bytes), name: "thumbnail")
      #expect(found.width == 8 && found.height == 8 && found.pixels.count == expected.pixels.count)
      // The same pass in other parts: colours differ by their rounding.
      #expect(zip(found.pixels, expected.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 4 })
      #expect(Set(found.pixels).count > 8)
    }
  }

  /// What of each input's output passes the concept.
  @Test func reportTabulatesConcepts() throws {
    let workspace = try workspace()
    let page = try page(
      workspace, "out", "--method", "concept-relevance", "--concept", "relu1=3", "--concept", "pool1=3,1")
    #expect(page.contains("<caption>Relevance of the concept relu1=3 and pool1=3,1, by magnitude.</caption>"))
    let result = try workspace.json("out/result.json")
    let method = try #require((result["methods"] as? [[String: Any]])?.first)
    let relevance = try #require(method["expected"] as? [Double])
    let outputs = try #require(result["outputs"] as? [Double])
    let order = (0..<5).sorted { abs(relevance[$0]) > abs(relevance[$1]) }
    let rows = page.matches(
      of: /<tr><th scope="row">x\.npy\[(\d)\]<\/th><td[^>]*>([^<]*)<\/td><td[^>]*>([^<]*) %/)
    #expect(rows.compactMap { Int($0.1) } == order)
    for (row, example) in zip(rows, order) {
      expectShown(row.2, relevance[example])
      let share = Double(row.3.replacingOccurrences(of: "−", with: "-")) ?? .nan
      #expect(abs(share - 100 * relevance[example] / outputs[example]) < 0.06)
    }
    // With ways around, nothing is said of the concept alone.
    let around = try self.page(
      workspace, "around", "--method", "concept-relevance", "--concept", "relu1=3", "--with-parallel")
    #expect(!around.contains("Relevance of the concept"))
  }

  @Test func catalogueListsThem() throws {
    let outcome = try Workspace().run("methods")
    #expect(outcome.output.contains("costs for each input"))
    for name in ["concept-relevance", "channel-relevance", "attention-norm"] {
      #expect(outcome.output.contains("  \(name) "))
    }
    let workspace = try workspace()
    let all = try explain(workspace, "sheet", "--method", "all-backward", "--quiet")
    #expect(all.code == 0, "\(all.errors)")
    let methods = try #require(workspace.json("sheet/result.json")["methods"] as? [[String: Any]])
    let names = methods.compactMap { $0["name"] as? String }
    #expect(names.contains("lrp-zero") && !names.contains { $0.hasSuffix("-relevance") })
  }

  // MARK: Errors

  private typealias Case = RefusedCommand

  private static let concept = "--method concept-relevance --concept"
  private static let cases = [
    Case(65, "--method concept-relevance", "give them with --concept"),
    Case(65, "--method channel-relevance", "found 0 layers; name it (--layer)"),
    Case(2, "\(concept) relu1", "--concept expects LAYER=CONCEPT, as layer4=3,17 or layer4=striped"),
    Case(2, "\(concept) relu1=", "--concept expects LAYER=CONCEPT"),
    Case(2, "\(concept) =3", "--concept expects LAYER=CONCEPT"),
    Case(2, "\(concept) rellu1=3", "no layer named 'rellu1'; did you mean 'relu1'"),
    Case(65, "\(concept) relu1=4", "has no channel 4; it has channels 0 to 3"),
    Case(2, "\(concept) relu1=striped", "give the study of the concept with --cavs"),
    Case(66, "\(concept) relu1=gone.npy", "gone.npy"),
    Case(65, "\(concept) relu1=x.npy", "numbers; the layer has 4 channels and 256 elements"),
    Case(2, "\(concept) relu1=1 --cavs study", "no concept of it is named"),
    Case(2, "\(concept) relu1=stripe --cavs study", "in that study named 'stripe'; did you mean 'striped'"),
    Case(2, "\(concept) pool1=striped --cavs study", "no concept at '/pool1/MaxPool_output_0' in that study"),
    Case(65, "\(concept) relu1=striped --cavs study", "belongs to another model"),
    Case(66, "\(concept) relu1=striped --cavs gone", "gone/result.json"),
    Case(69, "\(concept) relu1=1 --layer pool1", "no relevance on the way to what is attributed passes"),
    Case(69, "\(concept) relu1=1 --output-scale probability", "found another scale"),
    Case(2, "--method gradient --top-channels=-1", "--top-channels must be 0 or more, found -1."),
    Case(2, "--method gradient --channel-examples=-2", "--channel-examples must be 0 or more, found -2."),
    Case(2, "--method attention --attending first", "attending"),
  ]

  @Test(arguments: cases)
  func failuresAreExplained(_ row: RefusedCommand) throws {
    let workspace = try workspace()
    try writeStudy(workspace, hash: String(repeating: "0", count: 64))
    try row.check(
      in: workspace, first: ["explain", "--model", "net.onnx", "--data", "x.npy", "-o", "out"])
  }
}
