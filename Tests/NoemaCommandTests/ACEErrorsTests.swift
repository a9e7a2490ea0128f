import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Data and settings from which no concepts come: each has its exit code and a sentence.
@Suite struct ACEErrorsTests {
  private typealias Case = RefusedCommand

  private static let data = "--data photos --target striped --layer features"
  private static let cases: [Case] = [
    Case(
      2, "--data photos --target stripd --layer features", "no class named 'stripd'; did you mean 'striped'?"),
    Case(
      2, "--data photos --target plain --layer features",
      "no label (the data has other, striped) named 'plain'"),
    Case(
      2, "--data photos --target striped --layer featurs", "no layer named 'featurs'; did you mean 'features'"
    ),
    Case(2, "--data photos --target striped", "Give at least one --layer"),
    Case(
      2, "--data photos/striped --target striped --layer features",
      "Give --random with examples of other things"),
    Case(2, "\(data) --segments many", "--segments expects whole numbers from 1 with commas between"),
    Case(
      2, "\(data) --segmenter windows",
      "--segmenter windows does not divide images; give slic or quickshift or grid"),
    Case(2, "\(data) --fill 300", "--fill takes a byte from 0 to 255 for images, found '300'."),
    Case(2, "\(data) --fill dark", "--fill expects grey, mean, spread:SIGMA or numbers"),
    Case(2, "\(data) --masks 3", "--masks must be 0 or a power of 2, found 3."),
    Case(2, "\(data) --concepts 1", "concepts are sought 2 to 100000 at a time, found 1"),
    Case(2, "\(data) --exemplars 0", "--exemplars is from 1 to 99"),
    // Images smaller than their segments.
    Case(2, "\(data) --segments 15,2000", "found [15, 2000] superpixels of 1024 pixels"),
    Case(2, "\(data) --segmenter grid --segments 64", "windows of 64 do not fit 32 positions"),
    // Fewer patches than concepts.
    Case(65, "\(data) --segments 4 --concepts 5000", "at least 5000 are needed"),
    // Too few images.
    Case(
      65, "--data few --target striped --layer features",
      "class 'striped' has 3 examples, at least 10 are needed"),
    // Images in which the layer sees nothing.
    Case(65, "--data flat --target striped --layer features", "patches have the same activations"),
    Case(
      2, "--data photos --target striped --layer responses --dictionary nmf",
      "non-negative factors need activations of 0 or more"),
    Case(66, "\(data) --random gone", "gone: no such file"),
    Case(65, "\(data) --random photos/striped", "the set of random examples has 0 examples"),
  ]

  @Test func eachIsRefusedWithASentence() throws {
    let scene = try ACEScene(striped: 12, other: 12)
    let workspace = scene.workspace
    for index in 0..<3 {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.file("photos/striped/\(index).png")))
      try workspace.write([UInt8](bytes), "few/striped/\(index).png")
    }
    for folder in ["few/other", "flat/other"] {
      try workspace.write(PNGFile.encode(grey(200)), "\(folder)/0.png")
    }
    for index in 0..<12 {
      try workspace.write(PNGFile.encode(grey(100 + index)), "flat/striped/\(index).png")
    }
    for refused in Self.cases {
      try refused.check(
        in: workspace, first: ["ace", "--model", "net.onnx"], last: ["-o", "out"])
    }
  }

  private func grey(_ value: Int) -> Image {
    Image(
      width: 32, height: 32, channelCount: 3, pixels: [UInt8](repeating: UInt8(value), count: 3 * 32 * 32))
  }

  @Test func nothingKeptIsAPageThatSaysSo() throws {
    let scene = try ACEScene(striped: 12, other: 12)
    let outcome = try scene.workspace.start(ACEScene.arguments() + ["--min-size", "900"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("None of 4 clusters of patches was kept as a concept."))
    let html = try String(contentsOfFile: scene.workspace.file("out/report.html"), encoding: .utf8)
    #expect(html.contains("of 4, 4 too small"))
  }

  @Test func helpHasExamples() throws {
    let outcome = try Workspace().run("ace", "--help")
    #expect(outcome.code == 0 && outcome.output.contains("EXAMPLES"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }
}
