internal import NoemaGraph
internal import NoemaTensor

/// A local linear model over the segments of an image, each shown or hidden by a fair coin.
///
/// Every pixel of a segment receives the segment's coefficient, in all channels.
///
/// - Shapes: one attributed value `[channels, height, width]`: images, or a hidden layer.
/// - Source: Ribeiro et al., "Why Should I Trust You?", 2016; defaults of the lime library, but for
///   superpixels by SLIC.
public struct LIMEImage: AttributionMethod {
  /// How images are divided.
  public var segmentation: Segmentation
  /// What hidden segments show: one number for all channels or one for each, in the network's units; empty
  /// for the segment's own mean.
  public var hidden: [Double]
  /// The number of images, the example itself included.
  public var samples: Int
  /// The cosine distance to the whole image at which weights have fallen to `e^−½`.
  public var kernelWidth: Double
  /// How images become a local model.
  public var fit: LocalFit
  /// The seed of the coins.
  public var seed: UInt64

  /// Makes the method; 1000 images, a kernel of 0.25 and all segments unless told otherwise.
  public init(
    segmentation: Segmentation = .superpixels(), hidden: [Double] = [], samples: Int = 1000,
    kernelWidth: Double = 0.25, fit: LocalFit = LocalFit(features: 100_000), seed: UInt64 = 0
  ) {
    (self.segmentation, self.hidden, self.samples) = (segmentation, hidden, samples)
    (self.kernelWidth, self.fit, self.seed) = (kernelWidth, fit, seed)
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try surrogates(for: subject) }

  /// Compiles the method for a network, to give local models.
  ///
  /// - Throws: `GraphError` as compiling does.
  public func surrogates(for subject: Subject) throws -> any SurrogateAttributor {
    try checkSampling("LIME", samples: samples, kernelWidth: kernelWidth)
    try fit.check()
    let runner = try RowRunner(subject, rowsPerExample: samples)
    guard runner.shapes.count == 1, runner.shapes[0].count == 3, runner.widths[0] > 0 else {
      throw GraphError(
        .unsupported(
          "LIME for images explains one value of [channels, height, width], not \(runner.shapes); take "
            + "groups for others"
        ))
    }
    let shape = runner.shapes[0]
    try segmentation.check(height: shape[1], width: shape[2])
    guard [0, 1, shape[0]].contains(hidden.count), hidden.allSatisfy(\.isFinite) else {
      throw GraphError(
        .input("hidden segments need one number, or \(shape[0]) for the channels; found \(hidden.count)"))
    }
    return SegmentSampler(method: self, runner: runner)
  }
}

/// LIME for images compiled for a network.
private struct SegmentSampler: SurrogateAttributor {
  let method: LIMEImage
  let runner: RowRunner

  var batchSize: Int { runner.batchSize(rowsPerExample: method.samples, batches: RowRunner.manyBatches) }
  private var shape: [Int] { runner.shapes[0] }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let values = try runner.values(of: inputs, classes: classes)
    let players = try segments(of: values[0], first: first)
    return try surrogates(values, players, inputs, classes, first)
      .attribution(over: players, shapes: runner.shapes)
  }

  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate] {
    let values = try runner.values(of: inputs, classes: classes)
    return try surrogates(values, segments(of: values[0], first: first), inputs, classes, first)
  }

  /// The segments of each image as players that own their pixels in all channels.
  private func segments(of images: Tensor, first: Int) throws -> [Players] {
    let width = runner.widths[0]
    return try (0..<images.shape[0]).map { example in
      let pixels = images.withElements(as: Float.self) { Array($0[example * width..<(example + 1) * width]) }
      // Superpixels need numbers; what is none is told from the network's side.
      guard pixels.allSatisfy(\.isFinite) else {
        throw GraphError(.notFinite(value: runner.names[0], example: example))
      }
      let labels = try method.segmentation.labels(
        pixels, channels: shape[0], height: shape[1], width: shape[2], example: first + example)
      let count = Int(labels.max() ?? 0) + 1
      guard count > 1 else {
        throw GraphError(
          .input("image \(first + example) is one segment alone, which leaves nothing to compare"))
      }
      return Players(owners: [(0..<shape[0]).flatMap { _ in labels }], count: count)
    }
  }

  private func surrogates(
    _ values: [Tensor], _ players: [Players], _ inputs: [Tensor], _ classes: [Int], _ first: Int
  ) throws -> [LocalSurrogate] {
    let random = RandomNumbers(seed: method.seed), capacity = players.reduce(0) { max($0, $1.count) }
    let sets = players.enumerated().map { toss($1.count, random.split(first + $0)) }
    var list = CoalitionList(capacity: capacity)
    for (example, sets) in sets.enumerated() {
      for set in sets { list.append(set, of: example, row: example) }
    }
    let outputs = try runner.outputs(
      of: list, players: players, values: values, background: [covered(values[0], players)], inputs: inputs,
      classes: classes)
    return try sets.indices.map { example in
      try LocalSurrogate(
        sets: sets[example], of: players[example].count,
        outputs: Array(outputs[example * method.samples..<(example + 1) * method.samples]), scale: 1,
        kernelWidth: method.kernelWidth, fit: method.fit)
    }
  }

  /// The whole image, and sets of segments by fair coins.
  private func toss(_ segments: Int, _ stream: RandomNumbers) -> [PlayerSet] {
    var random = stream
    return (0..<method.samples).map { sample in
      var set = PlayerSet(capacity: segments)
      for segment in 0..<segments where sample == 0 || random.next() >> 63 == 1 { set.insert(segment) }
      return set
    }
  }

  /// The images with all segments hidden.
  private func covered(_ images: Tensor, _ players: [Players]) -> Tensor {
    let size = shape[1] * shape[2], width = runner.widths[0]
    let pixels = images.elements(as: Float.self)
    var result = pixels
    for (example, players) in players.enumerated() {
      for channel in 0..<shape[0] {
        let start = example * width + channel * size
        if !method.hidden.isEmpty {
          let number = Float(method.hidden.count == 1 ? method.hidden[0] : method.hidden[channel])
          for pixel in 0..<size { result[start + pixel] = number }
          continue
        }
        var sums = [Double](repeating: 0, count: players.count), counts = sums
        for pixel in 0..<size {
          let segment = Int(players.owners[0][pixel])
          sums[segment] += Double(pixels[start + pixel])
          counts[segment] += 1
        }
        for pixel in 0..<size {
          let segment = Int(players.owners[0][pixel])
          result[start + pixel] = Float(sums[segment] / counts[segment])
        }
      }
    }
    return Tensor(shape: images.shape, result)
  }
}
