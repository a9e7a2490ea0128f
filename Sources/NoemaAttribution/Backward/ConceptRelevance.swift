public import NoemaGraph
internal import NoemaTensor

/// Concept relevance propagation: the part of the relevance that passes given channels, or a given direction, of
/// hidden layers.
///
/// Relevance passes backward as under `LayerwiseRelevance`; at the layer of each condition only the concept's part of
/// it goes on. Conditions on several layers must all hold, of a set of channels any. All else is linear: over the
/// channels of a layer that everything passes, the maps sum to the unconditional one.
///
/// ```swift
/// let method = ConceptRelevance([.init("/layer4/Relu_output_0", .channels([17, 301]))])
/// let result = try method.attributor(for: subject).attribute(images, classes: classes)
/// ```
///
/// Attributions should sum to the concept's relevance at the lowest conditioned layer, where no other relevance joins
/// them: with `excludesParallel`. The layers that are attributed lie ahead of all conditions.
///
/// - Source: Achtibat et al., "From Attribution Maps to Human-Understandable Explanations through Concept Relevance
///   Propagation", 2023.
public struct ConceptRelevance: AttributionMethod, Hashable {
  /// What of a layer is a concept.
  public enum Concept: Sendable, Hashable {
    /// Any of some channels: of all positions of a map or tokens, or single units.
    case channels(Set<Int>)
    /// A direction, such as a concept activation vector, of any length other than 0: of the channels, which takes its
    /// part at each position, or of all elements of the layer, row-major.
    case direction([Double])
  }

  /// A concept at a layer.
  public struct Condition: Sendable, Hashable {
    /// The ONNX name of the layer.
    public var layer: String
    /// The concept.
    public var concept: Concept

    /// Keeps a concept's part of the relevance at a layer.
    public init(_ layer: String, _ concept: Concept) {
      (self.layer, self.concept) = (layer, concept)
    }
  }

  /// The concepts, in any order.
  public var conditions: [Condition]
  /// Which rule applies where.
  public var composite: Composite
  /// What the pass starts with.
  public var start: LayerwiseRelevance.Start
  /// Whether ahead of a conditioned layer only what leads to it counts; else what leads around it is added, whole.
  public var excludesParallel: Bool
  /// Where the channels of the conditioned layers lie.
  public var layout: MapLayout

  /// Makes the method; it starts with the class output, and excludes what leads around a layer, unless told otherwise.
  public init(
    _ conditions: [Condition], composite: Composite = .epsilonPlusFlat,
    start: LayerwiseRelevance.Start = .output, excludesParallel: Bool = true, layout: MapLayout = .automatic
  ) {
    self.conditions = conditions
    self.composite = composite
    self.start = start
    self.excludesParallel = excludesParallel
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard !conditions.isEmpty else {
      throw GraphError(
        .input("concept relevance needs a condition; without one it is layer-wise relevance propagation"))
    }
    let runner = try RelevanceRunner(subject, by: way, at: layers, to: subject.attributedNames()) {
      path throws(GraphError) in
      let (layer, part) = try meet(on: &path)
      let sum = Reduction(.sum, axes: Array(1..<layer.shape.count), keepsAxes: false)
      let sums: [(name: String, value: Value)] = [
        ("relevance of the concept at '\(layer.name)'", try path.pass.graph.apply(sum, part))
      ]
      return try sums
        + path.pass.readings(at: path.targets, under: "the conditioned layer '\(layer.name)'")
    }
    return Conditioned(method: self, subject: subject, runner: runner)
  }

  private var layers: [String] { conditions.map(\.layer) }

  private var way: RelevanceWay {
    RelevanceWay(composite: composite, start: start, excludesParallel: excludesParallel, layout: layout)
  }

  /// Passes down through all conditions.
  ///
  /// - Returns: the lowest conditioned layer, and the part of its relevance that goes on.
  private func meet(on path: inout RelevancePath) throws(GraphError) -> (layer: ChannelLayer, part: Value) {
    // From the output down.
    let places = path.layers.map { path.pass.place(of: $0.value) }
    let order = places.indices.sorted { (places[$1], $0) < (places[$0], $1) }
    var found: (layer: ChannelLayer, part: Value)?
    for index in order {
      let layer = path.layers[index], relevance = try path.pass.relevance(at: layer)
      let part = try path.pass.graph.part(conditions[index].concept, of: relevance, at: layer)
      path.pass.keep(part, at: layer.value)
      found = (layer, part)
    }
    return found!
  }

  private struct Conditioned: Attributor {
    let method: ConceptRelevance
    let subject: Subject
    let runner: RelevanceRunner

    var batchSize: Int { runner.batchSize }
    /// Whether nothing but the concept's relevance arrives.
    private var isConserved: Bool { method.excludesParallel }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let (outputs, read) = try runner(inputs, classes: classes, first: first)
      let sums = read[0].elements(as: Float.self).map { Double($0) }
      return Attribution(
        values: Array(read.dropFirst()), outputs: outputs, expectedSums: isConserved ? sums : nil)
    }

    /// From the lowest conditioned layer on, whose part of the relevance is what attributions should sum to.
    func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace? {
      guard isConserved else { return nil }
      let targets = try subject.attributedNames()
      return try BalanceTrace(subject, inputs: inputs, classes: classes) { graph throws(GraphError) in
        var path = try RelevancePath(graph, subject, by: method.way, at: method.layers, to: targets)
        let (layer, part) = try method.meet(on: &path)
        let below = Array(path.nodes[..<path.pass.place(of: layer.value)])
        let back = try path.pass.graph.backward(
          from: layer.value, seed: part, to: path.targets, through: below, rules: path.rules)
        var ledger = BalanceTrace.Ledger(graph: back.graph, explained: path.explained)
        try ledger.enter(back.steps)
        return ledger
      }
    }
  }
}

extension Graph {
  /// A concept's part of the relevance at a layer.
  ///
  /// - Throws: `GraphError.input` for channels and directions that the layer does not have.
  fileprivate mutating func part(
    _ concept: ConceptRelevance.Concept, of relevance: Value, at layer: ChannelLayer
  ) throws(GraphError) -> Value {
    func constant(_ shape: [Int], _ numbers: [Double], _ graph: inout Graph) -> Value {
      graph.addConstant(Tensor(shape: shape, numbers).converted(to: graph.type(of: relevance).element))
    }
    switch concept {
    case .channels(let channels):
      if let bad = channels.sorted().first(where: { !(0..<layer.count).contains($0) }) {
        throw GraphError(
          .input("'\(layer.name)' has no channel \(bad); it has channels 0 to \(layer.count - 1)"))
      }
      guard !channels.isEmpty else {
        throw GraphError(.input("the concept at '\(layer.name)' is a set of no channels; name one at least"))
      }
      let mask = (0..<layer.count).map { channels.contains($0) ? 1.0 : 0 }
      return try apply(Binary(.mul), relevance, constant(layer.channelShape(), mask, &self))
    case .direction(let direction):
      let whole = layer.shape.dropFirst().reduce(1, *)
      guard direction.count == layer.count || direction.count == whole else {
        throw GraphError(
          .input(
            "the direction at '\(layer.name)' has \(direction.count) numbers; the layer has \(layer.count) channels "
              + "and \(whole) elements"))
      }
      let largest = direction.lazy.map(\.magnitude).max() ?? 0
      guard direction.allSatisfy(\.isFinite), largest > 0 else {
        throw GraphError(
          .input("the direction at '\(layer.name)' has numbers that are not finite, or none but 0"))
      }
      // By the largest first, so that no square over- or underflows.
      let scaled = direction.map { $0 / largest }
      let length = scaled.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let isOfChannels = direction.count == layer.count
      let shape = isOfChannels ? layer.channelShape() : [1] + layer.shape.dropFirst()
      return try self.relevance(
        relevance, of: layer.value, along: constant(shape, scaled.map { $0 / length }, &self),
        over: isOfChannels ? [layer.axis] : Array(1..<layer.shape.count))
    }
  }
}
