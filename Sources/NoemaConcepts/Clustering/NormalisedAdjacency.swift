internal import NoemaTensor

/// The normalised adjacency `S = D^{-½} W D^{-½}` of one connected component, whose eigenvalues are one minus those of
/// its Laplacian.
///
/// The eigenvector of eigenvalue 1 is known: `u ∝ √degree`. It is moved out of the way, to `1 − 3`, because all
/// eigenvalues lie in [−1, 1]; the others are then found undisturbed, however near 1 they lie.
struct NormalisedAdjacency: Sendable {
  /// The nodes of the component, ascending.
  let nodes: [Int]
  /// The unit eigenvector of Laplacian eigenvalue 0.
  let kernel: [Double]
  private let rowStarts: [Int]
  private let columns: [Int32]
  private let values: [Double]
  private static let shift = 3.0

  /// Cuts a component out of a graph.
  ///
  /// - Parameters:
  ///   - nodes: the component's nodes, ascending.
  ///   - degrees: of all nodes of the graph.
  init(_ graph: SparseSymmetricMatrix, nodes: [Int], degrees: [Double]) {
    self.nodes = nodes
    let roots = nodes.map { degrees[$0].squareRoot() }
    let total = nodes.reduce(0) { $0 + degrees[$1] }.squareRoot()
    // A node without edges is a component of its own, with eigenvalue 0 like any other.
    kernel = total > 0 ? roots.map { $0 / total } : nodes.map { _ in 1 }
    var places: [Int: Int32] = [:]
    for (place, node) in nodes.enumerated() { places[node] = Int32(place) }
    var (starts, columns, values) = ([0], [Int32](), [Double]())
    for (i, node) in nodes.enumerated() {
      for entry in graph.entries(of: node) where graph.values[entry] != 0 {
        guard let j = places[Int(graph.columns[entry])] else { continue }
        columns.append(j)
        // Degrees may be so small that their product vanishes; the order is the same from both ends.
        let (first, second) = (max(roots[i], roots[Int(j)]), min(roots[i], roots[Int(j)]))
        values.append(graph.values[entry] / first / second)
      }
      starts.append(columns.count)
    }
    (rowStarts, self.columns, self.values) = (starts, columns, values)
  }

  /// The number of nodes.
  var count: Int { nodes.count }

  /// The smallest Laplacian eigenvalues but the one that is zero, ascending, with unit vectors.
  ///
  /// - Throws: `ConceptError.algebra`.
  func smallest(
    _ count: Int, dense: Bool, tolerance: Double, using random: RandomNumbers
  ) throws(ConceptError) -> Eigenpairs {
    dense ? try smallestDense(count) : try smallestSparse(count, tolerance, random)
  }

  /// One start vector shows Lanczos one vector of each eigenvalue, so that of a multiple one some may be missed. What
  /// is found is therefore moved out of the way, and searched again until nothing above it is left.
  private func smallestSparse(
    _ count: Int, _ tolerance: Double, _ random: RandomNumbers
  ) throws(ConceptError) -> Eigenpairs {
    var random = random
    var found = try search(count, beside: Eigenpairs(values: [], vectors: []), tolerance, using: &random)
    while true {
      // Whether there is more shows long before its vector is exact.
      let next = try search(1, beside: found, tolerance.squareRoot(), using: &random)
      let least = found.values[count - 1]
      guard next.values[0] > least + 1e-8 else { break }
      let more = try search(count, beside: found, tolerance, using: &random)
      guard more.values[0] > least else { break }
      found = merged(found, more, count)
    }
    return Eigenpairs(values: found.values.map { max(0, 1 - $0) }, vectors: found.vectors)
  }

  /// The largest eigenvalues of `S`, descending, but the first and those given.
  private func search(
    _ count: Int, beside found: Eigenpairs, _ tolerance: Double, using random: inout RandomNumbers
  ) throws(ConceptError) -> Eigenpairs {
    let n = self.count
    var start: [Double] = []
    for _ in 0..<n { start.append(random.normal()) }
    let pairs = try LanczosSolver(tolerance: tolerance).largest(count, start: start) { x, y in
      multiply(x, y)
      found.vectors.withUnsafeBufferPointer { vectors in
        for k in found.values.indices {
          let along = Self.shift * sum(n) { vectors[k * n + $0] * x[$0] }
          for i in 0..<n { y[i] -= along * vectors[k * n + i] }
        }
      }
    }
    return merged(pairs, Eigenpairs(values: [], vectors: []), count)
  }

  /// The largest of two lists, descending; of equals those of the first list.
  private func merged(_ a: Eigenpairs, _ b: Eigenpairs, _ count: Int) -> Eigenpairs {
    let (n, values, vectors) = (self.count, a.values + b.values, a.vectors + b.vectors)
    let order = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(count)
    return Eigenpairs(
      values: order.map { values[$0] }, vectors: order.flatMap { vectors[($0 * n)..<(($0 + 1) * n)] })
  }

  /// `y = S x − 3 u uᵀx`.
  private func multiply(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>) {
    let along = Self.shift * sum(count) { kernel[$0] * x[$0] }
    rowStarts.withUnsafeBufferPointer { starts in
      columns.withUnsafeBufferPointer { columns in
        values.withUnsafeBufferPointer { values in
          for i in 0..<count {
            var total = -along * kernel[i]
            for entry in starts[i]..<starts[i + 1] { total += values[entry] * x[Int(columns[entry])] }
            y[i] = total
          }
        }
      }
    }
  }

  private func smallestDense(_ count: Int) throws(ConceptError) -> Eigenpairs {
    let n = self.count
    var matrix = Matrix(rowCount: n, columnCount: n)
    for i in 0..<n {
      for j in 0..<n { matrix[i, j] = Self.shift * kernel[i] * kernel[j] }
      for entry in rowStarts[i]..<rowStarts[i + 1] { matrix[i, Int(columns[entry])] -= values[entry] }
      matrix[i, i] += 1
    }
    let laplacian = matrix
    let found = try solving("Laplacian of \(n) nodes") { () throws(TensorError) in
      try SymmetricEigen.smallest(count, of: laplacian)
    }
    return Eigenpairs(values: found.values.map { max(0, $0) }, vectors: found.vectors.elements)
  }
}
