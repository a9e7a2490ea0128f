public import NoemaGraph
public import NoemaTensor

/// A local attribution method: says how much each input element supports a class output.
public protocol AttributionMethod: Sendable {
  /// Attributes one batch.
  ///
  /// - Parameters:
  ///   - inputs: examples, `[n, …]`.
  ///   - classes: the class explained for each example.
  ///   - gradient: the gradient of the class output with respect to the input, at given inputs.
  /// - Returns: attributions shaped like the inputs.
  func attribute(_ inputs: Tensor, classes: [Int], gradient: InputGradient) throws -> Tensor
}

/// Gradients of a class output with respect to a network's input.
public struct InputGradient {
  /// The number of classes.
  public var classCount: Int { hooked.classCount }
  /// The number of examples per batch.
  public var batchSize: Int { hooked.batchSize }
  /// The shape of one example.
  public var inputShape: [Int] { hooked.inputShape }
  private let hooked: HookedNetwork

  /// Compiles the gradient of a network of one input.
  ///
  /// - Throws: `GraphError`, also for networks of several inputs.
  public init(
    _ network: Network, scale: OutputScale = .logit, output: String? = nil, examples: Int,
    memory: Int = 1 << 30,
    shapes: [String: [Int]] = [:], maximumBatch: Int = 32
  ) throws(GraphError) {
    guard network.inputs.count == 1 else {
      throw GraphError(
        .unsupported("attributions of networks with \(network.inputs.count) inputs are not supported"))
    }
    hooked = try HookedNetwork(
      network, layers: [network.inputs[0].name], gradients: 1, scale: scale, output: output,
      examples: examples,
      memory: memory, shapes: shapes, maximumBatch: maximumBatch)
  }

  /// Output and gradient for up to `batchSize` examples.
  public func callAsFunction(
    _ inputs: Tensor, classes: [Int], first: Int = 0
  ) throws -> (output: Tensor, gradient: Tensor) {
    let readings = try hooked.read([inputs], classes: [classes], first: first)
    return (readings.output, readings.gradients[0])
  }
}

/// `∂f/∂x`: the sensitivity of the class output.
///
/// - Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013.
public struct Gradient: AttributionMethod, Hashable, Codable {
  /// Makes the method.
  public init() {}

  public func attribute(_ inputs: Tensor, classes: [Int], gradient: InputGradient) throws -> Tensor {
    try gradient(inputs, classes: classes).gradient
  }
}

/// `x · ∂f/∂x`.
///
/// - Source: Shrikumar et al., "Not Just a Black Box", 2016.
public struct GradientTimesInput: AttributionMethod, Hashable, Codable {
  /// Makes the method.
  public init() {}

  public func attribute(_ inputs: Tensor, classes: [Int], gradient: InputGradient) throws -> Tensor {
    inputs.multiplied(by: try gradient(inputs, classes: classes).gradient)
  }
}

/// `(x − b) · ∫₀¹ ∂f(b + α (x − b))/∂x dα` by Gauss-Legendre quadrature: sums to `f(x) − f(b)`.
///
/// - Source: Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, equation 1.
public struct IntegratedGradients: AttributionMethod, Hashable, Codable {
  /// The number of quadrature points.
  public var steps: Int
  /// The value of every baseline element.
  public var baseline: Float

  /// Makes the method; 50 points from zero unless told otherwise.
  public init(steps: Int = 50, baseline: Float = 0) {
    self.steps = steps
    self.baseline = baseline
  }

  public func attribute(_ inputs: Tensor, classes: [Int], gradient: InputGradient) throws -> Tensor {
    guard steps >= 1, steps <= 10_000 else {
      throw GraphError(.input("integrated gradients need 1 to 10000 steps, found \(steps)"))
    }
    let rule = GaussLegendre(count: steps)
    let size = inputs.count / inputs.shape[0]
    var result = [Float](repeating: 0, count: inputs.count)
    let points = inputs.withElements(as: Float.self) { Array($0) }
    // Points of one example run together in batches.
    for example in 0..<inputs.shape[0] {
      var sum = [Double](repeating: 0, count: size)
      for start in stride(from: 0, to: steps, by: gradient.batchSize) {
        let range = start..<min(start + gradient.batchSize, steps)
        let path = try Tensor(shape: [range.count] + inputs.shape.dropFirst(), elementType: .float32) {
          bytes in
          let rows = bytes.bindMemory(to: Float.self)
          for (row, step) in range.enumerated() {
            let alpha = Float(rule.nodes[step])
            for i in 0..<size {
              rows[row * size + i] = baseline + alpha * (points[example * size + i] - baseline)
            }
          }
        }
        let slope: Tensor
        do {
          slope = try gradient(path, classes: range.map { _ in classes[example] }).gradient
        } catch let error as GraphError {
          // The points of a path are rows of the batch, but all of one example.
          guard case .notFinite(let value, _) = error.kind else { throw error }
          throw GraphError(.notFinite(value: value, example: example), at: error.place)
        }
        slope.withElements(as: Float.self) { rows in
          for (row, step) in range.enumerated() {
            let weight = rule.weights[step]
            for i in 0..<size { sum[i] += weight * Double(rows[row * size + i]) }
          }
        }
      }
      for i in 0..<size {
        result[example * size + i] = Float(sum[i]) * (points[example * size + i] - baseline)
      }
    }
    return Tensor(shape: inputs.shape, result)
  }
}

extension Tensor {
  /// The element-wise product of two float32 tensors of one shape.
  func multiplied(by other: Tensor) -> Tensor {
    withElements(as: Float.self) { a in
      other.withElements(as: Float.self) { b in Tensor(shape: shape, zip(a, b).map { $0 * $1 }) }
    }
  }
}
