import NoemaTensor

@testable import NoemaConcepts

/// Points whose groups are known.
struct Blobs {
  let points: PointSet
  let labels: [Int]

  /// Gaussian blobs of unit variance, each at a distance from the origin along an axis of its own.
  init(_ count: Int, of size: Int, dimension: Int = 8, distance: Double = 12, seed: UInt64 = 1) throws {
    var matrix = PlantedLayer.noise(count * size, dimension, seed: seed)
    labels = (0..<count * size).map { $0 / size }
    for (i, label) in labels.enumerated() { matrix[i, label] += distance }
    points = try PointSet(matrix)
  }

  /// The mean share of a place's nearest places that belong to its own blob.
  func purity(_ layout: Matrix, k: Int = 5) -> Double {
    let n = labels.count
    var hits = 0
    for i in 0..<n {
      let order = (0..<n).filter { $0 != i }.sorted {
        Self.distance(layout, i, $0) < Self.distance(layout, i, $1)
      }
      hits += order.prefix(k).count { labels[$0] == labels[i] }
    }
    return Double(hits) / Double(n * k)
  }

  /// The Euclidean distance of two rows.
  static func distance(_ rows: Matrix, _ i: Int, _ j: Int) -> Double {
    (0..<rows.columnCount).reduce(0) { $0 + (rows[i, $1] - rows[j, $1]) * (rows[i, $1] - rows[j, $1]) }
      .squareRoot()
  }
}
