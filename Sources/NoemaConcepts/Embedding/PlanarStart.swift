internal import NoemaTensor

/// Where the points of a layout start.
enum PlanarStart {
  /// The coordinates along the two leading principal components; zeros along those that the points do not have.
  static func principalComponents(_ points: PointSet, seed: UInt64) throws(ConceptError) -> [SIMD2<Double>] {
    let (n, d) = (points.count, points.dimension)
    // A start needs few digits, so only small problems are decomposed in full.
    let isSmall = min(n, d) <= 500 && Double(n) * Double(d) * Double(min(n, d)) <= 4e9
    let scores: Matrix
    do {
      scores = try PrincipalComponents(
        points, count: 2, route: isSmall ? .exact : .randomised(rank: 2, seed: seed)
      ).scores
    } catch let error as ConceptError {
      throw error
    } catch {
      throw ConceptError(.algebra("principal components: \(error)"))
    }
    return (0..<n).map { i in
      SIMD2(scores.columnCount > 0 ? scores[i, 0] : 0, scores.columnCount > 1 ? scores[i, 1] : 0)
    }
  }

  /// Independent normal coordinates.
  static func random(_ count: Int, deviation: Double, using random: inout RandomNumbers) -> [SIMD2<Double>] {
    (0..<count).map { _ in SIMD2(random.normal(), random.normal()) * deviation }
  }
}

extension Matrix {
  /// Points of the plane, one a row.
  init(plane points: [SIMD2<Double>]) {
    self.init(rowCount: points.count, columnCount: 2, elements: points.flatMap { [$0.x, $0.y] })
  }
}
