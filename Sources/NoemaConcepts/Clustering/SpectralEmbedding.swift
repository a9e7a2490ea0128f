public import NoemaTensor

/// The eigenvectors of a graph's normalised Laplacian with the smallest eigenvalues, as coordinates of its nodes.
///
/// `L = I − D^{-½} W D^{-½}`, with eigenvalues in [0, 2]. Zero occurs once for every connected component, with an
/// eigenvector that is known, so components are found first and each is decomposed on its own: the rest is then
/// a matter of connected graphs, where a solver cannot mistake the multiplicity of zero. A node without edges is
/// a component.
///
/// Small components are decomposed by LAPACK, large ones by ARPACK from a seeded start vector.
///
/// - Sources: von Luxburg, "A tutorial on spectral clustering", 2007; Ng, Jordan and Weiss, NeurIPS 2001, for the
///   rows of length one.
public struct SpectralEmbedding: Sendable, Hashable, Codable {
  /// Which Laplacian; both have the same eigenvalues.
  public enum Laplacian: String, Sendable, Codable, CaseIterable {
    /// `I − D^{-½} W D^{-½}`.
    case symmetric
    /// `I − D^{-1} W`: the symmetric eigenvectors times `D^{-½}`, scaled to length one.
    case randomWalk = "random-walk"
  }

  /// What decomposes a component.
  public enum Solver: String, Sendable, Codable, CaseIterable {
    /// LAPACK for components of at most `denseLimit` nodes and when most eigenvalues are asked for, else ARPACK.
    case automatic
    /// LAPACK. Memory grows with the square of the component.
    case dense
    /// ARPACK, but for components hardly larger than the number of eigenvalues.
    case sparse
  }

  /// The number of coordinates; as many as there are nodes when the graph has fewer.
  public var dimensions: Int
  /// Which Laplacian.
  public var laplacian: Laplacian
  /// What decomposes a component.
  public var solver = Solver.automatic
  /// The largest component that is decomposed by LAPACK of its own accord.
  public var denseLimit = 2000
  /// The largest component that is decomposed by LAPACK on request, or because most eigenvalues are asked for: it takes
  /// eight bytes times the square of its nodes, three times over.
  public static let denseMaximum = 20_000
  /// The residual of ARPACK's eigenvalues.
  public var tolerance = 1e-10
  /// The seed of ARPACK's start vectors.
  public var seed: UInt64 = 0

  /// Makes an embedding.
  public init(dimensions: Int = 32, laplacian: Laplacian = .symmetric) {
    self.dimensions = dimensions
    self.laplacian = laplacian
  }

  /// Embeds the nodes of a graph.
  ///
  /// - Parameter graph: symmetric weights that are not negative.
  /// - Throws: `ConceptError.parameters` for fewer than 1 dimension, a tolerance outside (0, 1), a negative weight, or
  ///   a dense decomposition of a component of more than ``denseMaximum`` nodes; `.notFinite` when a node's weights
  ///   sum to more than float64 holds; `.tooFew` without nodes; `.algebra` when a solver does not converge.
  public func embed(_ graph: SparseSymmetricMatrix) throws(ConceptError) -> SpectralCoordinates {
    let n = graph.count
    guard n >= 1 else { throw ConceptError(.tooFew(set: "the graph", found: 0, needed: 1)) }
    guard dimensions >= 1, tolerance > 0, tolerance < 1 else {
      throw ConceptError(
        .parameters(
          "found \(dimensions) dimensions and a tolerance of \(tolerance); give 1 or more, and inside (0, 1)")
      )
    }
    if let entry = graph.values.firstIndex(where: { $0 < 0 }) {
      throw ConceptError(
        .parameters(
          "a weight of node \(graph.columns[entry]) is \(graph.values[entry]); Laplacians need weights of 0 or more"
        ))
    }
    let components = ConnectedComponents(graph)
    let degrees = graph.rowSums
    if let node = degrees.firstIndex(where: { !$0.isFinite }) {
      throw ConceptError(
        .notFinite(
          "the weights of node \(node) sum to more than float64 holds; divide all weights by the largest"))
    }
    // Large components first, so that the order of nodes decides among equals only.
    let order = components.members.sorted { ($1.count, $0[0]) < ($0.count, $1[0]) }
    let width = min(dimensions, n)
    var columns = order.prefix(width).map { nodes in
      let part = NormalisedAdjacency(graph, nodes: nodes, degrees: degrees)
      return Column(value: 0, nodes: nodes, vector: part.kernel)
    }
    if columns.count < width {
      columns += try lowest(width - columns.count, of: graph, order, degrees)
    }
    return coordinates(columns, components, degrees)
  }

  /// Embeds points by the graph of their nearest neighbours.
  ///
  /// - Throws: as `NeighborGraph.init` and `embed(_:)`.
  public func embed(_ graph: NeighborGraph) throws(ConceptError) -> SpectralCoordinates {
    try embed(graph.weights)
  }

  /// One eigenvector, zero outside its component.
  private struct Column: Sendable {
    var value: Double
    var nodes: [Int]
    var vector: [Double]
  }

  /// The lowest eigenvalues above the zeros, over all components.
  private func lowest(
    _ count: Int, of graph: SparseSymmetricMatrix, _ order: [[Int]], _ degrees: [Double]
  ) throws(ConceptError) -> [Column] {
    let solved = order.filter { $0.count > 1 }
    let columns = try parallelMap(solved.count) { index throws(ConceptError) -> [Column] in
      let part = NormalisedAdjacency(graph, nodes: solved[index], degrees: degrees)
      let wanted = min(part.count - 1, count)
      let isDense = isDense(part.count, wanted)
      guard !isDense || part.count <= Self.denseMaximum else {
        throw ConceptError(
          .parameters(
            "\(wanted) dimensions of a component of \(part.count) nodes need a dense decomposition, which is made of "
              + "\(Self.denseMaximum) nodes at most; take the sparse solver and fewer dimensions"))
      }
      let pairs = try part.smallest(
        wanted, dense: isDense, tolerance: tolerance,
        using: RandomNumbers(seed: seed).split(index))
      return pairs.values.indices.map { k in
        Column(
          value: pairs.values[k], nodes: part.nodes,
          vector: Array(pairs.vectors[(k * part.count)..<((k + 1) * part.count)]))
      }
    }
    // Larger components come first among equals.
    let sorted = columns.joined().enumerated().sorted {
      ($0.element.value, $0.offset) < ($1.element.value, $1.offset)
    }
    return sorted.prefix(count).map { $0.element }
  }

  private func isDense(_ size: Int, _ wanted: Int) -> Bool {
    // Lanczos needs a subspace that is larger than what is asked for and smaller than the whole.
    if size < wanted + 2 { return true }
    switch solver {
    case .dense: return true
    case .sparse: return false
    case .automatic: return size <= denseLimit || wanted > size / 2
    }
  }

  /// Puts eigenvectors side by side, with their signs fixed.
  private func coordinates(
    _ columns: [Column], _ components: ConnectedComponents, _ degrees: [Double]
  ) -> SpectralCoordinates {
    var vectors = Matrix(rowCount: degrees.count, columnCount: columns.count)
    for (k, column) in columns.enumerated() {
      var vector = column.vector
      if laplacian == .randomWalk {
        for (i, node) in column.nodes.enumerated() where degrees[node] > 0 {
          vector[i] /= degrees[node].squareRoot()
        }
      }
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let largest = vector.reduce(0) { max($0, abs($1)) }
      // Rounding decides between entries of one size, so the first of the largest counts.
      let leading = vector.first { abs($0) >= (1 - 1e-6) * largest } ?? 1
      let factor = (leading < 0 ? -1 : 1) / length
      for (i, node) in column.nodes.enumerated() { vectors[node, k] = factor * vector[i] }
    }
    return SpectralCoordinates(
      eigenvalues: columns.map(\.value), vectors: vectors, components: components,
      isolated: degrees.indices.filter { degrees[$0] == 0 })
  }
}

/// The nodes of a graph in the coordinates of its Laplacian's eigenvectors.
public struct SpectralCoordinates: Sendable, Hashable {
  /// The smallest eigenvalues, ascending.
  public let eigenvalues: [Double]
  /// The eigenvectors as columns of length one, nodes × eigenvalues; the first of the largest entries of each is
  /// positive. Where an eigenvalue occurs more than once any basis of its vectors would do.
  public let vectors: Matrix
  /// The connected components. When there are more than eigenvalues, the nodes of the smallest have no coordinates.
  public let components: ConnectedComponents
  /// The nodes without edges.
  public let isolated: [Int]

  /// How many eigenvalues vanish up to rounding. More than there are components means that a component all but falls
  /// apart.
  public var zeroCount: Int { eigenvalues.count { $0 <= 1e-9 } }

  /// The eigenvectors with rows of length one (Ng, Jordan and Weiss); rows of zeros stay.
  public var normalisedRows: Matrix { unitRows(of: vectors.columnCount) }

  /// The leading coordinates in rows of length one; rows of zeros stay.
  func unitRows(of width: Int) -> Matrix {
    var result = vectors.firstColumns(min(width, vectors.columnCount))
    for i in 0..<result.rowCount {
      let length = result.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0 else { continue }
      for j in 0..<result.columnCount { result[i, j] /= length }
    }
    return result
  }
}
