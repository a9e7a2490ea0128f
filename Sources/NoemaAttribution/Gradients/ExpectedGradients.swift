internal import NoemaGraph
public import NoemaTensor

/// Integrated gradients averaged over baselines drawn from a set: `E[(x − b) · ∂f(b + α (x − b))/∂x]`, which sums to
/// `f(x) − E f(b)`.
///
/// Points of the paths are stratified, and baselines taken in turn from shuffled rounds, which leaves the mean as it is
/// and lowers its variance.
///
/// - Source: Erion et al., "Improving Performance of Deep Learning Models with Axiomatic Attribution Priors and
///   Expected Gradients", 2021, equation 3.
public struct ExpectedGradients: AttributionMethod {
  /// The reference set: one tensor `[k, …]` for each attributed value.
  public var baselines: [Tensor]
  /// The number of points per example.
  public var samples: Int
  /// Whether baselines and points are drawn independently instead.
  public var isIndependent: Bool
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; 200 points unless told otherwise.
  public init(baselines: [Tensor], samples: Int = 200, isIndependent: Bool = false, seed: UInt64 = 0) {
    self.baselines = baselines
    self.samples = samples
    self.isIndependent = isIndependent
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...1_000_000).contains(samples) else {
      throw GraphError(.input("expected gradients need 1 to 1000000 samples, found \(samples)"))
    }
    let path = try RowRunner(subject, rowsPerExample: samples, backward: .gradient)
    let references = try baselines.references(of: path.shapes, names: path.names)
    return Draws(
      method: self, path: path,
      ends: try path.forward(subject, rowsPerExample: 1 + references[0].shape[0]), references: references)
  }

  private struct Draws: Attributor {
    let method: ExpectedGradients
    let path: RowRunner
    /// Runs the ends of paths, of which outputs alone count.
    let ends: RowRunner
    let references: [Tensor]

    var batchSize: Int { path.exampleBatchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try path.values(of: inputs, classes: classes), count = classes.count, n = method.samples
      let random = RandomNumbers(seed: method.seed), size = references[0].shape[0]
      let draws = (0..<count).map { draw(random.split(first + $0), of: size) }
      let sources = references.map { $0.elements(as: Float.self) }
      var sums = path.shapes.map { [Double](repeating: 0, count: $0.reduce(1, *) * count) }
      var squares = sums
      try path.forEachBatch(
        of: n, values: values, inputs: inputs, classes: classes
      ) { value, example, point, given, row in
        let (alpha, baseline) = (Float(draws[example][point].alpha), draws[example][point].baseline)
        let start = baseline * row.count
        for i in row.indices {
          let b = sources[value][start + i]
          row[i] = b + alpha * (given[i] - b)
        }
      } _: { readings, examples, points in
        for (index, tensor) in readings.gradients.enumerated() {
          let width = path.shapes[index].reduce(1, *)
          tensor.withElements(as: Float.self) { gradients in
            values[index].withElements(as: Float.self) { x in
              for (row, example) in examples.enumerated() {
                let start = draws[example][points[row]].baseline * width
                for i in 0..<width {
                  let at = example * width + i
                  let term = Double(gradients[row * width + i]) * Double(x[at] - sources[index][start + i])
                  sums[index][at] += term
                  squares[index][at] += term * term
                }
              }
            }
          }
        }
      }
      func tensors(_ number: (Int, Int) -> Double) -> [Tensor] {
        sums.indices.map { index in
          Tensor(shape: [count] + path.shapes[index], sums[index].indices.map { Float(number(index, $0)) })
        }
      }
      let total = Double(n)
      let outputs = try ends.outputs(values, inputs: inputs, classes: classes)
      let starts = try meanReferenceOutputs(values, inputs: inputs, classes: classes)
      return Attribution(
        values: tensors { sums[$0][$1] / total }, outputs: outputs,
        expectedSums: zip(outputs, starts).map { $0 - $1 },
        // Of independent draws; stratified ones err less.
        standardErrors: n < 2
          ? nil
          : tensors { index, at in
            let mean = sums[index][at] / total
            return (max(0, squares[index][at] / total - mean * mean) / (total - 1)).squareRoot()
          })
    }

    private func draw(_ stream: RandomNumbers, of size: Int) -> [(alpha: Double, baseline: Int)] {
      var random = stream
      if method.isIndependent {
        return (0..<method.samples).map { _ in (random.uniform(), random.index(below: size)) }
      }
      var order: [Int] = [], round: [Int] = []
      while order.count < method.samples {
        round = random.sample(size, below: size)
        order += round
      }
      // The points are shuffled too, so that no baseline meets one part of the path only.
      let strata = random.sample(method.samples, below: method.samples)
      return (0..<method.samples).map {
        ((Double(strata[$0]) + random.uniform()) / Double(method.samples), order[$0])
      }
    }

    /// The mean output over the reference set, for each example's class.
    private func meanReferenceOutputs(
      _ values: [Tensor], inputs: [Tensor], classes: [Int]
    ) throws -> [Double] {
      let size = references[0].shape[0]
      var means = [Double](repeating: 0, count: classes.count)
      let sources = references.map { $0.elements(as: Float.self) }
      try ends.forEachOutput(
        rows: classes.count * size, values: values, inputs: inputs, classes: classes, example: { $0 / size }
      ) { value, row, _, target in
        let start = row % size * target.count
        for i in target.indices { target[i] = sources[value][start + i] }
      } _: { row, output in
        means[row / size] += output / Double(size)
      }
      return means
    }
  }
}

extension [Tensor] {
  /// Reference sets as float32, one for each attributed value and with as many rows as the others.
  ///
  /// - Throws: `GraphError` for shapes that do not fit and values that are not finite.
  func references(of shapes: [[Int]], names: [String]) throws(GraphError) -> [Tensor] {
    guard count == shapes.count else {
      throw GraphError(
        .input(
          "expected \(shapes.count) reference sets, for \(names.joined(separator: ", ")); found \(count)"))
    }
    for (index, tensor) in enumerated() {
      guard tensor.rank > 0, Array<Int>(tensor.shape.dropFirst()) == shapes[index], tensor.shape[0] > 0,
        tensor.shape[0] == self[0].shape[0]
      else {
        throw GraphError(
          .input(
            "the reference set of '\(names[index])' has shape \(tensor.shape); expected one or more examples of "
              + "\(shapes[index])"))
      }
    }
    let floats = map { $0.converted(to: .float32) }
    if let index = floats.firstIndex(where: { $0.firstNonFinite() != nil }) {
      throw GraphError(.input("the reference set of '\(names[index])' holds a value that is not finite"))
    }
    return floats
  }
}
