import Foundation
import NoemaAttribution
import NoemaConcepts
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

@Suite struct ConceptMeasurementTests {
  /// Scores are dot products of pooled activations, whichever way; answers are the network's.
  @Test func scoresAreThoseOfTheActivations() throws {
    let network = try ConceptScene.network()
    let source = try ConceptScene.source(
      PlantedConcepts.pictures(PlantedConcepts.contents(70, seed: 5), seed: 6))
    var random = RandomNumbers(seed: 9)
    let (whole, pooled) = (
      (0..<80).map { _ in Float(random.normal()) }, (0..<5).map { _ in Float(random.normal()) }
    )
    let literals = [
      ConceptLiteral("whole", at: "relu", ConceptDirection(whole, intercept: 2)),
      ConceptLiteral("mean", at: "relu", ConceptDirection(pooled, pooling: .mean)),
      ConceptLiteral("largest", at: "relu", ConceptDirection(pooled, pooling: .max)),
      .unit(3, at: "relu", over: .max), .unit(3, at: "relu", over: .mean, name: "mean of 3"),
      .unit(1, at: "flat"),
      ConceptLiteral(
        "likely", at: "flat",
        ConceptDirection(pooled, intercept: 1, scale: .probability(slope: 2, offset: -1))),
      .unit(0, at: "flat", name: "there").present(above: 0.5),
    ]
    let table = try ConceptMeasurement(network, literals: literals, classes: PlantedConcepts.classes)(source)
    func activations(_ layer: String, _ pooling: Pooling) throws -> [[Double]] {
      var capture = Capture(network, layers: [layer])
      capture.pooling = pooling
      let features = try capture(source).activations[0]
      return try (0..<70).map { row in
        var values = [Float](repeating: 0, count: features.columnCount)
        try values.withUnsafeMutableBufferPointer {
          try features.copyBlock(rows: row..<row + 1, columns: 0..<features.columnCount, to: $0)
        }
        return values.map { Double($0) }
      }
    }
    func dot(_ a: [Float], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * $1.1 } }
    let (all, means, largest, flat) = (
      try activations("relu", .none), try activations("relu", .mean), try activations("relu", .max),
      try activations("flat", .none)
    )
    for row in 0..<70 {
      let likely = 2 * (dot(pooled, flat[row]) + 1) - 1
      let expected: [Double] = [
        dot(whole, all[row]) + 2, dot(pooled, means[row]), dot(pooled, largest[row]), largest[row][3],
        means[row][3], flat[row][1],
      ]
      for (column, value) in expected.enumerated() {
        #expect(abs(table.table[row, column] - value) < 1e-5, "\(literals[column].name), row \(row)")
      }
      #expect(abs(table.table[row, 6] - 1 / (1 + exp(-likely))) < 1e-5)
      #expect(table.table[row, 7] == (flat[row][0] > 0.5 ? 1 : 0))
    }
    let outputs = try Capture(network, layers: ["relu"])(source).outputs
    #expect(table.labels == outputs.largestIndices())
    let logits = outputs.elements(as: Float.self).map { Double($0) }
    for row in 0..<70 {
      let yes = 1 / (1 + exp(logits[2 * row] - logits[2 * row + 1]))
      #expect(abs(table.probabilities[2 * row + 1] - yes) < 1e-6)
    }
    #expect(table.indices == Array(0..<70) && table.skipped.isEmpty)
    #expect(table.table.features[7] == .presence("there", origin: "unit 0 of 'flat' (max over positions)"))
    #expect(table.table.features[0].origin == "the concept 'whole' at 'relu'")
  }

  /// A dictionary's coefficients and a probe's probabilities, one column each.
  @Test func dictionariesAndProbesAreRead() throws {
    let network = try ConceptScene.network()
    let contents = PlantedConcepts.contents(60, seed: 15)
    let source = try ConceptScene.source(PlantedConcepts.pictures(contents, seed: 16))
    let flat = try Capture(network, layers: ["flat"])(source).activations[0]
    let points = try PointSet(features: flat)
    let clusters = try KMeans(4).learn(points)
    let labels = try ProbeLabels(contents.map { $0.red ? "red" : "other" })
    let probe = try FittedProbe(features: flat, labels: labels)
    let literals: [ConceptLiteral] =
      ConceptLiteral.atoms(of: clusters, at: "flat", names: ["p", "q", "r"])
      + ConceptLiteral.atoms(of: clusters, at: "relu").map { $0.renamed("share of \($0.name)") }
      + ConceptLiteral.answers(of: probe, at: "relu", pooling: .mean)
    let table = try ConceptMeasurement(network, literals: literals)(source)
    #expect(Array(table.literals.map(\.name).prefix(4)) == ["p", "q", "r", "concept 4"])
    #expect(table.classes == ["0", "1"])
    let members = try clusters.encode(points)
    for row in 0..<60 {
      #expect((0..<4).map { table.table[row, $0] } == Array(members.row(row)))
      // Shares of 16 positions.
      let shares = (4..<8).map { table.table[row, $0] }
      #expect(abs(shares.reduce(0, +) - 1) < 1e-12 && shares.allSatisfy { ($0 * 16).rounded() == $0 * 16 })
      #expect((table.table[row, 9] > 0.5) == contents[row].red)
      #expect(abs(table.table[row, 8] + table.table[row, 9] - 1) < 1e-12)
    }
  }

  @Test func standardisedScoresAreDeviations() throws {
    let network = try ConceptScene.network()
    let direction = ConceptDirection([1, 2, 0, 0, 0], pooling: .mean)
    let literals = [ConceptLiteral("x", at: "relu", direction), .unit(0, at: "relu")]
    let raw = try ConceptScene.table(network, literals, count: 50, seed: 3)
    let rows = Array(0..<30)
    let scaled = raw.standardising(by: rows)
    let values = rows.map { scaled.table[$0, 0] }
    #expect(abs(values.reduce(0, +)) < 1e-9)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / 30 - 1) < 1e-9)
    #expect(scaled.table.column(1) == raw.table.column(1))
    // Measured anew, the literals give the same.
    let again = try ConceptScene.table(network, scaled.literals, count: 50, seed: 3)
    #expect(again.table.values == scaled.table.values)
  }

  private struct Refusal {
    let message: String
    let literals: [ConceptLiteral]
    let classes: [String]

    init(_ message: String, _ literals: [ConceptLiteral], classes: [String] = ["no", "yes"]) {
      self.message = message
      (self.literals, self.classes) = (literals, classes)
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let network = try ConceptScene.network()
    let unit = ConceptLiteral.unit(0, at: "relu")
    let refusals: [Refusal] = [
      Refusal("there is no concept to read; name one or more", []),
      Refusal("concepts: two columns are named 'relu[0]'; rename one", [unit, unit]),
      Refusal("no layer named 'rely'; did you mean 'relu'", [.unit(0, at: "rely")]),
      Refusal(
        "concept 'x' at layer 'relu': it reads 3 features, the layer of shape [5, 4, 4] has 80; name the layer that it "
          + "is of", [ConceptLiteral("x", at: "relu", ConceptDirection([1, 2, 3]))]),
      Refusal(
        "it reads 80 features, the layer of shape [5, 4, 4] has 5",
        [ConceptLiteral("x", at: "relu", ConceptDirection(Array(repeating: 1, count: 80), pooling: .mean))]),
      Refusal("there is no unit 5; the layer has units 0 to 4", [.unit(5, at: "relu")]),
      Refusal(
        "found 3 class names for the network's 2 scores, expected 2", [unit], classes: ["a", "b", "c"]),
    ]
    let source = try ConceptScene.source(
      PlantedConcepts.pictures(PlantedConcepts.contents(3, seed: 1), seed: 2))
    for refusal in refusals {
      let error = #expect(throws: (any Error).self) {
        try ConceptMeasurement(network, literals: refusal.literals, classes: refusal.classes)(source)
      }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains(refusal.message), "\(text)")
    }
    let wide = try ConceptScene.source(Tensor(shape: [2, 3, 4, 5], [Float](repeating: 0, count: 120)))
    #expect(throws: GraphError.self) { try ConceptMeasurement(network, literals: [unit])(wide) }
    let dictionary = try KMeans(2).learn(PointSet([0, 0, 1, 1], count: 2, dimension: 2))
    #expect(throws: RuleError.self) {
      try ConceptMeasurement(network, literals: ConceptLiteral.atoms(of: dictionary, at: "relu"))(source)
    }
  }

  /// A CAV says which network, layer and pooling it is of.
  @Test func savedDirectionsBelongToTheirNetwork() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/noema-concepts-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let network = try ConceptScene.network()
    let entries = [("red", network.hash, 0), ("stranger", "ab", 5)].map { name, hash, offset in
      "{\"layer\": \"relu\", \"onnxValue\": \"relu\", \"concept\": \"\(name)\", \"pooling\": \"mean\", "
        + "\"modelHash\": \"\(hash)\", \"shape\": [5], \"offset\": \(offset)}"
    }
    let record = "{\"schema\": \"noema.tcav/1\", \"cavs\": [\(entries.joined(separator: ", "))]}"
    try Data(record.utf8).write(to: URL(fileURLWithPath: folder + "/result.json"))
    let numbers: [Float] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    try NPYFile.write(Tensor(shape: [10], numbers), to: folder + "/cavs.npy")
    let cavs = try SavedCAV.read(folder: folder).map { ConceptLiteral($0) }
    let table = try ConceptScene.table(
      network, [cavs[0], .unit(0, at: "relu", over: .mean)], count: 20, seed: 4)
    for row in 0..<20 { #expect(abs(table.table[row, 0] - table.table[row, 1]) < 1e-6) }
    #expect(throws: ConceptError.self) { try ConceptScene.table(network, [cavs[1]], count: 20, seed: 4) }
  }
}

extension ConceptLiteral {
  fileprivate func renamed(_ name: String) -> ConceptLiteral {
    var copy = self
    copy.name = name
    return copy
  }
}
