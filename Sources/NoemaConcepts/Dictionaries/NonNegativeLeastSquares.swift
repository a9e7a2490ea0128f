internal import NoemaTensor

/// The least `½ uᵀ (G + λI) u − pᵀ u` over u of 0 or more, by an active set: numbers are let go of 0 one at a time, the
/// one that helps most first, and held again when they would turn negative.
///
/// - Sources: Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23; Bro and de Jong, Journal of
///   Chemometrics 1997, for working with products.
struct NonNegativeLeastSquares {
  private let count: Int
  /// `G + λI`, row by row.
  private let gram: [Double]
  /// The indices that are free, in the order in which they became so.
  private var free: [Int] = []
  /// The Cholesky factor of the free part, row by row, `count` numbers a row.
  private var factor: [Double]
  private var work: [Double]

  init(_ gram: Matrix, penalty: Double) {
    count = gram.rowCount
    var elements = gram.elements
    for i in 0..<count { elements[i * count + i] += penalty }
    self.gram = elements
    factor = [Double](repeating: 0, count: count * count)
    work = [Double](repeating: 0, count: count)
  }

  /// The u of 0 or more that leaves the least `‖a − u W‖² + λ ‖u‖²` of each row a, `rows × atoms`.
  static func coefficients(
    of rows: PointSet, _ atoms: Matrix, penalty: Double
  ) throws(ConceptError) -> Matrix {
    let gram = atoms.timesTransposed(atoms)
    let size = max(64, (rows.count + 15) / 16)
    let parts = try parallelMap((rows.count + size - 1) / size) { block throws(ConceptError) -> [Double] in
      let range = (block * size)..<min((block + 1) * size, rows.count)
      let targets = try rows.selecting(Array(range)).matrix.timesTransposed(atoms)
      var solver = NonNegativeLeastSquares(gram, penalty: penalty)
      var coefficients: [Double] = []
      for row in 0..<range.count { coefficients += solver.solve(Array(targets.row(row))) }
      return coefficients
    }
    return Matrix(rowCount: rows.count, columnCount: atoms.rowCount, elements: Array(parts.joined()))
  }

  /// Solves for one p.
  mutating func solve(_ target: [Double]) -> [Double] {
    var solution = [Double](repeating: 0, count: count)
    free.removeAll(keepingCapacity: true)
    var gradient = target
    var isHeld = [Bool](repeating: true, count: count)
    let scale = target.reduce(0) { max($0, abs($1)) }
    // Each step lets the objective fall, so that no set of free numbers comes twice; rounding alone needs the limit.
    for _ in 0..<(3 * count + 10) {
      var best = -1
      for i in 0..<count where isHeld[i] && gradient[i] > 1e-11 * scale {
        if best < 0 || gradient[i] > gradient[best] { best = i }
      }
      guard best >= 0 else { break }
      isHeld[best] = false
      guard append(best) else {
        // A sum of free ones has nothing to add.
        gradient[best] = 0
        isHeld[best] = true
        continue
      }
      settle(&solution, target, &isHeld)
      for i in 0..<count {
        gradient[i] = isHeld[i] ? target[i] : 0
        guard isHeld[i] else { continue }
        for j in free { gradient[i] -= gram[i * count + j] * solution[j] }
      }
    }
    return solution
  }

  /// Moves to the best of the free numbers, holding those that would turn negative on the way.
  private mutating func settle(_ solution: inout [Double], _ target: [Double], _ isHeld: inout [Bool]) {
    while true {
      substitute(target)
      var share = 1.0
      for (place, i) in free.enumerated() where work[place] <= 0 {
        share = min(share, solution[i] / (solution[i] - work[place]))
      }
      for (place, i) in free.enumerated() { solution[i] += share * (work[place] - solution[i]) }
      guard share < 1 else { return }
      let least = 1e-14 * (solution.max() ?? 0)
      let kept = free.filter { solution[$0] > least }
      for i in free where !kept.contains(i) {
        solution[i] = 0
        isHeld[i] = true
      }
      free.removeAll(keepingCapacity: true)
      for i in kept where !append(i) {
        solution[i] = 0
        isHeld[i] = true
      }
      if free.isEmpty { return }
    }
  }

  /// Adds a row to the factor; false when the free part would be singular.
  private mutating func append(_ index: Int) -> Bool {
    let n = free.count
    var rest = gram[index * count + index]
    let diagonal = rest
    for row in 0..<n {
      var value = gram[index * count + free[row]]
      for k in 0..<row { value -= factor[row * count + k] * factor[n * count + k] }
      value /= factor[row * count + row]
      factor[n * count + row] = value
      rest -= value * value
    }
    guard diagonal > 0, rest > 1e-12 * diagonal else { return false }
    factor[n * count + n] = rest.squareRoot()
    free.append(index)
    return true
  }

  /// Solves for the free numbers, in `work`.
  private mutating func substitute(_ target: [Double]) {
    let n = free.count
    for row in 0..<n {
      var value = target[free[row]]
      for k in 0..<row { value -= factor[row * count + k] * work[k] }
      work[row] = value / factor[row * count + row]
    }
    for row in stride(from: n - 1, through: 0, by: -1) {
      var value = work[row]
      for k in (row + 1)..<max(n, row + 1) { value -= factor[k * count + row] * work[k] }
      work[row] = value / factor[row * count + row]
    }
  }
}
