internal import Foundation

/// The forces of t-SNE with affinities to neighbours only and distant points taken together, O(n log n).
///
/// - Source: van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 2014.
struct BarnesHutForces: LayoutForceField {
  private let affinities: SparseSymmetricMatrix
  private var tree: QuadTree

  /// Prepares a field.
  ///
  /// - Parameter openingAngle: θ; 0 for all pairs.
  init(_ affinities: SparseSymmetricMatrix, openingAngle: Double) {
    self.affinities = affinities
    tree = QuadTree(count: affinities.count, openingAngle: openingAngle)
  }

  mutating func forces(at layout: [SIMD2<Double>], measuring: Bool) throws(ConceptError) -> LayoutForces {
    tree.arrange(layout)
    let (tree, affinities, n) = (self.tree, self.affinities, layout.count)
    let parts = try parallelMap(PointChunks.count(n)) { chunk in
      let range = PointChunks.range(chunk, of: n)
      var part = tree.repulsion(on: range)
      Self.attract(range, at: layout, by: affinities, measuring, &part)
      return part
    }
    var result = LayoutForces()
    for part in parts { result.append(part) }
    // Repulsion comes in the order of the tree.
    let repulsion = result.repulsion
    for (place, member) in tree.members.enumerated() {
      result.repulsion[Int(member.index)] = repulsion[place]
    }
    return result
  }

  /// Appends the attraction of some points.
  private static func attract(
    _ points: Range<Int>, at layout: [SIMD2<Double>], by affinities: SparseSymmetricMatrix, _ measuring: Bool,
    _ forces: inout LayoutForces
  ) {
    layout.withUnsafeBufferPointer { layout in
      affinities.columns.withUnsafeBufferPointer { columns in
        affinities.values.withUnsafeBufferPointer { values in
          for i in points {
            let own = layout[i]
            var force = SIMD2<Double>.zero
            for place in affinities.entries(of: i) {
              let difference = own - layout[Int(columns[place])]
              let square = 1 + (difference * difference).sum()
              force += difference * (values[place] / square)
              if measuring { forces.stretch += values[place] * log(square) }
            }
            forces.attraction.append(force)
          }
        }
      }
    }
  }
}
