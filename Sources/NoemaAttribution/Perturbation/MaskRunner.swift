internal import Glibc
internal import NoemaGraph
internal import NoemaTensor

/// What a mask is optimised for.
enum MaskScore {
  /// The class output.
  case output
  /// `log p − log(1 − p)` of the class, whose derivative does not vanish where the network is sure.
  case logOdds
  /// The class output less the largest other one.
  case contrast
}

/// Images of a batch, and what they are explained for.
struct MaskBatch {
  let values: [Tensor]
  let inputs: [Tensor]
  let classes: [Int]
  /// The index of the first example in its data set.
  let first: Int
  /// The images' elements, one after the other.
  let images: [[Float]]

  init(values: [Tensor], inputs: [Tensor], classes: [Int], first: Int, count: Int) {
    (self.values, self.inputs, self.classes, self.first) = (values, inputs, classes, first)
    images = values[0].withElements(as: Float.self) { elements in
      classes.indices.map { Array(elements[$0 * count..<($0 + 1) * count]) }
    }
  }

  /// The random numbers of an example.
  func random(_ seed: UInt64, _ example: Int) -> RandomNumbers {
    RandomNumbers(seed: seed).split(first + example)
  }
}

/// Scores of altered images with their derivatives, for masks that are found by gradients.
struct MaskRunner {
  let runner: RowRunner
  let layout: ImageLayout
  let score: MaskScore

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - scale: the scale of the score, unless it is of log-odds.
  ///   - method: the method's name, for messages.
  /// - Throws: `GraphError` when the attributed value is no image, and for scores that one output does not
  ///   have.
  init(
    _ subject: Subject, rowsPerExample: Int, score: MaskScore, scale: OutputScale, method: String
  ) throws {
    var subject = subject
    subject.scale = score == .logOdds ? .logProbability : scale
    var score = score
    var runner = try RowRunner(
      subject, rowsPerExample: rowsPerExample, backward: .gradient)
    if runner.classCount == 1, score == .logOdds {
      // The one output of a binary network is the log-odds.
      (subject.scale, score) = (.logit, .output)
      runner = try RowRunner(subject, rowsPerExample: rowsPerExample, backward: .gradient)
    }
    if runner.classCount == 1, subject.scale != .logit || score == .contrast {
      throw GraphError(
        .unsupported(
          "\(method) compares classes on this scale, and the network has one output; explain its logit"))
    }
    (self.runner, self.score) = (runner, score)
    layout = try ImageLayout(
      runner.shapes, names: runner.names, isInput: runner.isAtInputs, method: method)
  }

  /// Scores altered images.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - example: the example that a row is made of.
  ///   - fill: writes a row; it may be asked twice and must write the same.
  ///   - take: takes a part of the derivative of a row's score by the row's elements, to be multiplied by a
  ///     factor; parts of one row add up.
  /// - Returns: the score of each row.
  func scores(
    rows count: Int, of batch: MaskBatch, example: (Int) -> Int,
    fill: (_ row: Int, _ target: UnsafeMutableBufferPointer<Float>) -> Void,
    take: (_ row: Int, _ factor: Double, _ gradient: UnsafeBufferPointer<Float>) -> Void
  ) throws -> [Double] {
    var scores = [Double](repeating: 0, count: count), rivals = [Int](repeating: 0, count: count)
    func run(
      _ target: (Int) -> Int, _ factor: (_ row: Int, _ outputs: UnsafeBufferPointer<Float>) -> Double
    ) throws {
      try runner.forEachBatch(
        rows: count, values: batch.values, inputs: batch.inputs,
        row: { RowRunner.Row(example: example($0), target: target($0)) },
        copy: { _, row, _, target in fill(row, target) }
      ) { rows, readings in
        let width = runner.classCount, size = layout.count
        readings.output.converted(to: .float32).withElements(as: Float.self) { outputs in
          readings.gradients[0].converted(to: .float32).withElements(as: Float.self) { gradients in
            for (index, row) in rows.enumerated() {
              let part = UnsafeBufferPointer(rebasing: outputs[index * width..<(index + 1) * width])
              take(
                row, factor(row, part),
                UnsafeBufferPointer(rebasing: gradients[index * size..<(index + 1) * size]))
            }
          }
        }
      }
    }
    try run({ batch.classes[example($0)] }) { row, outputs in
      let target = batch.classes[example(row)]
      switch score {
      case .output: scores[row] = Double(outputs[target])
      case .logOdds:
        let others = outputs.logSum(without: target)
        scores[row] = Double(outputs[target]) - others
        // d(log p − log(1 − p)) = d(log p) / (1 − p); float32 knows no smaller 1 − p.
        return 1 / max(exp(others), 1e-7)
      case .contrast:
        rivals[row] = outputs.indices.filter { $0 != target }.max { outputs[$0] < outputs[$1] }!
        scores[row] = Double(outputs[target]) - Double(outputs[rivals[row]])
      }
      return 1
    }
    if score == .contrast { try run({ rivals[$0] }) { _, _ in -1 } }
    return scores
  }
}

extension UnsafeBufferPointer<Float> {
  /// The logarithm of the sum of the exponentials of all elements but one.
  fileprivate func logSum(without index: Int) -> Double {
    var most = -Double.infinity, sum = 0.0
    for i in indices where i != index { most = Swift.max(most, Double(self[i])) }
    for i in indices where i != index { sum += exp(Double(self[i]) - most) }
    return most + log(sum)
  }
}

/// Adam, for minima of functions of many numbers.
///
/// - Source: Kingma and Ba, ICLR 2015, algorithm 1.
package struct Adam: Sendable {
  private var means: [Double], squares: [Double]
  private var shares = (1.0, 1.0)

  package init(count: Int) {
    (means, squares) = (Array(repeating: 0, count: count), Array(repeating: 0, count: count))
  }

  /// One step against a gradient.
  package mutating func step(_ numbers: inout [Double], gradient: [Double], rate: Double) {
    shares = (shares.0 * 0.9, shares.1 * 0.999)
    for i in numbers.indices {
      means[i] = 0.9 * means[i] + 0.1 * gradient[i]
      squares[i] = 0.999 * squares[i] + 0.001 * gradient[i] * gradient[i]
      let scale = (squares[i] / (1 - shares.1)).squareRoot() + 1e-8
      numbers[i] -= rate * means[i] / (1 - shares.0) / scale
    }
  }
}
