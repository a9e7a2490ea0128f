internal import NoemaGraph
internal import NoemaTensor

/// Maps weighed by what the class output loses without each of them: `Σ_k w_k A_k` with
/// `w_k = (y − y_k) / |y|`, and `y_k` the output when `A_k` is replaced. Needs no derivatives.
///
/// The paper divides by `y`; with its magnitude, a channel that supports the class counts as positive also
/// where the output is negative. Only the map's own positions are replaced: leading tokens of transformers
/// stay.
///
/// - Complexity: for each channel of each example a forward pass from the layer on; channels that stay as
///   they are cost nothing.
/// - Source: Desai and Ramaswamy, "Ablation-CAM", 2020.
public struct AblationCAM: AttributionMethod, Hashable, Codable {
  /// What takes a channel's place.
  public enum Replacement: String, Sendable, Hashable, Codable, CaseIterable {
    case zero
    /// The channel's mean over the example's positions.
    case mean
  }

  /// What takes a channel's place.
  public var replacement: Replacement
  /// Whether weights are shares of the output's magnitude, which explode where that is near 0; else they
  /// are in its units.
  public var isRelative: Bool
  /// Whether negative values become 0.
  public var isRectified: Bool
  /// How the layers' values lie.
  public var layout: MapLayout

  /// Makes the method; zeros in place of channels, weights relative to the output, and rectified, unless
  /// told otherwise.
  public init(
    replacement: Replacement = .zero, isRelative: Bool = true, isRectified: Bool = true,
    layout: MapLayout = .automatic
  ) {
    (self.replacement, self.isRelative) = (replacement, isRelative)
    (self.isRectified, self.layout) = (isRectified, layout)
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let reader = try ActivationReader(subject, layout, gradients: false)
    return Ablations(
      method: self, reader: reader,
      tails: try zip(reader.layers, reader.geometries).map { layer, geometry in
        var tail = subject
        tail.layers = [layer]
        return try SubjectRunner(
          tail, from: .layers, rows: subject.examples.multipliedCapped(by: geometry.channels + 1))
      })
  }

  private struct Ablations: Attributor {
    let method: AblationCAM
    let reader: ActivationReader
    /// The network from each layer on.
    let tails: [SubjectRunner]

    var batchSize: Int { reader.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let readings = try reader(inputs, classes: classes)
      var collected = MapCollector(reader, isRectified: method.isRectified)
      for layer in reader.layers.indices {
        let maps = readings.maps[layer]
        let weights = try losses(maps, readings.values[layer], layer, inputs, classes)
        for (example, losses) in weights.enumerated() {
          let scale = method.isRelative ? 1 / max(abs(readings.outputs[example]), 1e-8) : 1
          collected.add(
            maps[example].weighted(by: losses.map { $0 * scale }), layer: layer, example: example)
        }
      }
      return collected.attribution(of: readings.outputs)
    }

    /// For each example what the class output loses without each channel.
    private func losses(
      _ maps: [ChannelMaps], _ values: Tensor, _ layer: Int, _ inputs: [Tensor], _ classes: [Int]
    ) throws -> [[Double]] {
      // A row without a replacement gives the output that the others are compared with, rounded in the same
      // way.
      let rows = maps.enumerated().flatMap { example, maps in
        [(example: example, channel: -1, value: Float(0))]
          + (0..<maps.channels).compactMap { channel in
            let value = method.replacement == .zero ? 0 : maps.mean(channel)
            let isChanged = maps.activations[maps.range(channel)].contains { $0 != value }
            return isChanged ? (example, channel, value) : nil
          }
      }
      let tail = tails[layer]
      var losses = maps.map { [Double](repeating: 0, count: $0.channels) }, whole = 0.0
      for start in stride(from: 0, to: rows.count, by: tail.batchSize) {
        let batch = Array(rows[start..<min(start + tail.batchSize, rows.count)]),
          examples = batch.map(\.example)
        let ablated = try replaced(values, batch, reader.geometries[layer])
        let others = try tail.ownInputs.map { try inputs[$0].selectingRows(examples) }
        let outputs = try tail.outputs(
          [ablated] + others, classes: examples.map { classes[$0] }, examples: examples)
        for (row, output) in zip(batch, outputs) {
          if row.channel < 0 { whole = output } else { losses[row.example][row.channel] = whole - output }
        }
      }
      return losses
    }

    /// Copies of the layer's values, each with one channel replaced.
    private func replaced(
      _ values: Tensor, _ rows: [(example: Int, channel: Int, value: Float)], _ geometry: MapGeometry
    ) throws -> Tensor {
      let width = values.count / values.shape[0]
      return try Tensor(shape: [rows.count] + values.shape.dropFirst(), elementType: .float32) { bytes in
        let target = bytes.bindMemory(to: Float.self)
        for (number, row) in rows.enumerated() {
          values.row(row.example) { source in for i in 0..<width { target[number * width + i] = source[i] } }
          guard row.channel >= 0 else { continue }
          for position in 0..<geometry.positions {
            target[number * width + geometry.offset(row.channel, position)] = row.value
          }
        }
      }
    }
  }
}

extension ChannelMaps {
  fileprivate func mean(_ channel: Int) -> Float {
    Float(activations[range(channel)].reduce(0) { $0 + Double($1) } / Double(positions))
  }
}
