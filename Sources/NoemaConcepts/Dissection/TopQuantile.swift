public import NoemaTensor

/// The value that a unit exceeds at a given share of all positions of a data set, found exactly in one pass.
///
/// Only the largest values of each unit are kept, as many as the quantile needs. Should they not fit into memory, the
/// same random positions are looked at for all units, as many as fit.
public struct TopQuantile: Sendable {
  /// The share of positions above the threshold.
  public let share: Double
  /// The number of units.
  public let unitCount: Int
  /// The positions of each unit that were given.
  public private(set) var positionCount = 0
  /// The positions of each unit that were looked at; fewer than were given when memory did not suffice.
  public private(set) var sampledCount = 0
  private let expected: Int
  /// Positions that are looked at in all.
  private let sample: Int
  /// The largest values of a unit that are needed.
  private let needed: Int
  private var random: RandomNumbers
  private var units: [Unit]

  /// The largest values of a unit.
  private struct Unit: Sendable {
    var values: [Float] = []
    /// The least of the values needed; smaller ones change nothing.
    var floor = -Float.infinity
    var least = Float.infinity, greatest = -Float.infinity

    mutating func add(_ value: Float, _ needed: Int) {
      least = min(least, value)
      greatest = max(greatest, value)
      guard value > floor else { return }
      values.append(value)
      if values.count >= 2 * needed { cut(needed) }
    }

    mutating func cut(_ needed: Int) {
      guard values.count > needed else { return }
      values.sort(by: >)
      values.removeLast(values.count - needed)
      floor = values[needed - 1]
    }
  }

  /// Makes room.
  ///
  /// - Parameters:
  ///   - share: of positions above the threshold, inside (0, 1).
  ///   - units: how many.
  ///   - positions: how many each unit will be given in all, or an upper bound.
  ///   - memory: bytes to stay within.
  ///   - seed: of the positions that are looked at when memory does not suffice.
  /// - Throws: `ConceptError.parameters` for settings out of range.
  public init(
    share: Double, units: Int, positions: Int, memory: Int = 256 << 20, seed: UInt64 = 0
  ) throws(ConceptError) {
    guard share > 0, share < 1 else {
      throw ConceptError(
        .parameters("the share of positions above a threshold lies inside (0, 1), found \(share)"))
    }
    guard units >= 1, positions >= 1 else {
      throw ConceptError(
        .parameters("thresholds are of 1 or more units and positions, found \(units) and \(positions)"))
    }
    self.share = share
    unitCount = units
    expected = positions
    // Twice the values needed are kept between two cuts.
    let room = max(16, memory / (8 * units))
    let all = Self.needed(share, positions)
    sample = all <= room ? positions : max(1, Int(Double(positions) * Double(room) / Double(all)))
    needed = Self.needed(share, sample)
    random = RandomNumbers(seed: seed)
    self.units = [Unit](repeating: Unit(), count: units)
  }

  /// The values from the quantile up, its lower neighbour included.
  private static func needed(_ share: Double, _ count: Int) -> Int {
    count - min(count - 1, Int((1 - share) * Double(count - 1)))
  }

  /// Adds the values of some examples.
  ///
  /// - Parameters:
  ///   - activations: `[examples, units, …]`.
  ///   - first: the index of the first example, for messages.
  /// - Throws: `ConceptError.mismatch` for another number of units or more positions than announced, `.notFinite`
  ///   with unit and example.
  public mutating func add(_ activations: Tensor, first: Int = 0) throws(ConceptError) {
    let map = try UnitMaps(activations, units: unitCount)
    guard positionCount + map.examples * map.positions <= expected else {
      throw ConceptError(
        .mismatch(
          "found more than the \(expected) positions that were announced for each unit; count the examples again"
        ))
    }
    try map.checkFinite(activations, first: first)
    activations.withElements(as: Float.self) { values in
      for example in 0..<map.examples {
        let chosen = choose(map.positions)
        for unit in 0..<unitCount {
          let start = (example * unitCount + unit) * map.positions
          for position in chosen { units[unit].add(values[start + position], needed) }
        }
      }
    }
  }

  /// Which of the next positions are looked at.
  private mutating func choose(_ count: Int) -> [Int] {
    defer { positionCount += count }
    guard sample < expected else {
      sampledCount += count
      return Array(0..<count)
    }
    var chosen: [Int] = []
    for position in 0..<count {
      let left = expected - positionCount - position
      if Double(left) * random.uniform() < Double(sample - sampledCount) {
        chosen.append(position)
        sampledCount += 1
      }
    }
    return chosen
  }

  /// The threshold of each unit, interpolated between neighbours as R and NumPy do; NaN without positions.
  public var thresholds: [Double] {
    guard sampledCount > 0 else { return [Double](repeating: .nan, count: unitCount) }
    let place = (1 - share) * Double(sampledCount - 1)
    let lower = min(sampledCount - 1, Int(place))
    return units.map { unit in
      let sorted = unit.values.sorted(by: >)
      // Values equal to the floor were left out.
      func value(_ fromTop: Int) -> Double { Double(fromTop < sorted.count ? sorted[fromTop] : unit.floor) }
      let below = value(sampledCount - 1 - lower)
      guard lower + 1 < sampledCount else { return below }
      return below + (place - Double(lower)) * (value(sampledCount - 2 - lower) - below)
    }
  }

  /// The least and the greatest value of each unit among the positions looked at.
  public var ranges: [(least: Double, greatest: Double)] {
    units.map { (Double($0.least), Double($0.greatest)) }
  }
}

/// How the maps of units lie in a batch of activations.
struct UnitMaps {
  let examples, units, positions: Int
  /// Height and width; 1 × positions for other than images.
  let height, width: Int

  /// Reads `[examples, units, …]` in float32.
  ///
  /// - Throws: `ConceptError.mismatch`.
  init(_ activations: Tensor, units: Int? = nil) throws(ConceptError) {
    let shape = activations.shape
    guard shape.count >= 2, activations.elementType == .float32, !shape.contains(0),
      units ?? shape[1] == shape[1]
    else {
      throw ConceptError(
        .mismatch(
          "found activations of \(activations), expected float32 [examples, \(units.map { "\($0)" } ?? "units"), …]"
        ))
    }
    (examples, self.units, positions) = (shape[0], shape[1], shape[2...].reduce(1, *))
    (height, width) = shape.count == 4 ? (shape[2], shape[3]) : (1, positions)
  }

  /// Names the first value that is NaN or infinite.
  func checkFinite(_ activations: Tensor, first: Int) throws(ConceptError) {
    guard let bad = activations.firstNonFinite() else { return }
    throw ConceptError(
      .notFinite("the activation of unit \(bad / positions % units) is NaN or infinite"),
      at: "example \(first + bad / (positions * units))")
  }
}
