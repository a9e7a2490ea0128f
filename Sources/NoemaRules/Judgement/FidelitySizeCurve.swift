internal import Glibc

/// Fidelity against size: how much is gained by reading more rules, and where to stop.
public struct FidelitySizeCurve: Sendable, Hashable, Codable {
  /// One rule set that was tried.
  public struct Point: Sendable, Hashable, Codable {
    /// What made it: a parameter and its value, say.
    public let name: String
    /// How large it is, in rules or terms.
    public let size: Int
    /// Its fidelity on held-out data.
    public let fidelity: Estimate

    /// Makes a point.
    public init(name: String, size: Int, fidelity: Estimate) {
      self.name = name
      self.size = size
      self.fidelity = fidelity
    }
  }

  /// All points, by ascending size, then descending fidelity.
  public let points: [Point]
  /// The indices of the points that no smaller one reaches in fidelity, ascending.
  public let front: [Int]
  /// The point of the front farthest above the line from its first to its last point, size taken as a logarithm: where
  /// more rules begin to bring less. The last of a front of two or fewer points; nil without points.
  public let knee: Int?
  /// The smallest point whose fidelity is within one standard error of the best one; nil without points.
  public let smallestWithinError: Int?

  /// Makes the curve of the rule sets that were tried.
  public init(_ points: [Point]) {
    let sorted = points.enumerated().sorted { a, b in
      (a.element.size, -a.element.fidelity.value, a.offset) < (
        b.element.size, -b.element.fidelity.value, b.offset
      )
    }.map(\.element)
    var front: [Int] = []
    for (index, point) in sorted.enumerated() {
      if let last = front.last, point.fidelity.value <= sorted[last].fidelity.value { continue }
      front.append(index)
    }
    self.points = sorted
    self.front = front
    knee = FidelitySizeCurve.knee(sorted, front)
    smallestWithinError = front.last.flatMap { best in
      let top = sorted[best].fidelity
      let error = (top.value * (1 - top.value) / Double(max(1, top.count))).squareRoot()
      return front.first { sorted[$0].fidelity.value >= top.value - error }
    }
  }

  private static func knee(_ points: [Point], _ front: [Int]) -> Int? {
    guard let first = front.first, let last = front.last, front.count > 2 else { return front.last }
    func place(_ index: Int) -> (x: Double, y: Double) {
      (log(Double(max(1, points[index].size))), points[index].fidelity.value)
    }
    let (start, end) = (place(first), place(last))
    guard end.x > start.x, end.y > start.y else { return last }
    var best = (index: last, height: 0.0)
    for index in front {
      let point = place(index)
      let height = (point.y - start.y) / (end.y - start.y) - (point.x - start.x) / (end.x - start.x)
      if height > best.height + 1e-12 { best = (index, height) }
    }
    return best.index
  }
}
