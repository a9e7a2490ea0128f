internal import NoemaGraph
internal import NoemaTensor

/// Coalitions on many background rows, of a network that begins with an affine map of the attributed values.
///
/// Of a mixture such a map makes the sum of what its players add to a row `r`:
/// `A(x_S, b_{N∖S}) = A(r) + Σ_{i∈S} A(xᵢ − rᵢ) + Σ_{i∉S} A(bᵢ − rᵢ)`. So the map is taken of each player alone instead
/// of each mixture, what background rows add is the same for all examples, and the network runs from the end of the map
/// on.
struct AffineGame {
  private let prefix: BatchRunner
  /// The network behind the map, once for each thread.
  private let tails: [BatchRunner]
  private let background: [Tensor]
  /// The mean background row, from which what players add is counted: so sums lose few digits.
  private let centre: [[Float]]
  private let rowCount: Int
  private let unitCount: Int

  /// Compiles both parts; nil where the network does not begin with an affine map that ends in one value, or where what
  /// players add takes too much memory.
  ///
  /// - Parameters:
  ///   - players: how many there are at most.
  ///   - rowsPerExample: about how many rows an example needs.
  init?(_ subject: Subject, background: [Tensor], players: Int, rowsPerExample: Int) throws {
    rowCount = background[0].shape[0]
    guard rowCount > 1 else { return nil }
    let whole = try subject.affinePart(
      of: subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes))
    guard whole.ends.count == 1, whole.ends != [whole.explained] else { return nil }
    let shape = whole.graph.type(of: whole.ends[0]).shape
    unitCount = shape.dropFirst().reduce(1, *)
    guard shape.count > 1, unitCount > 0,
      players.multipliedCapped(by: unitCount).multipliedCapped(by: rowCount) <= Self.mostParts
    else { return nil }
    prefix = try Self.runner(subject, rows: players.multipliedCapped(by: rowCount)) {
      graph, ends, _ throws(GraphError) in
      graph.outputs = ends
      try graph.apply(Pass.canonical)
    }
    // Whole coalitions fill a batch, so that none is filled up; threads have their share of the cache each.
    let most = subject.maximumBatch.multipliedCapped(by: Self.batchFactor) / EngineThreads.count
    let rows = max(1, min(most, rowsPerExample) / rowCount) * rowCount
    var part = subject
    part.memory /= EngineThreads.count
    let weights = SharedWeights()
    let tails = try (0..<EngineThreads.count).map { _ in
      try Self.runner(part, rows: rows, weights) { graph, ends, explained throws(GraphError) in
        try graph.begin(at: ends, keeping: explained)
        graph.outputs = [explained]
      }
    }
    guard tails[0].inputTypes.count == 1, prefix.outputTypes[0].shape.first == prefix.batchSize,
      tails[0].outputTypes[0].shape.first == tails[0].batchSize
    else { return nil }
    self.tails = tails
    self.background = background
    centre = background.map { tensor in
      let rows = tensor.shape[0], width = tensor.count / rows
      return tensor.withElements(as: Float.self) { elements in
        (0..<width).map { column in
          Float((0..<rows).reduce(0.0) { $0 + Double(elements[$1 * width + column]) } / Double(rows))
        }
      }
    }
  }

  /// Numbers that players of all background rows may add, in float32 256 MiB.
  private static let mostParts = 1 << 26

  /// Rows without gradients are small: what limits their number is the cache.
  private static let batchFactor = 128

  private static func runner(
    _ subject: Subject, rows: Int, _ weights: SharedWeights = SharedWeights(),
    _ derive: (inout Graph, _ ends: [Value], _ explained: Value) throws(GraphError) -> Void
  ) throws -> BatchRunner {
    try BatchRunner(
      subject.network, examples: rows, memory: subject.memory,
      maximumBatch: subject.maximumBatch.multipliedCapped(by: batchFactor), shapes: subject.shapes,
      weights: weights
    ) { graph throws(GraphError) in
      var (graph, explained, ends) = try subject.affinePart(of: graph)
      try derive(&graph, ends, explained)
      return graph
    }
  }

  /// Whether the map of each player alone takes fewer rows than coalitions do.
  func pays(players: Int, examples: Int, coalitions: Int) -> Bool {
    players.multipliedCapped(by: rowCount + examples) < coalitions.multipliedCapped(by: rowCount)
  }

  /// The mean output of coalitions over the background rows, the same coalitions for several examples.
  ///
  /// - Parameters:
  ///   - players: those of each of the examples.
  ///   - values: the attributed values of the batch.
  ///   - examples: their places in the batch.
  ///   - classes: the explained class of each example of the batch.
  /// - Returns: for each example the output of each coalition.
  /// - Throws: `GraphError.notFinite` that names the example.
  func outputs(
    of sets: [PlayerSet], players: Players, values: [Tensor], examples: [Int], classes: [Int]
  ) throws -> [[Double]] {
    let absent = try parts(of: background, rows: Array(0..<rowCount), players)
    let present = try examples.map { try parts(of: values, rows: [$0], players) }
    let step = max(1, tails[0].batchSize / rowCount), workers = tails.count
    var sums = [Double](repeating: 0, count: examples.count * sets.count)
    var failures = [(any Error)?](repeating: nil, count: workers)
    sums.withUnsafeMutableBufferPointer { sums in
      failures.withUnsafeMutableBufferPointer { failures in
        // Each worker has its own network, and writes the sums of its own coalitions and its own failure.
        nonisolated(unsafe) let (game, sums, failures) = (self, sums, failures)
        EngineThreads.run(workers) { worker in
          do {
            for start in stride(from: worker * step, to: sets.count, by: workers * step) {
              let range = start..<min(start + step, sets.count)
              // Players × coalitions.
              let members = (0..<players.count).flatMap { player in
                sets[range].map { $0.contains(player) ? Float(1) : 0 }
              }
              let shared = Self.product(members.map { 1 - $0 }, absent.added, players.count)
              for (place, example) in examples.enumerated() {
                let own = Self.product(members, present[place].added, players.count)
                let found = try game.sums(
                  shared, own, base: absent.base, class: classes[example], by: game.tails[worker])
                guard found.allSatisfy(\.isFinite) else {
                  throw GraphError(.notFinite(value: "output", example: example))
                }
                for (offset, sum) in found.enumerated() { sums[place * sets.count + start + offset] = sum }
              }
            }
          } catch { failures[worker] = error }
        }
      }
    }
    if let failure = failures.lazy.compactMap(\.self).first { throw failure }
    return examples.indices.map { place in
      sums[place * sets.count..<(place + 1) * sets.count].map { $0 / Double(rowCount) }
    }
  }

  /// Runs coalitions on all background rows: the sum of each one's outputs.
  ///
  /// - Parameters:
  ///   - shared: what the background rows add, coalitions × rows × units.
  ///   - own: what the example adds, coalitions × units.
  ///   - base: the map of the centre.
  private func sums(
    _ shared: [Float], _ own: [Float], base: [Float], class target: Int, by tail: BatchRunner
  ) throws -> [Double] {
    let type = tail.inputTypes[0], count = shared.count / unitCount
    var sums = [Double](repeating: 0, count: own.count / unitCount)
    for start in stride(from: 0, to: count, by: tail.batchSize) {
      let rows = start..<min(start + tail.batchSize, count)
      let made = try Tensor(shape: [rows.count] + type.shape.dropFirst(), elementType: .float32) { bytes in
        let target = bytes.bindMemory(to: Float.self).baseAddress!
        shared.withUnsafeBufferPointer { shared in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: unitCount) { part in
            for coalition in coalitions(of: rows) {
              for unit in 0..<unitCount { part[unit] = own[coalition * unitCount + unit] + base[unit] }
              for row in rows.clamped(to: coalition * rowCount..<(coalition + 1) * rowCount) {
                let given = shared.baseAddress! + row * unitCount
                let sum = target + (row - start) * unitCount
                for unit in 0..<unitCount { sum[unit] = given[unit] + part[unit] }
              }
            }
          }
        }
      }
      let output = try tail.run([made.converted(to: type.element)])[0].converted(to: .float32)
      let width = output.count / rows.count
      output.withElements(as: Float.self) { scores in
        for coalition in coalitions(of: rows) {
          for row in rows.clamped(to: coalition * rowCount..<(coalition + 1) * rowCount) {
            sums[coalition] += Double(scores[(row - start) * width + target])
          }
        }
      }
    }
    return sums
  }

  /// The coalitions that some rows belong to.
  private func coalitions(of rows: Range<Int>) -> ClosedRange<Int> {
    rows.lowerBound / rowCount...(rows.upperBound - 1) / rowCount
  }

  /// What each player of some rows adds at the end of the map, players × (rows × units), and the map of the centre.
  private func parts(
    of values: [Tensor], rows: [Int], _ players: Players
  ) throws -> (added: [Float], base: [Float]) {
    let count = rows.count * players.count
    var found: [Float] = []
    found.reserveCapacity((count + 1) * unitCount)
    // Each row with each player alone, and the centre alone at last.
    for start in stride(from: 0, through: count, by: prefix.batchSize) {
      let range = start..<min(start + prefix.batchSize, count + 1)
      let made = try values.indices.map { value in
        let owners = players.owners[value], width = owners.count, type = prefix.inputTypes[value]
        let tensor = try Tensor(shape: [range.count] + type.shape.dropFirst(), elementType: .float32) {
          bytes in
          let target = bytes.bindMemory(to: Float.self)
          values[value].withElements(as: Float.self) { given in
            for index in range {
              let place = (index - range.lowerBound) * width
              let player = index < count ? index % players.count : -1
              let source = index < count ? rows[index / players.count] * width : 0
              for i in 0..<width {
                target[place + i] = Int(owners[i]) == player ? given[source + i] : centre[value][i]
              }
            }
          }
        }
        return tensor.converted(to: type.element)
      }
      found += try prefix.run(made)[0].converted(to: .float32).elements(as: Float.self)
    }
    let base = Array(found[(count * unitCount)...])
    var added = [Float](repeating: 0, count: count * unitCount)
    for row in rows.indices {
      for player in 0..<players.count {
        let from = (row * players.count + player) * unitCount
        let to = (player * rows.count + row) * unitCount
        for unit in 0..<unitCount { added[to + unit] = found[from + unit] - base[unit] }
      }
    }
    return (added, base)
  }

  /// `aᵀ · b` of matrices that have a row for each player.
  private static func product(_ a: [Float], _ b: [Float], _ players: Int) -> [Float] {
    let (left, right) = (a.count / players, b.count / players)
    return [Float](unsafeUninitializedCapacity: max(1, left * right)) { result, count in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          SinglePrecision.transposedProduct(a, left: left, b, right: right, count: players, into: result)
        }
      }
      count = left * right
    }
  }
}
