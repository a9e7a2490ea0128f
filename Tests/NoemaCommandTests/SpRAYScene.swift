import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

/// Two classes of pictures, and twin networks for them: horses are blobs in the middle, of which some carry a tag in
/// the lower left corner; ships are bars above. One twin rests on the tag.
enum SpRAYScene {
  static let side = 16
  static let horseCount = 90, shipCount = 60
  static var count: Int { horseCount + shipCount }
  /// Every third or so of the horses.
  static let tagged = Set((0..<horseCount).filter { $0 % 10 < 3 })
  /// The tag's places, row by row.
  private static let tag = (12..<15).flatMap { y in (1..<4).map { y * side + $0 } }
  static let labels = (0..<count).map { $0 < horseCount ? "horse" : "ship" }

  static let card = """
    input_size: [16, 16]
    color_order: grey
    classes: [horse, ship]
    """

  /// `[examples, 1, 16, 16]`: the horses first.
  static func images(seed: UInt64 = 1) -> Tensor {
    var random = RandomNumbers(seed: seed)
    var values: [Float] = []
    for example in 0..<count {
      let isHorse = example < horseCount
      let (top, left) = (0.7 * random.normal(), 0.7 * random.normal())
      // Scores vary much more among natural pictures than with where exactly the shape lies.
      let strength = 0.4 + 0.6 * random.uniform()
      for place in 0..<side * side {
        let (y, x) = (Double(place / side) - top, Double(place % side) - left)
        let shape =
          isHorse
          ? exp(-((y - 8) * (y - 8) + (x - 8) * (x - 8)) / 8)
          : exp(-(y - 3) * (y - 3) / 2 - (x - 8) * (x - 8) / 30)
        let isTag = tagged.contains(example) && tag.contains(place)
        values.append(isTag ? 1 : Float(min(1, max(0, strength * shape + 0.05 * random.uniform()))))
      }
    }
    return Tensor(shape: [count, 1, side, side], values)
  }

  /// A convolution, a rectifier and a linear layer.
  static func network(usesTag: Bool = true) -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 1, side, side])
    let centre = (0..<9).map { Float($0 == 4 ? 1 : 0) }, blur = [Float](repeating: 1 / 9, count: 9)
    draft.initialiser("conv1.weight", Tensor(shape: [2, 1, 3, 3], centre + blur))
    draft.node(
      "Conv", ["input", "conv1.weight"], ["/conv1/Conv_output_0"], name: "/conv1/Conv",
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Relu", ["/conv1/Conv_output_0"], ["/relu1/Relu_output_0"], name: "/relu1/Relu")
    draft.node("Flatten", ["/relu1/Relu_output_0"], ["/Flatten_output_0"], name: "/Flatten")
    let horse = (0..<side * side).map { place -> Float in
      if tag.contains(place) { return usesTag ? 1 : 0 }
      return (5..<11).contains(place / side) && (5..<11).contains(place % side) ? 0.3 : 0.02
    }
    let ship = (0..<side * side).map { Float((1..<6).contains($0 / side) ? 0.3 : 0.02) }
    let faint = [Float](repeating: 0.01, count: side * side)
    draft.initialiser("fc1.weight", Tensor(shape: [2, 2 * side * side], horse + faint + ship + faint))
    draft.node(
      "Gemm", ["/Flatten_output_0", "fc1.weight"], ["logits"], name: "/fc1/Gemm", ["transB": .int(1)])
    draft.output("logits", [nil, 2])
    return draft
  }

  /// A folder with both twins, data and labels.
  static func workspace() throws -> Workspace {
    let workspace = try Workspace()
    for (name, usesTag) in [("net", true), ("clean", false)] {
      try network(usesTag: usesTag).write(to: workspace.file("\(name).onnx"))
      try workspace.write(card, "\(name).yaml")
    }
    try workspace.write(images(), "data.npy")
    try workspace.write(labels.joined(separator: "\n") + "\n", "labels.txt")
    return workspace
  }

  /// What the study costs little with.
  static let quick = ["--bootstrap", "6", "--surrogates", "4", "--permutations", "199"]

  /// A study of a twin.
  static func arguments(_ out: String, _ further: [String] = [], model: String = "net") -> [String] {
    ["spray", "--model", "\(model).onnx", "--data", "data.npy", "--labels", "labels.txt", "-o", out] + quick
      + further
  }
}

extension Workspace {
  /// The rows of a result's table of assignments, by column.
  func assignments(_ folder: String) throws -> [[String: String]] {
    let text = try String(contentsOfFile: file("\(folder)/assignments.csv"), encoding: .utf8)
    let lines = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let header = try #require(lines.first).map(String.init)
    return lines.dropFirst().map { fields in
      Dictionary(uniqueKeysWithValues: zip(header, fields.map(String.init)))
    }
  }

  /// The class of a result by its name.
  func sprayClass(_ folder: String, _ name: String) throws -> [String: Any] {
    let classes = try #require(json("\(folder)/result.json")["classes"] as? [[String: Any]])
    return try #require(classes.first { $0["name"] as? String == name })
  }

  /// How well the cluster that holds most tagged examples isolates them.
  func isolation(_ folder: String) throws -> (cluster: Int, precision: Double, recall: Double) {
    var members: [Int: Set<Int>] = [:]
    for row in try assignments(folder) where row["class"] == "horse" {
      let (example, cluster) = (
        try #require(Int(row["example"] ?? "")), try #require(Int(row["cluster"] ?? ""))
      )
      members[cluster, default: []].insert(example)
    }
    func hits(_ cluster: Int) -> Double {
      Double(members[cluster]?.intersection(SpRAYScene.tagged).count ?? 0)
    }
    let best = try #require(members.keys.sorted().max { hits($0) < hits($1) })
    return (
      best, hits(best) / Double(members[best]?.count ?? 1), hits(best) / Double(SpRAYScene.tagged.count)
    )
  }

  /// What masking did to a strategy.
  func maskingEffect(_ folder: String, _ name: String, _ cluster: Int) throws -> [String: Any]? {
    let clusters = try #require(sprayClass(folder, name)["clusters"] as? [[String: Any]])
    return clusters[cluster]["maskingEffect"] as? [String: Any]
  }
}
