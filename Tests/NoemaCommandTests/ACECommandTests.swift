import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Searches for concepts of images with a planted texture.
@Suite struct ACECommandTests {
  private func layers(_ scene: ACEScene, _ folder: String = "out") throws -> [[String: Any]] {
    try #require(try scene.workspace.json("\(folder)/result.json")["layers"] as? [[String: Any]])
  }

  private func concepts(_ layer: [String: Any]) throws -> [[String: Any]] {
    try #require(layer["concepts"] as? [[String: Any]])
  }

  @Test func plantedTextureIsFoundFirstAndUsed() throws {
    let scene = try ACEScene()
    let outcome = try scene.workspace.start(ACEScene.arguments()).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("1 of 4 concepts is used: 1 (score"))
    let layer = try #require(try layers(scene).first), concepts = try concepts(layer)
    #expect(concepts.count == 4)
    var textures: Set<Int> = []
    for (place, concept) in concepts.enumerated() {
      let name = try #require(concept["name"] as? String)
      #expect(concept["rank"] as? Int == place + 1)
      let (texture, share) = try scene.texture(of: name)
      textures.insert(texture)
      #expect(share > 0.95, "\(name)")
      #expect((concept["verdict"] as? String == "used") == (place == 0))
      #expect((texture == 0) == (place == 0))
    }
    #expect(textures == [0, 1, 2, 3])
    #expect((concepts[0]["totalIndex"] as? Double ?? 0) > 0.9)
    let curves = try #require(layer["curves"] as? [String: Any])
    let sufficient = try #require(curves["sufficient"] as? [String: Any])
    let random = try #require(sufficient["randomConcepts"] as? [String: Any])
    #expect((sufficient["worths"] as? [Double])?.count == 5 && sufficient["area"] is Double)
    #expect((random["p"] as? Double ?? 1) <= 0.05 + 1e-9)
  }

  @Test func resultHoldsWhatTheSchemaPromises() throws {
    let scene = try ACEScene()
    let workspace = scene.workspace
    #expect(try workspace.start(ACEScene.arguments() + ["--quiet"]).wait().code == 0)
    let result = try workspace.json("out/result.json")
    #expect(result["schema"] as? String == "noema.ace/1" && result["kind"] as? String == "image")
    #expect((result["target"] as? [String: Any])?["name"] as? String == "striped")
    let examples = try #require(result["examples"] as? [String: Any])
    let searched = try #require(examples["search"] as? [String])
    let held = try #require(examples["heldOut"] as? [String])
    #expect(searched.count == 10 && held.count == 10 && Set(searched).isDisjoint(with: held))
    let run = try #require(result["run"] as? [String: Any])
    for key in ["model", "data", "settings", "seed", "versions", "timings", "command"] {
      #expect(run[key] != nil, "\(key)")
    }
    let layer = try #require(try layers(scene).first)
    for concept in try concepts(layer) {
      let name = try #require(concept["name"] as? String)
      for key in ["score", "pPermutation", "pPermutationAdjusted", "auc"] {
        let value = try #require(concept[key] as? Double, "\(key) of \(name)")
        #expect((0...1).contains(value), "\(key) of \(name) is \(value)")
      }
      for key in ["totalIndex", "totalIndexError", "shapley", "meanDerivative"] {
        #expect(concept[key] is Double, "\(key) of \(name)")
      }
      #expect((concept["loss"] as? [String: Any])?["output"] is Double)
      let stability = try #require(concept["stability"] as? [String: Any])
      #expect(stability["seeds"] is Double && stability["examples"] is Double)
      let exemplars = try #require(concept["exemplars"] as? [[String: Any]])
      #expect(exemplars.count == 4 && (concept["size"] as? Int ?? 0) > 20)
      // The best patches of different examples come first.
      #expect(Set(exemplars.compactMap { $0["example"] as? String }).count == 4)
      for exemplar in exemplars {
        for key in ["picture", "place"] {
          let file = try #require(exemplar[key] as? String)
          let image = try ImageFile.decode(
            [UInt8](Data(contentsOf: URL(fileURLWithPath: workspace.file("out/\(file)")))), name: file)
          #expect(image.width == 32 && image.height == 32 && image.channelCount == 3)
        }
      }
      #expect(try workspace.entries("out/patches/\(name)").count == 8)
      #expect(try workspace.entries("out/concepts/\(name)").contains("concept.yaml"))
    }
    let dictionary = try #require(layer["dictionary"] as? [String: Any])
    let atoms = try workspace.array("out/\(try #require(dictionary["atoms"] as? String))")
    let features = try workspace.array("out/\(try #require(dictionary["features"] as? String))")
    let mean = try workspace.array("out/\(try #require(dictionary["mean"] as? String))")
    #expect(atoms.shape == [4, 8] && features.shape[1] == 8 && mean.shape == [8])
    // The means are those of the patches, and each patch belongs to its nearest centre.
    let rows = features.elements(as: Float.self), centres = atoms.elements(as: Double.self)
    for column in 0..<8 {
      let sum = stride(from: column, to: rows.count, by: 8).reduce(0.0) { $0 + Double(rows[$1]) }
      #expect(abs(sum / Double(features.shape[0]) - mean.elements(as: Double.self)[column]) < 1e-5)
    }
    let table = try String(contentsOfFile: workspace.file("out/patches.csv"), encoding: .utf8)
      .split(separator: "\n")
    #expect(
      table[0] == "patch,example,segment,resolution,positions,top,left,height,width,concept,atom,cost")
    #expect(table.count == features.shape[0] + 1)
    for (row, line) in table.dropFirst().enumerated() {
      let distances = (0..<4).map { atom in
        (0..<8).reduce(0.0) { sum, column in
          let difference = Double(rows[row * 8 + column]) - centres[atom * 8 + column]
          return sum + difference * difference
        }
      }
      let nearest = distances.indices.min { distances[$0] < distances[$1] }
      #expect(Int(line.split(separator: ",", omittingEmptySubsequences: false)[10]) == nearest)
    }
    for file in ["report.html", "report.ipynb", "study.yaml", "figures", "dictionaries"] {
      #expect(try workspace.entries("out").contains(file), "\(file)")
    }
    let html = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    #expect(html.contains("<h2>Where they are") && html.contains("used, raises ↑"))
  }

  @Test func bytesAreReproduced() throws {
    let scenes = try (0..<2).map { _ in try ACEScene() }
    for scene in scenes { #expect(try scene.workspace.start(ACEScene.arguments()).wait().code == 0) }
    let files = try scenes.map { scene in
      try FileManager.default.subpathsOfDirectory(atPath: scene.workspace.file("out")).sorted()
    }
    #expect(files[0] == files[1] && files[0].count > 40)
    for file in files[0] where !file.hasSuffix("result.json") {
      let contents = scenes.map { FileManager.default.contents(atPath: $0.workspace.file("out/\(file)")) }
      #expect(contents[0] == contents[1], "\(file)")
    }
    #expect(try (layers(scenes[0]) as NSArray).isEqual(to: layers(scenes[1])))
    // The study file repeats the run.
    let workspace = scenes[0].workspace
    #expect(try workspace.run("run", "out/study.yaml", "-o", "again").code == 0)
    #expect(try (layers(scenes[0]) as NSArray).isEqual(to: layers(scenes[0], "again")))
  }

  @Test func otherCommandsTakeTheConcepts() throws {
    let scene = try ACEScene()
    let workspace = scene.workspace
    let few =
      ACEScene.arguments() + ["--dictionary", "nmf", "--masks", "0", "--scenes", "0", "--stability", "0"]
    #expect(try workspace.start(few).wait().code == 0)
    let layer = try #require(try layers(scene).first), concepts = try concepts(layer)
    #expect(layer["curves"] == nil && concepts[0]["totalIndex"] == nil)
    #expect((layer["dictionary"] as? [String: Any])?["kind"] as? String == "nmf")
    let name = try #require(concepts[0]["name"] as? String)
    #expect(try scene.texture(of: name).texture == 0)
    let tested = try workspace.run(
      "tcav", "--model", "net.onnx", "--data", "photos", "--target", "striped", "--layer", "features",
      "--concepts", "out/concepts", "--random", "photos/other", "--runs", "10", "--pseudo-concepts", "99",
      "--null-runs", "5", "-o", "tested")
    #expect(tested.code == 0, "\(tested.errors)")
    let results = try #require(try workspace.json("tested/result.json")["results"] as? [[String: Any]])
    #expect(results.count == concepts.count)
    let own = try #require(results.first { $0["concept"] as? String == name })
    #expect(own["score"] as? Double == 1)
  }

  @Test func layersShareOnePass() throws {
    let scene = try ACEScene()
    let workspace = scene.workspace
    let quick = ["--masks", "0", "--scenes", "0", "--stability", "0", "--runs", "0"]
    let arguments = ACEScene.arguments(layer: "features pooled") + quick
    let outcome = try workspace.start(arguments).wait()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("whether the network uses them was not tested"))
    #expect(try layers(scene).map { $0["layer"] as? String } == ["features", "pooled"])
    #expect(try workspace.entries("out/concepts") == ["features", "pooled"])
    #expect(try workspace.entries("out/dictionaries").contains("pooled.atoms.npy"))
    let html = try String(contentsOfFile: workspace.file("out/report.html"), encoding: .utf8)
    // A layer without positions has no maps, and the page says so.
    #expect(html.contains("<h2>Where they are at features") && !html.contains("<h2>Where they are at pooled"))
    #expect(
      html.contains(
        "pooled has no positions that lie in the image, so its concepts have no place in whole images"))
  }
}
