@testable import NoemaConcepts
import NoemaData
import NoemaReport

/// A small generator, so that the made-up study is always the same.
struct Sequence64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let mixed = (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ (mixed >> 32)
  }
}

/// A made-up concept study with everything that a page has to cope with.
enum SampleStudy {
  static let concepts = ["striped", "zigzag pattern", "dotted", "fur texture, close up", "caption text"]
  static let layers = ["/layer2/layer2.3/Relu_2", "/layer3/layer3.5/Relu_2", "/layer4/layer4.2/Relu_2"]

  static func result(
    concept: String = "striped", layer: String = "layer4", target: String = "zebra", score: Double = 0.93,
    auc: Double = 0.97, p: Double = 0.005, verdict: TCAVResult.Verdict = .used,
    others: [String: Double] = [:],
    index: Int = 0
  ) -> TCAVResult {
    var generator = Sequence64(state: UInt64(index + 7))
    let null = (0..<199).map { _ in
      let sum = (0..<3).reduce(0.0) { total, _ in total + Double.random(in: -0.22...0.22, using: &generator) }
      return min(max(0.5 + sum, 0), 1)
    }
    let diagnostics = TCAVResult.Diagnostics(
      conceptCount: 60, inputCount: 50, randomCount: 500, stability: 0.88, entanglement: others,
      cosineToMeanDifference: 0.71, gradientAlignment: 0.42, pDirection: p, nullMean: 0.5, nullStd: 0.17,
      nullScores: null,
      zeroDerivatives: 0.002, meanCosine: 0.031, warnings: [])
    return TCAVResult(
      layer: layer, target: target, concept: concept, score: score, scoreStd: 0.03,
      scoreInterval: [max(0, score - 0.08), min(1, score + 0.05)], scores: [score, score],
      meanDerivative: (score - 0.5) * 0.04,
      meanDerivativeInterval: [(score - 0.55) * 0.04, (score - 0.45) * 0.04], positiveMass: score,
      positiveMassInterval: [max(0, score - 0.05), min(1, score + 0.05)],
      probe: .init(kind: "ridge", auc: auc, balancedAccuracy: auc - 0.06, chance: 0.5, chanceAUC: 0.58),
      pPermutation: p,
      pPermutationAdjusted: min(1, p * 6), pRunTTest: 1e-9, pRunTTestAdjusted: 3e-8, verdict: verdict,
      diagnostics: diagnostics, cavIndex: index, derivativeIndex: index)
  }

  /// Forty values about the result's mean derivative.
  static func derivatives(_ result: TCAVResult) -> [Double] {
    (0..<40).map { index in
      let offset = Double(index % 9) - 4
      return result.meanDerivative + 0.003 * offset
    }
  }

  static var results: [TCAVResult] {
    let table: [String: [(Double, Double)]] = [
      "zebra": [(0.94, 0.97), (0.81, 0.93), (0.31, 0.88), (0.62, 0.9), (0.46, 0.55)],
      "tiger, Panthera tigris": [(0.88, 0.97), (0.55, 0.93), (0.12, 0.88), (0.86, 0.9), (0.52, 0.55)],
    ]
    var results: [TCAVResult] = []
    for target in ["zebra", "tiger, Panthera tigris"] {
      for (depth, layer) in layers.enumerated() {
        for (row, concept) in concepts.enumerated() {
          let (score, auc) = table[target]![row]
          let growth = 0.35 + 0.325 * Double(depth)
          let value = 0.5 + (score - 0.5) * growth
          let p = abs(value - 0.5) > 0.25 ? 0.005 : abs(value - 0.5) > 0.15 ? 0.03 : 0.4
          let verdict: TCAVResult.Verdict =
            auc < 0.6 ? .notRepresented : p < 0.01 ? .used : .representedButNotUsed
          var others: [String: Double] = [:]
          for (column, other) in concepts.enumerated() where column != row {
            let near = row + column == 1 ? 0.64 : 0.0
            let wobble = Double((min(row, column) * 5 + max(row, column)) * 37 % 50 - 25) / 100
            others[other] = near + wobble
          }
          results.append(
            result(
              concept: concept, layer: layer, target: target, score: value,
              auc: 0.5 + (auc - 0.5) * (0.7 + 0.15 * Double(depth)),
              p: p, verdict: verdict, others: others, index: results.count))
        }
      }
    }
    return results
  }

  /// A picture with a texture: stripes, zigzag, dots or noise.
  static func picture(_ kind: Int, seed: Int, edge: Int = 224) -> Image {
    var generator = Sequence64(state: UInt64(seed * 31 + kind))
    let period = 9 + seed % 5 * 3, slope = Double(seed % 7) / 4 - 0.7
    let tint = (0..<3).map { _ in Int.random(in: 120...250, using: &generator) }
    var pixels: [UInt8] = []
    for y in 0..<edge {
      for x in 0..<edge {
        let isOn: Bool
        switch kind {
        case 0: isOn = (Int(Double(x) + slope * Double(y)) + 9000) / period % 2 == 0
        case 1: isOn = (y + abs(x % (2 * period) - period)) / period % 2 == 0
        case 2:
          let dx = x % (2 * period) - period, dy = y % (2 * period) - period
          isOn = dx * dx + dy * dy < period * period / 3
        default: isOn = Bool.random(using: &generator)
        }
        for channel in 0..<3 { pixels.append(UInt8(isOn ? tint[channel] : tint[channel] / 4)) }
      }
    }
    return Image(width: edge, height: edge, channelCount: 3, pixels: pixels)
  }

  static var report: TCAVReport {
    let extremes = [(0, "striped"), (2, "dotted")].map { kind, concept in
      TCAVReport.Extremes(
        layer: layers[2], target: "zebra", concept: concept,
        most: (0..<5).map { index in
          .init(
            image: picture(kind, seed: index), derivative: 0.041 - 0.003 * Double(index),
            caption: "n02391049_\(1204 + index).jpg")
        },
        least: (0..<5).map { index in
          .init(
            image: picture(3, seed: index, edge: 28), derivative: -0.012 + 0.002 * Double(index),
            caption: "n02391049_\(88 + index).jpg")
        })
    }
    return TCAVReport(
      title: "Zebra and tiger in ResNet-50",
      question: "Does the network use stripes to recognise zebras and tigers?",
      answers: [
        "Yes: at the last stage, moving towards stripes raises the zebra output for 94 % of zebra "
          + "images and the tiger output for 88 % of tiger images.",
        "Dots lower the tiger output; captions are not represented at any tested layer.",
      ], results: results, layers: layers,
      strips: concepts.enumerated().map { kind, concept in
        .init(
          concept: concept,
          images: (0..<9).map { picture(min(kind, 3), seed: $0, edge: kind == 4 ? 28 : 160) })
      }, extremes: extremes,
      derivatives: results.map(derivatives),
      warnings: ["The concept “caption text” has 12 examples; its verdicts may change with more."],
      settings: [
        ("direction", "mean difference"), ("probe", "ridge, leave-one-out λ"), ("runs", "50"),
        ("pseudo-concepts", "199"),
        ("output", "logit"), ("pooling", "none"), ("seed", "7"), ("correction", "Holm over 30 hypotheses"),
      ],
      hashes: [
        ("model", "sha256:9f2c41a6b8d07e35c1f4a90d2b7e6685a3c9e1f0d4b2876594c3a1e0f9d8b7a6"),
        ("data", "sha256:04be19c7f5d3a26e8b90c1d7e4f3a2b5968778695a4b3c2d1e0f9e8d7c6b5a49"),
      ],
      commandLine:
        "noema tcav --model resnet50.onnx --data zebra/ --concepts concepts/ --layer '*layer[234]*Relu_2' "
        + "--target zebra --target tiger --seed 7 -o out/"
    )
  }
}
