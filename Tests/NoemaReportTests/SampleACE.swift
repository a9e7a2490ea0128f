import NoemaData
import NoemaReport

@testable import NoemaConcepts

/// Made-up concepts of a class at two layers: one that is used, one that is not, and a layer without any.
enum SampleACE {
  static func image(_ index: Int, side: Int = 12) -> Image {
    Image(
      width: side, height: side, channelCount: 3,
      pixels: (0..<3 * side * side).map { UInt8(($0 + 7 * index) % 256) })
  }

  static func concept(_ rank: Int, used: Bool) -> ACERecord.Concept {
    var concept = ACERecord.Concept(
      name: "zebra_0\(rank)-s\(rank)", atom: 3 - rank, rank: rank, size: 30 + rank, exampleCount: 12,
      folder: "concepts/zebra_0\(rank)-s\(rank)",
      exemplars: (0..<3).map {
        .init(patch: 10 * rank + $0, example: "zebra_0\($0).jpg", segment: 4, resolution: 1, cost: 0.5)
      })
    concept.score = used ? 0.94 : 0.55
    concept.scoreInterval = used ? [0.9, 0.98] : [0.4, 0.7]
    concept.pPermutation = used ? 0.002 : 0.4
    concept.pPermutationAdjusted = used ? 0.004 : 0.8
    concept.meanDerivative = 0.2
    concept.auc = 0.97
    concept.verdict = used ? "used" : "represented but not used"
    concept.totalIndex = 0.42
    concept.totalIndexError = 0.03
    concept.loss = .init(accuracy: 0.2, output: used ? 0.31 : -0.02)
    return concept
  }

  static func curve(_ worths: [Double], p: Double) -> ACERecord.Curve {
    let flat = [Double](repeating: 0.5, count: worths.count)
    let band = ACERecord.Band(
      mean: flat, lower: flat.map { $0 - 0.1 }, upper: flat.map { $0 + 0.1 }, p: p)
    return ACERecord.Curve(
      worths: worths, covered: worths.indices.map { 0.2 * Double($0) }, area: 0.75, areaByCover: 0.7,
      randomOrders: band, randomConcepts: band)
  }

  static var record: ACERecord {
    let dictionary = ACERecord.Dictionary(
      kind: "kmeans", conceptCount: 3, featureCount: 8, atoms: "dictionaries/atoms.npy")
    var first = ACERecord.Layer(
      layer: "layer3", onnxValue: "v3", shape: [8, 4, 4], dictionary: dictionary,
      concepts: [concept(1, used: true), concept(2, used: false)], warnings: ["few patches"])
    first.accuracy = 0.95
    first.curves = .init(
      measure: "accuracy", sufficient: curve([0, 0.8, 1], p: 0.05), destroying: curve([1, 0.3, 0], p: 0.4))
    let second = ACERecord.Layer(
      layer: "layer4", onnxValue: "v4", shape: [8, 2, 2], dictionary: dictionary)
    return ACERecord(
      target: .init(name: "zebra", index: 340), kind: "image",
      examples: .init(search: ["zebra_00.jpg"], heldOut: ["zebra_01.jpg"]), patchCounts: [20, 31],
      layers: [first, second], warnings: ["2 examples are copies of others and were left out"],
      skipped: ["broken.jpg: no image"])
  }

  static var report: ACEReport {
    var report = ACEReport(title: "Concepts of zebra", question: "What makes a zebra?", record: record)
    let sights: [ACEReport.Sight] = (0..<3).map { .picture(whole: image($0), patch: image($0 + 5)) }
    report.sights = [[sights, sights], []]
    report.maps = [[.init(name: "zebra_01.jpg", image: image(1), maps: [image(2), image(3)])]]
    report.settings = [("concepts", "25")]
    report.hashes = [("model sha-256", "0f3c")]
    report.commandLine = "noema ace --model net.onnx"
    return report
  }
}
