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

  init(_ design: KernelDesign) {
    self.design = design
    members = design.membership
    gram = members.scalingRows(design.weights.map { $0.squareRoot() }).gram()
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
    guard count > 1 else { return (Array(repeating: total, count: count), errors) }
    var kept = Array(0..<count)
    if let limit, limit < count { kept = try chosen(limit, worths, total: total) }
    guard kept.count > 1 else {
      if let only = kept.first { shares[only] = total }
      return (shares, errors)
    }
    let all = kept.count == count
    let columns = all ? members : members.selecting(rows: Array(0..<members.rowCount), columns: kept)
    let factor = try Cholesky(all ? gram : gram.selecting(rows: kept, columns: kept))
    let moments = columns.transposedTimes(zip(design.weights, worths).map { $0 * $1 })
    let free = factor.solve(moments), ones = factor.solve(Array(repeating: 1, count: kept.count))
    let sum = ones.reduce(0, +)
    let excess = (free.reduce(0, +) - total) / sum
    let found = zip(free, ones).map { $0 - excess * $1 }
    let residuals = zip(worths, columns.times(found)).map { $0 - $1 }
    let spread = standardErrors(residuals, columns, factor, ones: ones, sum: sum)
    for (place, player) in kept.enumerated() {
      (shares[player], errors[player]) = (found[place], spread[place])
    }
    return (shares, errors)
  }

  /// Standard errors by the influence that each drawn pair has on the shares (infinitesimal jackknife).
  ///
  /// Coalitions that were taken whole are not random and add nothing.
  private func standardErrors(
    _ residuals: [Double], _ columns: Matrix, _ factor: Cholesky, ones: [Double], sum: Double
  ) -> [Double] {
    let count = columns.columnCount, pairs = design.draws.count
    let drawn = design.draws.reduce(0, +)
    guard pairs > 1 else { return Array(repeating: 0, count: count) }
    var influence = Matrix(rowCount: count, columnCount: pairs)
    for pair in 0..<pairs {
      for row in [design.firstDrawn + 2 * pair, design.firstDrawn + 2 * pair + 1] {
        let weight = design.weights[row] / Double(design.draws[pair]) * residuals[row]
        for player in 0..<count { influence[player, pair] += weight * columns[row, player] }
      }
    }
    influence = factor.solve(influence)
    var means = [Double](repeating: 0, count: count), squares = means
    for pair in 0..<pairs {
      // What the constraint leaves of it.
      let shift = (0..<count).reduce(0) { $0 + influence[$1, pair] } / sum
      let times = Double(design.draws[pair])
      for player in 0..<count {
        let part = influence[player, pair] - shift * ones[player]
        means[player] += times * part / Double(drawn)
        squares[player] += times * part * part
      }
    }
    // Residuals are smaller than errors by what the fit took.
    let correction = Double(drawn) / Double(max(1, drawn - count))
    return (0..<count).map { player in
      (max(0, squares[player] - Double(drawn) * means[player] * means[player]) * correction).squareRoot()
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
