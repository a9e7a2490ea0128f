/// The tree of least total length over points, where two are as far apart as their mutual reachability
/// `max(coreₐ, core_b, d_ab)`, or their distance when cores are zero.
///
/// By Prim's algorithm from point 0; of equals the first point is taken. Distances are summed directly, and only where
/// the cores leave them a say, so no `n × n` matrix is kept.
struct MinimumSpanningTree {
  /// An edge from a point in the tree to the next.
  struct Edge: Sendable {
    var from: Int
    var to: Int
    var length: Double
  }

  /// The edges in ascending length, those of one length in the order in which they were found.
  let edges: [Edge]

  /// Spans points.
  ///
  /// - Parameter cores: one number a point, not negative.
  /// - Complexity: O(n² d).
  init(_ rows: DistanceRows, cores: [Double]) {
    let n = rows.points.count
    var outside = Array(1..<max(1, n))
    var nearest = [Double](repeating: .infinity, count: n)
    var sources = [Int](repeating: 0, count: n)
    var edges: [Edge] = []
    edges.reserveCapacity(max(0, n - 1))
    var current = 0
    while !outside.isEmpty {
      let core = cores[current]
      var (place, length) = (0, Double.infinity)
      for position in outside.indices {
        let j = outside[position]
        let least = max(core, cores[j])
        if least < nearest[j] {
          let reach = max(least, rows.distance(current, j))
          if reach < nearest[j] {
            nearest[j] = reach
            sources[j] = current
          }
        }
        if nearest[j] < length { (place, length) = (position, nearest[j]) }
      }
      let next = outside.remove(at: place)
      edges.append(Edge(from: sources[next], to: next, length: length))
      current = next
    }
    // The place in the list decides between equals, whatever the sort does.
    self.edges = edges.enumerated().sorted {
      ($0.element.length, $0.offset) < ($1.element.length, $1.offset)
    }.map { $0.element }
  }

  /// The tree of merges that takes the edges one after the other.
  var dendrogram: Dendrogram {
    Dendrogram(
      pointCount: edges.count + 1, joins: edges.map { (first: $0.from, second: $0.to, height: $0.length) })
  }
}
