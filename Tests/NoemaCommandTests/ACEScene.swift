import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport

/// Images of four textures in quarters of any order, and a network whose class `striped` depends on the first texture
/// alone.
///
/// Textures are the corners of the colour cube, with stripes and noise; the network has a filter for each.
struct ACEScene {
  static let side = 32, count = 8
  /// The grey around patches.
  static let fill = 117
  let workspace: Workspace

  /// Writes the network, `photos/striped`, and `photos/other` of which the first texture is one of eight.
  init(striped: Int = 20, other: Int = 40) throws {
    workspace = try Workspace()
    try Self.network().write(to: workspace.file("net.onnx"))
    try workspace.write(
      "input_size: [32, 32]\ncolor_order: rgb\nscale: 1/255\nclasses: [striped, plain]\n", "net.yaml")
    var random = RandomNumbers(seed: 1)
    for index in 0..<striped {
      let order = random.sample(4, below: 4)
      try workspace.write(PNGFile.encode(Self.image(order, &random)), "photos/striped/\(index).png")
    }
    for index in 0..<other {
      let order = random.sample(4, below: Self.count)
      try workspace.write(PNGFile.encode(Self.image(order, &random)), "photos/other/\(index).png")
    }
  }

  static func image(_ order: [Int], _ random: inout RandomNumbers) -> Image {
    var pixels: [UInt8] = []
    for pixel in 0..<side * side {
      let (y, x) = (pixel / side, pixel % side)
      let texture = order[quarter(y, x)]
      let stripe = (texture % 2 == 0 ? x : y) % 4 < 2 ? 0.04 : -0.04
      for channel in 0..<3 {
        let value = 0.5 + 0.35 * Double(sign(texture, channel)) + stripe + 0.02 * random.normal()
        pixels.append(UInt8((255 * min(1, max(0, value))).rounded()))
      }
    }
    return Image(width: side, height: side, channelCount: 3, pixels: pixels)
  }

  static func quarter(_ y: Int, _ x: Int) -> Int { (y < side / 2 ? 0 : 2) + (x < side / 2 ? 0 : 1) }

  /// The corner of the colour cube along a channel.
  private static func sign(_ corner: Int, _ channel: Int) -> Float { corner >> channel & 1 == 1 ? 1 : -1 }

  /// A filter a texture, `features`; their means, `pooled`; the first one's speaks for one class.
  static func network(features: String = "features", classes: Int = 2, striped: Int = 0) -> ModelDraft {
    var draft = ModelDraft()
    draft.input("x", [nil, 3, side, side])
    var filters: [Float] = [], biases: [Float] = [], weights = [Float](repeating: 0, count: classes * count)
    for texture in 0..<count {
      var sum: Float = 0
      for channel in 0..<3 {
        filters += [Float](repeating: 2 * sign(texture, channel) / 9, count: 9)
        sum += sign(texture, channel)
      }
      biases.append(-sum - 1.2)
    }
    weights[striped] = 10
    var offsets = [Float](repeating: 0.5, count: classes)
    offsets[striped] = 0
    draft.initialiser("filters", Tensor(shape: [count, 3, 3, 3], filters))
    draft.initialiser("biases", Tensor(shape: [count], biases))
    draft.node("Conv", ["x", "filters", "biases"], ["responses"], ["kernel_shape": .ints([3, 3])])
    draft.node("Relu", ["responses"], [features])
    draft.node("GlobalAveragePool", [features], ["means"])
    draft.node("Flatten", ["means"], ["pooled"])
    draft.initialiser("w", Tensor(shape: [count, classes], weights))
    draft.initialiser("b", Tensor(shape: [classes], offsets))
    draft.node("Gemm", ["pooled", "w", "b"], ["out"])
    draft.output("out", [nil, classes])
    return draft
  }

  /// Settings for so small images and so few of them.
  static func arguments(_ out: String = "out", layer: String = "features") -> [String] {
    let text =
      "ace --model net.onnx --data photos --target striped --layer \(layer) --segments 4,16 --concepts 4 "
      + "--search 10 --held-out 10 --runs 20 --null-runs 10 --random-concepts 19 --stability 3 --completeness "
      + "--exemplars 4 --maps 2 --seed 5 -o \(out)"
    return text.split(separator: " ").map(String.init)
  }

  /// The texture that most pictures of a concept show, and how large a share of them.
  ///
  /// The fill counts for nothing, so that the mean colour lies on the side of the texture of most of the patch. A box
  /// alone does not tell: a thread of pixels may stretch it over another quarter.
  func texture(of concept: String, in folder: String = "out") throws -> (texture: Int, share: Double) {
    var counts = [Int](repeating: 0, count: Self.count), total = 0
    let place = "\(folder)/concepts/\(concept)"
    for file in try workspace.entries(place) where file.hasSuffix(".png") {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.file("\(place)/\(file)")))
      let pixels = try ImageFile.decode([UInt8](bytes), name: file).pixels
      let sides = (0..<3).map { channel in
        stride(from: channel, to: pixels.count, by: 3).reduce(0) { $0 + Int(pixels[$1]) - Self.fill } > 0
      }
      counts[sides.enumerated().reduce(0) { $0 + ($1.element ? 1 << $1.offset : 0) }] += 1
      total += 1
    }
    let best = counts.indices.max { counts[$0] < counts[$1] } ?? 0
    return (best, Double(counts[best]) / Double(max(1, total)))
  }
}
