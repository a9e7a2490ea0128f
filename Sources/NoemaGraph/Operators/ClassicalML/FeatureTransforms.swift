internal import Foundation
internal import NoemaTensor

/// What comes before a classical model: scaling, encoding, selection and filling of features.
///
/// - Source: ONNX ai.onnx.ml Scaler-1, Normalizer-1, Binarizer-1, Imputer-1, OneHotEncoder-1, FeatureVectorizer-1,
///   ArrayFeatureExtractor-1; ZipMap-1, of which the probabilities stay a tensor.
enum FeatureTransforms {
  private static let domain = "ai.onnx.ml"

  static let onnx: [ONNXBinding] = [
    ONNXBinding("Scaler", domain: domain) { node in
      var x = try floats(node)
      if let offset = try row(node.floats("offset"), node, like: x) { x = try node.difference(x, offset) }
      if let scale = try row(node.floats("scale"), node, like: x) { x = try node.product(x, scale) }
      return [try node.asFloat(x)]
    },
    ONNXBinding("Normalizer", domain: domain) { node in [try normalized(node)] },
    ONNXBinding("Binarizer", domain: domain) { node in
      let x = try node.operand(0)
      let threshold = node.scalar(node.float("threshold", default: 0), like: x)
      let isAbove = try node.emit(Comparison(function: .greater), x, threshold)
      return [try node.emit(Cast(to: node.type(0).element), isAbove)]
    },
    ONNXBinding("Imputer", domain: domain) { node in [try imputed(node)] },
    ONNXBinding("OneHotEncoder", domain: domain) { node in
      guard let categories = node.exactInts("cats_int64s"), !categories.isEmpty else {
        throw node.unsupported("only categories that are numbers are supported")
      }
      let x = try node.operand(0)
      let numbers = try node.emit(Cast(to: .int64), x)
      let column = try node.reshaped(numbers, to: node.shape(of: x) + [1])
      let table = node.constant(Tensor(shape: [categories.count], categories.map(Int64.init)))
      return [
        try node.emit(Cast(to: .float32), node.emit(Comparison(function: .equal), column, table))
      ]
    },
    ONNXBinding("FeatureVectorizer", domain: domain) { node in
      let parts = try node.operands().map { operand in
        let shape = node.shape(of: operand), rows = shape.count < 2 ? 1 : shape[0]
        let floats = try node.emit(Cast(to: .float32), operand)
        return try node.reshaped(floats, to: [rows, shape.dropFirst(shape.count < 2 ? 0 : 1).reduce(1, *)])
      }
      guard !parts.isEmpty else { throw node.error("there are no operands") }
      return [try node.joined(parts, axis: 1)]
    },
    ONNXBinding("ArrayFeatureExtractor", domain: domain) { node in
      let x = try node.operand(0), shape = node.shape(of: x), count = try node.type(1).count
      guard !shape.isEmpty else { throw node.error("a scalar has no features") }
      let indices = try node.reshaped(node.operand(1), to: [count])
      let chosen = try node.emit(Gather(axis: shape.count - 1), x, indices)
      return [
        try node.reshaped(chosen, to: shape.count == 1 ? [1, count] : Array(shape.dropLast()) + [count])
      ]
    },
    ONNXBinding("ZipMap", domain: domain) { node in [try node.operand(0)] },
  ]

  private static func floats(_ node: NodeReader) throws -> Value {
    let x = try node.operand(0)
    return try node.type(0).element.isFloat ? x : node.emit(Cast(to: .float32), x)
  }

  /// A number for each feature, or one for all.
  private static func row(_ numbers: [Double]?, _ node: NodeReader, like x: Value) throws -> Value? {
    guard let numbers, !numbers.isEmpty else { return nil }
    guard numbers.count == 1 || numbers.count == node.shape(of: x).last else {
      throw node.error("\(numbers.count) numbers do not fit features of shape \(node.shape(of: x))")
    }
    let tensor = Tensor(shape: numbers.count == 1 ? [] : [numbers.count], numbers)
    return node.constant(tensor.converted(to: node.graph.type(of: x).element))
  }

  /// Rows divided by their norm; rows of norm 0 stay.
  private static func normalized(_ node: NodeReader) throws -> Value {
    let x = try floats(node), rank = node.shape(of: x).count
    guard rank > 0 else { throw node.error("a scalar has no features") }
    let norm: Value
    switch node.string("norm", default: "MAX") {
    case "MAX": norm = try node.emit(Reduction(.max, axes: [rank - 1], keepsAxes: true), x)
    case "L1": norm = try node.emit(Reduction(.sum, axes: [rank - 1], keepsAxes: true), node.apply(.abs, x))
    case "L2":
      let squares = try node.emit(Reduction(.sum, axes: [rank - 1], keepsAxes: true), node.product(x, x))
      norm = try node.apply(.sqrt, squares)
    case let name: throw node.error("there is no norm \(name)")
    }
    let isZero = try node.emit(Comparison(function: .equal), norm, node.scalar(0, like: norm))
    let divisor = try node.emit(Select(), isZero, node.scalar(1, like: norm), norm)
    return try node.asFloat(node.quotient(x, divisor))
  }

  /// Elements that equal a value, or are NaN where that is NaN, replaced.
  private static func imputed(_ node: NodeReader) throws -> Value {
    let x = try node.operand(0), type = try node.type(0)
    let isMissing: Value, fill: [Double]
    if type.element.isFloat {
      let missing = node.float("replaced_value_float", default: 0)
      let number = missing.isNaN ? x : node.scalar(missing, like: x)
      // Only NaN differs from itself.
      let isEqual = try node.emit(Comparison(function: .equal), x, number)
      isMissing = missing.isNaN ? try node.apply(.not, isEqual) : isEqual
      fill = node.floats("imputed_value_floats") ?? []
    } else {
      let missing = node.constant(
        Tensor(Int64(node.exactInt("replaced_value_int64") ?? 0)).converted(to: type.element))
      isMissing = try node.emit(Comparison(function: .equal), x, missing)
      fill = (node.exactInts("imputed_value_int64s") ?? []).map(Double.init)
    }
    guard let values = try row(fill, node, like: x) else {
      throw node.error("the imputed values are missing")
    }
    return try node.emit(Select(), isMissing, values, x)
  }
}
