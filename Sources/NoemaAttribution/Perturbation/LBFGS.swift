/// A minimum of a smooth function of many numbers: limited-memory BFGS with a backtracking line search, which
/// never accepts an increase.
///
/// It is told values and derivatives at the points that it names, so that many searches can share batches.
///
/// - Source: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 3.1.
struct LBFGS {
  /// The point whose value is wanted.
  private(set) var trial: [Float]
  /// The best point so far; its value is `value`.
  private(set) var point: [Float]
  private(set) var value = Double.infinity
  /// Whether there is nothing left to try.
  private(set) var isDone = false
  /// The values of accepted points, in order.
  private(set) var history: [Double] = []

  private let range: ClosedRange<Float>?
  private let memory, steps: Int
  private var gradient: [Float] = []
  private var direction: [Float] = []
  private var pairs: [(step: [Float], change: [Float], product: Double)] = []
  private var length = 1.0
  private var rejections = 0

  /// Begins a search.
  ///
  /// - Parameters:
  ///   - memory: the number of earlier steps that shape the next one.
  ///   - steps: the number of points accepted at most.
  ///   - range: what the numbers are limited to; nil for nothing.
  init(from start: [Float], memory: Int, steps: Int, range: ClosedRange<Float>?) {
    (trial, point) = (start, start)
    (self.memory, self.steps, self.range) = (memory, steps, range)
  }

  /// Takes the value and the derivatives at `trial`, and names the next point.
  mutating func take(_ found: Double, _ slope: UnsafeBufferPointer<Float>) {
    guard !history.isEmpty else {
      (value, gradient, history) = (found, Array(slope), [found])
      turn()
      return
    }
    let moved = zip(trial, point).map { $0 - $1 }
    guard found.isFinite, found <= value + 1e-4 * Self.dot(gradient, moved) else {
      retreat()
      return
    }
    let change = zip(slope, gradient).map { $0 - $1 }, product = Self.dot(moved, change)
    // Without positive curvature the pair would spoil the directions to come.
    if product > 1e-10 * Self.dot(moved, moved) {
      pairs.append((moved, change, product))
      if pairs.count > memory { pairs.removeFirst() }
    }
    let isStill = moved.allSatisfy { abs($0) < 1e-9 } || abs(found - value) < 1e-9
    (point, value, gradient) = (trial, found, Array(slope))
    history.append(found)
    rejections = 0
    if isStill || history.count > steps { isDone = true } else { turn() }
  }

  /// Halves the step; after too many times along the gradient itself, gives up.
  private mutating func retreat() {
    rejections += 1
    length /= 2
    if rejections < 20 { return propose() }
    if pairs.isEmpty {
      isDone = true
    } else {
      pairs = []
      rejections = 0
      turn()
    }
  }

  /// Chooses a direction at the point.
  private mutating func turn() {
    guard gradient.contains(where: { abs($0) > 1e-7 }) else {
      isDone = true
      return
    }
    direction = gradient.map { -$0 }
    var shares = [Double](repeating: 0, count: pairs.count)
    for (index, pair) in pairs.enumerated().reversed() {
      shares[index] = Self.dot(pair.step, direction) / pair.product
      Self.add(-shares[index], pair.change, to: &direction)
    }
    if let last = pairs.last {
      let scale = Float(last.product / Self.dot(last.change, last.change))
      for i in direction.indices { direction[i] *= scale }
    }
    for (index, pair) in pairs.enumerated() {
      let back = Self.dot(pair.change, direction) / pair.product
      Self.add(shares[index] - back, pair.step, to: &direction)
    }
    // Without a memory of curvature the first step is no longer than 1 in all.
    length = pairs.isEmpty ? min(1, 1 / gradient.reduce(0) { $0 + Double(abs($1)) }) : 1
    propose()
  }

  private mutating func propose() {
    trial = point
    Self.add(length, direction, to: &trial)
    if let range {
      for i in trial.indices { trial[i] = min(max(trial[i], range.lowerBound), range.upperBound) }
    }
  }

  private static func dot(_ a: [Float], _ b: [Float]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += Double(a[i]) * Double(b[i]) }
    return sum
  }

  private static func add(_ factor: Double, _ terms: [Float], to sums: inout [Float]) {
    let factor = Float(factor)
    for i in sums.indices { sums[i] += factor * terms[i] }
  }
}
