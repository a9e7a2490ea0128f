internal import NoemaGraph
internal import NoemaTensor

/// A map of where a class output comes from: `x · ∂f/∂x` at the image, and `c · ∂f/∂y` of every bias `c` at the
/// position of the layer `y` that holds it.
///
/// These terms are the output itself, `f(x) = Σ x · ∂f/∂x + Σ c · ∂f/∂y`, for any network that has derivatives. The
/// map is `Σ ψ(x · ∂f/∂x) + Σ ψ(c · ∂f/∂y)`, summed over channels at the image's positions; `ψ` is the form. Terms
/// without positions, such as biases of dense layers, are no part of it.
///
/// Maps `[examples, height, width]` are made at the image, or at a hidden map of channels that the subject names;
/// networks of other inputs are refused. Batch normalisation is part of the layer before it, so that both have one
/// term.
///
/// ```swift
/// let attribution = try FullGrad().attributor(for: Subject(network)).attribute([images], classes: classes)
/// ```
///
/// - Complexity: one forward and one backward pass.
/// - Source: Srinivas and Fleuret, "Full-Gradient Representation for Neural Network Visualization", 2019.
public struct FullGrad: AttributionMethod, Hashable, Codable {
  /// What `ψ` makes of a term.
  public enum Form: String, Sendable, Hashable, Codable, CaseIterable {
    /// Magnitudes, scaled to 0…1 over the layer, and interpolated with corner on corner, as the paper's code has it.
    ///
    /// Layers count alike, and with their number of channels; maps of different examples do not compare in size.
    case original
    /// Magnitudes, each channel scaled to 0…1 by itself, interpolated between the middles of cells, and the map scaled
    /// again: the form of pytorch-grad-cam.
    case perChannel = "per-channel"
    /// Magnitudes as they are, interpolated with corner on corner.
    case simple
    /// Signed terms, interpolated so that each keeps its sum: the map sums to the output, less the terms without
    /// positions.
    case raw

    /// What is added to the divisor of a scaling, as in the two programs; nil without scaling.
    fileprivate var epsilon: Double? {
      switch self {
      case .original: 1e-6
      case .perChannel: 1e-7
      case .simple, .raw: nil
      }
    }

    fileprivate var interpolation: MapInterpolation {
      switch self {
      case .original, .simple: .cornerOnCorner
      case .perChannel: .betweenMiddles
      case .raw: .keepingSums
      }
    }
  }

  /// What is made of each term.
  public var form: Form
  /// How the image, or the hidden layer, lies.
  public var layout: MapLayout
  /// Whether implicit biases count: what smooth activations, saturated clips, products, softmax and normalisations hold
  /// beyond their linearisations. Without, networks that have them are refused.
  public var countsImplicitBiases: Bool

  /// Makes the method; as in the paper's code, with implicit biases, unless told otherwise.
  public init(
    _ form: Form = .original, layout: MapLayout = .automatic, countsImplicitBiases: Bool = true
  ) {
    self.form = form
    self.layout = layout
    self.countsImplicitBiases = countsImplicitBiases
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let names = try subject.attributedNames()
    guard names.count == 1 else {
      throw GraphError(
        .unsupported(
          "full gradients make one map, but attributions are asked for at \(names.joined(separator: ", ")); name "
            + "one of them as the layer"))
    }
    var terms = Terms()
    let runner = try BiasRunner(subject, countsImplicitBiases: countsImplicitBiases) {
      graph, network, decomposition throws(GraphError) in
      let (map, sums, found) = try add(to: &graph, network, decomposition)
      terms = found
      return [("full gradients", map), ("bias terms", sums)]
    }
    return Explained(runner: runner, terms: terms, isRaw: form == .raw)
  }

  /// Which terms are on the map: that of the input, and those of biases.
  private struct Terms {
    var areOnMap = [true]
    /// Whether every term has examples first, so that their sums are known.
    var isWhole = true
  }

  /// The map `[examples, …]`, and the sum of each term `[examples, terms]`.
  private func add(
    to graph: inout Graph, _ network: Graph, _ decomposition: BiasDecomposition
  ) throws(GraphError) -> (map: Value, sums: Value, terms: Terms) {
    let target = decomposition.targets[0], shape = network.type(of: target).shape
    let axes = try MapAxes(network, from: target, layout)
    let extents = axes.first.map { shape[$0] }
    let input = try graph.apply(Binary(.mul), target, decomposition.gradients[0])
    var map = try render(input, axes.first, on: extents, &graph)
    var sums = [try graph.exampleSums(of: input)]
    var terms = Terms()
    for term in decomposition.terms {
      let type = graph.type(of: term.product)
      guard type.shape.first == shape[0], !type.isEmpty else {
        terms.isWhole = terms.isWhole && type.isEmpty
        continue
      }
      if let own = axes[term.result] {
        map = try graph.apply(Binary(.add), map, render(term.product, own, on: extents, &graph))
      }
      terms.areOnMap.append(axes[term.result] != nil)
      sums.append(try graph.exampleSums(of: term.product))
    }
    if form == .perChannel { map = try scaled(map, over: Array(1...extents.count), &graph) }
    return (map, try graph.add(Concatenation(axis: 1), sums)[0], terms)
  }

  /// `ψ`: a term at the positions of the map, summed over channels.
  private func render(
    _ term: Value, _ axes: [Int], on extents: [Int], _ graph: inout Graph
  ) throws(GraphError) -> Value {
    let shape = graph.type(of: term).shape
    let others = shape.indices.dropFirst().filter { !axes.contains($0) }
    var map = form == .raw ? term : try graph.apply(Unary(.abs), term)
    map = try scaled(map, over: form == .perChannel ? axes : Array(1..<shape.count), &graph)
    // Channels come first together: there are fewer numbers to interpolate then.
    map = try graph.apply(Reduction(.sum, axes: others, keepsAxes: true), map)
    for (axis, extent) in zip(axes, extents) where shape[axis] != extent {
      map = try graph.apply(form.interpolation.map(axis: axis, from: shape[axis], to: extent), map)
    }
    if axes != axes.sorted() { map = try graph.apply(Transpose(permutation: [0] + axes + others), map) }
    return try graph.apply(Reshape(shape: [shape[0]] + extents), map)
  }

  /// `(t − min t) / (max (t − min t) + ε)` over some axes; `t` where the form does not scale.
  private func scaled(_ map: Value, over axes: [Int], _ graph: inout Graph) throws(GraphError) -> Value {
    guard let epsilon = form.epsilon else { return map }
    let raised = try graph.apply(
      Binary(.sub), map, graph.apply(Reduction(.min, axes: axes, keepsAxes: true), map))
    let greatest = try graph.apply(Reduction(.max, axes: axes, keepsAxes: true), raised)
    let divisor = try graph.apply(Binary(.add), greatest, graph.addNumber(epsilon, like: map))
    return try graph.apply(Binary(.div), raised, divisor)
  }

  private struct Explained: Attributor {
    let runner: BiasRunner
    let terms: Terms
    let isRaw: Bool

    var batchSize: Int { runner.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let (outputs, added) = try runner(inputs, classes: classes)
      let width = terms.areOnMap.count
      let sums = added[1].withElements(as: Float.self) { sums in
        outputs.indices.map { row in (0..<width).map { Double(sums[row * width + $0]) } }
      }
      var attribution = Attribution(values: [added[0]], outputs: outputs)
      guard terms.isWhole else { return attribution }
      if isRaw {
        attribution.expectedSums = zip(outputs, sums).map { output, sums in
          zip(sums, terms.areOnMap).reduce(output) { $1.1 ? $0 : $0 - $1.0 }
        }
      }
      for (example, (output, sums)) in zip(outputs, sums).enumerated() {
        attribution.remarks[example] = remark(sums, output)
      }
      return attribution
    }

    /// Magnitudes that exceed the output this many times are worth a remark.
    private static let cancelling = 100.0
    /// The share of the output, and of that of the terms' magnitudes, that their sum may be off without one.
    private static let tolerance = 1e-3

    /// What there is to say about the terms of an example; nil for nothing.
    private func remark(_ sums: [Double], _ output: Double) -> String? {
      let size = sums.reduce(0) { $0 + abs($1) }, total = sums.reduce(0, +)
      if abs(total - output) > Self.tolerance * max(abs(output), Self.tolerance * size) {
        return
          "the terms sum to \(short(total)), not to the output \(short(output)): terms of \(short(size)) in "
          + "magnitude cancel, and rounding is left"
      }
      guard size > Self.cancelling * abs(output) else { return nil }
      return
        "terms of \(short(size)) in magnitude cancel to \(short(total)): the map shows parts, not what is left"
    }
  }
}
