internal import NoemaGraph
internal import NoemaTensor

/// A method that is one backward pass with rules of its own.
struct BackwardAttributor: Attributor {
  private let subject: Subject
  private let pass: BackwardPass
  private let runner: SubjectRunner
  /// What a class's output is at the baseline, where attributions should sum to the difference; 0 where they should sum
  /// to the output; nil where there is nothing they should sum to.
  private let baselineOutputs: [Double]?
  /// Looks at inputs that rules have bounds for.
  private let bounds: BoundsCheck?

  init(
    _ subject: Subject, _ pass: BackwardPass, baselineOutputs: [Double]? = nil,
    boundedBy composite: Composite? = nil
  ) throws {
    self.subject = subject
    self.pass = pass
    self.baselineOutputs = baselineOutputs
    runner = try SubjectRunner(subject, backward: pass, rows: subject.examples)
    bounds = try composite.map { try BoundsCheck(subject, $0, to: subject.attributedNames()) }
  }

  var batchSize: Int { runner.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    try bounds?(inputs, first: first)
    let readings = try runner(inputs, classes: classes)
    let outputs = picked(readings.output, classes)
    return Attribution(
      values: readings.gradients, outputs: outputs,
      expectedSums: baselineOutputs.map { base in
        outputs.indices.map { outputs[$0] - (base.isEmpty ? 0 : base[classes[$0]]) }
      })
  }

  func trace(_ inputs: [Tensor], classes: [Int]) throws -> BalanceTrace? {
    try BalanceTrace(subject, pass, inputs: inputs, classes: classes)
  }
}
