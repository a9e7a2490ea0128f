public import NoemaGraph
internal import NoemaTensor

/// Contributions to the difference of the output from its value at a baseline, in one backward pass: they sum to that
/// difference.
///
/// Nonlinearities pass by a `Rule`; layers, sums and movements as a derivative does. Products share equally, which is
/// the Shapley value of both factors; maxima give to the winners at either end; softmax and normalisations follow from
/// their parts. Under `revealCancel` these, exponentials, logarithms, roots and what blocks such as squeeze-and-excite
/// contain pass as under `rescale`, with one multiplier for both parts of a difference.
///
/// - Source: Shrikumar et al., "Learning Important Features Through Propagating Activation Differences", 2017.
public struct DeepLIFT: AttributionMethod {
  /// How element-wise nonlinearities pass.
  ///
  /// `rescale` takes the secant `Δy/Δx`. `revealCancel` takes one for what raises the operand and one for what lowers
  /// it, so that parts that cancel do not hide each other, at about twice the cost. `revealCancelDense` does so behind
  /// matrix products alone, and Rescale behind convolutions.
  public typealias Rule = DeepLIFTRule

  /// The baseline of the network's inputs.
  public var baseline: Baseline
  /// How nonlinearities pass.
  public var rule: Rule
  /// Whether the class output is explained less the mean over all classes: what supports the class rather than all of
  /// them alike. Needs two classes.
  ///
  /// - Source: the paper, section 3.6.
  public var normalizesClasses: Bool

  /// Makes the method; Rescale from a baseline of zero unless told otherwise.
  public init(baseline: Baseline = .zero, rule: Rule = .rescale, normalizesClasses: Bool = false) {
    self.baseline = baseline
    self.rule = rule
    self.normalizesClasses = normalizesClasses
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let (names, shapes) = try subject.inputShapes()
    let reference = subject.asInputs(
      try baseline.examples(of: shapes, names: names).map { $0.reshaped(to: [1] + $0.shape) })
    var pass = BackwardPass.contributions(rule: rule, normalizesClasses: normalizesClasses)
    pass.baselines = reference
    let outputs = try subject.classOutputs(at: reference, normalizesClasses: normalizesClasses)
    return try BackwardAttributor(subject, pass, baselineOutputs: outputs[0])
  }
}

extension BackwardPass {
  /// DeepLIFT's pass, still without baselines: multipliers times differences.
  static func contributions(rule: DeepLIFTRule, normalizesClasses: Bool) -> BackwardPass {
    var pass = BackwardPass()
    pass.quantity = "contribution"
    pass.differenceRule = rule
    pass.normalizesClasses = normalizesClasses
    pass.rules = { _, _, twins in .deepLIFT(twins: twins) }
    // What has no value at the baseline is a difference itself.
    pass.finish = { multiplier, value, baseline, graph throws(GraphError) in
      let difference = if let baseline { try graph.apply(Binary(.sub), value, baseline) } else { value }
      return try graph.apply(Binary(.mul), multiplier, difference)
    }
    return pass
  }
}

extension Subject {
  /// The names of the network's inputs, and their shapes for one example.
  func inputShapes() throws(GraphError) -> (names: [String], shapes: [[Int]]) {
    let names = network.inputs.map(\.name)
    return (names, try shapes(of: names))
  }

  /// Tensors in the element types of the network's inputs.
  func asInputs(_ tensors: [Tensor]) -> [Tensor] {
    zip(tensors, network.inputs).map { $0.converted(to: $1.element) }
  }

  /// The outputs of all classes for some examples, less their mean where classes are normalised.
  ///
  /// - Throws: `GraphError.input` when there is one class, which has no others to be compared with.
  func classOutputs(at inputs: [Tensor], normalizesClasses: Bool) throws -> [[Double]] {
    let rows = inputs.first?.shape.first ?? 0
    let runner = try SubjectRunner(self, rows: rows)
    let width = runner.classCount
    guard width > 1 || !normalizesClasses else {
      throw GraphError(.input("normalising over classes needs two or more, the output has \(width)"))
    }
    let outputs = try runner(inputs).output.elements(as: Float.self)
    return (0..<rows).map { row in
      let values = outputs[row * width..<(row + 1) * width].map { Double($0) }
      let mean = normalizesClasses ? values.reduce(0, +) / Double(width) : 0
      return values.map { $0 - mean }
    }
  }
}

extension Tensor {
  /// A tensor of one row with the row repeated.
  func repeated(_ count: Int) throws -> Tensor {
    count == 1 ? self : try selectingRows(Array(repeating: 0, count: count))
  }
}
