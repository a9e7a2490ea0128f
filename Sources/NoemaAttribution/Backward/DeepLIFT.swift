internal import NoemaGraph
internal import NoemaTensor

/// Contributions to the difference of the output from its value at a baseline, in one backward pass (the Rescale rule,
/// and exact shares for products, softmax and normalisations): they sum to that difference.
///
/// - Source: Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017.
public struct DeepLIFT: AttributionMethod {
  /// The baseline of the network's inputs.
  public var baseline: Baseline

  /// Makes the method; the baseline is zero unless told otherwise.
  public init(baseline: Baseline = .zero) { self.baseline = baseline }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let names = subject.network.inputs.map(\.name)
    let graph = try subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes)
    var whole = subject
    whole.layers = names
    let reference = try baseline.examples(of: graph.shapes(of: names), names: names)
    var pass = BackwardPass()
    pass.quantity = "contribution"
    pass.baselines = reference.map { $0.reshaped(to: [1] + $0.shape) }
    pass.rules = { _, _, twins in .deepLIFT(twins: twins) }
    pass.finish = { multiplier, value, baseline, graph throws(GraphError) in
      guard let baseline else { return multiplier }
      return try graph.apply(Binary(.mul), multiplier, graph.apply(Binary(.sub), value, baseline))
    }
    var forward = subject
    forward.layers = []
    let start = try SubjectRunner(forward, rows: 1)(reference.map { $0.reshaped(to: [1] + $0.shape) })
    return try BackwardAttributor(
      subject, pass, baselineOutputs: start.output.elements(as: Float.self).map { Double($0) })
  }
}

extension Tensor {
  /// A tensor of one row with the row repeated.
  func repeated(_ count: Int) throws -> Tensor {
    count == 1 ? self : try selectingRows(Array(repeating: 0, count: count))
  }
}
