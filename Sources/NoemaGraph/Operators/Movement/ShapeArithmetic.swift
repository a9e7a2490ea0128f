internal import NoemaTensor

/// Operators that vanish once shapes are known: they yield constants or their operand.
enum ShapeArithmetic {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Identity") { node in [try node.operand(0)] },
    ONNXBinding("Dropout") { node in
      // As in use: nothing is dropped, and the mask, where wanted, keeps all.
      let trains = try node.optionalConstant(2)?.integers().first ?? 0
      func ratio() throws -> Double {
        try node.optionalConstant(1)?.converted(to: .float64).elements(as: Double.self).first ?? 0.5
      }
      guard try trains == 0 || ratio() == 0 else {
        throw node.unsupported("training mode is not supported; export the model in evaluation mode")
      }
      let x = try node.operand(0)
      guard node.wantsResult(1) else { return [x] }
      let type = try node.type(0)
      let kept = Tensor(true).converted(to: node.opset < 10 ? type.element : .bool)
      return [x, try node.emit(Broadcast(shape: type.shape), node.constant(kept))]
    },
    ONNXBinding("Constant") { node in [node.constant(try constant(node))] },
    ONNXBinding("Shape") { node in
      let shape = try node.type(0).shape
      func bound(_ key: String, _ value: Int) -> Int {
        let index = node.int(key, default: value)
        return min(max(index < 0 ? index + shape.count : index, 0), shape.count)
      }
      let start = bound("start", 0), end = bound("end", shape.count)
      let part = start < end ? shape[start..<end].map(Int64.init) : []
      return [node.constant(Tensor(shape: [part.count], part))]
    },
    ONNXBinding("Size") { node in [node.constant(Tensor(Int64(try node.type(0).count)))] },
    ONNXBinding("ConstantOfShape") { node in
      let shape = try node.constant(0).integers()
      let value = try node.tensor("value") ?? Tensor(shape: [1], [Float(0)])
      guard value.count == 1 else { throw node.error("the value has \(value.count) elements") }
      return [try node.emit(Broadcast(shape: shape), node.constant(value.reshaped(to: [])))]
    },
    ONNXBinding("Range") { node in
      let type = try node.type(0).element
      let bounds: [Double] = try (0..<3).map { try scalar(node, $0) }
      let count = ((bounds[1] - bounds[0]) / bounds[2]).rounded(.up)
      guard count.isFinite, count <= 0x1p22 else {
        throw node.error("range \(bounds) is endless or absurdly long")
      }
      let values: [Double] = (0..<Int(max(0, count))).map { index -> Double in
        bounds[0] + Double(index) * bounds[2]
      }
      return [node.constant(Tensor(shape: [values.count], values).converted(to: type))]
    },
  ]

  private static func scalar(_ node: NodeReader, _ index: Int) throws -> Double {
    let values = try node.constant(index).converted(to: .float64).elements(as: Double.self)
    guard values.count == 1 else { throw node.error("operand \(index) is no scalar") }
    return values[0]
  }

  private static func constant(_ node: NodeReader) throws -> Tensor {
    if let tensor = try node.tensor("value") { return tensor }
    if node.has("value_float") { return Tensor(Float(node.float("value_float", default: 0))) }
    if let value = node.exactInt("value_int") { return Tensor(Int64(value)) }
    if let values = node.floats("value_floats") {
      return Tensor(shape: [values.count], values.map { Float($0) })
    }
    if let values = node.exactInts("value_ints") {
      return Tensor(shape: [values.count], values.map(Int64.init))
    }
    throw node.unsupported("only tensors and numbers are supported as constants")
  }
}
