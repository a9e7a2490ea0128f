internal import Foundation
internal import NoemaTensor

/// The coalitions that KernelSHAP evaluates, with their weights: sizes whose subsets the budget covers are
/// taken whole, the rest is drawn, each coalition with its complement.
///
/// The design depends on the number of players, the budget and the seed alone, so that examples share it.
struct KernelDesign: Sendable {
  let playerCount: Int
  /// The coalitions, of players numbered from 0.
  private(set) var sets: [PlayerSet] = []
  /// The weight of each coalition; they sum to 1.
  private(set) var weights: [Double] = []
  /// How often each pair was drawn; pair `k` stands at `firstDrawn + 2k` and behind it.
  private(set) var draws: [Int] = []
  /// The place of the first coalition that was drawn.
  private(set) var firstDrawn = 0

  /// Fills a budget of coalitions.
  init(players: Int, budget: Int, seed: UInt64) {
    playerCount = players
    guard players > 1 else { return }
    let sizes = Array(1...players / 2)
    // A size and the size of its complements count together.
    let kernel = sizes.map { size in
      Double(players - 1) / Double(size * (players - size)) * (2 * size == players ? 1 : 2)
    }
    let total = kernel.reduce(0, +)
    var shares = kernel.map { $0 / total }, left = budget, mass = 1.0, next = 0
    while next < sizes.count {
      let count = binomial(players, sizes[next]) * (2 * sizes[next] == players ? 1 : 2)
      guard Double(left) * shares[next] / mass >= count * (1 - 1e-8), Double(left) >= count else { break }
      addAll(of: sizes[next], weight: shares[next] / count)
      left -= Int(count)
      mass -= shares[next]
      shares[next] = 0
      next += 1
    }
    firstDrawn = sets.count
    if next < sizes.count {
      draw(
        sizes: sizes, shares: shares, mass: shares.reduce(0, +), budget: left, tries: 4 * budget, seed: seed)
    }
  }

  /// Every subset of a size, and its complement where that is another size.
  private mutating func addAll(of size: Int, weight: Double) {
    var members = Array(0..<size)
    while true {
      var set = PlayerSet(capacity: playerCount)
      for member in members { set.insert(member) }
      sets.append(set)
      weights.append(weight)
      if 2 * size != playerCount {
        sets.append(set.complement(of: playerCount))
        weights.append(weight)
      }
      // The next combination in lexicographic order.
      guard let place = members.indices.last(where: { members[$0] < playerCount - size + $0 }) else { return }
      members[place] += 1
      for later in members.indices[(place + 1)...] { members[later] = members[later - 1] + 1 }
    }
  }

  /// Draws coalitions with their complements; one that is drawn again weighs more.
  private mutating func draw(
    sizes: [Int], shares: [Double], mass: Double, budget: Int, tries: Int, seed: UInt64
  ) {
    var random = RandomNumbers(seed: seed).split(playerCount)
    var places: [PlayerSet: Int] = [:]
    for _ in 0..<tries {
      var choice = random.uniform() * mass, index = shares.lastIndex { $0 > 0 } ?? 0
      for (place, share) in shares.enumerated() where share > 0 {
        choice -= share
        if choice < 0 {
          index = place
          break
        }
      }
      var set = PlayerSet(capacity: playerCount)
      for player in random.sample(sizes[index], below: playerCount) { set.insert(player) }
      // A pair is known by its member without player 0.
      if set.contains(0) { set = set.complement(of: playerCount) }
      if let pair = places[set] {
        draws[pair] += 1
      } else if 2 * (draws.count + 1) <= budget {
        places[set] = draws.count
        draws.append(1)
        sets += [set, set.complement(of: playerCount)]
      } else {
        break
      }
    }
    let unit = mass / Double(2 * max(1, draws.reduce(0, +)))
    for count in draws { weights += [unit * Double(count), unit * Double(count)] }
  }
}

/// The constrained least squares of a design: shares that sum to a given total.
struct KernelRegression: Sendable {
  let design: KernelDesign
  /// A row for each coalition: 1 for members.
  private let members: Matrix
  /// `Σ w z zᵀ`.
  private let gram: Matrix
  /// The system of all players; nil for a single one.
  private let whole: System?

  /// - Throws: `TensorError` when the coalitions leave players undetermined.
  init(_ design: KernelDesign) throws(TensorError) {
    self.design = design
    members = design.membership
    gram = members.scalingRows(design.weights.map { $0.squareRoot() }).gram()
    whole = design.playerCount > 1 ? try System(design, members, gram) : nil
  }

  /// The shares that fit the worths of the design's coalitions best.
  ///
  /// - Parameters:
  ///   - worths: what each coalition is worth above no player.
  ///   - total: what all players are worth above none.
  ///   - limit: how many players may have a share; nil for all.
  /// - Returns: shares and their standard errors.
  func solve(_ worths: [Double], total: Double, limit: Int?) throws -> (shares: [Double], errors: [Double]) {
    let count = design.playerCount
    var (shares, errors) = (Array(repeating: 0.0, count: count), Array(repeating: 0.0, count: count))
    guard let whole else { return (Array(repeating: total, count: count), errors) }
    guard let limit, limit < count else { return whole.solve(worths, total: total, design) }
    let kept = try chosen(limit, worths, total: total)
    guard kept.count > 1 else {
      if let only = kept.first { shares[only] = total }
      return (shares, errors)
    }
    let system = try System(
      design, members.selecting(rows: Array(0..<members.rowCount), columns: kept),
      gram.selecting(rows: kept, columns: kept))
    let found = system.solve(worths, total: total, design)
    for (place, player) in kept.enumerated() {
      (shares[player], errors[player]) = (found.shares[place], found.errors[place])
    }
    return (shares, errors)
  }

  /// The equations of some players, solved but for the worths.
  private struct System: Sendable {
    /// A row for each coalition: 1 for members.
    let columns: Matrix
    /// What each coalition's worth adds to the shares, which sums to 0: `w (G⁻¹ z − 1ᵀG⁻¹z / 1ᵀG⁻¹1 · G⁻¹1)`.
    let response: Matrix
    /// What the total adds to the shares: `G⁻¹1 / 1ᵀG⁻¹1`.
    let base: [Double]

    init(_ design: KernelDesign, _ columns: Matrix, _ gram: Matrix) throws(TensorError) {
      let factor = try Cholesky(gram), count = columns.columnCount
      let ones = factor.solve(Array(repeating: 1, count: count))
      let sum = ones.reduce(0, +), base = ones.map { $0 / sum }
      var response = factor.solve(columns.scalingRows(design.weights).transposed).transposed
      for row in 0..<response.rowCount {
        let excess = (0..<count).reduce(0) { $0 + response[row, $1] }
        for player in 0..<count { response[row, player] -= excess * base[player] }
      }
      (self.columns, self.response, self.base) = (columns, response, base)
    }

    func solve(
      _ worths: [Double], total: Double, _ design: KernelDesign
    ) -> (shares: [Double], errors: [Double]) {
      let shares = zip(response.transposedTimes(worths), base).map { $0 + total * $1 }
      let residuals = zip(worths, columns.times(shares)).map { $0 - $1 }
      return (shares, standardErrors(residuals, design))
    }

    /// Standard errors by the influence that each drawn pair has on the shares (infinitesimal jackknife).
    ///
    /// Coalitions that were taken whole are not random and add nothing.
    private func standardErrors(_ residuals: [Double], _ design: KernelDesign) -> [Double] {
      let count = base.count, drawn = Double(design.draws.reduce(0, +))
      var means = [Double](repeating: 0, count: count), squares = means
      guard design.draws.count > 1 else { return means }
      response.elements.withUnsafeBufferPointer { response in
        for (pair, times) in design.draws.enumerated() {
          let first = design.firstDrawn + 2 * pair, times = Double(times)
          let one = residuals[first] / times, other = residuals[first + 1] / times
          for player in 0..<count {
            let part =
              one * response[first * count + player] + other * response[(first + 1) * count + player]
            means[player] += times * part / drawn
            squares[player] += times * part * part
          }
        }
      }
      // Residuals are smaller than errors by what the fit took.
      let correction = drawn / max(1, drawn - Double(count))
      return zip(means, squares).map { mean, square in
        (max(0, square - drawn * mean * mean) * correction).squareRoot()
      }
    }
  }

  /// The players that enter first on the least-angle path of the unconstrained problem, in which each
  /// coalition counts by what it adds to none and by what it lacks of all.
  ///
  /// - Source: the `num_features` selection of the shap library's KernelExplainer.
  private func chosen(_ limit: Int, _ worths: [Double], total: Double) throws -> [Int] {
    let count = design.playerCount
    var above: [Double] = [], below: [Double] = []
    for (set, weight) in zip(design.sets, design.weights) {
      let size = set.words.reduce(0) { $0 + $1.nonzeroBitCount }
      above.append((weight * Double(count - size)).squareRoot())
      below.append((weight * Double(size)).squareRoot())
    }
    var absent = members
    for index in absent.elements.indices { absent.elements[index] -= 1 }
    let (present, missing) = (members.scalingRows(above), absent.scalingRows(below))
    var gram = present.gram()
    for (index, element) in missing.gram().elements.enumerated() { gram.elements[index] += element }
    let first = present.transposedTimes(zip(above, worths).map { $0 * $1 })
    let second = missing.transposedTimes(zip(below, worths).map { $0 * ($1 - total) })
    let moments = zip(first, second).map { $0 + $1 }
    return try LeastAngle(isLasso: false).path(gram: gram, moments: moments, limit: limit).last?.active
      .sorted() ?? []
  }
}

extension KernelDesign {
  /// A row for each coalition: 1 for members, 0 for others.
  fileprivate var membership: Matrix {
    var matrix = Matrix(rowCount: sets.count, columnCount: playerCount)
    for (row, set) in sets.enumerated() {
      for player in 0..<playerCount where set.contains(player) { matrix[row, player] = 1 }
    }
    return matrix
  }
}

extension Matrix {
  /// Each row times its factor.
  func scalingRows(_ factors: [Double]) -> Matrix {
    var result = self
    result.elements.withUnsafeMutableBufferPointer { elements in
      for row in 0..<rowCount {
        for column in 0..<columnCount { elements[row * columnCount + column] *= factors[row] }
      }
    }
    return result
  }

  /// `selfᵀ · self`.
  func gram() -> Matrix { transposedTimes(self) }

  /// `selfᵀ · vector`.
  func transposedTimes(_ vector: [Double]) -> [Double] {
    transposedTimes(Matrix(rowCount: vector.count, columnCount: 1, elements: vector)).elements
  }
}
