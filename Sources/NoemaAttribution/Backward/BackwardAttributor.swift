internal import NoemaGraph
internal import NoemaTensor

/// A method that is one backward pass with rules of its own.
struct BackwardAttributor: Attributor {
  let runner: SubjectRunner
  /// What a class's output is at the baseline, where attributions should sum to the difference; 0 where they should sum
  /// to the output; nil where there is nothing they should sum to.
  var baselineOutputs: [Double]?

  var batchSize: Int { runner.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let readings = try runner(inputs, classes: classes)
    let outputs = picked(readings.output, classes)
    return Attribution(
      values: readings.gradients, outputs: outputs,
      expectedSums: baselineOutputs.map { base in
        outputs.indices.map { outputs[$0] - (base.isEmpty ? 0 : base[classes[$0]]) }
      })
  }
}
