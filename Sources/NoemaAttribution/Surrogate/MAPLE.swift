internal import NoemaGraph
public import NoemaTensor

/// Local linear models weighted by a random forest: training rows count as often as they share leaves with
/// the example.
///
/// The forest learns the network's output on the training rows, once per class. Features are ranked by the
/// forest's first splits, and as many are used as predict validation rows best. Attributions are the
/// coefficients.
///
/// Features should be of one scale: the ridge penalty treats all alike.
///
/// - Complexity: forests and the choice of features are paid once per class; `rows · features² + features³`
///   for each validation row.
/// - Source: Plumb, Molitor and Talwalkar, "Model Agnostic Supervised Local Explanations", 2018.
public struct MAPLE: AttributionMethod {
  /// How a tree's first split counts for its feature.
  public enum Importance: String, Sendable, Hashable, Codable, CaseIterable {
    /// The variance ahead of the split, as in the authors' program.
    case impurity
    /// What the split takes off the variance, as in the paper.
    case reduction
  }

  /// The training rows, one tensor `[k, …]` per attributed value.
  public var training: [Tensor]
  /// The rows that the number of features is chosen on; a fifth of the training rows, then left out of these,
  /// when empty.
  public var validation: [Tensor]
  /// The number of trees.
  public var trees: Int
  /// The share of features that each split chooses from.
  public var featureShare: Double
  /// The least number of rows in a leaf.
  public var smallestLeaf: Int
  /// How a tree's first split counts for its feature.
  public var importance: Importance
  /// The ridge penalty, against weights that sum to the number of trees.
  public var penalty: Double
  /// The seed of the forest.
  public var seed: UInt64

  /// Makes the method; 200 trees, half of the features, leaves of 10 rows and a penalty of 0.001 unless told
  /// otherwise.
  public init(
    training: [Tensor], validation: [Tensor] = [], trees: Int = 200, featureShare: Double = 0.5,
    smallestLeaf: Int = 10, importance: Importance = .impurity, penalty: Double = 0.001, seed: UInt64 = 0
  ) {
    self.training = training
    self.validation = validation
    self.trees = trees
    self.featureShare = featureShare
    self.smallestLeaf = smallestLeaf
    self.importance = importance
    self.penalty = penalty
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try surrogates(for: subject) }

  /// Compiles the method for a network, to give local models and the training rows' weights.
  ///
  /// - Throws: `GraphError` as compiling does.
  public func surrogates(for subject: Subject) throws -> any SurrogateAttributor {
    try check()
    let runner = try RowRunner(subject, rowsPerExample: 1)
    guard runner.isClosed else {
      throw GraphError(
        .unsupported(
          "MAPLE runs training rows, which have to hold all inputs; attribute to all inputs together"))
    }
    var rows = try runner.joined(training)
    var held: Matrix
    if validation.isEmpty {
      var random = RandomNumbers(seed: seed).split(-1)
      let order = random.sample(rows.rowCount, below: rows.rowCount), count = max(1, rows.rowCount / 5)
      guard rows.rowCount > 1 else {
        throw GraphError(.input("MAPLE needs 2 or more training rows, found 1"))
      }
      let all = Array(0..<rows.columnCount)
      held = rows.selecting(rows: order.prefix(count).sorted(), columns: all)
      rows = rows.selecting(rows: order.dropFirst(count).sorted(), columns: all)
    } else {
      held = try runner.joined(validation)
    }
    return ForestAttributor(
      method: self, runner: runner, rows: rows, outputs: try runner.outputs(of: rows), held: held,
      heldOutputs: try runner.outputs(of: held))
  }

  private func check() throws(GraphError) {
    guard (1...100_000).contains(trees), smallestLeaf >= 1 else {
      throw GraphError(
        .input(
          "MAPLE needs 1 to 100000 trees of leaves of 1 or more rows, found \(trees) and \(smallestLeaf)"))
    }
    guard featureShare > 0, featureShare <= 1 else {
      throw GraphError(.input("the share of features must be above 0 and up to 1, found \(featureShare)"))
    }
    guard penalty > 0, penalty.isFinite else {
      throw GraphError(.input("the ridge penalty must be positive, found \(penalty)"))
    }
  }
}

/// MAPLE compiled for a network; the forest of a class is grown when it is first asked for.
private final class ForestAttributor: SurrogateAttributor {
  let method: MAPLE
  let runner: RowRunner
  let rows, outputs, held, heldOutputs: Matrix
  private var models: [Int: ForestModel] = [:]

  init(
    method: MAPLE, runner: RowRunner, rows: Matrix, outputs: Matrix, held: Matrix, heldOutputs: Matrix
  ) {
    (self.method, self.runner) = (method, runner)
    (self.rows, self.outputs, self.held, self.heldOutputs) = (rows, outputs, held, heldOutputs)
  }

  var batchSize: Int { runner.batchSize(rowsPerExample: 1, batches: RowRunner.manyBatches) }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let players = Players(elements: runner.shapes)
    return try surrogates(inputs, classes: classes, first: first)
      .attribution(over: classes.map { _ in players }, shapes: runner.shapes)
  }

  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate] {
    let points = runner.sideBySide(try runner.values(of: inputs, classes: classes))
    let given = try runner.outputs(of: points)
    return try classes.enumerated().map { example, target in
      try model(of: target).surrogate(
        at: Array(points.row(example)), output: given[example, target], names: names)
    }
  }

  private var names: [String] {
    zip(runner.names, runner.widths).flatMap { name, width in (0..<width).map { "\(name)[\($0)]" } }
  }

  private func model(of target: Int) throws -> ForestModel {
    if let known = models[target] { return known }
    let made = try ForestModel(
      method, rows: rows, targets: outputs.column(target), held: held, heldTargets: heldOutputs.column(target)
    )
    models[target] = made
    return made
  }
}

/// The forest of one class, and the features that local models use.
private struct ForestModel {
  let rows: Matrix
  let targets: [Double]
  let penalty: Double
  let forest: RegressionForest
  /// The training rows in each leaf of each tree.
  private let leaves: [[Int: [Int]]]
  /// The features that local models use, the most important first.
  private(set) var features: [Int] = []

  init(_ method: MAPLE, rows: Matrix, targets: [Double], held: Matrix, heldTargets: [Double]) throws {
    (self.rows, self.targets, penalty) = (rows, targets, method.penalty)
    let forest = RegressionForest(
      rows, targets: targets, trees: method.trees, share: method.featureShare,
      smallestLeaf: method.smallestLeaf, random: RandomNumbers(seed: method.seed))
    self.forest = forest
    leaves = forest.trees.map { tree in
      Dictionary(grouping: 0..<rows.rowCount) { tree.leaf(of: rows.row($0)) }
    }
    var scores = [Double](repeating: 0, count: rows.columnCount)
    for tree in forest.trees where tree.features[0] >= 0 {
      scores[tree.features[0]] += method.importance == .impurity ? tree.rootImpurity : tree.rootReduction
    }
    let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    features = Array(order.prefix(try bestCount(order, held, heldTargets)))
  }

  /// How often each training row shares a leaf with a point, each leaf counting 1 in all.
  func weights(at point: [Double]) -> [Double] {
    var weights = [Double](repeating: 0, count: rows.rowCount)
    for (tree, leaves) in zip(forest.trees, leaves) {
      let members = leaves[tree.leaf(of: point)] ?? []
      for row in members { weights[row] += 1 / Double(members.count) }
    }
    return weights
  }

  /// The number of leading features whose local models predict the held rows best.
  private func bestCount(_ order: [Int], _ held: Matrix, _ heldTargets: [Double]) throws -> Int {
    var errors = [Double](repeating: 0, count: order.count)
    for (row, target) in heldTargets.enumerated() {
      let point = order.map { held[row, $0] }
      let system = try system(at: Array(held.row(row)), columns: order)
      let parts = LeadingRidge.predictions(
        gram: system.gram, moments: system.moments, penalty: penalty,
        at: zip(point, system.means).map { $0 - $1 })
      for (place, part) in parts.enumerated() {
        let error = system.targetMean + part - target
        errors[place] += error * error
      }
    }
    // The first minimum, but for what rounding decides.
    let least = errors.min() ?? 0
    return (errors.firstIndex { $0 <= least * (1 + 1e-9) + 1e-300 } ?? 0) + 1
  }

  /// The normal equations at a point, over the rows that count there.
  private func system(at point: [Double], columns: [Int]) throws -> CentredSystem {
    let weights = weights(at: point)
    let near = weights.indices.filter { weights[$0] > 0 }
    return try CentredSystem(
      rows.selecting(rows: near, columns: columns), targets: near.map { targets[$0] },
      weights: near.map { weights[$0] })
  }

  /// The local model at a point.
  func surrogate(at point: [Double], output: Double, names: [String]) throws -> LocalSurrogate {
    let system = try system(at: point, columns: features)
    let fit = try system.fit(penalty: penalty, columns: Array(features.indices))
    var coefficients = [Double](repeating: 0, count: point.count)
    for (feature, coefficient) in zip(features, fit.coefficients) { coefficients[feature] = coefficient }
    return LocalSurrogate(
      coefficients: coefficients, intercept: fit.intercept, score: fit.score,
      prediction: fit.intercept + zip(coefficients, point).reduce(0) { $0 + $1.0 * $1.1 }, output: output,
      isConstant: system.isConstant, features: names, neighbours: weights(at: point))
  }
}

extension RowRunner {
  /// Rows of a training set, their values side by side.
  ///
  /// - Throws: `GraphError` for shapes that do not fit and values that are not finite.
  fileprivate func joined(_ tensors: [Tensor]) throws -> Matrix {
    sideBySide(try tensors.references(of: shapes, names: names))
  }

  /// Rows of the attributed values side by side.
  fileprivate func sideBySide(_ values: [Tensor]) -> Matrix {
    let count = values[0].shape[0], width = widths.reduce(0, +)
    var matrix = Matrix(rowCount: count, columnCount: width), offset = 0
    for (tensor, own) in zip(values, widths) {
      tensor.withElements(as: Float.self) { elements in
        for row in 0..<count {
          for i in 0..<own { matrix[row, offset + i] = Double(elements[row * own + i]) }
        }
      }
      offset += own
    }
    return matrix
  }

  /// The outputs of all classes for rows of the attributed values, `rows × classes`.
  fileprivate func outputs(of rows: Matrix) throws -> Matrix {
    var result = Matrix(rowCount: rows.rowCount, columnCount: classCount)
    let offsets = widths.indices.map { widths[..<$0].reduce(0, +) }
    try forEachBatch(
      rows: rows.rowCount, inputs: [], row: { Row(example: $0, target: 0) },
      place: { value, range, target in
        let width = widths[value]
        for row in range {
          for i in 0..<width {
            target[(row - range.lowerBound) * width + i] = Float(rows[row, offsets[value] + i])
          }
        }
      }
    ) { range, readings in
      readings.output.converted(to: .float64).withElements(as: Double.self) { scores in
        for (place, score) in scores.enumerated() {
          result.elements[range.lowerBound * classCount + place] = score
        }
      }
    }
    return result
  }
}

extension Matrix {
  /// One column.
  fileprivate func column(_ index: Int) -> [Double] { (0..<rowCount).map { self[$0, index] } }
}
