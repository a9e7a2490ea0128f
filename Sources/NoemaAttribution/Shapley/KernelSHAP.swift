internal import NoemaGraph
internal import NoemaTensor

/// Shapley values by weighted least squares over coalitions, with the sum as a constraint.
///
/// `min Σ_S π(S) (v(S) − v(∅) − Σ_{i∈S} φ_i)²` subject to `Σ φ_i = v(N) − v(∅)`, with `π(S) = (n − 1) / (C(n,
/// |S|) |S| (n − |S|))`. Over all coalitions that is the exact Shapley value. Small and large coalitions,
/// which weigh most, are taken whole as far as the budget goes, the others drawn with their complements.
/// Players that equal every background row are worth 0 and left out.
///
/// - Source: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017; Covert and Lee,
///   "Improving KernelSHAP", 2021 (paired sampling). The order in which coalitions are taken is that of the
///   shap library.
public struct KernelSHAP: AttributionMethod {
  /// The game.
  public var game: CoalitionGame
  /// The number of coalitions; nil for `2n + 2048` of `n` players, or all where there are no more.
  public var samples: Int?
  /// How many players may have a value other than 0, chosen by least-angle regression; nil for all. With a
  /// choice the values are Shapley values no longer.
  public var features: Int?
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; `2n + 2048` coalitions and no choice of players unless told otherwise.
  public init(
    _ game: CoalitionGame = CoalitionGame(), samples: Int? = nil, features: Int? = nil, seed: UInt64 = 0
  ) {
    self.game = game
    self.samples = samples
    self.features = features
    self.seed = seed
  }

  /// Players beyond which the products of all pairs take too much memory.
  private static let mostPlayers = 4096

  public func attributor(for subject: Subject) throws -> any Attributor {
    if let samples, !(2...10_000_000).contains(samples) {
      throw GraphError(.input("KernelSHAP needs 2 to 10000000 coalitions, found \(samples)"))
    }
    if let features, features < 1 {
      throw GraphError(.input("KernelSHAP needs 1 or more features, found \(features)"))
    }
    let runner = try GameRunner(game, subject, bySets: true) { players, rows in
      budget(players: players).multipliedCapped(by: rows)
    }
    guard runner.playerCount <= Self.mostPlayers else {
      throw GraphError(
        .input(
          "KernelSHAP takes \(Self.mostPlayers) players at most, found \(runner.playerCount); put elements "
            + "in groups"
        ))
    }
    return Kernel(method: self, game: runner)
  }

  /// The number of coalitions for some players.
  fileprivate func budget(players: Int) -> Int {
    let asked = samples ?? 2 * players + 2048
    return players <= 30 ? min(asked, max(0, 1 << players - 2)) : asked
  }

  /// The regression for some players.
  ///
  /// - Throws: `GraphError.input` when the budget leaves players undetermined, `TensorError` when the draws do.
  fileprivate func regression(players: Int) throws -> KernelRegression {
    let budget = budget(players: players)
    guard players < 2 || budget >= 2 * players || (players <= 30 && budget == 1 << players - 2) else {
      throw GraphError(
        .input(
          "KernelSHAP needs twice as many coalitions as players, or all; found \(budget) for \(players) "
            + "players"
        ))
    }
    return try KernelRegression(KernelDesign(players: players, budget: budget, seed: seed))
  }
}

/// KernelSHAP compiled for a network. Coalitions depend on the number of players alone, so examples share
/// regressions.
private final class Kernel: Attributor {
  let method: KernelSHAP
  let game: GameRunner
  private var regressions: [Int: KernelRegression] = [:]

  init(method: KernelSHAP, game: GameRunner) {
    self.method = method
    self.game = game
  }

  var batchSize: Int { game.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let batch = try game.play(inputs, classes: classes, first: first)
    let regressions = try batch.varying.map { try regression(players: $0.count) }
    let worths = try batch.worths(
      of: batch.varying.enumerated().map { example, players in
        [PlayerSet(capacity: batch.capacity)]
          + regressions[example].design.sets.map { $0.renamed(players, capacity: batch.capacity) }
      })
    let (features, full) = (method.features, batch.full)
    let found = try Parallel.map(regressions.count) { example in
      let base = worths[example][0]
      return try regressions[example].solve(
        worths[example].dropFirst().map { $0 - base }, total: full[example] - base, limit: features)
    }
    return batch.attribution(
      found.map(\.shares), empty: worths.map { $0[0] }, errors: found.map(\.errors))
  }

  private func regression(players: Int) throws -> KernelRegression {
    if let known = regressions[players] { return known }
    let made = try method.regression(players: players)
    // One for each number of players that differ: few where inputs are dense.
    if regressions.count >= 16 { regressions.removeAll() }
    regressions[players] = made
    return made
  }
}

extension PlayerSet {
  /// The set of the players that stand at its members' places.
  fileprivate func renamed(_ players: [Int], capacity: Int) -> PlayerSet {
    if players.count == capacity { return self }
    var other = PlayerSet(capacity: capacity)
    for place in players.indices where contains(place) { other.insert(players[place]) }
    return other
  }
}
