public import NoemaTensor

/// A sparse symmetric matrix, such as the weights of a graph, by its compressed rows.
///
/// Both triangles are kept, and the columns of a row ascend.
public struct SparseSymmetricMatrix: Sendable, Hashable {
  /// The number of rows and of columns.
  public let count: Int
  /// Where each row starts in `columns` and `values`; `count + 1` numbers.
  public let rowStarts: [Int]
  /// The column of each entry.
  public let columns: [Int32]
  /// The value of each entry.
  public let values: [Double]

  /// Makes a matrix of its compressed rows, which are trusted.
  init(count: Int, rowStarts: [Int], columns: [Int32], values: [Double]) {
    self.count = count
    self.rowStarts = rowStarts
    self.columns = columns
    self.values = values
  }

  /// Makes a matrix of the edges of an undirected graph.
  ///
  /// - Parameters:
  ///   - count: the number of nodes.
  ///   - edges: the two nodes of each edge in any order, and its weight. Weights of repeated edges are added; an edge
  ///     from a node to itself is one entry on the diagonal.
  /// - Throws: `ConceptError.parameters` for a node outside the graph, `.notFinite` naming the edge, also of a sum
  ///   beyond float64.
  public init(count: Int, edges: [(Int, Int, Double)]) throws(ConceptError) {
    guard count >= 0, count <= Int32.max else {
      throw ConceptError(.parameters("found \(count) nodes; give from 0 to \(Int32.max)"))
    }
    var entries: [(row: Int, column: Int, value: Double)] = []
    for (a, b, weight) in edges {
      guard a >= 0, a < count, b >= 0, b < count else {
        throw ConceptError(.parameters("edge \(a)–\(b) leaves the graph of \(count) nodes"))
      }
      guard weight.isFinite else {
        throw ConceptError(.notFinite("the weight of edge \(a)–\(b) is NaN or infinite"))
      }
      entries.append((a, b, weight))
      if a != b { entries.append((b, a, weight)) }
    }
    // Repeated edges are added in their order on both sides of the diagonal, so that rounding is the same.
    let order = entries.indices.sorted {
      (entries[$0].row, entries[$0].column, $0) < (entries[$1].row, entries[$1].column, $1)
    }
    var (starts, columns, values) = ([0], [Int32](), [Double]())
    var next = 0
    for row in 0..<count {
      while next < order.count, entries[order[next]].row == row {
        let entry = entries[order[next]]
        if columns.count > starts[row], columns[columns.count - 1] == Int32(entry.column) {
          values[values.count - 1] += entry.value
        } else {
          columns.append(Int32(entry.column))
          values.append(entry.value)
        }
        guard let value = values.last, value.isFinite else {
          throw ConceptError(
            .notFinite("the weights of edge \(row)–\(entry.column) sum to more than float64 holds"))
        }
        next += 1
      }
      starts.append(columns.count)
    }
    self.init(count: count, rowStarts: starts, columns: columns, values: values)
  }

  /// The number of entries that are kept.
  public var entryCount: Int { values.count }

  /// The places of a row's entries in `columns` and `values`.
  public func entries(of row: Int) -> Range<Int> { rowStarts[row]..<rowStarts[row + 1] }

  /// The element in a row and a column.
  public subscript(row: Int, column: Int) -> Double {
    var range = entries(of: row)
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if columns[middle] == Int32(column) { return values[middle] }
      range =
        columns[middle] < Int32(column) ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
    }
    return 0
  }

  /// The sum of each row: the degrees of a graph's nodes.
  public var rowSums: [Double] {
    (0..<count).map { row in entries(of: row).reduce(0) { $0 + values[$1] } }
  }

  /// The product with a column vector.
  ///
  /// - Precondition: the vector has `count` elements.
  public func times(_ vector: [Double]) -> [Double] {
    precondition(vector.count == count, "a vector of \(vector.count) does not fit \(count) columns")
    return (0..<count).map { row in
      entries(of: row).reduce(0) { $0 + values[$1] * vector[Int(columns[$1])] }
    }
  }

  /// The matrix with all its zeros.
  public var dense: Matrix {
    var result = Matrix(rowCount: count, columnCount: count)
    for row in 0..<count {
      for place in entries(of: row) { result[row, Int(columns[place])] = values[place] }
    }
    return result
  }
}
