internal import NoemaAttribution
internal import NoemaConcepts
internal import NoemaTensor

/// The activations of one layer for one batch, brought together as literals ask, each way once.
struct LayerBatch {
  /// The number of examples.
  let count: Int
  private let tensor: Tensor
  private let positions: PositionRows
  private var pooled: [Pooling: Matrix] = [:]
  private var coefficients: [ObjectIdentifier: Matrix] = [:]
  private var answers: [Key: Matrix] = [:]

  private struct Key: Hashable {
    let probe: ObjectIdentifier
    let pooling: Pooling
  }

  /// - Throws: `RuleError.malformed` for activations without an axis of units.
  init(_ tensor: Tensor, at layer: String) throws(RuleError) {
    self.tensor = tensor
    positions = try LayerBatch.positions(of: tensor.shape, at: layer)
    count = tensor.shape[0]
  }

  /// Where units and positions stand in a layer's shape, examples first.
  static func positions(of shape: [Int], at layer: String) throws(RuleError) -> PositionRows {
    do { return try PositionRows(shape) } catch {
      throw RuleError(
        .malformed("its shape is \(shape), expected [examples, units, …] with none of them empty"),
        at: "layer '\(layer)'")
    }
  }

  // MARK: Scores

  /// The score of a literal for each example; presences are 1 and 0.
  mutating func scores(_ literal: ConceptLiteral) throws -> [Double] {
    let scores = try raw(literal.reading)
    guard let cutoff = literal.cutoff else { return scores }
    return scores.map { $0 > cutoff ? 1 : 0 }
  }

  private mutating func raw(_ reading: ConceptLiteral.Reading) throws -> [Double] {
    switch reading {
    case .direction(let direction):
      let weights = direction.weights.map { Double($0) }
      return features(direction.pooling).times(weights).map { direction.scaled($0 + direction.intercept) }
    case .unit(let index, let over):
      let values = features(over == .max ? .max : .mean)
      return (0..<count).map { values[$0, index] }
    case .atom(let index, let dictionary, let over):
      return reduced(try coefficients(dictionary), column: index, over)
    case .answer(let index, let probe, let pooling):
      let key = Key(probe: ObjectIdentifier(probe), pooling: pooling)
      if answers[key] == nil { answers[key] = probe.value.probabilities(features(pooling)) }
      let shares = answers[key]?.elements ?? [], width = probe.value.classes.count
      return (0..<count).map { shares[$0 * width + index] }
    }
  }

  /// A dictionary's coefficients at all positions, examples one after the other.
  private mutating func coefficients(_ dictionary: Shared<any ConceptDictionary>) throws -> Matrix {
    let key = ObjectIdentifier(dictionary)
    if let known = coefficients[key] { return known }
    let found = try dictionary.value.encode(try positions.rows(tensor))
    coefficients[key] = found
    return found
  }

  private func reduced(_ rows: Matrix, column: Int, _ over: ConceptLiteral.Positions) -> [Double] {
    let width = positions.positionCount
    return (0..<count).map { example in
      let values = (example * width..<(example + 1) * width).map { rows[$0, column] }
      return over == .max ? values.max() ?? 0 : values.reduce(0, +) / Double(width)
    }
  }

  // MARK: Features

  /// The features of each example after pooling, `[examples, features]`.
  private mutating func features(_ pooling: Pooling) -> Matrix {
    let pooling = positions.positionCount == 1 ? Pooling.none : pooling
    if let known = pooled[pooling] { return known }
    let found = LayerBatch.features(tensor, positions, pooling)
    pooled[pooling] = found
    return found
  }

  private static func features(_ tensor: Tensor, _ shape: PositionRows, _ pooling: Pooling) -> Matrix {
    let values = tensor.converted(to: .float64).elements(as: Double.self)
    let (examples, places, channels) = (shape.exampleCount, shape.positionCount, shape.channelCount)
    if pooling == .none {
      return Matrix(rowCount: examples, columnCount: places * channels, elements: values)
    }
    var result = Matrix(rowCount: examples, columnCount: channels)
    for example in 0..<examples {
      for channel in 0..<channels {
        var (sum, largest) = (0.0, -Double.infinity)
        for place in 0..<places {
          let offset = shape.hasChannelsLast ? place * channels + channel : channel * places + place
          let value = values[example * places * channels + offset]
          sum += value
          largest = max(largest, value)
        }
        result[example, channel] = pooling == .max ? largest : sum / Double(places)
      }
    }
    return result
  }

  /// Refuses a literal that does not fit the layer.
  ///
  /// - Parameter shape: of the layer for one example.
  /// - Throws: `RuleError` that names the literal, what it reads and what the layer has.
  static func check(_ literal: ConceptLiteral, shape: [Int]) throws(RuleError) {
    let place = "concept '\(literal.name)' at layer '\(literal.layer)'"
    let positions = try LayerBatch.positions(of: [1] + shape, at: literal.layer)
    func require(_ count: Int, _ found: Int, _ what: String) throws(RuleError) {
      guard count == found else {
        throw RuleError(
          .malformed(
            "it reads \(count) \(what), the layer of shape \(shape) has \(found); name the layer that it is of"
          ),
          at: place)
      }
    }
    func width(_ pooling: Pooling) -> Int {
      pooling == .none ? shape.reduce(1, *) : positions.channelCount
    }
    switch literal.reading {
    case .direction(let direction):
      try require(direction.weights.count, width(direction.pooling), "features")
    case .unit(let index, _):
      guard (0..<positions.channelCount).contains(index) else {
        throw RuleError(
          .malformed("there is no unit \(index); the layer has units 0 to \(positions.channelCount - 1)"),
          at: place)
      }
    case .atom(_, let dictionary, _):
      try require(dictionary.value.featureCount, positions.channelCount, "channels")
    case .answer(_, let probe, let pooling):
      try require(probe.value.featureCount, width(pooling), "features")
    }
  }
}
