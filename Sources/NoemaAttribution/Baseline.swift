internal import NoemaGraph
public import NoemaTensor

/// The reference that an input is compared with.
public enum Baseline: Sendable {
  /// Every element has one value, in the units that the network takes.
  case constant(Float)
  /// One tensor for each attributed value, `[1, …]` for all examples together.
  case tensors([Tensor])

  /// Zero everywhere.
  public static let zero = Baseline.constant(0)

  /// The reference of one example, one tensor `[…]` per attributed value.
  ///
  /// - Throws: `GraphError` for shapes that do not fit and values that are not finite.
  func examples(of shapes: [[Int]], names: [String]) throws(GraphError) -> [Tensor] {
    switch self {
    case .constant(let value):
      guard value.isFinite else { throw GraphError(.input("the baseline must be finite, found \(value)")) }
      return shapes.map { Tensor(shape: $0, repeating: value) }
    case .tensors(let tensors):
      guard tensors.count == shapes.count else {
        throw GraphError(
          .input(
            "expected \(shapes.count) baselines, for \(names.joined(separator: ", ")); found \(tensors.count)"
          ))
      }
      var found: [Tensor] = []
      for (index, tensor) in tensors.enumerated() {
        guard tensor.shape == shapes[index] || tensor.shape == [1] + shapes[index] else {
          throw GraphError(
            .input(
              "the baseline of '\(names[index])' has shape \(tensor.shape); expected \(shapes[index]) or "
                + "\([1] + shapes[index])"))
        }
        let floats = tensor.converted(to: .float32)
        guard floats.firstNonFinite() == nil else {
          throw GraphError(.input("the baseline of '\(names[index])' holds a value that is not finite"))
        }
        found.append(floats.reshaped(to: shapes[index]))
      }
      return found
    }
  }
}
