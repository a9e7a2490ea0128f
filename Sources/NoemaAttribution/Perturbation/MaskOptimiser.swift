internal import NoemaGraph
public import NoemaTensor

/// A mask that was optimised for an example.
public struct OptimisedMask: Sendable {
  /// What is kept of each position, from 0 to 1, `[height, width]`.
  public var mask: Tensor
  /// The score of the whole image.
  public var scoreBefore: Double
  /// The score of the masked image.
  public var scoreAfter: Double
  /// The objective before each step.
  public var history: [Double]

  /// The mean of the mask.
  public var area: Double {
    mask.withElements(as: Float.self) { $0.reduce(0) { $0 + Double($1) } / Double(max(1, $0.count)) }
  }
}

/// Optimises masks of examples: the attributor of the methods that find them by gradients.
public struct MaskOptimiser: Attributor {
  public let batchSize: Int
  private let runner: MaskRunner
  /// Gives outputs on the subject's scale.
  private let plain: RowRunner
  private let search: (MaskBatch, MaskRunner) throws -> [[OptimisedMask]]
  private let read: ([OptimisedMask]) -> (map: [Double], remark: String)

  /// Compiles what a search needs.
  ///
  /// - Parameters:
  ///   - rowsPerExample: the number of altered images of an example that run together.
  ///   - search: finds masks of each example.
  ///   - read: makes a map of an example's masks, and says what they do.
  init(
    _ subject: Subject, runner: MaskRunner, rowsPerExample: Int,
    search: @escaping (MaskBatch, MaskRunner) throws -> [[OptimisedMask]],
    read: @escaping ([OptimisedMask]) -> (map: [Double], remark: String)
  ) throws {
    plain = try RowRunner(subject, rowsPerExample: 1)
    batchSize = runner.runner.batchSize(rowsPerExample: rowsPerExample)
    (self.runner, self.search, self.read) = (runner, search, read)
  }

  /// Finds the masks of up to `batchSize` examples; parameters and errors are those of `attribute`.
  public func masks(_ inputs: [Tensor], classes: [Int], first: Int = 0) throws -> [[OptimisedMask]] {
    try search(try batch(inputs, classes, first), runner)
  }

  public func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let batch = try batch(inputs, classes, first)
    let outputs = try plain.outputs(batch.values, inputs: inputs, classes: classes)
    let found = try search(batch, runner).map(read)
    let maps = [found.flatMap { runner.layout.spread($0.map) }]
    var result = Attribution(
      values: maps.tensors(runner.runner.shapes, examples: classes.count), outputs: outputs)
    for (example, entry) in found.enumerated() { result.remarks[example] = entry.remark }
    return result
  }

  private func batch(_ inputs: [Tensor], _ classes: [Int], _ first: Int) throws -> MaskBatch {
    MaskBatch(
      values: try runner.runner.values(of: inputs, classes: classes), inputs: inputs, classes: classes,
      first: first, count: runner.layout.count)
  }
}

extension Double {
  /// Rounded to three decimals, for remarks.
  var brief: String { "\((self * 1_000).rounded() / 1_000)" }
}
