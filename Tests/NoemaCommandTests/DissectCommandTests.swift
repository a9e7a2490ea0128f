import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Pictures of coloured squares, and a network with a unit for red, one for green, one that never changes and one for
/// blue.
enum ColouredSquares {
  static let side = 16

  static func model() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 3, side, side])
    let weights: [Float] = [1, -1, -1, -1, 1, -1, 0, 0, 0, -1, -1, 1]
    draft.initialiser("colours", Tensor(shape: [4, 3, 1, 1], weights))
    draft.initialiser("head", Tensor(shape: [4, 3], [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1] as [Float]))
    draft.node(
      "Conv", ["input", "colours"], ["/conv/Conv_output_0"], name: "/conv/Conv",
      ["kernel_shape": .ints([1, 1])])
    draft.node("Relu", ["/conv/Conv_output_0"], ["/relu/Relu_output_0"], name: "/relu/Relu")
    draft.node("GlobalAveragePool", ["/relu/Relu_output_0"], ["/pool/Pool_output_0"], name: "/pool/Pool")
    draft.node("Flatten", ["/pool/Pool_output_0"], ["/flat/Flatten_output_0"], name: "/flat/Flatten")
    draft.node("Gemm", ["/flat/Flatten_output_0", "head"], ["logits"], name: "/fc/Gemm")
    draft.output("logits", [nil, 3])
    return draft
  }

  static let card = """
    input_size: [16, 16]
    color_order: rgb
    scale: 1/255
    classes: [red, green, blue]
    """

  /// A square of 4 × 4 pixels, or none, in each channel, each in a row of squares of its own.
  static func squares(_ index: Int) -> [(top: Int, left: Int)?] {
    var random = RandomNumbers(seed: UInt64(index))
    return (0..<3).map { channel in
      let left = random.index(below: 13)
      return (index >> channel) & 1 == 1 ? (top: 5 * channel, left: left) : nil
    }
  }

  static func picture(_ index: Int) -> Image {
    var pixels = [UInt8](repeating: 0, count: 3 * side * side)
    for (channel, square) in squares(index).enumerated() {
      guard let square else { continue }
      for row in square.top..<square.top + 4 {
        for column in square.left..<square.left + 4 { pixels[3 * (row * side + column) + channel] = 255 }
      }
    }
    return Image(width: side, height: side, channelCount: 3, pixels: pixels)
  }

  static func mask(_ index: Int, _ channel: Int) -> Image {
    var pixels = [UInt8](repeating: 0, count: side * side)
    if let square = squares(index)[channel] {
      for row in square.top..<square.top + 4 {
        for column in square.left..<square.left + 4 { pixels[row * side + column] = 255 }
      }
    }
    return Image(width: side, height: side, channelCount: 1, pixels: pixels)
  }
}

extension Workspace {
  /// Writes network, 24 pictures, masks for red and green, and a table of labels.
  func writeColouredSquares() throws {
    try ColouredSquares.model().write(to: file("net.onnx"))
    try write(ColouredSquares.card, "net.yaml")
    var table = "name,red,green\n"
    for index in 0..<24 {
      try write(PNGFile.encode(ColouredSquares.picture(index)), "photos/\(index).png")
      for (channel, name) in ["red", "green"].enumerated() {
        try write(PNGFile.encode(ColouredSquares.mask(index, channel)), "masks/colour/\(name)/\(index).png")
      }
      table += "\(index).png,\(index & 1),\(index >> 1 & 1)\n"
    }
    try write(table, "labels.csv")
  }
}

@Suite struct DissectCommandTests {
  private let common = ["dissect", "--model", "net.onnx", "--data", "photos"]

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeColouredSquares()
    return workspace
  }

  private func units(_ workspace: Workspace, _ layer: Int = 0) throws -> [[String: Any]] {
    let layers = try #require(try workspace.json("out/result.json")["layers"] as? [[String: Any]])
    return try #require(layers[layer]["units"] as? [[String: Any]])
  }

  /// A square covers 16 of 256 pixels of half of the pictures: 3 %.
  @Test func plantedDetectorsAreFoundExactly() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(
      common + ["--masks", "masks", "--layer", "conv", "relu", "--top-share", "0.02", "-o", "out"]
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("report: out/report.html"))
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.dissect/1" && result["kind"] as? String == "masks")
    let units = try units(workspace, 1)
    #expect(units.map { $0["isDetector"] as? Bool } == [true, true, false, false])
    #expect(units.map { $0["concept"] as? String } == ["red", "green", nil, nil])
    for unit in units[..<2] {
      #expect(unit["iou"] as? Double == 1 && unit["heldOutIoU"] as? Double == 1)
      #expect(try #require(unit["chanceIoU"] as? Double) < 0.5)
      let top = try #require(unit["top"] as? [[String: Any]])
      #expect(top.count == 6 && top.allSatisfy { $0["value"] as? Double == 1 })
    }
    #expect(units[2]["isDead"] as? Bool == true)
    // The array holds the same ratios, 1 with a unit's own concept; concepts are in alphabetical order.
    let concepts = try #require(result["concepts"] as? [[String: Any]])
    #expect(concepts.map { $0["name"] as? String } == ["green", "red"])
    let iou = try workspace.array("out/iou-1.npy")
    #expect(iou.shape == [4, 2] && iou.elements(as: Double.self) == [0, 1, 1, 0, 0, 0, 0, 0])
    let rows = try String(contentsOfFile: workspace.file("out/units.csv"), encoding: .utf8).split(
      separator: "\n")
    #expect(rows.count == 9 && rows[5].hasPrefix("relu,0,red,1.0,1,0,"))
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("2 of 4 units of relu detect a concept") && page.contains("red, IoU 1.000"))
    #expect(page.contains("data:image/png;base64,"))
    #expect(
      try workspace.entries("out").filter { !$0.hasSuffix(".npy") }
        == ["figures", "report.html", "report.ipynb", "result.json", "study.yaml", "units.csv"])
  }

  @Test func labelsAloneFindTheSameUnits() throws {
    let workspace = try workspace()
    // The pooled layer has no positions, and needs none.
    let outcome = try workspace.start(
      common + ["--concept-labels", "labels.csv", "--layer", "relu", "flat", "--quiet", "-o", "out"]
    ).wait()
    #expect(outcome.code == 0 && outcome.output.isEmpty, "\(outcome.errors)")
    for layer in 0..<2 {
      let units = try units(workspace, layer)
      #expect(units.map { $0["isDetector"] as? Bool } == [true, true, false, false])
      #expect(units[0]["auc"] as? Double == 1 && units[1]["concept"] as? String == "green")
    }
  }

  @Test func labelsOfTheDataAreConcepts() throws {
    let workspace = try Workspace()
    try ColouredSquares.model().write(to: workspace.file("net.onnx"))
    try workspace.write(ColouredSquares.card, "net.yaml")
    // Pictures with red alone, and with green alone.
    for index in stride(from: 0, to: 160, by: 8) {
      try workspace.write(PNGFile.encode(ColouredSquares.picture(index + 1)), "photos/warm/\(index).png")
      try workspace.write(PNGFile.encode(ColouredSquares.picture(index + 2)), "photos/cold/\(index).png")
    }
    let outcome = try workspace.start(
      common + ["--labels-as-concepts", "--layer", "relu", "--json", "-o", "out"]
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let units = try units(workspace)
    #expect(units.prefix(2).map { $0["concept"] as? String } == ["warm", "cold"])
    #expect(try Workspace.object(Data(outcome.output.utf8))["kind"] as? String == "labels")
  }

  @Test(arguments: [
    RefusedCommand(2, "--layer relu", "Say where concepts are"),
    RefusedCommand(2, "--layer relu --masks masks --labels-as-concepts", "Say where concepts are"),
    RefusedCommand(66, "--layer relu --masks nowhere", "nowhere"),
    RefusedCommand(65, "--layer relu --masks photos", "has 0 examples"),
    RefusedCommand(2, "--layer flat --masks masks", "has no maps"),
    RefusedCommand(2, "--layer nolayer --masks masks", "no layer named 'nolayer'"),
    RefusedCommand(2, "--layer relu --masks masks --top-share 1.5", "inside (0, 1)"),
    RefusedCommand(2, "--layer relu --masks masks --top 0", "--top must be positive"),
    RefusedCommand(2, "--layer relu --concept-labels labels.csv --min-auc 2", "--min-auc"),
    RefusedCommand(66, "--layer relu --concept-labels nothing.csv", "nothing.csv"),
    RefusedCommand(2, "--layer relu --labels-as-concepts", "needs labels"),
  ])
  func badInputsAreRefused(_ refused: RefusedCommand) throws {
    try refused.check(in: try workspace(), first: common, last: ["-o", "out"])
  }

  @Test func masksOfAnotherSizeAreRefused() throws {
    let workspace = try workspace()
    let small = Image(width: 3, height: 3, channelCount: 1, pixels: [UInt8](repeating: 255, count: 9))
    try workspace.write(PNGFile.encode(small), "masks/colour/red/5.png")
    try RefusedCommand(65, "--layer relu --masks masks", "5.png").check(
      in: workspace, first: common, last: ["-o", "out"])
  }
}
