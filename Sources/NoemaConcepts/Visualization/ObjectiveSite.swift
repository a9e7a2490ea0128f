internal import Glibc
internal import NoemaTensor

/// What an input is made to maximise, at one layer.
public struct VisualizationTarget: Sendable, Hashable {
  /// A unit, or a direction.
  public enum Direction: Sendable, Hashable {
    /// A channel, a feature or a class, by index.
    case unit(Int)
    /// As long as the layer has channels, or elements: a CAV, a component, a row of weights.
    case vector([Float])
  }

  /// Where a channel is looked at.
  public enum Place: Sendable, Hashable {
    /// The mean over all positions.
    case mean
    /// The position in the middle.
    case centre
    /// One position: row and column, or the token.
    case position([Int])
  }

  /// What it is called.
  public var name: String
  /// The unit or the direction.
  public var direction: Direction
  /// Where it is looked at; directions as long as the whole layer name all positions.
  public var place = Place.mean
  /// The power p of `⟨a, v⟩ max(0.1, cos(a, v))ᵖ`, which keeps an input from winning by length alone; 0 for `⟨a, v⟩`.
  public var cosinePower = 0.0
  /// Whether the least is looked for instead: what suppresses the unit.
  public var isMinimised = false

  /// Names what is maximised.
  public init(_ name: String, _ direction: Direction, place: Place = .mean) {
    (self.name, self.direction, self.place) = (name, direction, place)
  }
}

/// A target laid over the elements of its layer.
struct ObjectiveSite: Sendable {
  /// `v`, and the offsets at which it is held against the layer, one list of elements a position.
  private let vector: [Float]
  private let positions: [[Int]]
  private let cosinePower: Double
  private let sign: Double

  /// Whether the derivative is the same wherever the layer is.
  var isLinear: Bool { cosinePower == 0 }

  /// - Throws: `ConceptError.parameters` for units, positions and directions that the layer does not have.
  init(_ target: VisualizationTarget, layout: ActivationLayout) throws(ConceptError) {
    func fail(_ text: String) -> ConceptError { ConceptError(.parameters(text), at: target.name) }
    guard target.cosinePower >= 0, target.cosinePower.isFinite else {
      throw fail("the power of the cosine is 0 or more, found \(target.cosinePower)")
    }
    cosinePower = target.cosinePower
    sign = target.isMinimised ? -1 : 1
    if case .vector(let values) = target.direction {
      guard values.allSatisfy({ $0.isFinite }), values.contains(where: { $0 != 0 }) else {
        throw fail("a direction needs finite elements that are not all 0")
      }
      guard values.count == layout.channels || values.count == layout.count else {
        throw fail(
          "the direction has \(values.count) elements; layer of shape \(layout.shape) takes \(layout.channels), one a "
            + "channel, or \(layout.count)")
      }
      if values.count == layout.count, layout.positions > 1 {
        (vector, positions) = (values, [Array(0..<layout.count)])
        return
      }
    }
    let chosen = try layout.chosen(target.place, at: target.name)
    switch target.direction {
    case .vector(let values):
      vector = values
      positions = chosen.map { position in (0..<values.count).map { layout.offset($0, position) } }
    case .unit(let unit):
      guard (0..<layout.channels).contains(unit) else {
        throw fail(
          "there is no unit \(unit); the layer of shape \(layout.shape) has 0 to \(layout.channels - 1)")
      }
      // The cosine needs the other channels, too.
      let others = cosinePower > 0 ? Array(0..<layout.channels) : [unit]
      vector = others.map { $0 == unit ? 1 : 0 }
      positions = chosen.map { position in others.map { layout.offset($0, position) } }
    }
  }

  /// The objective, and the derivative of it (or of its negative) by the layer's elements.
  ///
  /// - Parameter gradient: zeros, to be filled.
  func evaluate(
    _ values: UnsafeBufferPointer<Float>, gradient: UnsafeMutableBufferPointer<Float>
  ) -> Double {
    let share = 1 / Double(positions.count)
    let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    var sum = 0.0
    for offsets in positions {
      var (product, squares) = (0.0, 0.0)
      for (weight, offset) in zip(vector, offsets) {
        product += Double(weight) * Double(values[offset])
        squares += Double(values[offset]) * Double(values[offset])
      }
      guard cosinePower > 0 else {
        sum += product
        for (weight, offset) in zip(vector, offsets) { gradient[offset] += Float(sign * share) * weight }
        continue
      }
      let cosine = squares > 0 ? product / (squares.squareRoot() * length) : 0
      let factor = pow(max(Self.leastCosine, cosine), cosinePower)
      sum += product * factor
      let isOpen = cosine > Self.leastCosine
      let along = sign * share * factor * (isOpen ? 1 + cosinePower : 1)
      let back = isOpen ? sign * share * factor * cosinePower * product / squares : 0
      for (weight, offset) in zip(vector, offsets) {
        gradient[offset] += Float(along * Double(weight) - back * Double(values[offset]))
      }
    }
    return sum * share
  }

  /// Below it the cosine does not count, so that there is a way up from the far side.
  private static let leastCosine = 0.1
}

/// How channels and positions lie in a layer's elements for one example.
struct ActivationLayout: Sendable, Hashable {
  let shape: [Int]
  let channels, positions: Int
  /// Sequences have their features last.
  private let isChannelsLast: Bool

  /// Features, tokens × features, or channels × positions along further axes.
  init(_ shape: [Int]) {
    self.shape = shape
    isChannelsLast = shape.count == 2
    channels = shape.isEmpty ? 1 : isChannelsLast ? shape[1] : shape[0]
    positions = shape.reduce(1, *) / max(1, channels)
  }

  var count: Int { channels * positions }
  /// The extents of the positions.
  private var extents: [Int] { isChannelsLast ? [shape[0]] : Array(shape.dropFirst()) }

  func offset(_ channel: Int, _ position: Int) -> Int {
    isChannelsLast ? position * channels + channel : channel * positions + position
  }

  /// The positions that a place names.
  func chosen(_ place: VisualizationTarget.Place, at name: String) throws(ConceptError) -> [Int] {
    switch place {
    case .mean: return Array(0..<positions)
    case .centre: return [flat(extents.map { $0 / 2 })]
    case .position(let indices):
      guard !extents.isEmpty else {
        throw ConceptError(
          .parameters("the layer of shape \(shape) has no positions; leave the position out"), at: name)
      }
      guard indices.count == extents.count, zip(indices, extents).allSatisfy({ $0 >= 0 && $0 < $1 }) else {
        throw ConceptError(
          .parameters("position \(indices) does not lie in the layer's \(extents)"), at: name)
      }
      return [flat(indices)]
    }
  }

  private func flat(_ indices: [Int]) -> Int { zip(indices, extents).reduce(0) { $0 * $1.1 + $1.0 } }

  /// The elements as channels × positions.
  func matrix(_ values: UnsafeBufferPointer<Float>) -> Matrix {
    var result = Matrix(rowCount: channels, columnCount: positions)
    for channel in 0..<channels {
      for position in 0..<positions { result[channel, position] = Double(values[offset(channel, position)]) }
    }
    return result
  }
}
