internal import NoemaGraph
internal import NoemaTensor

/// Deep approximate Shapley propagation: Shapley values from a few passes of means and variances per player,
/// instead of many samples.
///
/// `φ_i ≈ (1/n) Σ_k E[f(S_k ∪ i) − f(S_k)]`, where `S_k` is a random coalition of `k` others. Up to the first
/// rectifier the mean and the variance of what `S_k` adds up to are exact; from there on values are taken as
/// independent normal distributions. Sums therefore fall short of, or exceed, the difference of outputs:
/// `expectedSums` says by how much. A network that is linear throughout gets its exact values.
///
/// Networks may hold layers with weights, rectifiers, clips, maxima, sums, average and max pooling.
///
/// - Complexity: `2 n · sizes` rows of about three times the network's work.
/// - Source: Ancona et al., "Explaining Deep Neural Networks with a Polynomial Time Algorithm for Shapley
///   Values Approximation", 2019. The moments at the first layer are those of sampling without replacement
///   among all players, also for convolutions, where the paper counts players in each receptive field.
public struct DASP: AttributionMethod {
  /// The players.
  public var groups: FeatureGroups
  /// What stands in for absent players.
  public var baseline: Baseline
  /// How many coalition sizes are looked at, each for its share of all sizes; all of them when there are no
  /// more.
  public var sizes: Int

  /// Makes the method; every element is a player, against zero, at 10 sizes unless told otherwise.
  public init(groups: FeatureGroups = .elements, baseline: Baseline = .zero, sizes: Int = 10) {
    self.groups = groups
    self.baseline = baseline
    self.sizes = sizes
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard sizes >= 1 else { throw GraphError(.input("DASP needs 1 or more coalition sizes, found \(sizes)")) }
    let game = try GameRunner(
      CoalitionGame(groups: groups, background: .baseline(baseline)), subject, bySets: false
    ) { players, _ in players + 1 }
    guard game.runner.isClosed else {
      throw GraphError(
        .unsupported("DASP follows what the attributed values alone decide; attribute to all inputs together")
      )
    }
    let prefix = try Self.prefix(subject, rows: game.playerCount + 1)
    guard prefix.outputTypes.allSatisfy({ $0.shape.first == prefix.batchSize }) else {
      throw GraphError(.unsupported("DASP needs hidden values whose first axis counts examples"))
    }
    return Propagation(
      method: self, game: game, prefix: prefix,
      tail: try Self.tail(subject, rows: (2 * game.playerCount).multipliedCapped(by: sizes)))
  }

  /// What the affine part gives for rows of attributed values.
  private static func prefix(_ subject: Subject, rows: Int) throws -> BatchRunner {
    try BatchRunner(
      subject.network, examples: rows, memory: subject.memory,
      maximumBatch: subject.maximumBatch.multipliedCapped(by: 128), shapes: subject.shapes
    ) { graph throws(GraphError) in
      var (graph, _, ends) = try subject.affinePart(of: graph)
      graph.outputs = ends
      try graph.apply(Pass.canonical)
      return graph
    }
  }

  /// The network of moments behind the affine part; nil where there is nothing behind it.
  private static func tail(_ subject: Subject, rows: Int) throws -> BatchRunner? {
    let whole = try subject.affinePart(
      of: subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes))
    if whole.ends == [whole.explained] { return nil }
    return try BatchRunner(
      subject.network, examples: rows, memory: subject.memory,
      maximumBatch: subject.maximumBatch.multipliedCapped(by: 128), shapes: subject.shapes
    ) { graph throws(GraphError) in
      let (graph, explained, ends) = try subject.affinePart(of: graph)
      return try MomentPropagation(graph, from: ends, to: explained).graph
    }
  }
}

/// DASP compiled for a network.
private struct Propagation: Attributor {
  let method: DASP
  let game: GameRunner
  let prefix: BatchRunner
  let tail: BatchRunner?

  var batchSize: Int { game.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let batch = try game.play(inputs, classes: classes, first: first)
    let empty = try batch.emptyWorths(batch.backgroundOutputs())
    var shares: [[Double]] = []
    for example in classes.indices {
      let players = batch.varying[example].count
      guard players > 0 else {
        shares.append([])
        continue
      }
      let parts = try contributions(example, batch)
      shares.append(
        try tail.map { try propagated(parts, $0, class: classes[example], example: example) }
          ?? parts.exact(class: classes[example]))
    }
    return batch.attribution(shares, empty: empty)
  }

  /// Numbers that the players' contributions to all units may be, in float64 1 GiB.
  private static let mostContributions = 1 << 27

  /// What each player adds at the end of the affine part.
  private func contributions(_ example: Int, _ batch: GameBatch) throws -> Contributions {
    let players = batch.varying[example], owners = batch.players[example].owners
    let units = prefix.outputTypes.reduce(0) { $0 + $1.count / prefix.batchSize }
    guard players.count.multipliedCapped(by: units) <= Self.mostContributions else {
      throw GraphError(
        .input(
          "\(players.count) players at \(units) hidden units take too much memory; put elements in groups"))
    }
    var rows: [[Tensor]] = []
    // The last row is the baseline alone.
    let places = players + [-1]
    for start in stride(from: 0, to: places.count, by: prefix.batchSize) {
      let part = places[start..<min(start + prefix.batchSize, places.count)]
      let made = try batch.values.indices.map { value in
        let width = owners[value].count, type = prefix.inputTypes[value]
        let tensor = try Tensor(shape: [part.count] + type.shape.dropFirst(), elementType: .float32) {
          bytes in
          let target = bytes.bindMemory(to: Float.self)
          batch.values[value].withElements(as: Float.self) { given in
            game.background[value].withElements(as: Float.self) { rest in
              for (row, player) in part.enumerated() {
                for i in 0..<width {
                  target[row * width + i] =
                    Int(owners[value][i]) == player ? given[example * width + i] : rest[i]
                }
              }
            }
          }
        }
        return tensor.converted(to: type.element)
      }
      rows.append(try prefix.run(made))
    }
    return try Contributions(
      (0..<rows[0].count).map { end in
        try Tensor.stacked(rows.map { $0[end] }).converted(to: .float64)
      })
  }

  /// Shapley values by the network of moments.
  private func propagated(
    _ parts: Contributions, _ tail: BatchRunner, class target: Int, example: Int
  ) throws -> [Double] {
    let players = parts.playerCount, sizes = Self.chunks(players, into: method.sizes)
    var shares = [Double](repeating: 0, count: players)
    let rowCount = 2 * players * sizes.count
    for start in stride(from: 0, to: rowCount, by: tail.batchSize) {
      let rows = start..<min(start + tail.batchSize, rowCount)
      let ends = tail.inputTypes.count / 2
      let made = try tail.inputTypes.enumerated().map { index, type in
        let tensor = try Tensor(shape: [rows.count] + type.shape.dropFirst(), elementType: .float32) {
          bytes in
          let target = bytes.bindMemory(to: Float.self), width = target.count / rows.count
          for row in rows {
            let pair = row / 2
            parts.write(
              index < ends ? .mean : .variance, end: index % ends, player: pair / sizes.count,
              size: sizes[pair % sizes.count].size, isPresent: row % 2 == 1,
              into: UnsafeMutableBufferPointer(
                rebasing: target[(row - start) * width..<(row - start + 1) * width]))
          }
        }
        return tensor.converted(to: type.element)
      }
      let output = try tail.run(made)[0].converted(to: .float64)
      if output.firstNonFinite() != nil {
        throw GraphError(.notFinite(value: "mean output", example: example))
      }
      let width = output.count / rows.count
      output.withElements(as: Double.self) { means in
        for row in rows {
          let mean = means[(row - start) * width + target], pair = row / 2
          let share = sizes[pair % sizes.count].share
          shares[pair / sizes.count] += row % 2 == 1 ? share * mean : -share * mean
        }
      }
    }
    return shares
  }

  /// Sizes 0 to n − 1 in even parts, each represented by its middle.
  private static func chunks(_ count: Int, into parts: Int) -> [(size: Int, share: Double)] {
    let parts = min(parts, count)
    return (0..<parts).map { part in
      let start = part * count / parts, end = (part + 1) * count / parts
      return (start + (end - start) / 2, Double(end - start) / Double(count))
    }
  }
}

/// What each player adds to the values at which the affine part of a network ends.
private struct Contributions {
  enum Moment { case mean, variance }

  let playerCount: Int
  /// What each value is without any player.
  private let bases: [[Double]]
  /// What each player adds, a row for each.
  private let parts: [[Double]]
  /// Over all players, the sum of what they add and of its squares.
  private var sums: [[Double]] = []
  private var squares: [[Double]] = []

  /// Takes a row for each player alone and a last one for none.
  init(_ rows: [Tensor]) {
    let count = rows[0].shape[0] - 1
    playerCount = count
    var bases: [[Double]] = [], parts: [[Double]] = []
    for tensor in rows {
      var all = tensor.elements(as: Double.self)
      let width = all.count / (count + 1), base = Array(all[(count * width)...])
      all.removeLast(width)
      var sum = [Double](repeating: 0, count: width), square = sum
      for player in 0..<count {
        for unit in 0..<width {
          let part = all[player * width + unit] - base[unit]
          all[player * width + unit] = part
          sum[unit] += part
          square[unit] += part * part
        }
      }
      bases.append(base)
      parts.append(all)
      sums.append(sum)
      squares.append(square)
    }
    (self.bases, self.parts) = (bases, parts)
  }

  /// The shares of a network that is affine throughout.
  func exact(class target: Int) -> [Double] {
    let width = bases[0].count
    return (0..<playerCount).map { parts[0][$0 * width + target] }
  }

  /// A moment of a value when `size` of the players other than one are present, with or without that one.
  ///
  /// `k` of `N` drawn without replacement have the mean `k μ` and the variance `k σ² (1 − (k − 1) / (N −
  /// 1))`.
  func write(
    _ moment: Moment, end: Int, player: Int, size: Int, isPresent: Bool,
    into target: UnsafeMutableBufferPointer<Float>
  ) {
    let width = target.count, others = Double(playerCount - 1), size = Double(size)
    parts[end].withUnsafeBufferPointer { parts in
      sums[end].withUnsafeBufferPointer { sums in
        squares[end].withUnsafeBufferPointer { squares in
          bases[end].withUnsafeBufferPointer { bases in
            let thinning = others > 1 ? size * (1 - (size - 1) / (others - 1)) : 0
            for unit in 0..<width {
              let own = parts[player * width + unit]
              let mean = others > 0 ? (sums[unit] - own) / others : 0
              switch moment {
              case .mean: target[unit] = Float(bases[unit] + size * mean + (isPresent ? own : 0))
              case .variance:
                let spread = others > 0 ? (squares[unit] - own * own) / others - mean * mean : 0
                target[unit] = Float(max(0, spread) * thinning)
              }
            }
          }
        }
      }
    }
  }
}
