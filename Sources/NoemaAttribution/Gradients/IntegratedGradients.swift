internal import NoemaGraph
internal import NoemaTensor

/// `(x − b) · ∫₀¹ ∂f(b + α (x − b))/∂x dα`: sums to `f(x) − f(b)`, up to the error of the quadrature.
///
/// At a hidden layer the path is a straight line between the layer's values at the example and the baseline given
/// for the layer; what passes around the layer stays as it is.
///
/// - Source: Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, equation 1.
public struct IntegratedGradients: AttributionMethod {
  /// A rule of quadrature: points of the path, and weights that sum to 1.
  public enum Rule: String, Sendable, Hashable, Codable, CaseIterable {
    /// Exact for polynomials of degree `2n − 1`.
    case gaussLegendre = "gauss-legendre"
    case left, right, midpoint, trapezoid

    /// The points and weights.
    public func points(_ count: Int) -> (nodes: [Double], weights: [Double]) {
      let n = Double(count), steps = (0..<count).map(Double.init)
      let even = [Double](repeating: 1 / n, count: count)
      switch self {
      case .gaussLegendre:
        let rule = GaussLegendre(count: count)
        return (rule.nodes, rule.weights)
      case .left: return (steps.map { $0 / n }, even)
      case .right: return (steps.map { ($0 + 1) / n }, even)
      case .midpoint: return (steps.map { ($0 + 0.5) / n }, even)
      case .trapezoid:
        guard count > 1 else { return ([0.5], [1]) }
        var weights = [Double](repeating: 1 / (n - 1), count: count)
        (weights[0], weights[count - 1]) = (weights[0] / 2, weights[0] / 2)
        return (steps.map { $0 / (n - 1) }, weights)
      }
    }
  }

  /// The number of points.
  public var steps: Int
  /// The rule of quadrature.
  public var rule: Rule
  /// The start of the path.
  public var baseline: Baseline

  /// Makes the method; 50 points of the Gauss-Legendre rule from zero unless told otherwise.
  public init(steps: Int = 50, rule: Rule = .gaussLegendre, baseline: Baseline = .zero) {
    self.steps = steps
    self.rule = rule
    self.baseline = baseline
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...10_000).contains(steps) else {
      throw GraphError(.input("integrated gradients need 1 to 10000 steps, found \(steps)"))
    }
    let path = try RowRunner(subject, rowsPerExample: steps, backward: .gradient)
    return Path(
      path: path, ends: try path.forward(subject, rowsPerExample: 2), points: rule.points(steps),
      baseline: try baseline.examples(of: path.shapes, names: path.names))
  }

  private struct Path: Attributor {
    let path: RowRunner
    /// Runs both ends of the path, of which outputs alone count.
    let ends: RowRunner
    let points: (nodes: [Double], weights: [Double])
    let baseline: [Tensor]

    var batchSize: Int { path.exampleBatchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try path.values(of: inputs, classes: classes)
      let starts = baseline.map { $0.elements(as: Float.self) }
      var sums = RowSums(shapes: path.shapes, examples: classes.count)
      try path.forEachBatch(
        of: points.nodes.count, values: values, inputs: inputs, classes: classes
      ) { value, _, point, given, row in
        let alpha = Float(points.nodes[point])
        starts[value].withUnsafeBufferPointer { start in
          for i in row.indices { row[i] = start[i] + alpha * (given[i] - start[i]) }
        }
      } _: { readings, examples, steps in
        sums.add(readings.gradients, of: examples, weights: steps.map { points.weights[$0] })
      }
      let outputs = try endpoints(values, inputs: inputs, classes: classes)
      return Attribution(
        values: values.indices.map { index in
          let width = starts[index].count, sum = sums.sums[index]
          return values[index].withElements(as: Float.self) { x in
            Tensor(
              shape: values[index].shape,
              x.indices.map { Float(sum[$0] * Double(x[$0] - starts[index][$0 % width])) })
          }
        },
        outputs: outputs.map(\.output), expectedSums: outputs.map { $0.output - $0.start })
    }

    /// The outputs at both ends of each example's path.
    private func endpoints(
      _ values: [Tensor], inputs: [Tensor], classes: [Int]
    ) throws -> [(output: Double, start: Double)] {
      var found = [(output: Double, start: Double)](repeating: (0, 0), count: classes.count)
      let starts = baseline.map { $0.elements(as: Float.self) }
      try ends.forEachOutput(
        rows: 2 * classes.count, values: values, inputs: inputs, classes: classes, example: { $0 / 2 }
      ) { value, row, given, target in
        guard row % 2 == 0 else { return given.copy(to: target) }
        starts[value].withUnsafeBufferPointer { $0.copy(to: target) }
      } _: { row, output in
        if row % 2 == 0 { found[row / 2].start = output } else { found[row / 2].output = output }
      }
      return found
    }
  }
}
