import Foundation
import NoemaTensor

@testable import NoemaConcepts

/// Relevance maps of a class whose examples have a blob in the middle; some have a tag in the lower left corner too.
struct PlantedMaps {
  static let side = 16
  /// The tag's places, row by row.
  static let tag = (12..<15).flatMap { y in (1..<4).map { y * side + $0 } }

  /// `[n, 1, side, side]`.
  let relevance: Tensor
  let isTagged: [Bool]

  /// - Parameter tagged: how many of the examples have the tag, spread among them.
  init(_ count: Int = 120, tagged: Int, seed: UInt64) {
    var random = RandomNumbers(seed: seed)
    let chosen = Set(random.sample(count, below: count).prefix(tagged))
    var values: [Float] = []
    for example in 0..<count {
      let (top, left) = (8 + 0.7 * random.normal(), 8 + 0.7 * random.normal())
      let strength = 3 + 0.6 * random.normal()
      for place in 0..<(Self.side * Self.side) {
        let (y, x) = (Double(place / Self.side) - top, Double(place % Self.side) - left)
        let isTag = chosen.contains(example) && Self.tag.contains(place)
        values.append(Float(exp(-(x * x + y * y) / 8) + 0.1 * random.normal() + (isTag ? strength : 0)))
      }
    }
    relevance = Tensor(shape: [count, 1, Self.side, Self.side], values)
    isTagged = (0..<count).map { chosen.contains($0) }
  }

  var count: Int { isTagged.count }

  /// The maps as they are clustered.
  func prepared(_ preprocessing: RelevancePreprocessing = RelevancePreprocessing()) throws -> RelevanceMaps {
    var collector = try RelevanceCollector(preprocessing)
    try collector.append(relevance, of: Self.examples(count))
    return try collector.finish()
  }

  static func examples(_ count: Int) -> [RelevanceExample] {
    (0..<count).map {
      RelevanceExample(index: $0, name: "image \($0)", label: 7, prediction: $0 % 5 == 0 ? 3 : 7)
    }
  }

  /// The settings of the tests: no pictures, few parts.
  static var spray: SpRAY {
    var spray = SpRAY()
    spray.layouts = []
    spray.stability?.draws = 10
    return spray
  }

  /// The cluster that holds most tagged examples, and how well it isolates them.
  func tagCluster(_ found: SpRAYClass) -> (label: Int, precision: Double, recall: Double) {
    func tagged(_ cluster: SpRAYCluster) -> Int { cluster.members.count { isTagged[$0] } }
    guard let best = found.clusters.max(by: { tagged($0) < tagged($1) }) else { return (-1, 0, 0) }
    let hits = Double(tagged(best))
    return (best.label, hits / Double(best.size), hits / Double(isTagged.count { $0 }))
  }
}
