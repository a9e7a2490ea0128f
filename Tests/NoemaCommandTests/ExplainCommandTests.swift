import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct ExplainCommandTests {
  private let inputs = Workspace.noise([5, 1, 8, 8], seed: 5)

  /// The gradient of each example's class, from the reference kernels.
  private func gradient(_ classes: [Int]) throws -> [Float] {
    let graph = try Network(bytes: TinyModel.image().bytes()).graph(batch: 5)
    var back = try graph.backward(from: graph.outputs[0], to: [graph.inputs[0]])
    back.graph.outputs = [back.cotangents[0]!]
    let seed = classes.flatMap { target in (0..<3).map { Float($0 == target ? 1 : 0) } }
    return try back.graph.interpreted([inputs, Tensor(shape: [5, 3], seed)])[0].elements(as: Float.self)
  }

  private func run(_ arguments: String...) throws -> Workspace {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    try workspace.write(Tensor(shape: [5], [Int64(2), 0, 1, 1, 2]), "t.npy")
    let outcome = try workspace.start(
      ["explain", "--model", "net.onnx", "--data", "x.npy", "-o", "out", "--pictures", "0", "--quiet"]
        + arguments
    ).wait()
    #expect(outcome.code == 0 && outcome.output.isEmpty, "\(outcome.errors)")
    #expect(try workspace.entries("out") == ["attributions.npy", "result.json", "study.yaml"])
    return workspace
  }

  private func expectClose(
    _ found: Tensor, _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      scaledDifference(found, Tensor(shape: [5, 1, 8, 8], expected))! < gradientTolerance,
      sourceLocation: sourceLocation)
  }

  @Test(arguments: [("square", 1), ("2", 2), ("CIRCLE", 0)])
  func oneClassForAll(_ name: String, _ index: Int) throws {
    let workspace = try run("--method", "gradient", "--target", name)
    expectClose(try workspace.array("out/attributions.npy"), try gradient(Array(repeating: index, count: 5)))
    #expect(try workspace.json("out/result.json")["targets"] as? [Int] == Array(repeating: index, count: 5))
  }

  @Test func classesOfAFile() throws {
    let workspace = try run("--method", "gradient-x-input", "--target-file", "t.npy")
    let expected = zip(try gradient([2, 0, 1, 1, 2]), inputs.elements(as: Float.self)).map { $0 * $1 }
    expectClose(try workspace.array("out/attributions.npy"), expected)
  }

  @Test func predictedClass() throws {
    let workspace = try run("--method", "gradient", "--target", "predicted")
    let outputs = try Network(bytes: TinyModel.image().bytes()).graph(batch: 5).interpreted([inputs])[0]
      .elements(as: Float.self)
    let answers = (0..<5).map { row in (0..<3).max { outputs[row * 3 + $0] < outputs[row * 3 + $1] }! }
    expectClose(try workspace.array("out/attributions.npy"), try gradient(answers))
  }

  /// Several methods side by side: an array each, and a report with a sheet of maps.
  @Test func reportShowsAllMethods() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    let outcome = try workspace.start([
      "explain", "--model", "net.onnx", "--data", "x.npy", "-o", "out", "--method", "lrp-zero,deeplift",
    ]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("deeplift"))
    let entries = try workspace.entries("out")
    #expect(
      entries.filter { !$0.hasPrefix("figures") } == [
        "deeplift.npy", "lrp-zero.npy", "pictures", "report.html", "report.ipynb", "result.json",
        "study.yaml",
      ])
    let methods = try #require(workspace.json("out/result.json")["methods"] as? [[String: Any]])
    #expect(methods.map { $0["name"] as? String } == ["lrp-zero", "deeplift"])
    // DeepLIFT's contributions add up; biases of the network keep their share of relevance.
    let errors = try #require(methods[1]["errors"] as? [Double])
    #expect(errors.count == 5 && errors.allSatisfy { abs($0) < 1e-4 })
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("<svg") && page.contains("lrp-zero") && !page.contains("http://"))
  }

  /// A picture for each image and method, as large as the image, whatever the size of the map.
  @Test(arguments: [[], ["--overlay"], ["--shared-scale"]])
  func picturesOfTheFirstImages(_ flags: [String]) throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos/cat", 0..<2)
    try workspace.writePictures("photos/dog", 0..<2)
    let outcome = try workspace.start(
      [
        "explain", "--model", "net.onnx", "--data", "photos", "--method", "gradient,hires-cam", "--layer",
        "pool1", "--pictures", "3", "-o", "out",
      ] + flags
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let names = ["cat-0", "cat-1", "dog-0"].flatMap { ["\($0).gradient.png", "\($0).hires-cam.png"] }
    #expect(try workspace.entries("out/pictures") == names)
    for name in names {
      let image = try ImageFile.read(path: workspace.file("out/pictures/\(name)"))
      #expect(image.width == 8 && image.height == 8 && image.channelCount == 3)
    }
  }

  /// The first references by their rows, where a method reads them.
  @Test(arguments: [(1, "the only one"), (12, "all 12"), (14, "the first 12 of 14")])
  func reportShowsReferences(_ count: Int, _ extent: String) throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    try workspace.write(Workspace.noise([count, 1, 8, 8], seed: 9), "refs.npy")
    func page(_ methods: String, _ layer: String...) throws -> String {
      let outcome = try workspace.start(
        [
          "explain", "--model", "net.onnx", "--data", "x.npy", "-o", "out", "--references", "refs.npy",
          "--quiet", "--samples", "8", "--method", methods,
        ] + layer
      ).wait()
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    }
    let html = try page("gradient,expected-gradients,deep-shap")
    #expect(html.contains("The reference inputs of expected-gradients, deep-shap, \(extent), by their rows"))
    let shown = html.matches(of: /alt="References, (\d+)"/).compactMap { Int($0.1) }
    #expect(shown == Array(0..<min(12, count)))
    #expect(try !page("gradient").contains("References, 0"))
    // References of DeepSHAP are inputs at every layer.
    #expect(try page("deep-shap", "--layer", "pool1").contains("References, 0"))
  }

  /// Examples that cannot be read are left out of everything, and listed.
  @Test func badImagesAreSkippedOnRequest() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<4)
    try workspace.write(TinyModel.brokenJPEG, "photos/1a.jpg")
    try workspace.write(Tensor(shape: [5], [Int64(0), 1, 2, 0, 1]), "t.npy")
    let arguments = [
      "explain", "--model", "net.onnx", "--data", "photos", "--target-file", "t.npy", "-o", "out",
    ]
    #expect(try workspace.start(arguments).wait().code == 65)
    let outcome = try workspace.start(arguments + ["--skip-bad"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(result["names"] as? [String] == ["0.png", "1.png", "2.png", "3.png"])
    #expect(result["targets"] as? [Int] == [0, 1, 0, 1] && (result["skipped"] as? [String])?.count == 1)
    #expect(try workspace.array("out/attributions.npy").shape == [4, 1, 8, 8])
  }

  @Test func strictRefusesWhatDoesNotAddUp() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(inputs, "x.npy")
    let arguments = ["explain", "--model", "net.onnx", "--data", "x.npy", "-o", "out", "--strict", "--quiet"]
    let wrong = try workspace.start(arguments + ["--method", "integrated-gradients", "--steps", "1"]).wait()
    #expect(wrong.code == 65 && wrong.errors.contains("by integrated-gradients sum to"), "\(wrong.errors)")
    let right = try workspace.start(arguments + ["--method", "deeplift"]).wait()
    #expect(right.code == 0, "\(right.errors)")
  }

  /// Attributions sum to the logit's change from the baseline; kinks leave some error of the quadrature.
  @Test func integratedGradientsAreComplete() throws {
    let workspace = try run("--method", "integrated-gradients", "--target-file", "t.npy", "--steps", "400")
    let found = try workspace.floats("out/attributions.npy")
    let graph = try Network(bytes: TinyModel.image().bytes()).graph(batch: 5)
    let ends = try graph.interpreted([inputs])[0].elements(as: Float.self)
    let starts = try graph.interpreted([Tensor(shape: [5, 1, 8, 8], repeating: Float(0))])[0]
      .elements(as: Float.self)
    for (row, target) in [2, 0, 1, 1, 2].enumerated() {
      let change = ends[row * 3 + target] - starts[row * 3 + target]
      let sum = found[row * 64..<(row + 1) * 64].reduce(0, +)
      #expect(abs(sum - change) < quadratureTolerance * max(1, abs(change)))
    }
  }
}

/// Gradients multiply the rounding of both passes, as a share of the largest magnitude.
private let gradientTolerance = 1e-3
/// Four hundred points on a path that crosses some kinks.
private let quadratureTolerance: Float = 2e-2
