public import NoemaGraph
public import NoemaTensor

/// The mean of DeepLIFT's contributions over a set of baselines, an estimate of Shapley values whose absent players are
/// drawn from that set; it sums to `f(x) − mean f(b)` exactly.
///
/// All pairs of an example and a baseline are run, as rows of full batches; each costs what one example costs
/// `DeepLIFT`. Every row computes its baseline's activations anew, which would not fit into memory for a set of images.
///
/// - Source: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017, section 4.2; Chen et al.,
///   "Explaining a Series of Models by Propagating Shapley Values", 2022, for a set of baselines.
public struct DeepSHAP: AttributionMethod {
  /// The baselines: one tensor `[k, …]` for each of the network's inputs, also where a hidden layer is explained.
  public var baselines: [Tensor]
  /// How nonlinearities pass.
  public var rule: DeepLIFT.Rule
  /// Whether the class output is explained less the mean over all classes, as `DeepLIFT` does.
  public var normalizesClasses: Bool

  /// Makes the method; Rescale unless told otherwise.
  public init(baselines: [Tensor], rule: DeepLIFT.Rule = .rescale, normalizesClasses: Bool = false) {
    self.baselines = baselines
    self.rule = rule
    self.normalizesClasses = normalizesClasses
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    let (names, shapes) = try subject.inputShapes()
    let references = subject.asInputs(try baselines.references(of: shapes, names: names))
    var pass = BackwardPass.contributions(rule: rule, normalizesClasses: normalizesClasses)
    pass.takesBaselines = true
    let outputs = try subject.classOutputs(at: references, normalizesClasses: normalizesClasses)
    let runner = try SubjectRunner(
      subject, backward: pass, rows: subject.examples.multipliedCapped(by: outputs.count))
    return Pairs(runner: runner, references: references, referenceOutputs: outputs)
  }

  /// Each example with each baseline.
  private struct Pairs: Attributor {
    let runner: SubjectRunner
    let references: [Tensor]
    let referenceOutputs: [[Double]]

    var batchSize: Int { runner.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let count = classes.count, size = referenceOutputs.count
      var means = RowSums(shapes: runner.attributedShapes, examples: count), squares = means
      var outputs = [Double](repeating: 0, count: count)
      for start in stride(from: 0, to: count * size, by: batchSize) {
        let rows = start..<min(start + batchSize, count * size)
        let examples = rows.map { $0 / size }, targets = examples.map { classes[$0] }
        let own = try inputs.map { try $0.selectingRows(examples) }
        let compared = try references.map { try $0.selectingRows(rows.map { $0 % size }) }
        let readings = try runner(own + compared, classes: targets, examples: examples)
        let weights = [Double](repeating: 1 / Double(size), count: rows.count)
        means.add(readings.gradients, of: examples, weights: weights)
        squares.add(readings.gradients, of: examples, weights: weights, squared: true)
        for (example, output) in zip(examples, picked(readings.output, targets)) { outputs[example] = output }
      }
      func tensors(_ number: (Int, Int) -> Double) -> [Tensor] {
        means.sums.indices.map { index in
          Tensor(
            shape: [count] + runner.attributedShapes[index],
            means.sums[index].indices.map { Float(number(index, $0)) })
        }
      }
      let starts = classes.map { target in
        referenceOutputs.reduce(0) { $0 + $1[target] } / Double(size)
      }
      return Attribution(
        values: tensors { means.sums[$0][$1] }, outputs: outputs,
        expectedSums: zip(outputs, starts).map { $0 - $1 },
        standardErrors: size < 2
          ? nil
          : tensors { index, at in
            let mean = means.sums[index][at]
            return (max(0, squares.sums[index][at] - mean * mean) / Double(size - 1)).squareRoot()
          })
    }
  }
}
