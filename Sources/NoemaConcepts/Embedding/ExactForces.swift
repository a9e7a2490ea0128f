internal import Foundation

/// The forces of t-SNE over all pairs, for layouts of some thousand points.
///
/// Each pair is met from both its ends: no two chunks write to the same point, and four points at a time share every
/// load.
struct ExactForces: LayoutForceField {
  private let count: Int
  /// The affinities of points 4 g to 4 g + 3 to point j, at `g · n + j`.
  private let quads: [SIMD4<Double>]

  init(_ affinities: SparseSymmetricMatrix) {
    let n = affinities.count
    var quads = [SIMD4<Double>](repeating: .zero, count: (n + 3) / 4 * n)
    for i in 0..<n {
      for place in affinities.entries(of: i) {
        quads[i / 4 * n + Int(affinities.columns[place])][i % 4] = affinities.values[place]
      }
    }
    (count, self.quads) = (n, quads)
  }

  func forces(at layout: [SIMD2<Double>], measuring: Bool) throws(ConceptError) -> LayoutForces {
    let parts = try parallelMap(PointChunks.count(count)) { chunk in
      forces(on: PointChunks.range(chunk, of: count), at: layout, measuring: measuring)
    }
    var result = LayoutForces()
    for part in parts { result.append(part) }
    return result
  }

  private func forces(on points: Range<Int>, at layout: [SIMD2<Double>], measuring: Bool) -> LayoutForces {
    var result = LayoutForces()
    layout.withUnsafeBufferPointer { layout in
      quads.withUnsafeBufferPointer { quads in
        for start in stride(from: points.lowerBound, to: points.upperBound, by: 4) {
          let lanes = start..<min(start + 4, points.upperBound)
          let first = start / 4 * count
          var four = FourPoints(lanes) { layout[$0] }
          for j in 0..<count { four.add(layout[j], affinities: quads[first + j]) }
          four.append(lanes.count, to: &result, withAttraction: true)
          guard measuring else { continue }
          for (lane, i) in lanes.enumerated() {
            for j in 0..<count {
              let difference = layout[i] - layout[j]
              let square = 1 + (difference * difference).sum()
              result.stretch += quads[first + j][lane] * log(square)
            }
          }
        }
      }
    }
    return result
  }
}
