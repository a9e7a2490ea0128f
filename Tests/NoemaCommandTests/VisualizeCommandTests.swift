import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct VisualizeCommandTests {
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeColouredSquares()
    return workspace
  }

  private let common = ["visualize", "--model", "net.onnx", "--steps", "60", "--parameters", "pixels"]

  /// The means of red, green and blue.
  private func colour(_ workspace: Workspace, _ name: String) throws -> [Double] {
    let image = try ImageFile.read(path: workspace.file(name))
    let area = image.width * image.height
    return (0..<3).map { channel in
      (0..<area).reduce(0.0) { $0 + Double(image.pixels[3 * $1 + channel]) } / Double(area)
    }
  }

  private func targets(_ workspace: Workspace, _ out: String = "out") throws -> [[String: Any]] {
    try #require(try workspace.json("\(out)/result.json")["targets"] as? [[String: Any]])
  }

  @Test func colourUnitsComeOutInTheirColours() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(
      common + ["--layer", "conv", "--units", "0-1,3", "--data", "photos", "--top", "2", "-o", "out"]
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.json("out/result.json")["schema"] as? String == "noema.visualize/1")
    let targets = try targets(workspace)
    #expect(targets.map { $0["name"] as? String } == ["unit 0", "unit 1", "unit 3"])
    for (target, channel) in zip(targets, 0..<3) {
      let pictures = try #require(target["pictures"] as? [[String: Any]])
      let file = try #require(pictures[0]["file"] as? String)
      let means = try colour(workspace, "out/\(file)")
      #expect(means.indices.allSatisfy { $0 == channel || means[$0] < means[channel] - 40 }, "\(means)")
      #expect((pictures[0]["trace"] as? [Double])?.count == 60)
      let examples = try #require(target["examples"] as? [[String: Any]])
      #expect(examples.count == 2 && target["exceeds"] as? Double == 1)
    }
    #expect(try workspace.array("out/pictures.npy").shape == [3, 3, 16, 16])
    #expect(try workspace.entries("out/pictures") == ["unit-0.png", "unit-1.png", "unit-3.png"])
    #expect(
      try workspace.entries("out/figures").filter { $0.hasSuffix(".svg") } == ["grid.svg", "traces.svg"])
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("3 pictures for 3 targets at conv") && page.contains("Beside real inputs"))
  }

  @Test func classesAndRepeats() throws {
    let workspace = try workspace()
    for out in ["out", "again"] {
      let outcome = try workspace.start(
        common + ["--class", "green", "2", "--count", "2", "--diversity", "0.5", "--quiet", "-o", out]
      ).wait()
      #expect(outcome.code == 0 && outcome.output.isEmpty, "\(outcome.errors)")
    }
    let targets = try targets(workspace)
    #expect(targets.map { $0["name"] as? String } == ["green", "blue"])
    #expect(targets.allSatisfy { $0["similarity"] is Double && ($0["pictures"] as? [Any])?.count == 2 })
    #expect(try workspace.floats("out/pictures.npy") == workspace.floats("again/pictures.npy"))
    let means = try colour(workspace, "out/pictures/green.png")
    #expect(means[1] > means[0] + 40 && means[1] > means[2] + 40)
    // A run repeats itself from its study file.
    let outcome = try workspace.run("run", "again/study.yaml", "--out", "third")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try workspace.floats("third/pictures.npy") == workspace.floats("out/pictures.npy"))
  }

  @Test func directionsOfFiles() throws {
    let workspace = try workspace()
    try workspace.write(Tensor(shape: [4], [1, 1, 0, -1] as [Float]), "yellow.npy")
    let outcome = try workspace.start(
      common + ["--cav", "yellow.npy", "--layer", "conv", "--size", "24", "--json", "-o", "out"]
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let printed = try Workspace.object(Data(outcome.output.utf8))
    #expect(printed["shape"] as? [Int] == [3, 24, 24])
    let means = try colour(workspace, "out/pictures/yellow.png")
    #expect(means[0] > means[2] + 40 && means[1] > means[2] + 40)
  }

  @Test func rowsOfTablesAreMade() throws {
    let workspace = try Workspace()
    var draft = ModelDraft()
    draft.input("input", [nil, 3])
    draft.initialiser("weight", Tensor(shape: [3, 2], [3, 0, 0, 1, -4, 0] as [Float]))
    draft.node("Gemm", ["input", "weight"], ["/fc/Gemm_output_0"], name: "/fc/Gemm")
    draft.node("Relu", ["/fc/Gemm_output_0"], ["scores"], name: "/relu/Relu")
    draft.output("scores", [nil, 2])
    try draft.write(to: workspace.file("net.onnx"))
    let outcome = try workspace.run(
      "visualize", "--model", "net.onnx", "--layer", "fc", "--units", "0", "--radius", "5", "--steps", "300",
      "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for (found, wanted) in zip(try workspace.floats("out/pictures.npy"), [3, 0, -4] as [Float]) {
      #expect(abs(found - wanted) < 0.05)
    }
    #expect(!FileManager.default.fileExists(atPath: workspace.file("out/pictures")))
    #expect(try workspace.entries("out/figures").contains("array-1.svg"))
  }

  @Test(arguments: [
    RefusedCommand(2, "--layer conv", "Say what to visualize"),
    RefusedCommand(2, "--layer conv --units 0 --class red", "at different layers"),
    RefusedCommand(2, "--units 0", "needs the --layer"),
    RefusedCommand(2, "--layer conv --units 4", "has 0 to 3"),
    RefusedCommand(2, "--layer conv --units 3-1", "--units expects"),
    RefusedCommand(2, "--layer conv --units 0 --position 16,0", "does not lie in"),
    RefusedCommand(2, "--layer conv --units 0 --steps 0", "1 or more"),
    RefusedCommand(2, "--layer conv --units 0 --diversity 1", "several pictures"),
    RefusedCommand(2, "--layer conv --units 0 --jitter 2", "views shift"),
    RefusedCommand(2, "--layer conv --units 0 --size 4", "8 to 2048"),
    RefusedCommand(2, "--class purple", "no class named 'purple'"),
    RefusedCommand(66, "--cav nowhere", "nowhere"),
    RefusedCommand(66, "--cav nothing.npy --layer conv", "nothing.npy"),
    RefusedCommand(2, "--layer conv --units 0 --concept red", "--cav"),
    RefusedCommand(66, "--layer conv --units 0 --data nowhere", "nowhere"),
  ])
  func badInputsAreRefused(_ refused: RefusedCommand) throws {
    try refused.check(in: try workspace(), first: ["visualize", "--model", "net.onnx"], last: ["-o", "out"])
  }
}
