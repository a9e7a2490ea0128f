internal import NoemaGraph
public import NoemaTensor

/// A linear model that stands for a network near one example.
public struct LocalSurrogate: Sendable {
  /// The coefficient of every feature; 0 for those that were not chosen.
  public var coefficients: [Double]
  /// Standard errors of the coefficients over draws of perturbed examples, for the features chosen; nil where
  /// nothing is drawn.
  public var standardErrors: [Double]?
  /// The constant.
  public var intercept: Double
  /// The weighted R² over the perturbed examples: how much of the network's output the model explains. 0
  /// where the output does not vary.
  public var score: Double
  /// What the model gives for the example.
  public var prediction: Double
  /// What the network gives for the example.
  public var output: Double
  /// Whether the output was the same for all perturbed examples, so that there is nothing to explain.
  public var isConstant = false
  /// What each feature says, such as `2.5 < petal length ≤ 3.9`, for features that mean the same in other
  /// examples; empty where they do not.
  public var features: [String] = []
  /// The weight of each training example, of methods that fit to a training set; empty for others.
  public var neighbours: [Double] = []

  /// The features in order of the magnitude of their coefficients, those of 0 left out.
  public var ranking: [Int] {
    coefficients.indices.filter { coefficients[$0] != 0 }.sorted {
      let (a, b) = (abs(coefficients[$0]), abs(coefficients[$1]))
      return a != b ? a > b : $0 < $1
    }
  }
}

/// A method of local surrogates compiled for a network: gives the models themselves besides attributions.
public protocol SurrogateAttributor: Attributor {
  /// The local model of each of up to `batchSize` examples.
  ///
  /// - Parameters: as of `attribute`.
  /// - Throws: as `attribute` does.
  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate]
}

extension LocalSurrogate {
  /// What is to be said about a model: how well it fits.
  var remark: String {
    isConstant
      ? "the output does not change under perturbation"
      : "the local model explains R² = \(short(score)) of the output"
  }

  /// Fits a model to perturbed examples.
  ///
  /// - Parameters:
  ///   - design: a row of features for each, the example itself first.
  ///   - outputs: what the network gives for each.
  ///   - weights: how much each counts.
  init(_ design: Matrix, outputs: [Double], weights: [Double], fit: LocalFit) throws {
    let system = try CentredSystem(design, targets: outputs, weights: weights)
    let instance = Array(design.row(0))
    let columns =
      system.isConstant ? [] : try fit.selection.columns(fit.features, of: system, instance: instance)
    let found = try system.fit(penalty: fit.penalty, columns: columns)
    var coefficients = [Double](repeating: 0, count: design.columnCount), errors = coefficients
    for (place, column) in columns.enumerated() {
      (coefficients[column], errors[column]) = (found.coefficients[place], found.standardErrors[place])
    }
    self.init(
      coefficients: coefficients, standardErrors: errors, intercept: found.intercept, score: found.score,
      prediction: found.intercept + zip(coefficients, instance).reduce(0) { $0 + $1.0 * $1.1 },
      output: outputs[0], isConstant: system.isConstant)
  }
}

extension [LocalSurrogate] {
  /// Attributions of coefficients: each element has that of its feature.
  func attribution(over players: [Players], shapes: [[Int]], share: FeatureGroups.Share = .whole)
    -> Attribution
  {
    func tensors(_ numbers: [[Double]]) -> [Tensor] {
      Players.spread(numbers, over: players, shapes: shapes, share: share)
    }
    let errors = compactMap(\.standardErrors)
    var attribution = Attribution(
      values: tensors(map(\.coefficients)), outputs: map(\.output),
      standardErrors: errors.count == count ? tensors(errors) : nil)
    for (example, surrogate) in enumerated() { attribution.remarks[example] = surrogate.remark }
    return attribution
  }
}

extension LocalFit {
  /// Refuses parameters out of range.
  func check() throws(GraphError) {
    guard features >= 1 else {
      throw GraphError(.input("a local model needs 1 or more features, found \(features)"))
    }
    guard penalty >= 0, penalty.isFinite else {
      throw GraphError(.input("the ridge penalty must be 0 or more, found \(penalty)"))
    }
  }
}

/// Refuses numbers of samples and kernel widths out of range.
func checkSampling(_ method: String, samples: Int, kernelWidth: Double?) throws(GraphError) {
  guard (2...10_000_000).contains(samples) else {
    throw GraphError(.input("\(method) needs 2 to 10000000 samples, found \(samples)"))
  }
  if let kernelWidth, !(kernelWidth > 0 && kernelWidth.isFinite) {
    throw GraphError(.input("the kernel width must be positive, found \(kernelWidth)"))
  }
}
