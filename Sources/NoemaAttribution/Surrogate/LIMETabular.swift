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
///
/// All examples are explained by the same drawn rows. Unless these are drawn around the example, or more than the row
/// decides the output, the network runs on them once.
private final class TabularSampler: SurrogateAttributor {
  let method: LIMETabular
  let runner: RowRunner
  let columns: [TabularColumn]
  private let draws: TabularDraws
  /// Whether drawn rows are the same for all examples, and so are their outputs.
  private let isShared: Bool
  /// The outputs of the drawn rows for all classes, once known.
  private var shared: Tensor?

  /// Elements of designs that are held at once.
  private static let mostElements = 1 << 24

  init(method: LIMETabular, runner: RowRunner, columns: [TabularColumn]) {
    (self.method, self.runner, self.columns) = (method, runner, columns)
    draws = TabularDraws(method, columns)
    isShared = runner.isClosed && !draws.isCentred.contains(true)
  }

  var batchSize: Int {
    let most = max(1, Self.mostElements / method.samples.multipliedCapped(by: max(1, columns.count)))
    return isShared
      ? most : min(most, runner.batchSize(rowsPerExample: method.samples, batches: RowRunner.manyBatches))
  }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let players = Players(elements: runner.shapes)
    return try surrogates(inputs, classes: classes, first: first)
      .attribution(over: classes.map { _ in players }, shapes: runner.shapes)
  }

  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate] {
    let values = try runner.values(of: inputs, classes: classes)
    let instances = classes.indices.map { example in
      zip(values, runner.widths).flatMap { tensor, width in
        tensor.withElements(as: Float.self) { Array($0[example * width..<(example + 1) * width]) }
      }
    }
    let own = try runner.outputs(values, inputs: inputs, classes: classes)
    let drawn =
      isShared
      ? try sharedOutputs(classes)
      : try outputs(around: instances, inputs: inputs, classes: classes)
    let (draws, columns, fit) = (draws, columns, method.fit)
    let kernelWidth = method.kernelWidth ?? 0.75 * Double(columns.count).squareRoot()
    return try Parallel.map(classes.count) { example in
      let codes = zip(columns, instances[example]).map { $0.code(of: $1) }
      let design = draws.design(around: codes), origin = Array(design.row(0))
      let weights = design.squaredDistances(from: origin).map { exp(-$0 / (2 * kernelWidth * kernelWidth)) }
      var surrogate = try LocalSurrogate(
        design, outputs: [own[example]] + drawn[example], weights: weights, fit: fit)
      surrogate.features = zip(columns, instances[example]).map { $0.condition(of: $1) }
      return surrogate
    }
  }

  /// The class outputs of the drawn rows, which are the same for all examples.
  private func sharedOutputs(_ classes: [Int]) throws -> [[Double]] {
    let outputs: Tensor
    if let shared {
      outputs = shared
    } else {
      var parts: [Tensor] = []
      try runner.forEachBatch(
        rows: draws.count, inputs: [], row: { _ in RowRunner.Row(example: 0, target: 0) },
        place: { value, rows, target in draws.place(value, rows, runner.widths, into: target) }
      ) { parts.append($1.output.converted(to: .float32)) }
      outputs = try Tensor.stacked(parts)
      shared = outputs
    }
    let width = outputs.count / draws.count
    return outputs.withElements(as: Float.self) { all in
      let found = Dictionary(
        uniqueKeysWithValues: Set(classes).map { label in
          (label, (0..<draws.count).map { Double(all[$0 * width + label]) })
        })
      return classes.map { found[$0] ?? [] }
    }
  }

  /// The class outputs of the rows drawn for each example.
  private func outputs(
    around instances: [[Float]], inputs: [Tensor], classes: [Int]
  ) throws -> [[Double]] {
    let n = draws.count
    let found = try runner.outputs(
      rows: n * classes.count, inputs: inputs, classes: classes, example: { $0 / n },
      place: { value, rows, target in
        draws.place(value, rows, runner.widths, around: instances, into: target)
      })
    return classes.indices.map { Array(found[$0 * n..<($0 + 1) * n]) }
  }
}

/// Rows drawn column by column, the same for all examples but for columns that are drawn around an example.
private struct TabularDraws: Sendable {
  /// The number of rows.
  let count: Int
  /// Whether the numbers of a column are what is added to an example's.
  let isCentred: [Bool]
  private let isBinary: [Bool]
  /// The numbers, row after row, and what they count as.
  private let numbers: [Float]
  private let codes: [Double]

  init(_ method: LIMETabular, _ columns: [TabularColumn]) {
    count = method.samples - 1
    isBinary = columns.map(\.isBinary)
    isCentred = columns.map { !$0.isBinary && method.samplesAroundInstance }
    let width = columns.count
    var numbers = [Float](repeating: 0, count: count * width)
    var codes = [Double](repeating: 0, count: count * width)
    // Each column has a stream of its own.
    for (place, column) in columns.enumerated() {
      var random = RandomNumbers(seed: method.seed).split(place)
      for row in 0..<count {
        let drawn = column.draw(isCentred: isCentred[place], &random)
        (numbers[row * width + place], codes[row * width + place]) = (drawn.number, drawn.code)
      }
    }
    (self.numbers, self.codes) = (numbers, codes)
  }

  /// Writes an attributed value's elements of some rows: of the first example those from 0 on, and so forth.
  func place(
    _ value: Int, _ rows: Range<Int>, _ widths: [Int], around instances: [[Float]] = [],
    into target: UnsafeMutableBufferPointer<Float>
  ) {
    let width = widths[value], all = isBinary.count, offset = widths[..<value].reduce(0, +)
    numbers.withUnsafeBufferPointer { source in
      for row in rows {
        let from = row % count * all + offset, to = (row - rows.lowerBound) * width
        for i in 0..<width { target[to + i] = source[from + i] }
        guard !instances.isEmpty else { continue }
        for i in 0..<width where isCentred[offset + i] {
          target[to + i] += instances[row / count][offset + i]
        }
      }
    }
  }

  /// The features of an example and of the rows.
  ///
  /// - Parameter instance: what the example's numbers count as.
  func design(around instance: [Double]) -> Matrix {
    let width = instance.count
    var design = Matrix(rowCount: count + 1, columnCount: width)
    for place in 0..<width { design[0, place] = isBinary[place] ? 1 : instance[place] }
    // A feature is `a · [code = instance] + b · code + c`.
    let same = isBinary.map { $0 ? 1.0 : 0 }, own = isBinary.map { $0 ? 0.0 : 1 }
    let shift = isCentred.indices.map { isCentred[$0] ? instance[$0] : 0 }
    design.elements.withUnsafeMutableBufferPointer { elements in
      codes.withUnsafeBufferPointer { codes in
        for row in 0..<count {
          let from = row * width, to = from + width
          for i in 0..<width {
            let code = codes[from + i]
            elements[to + i] = (code == instance[i] ? same[i] : 0) + own[i] * code + shift[i]
          }
        }
      }
    }
    return design
  }
}

extension Matrix {
  /// The squared Euclidean distance of each row from a point.
  fileprivate func squaredDistances(from point: [Double]) -> [Double] {
    elements.withUnsafeBufferPointer { elements in
      (0..<rowCount).map { row in
        var sum = 0.0
        for column in 0..<columnCount {
          let difference = elements[row * columnCount + column] - point[column]
          sum += difference * difference
        }
        return sum
      }
    }
  }
}
