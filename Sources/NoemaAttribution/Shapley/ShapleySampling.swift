internal import NoemaGraph
internal import NoemaTensor

/// Shapley values from random orders of joining, with standard errors.
///
/// In a walk every player joins in turn, so that each order's contributions sum to what all are worth
/// together. Each order is paired with its reverse, which lowers the variance, and each pair meets one
/// background row: the rows are taken in turn from shuffled rounds, so that their mean is right after every
/// round.
///
/// - Complexity: about one row per player and order; all background rows where outputs are averaged.
/// - Source: Castro et al., "Polynomial Calculation of the Shapley Value Based on Sampling", 2009; Štrumbelj
///   and Kononenko, "Explaining Prediction Models and Individual Predictions with Feature Contributions",
///   2014; Mitchell et al., "Sampling Permutations for Shapley Value Estimation", 2022 (antithetic pairs).
public struct ShapleySampling: AttributionMethod {
  /// How orders are drawn.
  public enum Design: String, Sendable, Hashable, Codable, CaseIterable {
    /// One order serves all players: contributions sum exactly to the difference of outputs.
    case walk
    /// An order, and a background row, for each player alone (Štrumbelj and Kononenko): sums are right on
    /// average.
    case independent
  }

  /// The game.
  public var game: CoalitionGame
  /// The number of orders, reversed ones included; the largest number where a precision is asked for.
  public var permutations: Int
  /// How orders are drawn.
  public var design: Design
  /// Whether each order is paired with its reverse.
  public var isAntithetic: Bool
  /// Whether every coalition meets all background rows instead of one that is drawn.
  public var averagesBackground: Bool
  /// The standard error, in units of the output, that is small enough for every player; nil to draw all
  /// orders.
  public var precision: Double?
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; 64 orders in 32 pairs unless told otherwise.
  public init(
    _ game: CoalitionGame = CoalitionGame(), permutations: Int = 64, design: Design = .walk,
    isAntithetic: Bool = true, averagesBackground: Bool = false, precision: Double? = nil, seed: UInt64 = 0
  ) {
    self.game = game
    self.permutations = permutations
    self.design = design
    self.isAntithetic = isAntithetic
    self.averagesBackground = averagesBackground
    self.precision = precision
    self.seed = seed
  }

  /// Players beyond which one order alone would be as many runs of the network.
  private static let mostPlayers = 10_000

  public func attributor(for subject: Subject) throws -> any Attributor {
    let even = isAntithetic ? 2 : 1
    guard (even...10_000_000).contains(permutations), permutations % even == 0 else {
      throw GraphError(
        .input(
          "Shapley sampling needs 1 to 10000000 orders, an even number where each is paired with its "
            + "reverse; found \(permutations)"))
    }
    if let precision, !(precision > 0 && precision.isFinite) {
      throw GraphError(.input("the precision must be a positive standard error, found \(precision)"))
    }
    let runner = try GameRunner(game, subject, bySets: false) { players, rows in
      // With a precision in view most examples may need few orders.
      players.multipliedCapped(by: precision == nil ? permutations : min(permutations, 16))
        .multipliedCapped(by: averagesBackground ? rows : 1)
    }
    guard runner.playerCount <= Self.mostPlayers else {
      throw GraphError(
        .input(
          "\(runner.playerCount) players need as many runs of the network for each order; put elements in "
            + "groups, at most \(Self.mostPlayers)"))
    }
    guard game.link == .identity || averagesBackground || runner.rowCount == 1 else {
      throw GraphError(
        .input(
          "the logit link applies to the mean over background rows; average over them in every coalition"))
    }
    return OrderSampler(method: self, game: runner)
  }
}

/// Shapley sampling compiled for a network. A unit is an order, or a pair of orders.
private struct OrderSampler: Attributor {
  let method: ShapleySampling
  let game: GameRunner

  var batchSize: Int { game.batchSize }
  private var directions: Int { method.isAntithetic ? 2 : 1 }
  private var unitCount: Int { method.permutations / directions }
  private var drawsRows: Bool { !method.averagesBackground || game.rowCount == 1 }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let batch = try game.play(inputs, classes: classes, first: first)
    let empty = try batch.backgroundOutputs(), starts = try batch.emptyWorths(empty)
    let plans = batch.varying.indices.map { example in
      UnitPlan(
        players: batch.varying[example], directions: directions, rowCount: game.rowCount, drawsRow: drawsRows,
        random: RandomNumbers(seed: method.seed).split(first + example))
    }
    var moments = batch.varying.map { RunningMoments(count: $0.count) }
    var active = batch.varying.indices.filter { !batch.varying[$0].isEmpty }
    var done = 0
    while done < unitCount, !active.isEmpty {
      let units = done..<min(unitCount, done + unitsPerRound(batch))
      var worths = Worths(try batch.worths(of: coalitions(of: units, active, plans, batch)))
      for example in active {
        for unit in units {
          let row = plans[example].row(of: unit)
          // One row's output is what no player is worth on it; a link needs the mean over rows.
          let bottom = drawsRows && game.rowCount > 1 ? empty[example][row] : starts[example]
          moments[example].add(
            method.design == .walk
              ? plans[example].walkContributions(unit, &worths, bottom: bottom, top: batch.full[example])
              : plans[example].pairContributions(&worths))
        }
      }
      done = units.upperBound
      if let precision = method.precision { active.removeAll { moments[$0].largestError <= precision } }
    }
    var attribution = batch.attribution(
      moments.map(\.means), empty: starts, errors: unitCount < 2 ? nil : moments.map(\.standardErrors))
    if let precision = method.precision {
      for example in active {
        attribution.remarks[example] =
          "the standard error is \(short(moments[example].largestError)) after \(method.permutations) "
          + "orders, above the \(short(precision)) asked for"
      }
    }
    return attribution
  }

  /// Where a precision is asked for it is looked at after every 8 units; else memory is the only limit.
  private func unitsPerRound(_ batch: GameBatch) -> Int {
    if method.precision != nil { return 8 }
    let perUnit = directions * (method.design == .walk ? 1 : 2) * max(1, batch.capacity)
    return max(1, (1 << 18) / (perUnit * batch.classes.count))
  }

  /// The coalitions of some units, example by example.
  private func coalitions(
    of units: Range<Int>, _ active: [Int], _ plans: [UnitPlan], _ batch: GameBatch
  ) -> CoalitionList {
    var list = CoalitionList(capacity: batch.capacity)
    for example in active {
      func append(_ set: PlayerSet, _ row: Int) { list.append(set, of: example, row: drawsRows ? row : nil) }
      for unit in units {
        switch method.design {
        case .walk: plans[example].walk(unit, capacity: batch.capacity, append)
        case .independent: plans[example].pairs(unit, capacity: batch.capacity, append)
        }
      }
    }
    return list
  }
}

/// The worths of coalitions, taken in the order in which they were listed.
private struct Worths {
  private let numbers: [Double]
  private var next = 0

  init(_ numbers: [Double]) { self.numbers = numbers }

  mutating func take() -> Double {
    defer { next += 1 }
    return numbers[next]
  }
}

/// The random orders of one example, unit by unit: each has a stream of its own, so that nothing depends on
/// batches.
private struct UnitPlan {
  let players: [Int]
  let directions: Int
  let rowCount: Int
  let drawsRow: Bool
  let random: RandomNumbers

  /// The background row of a unit: shuffled rounds, each of all rows.
  func row(of unit: Int) -> Int {
    if !drawsRow || rowCount == 1 { return 0 }
    var round = random.split(-1).split(unit / rowCount)
    return round.sample(rowCount, below: rowCount)[unit % rowCount]
  }

  private func order(of unit: Int) -> [Int] {
    var stream = random.split(unit)
    return stream.sample(players.count, below: players.count)
  }

  /// The coalitions that grow along an order and along its reverse, without none and all.
  func walk(_ unit: Int, capacity: Int, _ append: (PlayerSet, Int) -> Void) {
    let order = order(of: unit), row = row(of: unit)
    for direction in 0..<directions {
      var set = PlayerSet(capacity: capacity)
      for player in (direction == 0 ? order : order.reversed()).dropLast() {
        set.insert(players[player])
        append(set, row)
      }
    }
  }

  /// Each player's contribution along an order, the mean of both directions.
  func walkContributions(_ unit: Int, _ worths: inout Worths, bottom: Double, top: Double) -> [Double] {
    let order = order(of: unit)
    var parts = [Double](repeating: 0, count: players.count)
    for direction in 0..<directions {
      var before = bottom
      for (position, player) in (direction == 0 ? order : order.reversed()).enumerated() {
        let after = position + 1 < order.count ? worths.take() : top
        parts[player] += (after - before) / Double(directions)
        before = after
      }
    }
    return parts
  }

  /// For each player the coalition before it and the one with it, in an order of its own and in the reverse.
  func pairs(_ unit: Int, capacity: Int, _ append: (PlayerSet, Int) -> Void) {
    for player in players.indices {
      var stream = random.split(unit).split(player)
      let row = stream.index(below: rowCount)
      let size = stream.index(below: players.count)
      var before = [Bool](repeating: false, count: players.count)
      for place in stream.sample(size, below: players.count - 1) {
        before[place < player ? place : place + 1] = true
      }
      for direction in 0..<directions {
        var set = PlayerSet(capacity: capacity)
        for other in players.indices where other != player && before[other] == (direction == 0) {
          set.insert(players[other])
        }
        append(set, row)
        set.insert(players[player])
        append(set, row)
      }
    }
  }

  func pairContributions(_ worths: inout Worths) -> [Double] {
    players.indices.map { _ in
      var sum = 0.0
      for _ in 0..<directions {
        let before = worths.take()
        sum += worths.take() - before
      }
      return sum / Double(directions)
    }
  }
}

/// Running means and spreads of several numbers (Welford).
private struct RunningMoments {
  private(set) var means: [Double]
  private var spreads: [Double]
  private var count = 0

  init(count: Int) {
    means = Array(repeating: 0, count: count)
    spreads = means
  }

  mutating func add(_ numbers: [Double]) {
    count += 1
    for (index, number) in numbers.enumerated() {
      let difference = number - means[index]
      means[index] += difference / Double(count)
      spreads[index] += difference * (number - means[index])
    }
  }

  /// Of the means.
  var standardErrors: [Double] {
    guard count > 1 else { return spreads.map { _ in 0 } }
    return spreads.map { ($0 / Double(count - 1) / Double(count)).squareRoot() }
  }

  var largestError: Double { count > 1 ? standardErrors.max() ?? 0 : .infinity }
}
