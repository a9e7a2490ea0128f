internal import NoemaTensor

/// How fast the network recovers when concepts are shown in order of importance, and how fast it fails when they are
/// taken away: smallest sufficient and smallest destroying concepts (SSC, SDC), against orders drawn at random.
///
/// A concept that covers more of the input wins without being understood better, so the share of the input is given
/// beside the number of concepts.
///
/// - Source: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019.
public struct ConceptCurves: Sendable, Hashable, Codable {
  /// Orders drawn at random, each with as many displays as concepts, twice; the least p is one over one more.
  public var randomOrders = 39
  /// The share of the random orders inside the band.
  public var confidence = 0.95
  /// The seed of the orders.
  public var seed: UInt64 = 0

  /// Makes an evaluation with the defaults above.
  public init() {}

  /// Worths from no concept in the order to all of them.
  public struct Curve: Sendable, Hashable, Codable {
    /// The worth after each number of concepts, one more than concepts.
    public let worths: [Double]
    /// The share of the input that those concepts cover.
    public let covered: [Double]
    /// The mean height over the number of concepts.
    public let area: Double
    /// The mean height over the share covered; NaN when nothing is covered.
    public let areaByCover: Double
    /// The worths in the opposite order.
    public let reversed: [Double]
    /// The mean height of the opposite order.
    public let reversedArea: Double
    /// The worths of random orders: mean, and the lower and the upper end of the band.
    public let randomMean, randomLower, randomUpper: [Double]
    /// The areas of random orders.
    public let randomAreas: [Double]
    /// How often a random order does at least as well, the order at hand counted.
    public let p: Double
  }

  /// Both curves.
  public struct Outcome: Sendable, Hashable, Codable {
    /// The order of concepts, the most important first.
    public let order: [Int]
    /// Concepts are added to an empty input; the higher the better.
    public let sufficient: Curve
    /// Concepts are taken from the whole input; the lower the better.
    public let destroying: Curve
  }

  /// Evaluates an order.
  ///
  /// - Parameters:
  ///   - order: all concepts, the most important first.
  ///   - shares: the share of the input that each concept covers, by concept.
  ///   - worth: what the network makes of displays.
  /// - Throws: `ConceptError.parameters` for settings out of range and an order that is none, `.mismatch` when
  ///   shares do not fit, and what asking for worths throws.
  public func callAsFunction(
    order: [Int], shares: [Double], worth: @escaping ConceptWorth
  ) throws -> Outcome {
    guard randomOrders >= 1, confidence > 0, confidence < 1 else {
      throw ConceptError(
        .parameters(
          "curves need 1 or more random orders and a confidence inside (0, 1), found \(randomOrders) and \(confidence)"
        ))
    }
    guard !order.isEmpty, order.sorted() == Array(0..<order.count) else {
      throw ConceptError(.parameters("an order names each concept from 0 once, found \(order)"))
    }
    guard shares.count == order.count, shares.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw ConceptError(
        .mismatch("found shares \(shares) for \(order.count) concepts; give a number of 0 or more for each"))
    }
    var random = RandomNumbers(seed: seed)
    let orders =
      [order, order.reversed()]
      + (0..<randomOrders).map { _ in random.sample(order.count, below: order.count) }
    var worths = KnownWorths(worth)
    return Outcome(
      order: order, sufficient: try curve(orders, shares, &worths, isAdding: true),
      destroying: try curve(orders, shares, &worths, isAdding: false))
  }

  private func curve(
    _ orders: [[Int]], _ shares: [Double], _ worths: inout KnownWorths, isAdding: Bool
  ) throws -> Curve {
    let points = shares.count + 1
    let displays = orders.flatMap { order in
      (0..<points).map { count in
        var shown = [Bool](repeating: !isAdding, count: order.count)
        for concept in order.prefix(count) { shown[concept] = isAdding }
        return ConceptDisplay(shown, showsRest: !isAdding)
      }
    }
    let found = try worths(displays)
    let curves = orders.indices.map { Array(found[($0 * points)..<(($0 + 1) * points)]) }
    let covered = orders[0].reduce(into: [0.0]) { $0.append($0[$0.count - 1] + shares[$1]) }
    let steps = (0..<points).map { Double($0) }
    let area = Self.meanHeight(curves[0], over: steps)
    let drawn = curves.dropFirst(2), areas = drawn.map { Self.meanHeight($0, over: steps) }
    // Equal areas in another order of sums may differ in rounding.
    let slack = 1e-12 * (abs(area) + 1)
    let asGood = areas.count { isAdding ? $0 >= area - slack : $0 <= area + slack }
    let bands = (0..<points).map { point in
      Bootstrap.percentiles(of: drawn.map { $0[point] }, confidence: confidence)
    }
    return Curve(
      worths: curves[0], covered: covered, area: area,
      areaByCover: Self.meanHeight(curves[0], over: covered), reversed: curves[1],
      reversedArea: Self.meanHeight(curves[1], over: steps),
      randomMean: (0..<points).map { point in Statistics.mean(drawn.map { $0[point] }) },
      randomLower: bands.map { $0[0] }, randomUpper: bands.map { $0[1] }, randomAreas: areas,
      p: Double(1 + asGood) / Double(1 + areas.count))
  }

  /// The area under a curve, over the length of its base.
  private static func meanHeight(_ heights: [Double], over places: [Double]) -> Double {
    var sum = 0.0
    for i in 1..<heights.count { sum += (places[i] - places[i - 1]) * (heights[i] + heights[i - 1]) / 2 }
    let length = places[places.count - 1] - places[0]
    return length > 0 ? sum / length : .nan
  }
}
