import Foundation
import NoemaTensor

@testable import NoemaConcepts

/// Points whose structure is known, and definitions written out without haste.
enum PlantedPoints {
  /// Independent standard normal coordinates.
  static func noise(_ count: Int, _ dimension: Int, seed: UInt64) throws -> PointSet {
    try PointSet(PlantedLayer.noise(count, dimension, seed: seed))
  }

  /// Normal clouds about the given centres, one after the other, with their labels.
  static func clouds(
    _ centres: [[Double]], sizes: [Int], spread: Double = 1, seed: UInt64
  ) throws -> (points: PointSet, labels: [Int]) {
    var random = RandomNumbers(seed: seed)
    var (values, labels) = ([Float](), [Int]())
    for (label, (centre, size)) in zip(centres, sizes).enumerated() {
      for _ in 0..<size {
        values += centre.map { Float($0 + spread * random.normal()) }
        labels.append(label)
      }
    }
    return (try PointSet(values, count: labels.count, dimension: centres[0].count), labels)
  }

  /// Three clouds in a plane that no method should confuse.
  static func threeClouds(sizes: [Int] = [30, 25, 20], seed: UInt64 = 1) throws -> (
    points: PointSet, labels: [Int]
  ) {
    try clouds([[0, 0], [20, 0], [0, 20]], sizes: sizes, seed: seed)
  }

  /// Points of one coordinate.
  static func line(_ values: [Float]) throws -> PointSet {
    try PointSet(values, count: values.count, dimension: 1)
  }

  /// A square lattice of whole numbers, whose distances have ties without end.
  static func lattice(_ side: Int, offset: Float = 0) throws -> PointSet {
    let values = (0..<side * side).flatMap { [Float($0 / side) + offset, Float($0 % side) + offset] }
    return try PointSet(values, count: side * side, dimension: 2)
  }

  /// Every coordinate changed.
  static func mapped(_ points: PointSet, _ change: (Float) -> Float) throws -> PointSet {
    try PointSet(points.values.map(change), count: points.count, dimension: points.dimension)
  }

  /// A random order.
  static func order(_ count: Int, seed: UInt64) -> [Int] {
    var random = RandomNumbers(seed: seed)
    return random.sample(count, below: count)
  }

  /// The distance as it is defined.
  static func distance(_ points: PointSet, _ i: Int, _ j: Int, _ metric: Metric = .euclidean) -> Double {
    func vector(_ index: Int) -> [Double] {
      let row = points.row(index).map { Double($0) }
      guard metric == .correlation else { return row }
      let mean = row.reduce(0, +) / Double(row.count)
      return row.map { $0 - mean }
    }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let (a, b) = (vector(i), vector(j))
    if metric == .euclidean {
      return zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }
    return 1 - dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  /// The share of pairs on which two clusterings agree, corrected for chance, from all pairs.
  static func adjustedRand(_ a: [Int], _ b: [Int]) -> Double {
    var (both, inA, inB, all) = (0.0, 0.0, 0.0, 0.0)
    for i in a.indices {
      for j in 0..<i {
        all += 1
        if a[i] == a[j] { inA += 1 }
        if b[i] == b[j] { inB += 1 }
        if a[i] == a[j] && b[i] == b[j] { both += 1 }
      }
    }
    let expected = inA * inB / all
    return (both - expected) / ((inA + inB) / 2 - expected)
  }

  /// Whether two clusterings are the same but for names; noise keeps its own.
  static func agree(_ a: [Int], _ b: [Int]) -> Bool {
    guard a.count == b.count else { return false }
    var (there, back) = ([Int: Int](), [Int: Int]())
    for (x, y) in zip(a, b) {
      guard (x < 0) == (y < 0), there[x, default: y] == y, back[y, default: x] == x else { return false }
      there[x] = y
      back[y] = x
    }
    return true
  }

  /// The connected parts of "closer than or at a height", by flooding.
  static func parts(_ points: PointSet, height: Double, _ metric: Metric = .euclidean) -> [Int] {
    var labels = [Int](repeating: -1, count: points.count)
    var next = 0
    for start in labels.indices where labels[start] < 0 {
      var queue = [start]
      labels[start] = next
      while let i = queue.popLast() {
        for j in labels.indices where labels[j] < 0 && distance(points, i, j, metric) <= height {
          labels[j] = next
          queue.append(j)
        }
      }
      next += 1
    }
    return labels
  }
}

/// The kind of the `ConceptError` that a call throws.
func kind(_ body: () throws -> Void) -> ConceptError.Kind? {
  do {
    try body()
    return nil
  } catch { return (error as? ConceptError)?.kind }
}

extension ConceptError.Kind {
  /// The case without what it says.
  var name: String { String(describing: self).prefix { $0 != "(" }.description }
}
