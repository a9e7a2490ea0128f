public import NoemaGraph
public import NoemaTensor

/// Which channels of a hidden layer a class output rests on, and on which inputs it does so by way of them.
///
/// One forward and one backward pass down to the layer give every channel's relevance, summed over its positions.
/// Maps conditional on an example's most relevant channels share all of that; only the part of the backward pass ahead
/// of the layer is repeated, with all denominators computed once.
///
/// ```swift
/// let reader = try ChannelRelevance(layer: "/layer4/Relu_output_0").reader(for: subject, maps: 5)
/// let readings = try reader(images, classes: classes)
/// print(readings.ranking(of: 0).prefix(5), readings.maps[0])
/// ```
///
/// As a method it attributes to the channels: `[examples, channels]`, what `LayerwiseRelevance` gives at the layer,
/// summed over positions.
///
/// - Source: Achtibat et al., "From Attribution Maps to Human-Understandable Explanations through Concept Relevance
///   Propagation", 2023.
public struct ChannelRelevance: AttributionMethod, Hashable {
  /// The ONNX name of the layer; nil for the one that the subject names.
  public var layer: String?
  /// Which rule applies where.
  public var composite: Composite
  /// What the pass starts with.
  public var start: LayerwiseRelevance.Start
  /// Whether in maps only what leads to the layer counts; else what leads around it is added, whole.
  public var excludesParallel: Bool
  /// Where the layer's channels lie.
  public var layout: MapLayout

  /// Makes the reading of a layer.
  public init(
    layer: String? = nil, composite: Composite = .epsilonPlusFlat, start: LayerwiseRelevance.Start = .output,
    excludesParallel: Bool = true, layout: MapLayout = .automatic
  ) {
    self.layer = layer
    self.composite = composite
    self.start = start
    self.excludesParallel = excludesParallel
    self.layout = layout
  }

  /// Compiles the reading for a network.
  ///
  /// - Parameters:
  ///   - subject: the network, and the values that maps are made at.
  ///   - count: how many conditional maps each example gets, of its most relevant channels.
  /// - Throws: `GraphError` for unknown names, layers without channels or with fewer than maps, and rules that do not
  ///   cover an operator.
  public func reader(for subject: Subject, maps count: Int = 0) throws -> ChannelReader {
    guard count >= 0 else { throw GraphError(.input("the number of maps is negative: \(count)")) }
    let layer = try layer ?? subject.hiddenLayer()
    let way = RelevanceWay(
      composite: composite, start: start, excludesParallel: excludesParallel, layout: layout)
    let targets = count == 0 ? [layer] : try subject.attributedNames()
    let runner = try RelevanceRunner(subject, by: way, at: [layer], to: targets) {
      path throws(GraphError) in
      let layer = path.layers[0], relevance = try path.pass.relevance(at: layer)
      var readings: [(name: String, value: Value)] = []
      for (what, value) in [("relevance", relevance), ("activation", layer.value)] {
        for function in [Reduction.Function.sum, .max] {
          readings.append(
            ("\(what) at '\(layer.name)'", try path.pass.graph.channels(of: value, by: function, layer)))
        }
      }
      return try readings
        + path.pass.conditionalMaps(count, relevance, sums: readings[0].value, layer, path.targets)
    }
    return ChannelReader(runner: runner, mapCount: count, targetCount: targets.count)
  }

  /// Compiles the method for a network.
  ///
  /// - Throws: as `reader(for:maps:)` does.
  public func attributor(for subject: Subject) throws -> any Attributor {
    var there = subject
    there.layers = [try layer ?? subject.hiddenLayer()]
    return Channels(method: self, subject: there, reader: try reader(for: there))
  }

  private struct Channels: Attributor {
    let method: ChannelRelevance
    /// The subject at the layer.
    let subject: Subject
    let reader: ChannelReader

    var batchSize: Int { reader.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let readings = try reader(inputs, classes: classes, first: first)
      return Attribution(
        values: [readings.relevance.sums], outputs: readings.outputs,
        expectedSums: method.start == .output ? readings.outputs : nil)
    }

    func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace? {
      let pass = LayerwiseRelevance(method.composite, start: method.start).pass
      return try BalanceTrace(subject, pass, inputs: inputs, classes: classes)
    }
  }
}

extension Subject {
  /// The one layer that the subject names.
  ///
  /// - Throws: `GraphError.input` when it names none, or several.
  fileprivate func hiddenLayer() throws(GraphError) -> String {
    guard layers.count == 1 else {
      throw GraphError(
        .input(
          "channel relevance tells the channels of one hidden layer apart, found \(layers.count) layers; name it "
            + "(--layer)"))
    }
    return layers[0]
  }
}

/// A reading of channels that is compiled for a network.
public struct ChannelReader {
  /// The number of examples that run together.
  public var batchSize: Int { runner.batchSize }
  /// The number of channels.
  public var channelCount: Int { runner.layers[0].count }
  fileprivate let runner: RelevanceRunner
  fileprivate let mapCount, targetCount: Int

  /// Reads up to `batchSize` examples.
  ///
  /// - Parameters:
  ///   - inputs: one tensor per network input, examples first.
  ///   - classes: the class explained for each example.
  ///   - first: the index of the first example in its data set, for messages.
  /// - Throws: `GraphError`, also for values that are not finite, with their name and the example, and for inputs
  ///   outside the bounds of a box rule.
  public func callAsFunction(_ inputs: [Tensor], classes: [Int], first: Int = 0) throws -> ChannelReadings {
    let (outputs, read) = try runner(inputs, classes: classes, first: first)
    var result = ChannelReadings(
      outputs: outputs, relevance: .init(sums: read[0], maxima: read[1]),
      activation: .init(sums: read[2], maxima: read[3]), maps: [],
      mapChannels: outputs.map { _ in [] })
    guard mapCount > 0 else { return result }
    let ranks = read[4].elements(as: Int64.self).map { Int($0) }
    result.mapChannels = outputs.indices.map { Array(ranks[$0 * mapCount..<($0 + 1) * mapCount]) }
    result.maps = (0..<mapCount).map { rank in
      Array(read[5 + rank * targetCount..<5 + (rank + 1) * targetCount])
    }
    return result
  }
}

/// What is read of the channels of a layer.
public struct ChannelReadings: Sendable {
  /// A quantity of each channel of each example, `[examples, channels]`, over the channel's positions.
  public struct Statistics: Sendable {
    /// Sums over positions.
    public var sums: Tensor
    /// The largest over positions.
    public var maxima: Tensor
  }

  /// The explained output of each example.
  public var outputs: [Double]
  /// The channels' relevance.
  public var relevance: Statistics
  /// The channels' activation.
  public var activation: Statistics
  /// Conditional maps: for each rank, from the most relevant channel on, one tensor for each attributed value, examples
  /// first.
  public var maps: [[Tensor]]
  /// For each example the channel of the map of each rank.
  public var mapChannels: [[Int]]

  /// An example's channels with their relevance, the most relevant first; the first of a tie comes first.
  public func ranking(of example: Int) -> [(channel: Int, relevance: Double)] {
    relevance.sums.row(example) { values in
      values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.map {
        (channel: $0, relevance: Double(values[$0]))
      }
    }
  }
}

extension ConditionalPass {
  /// The ranks of channels, and for each rank what arrives at the targets by way of the channel of that rank.
  fileprivate mutating func conditionalMaps(
    _ count: Int, _ relevance: Value, sums: Value, _ layer: ChannelLayer, _ targets: [Value]
  ) throws(GraphError) -> [(name: String, value: Value)] {
    guard count <= layer.count else {
      throw GraphError(
        .input("'\(layer.name)' has \(layer.count) channels, \(count) maps were asked for; ask for no more"))
    }
    if count == 0 { return [] }
    let examples = layer.shape[0], element = graph.type(of: relevance).element
    let ranks = try graph.apply(TopKIndices(count: count, axis: 1), sums)
    let numbers = graph.addConstant(Tensor(shape: [1, layer.count], (0..<layer.count).map { Int64($0) }))
    var readings: [(name: String, value: Value)] = [("ranks of channels", ranks)]
    for rank in 0..<count {
      let chosen = try graph.apply(Slice(starts: [0, rank], counts: [examples, 1], steps: [1, 1]), ranks)
      let isChosen = try graph.apply(Comparison(function: .equal), chosen, numbers)
      let mask = try graph.apply(
        Reshape(shape: layer.channelShape(examples: examples)), graph.apply(Cast(to: element), isChosen))
      keep(try graph.apply(Binary(.mul), relevance, mask), at: layer.value)
      readings += try self.readings(at: targets, under: "'\(layer.name)'")
    }
    return readings
  }
}

extension Graph {
  /// A reduction over the positions of each channel, `[examples, channels]`.
  fileprivate mutating func channels(
    of value: Value, by function: Reduction.Function, _ layer: ChannelLayer
  ) throws(GraphError) -> Value {
    let axes = layer.positions
    return axes.isEmpty ? value : try apply(Reduction(function, axes: axes, keepsAxes: false), value)
  }
}
