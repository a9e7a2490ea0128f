internal import NoemaGraph
internal import NoemaTensor

/// Shapley values by enumeration of all coalitions: each player's mean contribution over all orders of
/// joining.
///
/// `φ_i = Σ_{S ∌ i} |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S))`. Players that equal every background row
/// are worth 0 and are left out, so that only the others count towards the limit.
///
/// - Complexity: `2ⁿ` coalitions of `n` players, each on every background row.
/// - Source: Shapley, "A Value for n-Person Games", 1953.
public struct ExactShapley: AttributionMethod {
  /// The game.
  public var game: CoalitionGame
  /// How many players may take part, 1 to 20.
  public var maximumPlayers: Int

  /// Makes the method; up to 16 players unless told otherwise.
  public init(_ game: CoalitionGame = CoalitionGame(), maximumPlayers: Int = 16) {
    self.game = game
    self.maximumPlayers = maximumPlayers
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard (1...20).contains(maximumPlayers) else {
      throw GraphError(
        .input("exact Shapley values can be had of 1 to 20 players, not of up to \(maximumPlayers)"))
    }
    return Enumeration(
      game: try GameRunner(game, subject, bySets: true) { (1 << min($0, maximumPlayers)) * $1 },
      maximumPlayers: maximumPlayers)
  }

  private struct Enumeration: Attributor {
    let game: GameRunner
    let maximumPlayers: Int

    var batchSize: Int { game.batchSize }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let batch = try game.play(inputs, classes: classes, first: first)
      if let example = batch.varying.firstIndex(where: { $0.count > maximumPlayers }) {
        throw GraphError(
          .input(
            "\(batch.varying[example].count) players of example \(first + example) differ from the "
              + "background; exact Shapley values take \(maximumPlayers) at most: put elements in groups, "
              + "or sample"))
      }
      let worths = try batch.worths(
        of: batch.varying.map { players in
          // All but the last, which is the example itself.
          (0..<(1 << players.count) - 1).map {
            PlayerSet(bits: $0, of: players, capacity: batch.capacity)
          }
        }
      ).enumerated().map { $1 + [batch.full[$0]] }
      return batch.attribution(
        zip(worths, batch.varying).map { Self.shares($0, players: $1.count) }, empty: worths.map { $0[0] })
    }

    /// Shapley values of a game given by the worth of every coalition, its members the bits of its place.
    private static func shares(_ worths: [Double], players: Int) -> [Double] {
      // |S|! (n − |S| − 1)! / n! = 1 / (n C(n − 1, |S|)).
      let weights = (0..<players).map { 1 / (Double(players) * binomial(players - 1, $0)) }
      return (0..<players).map { player in
        var sum = 0.0
        for bits in worths.indices where bits >> player & 1 == 0 {
          sum += weights[bits.nonzeroBitCount] * (worths[bits | 1 << player] - worths[bits])
        }
        return sum
      }
    }
  }
}

/// The number of ways to choose `k` of `n`, in floating point.
func binomial(_ n: Int, _ k: Int) -> Double {
  guard (0...max(n, 0)).contains(k) else { return 0 }
  return (0..<min(k, n - k)).reduce(1) { $0 * Double(n - $1) / Double($1 + 1) }
}

extension PlayerSet {
  /// The players at the set bits of a number.
  init(bits: Int, of players: [Int], capacity: Int) {
    self.init(capacity: capacity)
    var rest = bits
    while rest != 0 {
      insert(players[rest.trailingZeroBitCount])
      rest &= rest - 1
    }
  }
}
