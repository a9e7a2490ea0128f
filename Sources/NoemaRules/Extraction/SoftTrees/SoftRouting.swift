internal import Glibc
internal import NoemaTensor

/// How examples spread over the nodes of a soft tree.
struct SoftRouting {
  /// The chance of going right at each inner node, `[rows, inner nodes]`: `p = σ(β (w·x + b))`.
  let right: Matrix
  /// The chance of coming to each node, `[rows, nodes]`: the product of the chances on the way.
  let reach: Matrix

  /// - Parameters:
  ///   - inputs: `[rows, columns]`.
  ///   - weights: `[inner nodes, columns]`.
  init(_ inputs: Matrix, weights: Matrix, biases: [Double], inverseTemperature: Double) {
    let (rows, inner) = (inputs.rowCount, weights.rowCount)
    let nodes = 2 * inner + 1
    var right = inputs.timesTransposed(weights)
    var reach = Matrix(rowCount: rows, columnCount: nodes)
    right.elements.withUnsafeMutableBufferPointer { right in
      reach.elements.withUnsafeMutableBufferPointer { reach in
        for row in 0..<rows {
          let (from, to) = (row * inner, row * nodes)
          reach[to] = 1
          for node in 0..<inner {
            let chance = 1 / (1 + exp(-inverseTemperature * (right[from + node] + biases[node])))
            right[from + node] = chance
            reach[to + 2 * node + 1] = reach[to + node] * (1 - chance)
            reach[to + 2 * node + 2] = reach[to + node] * chance
          }
        }
      }
    }
    (self.right, self.reach) = (right, reach)
  }

  /// The chance of coming to each leaf, `[rows, leaves]`.
  var leaves: Matrix {
    let (inner, count) = (right.columnCount, right.columnCount + 1)
    var result = Matrix(rowCount: reach.rowCount, columnCount: count)
    for row in 0..<reach.rowCount {
      for leaf in 0..<count { result[row, leaf] = reach[row, inner + leaf] }
    }
    return result
  }
}

/// The logarithms of the shares that scores stand for, row after row: `φ − log Σ exp φ`.
func logSoftmax(_ scores: some Collection<Double>, columns: Int) -> Matrix {
  var elements = Array(scores)
  for start in stride(from: 0, to: elements.count, by: max(1, columns)) {
    let range = start..<(start + columns)
    let most = elements[range].max() ?? 0
    let logSum = most + log(elements[range].reduce(0) { $0 + exp($1 - most) })
    for index in range { elements[index] -= logSum }
  }
  return Matrix(
    rowCount: columns > 0 ? elements.count / columns : 0, columnCount: columns, elements: elements)
}
