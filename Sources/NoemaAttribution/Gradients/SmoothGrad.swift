internal import NoemaGraph
internal import NoemaTensor

/// Gradients at noisy copies of an example: their mean, the mean of their squares, or their variance.
///
/// - Source: Smilkov et al., "SmoothGrad", 2017; Hooker et al., "A Benchmark for Interpretability Methods", 2019
///   (squared); Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity", 2018 (variance).
public struct SmoothGrad: AttributionMethod, Hashable, Codable {
  /// What is made of the gradients at the noisy copies.
  public enum Statistic: String, Sendable, Hashable, Codable, CaseIterable {
    case mean
    case meanAbsolute = "mean-absolute"
    case meanSquare = "mean-square"
    /// The population variance (VarGrad).
    case variance
  }

  /// The number of noisy copies.
  public var samples: Int
  /// The noise's standard deviation as a share of the range of an example's values.
  public var noise: Double
  /// What is made of the gradients.
  public var statistic: Statistic
  /// The seed of the noise.
  public var seed: UInt64

  /// Makes the method; the mean over 50 copies with noise of 0.15 of the range unless told otherwise.
  public init(samples: Int = 50, noise: Double = 0.15, statistic: Statistic = .mean, seed: UInt64 = 0) {
    self.samples = samples
    self.noise = noise
    self.statistic = statistic
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...1_000_000).contains(samples) else {
      throw GraphError(.input("SmoothGrad needs 1 to 1000000 samples, found \(samples)"))
    }
    guard noise >= 0, noise.isFinite else {
      throw GraphError(.input("the noise level must be 0 or more, found \(noise)"))
    }
    let path = try RowRunner(subject, rowsPerExample: samples, backward: .gradient)
    return Samples(method: self, path: path, plain: try path.forward(subject, rowsPerExample: 1))
  }

  private struct Samples: Attributor {
    let method: SmoothGrad
    let path: RowRunner
    /// Runs examples without noise.
    let plain: RowRunner

    var batchSize: Int { path.exampleBatchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try path.values(of: inputs, classes: classes), count = classes.count
      let deviations = values.map { $0.rowRanges().map { Float(method.noise) * $0 } }
      let random = RandomNumbers(seed: method.seed)
      // Mean and sum of squared differences from it, after each copy (Welford).
      var means = path.shapes.map { [Double](repeating: 0, count: $0.reduce(1, *) * count) }
      var spreads = means
      try path.forEachBatch(
        of: method.samples, values: values, inputs: inputs, classes: classes
      ) { value, example, point, given, row in
        // A stream of its own for every copy: results do not depend on batches.
        var stream = random.split(first + example).split(point).split(value)
        let deviation = deviations[value][example]
        for i in row.indices { row[i] = given[i] + deviation * Float(stream.normal()) }
      } _: { readings, examples, points in
        for (index, tensor) in readings.gradients.enumerated() {
          let width = path.shapes[index].reduce(1, *)
          tensor.withElements(as: Float.self) { gradients in
            for (row, example) in examples.enumerated() {
              let share = 1 / Double(points[row] + 1)
              for i in 0..<width {
                let g = method.form(Double(gradients[row * width + i])), at = example * width + i
                let difference = g - means[index][at]
                means[index][at] += difference * share
                spreads[index][at] += difference * (g - means[index][at])
              }
            }
          }
        }
      }
      let n = Double(method.samples)
      let found = method.statistic == .variance ? spreads.map { $0.map { $0 / n } } : means
      let errors = spreads.map { $0.map { ($0 / max(n - 1, 1) / n).squareRoot() } }
      func tensors(_ numbers: [[Double]]) -> [Tensor] {
        numbers.indices.map { Tensor(shape: [count] + path.shapes[$0], numbers[$0].map { Float($0) }) }
      }
      return Attribution(
        values: tensors(found), outputs: try plain.outputs(values, inputs: inputs, classes: classes),
        standardErrors: method.statistic == .variance || method.samples < 2 ? nil : tensors(errors))
    }
  }

  private func form(_ derivative: Double) -> Double {
    switch statistic {
    case .mean, .variance: derivative
    case .meanAbsolute: abs(derivative)
    case .meanSquare: derivative * derivative
    }
  }
}

extension Tensor {
  /// The range of each row's float32 elements, from the least to the greatest.
  func rowRanges() -> [Float] {
    let width = shape.dropFirst().reduce(1, *)
    return withElements(as: Float.self) { values in
      (0..<shape[0]).map { row in
        let part = values[row * width..<(row + 1) * width]
        return (part.max() ?? 0) - (part.min() ?? 0)
      }
    }
  }
}
