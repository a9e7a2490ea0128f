internal import NoemaTensor

extension Tensor {
  /// Rows by their indices, which may repeat.
  func selectingRows(_ indices: [Int]) throws -> Tensor {
    if indices == Array(0..<shape[0]) { return self }
    let width = shape.dropFirst().reduce(1, *) * elementType.byteCount
    return try Tensor(shape: [indices.count] + shape.dropFirst(), elementType: elementType) { target in
      withBytes { source in
        for (row, index) in indices.enumerated() {
          UnsafeMutableRawBufferPointer(rebasing: target[row * width..<(row + 1) * width])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[index * width..<(index + 1) * width]))
        }
      }
    }
  }
}

/// A weighted sum of rows, for each example, in float64.
struct RowSums {
  private(set) var sums: [[Double]]
  private let widths: [Int]

  init(shapes: [[Int]], examples: Int) {
    widths = shapes.map { $0.reduce(1, *) }
    sums = widths.map { [Double](repeating: 0, count: examples * $0) }
  }

  /// Adds rows of each attributed value, each with its weight, to the examples they belong to.
  mutating func add(_ rows: [Tensor], of examples: [Int], weights: [Double], squared: Bool = false) {
    for (index, tensor) in rows.enumerated() {
      let width = widths[index]
      tensor.withElements(as: Float.self) { values in
        sums[index].withUnsafeMutableBufferPointer { sums in
          for (row, example) in examples.enumerated() {
            let (from, to, weight) = (row * width, example * width, weights[row])
            if squared {
              for i in 0..<width {
                let value = Double(values[from + i])
                sums[to + i] += weight * value * value
              }
            } else {
              for i in 0..<width { sums[to + i] += weight * Double(values[from + i]) }
            }
          }
        }
      }
    }
  }
}
