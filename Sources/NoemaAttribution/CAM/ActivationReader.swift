internal import NoemaGraph
internal import NoemaTensor

/// The channels of a layer over the positions of its map, for one example.
struct ChannelMaps {
  let channels, positions: Int
  /// The activations, channel after channel.
  let activations: [Float]
  /// The derivatives of the class output at them; empty where they were not asked for.
  let gradients: [Float]
  /// Whether the class output depends on leading tokens that are no part of the map, and on nothing else.
  let dependsOnLeadingTokensAlone: Bool

  /// Where a channel's elements lie.
  func range(_ channel: Int) -> Range<Int> { channel * positions..<(channel + 1) * positions }

  /// `Σ_k w_k A_k`.
  func weighted(by weights: [Double]) -> [Double] {
    var map = [Double](repeating: 0, count: positions)
    for channel in 0..<channels where weights[channel] != 0 {
      let start = channel * positions, weight = weights[channel]
      for p in 0..<positions { map[p] += weight * Double(activations[start + p]) }
    }
    return map
  }
}

/// Reads activations, and the derivatives of a class output, at the layers of activation maps: the one pass
/// that all methods of the family share.
struct ActivationReader {
  /// What one batch gives.
  struct Readings {
    /// The class output of each example.
    var outputs: [Double]
    /// The layers' values as they lie in the network.
    var values: [Tensor]
    /// For each layer the maps of each example.
    var maps: [[ChannelMaps]]
  }

  /// Names of the layers.
  let layers: [String]
  /// The geometry of each layer.
  let geometries: [MapGeometry]
  private let runner: SubjectRunner

  /// Compiles the pass; at the default layer when the subject names none.
  ///
  /// - Throws: `GraphError` for layers that are no maps, and for those that the output does not depend on.
  init(_ subject: Subject, _ layout: MapLayout, gradients: Bool) throws {
    var subject = subject
    if subject.layers.isEmpty { subject.layers = [try subject.activationMapLayer()] }
    layers = subject.layers
    let graph = try subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes)
    let before = try graph.ancestorsOfOutput(subject)
    geometries = try graph.values(named: layers).map { value in
      guard before.contains(value) else {
        throw GraphError(
          .notDifferentiable("the output does not depend on '\(graph.displayName(of: value))'"))
      }
      return try graph.mapGeometry(of: value, layout)
    }
    runner = try SubjectRunner(
      subject, backward: gradients ? .gradient : nil, keepsValues: true, rows: subject.examples)
  }

  var batchSize: Int { runner.batchSize }

  func callAsFunction(_ inputs: [Tensor], classes: [Int]) throws -> Readings {
    let readings = try runner(inputs, classes: classes)
    return Readings(
      outputs: picked(readings.output, classes), values: readings.values,
      maps: layers.indices.map { layer in
        let gradient = readings.gradients.isEmpty ? nil : readings.gradients[layer]
        return classes.indices.map { maps(readings.values[layer], gradient, geometries[layer], example: $0) }
      })
  }

  private func maps(
    _ value: Tensor, _ gradient: Tensor?, _ geometry: MapGeometry, example: Int
  ) -> ChannelMaps {
    let gradients = gradient?.row(example, geometry.channelMajor) ?? []
    let leading = geometry.leading * geometry.channels
    let hasLeading = gradient?.row(example) { $0[..<leading].contains { $0 != 0 } } ?? false
    return ChannelMaps(
      channels: geometry.channels, positions: geometry.positions,
      activations: value.row(example, geometry.channelMajor), gradients: gradients,
      dependsOnLeadingTokensAlone: hasLeading && gradients.allSatisfy { $0 == 0 })
  }
}

extension Graph {
  /// Everything that a subject's output is computed from.
  func ancestorsOfOutput(_ subject: Subject) throws(GraphError) -> Set<Value> {
    var graph = self
    return try graph.ancestors(of: graph.explainedOutput(subject.output, scale: subject.scale))
  }
}

extension Tensor {
  /// Calls `body` with the float32 elements of one example.
  func row<Result>(_ example: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    let width = count / max(shape[0], 1)
    return try converted(to: .float32).withElements(as: Float.self) {
      try body(UnsafeBufferPointer(rebasing: $0[example * width..<(example + 1) * width]))
    }
  }
}
