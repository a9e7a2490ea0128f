internal import NoemaTensor

extension Tensor {
  /// The rows of float32 that are 0 throughout.
  var silentRows: [Int] {
    let size = count / max(1, shape[0])
    return withElements(as: Float.self) { elements in
      (0..<shape[0]).filter { row in elements[row * size..<(row + 1) * size].allSatisfy { $0 == 0 } }
    }
  }

  /// Some rows of float32.
  func picking(_ rows: [Int]) -> Tensor {
    let size = count / max(1, shape[0])
    return withElements(as: Float.self) { elements in
      Tensor(
        shape: [rows.count] + shape.dropFirst(), rows.flatMap { elements[$0 * size..<($0 + 1) * size] })
    }
  }

  /// The tensor with some rows in the place of its own.
  func replacing(_ rows: [Int], by others: Tensor) -> Tensor {
    let size = count / max(1, shape[0])
    var elements = elements(as: Float.self)
    others.withElements(as: Float.self) { source in
      for (index, row) in rows.enumerated() {
        elements.replaceSubrange(
          row * size..<(row + 1) * size, with: source[index * size..<(index + 1) * size])
      }
    }
    return Tensor(shape: shape, elements)
  }
}
