internal import NoemaGraph
internal import NoemaTensor

/// The expected class output where random masks show a position, `E[f(x · M) · M(u)] / p`; every channel of
/// the position receives it.
///
/// The paper explains probabilities (`OutputScale.probability`). As the map stands on a pedestal, differences
/// within it count and its sign does not, unless `normalisation` is the covariance.
///
/// - Source: Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
///   2018, equations 5 and 6; masks as in the authors' program.
public struct RISE: AttributionMethod {
  /// How outputs under masks become a map.
  public enum Normalisation: String, Sendable, Hashable, Codable, CaseIterable {
    /// `Σ f M / (N p)`: unbiased, because masks show every position with probability p.
    case probability
    /// `Σ f M / Σ M`, the mean output where a position is shown: exact for a constant output.
    case perPosition = "per-position"
    /// `Σ (f − f̄) M / (N p)`, the covariance of output and visibility over p: no pedestal, less variance.
    case covariance
  }

  /// The number of masks.
  public var samples: Int
  /// The number of cells along each side of a mask.
  public var cells: Int
  /// The probability that a cell is shown.
  public var probability: Double
  /// How outputs become a map.
  public var normalisation: Normalisation
  /// The largest standard error, as a share of the map's range, at which an example needs no more masks; nil
  /// to use all masks. It is looked at after every 50 masks.
  public var precision: Double?
  /// What stands where a mask hides the image.
  public var baseline: Baseline
  /// The seed of the masks, which all examples share.
  public var seed: UInt64

  /// Makes the method; 4,000 masks of 7 × 7 cells, half of them shown, over zero unless told otherwise.
  public init(
    samples: Int = 4_000, cells: Int = 7, probability: Double = 0.5,
    normalisation: Normalisation = .probability, precision: Double? = nil, baseline: Baseline = .zero,
    seed: UInt64 = 0
  ) {
    self.samples = samples
    self.cells = cells
    self.probability = probability
    self.normalisation = normalisation
    self.precision = precision
    self.baseline = baseline
    self.seed = seed
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...10_000_000).contains(samples) else {
      throw GraphError(.input("RISE needs 1 to 10000000 masks, found \(samples)"))
    }
    guard probability > 0, probability < 1 else {
      throw GraphError(
        .input("the probability that RISE shows a cell must lie between 0 and 1, found \(probability)"))
    }
    if let precision, !(precision > 0 && precision.isFinite) {
      throw GraphError(.input("the precision of RISE must be positive, found \(precision)"))
    }
    let runner = try RowRunner(subject, rowsPerExample: samples)
    let layout = try ImageLayout(
      runner.shapes, names: runner.names, isInput: runner.isAtInputs, method: "RISE")
    guard (2...max(2, min(layout.height, layout.width))).contains(cells) else {
      throw GraphError(
        .input(
          "RISE needs 2 cells or more along a side and no more than there are positions, \(layout.height) × "
            + "\(layout.width); found \(cells)"))
    }
    return Masks(
      method: self, runner: runner, layout: layout,
      fill: try baseline.examples(of: runner.shapes, names: runner.names)[0].elements(as: Float.self))
  }

  /// The number of masks between looks at the precision.
  fileprivate static let block = 50

  private struct Masks: Attributor {
    let method: RISE
    let runner: RowRunner
    let layout: ImageLayout
    let fill: [Float]

    var batchSize: Int { runner.batchSize(rowsPerExample: RISE.block) }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let values = try runner.values(of: inputs, classes: classes)
      let outputs = try runner.outputs(values, inputs: inputs, classes: classes)
      let maker = RISEMasks(
        height: layout.height, width: layout.width, cells: method.cells, probability: method.probability,
        seed: method.seed)
      var sums = MaskSums(examples: classes.count, positions: layout.positions)
      var active = Array(classes.indices)
      var found = [MaskMap?](repeating: nil, count: classes.count)
      var remarks: [Int: String] = [:]
      var ahead = ScoredMasks(examples: classes.count, positions: layout.positions)
      while ahead.start < method.samples, !active.isEmpty {
        let block = ahead.start..<min(ahead.start + RISE.block, method.samples)
        while ahead.end < block.upperBound {
          // Whole masks that fill a batch, however many make a block.
          let count = max(1, runner.runner.batchSize / active.count)
          let range = ahead.end..<min(ahead.end + count, method.samples)
          let drawn = draw(maker, range)
          let scores = try scores(drawn, of: active, values, inputs, classes, outputs)
          ahead.append(drawn, scores, of: active)
        }
        let masks = ahead.take(block.count, of: active)
        sums.add(masks.scores, of: active, masks: masks.drawn)
        guard let precision = method.precision, block.upperBound < method.samples, block.lowerBound > 0 else {
          continue
        }
        for example in active {
          let map = sums.map(of: example, offset: outputs[example], method)
          guard map.isPrecise(to: precision) else { continue }
          found[example] = map
          remarks[example] =
            "\(block.upperBound) of \(method.samples) masks gave the precision asked for"
        }
        active.removeAll { found[$0] != nil }
      }
      let maps = classes.indices.map {
        found[$0] ?? sums.map(of: $0, offset: outputs[$0], method)
      }
      func tensor(_ numbers: [[Double]]) -> [Tensor] {
        [numbers.flatMap(layout.spread)].tensors(runner.shapes, examples: classes.count)
      }
      var result = Attribution(values: tensor(maps.map(\.values)), outputs: outputs)
      if method.samples > 1 { result.standardErrors = tensor(maps.map(\.errors)) }
      result.remarks = remarks
      return result
    }

    /// What masks do to the outputs of examples, mask by mask: taken from the whole image's, so that sums of squares
    /// lose no digits.
    private func scores(
      _ drawn: [Float], of active: [Int], _ values: [Tensor], _ inputs: [Tensor], _ classes: [Int],
      _ outputs: [Double]
    ) throws -> [Double] {
      var scores = [Double](repeating: 0, count: drawn.count / layout.positions * active.count)
      try runner.forEachOutput(
        rows: scores.count, values: values, inputs: inputs, classes: classes,
        example: { active[$0 % active.count] }
      ) { _, row, given, target in
        let at = row / active.count * layout.positions
        drawn.withUnsafeBufferPointer { drawn in
          fill.withUnsafeBufferPointer { fill in
            layout.blend(
              UnsafeBufferPointer(rebasing: drawn[at..<at + layout.positions]), given, fill, into: target)
          }
        }
      } _: { row, output in
        scores[row] = output - outputs[active[row % active.count]]
      }
      return scores
    }

    private func draw(_ masks: RISEMasks, _ range: Range<Int>) -> [Float] {
      var drawn = [Float](repeating: 0, count: range.count * layout.positions)
      drawn.withUnsafeMutableBufferPointer { drawn in
        for (place, index) in range.enumerated() {
          masks.write(
            index,
            to: UnsafeMutableBufferPointer(
              rebasing: drawn[place * layout.positions..<(place + 1) * layout.positions]))
        }
      }
      return drawn
    }
  }
}

/// Masks whose scores are known and not summed yet: batches of them are no blocks.
private struct ScoredMasks {
  /// The numbers of the first mask that is here, and of the first that is not.
  private(set) var start = 0, end = 0
  private let positions: Int
  private var drawn: [Float] = []
  /// The scores of each example.
  private var scores: [[Double]]

  init(examples: Int, positions: Int) {
    self.positions = positions
    scores = Array(repeating: [], count: examples)
  }

  /// Takes in masks, with the scores of some examples mask by mask.
  mutating func append(_ drawn: [Float], _ scores: [Double], of examples: [Int]) {
    self.drawn += drawn
    for (index, score) in scores.enumerated() { self.scores[examples[index % examples.count]].append(score) }
    end += drawn.count / positions
  }

  /// Hands over the first masks, with the scores of some examples, one example after the other.
  mutating func take(_ count: Int, of examples: [Int]) -> (drawn: [Float], scores: [Double]) {
    let taken = (Array(drawn.prefix(count * positions)), examples.flatMap { scores[$0].prefix(count) })
    drawn.removeFirst(count * positions)
    for example in examples { scores[example].removeFirst(count) }
    start += count
    return taken
  }
}

/// A map of each position with its standard errors.
private struct MaskMap {
  var values, errors: [Double]

  func isPrecise(to precision: Double) -> Bool {
    let range = (values.max() ?? 0) - (values.min() ?? 0)
    return (errors.max() ?? 0) <= precision * range
  }
}

/// Sums over masks M and outputs t, for each example and position.
private struct MaskSums {
  private let positions: Int
  /// `Σ t M`, `Σ t² M`, `Σ t M²` and `Σ t² M²` of each example.
  private var products: [[[Double]]]
  /// `Σ t` and `Σ t²` of each example.
  private var scores: [(sum: Double, square: Double)]
  /// `Σ M` and `Σ M²`.
  private var shown: [Double], squares: [Double]
  private var count = 0.0

  init(examples: Int, positions: Int) {
    self.positions = positions
    let zeros = [Double](repeating: 0, count: positions)
    products = Array(repeating: Array(repeating: zeros, count: 4), count: examples)
    scores = Array(repeating: (0, 0), count: examples)
    (shown, squares) = (zeros, zeros)
  }

  /// Adds a block of masks, and each example's outputs under them.
  mutating func add(_ outputs: [Double], of examples: [Int], masks: [Float]) {
    let size = masks.count / positions
    var factors = Matrix(rowCount: 1 + 2 * examples.count, columnCount: size)
    for mask in 0..<size { factors[0, mask] = 1 }
    for (place, example) in examples.enumerated() {
      for mask in 0..<size {
        let output = outputs[place * size + mask]
        factors[1 + 2 * place, mask] = output
        factors[2 + 2 * place, mask] = output * output
        scores[example].sum += output
        scores[example].square += output * output
      }
    }
    let plain = Matrix(rowCount: size, columnCount: positions, elements: masks.map { Double($0) })
    let squared = Matrix(
      rowCount: size, columnCount: positions, elements: masks.map { Double($0) * Double($0) })
    for (power, table) in [plain, squared].enumerated() {
      let totals = factors.times(table)
      if power == 0 { Self.add(totals.row(0), to: &shown) } else { Self.add(totals.row(0), to: &squares) }
      for (place, example) in examples.enumerated() {
        Self.add(totals.row(1 + 2 * place), to: &products[example][2 * power])
        Self.add(totals.row(2 + 2 * place), to: &products[example][2 * power + 1])
      }
    }
    count += Double(size)
  }

  private static func add(_ terms: ArraySlice<Double>, to sums: inout [Double]) {
    for (index, term) in terms.enumerated() { sums[index] += term }
  }

  /// The map of an example whose outputs were taken from `offset`.
  func map(of example: Int, offset: Double, _ method: RISE) -> MaskMap {
    let n = count, p = method.probability
    let mean = scores[example].sum / n, meanSquare = scores[example].square / n
    var map = MaskMap(values: shown, errors: shown)
    for u in 0..<positions {
      let m = shown[u] / n, mm = squares[u] / n
      let (tm, ttm) = (products[example][0][u] / n, products[example][1][u] / n)
      let (tmm, ttmm) = (products[example][2][u] / n, products[example][3][u] / n)
      var variance: Double
      switch method.normalisation {
      case .probability:
        let first = tm + offset * m
        map.values[u] = first / p
        variance = (ttmm + 2 * offset * tmm + offset * offset * mm - first * first) / (p * p)
      case .perPosition:
        // Without a mask that shows the position nothing speaks against the mean output.
        let ratio = m > 0 ? tm / m : mean
        map.values[u] = offset + ratio
        // Of a ratio, to first order.
        variance = m > 0 ? (ttmm - 2 * ratio * tmm + ratio * ratio * mm) / (m * m) : meanSquare - mean * mean
      case .covariance:
        let centred = tm - mean * m
        map.values[u] = centred / p
        // E[(t − t̄)² (M − M̄)²], expanded.
        let outer = ttmm - 2 * m * ttm + m * m * meanSquare - 2 * mean * tmm + 4 * mean * m * tm
        variance = (outer + mean * mean * mm - 3 * mean * mean * m * m - centred * centred) / (p * p)
      }
      variance = max(0, variance)
      map.errors[u] = (variance / max(1, n - 1)).squareRoot()
    }
    return map
  }
}
