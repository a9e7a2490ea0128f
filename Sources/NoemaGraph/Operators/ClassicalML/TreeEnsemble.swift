public import NoemaTensor

/// Decision trees whose leaves vote; the votes for each target are added up or otherwise combined.
///
/// A tree is a step function: no derivative passes.
///
/// - Shapes: `[examples, features] → [examples, targets]`.
/// - Source: ONNX ai.onnx.ml TreeEnsembleRegressor-1 to -5, TreeEnsembleClassifier-1 to -5, TreeEnsemble-5.
public struct TreeEnsemble: FloatOperator {
  /// How the votes for a target become one number.
  public enum Aggregate: Int, Sendable, Hashable {
    case average, sum, minimum, maximum
  }

  /// How votes are combined.
  public var aggregate: Aggregate
  /// The number of targets.
  public var targetCount: Int
  /// The trees.
  let forest: Forest

  public var relevanceRole: RelevanceRole { .none }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1, operands[0].rank == 2, operands[0].shape[1] >= forest.featureCount else {
      throw GraphError(
        .operands("trees that ask for \(forest.featureCount) features do not fit \(operands)"))
    }
    return [TensorType([operands[0].shape[0], targetCount], operands[0].element)]
  }

  public func evaluate<Element: FloatElement>(
    _ operands: [Tensor], as type: Element.Type
  ) throws -> [Tensor] {
    let shape = operands[0].shape
    return [
      try Tensor(shape: [shape[0], targetCount], elementType: operands[0].elementType) { bytes in
        let y = bytes.bindMemory(to: Element.self)
        guard !y.isEmpty else { return }
        operands[0].withElements(as: Element.self) { x in
          run(0..<shape[0], x.baseAddress!, features: shape[1], y.baseAddress!)
        }
      }
    ]
  }

  /// Rows in parallel, when they lie plain.
  public func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)?
  {
    let shape = operands[0].type.shape
    guard operands[0].type.element == .float32, results[0].count > 0 else { return nil }
    // A tree is worth about as much time as a hundred element-wise operations.
    let grain = max(1, (1 << 15) / (100 * max(1, forest.roots.count)))
    return ClosureKernel(operands: [.plain], results: [.plain]) { [self] memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let y = memory.results[0].assumingMemoryBound(to: Float.self)
      Parallel.ranges(shape[0], grain: grain) { run($0, x, features: shape[1], y) }
    }
  }

  /// Rows that walk a tree after each other, while it lies in the cache.
  private static let blockRows = 128

  /// Votes are added up in double precision, in the order of the trees.
  private func run<Element: FloatElement>(
    _ rows: Range<Int>, _ x: UnsafePointer<Element>, features: Int, _ y: UnsafeMutablePointer<Element>
  ) {
    let scale = aggregate == .average ? 1 / Double(max(1, forest.roots.count)) : 1
    var totals = [Double](repeating: 0, count: min(Self.blockRows, rows.count) * targetCount)
    var isVoted = [Bool](repeating: false, count: totals.count)
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
      let count = min(Self.blockRows, rows.upperBound - start)
      for index in totals.indices { (totals[index], isVoted[index]) = (0, false) }
      totals.withUnsafeMutableBufferPointer { totals in
        isVoted.withUnsafeMutableBufferPointer { isVoted in
          forest.visitLeaves(x + start * features, rows: count, features: features) { row, votes in
            for vote in votes {
              let target = row * targetCount + Int(vote.target)
              switch aggregate {
              case .sum, .average: totals[target] += vote.weight
              case .minimum: totals[target] = isVoted[target] ? min(totals[target], vote.weight) : vote.weight
              case .maximum: totals[target] = isVoted[target] ? max(totals[target], vote.weight) : vote.weight
              }
              isVoted[target] = true
            }
          }
        }
      }
      for index in 0..<count * targetCount { y[start * targetCount + index] = Element(totals[index] * scale) }
    }
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
