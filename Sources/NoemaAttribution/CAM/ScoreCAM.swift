internal import Foundation
internal import NoemaGraph
internal import NoemaTensor

/// Maps weighed by what the network makes of an image of which it sees each map's place alone: `Σ_k w_k
/// A_k` with `w = softmax_k y(x · M_k)`, and `M_k` the enlarged map `A_k`, scaled to run from 0 to 1. Needs
/// no derivatives.
///
/// Channels that are constant over an example's positions mask nothing and are left out.
///
/// - Complexity: a forward pass for each channel of each example.
/// - Source: Wang et al., "Score-CAM", 2020.
public struct ScoreCAM: AttributionMethod {
  /// How many channels are used, those with the largest sums of squares; all when nil.
  public var channels: Int?
  /// What takes an image's place where a mask is 0.
  public var baseline: Baseline
  /// Whether negative values become 0.
  public var isRectified: Bool
  /// How the layers' values lie.
  public var layout: MapLayout

  /// Makes the method; of all channels, with zeros behind masks, and rectified, unless told otherwise.
  public init(
    channels: Int? = nil, baseline: Baseline = .zero, isRectified: Bool = true, layout: MapLayout = .automatic
  ) {
    (self.channels, self.baseline) = (channels, baseline)
    (self.isRectified, self.layout) = (isRectified, layout)
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    if let channels, channels < 1 {
      throw GraphError(.input("Score-CAM needs 1 channel or more, found \(channels)"))
    }
    let reader = try ActivationReader(subject, layout, gradients: false)
    let most = reader.geometries.reduce(0) { max($0, min($1.channels, channels ?? .max)) }
    var whole = subject
    whole.layers = []
    let forward = try SubjectRunner(whole, rows: subject.examples.multipliedCapped(by: most))
    return Masking(
      method: self, reader: reader, forward: forward,
      masks: try reader.geometries.map { try Masks(subject, from: $0.shape, over: baseline, forward) })
  }

  private struct Masking: Attributor {
    let method: ScoreCAM
    let reader: ActivationReader
    let forward: SubjectRunner
    let masks: [Masks]

    var batchSize: Int { reader.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let readings = try reader(inputs, classes: classes)
      var collected = MapCollector(reader, isRectified: method.isRectified)
      for layer in reader.layers.indices {
        let maps = readings.maps[layer]
        let channels = maps.enumerated().map { example, maps in
          let varying = maps.varyingChannels()
          let chosen = method.channels.map { maps.mostEnergetic(varying, count: $0) } ?? varying
          remark(on: chosen.count, of: varying.count, layer, example, &collected)
          return chosen
        }
        let rows = channels.enumerated().flatMap { example, channels in channels.map { (example, $0) } }
        let scores = try self.scores(rows, maps, inputs, classes, masks[layer])
        var next = 0
        for (example, channels) in channels.enumerated() {
          var weights = [Double](repeating: 0, count: maps[example].channels)
          let shares = softmax(Array(scores[next..<next + channels.count]))
          for (channel, share) in zip(channels, shares) { weights[channel] = share }
          next += channels.count
          collected.add(maps[example].weighted(by: weights), layer: layer, example: example)
        }
      }
      return collected.attribution(of: readings.outputs)
    }

    private func remark(
      on count: Int, of varying: Int, _ layer: Int, _ example: Int, _ collected: inout MapCollector
    ) {
      if varying == 0 {
        collected.remark(
          "all channels of '\(reader.layers[layer])' are constant, so that the map is zero", example: example)
      } else if count < varying {
        collected.remark("an approximation by \(count) of \(varying) channels", example: example)
      }
    }

    /// The class outputs of masked examples, a batch at a time: masks of many channels take more than
    /// memory holds.
    private func scores(
      _ rows: [(example: Int, channel: Int)], _ maps: [ChannelMaps], _ inputs: [Tensor], _ classes: [Int],
      _ masks: Masks
    ) throws -> [Double] {
      var scores: [Double] = []
      for start in stride(from: 0, to: rows.count, by: forward.batchSize) {
        let batch = rows[start..<min(start + forward.batchSize, rows.count)]
        let examples = batch.map(\.example)
        let masked = try masks(
          inputs, examples: examples,
          maps: batch.map { Array(maps[$0.example].activations[maps[$0.example].range($0.channel)]) })
        scores += try forward.outputs(masked, classes: examples.map { classes[$0] }, examples: examples)
      }
      return scores
    }
  }
}

/// Puts the maps of channels over images, as masks that let them through where a map is high.
private struct Masks {
  /// For each input that is an image: its place, the axes of positions, and what stands behind the mask.
  private struct Image {
    let index: Int
    let interpolation: Interpolation
    let baseline: [Float]
    /// Elements per position that follow each other.
    let inner: Int
    let positions: Int
  }

  private let images: [Image]

  init(_ subject: Subject, from map: [Int], over baseline: Baseline, _ forward: SubjectRunner) throws {
    let names = forward.attributedNames, shapes = forward.attributedShapes
    let baselines = try baseline.examples(of: shapes, names: names)
    images = names.indices.compactMap { attributed in
      let shape = [1] + shapes[attributed]
      guard shape.count == map.count + 2, let index = forward.inputNames.firstIndex(of: names[attributed])
      else {
        return nil
      }
      let axes = imageAxes(shape), size = axes.map { shape[$0] }
      guard !shape.contains(0) else { return nil }
      return Image(
        index: index, interpolation: Interpolation(from: map, to: size),
        baseline: baselines[attributed].elements(as: Float.self),
        inner: axes.last == shape.count - 1 ? 1 : shape[shape.count - 1], positions: size.reduce(1, *))
    }
    guard !images.isEmpty else {
      throw GraphError(
        .unsupported(
          "Score-CAM puts a layer's maps over images, and no input has channels and \(map.count) axes of "
            + "positions"
        ))
    }
  }

  /// Rows of inputs, each an example under the mask of a map.
  func callAsFunction(_ inputs: [Tensor], examples: [Int], maps: [[Float]]) throws -> [Tensor] {
    try inputs.enumerated().map { index, input in
      guard let image = images.first(where: { $0.index == index }) else {
        return try input.selectingRows(examples)
      }
      let masks = maps.map { map in
        Tensor(shape: [1, image.positions], image.interpolation(map)).scaledMaps().elements(as: Float.self)
      }
      let width = image.baseline.count
      return try Tensor(shape: [examples.count] + input.shape.dropFirst(), elementType: .float32) { bytes in
        let target = bytes.bindMemory(to: Float.self)
        for (row, example) in examples.enumerated() {
          input.row(example) { x in
            for i in 0..<width {
              let behind = image.baseline[i]
              let share = masks[row][i / image.inner % image.positions]
              target[row * width + i] = behind + share * (x[i] - behind)
            }
          }
        }
      }
    }
  }
}

extension ChannelMaps {
  /// Channels that are not the same everywhere.
  fileprivate func varyingChannels() -> [Int] {
    (0..<channels).filter { channel in
      let first = activations[channel * positions]
      return activations[range(channel)].contains { $0 != first }
    }
  }

  /// Of some channels those with the largest sums of squares, in their order.
  fileprivate func mostEnergetic(_ candidates: [Int], count: Int) -> [Int] {
    guard candidates.count > count else { return candidates }
    let energies = candidates.map { channel in
      (channel, activations[range(channel)].reduce(0) { $0 + Double($1) * Double($1) })
    }
    return energies.sorted { ($0.1, $1.0) > ($1.1, $0.0) }.prefix(count).map(\.0).sorted()
  }
}

/// Shares that sum to 1, by exponentials.
private func softmax(_ scores: [Double]) -> [Double] {
  guard let largest = scores.max() else { return [] }
  let exponentials = scores.map { exp($0 - largest) }, sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}
