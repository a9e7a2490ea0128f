internal import Dispatch

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
    // The shortest edge that leads to each point outside, and where it comes from.
    var lengths = [Double](repeating: .infinity, count: n)
    var sources = [Int](repeating: 0, count: n)
    var edges: [Edge] = []
    edges.reserveCapacity(outside.count)
    var current = 0
    lengths.withUnsafeMutableBufferPointer { lengths in
      sources.withUnsafeMutableBufferPointer { sources in
        while !outside.isEmpty {
          let place = Self.nearest(outside, afterAdding: current, lengths, sources, rows, cores)
          let next = outside.remove(at: place)
          edges.append(Edge(from: sources[next], to: next, length: lengths[next]))
          current = next
        }
      }
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

extension MinimumSpanningTree {
  /// The coordinates of a step that are worth two threads.
  private static let threadedSize = 1 << 19
  private static let chunkCount = 16

  /// Where in the list of points outside that one stands which is nearest to the tree, the first of equals, after
  /// a point was added to the tree.
  private static func nearest(
    _ outside: [Int], afterAdding current: Int, _ lengths: UnsafeMutableBufferPointer<Double>,
    _ sources: UnsafeMutableBufferPointer<Int>, _ rows: DistanceRows, _ cores: [Double]
  ) -> Int {
    let isThreaded = outside.count * rows.points.dimension >= threadedSize
    let size = isThreaded ? (outside.count + chunkCount - 1) / chunkCount : outside.count
    let chunks = (outside.count + size - 1) / size
    var places = [Int](repeating: 0, count: chunks)
    places.withUnsafeMutableBufferPointer { places in
      // Safe because every point outside, and every chunk, belongs to one job.
      nonisolated(unsafe) let (places, lengths, sources) = (places, lengths, sources)
      DispatchQueue.concurrentPerform(iterations: chunks) { chunk in
        var least = Double.infinity
        for place in (chunk * size)..<min((chunk + 1) * size, outside.count) {
          let point = outside[place]
          let reach = max(cores[current], cores[point])
          // Distances have no say where cores reach no less far than the shortest edge.
          if reach < lengths[point] {
            let length = max(reach, rows.distance(current, point))
            if length < lengths[point] { (lengths[point], sources[point]) = (length, current) }
          }
          if lengths[point] < least { (places[chunk], least) = (place, lengths[point]) }
        }
      }
    }
    var best = places[0]
    for place in places.dropFirst() where lengths[outside[place]] < lengths[outside[best]] { best = place }
    return best
  }
}
