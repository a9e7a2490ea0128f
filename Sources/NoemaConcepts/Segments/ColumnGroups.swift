internal import NoemaTensor

/// Groups of a table's columns, at one or more resolutions.
public struct ColumnGroups: Segmenter, Hashable, Codable {
  /// The columns of each group at each resolution, the coarsest first.
  public var groups: [[[Int]]]

  /// Takes groups; of one resolution.
  public init(_ groups: [[Int]]) { self.groups = [groups] }

  /// Finds groups of columns that correlate with the same columns, in either direction.
  ///
  /// Columns are joined by Ward's linkage of their rows of absolute correlations. A column that does not vary
  /// correlates with itself alone.
  ///
  /// - Parameters:
  ///   - table: examples × columns.
  ///   - counts: the number of groups at each resolution.
  /// - Throws: `ConceptError.tooFew` for fewer than 3 examples; `.parameters` for counts that are no number of
  ///   groups.
  public init(correlatedIn table: PointSet, counts: [Int]) throws(ConceptError) {
    guard table.count >= 3 else {
      throw ConceptError(.tooFew(set: "the table", found: table.count, needed: 3))
    }
    guard !counts.isEmpty else {
      throw ConceptError(.parameters("groups of columns need one or more counts"))
    }
    let tree = try Agglomerative(.ward).join(try PointSet(Self.correlations(table)))
    groups = try counts.sorted().map { count throws(ConceptError) in
      let labels = try tree.cut(clusterCount: count)
      return (0..<count).map { group in labels.indices.filter { labels[$0] == group } }
    }
  }

  public func levels(of example: SegmentedExample) throws(ConceptError) -> [[PositionSet]] {
    let columns = example.layout.positionCount
    if let bad = groups.joined().joined().first(where: { $0 < 0 || $0 >= columns }) {
      throw ConceptError(.parameters("a group names column \(bad), but columns are 0 to \(columns - 1)"))
    }
    return groups.map { $0.map { group in PositionSet(runs: group.map { $0..<$0 + 1 }) } }
  }

  /// The absolute correlations of the columns.
  private static func correlations(_ table: PointSet) -> Matrix {
    var columns = table.matrix
    columns.subtractColumnMeans()
    let scatter = columns.transposedTimes(columns)
    let spreads = (0..<scatter.rowCount).map { scatter[$0, $0].squareRoot() }
    // Columns that do not vary keep the rounding of their mean.
    let largest = (0..<table.dimension).map { column in
      (0..<table.count).reduce(0.0) { max($0, abs(Double(table.values[$1 * table.dimension + column]))) }
    }
    let varies = spreads.indices.map { spreads[$0] > 1e-12 * largest[$0] * Double(table.count).squareRoot() }
    var result = Matrix(rowCount: table.dimension, columnCount: table.dimension)
    for i in spreads.indices {
      for j in spreads.indices where varies[i] && varies[j] {
        result[i, j] = min(1, abs(scatter[i, j]) / (spreads[i] * spreads[j]))
      }
      result[i, i] = 1
    }
    return result
  }
}
