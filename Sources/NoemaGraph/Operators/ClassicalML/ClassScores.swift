internal import NoemaTensor

/// What the classifiers of ai.onnx.ml have in common: operands of any number type, labels, two columns of one score.
extension NodeReader {
  /// The features `[examples, features]`, as floats.
  func features() throws -> Value {
    let x = try operand(0), shape = shape(of: x)
    guard (1...2).contains(shape.count) else {
      throw error("the features have shape \(shape), expected rank 2")
    }
    let floats = try graph.type(of: x).element.isFloat ? x : emit(Cast(to: .float32), x)
    return try reshaped(floats, to: shape.count == 1 ? [1, shape[0]] : shape)
  }

  /// A model's result: float32, whatever it computed in.
  func asFloat(_ x: Value) throws -> Value {
    graph.type(of: x).element == .float32 ? x : try emit(Cast(to: .float32), x)
  }

  /// Numbers of an attribute as a matrix that fits `other`.
  func matrix(_ numbers: [Double], rows: Int, like other: Value) throws -> Value {
    guard rows > 0, numbers.count % rows == 0 else {
      throw error("\(numbers.count) numbers do not make \(rows) rows")
    }
    let tensor = Tensor(shape: [rows, numbers.count / rows], numbers)
    return constant(tensor.converted(to: graph.type(of: other).element))
  }

  /// The labels that the node gives its classes.
  func classLabels() throws -> (numbers: [Int]?, count: Int) {
    for key in ["classlabels_ints", "classlabels_int64s"] {
      if let numbers = exactInts(key), !numbers.isEmpty { return (numbers, numbers.count) }
    }
    guard let names = strings("classlabels_strings"), !names.isEmpty else {
      throw error("there are no class labels")
    }
    return (nil, names.count)
  }

  /// The label of each example from the position of its class; the position itself where labels are text.
  func labels(_ positions: Value, _ numbers: [Int]?) throws -> Value {
    guard let numbers, numbers != Array(numbers.indices) else { return positions }
    let table = constant(Tensor(shape: [numbers.count], numbers.map(Int64.init)))
    return try emit(Gather(axis: 0), table, positions)
  }

  /// The position of the largest score of each example.
  func winners(_ scores: Value) throws -> Value {
    try emit(ArgExtremum(isMaximum: true, axis: 1, keepsAxis: false), scores)
  }

  /// 1 where the only score of an example exceeds a threshold, else 0.
  func winners(_ score: Value, above threshold: Double) throws -> Value {
    let isAbove = try emit(Comparison(function: .greater), score, scalar(threshold, like: score))
    return try reshaped(emit(Cast(to: .int64), isAbove), to: [shape(of: score)[0]])
  }

  /// Two columns from one score, which is for the second class.
  ///
  /// ONNX leaves open what the first class gets; this is what ONNX Runtime does.
  func columns(_ score: Value, _ transform: PostTransform, isProbability: Bool) throws -> Value {
    switch transform {
    case .probit: throw unsupported("PROBIT of a single score for two classes is not supported")
    case .logistic: return try apply(.sigmoid, joined([apply(.negative, score), score], axis: 1))
    default:
      let rest = isProbability ? try difference(scalar(1, like: score), score) : try apply(.negative, score)
      return try joined([rest, score], axis: 1)
    }
  }
}
