public import NoemaTensor

/// A two-class problem in Gram space: what a probe is fitted to.
///
/// Labels are coded `t = ±1`; the kernel holds inner products of the training rows and need not be centred.
public struct ProbeProblem: Sendable {
  /// Inner products of the training rows, `n × n`.
  public let kernel: Matrix
  /// Whether each row shows the concept.
  public let isPositive: [Bool]
  /// The weight of each row's loss; 1 unless told otherwise.
  public let weights: [Double]

  /// Makes a problem.
  ///
  /// - Throws: `ConceptError` when extents differ, a class is missing, or weights are not positive.
  public init(kernel: Matrix, isPositive: [Bool], weights: [Double]? = nil) throws(ConceptError) {
    let n = isPositive.count
    let weights = weights ?? Array(repeating: 1, count: n)
    guard kernel.rowCount == n, kernel.columnCount == n, weights.count == n else {
      throw ConceptError(
        .parameters(
          "\(n) labels, \(weights.count) weights and a kernel of \(kernel.rowCount)×\(kernel.columnCount)"))
    }
    let positives = isPositive.count { $0 }
    guard positives > 0 else { throw ConceptError(.tooFew(set: "the positive class", found: 0, needed: 1)) }
    guard positives < n else { throw ConceptError(.tooFew(set: "the negative class", found: 0, needed: 1)) }
    guard weights.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ConceptError(.parameters("weights of examples must be positive and finite"))
    }
    self.kernel = kernel
    self.isPositive = isPositive
    self.weights = weights
  }

  /// Weights that give both classes the same sum: `n / (2 n_class)`.
  public static func balancedWeights(_ isPositive: [Bool]) -> [Double] {
    let n = Double(isPositive.count)
    let positives = Double(isPositive.count { $0 })
    return isPositive.map { n / (2 * ($0 ? positives : n - positives)) }
  }

  /// `±1` for each row.
  var targets: [Double] { isPositive.map { $0 ? 1 : -1 } }
  /// The number of rows.
  var count: Int { isPositive.count }
  /// Weights that sum to one.
  var shares: [Double] {
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  /// The kernel of rows centred by their weighted mean, `H K Hᵀ` with `H = I − 1 πᵀ`.
  func centredKernel() -> Matrix {
    let shares = shares
    let means = kernel.times(shares)
    let grand = zip(shares, means).reduce(0) { $0 + $1.0 * $1.1 }
    var result = kernel
    let n = count
    result.elements.withUnsafeMutableBufferPointer { elements in
      for i in 0..<n { for j in 0..<n { elements[i * n + j] += grand - means[i] - means[j] } }
    }
    return result
  }
}

/// A linear probe by its dual coefficients: the direction is `v = Σ αᵢ xᵢ`, the decision `f(x) = v·x + b`.
public struct DualProbe: Sendable, Hashable {
  /// One coefficient per training row.
  public var alpha: [Double]
  /// The intercept `b`.
  public var intercept: Double

  /// Decisions for rows given by their inner products with the training rows, `m × n`.
  public func scores(_ products: Matrix) -> [Double] { products.times(alpha).map { $0 + intercept } }
}

/// A linear classifier that separates concept examples from others.
public protocol Probe: Sendable {
  /// Fits the probe.
  ///
  /// - Throws: `ConceptError.algebra` when the solver fails.
  func fit(_ problem: ProbeProblem) throws(ConceptError) -> DualProbe

  /// The probe with its penalty chosen on a problem, so that similar problems need not choose again.
  func tuned(on problem: ProbeProblem) throws(ConceptError) -> any Probe
}

extension Probe {
  public func tuned(on problem: ProbeProblem) throws(ConceptError) -> any Probe { self }
}

/// Runs algebra and reports its failure as a concept error.
func solving<Result>(_ what: String, _ body: () throws(TensorError) -> Result) throws(ConceptError) -> Result
{
  do { return try body() } catch { throw ConceptError(.algebra("\(what): \(error.description)")) }
}
