internal import ONNXSchema

/// What the outputs of classical models hold beside numbers: labels that are text, and maps from classes to
/// probabilities.
extension Body {
  private static let domain = "ai.onnx.ml"

  /// The outputs that tensors can hold: labels that are text are left out where there are others, and maps are the
  /// tensors that their `ZipMap` is made from.
  var readableOutputs: [Onnx_ValueInfoProto] {
    let maps = Dictionary(
      steps.filter { $0.node.opType == "ZipMap" && $0.node.domain == Self.domain }.compactMap { step in
        step.node.output.first.map { ($0, step.node) }
      }
    ) { first, _ in first }
    let numbers = outputs.filter {
      guard case .tensorType(let type)? = $0.type.value else { return true }
      return type.elemType != Int32(Onnx_TensorProto.DataType.string.rawValue)
    }
    return (numbers.isEmpty ? outputs : numbers).map { output in
      guard let map = maps[output.name] else { return output }
      var port = Onnx_ValueInfoProto()
      port.name = output.name
      port.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
      var examples = Onnx_TensorShapeProto.Dimension(), classes = examples
      examples.dimParam = "batch"
      let count = map.attribute.reduce(0) { $0 + $1.ints.count + $1.strings.count }
      classes.dimValue = Int64(count)
      port.type.tensorType.shape.dim = [examples, classes]
      return port
    }
  }

  /// The names of the classes: of a map's keys, a classifier's labels, or what labels are looked up in.
  var classNames: [String] {
    for step in steps.reversed() where step.node.domain == Self.domain {
      for attribute in step.node.attribute
      where ["classlabels_strings", "values_strings"].contains(attribute.name) {
        if !attribute.strings.isEmpty { return attribute.strings.map { String(decoding: $0, as: UTF8.self) } }
      }
      if step.node.opType == "ArrayFeatureExtractor", let names = step.node.input.first.flatMap({ texts[$0] })
      {
        return names
      }
    }
    return []
  }
}
