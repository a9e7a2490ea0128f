import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Studies of the demonstration's network, which learned that a tag in the corner means a shirt.
@Suite struct TCAVCommandTests {
  /// The most that two runs may differ in whose batches differ: float32 rounding, summed in another order.
  private let roundingTolerance = 1e-4

  /// Blocks of noise in place of clothes; `tagged` ones carry the tag that scripts/train-twins.py stamps.
  private func pictures(_ count: Int, seed: UInt64, tagged: Bool = false) -> Tensor {
    var random = RandomNumbers(seed: seed)
    var values: [Float] = []
    for _ in 0..<count {
      let blocks = (0..<49).map { _ in Float(random.uniform()) }
      for y in 0..<28 {
        for x in 0..<28 {
          let (v, u) = (y - 21, x - 21)
          if tagged, v >= 0, u >= 0 {
            let isBright = (1...5).contains(v) && (1...5).contains(u) && v != 3 && u != 3
            values.append(isBright ? 1 : 0)
          } else {
            values.append(blocks[y / 4 * 7 + x / 4])
          }
        }
      }
    }
    return Tensor(shape: [count, 1, 28, 28], values)
  }

  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(pictures(24, seed: 1), "data.npy")
    try workspace.write(pictures(30, seed: 2, tagged: true), "concepts/tag.npy")
    try workspace.write(pictures(30, seed: 3), "concepts/noise.npy")
    try workspace.write(pictures(90, seed: 4), "random.npy")
    return workspace
  }

  private func arguments(_ out: String) -> [String] {
    [
      "tcav", "--model", "\(Workspace.models)/fmnist-tagged.onnx", "--data", "data.npy", "--target", "Shirt",
      "--layer", "pool2", "--layer", "relu3", "--concepts", "concepts", "--concept", "tag", "--concept",
      "noise",
      "--random", "random.npy", "--runs", "8", "--pseudo-concepts", "39", "--null-runs", "4", "--seed", "11",
      "-o",
      out,
    ]
  }

  /// The numbers of a result, without what differs between runs by nature.
  private func numbers(_ workspace: Workspace, _ name: String) throws -> [[String: Any]] {
    try #require(try workspace.json("\(name)/result.json")["results"] as? [[String: Any]])
  }

  @Test func resultHoldsWhatTheSchemaPromises() throws {
    let workspace = try workspace()
    let outcome = try workspace.start(arguments("out")).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.tcav/1")
    let rows = try numbers(workspace, "out")
    #expect(
      rows.map { "\($0["layer"]!) \($0["target"]!) \($0["concept"]!)" }
        == ["pool2 Shirt tag", "pool2 Shirt noise", "relu3 Shirt tag", "relu3 Shirt noise"])
    let verdicts = ["used", "represented but not used", "not represented", "too little data", "degenerate"]
    for row in rows {
      let place = "\(row["layer"]!) \(row["concept"]!)"
      for key in [
        "score", "positiveMass", "pPermutation", "pPermutationAdjusted", "pRunTTest", "pRunTTestAdjusted",
      ] {
        let value = try #require(row[key] as? Double, "\(key) of \(place)")
        #expect((0...1).contains(value), "\(key) of \(place) is \(value)")
      }
      let scores = try #require(row["scores"] as? [Double])
      #expect(scores.count == 8)
      #expect(abs(scores.reduce(0, +) / 8 - (row["score"] as! Double)) < 1e-9)
      let interval = try #require(row["scoreInterval"] as? [Double])
      #expect(interval.count == 2 && interval[0] <= interval[1])
      #expect(row["scoreStd"] is Double && row["meanDerivative"] is Double)
      #expect(verdicts.contains(row["verdict"] as? String ?? ""))
      let probe = try #require(row["probe"] as? [String: Any])
      #expect(probe["kind"] is String)
      for key in ["auc", "balancedAccuracy", "chance"] { #expect(probe[key] is Double, "\(key) of \(place)") }
      let diagnostics = try #require(row["diagnostics"] as? [String: Any])
      #expect(diagnostics["conceptCount"] as? Int == 30 && diagnostics["inputCount"] as? Int == 24)
      #expect((diagnostics["nullScores"] as? [Double])?.count == 39)
      #expect((row["pPermutationAdjusted"] as! Double) >= (row["pPermutation"] as! Double))
      let index = try #require(row["cavIndex"] as? Int)
      let cavs = try #require(result["cavs"] as? [[String: Any]])
      #expect(cavs[index]["concept"] as? String == row["concept"] as? String)
      #expect(cavs[index]["layer"] as? String == row["layer"] as? String)
    }
    let run = try #require(result["run"] as? [String: Any])
    for key in ["model", "data", "settings", "seed", "versions", "timings", "command"] {
      #expect(run[key] != nil, "\(key)")
    }
    // 1568 features at pool2, 32 at relu3, for each of two concepts.
    #expect(try workspace.array("out/cavs.npy").shape == [2 * 1568 + 2 * 32])
    #expect(try workspace.array("out/derivatives.npy").shape == [4, 24])
    for file in ["report.html", "report.ipynb", "study.yaml", "figures"] {
      #expect(try workspace.entries("out").contains(file), "\(file)")
    }
  }

  /// The planted tag pushes every input towards the shirt; what only looks like the random examples is not found.
  @Test func plantedConceptIsFound() throws {
    let workspace = try workspace()
    #expect(try workspace.start(arguments("out")).wait().code == 0)
    for row in try numbers(workspace, "out") {
      let probe = try #require(row["probe"] as? [String: Any]), auc = try #require(probe["auc"] as? Double)
      if row["concept"] as? String == "tag" {
        #expect(row["score"] as? Double == 1)
        #expect(row["pPermutation"] as? Double == 1.0 / 40)
        #expect(auc > 0.95)
      } else {
        #expect(auc < 0.75)
        #expect(row["verdict"] as? String == "not represented")
      }
    }
  }

  @Test func numbersAreReproduced() throws {
    let workspace = try workspace()
    #expect(try workspace.start(arguments("first")).wait().code == 0)
    let first = try numbers(workspace, "first") as NSArray
    // The same command, and the study file that the first run left.
    #expect(try workspace.start(arguments("second")).wait().code == 0)
    #expect(try workspace.run("run", "first/study.yaml", "-o", "third").code == 0)
    for other in ["second", "third"] {
      #expect(try first.isEqual(to: numbers(workspace, other)), "\(other)")
      for file in ["cavs.npy", "derivatives.npy"] {
        #expect(
          try workspace.array("first/\(file)") == workspace.array("\(other)/\(file)"), "\(other)/\(file)")
      }
    }
    // The seed is what the numbers hang on.
    #expect(try workspace.run("run", "first/study.yaml", "-o", "first").code == 0)
    var reseeded = arguments("fourth")
    reseeded[reseeded.firstIndex(of: "11")!] = "12"
    #expect(try workspace.start(reseeded).wait().code == 0)
    #expect(try !first.isEqual(to: numbers(workspace, "fourth")))
  }

  @Test func memoryDoesNotChangeNumbers() throws {
    let workspace = try workspace()
    #expect(try workspace.start(arguments("wide") + ["--memory", "2GB"]).wait().code == 0)
    #expect(try workspace.start(arguments("narrow") + ["--memory", "256MiB"]).wait().code == 0)
    for (wide, narrow) in zip(try numbers(workspace, "wide"), try numbers(workspace, "narrow")) {
      for key in ["score", "meanDerivative", "positiveMass", "pPermutation", "pRunTTest"] {
        let (a, b) = (wide[key] as! Double, narrow[key] as! Double)
        #expect(abs(a - b) <= roundingTolerance * max(1, abs(a)), "\(key)")
      }
    }
    let difference = scaledDifference(
      try workspace.array("wide/cavs.npy"), try workspace.array("narrow/cavs.npy"))
    #expect(difference! < roundingTolerance)
  }

  /// One row: arguments that replace those of a good study, the exit code, and what standard error says.
  struct Bad: Sendable, CustomTestStringConvertible {
    let replacing: [String: String]
    let code: Int32
    let message: String
    var testDescription: String { replacing.map { "\($0) \($1)" }.sorted().joined(separator: " ") }

    init(_ replacing: [String: String], _ code: Int32, _ message: String) {
      (self.replacing, self.code, self.message) = (replacing, code, message)
    }
  }

  @Test(arguments: [
    Bad(["--target": "Shrit"], 2, "noema: no class named 'Shrit'; did you mean 'Shirt'?\n"),
    Bad(["--target": "10"], 2, "no class (the network has 10) named '10'"),
    Bad(["--layer": "pol2"], 2, "noema: no layer named 'pol2'; did you mean 'pool2', 'pool1'"),
    Bad(
      ["--concepts": "library", "--concept": "stripes"], 2,
      "no concept named 'stripes'; did you mean 'striped'?\n"),
    Bad(["--concepts": "gone"], 66, "gone"),
    Bad(["--random": "gone.npy"], 66, "noema: gone.npy: no such file or folder"),
    Bad(
      ["--concepts": "library", "--concept": "empty"], 65,
      "concept 'empty' has 0 examples, at least 2 are needed; add examples\n"),
    Bad(["--concept": "single"], 65, "concept 'single' has 1 example, at least 2 are needed; add examples\n"),
    Bad(["--random": "concepts/single.npy"], 65, "the random examples has 1 example, at least 2 are needed"),
    Bad(
      ["--random": "concepts/tag.npy"], 2,
      "tag.npy[0] of the random examples is the same as tag.npy[0] of concept 'tag'; remove it from one of them"
    ),
    Bad(
      ["--data": "wide.npy"], 65, "the network takes examples of shape [1, 28, 28], the data has [1, 28, 30]"),
    Bad(["--concept": "wide"], 65, "[1, 28, 30]"),
    Bad(["--data": "nan.npy"], 65, "nan.npy: value 0 of example 1 is NaN or infinite; clean the data\n"),
    Bad(["--concept": "nan"], 65, "value 0 of example 1 is NaN or infinite; clean the data\n"),
    Bad(["--runs": "0"], 2, "noema: runs must be 1"),
    Bad(["--alpha": "2"], 2, "noema: the significance level must lie in (0, 1)"),
  ])
  func badStudiesAreExplained(_ row: Bad) throws {
    let workspace = try workspace()
    let wide = Workspace.noise([6, 1, 28, 30], seed: 1)
    var numbers = pictures(3, seed: 9).elements(as: Float.self)
    numbers[784] = .nan
    for folder in ["", "concepts/"] {
      try workspace.write(wide, "\(folder)wide.npy")
      try workspace.write(Tensor(shape: [3, 1, 28, 28], numbers), "\(folder)nan.npy")
    }
    try workspace.write(pictures(1, seed: 8), "concepts/single.npy")
    try workspace.write(PNGFile.encode(TinyModel.picture(1)), "library/striped/1.png")
    try FileManager.default.createDirectory(
      atPath: workspace.file("library/empty"), withIntermediateDirectories: true)
    let before = try workspace.entries()
    var flags = [
      "--model": "\(Workspace.models)/fmnist-tagged.onnx", "--data": "data.npy", "--target": "Shirt",
      "--layer": "relu3", "--concepts": "concepts", "--concept": "tag", "--random": "random.npy",
      "--runs": "3",
      "--pseudo-concepts": "19", "--null-runs": "2", "--out": "out",
    ]
    flags.merge(row.replacing) { _, new in new }
    let outcome = try workspace.start(
      ["tcav"] + flags.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    )
    .wait()
    #expect(outcome.code == row.code, "\(outcome.errors)")
    #expect(outcome.errors.contains(row.message), "\(outcome.errors)")
    #expect(try workspace.entries() == before)
  }

  /// Folders of pictures: a corrupt file stops the study by name, or is left out and reported.
  @Test func damagedPicturesAreSkippedOnRequest() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.writePictures("photos", 0..<8)
    try workspace.writePictures("concepts/noisy", 20..<32)
    try workspace.write(TinyModel.brokenJPEG, "concepts/noisy/bad.jpg")
    try workspace.writePictures("random", 40..<64)
    // The same picture on both sides says nothing about the concept.
    try workspace.write(PNGFile.encode(TinyModel.picture(21)), "random/copy.png")
    let arguments = [
      "tcav", "--model", "net.onnx", "--data", "photos", "--target", "star", "--layer", "relu1", "--concepts",
      "concepts", "--concept", "noisy", "--random", "random", "--runs", "3", "--pseudo-concepts", "19",
      "--null-runs",
      "2", "-o", "out",
    ]
    let same = try workspace.start(arguments).wait()
    #expect(
      same.code == 2 && same.errors.contains("copy.png of the random examples is the same as 21.png"),
      "\(same.errors)")
    try FileManager.default.removeItem(atPath: workspace.file("random/copy.png"))
    let bad = try workspace.start(arguments).wait()
    #expect(bad.code == 65 && bad.errors.contains("bad.jpg: "), "\(bad.errors)")
    #expect(try workspace.entries() == ["concepts", "net.onnx", "net.yaml", "photos", "random"])

    try workspace.write(PNGFile.encode(TinyModel.picture(21)), "random/copy.png")
    let outcome = try workspace.start(arguments + ["--skip-bad"]).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let skipped = try #require(try workspace.json("out/result.json")["skipped"] as? [String])
    #expect(skipped.count == 2)
    #expect(skipped.contains { $0.contains("bad.jpg") } && skipped.contains { $0.contains("copy.png") })
    let row = try #require(try numbers(workspace, "out").first)
    let diagnostics = try #require(row["diagnostics"] as? [String: Any])
    #expect(diagnostics["conceptCount"] as? Int == 12)
  }
}
