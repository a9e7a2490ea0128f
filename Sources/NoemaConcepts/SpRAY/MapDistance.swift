internal import NoemaTensor

/// How far two relevance maps are from each other.
public enum MapDistance: Sendable, Hashable, Codable {
  /// As vectors, position by position.
  case vectors(Metric)
  /// As images: one less their structural similarity, in [0, 2] (``StructuralSimilarity``). A window has so many blocks
  /// of the prepared map along each side; values range over so much, nil for the range of the class's maps.
  case structural(window: Int = 7, range: Double? = nil)

  /// Refuses settings out of their range.
  ///
  /// - Throws: `ConceptError.parameters`.
  func validate() throws(ConceptError) {
    guard case .structural(let window, let range) = self else { return }
    // The extents of maps are not known yet.
    var settings = StructuralSimilarity(height: max(2, window), width: max(2, window))
    (settings.window, settings.range) = (window, range)
    try settings.validate()
  }

  /// The same with all fixed that would follow from maps, so that parts, surrogates and further maps are measured as
  /// the class is.
  func fitted(to maps: PointSet) -> MapDistance {
    guard case .structural(let window, nil) = self else { return self }
    return .structural(window: window, range: StructuralSimilarity.range(of: [maps]))
  }

  /// The neighbours of all maps.
  ///
  /// - Throws: `ConceptError.parameters` unless `1 ≤ k < n`, naming a map for which the metric is undefined, and for a
  ///   structural similarity of vectors or of maps smaller than its windows.
  func nearestNeighbors(
    of maps: PointSet, on grid: MapGrid?, k: Int
  ) throws(ConceptError) -> NearestNeighbors {
    switch self {
    case .vectors(let metric): try NearestNeighbors.find(maps, k: k, metric: metric)
    case .structural: try similarity(on: grid).nearestNeighbors(of: maps, k: k)
    }
  }

  /// The distances of some maps to others, `queries × maps`.
  ///
  /// - Throws: as for neighbours, naming the places of queries among themselves.
  func distances(
    from queries: PointSet, to maps: PointSet, on grid: MapGrid?
  ) throws(ConceptError) -> Matrix {
    switch self {
    case .vectors(let metric): try metric.distances(from: queries, to: maps)
    case .structural: try similarity(on: grid).distances(from: queries, to: maps)
    }
  }

  private func similarity(on grid: MapGrid?) throws(ConceptError) -> StructuralSimilarity {
    guard let grid else {
      throw ConceptError(
        .parameters(
          "structural similarity compares windows of maps, and vectors have none; take maps with rows and columns, or "
            + "another distance"))
    }
    var settings = StructuralSimilarity(channels: grid.channels, height: grid.height, width: grid.width)
    if case .structural(let window, let range) = self { (settings.window, settings.range) = (window, range) }
    return settings
  }
}

extension Metric {
  /// The distances of some points to others, `queries × points`.
  fileprivate func distances(from queries: PointSet, to points: PointSet) throws(ConceptError) -> Matrix {
    let (m, n) = (queries.count, points.count)
    // Queries come first, so that an error names their places among themselves.
    let joined = try PointSet(queries.values + points.values, count: m + n, dimension: points.dimension)
    let rows = try DistanceRows(joined, self)
    let parts = try parallelMap((m + 63) / 64) { block -> [Double] in
      let part = (block * 64)..<min((block + 1) * 64, m)
      var found = [Double](repeating: 0, count: part.count * n)
      rows.forEachSquare(of: part, to: m..<(m + n)) { start, squares, width in
        for row in 0..<part.count {
          for t in 0..<width {
            found[row * n + start - m + t] = distance(square: squares[row * width + t])
          }
        }
      }
      return found
    }
    return Matrix(rowCount: m, columnCount: n, elements: parts.flatMap { $0 })
  }
}
