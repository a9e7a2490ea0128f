/// The clusters of some points with the labels they go by; a negative label is noise.
struct ClusterLabels: Sendable {
  /// The labels, ascending.
  let names: [Int]
  /// The place of each point's label among them, −1 for noise.
  let clusters: [Int]
  /// The number of points of each cluster.
  let sizes: [Int]

  /// Reads labels.
  ///
  /// - Parameter count: the number of points.
  /// - Throws: `ConceptError.mismatch` unless there is a label for every point, `.parameters` for fewer clusters than
  ///   needed.
  init(_ labels: [Int], count: Int, needed: Int) throws(ConceptError) {
    guard labels.count == count else {
      throw ConceptError(.mismatch("found \(labels.count) labels of \(count) points; give one for each"))
    }
    names = Set(labels.lazy.filter { $0 >= 0 }).sorted()
    guard names.count >= needed else {
      throw ConceptError(
        .parameters(
          "found \(names.count) clusters without noise, at least \(needed) are needed; cluster more finely"))
    }
    let places = [Int: Int](uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    clusters = labels.map { places[$0] ?? -1 }
    var sizes = [Int](repeating: 0, count: names.count)
    for cluster in clusters where cluster >= 0 { sizes[cluster] += 1 }
    self.sizes = sizes
  }
}
