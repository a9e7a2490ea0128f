internal import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

/// Reads the activations of patches at one or more layers, the mean over positions of each.
///
/// Batches stream through the network, which runs no further than the layers; what is kept is a row of channels for
/// each patch and layer.
struct PatchFeatures {
  let subject: DiscoverySubject
  private let capture: Capture
  /// The channels of each layer.
  let widths: [Int]

  /// - Throws: `GraphError` for layers that do not exist, `ConceptError.mismatch` for those without channels.
  init(_ subject: DiscoverySubject) throws {
    self.subject = subject
    var capture = Capture(subject.network, layers: subject.layers.map(\.onnxValue))
    capture.shapes = subject.shapes
    capture.batchMemory = subject.memory / 4
    self.capture = capture
    widths = try capture.shapesAfterPooling().map { shape throws(ConceptError) in
      try PositionRows([1] + shape, hasChannelsLast: subject.hasChannelsLast(rank: shape.count + 1))
        .channelCount
    }
  }

  /// How many patches have room: their rows take no more than a quarter of the memory, for what clusters them copies
  /// them.
  var limit: Int { max(1, subject.memory / 4 / (4 * max(1, widths.reduce(0, +)))) }

  /// A row for each example, a set of them for each layer.
  ///
  /// - Throws: as reading and running do; `ConceptError.tooFew` without examples.
  func callAsFunction(
    _ source: any ExampleSource, phase: String, _ progress: Progress?
  ) throws -> [PointSet] {
    guard source.count > 0 else {
      throw ConceptError(.tooFew(set: "the set of patches", found: 0, needed: 1))
    }
    var rows = widths.map { width in
      var values: [Float] = []
      values.reserveCapacity(width * source.count)
      return values
    }
    try capture.stream(source) { activations, done in
      for (layer, tensor) in activations.enumerated() {
        try rows[layer].append(
          contentsOf: tensor.positionMeans(hasChannelsLast: subject.hasChannelsLast(rank: tensor.rank)))
      }
      progress?(phase, done, source.count)
    }
    return try zip(rows, widths).map { try PointSet($0, count: source.count, dimension: $1) }
  }
}

extension Tensor {
  /// The means over positions, a row for each example.
  ///
  /// - Throws: `ConceptError.mismatch` for fewer than two axes.
  func positionMeans(hasChannelsLast: Bool) throws(ConceptError) -> [Float] {
    let places = try PositionRows(shape, hasChannelsLast: hasChannelsLast)
    let (channels, positions) = (places.channelCount, places.positionCount)
    let (across, along) = hasChannelsLast ? (1, channels) : (positions, 1)
    return withElements(as: Float.self) { values in
      var means: [Float] = []
      means.reserveCapacity(places.exampleCount * channels)
      for example in 0..<places.exampleCount {
        for channel in 0..<channels {
          let first = example * channels * positions + channel * across
          var sum: Float = 0
          for position in 0..<positions { sum += values[first + position * along] }
          means.append(sum / Float(positions))
        }
      }
      return means
    }
  }
}
