import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// The demonstration on photographs, with textures in their place: the network's class 341 is one of four.
@Suite struct PhotographDemoTests {
  @Test func theConceptThatIsMadeOfTheClassIsNamed() throws {
    let workspace = try Workspace()
    try workspace.write("input_size: [32, 32]\ncolor_order: rgb\nscale: 1/255\n", "photographs/network.yaml")
    try ACEScene.network(features: "_blocks.11._swish", classes: 342, striped: 341)
      .write(to: workspace.file("photographs/network.onnx"))
    var random = RandomNumbers(seed: 3)
    for index in 0..<60 {
      let order = random.sample(4, below: 4)
      try workspace.write(PNGFile.encode(ACEScene.image(order, &random)), "photographs/hogs/\(index).png")
      let side = ACEScene.side
      let mask = (0..<side * side).map { pixel in
        order[ACEScene.quarter(pixel / side, pixel % side)] == 0 ? UInt8(255) : 0
      }
      try workspace.write(
        PNGFile.encode(Image(width: side, height: side, channelCount: 1, pixels: mask)),
        "photographs/masks/hog/\(index).png")
      let other = random.sample(4, below: ACEScene.count - 1).map { $0 + 1 }
      try workspace.write(PNGFile.encode(ACEScene.image(other, &random)), "photographs/others/\(index).png")
    }
    let outcome = try workspace.run("demo", "ace", "--photographs", "photographs", "-o", "out")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = outcome.output.split(separator: "\n").filter { $0.contains("is made of it: ") }
    // The best concept is, and what is not made of the class is not said to be.
    #expect(found.first?.hasPrefix("Concept 1 is made of it: ") == true, "\(outcome.output)")
    #expect(found.first?.hasSuffix("It is used.") == true, "\(outcome.output)")
    #expect(try workspace.entries("out").contains("report.html"))
    let study = try String(contentsOfFile: workspace.file("out/study.yaml"), encoding: .utf8)
    #expect(study.contains("job: \"ace\"") && study.contains("photographs/hogs"), "\(study)")
  }

  @Test func whatIsOfTheTwinsIsRefused() throws {
    try RefusedCommand(
      2, "demo ace --photographs gone --models twins -o out", "--models and --data are of the twins"
    )
    .check(in: Workspace())
  }

  @Test func whatIsNotFetchedIsNamed() throws {
    let workspace = try Workspace()
    try RefusedCommand(
      66, "demo ace --photographs gone -o out", "gone/network.onnx (make photographs fetches it)"
    )
    .check(in: workspace)
  }
}
