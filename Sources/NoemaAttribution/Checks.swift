internal import NoemaGraph
internal import NoemaTensor

/// Refuses classes that an output does not have.
///
/// - Parameter count: the number of its classes.
/// - Throws: `GraphError.input` that names the class.
func checkClasses(_ classes: [Int], of count: Int) throws(GraphError) {
  if let bad = classes.first(where: { !(0..<count).contains($0) }) {
    throw GraphError(.input("class \(bad) does not exist; the network has classes 0 to \(count - 1)"))
  }
}

/// Refuses values that are not finite; activations such as ReLU turn NaN into 0, so what enters is looked at, too.
///
/// - Parameters:
///   - names: what the tensors are called.
///   - place: the example of a row.
/// - Throws: `GraphError.notFinite` that names the value and the example.
func checkFinite(
  _ tensors: [Tensor], _ names: [String], place: (_ row: Int) -> Int = { $0 }
) throws(GraphError) {
  for (tensor, name) in zip(tensors, names) {
    guard let offset = tensor.firstNonFinite(), let rows = tensor.shape.first else { continue }
    throw GraphError(.notFinite(value: name, example: place(offset / max(tensor.count / rows, 1))))
  }
}

extension Subject {
  /// Refuses scales on which contributions do not add up.
  ///
  /// - Throws: `GraphError.unsupported` unless the subject explains the logit.
  func requireLogit() throws(GraphError) {
    guard scale == .logit else {
      throw GraphError(
        .unsupported(
          "relevance starts at the raw output, the logit, where contributions add up; found another scale"))
    }
  }

  /// The shapes of values for one example.
  ///
  /// - Throws: `GraphError` for unknown names.
  func shapes(of names: [String]) throws(GraphError) -> [[Int]] {
    try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes).shapes(of: names)
  }
}
