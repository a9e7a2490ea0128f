import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct SpRAYCommandTests {
  @Test func thePlantedTagIsFoundAndConfirmed() throws {
    let workspace = try SpRAYScene.workspace()
    let outcome = try workspace.start(SpRAYScene.arguments("out")).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let tag = try workspace.isolation("out")
    #expect(tag.precision >= 0.95 && tag.recall >= 0.95)
    let horse = try workspace.sprayClass("out", "horse")
    let suspicion = try #require(horse["suspicion"] as? [String: Any])
    #expect(suspicion["rank"] as? Int == 1 && suspicion["cluster"] as? Int == tag.cluster)
    let effect = try #require(try workspace.maskingEffect("out", "horse", tag.cluster))
    #expect(effect["isConfirmed"] as? Bool == true)
    // The tag's nine pixels have weight 1, less what stands there instead.
    let drop = try #require(effect["drop"] as? Double),
      elsewhere = try #require(effect["dropElsewhere"] as? Double)
    #expect((6...10).contains(drop) && abs(elsewhere) < 2)
    let clusters = try #require(horse["clusters"] as? [[String: Any]])
    #expect(clusters[tag.cluster]["region"] as? String == "the lower left corner")
    let sentence = try #require(suspicion["sentence"] as? String)
    #expect(
      sentence.hasPrefix(
        "class 'horse', strategy \(tag.cluster + 1) (30 % of images): relevance sits in the lower left")
        && sentence.hasSuffix("elsewhere: confirmed"))
    #expect(outcome.output.contains(sentence))
    #expect(outcome.output.contains("Masking confirms a strategy of 1 of 2 classes"))
    // Words for ships promise nothing.
    let ship = try #require(try workspace.sprayClass("out", "ship")["suspicion"] as? [String: Any])
    #expect(ship["rank"] as? Int == 2 && !(ship["sentence"] as? String ?? "").contains(": confirmed"))
  }

  @Test func aTwinThatDoesNotUseTheTagConfirmsNothing() throws {
    let workspace = try SpRAYScene.workspace()
    // Made to fall into strategies, so that there is something to refuse.
    let outcome = try workspace.start(
      SpRAYScene.arguments("out", ["--clusters", "3"], model: "clean")
    ).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("Masking confirms no strategy of 2 classes."))
    #expect(outcome.output.contains("only masking confirms"))
    for name in ["horse", "ship"] {
      for cluster in 0..<3 {
        #expect(try workspace.maskingEffect("out", name, cluster)?["isConfirmed"] as? Bool == false)
      }
    }
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("masking confirms no suspicious strategy"))
  }

  @Test func resultHoldsWhatTheSchemaPromises() throws {
    let workspace = try SpRAYScene.workspace()
    #expect(try workspace.start(SpRAYScene.arguments("out", ["--quiet"])).wait().code == 0)
    #expect(
      try workspace.entries("out") == [
        "assignments.csv", "eigenvectors.npy", "embedding.npy", "figures", "maps.npy", "mean-maps.npy",
        "report.html", "report.ipynb", "result.json", "strategies.json", "study.yaml",
      ])
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.spray/1")
    #expect(result["method"] as? String == "lrp-epsilon-plus-flat" && result["layer"] as? String == "input")
    let classes = try #require(result["classes"] as? [[String: Any]])
    #expect(classes.map { $0["name"] as? String } == ["horse", "ship"])
    var rows = 0, means = 0
    for entry in classes {
      let clusters = try #require(entry["clusters"] as? [[String: Any]])
      let count = try #require(entry["exampleCount"] as? Int)
      let sizes = try clusters.map { try #require($0["size"] as? Int) }
      #expect(sizes.reduce(0, +) + (entry["unclusteredCount"] as? Int ?? 0) == count)
      for cluster in clusters {
        let share = try #require(cluster["share"] as? Double), size = try #require(cluster["size"] as? Int)
        #expect(abs(share - Double(size) / Double(count)) < 1e-9)
        #expect((cluster["prototypes"] as? [[String: Any]])?.isEmpty == false)
        #expect(cluster["meanMapIndex"] as? Int == means)
        means += 1
      }
      let values = try #require(entry["eigenvalues"] as? [Double])
      #expect(values == values.sorted() && abs(values[0]) < 1e-9 && values.count == 32)
      rows += count
    }
    #expect(rows == SpRAYScene.count)
    #expect(try workspace.array("out/embedding.npy").shape == [rows, 2])
    #expect(try workspace.array("out/eigenvectors.npy").shape == [rows, 32])
    #expect(try workspace.array("out/maps.npy").shape == [rows, 256])
    #expect(try workspace.array("out/mean-maps.npy").shape == [means, 16, 16])
    let assignments = try workspace.assignments("out")
    #expect(assignments.compactMap { Int($0["example"] ?? "") } == Array(0..<rows))
    #expect(assignments[3]["name"] == "data.npy[3]" && assignments[3]["label"] == "horse")
    let run = try #require(result["run"] as? [String: Any])
    for key in ["model", "data", "settings", "seed", "versions", "timings", "command"] {
      #expect(run[key] != nil, "\(key)")
    }
    let settings = try #require(run["settings"] as? [String: String])
    #expect(settings["clustering"] == "kmeans" && settings["mask-area"] == "0.05")
  }

  /// The mean of each class's prepared maps, from the maps that are kept, is what the clusters' means add up to.
  @Test func keptMapsAreThoseThatWereClustered() throws {
    let workspace = try SpRAYScene.workspace()
    #expect(try workspace.start(SpRAYScene.arguments("out", ["--quiet"])).wait().code == 0)
    let maps = try workspace.floats("out/maps.npy"), means = try workspace.floats("out/mean-maps.npy")
    let rows = try workspace.assignments("out")
    let clusters = try #require(try workspace.sprayClass("out", "horse")["clusters"] as? [[String: Any]])
    for (label, cluster) in clusters.enumerated() {
      let members = rows.indices.filter { rows[$0]["class"] == "horse" && rows[$0]["cluster"] == "\(label)" }
      let start = try #require(cluster["meanMapIndex"] as? Int) * 256
      for place in 0..<256 {
        let mean = members.reduce(0.0) { $0 + Double(maps[$1 * 256 + place]) } / Double(members.count)
        #expect(abs(mean - Double(means[start + place])) < 1e-6)
      }
    }
    // Maps are divided by their absolute sums.
    for row in rows.indices {
      let sum = maps[row * 256..<(row + 1) * 256].reduce(0.0) { $0 + Double(abs($1)) }
      #expect(abs(sum - 1) < 1e-5)
    }
  }

  @Test func numbersAreReproduced() throws {
    let workspace = try SpRAYScene.workspace()
    let arguments = SpRAYScene.arguments("first", ["--seed", "11", "--quiet"])
    #expect(try workspace.start(arguments).wait().code == 0)
    #expect(try workspace.run("run", "first/study.yaml", "-o", "second").code == 0)
    let narrow = SpRAYScene.arguments("third", ["--seed", "11", "--quiet", "--memory", "256MB"])
    #expect(try workspace.start(narrow).wait().code == 0)
    let classes = try #require(workspace.json("first/result.json")["classes"] as? NSArray)
    for other in ["second", "third"] {
      #expect(try classes.isEqual(to: #require(workspace.json("\(other)/result.json")["classes"] as? [Any])))
      for file in ["embedding.npy", "eigenvectors.npy", "maps.npy", "mean-maps.npy"] {
        #expect(
          try workspace.array("first/\(file)") == workspace.array("\(other)/\(file)"), "\(other)/\(file)")
      }
    }
    // The seed is what parts and surrogates hang on.
    let reseeded = SpRAYScene.arguments("fourth", ["--seed", "12", "--quiet"])
    #expect(try workspace.start(reseeded).wait().code == 0)
    #expect(try !classes.isEqual(to: #require(workspace.json("fourth/result.json")["classes"] as? [Any])))
  }

  @Test(arguments: [
    ["--clustering", "hdbscan"], ["--clustering", "dbscan", "--radius", "0.3"],
    ["--clustering", "agglomerative", "--linkage", "average"],
    ["--clustering", "gaussian-mixture", "--restarts", "2"],
    ["--weighting", "local-scaling", "--metric", "cosine"],
    ["--laplacian", "random-walk", "--plane", "umap,tsne"],
    ["--clusters", "largest-gap", "--plane-of", "maps"],
    ["--map-side", "8", "--sign", "positive", "--normalisation", "l2"],
    ["--method", "activations", "--layer", "relu1", "--channels", "positions"],
    ["--method", "gradient-x-input", "--layer", "relu1"], ["--target", "predicted", "--classes", "horse"],
    ["--infill", "blur", "--mask-area", "0.1"], ["--pictures", "0", "--no-maps", "--bootstrap", "0"],
  ])
  func settingsAreAccepted(_ flags: [String]) throws {
    let workspace = try SpRAYScene.workspace()
    let outcome = try workspace.start(SpRAYScene.arguments("out", flags)).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let places = try workspace.array("out/embedding.npy")
    #expect(places.firstNonFinite() == nil)
    let entries = try workspace.entries("out")
    #expect(entries.contains("embedding-tsne.npy") == flags.contains("umap,tsne"))
    #expect(entries.contains("maps.npy") != flags.contains("--no-maps"))
    let classes = try #require(workspace.json("out/result.json")["classes"] as? [[String: Any]])
    #expect(classes.count == (flags.contains("--classes") ? 1 : 2))
    #expect(places.shape[0] == classes.reduce(0) { $0 + ($1["exampleCount"] as? Int ?? 0) })
    if flags.contains("positions") {
      // Two channels, which have no place on the input.
      #expect(try workspace.array("out/maps.npy").shape[1] == 2)
      #expect(outcome.output.contains("not tested") || outcome.output.contains("of no class part"))
      #expect(!outcome.output.contains(": confirmed"))
    }
  }

  @Test func withoutMaskingNothingIsConfirmed() throws {
    let workspace = try SpRAYScene.workspace()
    let outcome = try workspace.start(SpRAYScene.arguments("out", ["--no-masking"])).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.output.contains(
        "No strategy was tested by masking (it was not asked for), so nothing is confirmed"))
    #expect(outcome.output.contains("not tested by masking: it was not asked for"))
    #expect(!outcome.output.contains(": confirmed"))
    let clusters = try #require(try workspace.sprayClass("out", "horse")["clusters"] as? [[String: Any]])
    #expect(clusters.allSatisfy { $0["maskingEffect"] == nil })
    let page = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(page.contains("so nothing is confirmed"))
  }

  @Test func jsonIsTheRecord() throws {
    let workspace = try SpRAYScene.workspace()
    let outcome = try workspace.start(SpRAYScene.arguments("out", ["--json"])).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    let printed = try Workspace.object(Data(outcome.output.utf8))
    let classes = try #require(printed["classes"] as? [[String: Any]])
    #expect(classes.count == 2 && printed["schema"] as? String == "noema.spray/1")
  }

  /// The project has the analysed examples under new numbers, with relevance as the method made it.
  @Test func virelayProjectsHoldWhatWasAnalysed() throws {
    let workspace = try SpRAYScene.workspace()
    let flags = [
      "--classes", "ship", "--plane", "tsne,umap", "--virelay", "project", "--method", "gradient-x-input",
    ]
    let outcome = try workspace.start(SpRAYScene.arguments("out", flags + ["--quiet"])).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      try workspace.entries("project") == [
        "analysis.h5", "attributions.h5", "data.h5", "label-map.json", "project.yaml",
      ])
    #expect(!(try workspace.entries("out").contains(".relevance")))
    let count = SpRAYScene.shipCount
    let attributions = try HDF5File(workspace.file("project/attributions.h5"))
    #expect(try attributions.dataset("attribution").shape == [count, 3, 16, 16])
    #expect(try attributions.dataset("prediction").shape == [count, 2])
    let data = try HDF5File(workspace.file("project/data.h5"))
    #expect(try data.dataset("data").shape == [count, 3, 16, 16])
    let analysis = try HDF5File(workspace.file("project/analysis.h5"))
    #expect(try analysis.names() == ["00000001"])
    #expect(try analysis.names(in: "00000001/embedding") == ["spectral", "tsne", "umap"])
    let labels = try analysis.read("00000001/cluster/kmeans").converted(to: .int64).elements(as: Int64.self)
    #expect(try labels.map { "\($0)" } == workspace.assignments("out").map { $0["cluster"] })
    // Grey maps become three thirds.
    let explain = try workspace.run(
      "explain", "--model", "net.onnx", "--data", "data.npy", "--method", "gradient-x-input", "--target",
      "ship",
      "--pictures", "0", "--quiet", "-o", "explained")
    #expect(explain.code == 0, "\(explain.errors)")
    let maps = try workspace.array("explained/attributions.npy").rows(
      SpRAYScene.horseCount..<SpRAYScene.count)
    let thirds = try attributions.read("attribution").elements(as: Float.self)
    let expected = maps.elements(as: Float.self)
    for row in 0..<count {
      for place in stride(from: 0, to: 256, by: 17) {
        let sum = (0..<3).reduce(Float(0)) { $0 + thirds[(row * 3 + $1) * 256 + place] }
        #expect(abs(sum - expected[row * 256 + place]) < 1e-5)
      }
    }
  }
}
