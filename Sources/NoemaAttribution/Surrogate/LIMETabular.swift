internal import Foundation
internal import NoemaGraph
public import NoemaTensor

/// A local linear model over rows drawn column by column from a training set.
///
/// With a discretiser the features are conditions, such as `2.5 < petal length ≤ 3.9`, that a drawn row meets
/// or not; a coefficient is what meeting the condition adds to the output. Without, features are standardised
/// values. Columns are the elements of all attributed values, one after the other, and are drawn
/// independently of each other.
///
/// - Source: Ribeiro et al., "Why Should I Trust You?", 2016; defaults of the lime library.
public struct LIMETabular: AttributionMethod {
  /// How numbers become conditions.
  public enum Discretiser: Sendable, Hashable {
    /// Not at all.
    case none
    /// At the quartiles of each column.
    case quartiles
    /// At the deciles of each column.
    case deciles
    /// Where a decision tree of depth 3 splits each column to tell the training rows' classes apart; at the
    /// median where it finds no split.
    case entropy(labels: [Int])
  }

  /// The training rows, one tensor `[k, …]` per attributed value.
  public var training: [Tensor]
  /// The columns whose numbers are categories.
  public var categorical: Set<Int>
  /// How numbers become conditions.
  public var discretiser: Discretiser
  /// Whether numbers that are not discretised are drawn around the example instead of the training mean.
  public var samplesAroundInstance: Bool
  /// The number of rows, the example itself included.
  public var samples: Int
  /// The distance at which weights have fallen to `e^−½`; nil for `0.75 √columns`.
  public var kernelWidth: Double?
  /// How rows become a local model.
  public var fit: LocalFit
  /// The columns' names; the values' names with an index when empty.
  public var names: [String]
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; 5000 rows, conditions at quartiles and up to 10 features unless told otherwise.
  public init(
    training: [Tensor], categorical: Set<Int> = [], discretiser: Discretiser = .quartiles,
    samplesAroundInstance: Bool = false, samples: Int = 5000, kernelWidth: Double? = nil,
    fit: LocalFit = LocalFit(features: 10), names: [String] = [], seed: UInt64 = 0
  ) {
    (self.training, self.categorical, self.discretiser) = (training, categorical, discretiser)
    (self.samplesAroundInstance, self.names) = (samplesAroundInstance, names)
    (self.samples, self.kernelWidth, self.fit, self.seed) = (samples, kernelWidth, fit, seed)
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try surrogates(for: subject) }

  /// Compiles the method for a network, to give local models.
  ///
  /// - Throws: `GraphError` as compiling does.
  public func surrogates(for subject: Subject) throws -> any SurrogateAttributor {
    try checkSampling("LIME", samples: samples, kernelWidth: kernelWidth)
    try fit.check()
    let runner = try RowRunner(subject, rowsPerExample: samples)
    let references = try training.references(of: runner.shapes, names: runner.names)
    let width = runner.widths.reduce(0, +)
    if let column = categorical.first(where: { !(0..<width).contains($0) }) {
      throw GraphError(.input("column \(column) is to hold categories, but there are \(width) columns"))
    }
    guard names.isEmpty || names.count == width else {
      throw GraphError(.input("expected \(width) column names, found \(names.count)"))
    }
    let rowCount = references[0].shape[0]
    if case .entropy(let labels) = discretiser, labels.count != rowCount {
      throw GraphError(
        .input("expected \(rowCount) labels, one for each training row; found \(labels.count)"))
    }
    var columns: [TabularColumn] = []
    for (value, tensor) in references.enumerated() {
      for element in 0..<runner.widths[value] {
        let width = runner.widths[value]
        let numbers = tensor.withElements(as: Float.self) { all in
          (0..<rowCount).map { all[$0 * width + element] }
        }
        let name =
          names.isEmpty ? "\(runner.names[value])[\(element)]" : names[columns.count]
        columns.append(
          TabularColumn(numbers, name: name, isCategorical: categorical.contains(columns.count), discretiser))
      }
    }
    return TabularSampler(method: self, runner: runner, columns: columns)
  }
}

/// LIME for tables compiled for a network.
private struct TabularSampler: SurrogateAttributor {
  let method: LIMETabular
  let runner: RowRunner
  let columns: [TabularColumn]

  /// Elements of drawn rows that are held at once.
  private static let mostElements = 1 << 24

  var batchSize: Int {
    min(
      runner.batchSize(rowsPerExample: method.samples, batches: RowRunner.manyBatches),
      max(1, Self.mostElements / method.samples.multipliedCapped(by: max(1, columns.count))))
  }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let players = Players(elements: runner.shapes)
    return try surrogates(inputs, classes: classes, first: first)
      .attribution(over: classes.map { _ in players }, shapes: runner.shapes)
  }

  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate] {
    let values = try runner.values(of: inputs, classes: classes), widths = runner.widths
    let n = method.samples, random = RandomNumbers(seed: method.seed)
    let instances = classes.indices.map { example in
      zip(values, widths).flatMap { tensor, width in
        tensor.withElements(as: Float.self) { Array($0[example * width..<(example + 1) * width]) }
      }
    }
    let drawn = instances.enumerated().map { draw(around: $1, random.split(first + $0)) }
    let offsets = widths.indices.map { widths[..<$0].reduce(0, +) }
    let outputs = try runner.outputs(
      rows: n * classes.count, inputs: inputs, classes: classes, example: { $0 / n },
      place: { value, rows, target in
        let width = widths[value]
        for row in rows {
          drawn[row / n].rows.withUnsafeBufferPointer { source in
            let from = row % n * columns.count + offsets[value], to = (row - rows.lowerBound) * width
            for i in 0..<width { target[to + i] = source[from + i] }
          }
        }
      })
    let kernelWidth = method.kernelWidth ?? 0.75 * Double(columns.count).squareRoot()
    return try classes.indices.map { example in
      let design = drawn[example].design, origin = Array(design.row(0))
      let weights = (0..<n).map { row in
        let square = zip(design.row(row), origin).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return exp(-square / (2 * kernelWidth * kernelWidth))
      }
      var surrogate = try LocalSurrogate(
        design, outputs: Array(outputs[example * n..<(example + 1) * n]), weights: weights, fit: method.fit)
      surrogate.features = zip(columns, instances[example]).map { $0.condition(of: $1) }
      return surrogate
    }
  }

  /// The example and rows drawn column by column: what the network gets, and the features.
  private func draw(around instance: [Float], _ stream: RandomNumbers) -> (rows: [Float], design: Matrix) {
    var random = stream
    var rows = instance
    rows.reserveCapacity(method.samples * columns.count)
    var design = Matrix(rowCount: method.samples, columnCount: columns.count)
    for (place, column) in columns.enumerated() {
      design[0, place] = column.feature(instance[place], of: instance[place])
    }
    for row in 1..<method.samples {
      for (place, column) in columns.enumerated() {
        let (number, feature) = column.draw(
          around: instance[place], isCentred: method.samplesAroundInstance, &random)
        rows.append(number)
        design[row, place] = feature
      }
    }
    return (rows, design)
  }
}
