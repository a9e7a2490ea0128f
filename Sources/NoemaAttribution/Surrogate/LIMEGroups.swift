internal import Foundation
internal import NoemaGraph
internal import NoemaTensor

/// A local linear model over present and absent players: tokens, columns, or any other groups of elements.
///
/// For text the groups are tokens, at a network's embeddings: one mask number per token, or per word, so that
/// all its occurrences leave together. The number of absent players is uniform, so that small and large
/// changes are seen alike.
///
/// - Source: Ribeiro et al., "Why Should I Trust You?", 2016; the lime library's text explainer, whose
///   distance is 100 times the cosine distance to the whole text.
public struct LIMEGroups: AttributionMethod {
  /// The players.
  public var groups: FeatureGroups
  /// What stands in for absent players.
  public var background: Background
  /// The number of sets of players, the whole included.
  public var samples: Int
  /// The distance at which weights have fallen to `e^−½`.
  public var kernelWidth: Double
  /// How samples become a local model.
  public var fit: LocalFit
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes the method; 5000 samples, a kernel of 25 and up to 10 features unless told otherwise.
  public init(
    groups: FeatureGroups = .elements, background: Background = .zero, samples: Int = 5000,
    kernelWidth: Double = 25, fit: LocalFit = LocalFit(features: 10), seed: UInt64 = 0
  ) {
    (self.groups, self.background, self.samples) = (groups, background, samples)
    (self.kernelWidth, self.fit, self.seed) = (kernelWidth, fit, seed)
  }

  public func attributor(for subject: Subject) throws -> any Attributor { try surrogates(for: subject) }

  /// Compiles the method for a network, to give local models.
  ///
  /// - Throws: `GraphError` as compiling does.
  public func surrogates(for subject: Subject) throws -> any SurrogateAttributor {
    try checkSampling("LIME", samples: samples, kernelWidth: kernelWidth)
    try fit.check()
    let game = CoalitionGame(groups: groups, background: background)
    return GroupSampler(
      method: self, game: try GameRunner(game, subject, bySets: true) { samples.multipliedCapped(by: $1) })
  }
}

/// LIME for groups compiled for a network.
private struct GroupSampler: SurrogateAttributor {
  let method: LIMEGroups
  let game: GameRunner

  var batchSize: Int { game.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let batch = try game.play(inputs, classes: classes, first: first)
    return try surrogates(batch, first: first).attribution(
      over: batch.players, shapes: game.runner.shapes, share: batch.share)
  }

  func surrogates(_ inputs: [Tensor], classes: [Int], first: Int) throws -> [LocalSurrogate] {
    try surrogates(game.play(inputs, classes: classes, first: first), first: first)
  }

  private func surrogates(_ batch: GameBatch, first: Int) throws -> [LocalSurrogate] {
    let random = RandomNumbers(seed: method.seed)
    let sets = try batch.players.enumerated().map { example, players in
      guard players.count > 1 else {
        throw GraphError(
          .input("example \(first + example) has one player alone, which leaves nothing to compare"))
      }
      return draw(players.count, random.split(first + example))
    }
    let outputs = try batch.worths(of: sets)
    return try sets.enumerated().map { example, sets in
      try LocalSurrogate(
        sets: sets, of: batch.players[example].count, outputs: outputs[example], scale: 100,
        kernelWidth: method.kernelWidth,
        fit: method.fit)
    }
  }

  /// The whole, and sets without a uniform number of players.
  private func draw(_ players: Int, _ stream: RandomNumbers) -> [PlayerSet] {
    var random = stream
    return (0..<method.samples).map { sample in
      var set = PlayerSet(capacity: players)
      let kept = sample == 0 ? players : random.index(below: players)
      for player in random.sample(kept, below: players) { set.insert(player) }
      return set
    }
  }
}

extension LocalSurrogate {
  /// Fits a model to sets of present players, the whole first, weighted by their cosine distance to the
  /// whole.
  ///
  /// - Parameter scale: what distances are multiplied by.
  init(
    sets: [PlayerSet], of players: Int, outputs: [Double], scale: Double, kernelWidth: Double, fit: LocalFit
  ) throws {
    var design = Matrix(rowCount: sets.count, columnCount: players), weights: [Double] = []
    for (row, set) in sets.enumerated() {
      var kept = 0
      for player in 0..<players where set.contains(player) {
        design[row, player] = 1
        kept += 1
      }
      // 1 for the empty set, whose angle to the whole is not defined.
      let distance = scale * (1 - (Double(kept) / Double(players)).squareRoot())
      weights.append(exp(-distance * distance / (2 * kernelWidth * kernelWidth)))
    }
    try self.init(design, outputs: outputs, weights: weights, fit: fit)
  }
}
