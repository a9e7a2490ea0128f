internal import Foundation
internal import NoemaGraph
internal import NoemaTensor

/// A coalition game compiled for a network.
struct GameRunner {
  let runner: RowRunner
  let link: CoalitionGame.Link
  /// The background rows, one tensor per attributed value.
  let background: [Tensor]
  /// What coalitions are worth behind an affine beginning; nil where there is none, a single background row, or a
  /// method that asks for lists of coalitions.
  let behind: AffineGame?
  private let table: PlayerTable

  /// Compiles a game.
  ///
  /// - Parameters:
  ///   - bySets: whether the method asks for sets of each example, which may start behind an affine beginning.
  ///   - rows: about how many rows an example needs, given its number of players and of background rows.
  init(
    _ game: CoalitionGame, _ subject: Subject, bySets: Bool, rows: (_ players: Int, _ background: Int) -> Int
  ) throws {
    let names = try subject.attributedNames(), shapes = try subject.shapes(of: names)
    table = try PlayerTable(game.groups, shapes: shapes, names: names)
    background = try game.background.rows(of: shapes, names: names)
    link = game.link
    rowsPerExample = rows(table.largestCount, background[0].shape[0])
    runner = try RowRunner(subject, rowsPerExample: rowsPerExample)
    behind =
      bySets && runner.isClosed
      ? try AffineGame(
        subject, background: background, players: table.largestCount, rowsPerExample: rowsPerExample) : nil
  }

  private let rowsPerExample: Int
  private static let sharedSets = 1 << 17

  /// The largest number of players of an example.
  var playerCount: Int { table.largestCount }
  var rowCount: Int { background[0].shape[0] }
  var batchSize: Int {
    // Examples share what background rows add.
    if behind != nil {
      let sets = max(1, rowsPerExample / rowCount)
      return min(runner.batchSize(rowsPerExample: 1), max(1, min(16, Self.sharedSets / sets)))
    }
    return runner.batchSize(rowsPerExample: rowsPerExample, batches: RowRunner.manyBatches)
  }

  /// Reads a batch of examples and what their outputs are.
  func play(_ inputs: [Tensor], classes: [Int], first: Int) throws -> GameBatch {
    let values = try runner.values(of: inputs, classes: classes)
    let players = try classes.indices.map { try table.players(of: first + $0) }
    let outputs = try runner.outputs(values, inputs: inputs, classes: classes)
    return GameBatch(
      game: self, share: table.share, inputs: inputs, classes: classes, values: values, players: players,
      varying: players.indices.map { varying(players[$0], values, example: $0) }, outputs: outputs,
      full: try outputs.enumerated().map { try linked($1, example: $0) })
  }

  /// The players that differ from some background row; all others are dummies, worth 0.
  private func varying(_ players: Players, _ values: [Tensor], example: Int) -> [Int] {
    var differs = [Bool](repeating: false, count: players.count)
    for (value, owners) in players.owners.enumerated() {
      let width = owners.count
      values[value].withElements(as: Float.self) { given in
        background[value].withElements(as: Float.self) { rest in
          for row in 0..<rowCount {
            for i in 0..<width where given[example * width + i] != rest[row * width + i] {
              differs[Int(owners[i])] = true
            }
          }
        }
      }
    }
    return differs.indices.filter { differs[$0] }
  }

  /// What an output is worth.
  ///
  /// - Throws: `GraphError.input` for a logit of what is no probability.
  func linked(_ output: Double, example: Int) throws(GraphError) -> Double {
    guard link == .logit else { return output }
    guard output > 0, output < 1 else {
      throw GraphError(
        .input(
          "the logit link needs probabilities between 0 and 1, found \(output) for example \(example); "
            + "explain the probability scale, or use the identity link"))
    }
    return log(output / (1 - output))
  }
}

/// A batch of examples in a game.
struct GameBatch {
  let game: GameRunner
  let share: FeatureGroups.Share
  let inputs: [Tensor]
  let classes: [Int]
  let values: [Tensor]
  let players: [Players]
  /// The players of each example that differ from the background.
  let varying: [[Int]]
  /// The class output of each example.
  let outputs: [Double]
  /// The worth of all players together.
  let full: [Double]

  var capacity: Int { players.reduce(0) { max($0, $1.count) } }

  /// The worth of coalitions.
  func worths(of list: CoalitionList) throws -> [Double] {
    let outputs = try game.runner.outputs(
      of: list, players: players, values: values, background: game.background, inputs: inputs,
      classes: classes)
    if game.link == .identity { return outputs }
    return try outputs.enumerated().map { try game.linked($1, example: list.examples[$0]) }
  }

  /// The worth of coalitions of each example.
  ///
  /// - Parameter sets: for each example its coalitions.
  /// - Returns: for each example what each of its coalitions is worth.
  func worths(of sets: [[PlayerSet]]) throws -> [[Double]] {
    guard let behind = game.behind,
      behind.pays(
        players: capacity, examples: sets.count, coalitions: sets.reduce(0) { $0 + $1.count })
    else {
      var list = CoalitionList(capacity: capacity)
      for (example, sets) in sets.enumerated() { for set in sets { list.append(set, of: example) } }
      var rest = try worths(of: list)[...]
      return sets.map { sets in
        defer { rest = rest.dropFirst(sets.count) }
        return Array(rest.prefix(sets.count))
      }
    }
    var worths = sets.map { _ in [Double]() }
    for examples in alike(sets) {
      let outputs = try behind.outputs(
        of: sets[examples[0]], players: players[examples[0]], values: values, examples: examples,
        classes: classes)
      for (example, outputs) in zip(examples, outputs) {
        worths[example] = try outputs.map { try game.linked($0, example: example) }
      }
    }
    return worths
  }

  /// Examples that have the same players and coalitions, together.
  private func alike(_ sets: [[PlayerSet]]) -> [[Int]] {
    var groups: [[Int]] = []
    for example in sets.indices {
      let place = groups.firstIndex {
        sets[$0[0]] == sets[example] && players[$0[0]].owners == players[example].owners
      }
      if let place { groups[place].append(example) } else { groups.append([example]) }
    }
    return groups
  }

  /// The class output of each example on every background row alone.
  func backgroundOutputs() throws -> [[Double]] {
    var list = CoalitionList(capacity: capacity)
    for example in classes.indices {
      for row in 0..<game.rowCount { list.append(PlayerSet(capacity: capacity), of: example, row: row) }
    }
    let outputs = try game.runner.outputs(
      of: list, players: players, values: values, background: game.background, inputs: inputs,
      classes: classes)
    return classes.indices.map { Array(outputs[$0 * game.rowCount..<($0 + 1) * game.rowCount]) }
  }

  /// The worth of no player at all, for each example.
  func emptyWorths(_ outputs: [[Double]]) throws -> [Double] {
    try outputs.enumerated().map { try game.linked(Statistics.mean($1), example: $0) }
  }

  /// Attributions of what each player is worth.
  ///
  /// - Parameters:
  ///   - shares: for each example the worth of its varying players, in their order.
  ///   - empty: the worth of no player.
  ///   - errors: standard errors of the shares.
  func attribution(_ shares: [[Double]], empty: [Double], errors: [[Double]]? = nil) -> Attribution {
    func tensors(_ numbers: [[Double]]) -> [Tensor] {
      let all = numbers.indices.map { example in
        var all = [Double](repeating: 0, count: players[example].count)
        for (player, number) in zip(varying[example], numbers[example]) { all[player] = number }
        return all
      }
      return Players.spread(all, over: players, shapes: game.runner.shapes, share: share)
    }
    // Elements that each carry their player's whole share sum to more than the players do.
    let sumsUp = share == .equal || players.allSatisfy { $0.sizes.allSatisfy { $0 == 1 } }
    return Attribution(
      values: tensors(shares), outputs: outputs,
      expectedSums: sumsUp ? zip(full, empty).map { $0 - $1 } : nil, standardErrors: errors.map(tensors))
  }
}

/// A number with three significant digits, for remarks.
func short(_ number: Double) -> String { String(format: "%.3g", number) }
