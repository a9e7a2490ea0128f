public import NoemaGraph
internal import NoemaTensor

/// Layer-wise relevance propagation: the class output is shared out backward, layer by layer, among what contributed.
///
/// Batch normalisation is folded first, residual additions share out what they add, and everything else follows
/// `Composite`. Biases keep their part unless the rules ignore them, so that sums fall short of the output.
///
/// The box rule holds for inputs between its bounds: examples that leave them, where its layer reads them, are refused
/// with `GraphError.input`. Bounds are therefore those behind a normalisation that belongs to the network.
///
/// - Source: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions", 2015.
public struct LayerwiseRelevance: AttributionMethod, Hashable {
  /// What the pass starts with.
  public enum Start: String, Sendable, Hashable, Codable, CaseIterable {
    /// The class output: relevance is in its units.
    case output
    /// 1: relevance is a share.
    case one
  }

  /// Which rule applies where.
  public var composite: Composite
  /// What the pass starts with.
  public var start: Start

  /// Makes the method; it starts with the class output unless told otherwise.
  public init(_ composite: Composite, start: Start = .output) {
    self.composite = composite
    self.start = start
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    try subject.requireLogit()
    return try BackwardAttributor(
      subject, pass, baselineOutputs: start == .output ? [] : nil, boundedBy: composite)
  }

  /// The pass backward.
  var pass: BackwardPass {
    var pass = BackwardPass()
    pass.quantity = "relevance"
    pass.startsWithOutput = start == .output
    pass.rules = { [composite] graph, explained, _ throws(GraphError) in
      try composite.rules(for: graph, from: explained)
    }
    return pass
  }
}
