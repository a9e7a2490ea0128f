internal import Foundation
internal import NoemaGraph
internal import NoemaTensor
internal import ONNXSchema

/// Networks of a few nodes with any operator, any operands and any attributes.
enum InventedModel {
  /// Names of attributes that hold one integer, several, a number, and text.
  private static let integerKeys = [
    "axis", "group", "keepdims", "to", "ceil_mode", "count_include_pad", "transA", "transB", "allowzero",
    "start",
    "end", "batch_dims", "select_last_index", "noop_with_empty_axes", "num_outputs", "storage_order",
    "blocksize", "p",
    "exclusive", "reverse", "largest", "sorted", "upper", "k", "detect_negative", "size", "alpha",
    "num_heads",
    "q_num_heads", "kv_num_heads", "is_causal", "hidden_size", "layout", "linear_before_reset",
    "input_forget", "onesided",
    "inverse", "output_datatype", "periodic", "dtype", "output_height", "output_width", "sampling_ratio",
    "align_corners", "center_point_box", "antialias", "exclude_outside", "stash_type", "num_groups",
    "time_axis",
    "batch_axis", "ignore_index", "rotary_embedding_dim", "interleaved", "epsilon",
  ]
  private static let listKeys = [
    "axes", "kernel_shape", "strides", "dilations", "pads", "perm", "shape", "output_shape", "output_padding",
    "starts", "ends", "split", "value_ints", "scales", "pooled_shape", "activation_alpha", "activation_beta",
  ]
  private static let numberKeys = [
    "alpha", "beta", "gamma", "epsilon", "min", "max", "bias", "lambd", "spatial_scale", "scale", "softcap",
    "value",
    "clip", "cubic_coeff_a", "extrapolation_value", "size",
  ]
  private static let wordKeys = [
    "auto_pad", "mode", "nearest_mode", "coordinate_transformation_mode", "reduction", "direction",
    "equation",
    "approximate", "padding_mode", "keep_aspect_ratio_policy", "activations", "interpolation_mode",
  ]
  /// Values of attributes that hold text.
  static let words = [
    "", "?", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "reflect", "edge", "wrap", "linear",
    "cubic",
    "nearest", "bilinear", "floor", "ceil", "round_prefer_ceil", "half_pixel", "align_corners", "asymmetric",
    "tf_crop_and_resize", "half_pixel_symmetric", "none", "sum", "mean", "add", "mul", "max", "min",
    "forward", "reverse",
    "bidirectional", "ij,jk->ik", "...i,i", "ii->i", "iii,->", "a...b->b", "zeros", "border", "not_larger",
    "not_smaller", "DCR", "CRD", "LEFT", "RIGHT", "tanh", "circular", "LINEAR", "WINDOW", "avg",
  ]

  static func make(_ random: inout RandomNumbers) -> Onnx_ModelProto {
    var model = Onnx_ModelProto()
    model.irVersion = 8
    var opset = Onnx_OperatorSetIdProto()
    opset.version = Int64(random.pick([6, 7, 9, 10, 11, 13, 14, 16, 17, 18, 20, 21, 22, 23, 24, 25]))
    model.opsetImport = [opset]
    for domain in Set(OperatorTable.names.map(\.domain)).sorted() where !domain.isEmpty {
      opset.domain = domain
      opset.version = 1
      model.opsetImport.append(opset)
    }
    var names: [String] = []
    for index in 0...random.index(below: 4) {
      names.append("x\(index)")
      if random.index(below: 2) == 0 {
        model.graph.input.append(port(names[index], &random))
      } else {
        model.graph.initializer.append(constant(names[index], &random))
      }
    }
    for index in 0...random.index(below: 3) {
      var node = Onnx_NodeProto()
      (node.opType, node.domain) = random.pick(OperatorTable.names)
      node.name = "node\(index)"
      for _ in 0...random.index(below: 5) {
        node.input.append(random.index(below: 8) == 0 ? "" : random.pick(names))
      }
      node.output = (0...random.index(below: 3)).map { "y\(index)_\($0)" }
      node.attribute = (0..<random.index(below: 5)).map { _ in attribute(&random) }
      names += node.output
      model.graph.node.append(node)
    }
    for _ in 0...random.index(below: 2) {
      var output = Onnx_ValueInfoProto()
      output.name = names[names.count - 1 - random.index(below: min(names.count, 3))]
      output.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
      model.graph.output.append(output)
    }
    return model
  }

  private static let shapes: [[Int64]] = [
    [], [0], [1], [2], [3], [4], [2, 3], [3, 2], [1, 4], [2, 3, 4], [1, 2, 5], [1, 2, 5, 5], [2, 0, 4],
    [1, 1, 3, 3],
    [2, 4, 3, 3], [1, 2, 3, 3, 3], [2, 2, 2, 2],
  ]

  private static func port(_ name: String, _ random: inout RandomNumbers) -> Onnx_ValueInfoProto {
    var port = Onnx_ValueInfoProto()
    port.name = name
    port.type.tensorType.elemType = random.index(below: 4) == 0 ? Int32(1 + random.index(below: 13)) : 1
    for extent in random.pick(shapes) {
      var dimension = Onnx_TensorShapeProto.Dimension()
      dimension.dimValue = random.index(below: 30) == 0 ? random.hostileInteger() : extent
      port.type.tensorType.shape.dim.append(dimension)
    }
    return port
  }

  /// A tensor of a name: floats, or a list of integers that may be a shape or indices.
  static func constant(_ name: String, _ random: inout RandomNumbers) -> Onnx_TensorProto {
    var tensor = Onnx_TensorProto()
    tensor.name = name
    if random.index(below: 2) == 0 {
      tensor.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
      tensor.dims = random.pick(shapes)
      tensor.floatData = (0..<tensor.dims.reduce(1, *)).map { _ in Float(random.uniform(-2..<2)) }
      if random.index(below: 4) == 0, !tensor.floatData.isEmpty {
        tensor.floatData[0] = random.hostileFloat()
      }
    } else {
      tensor.dataType = Int32(Onnx_TensorProto.DataType.int64.rawValue)
      tensor.int64Data = (0..<random.index(below: 5)).map { _ in random.hostileInteger() }
      tensor.dims =
        tensor.int64Data.count == 1 && random.index(below: 2) == 0 ? [] : [Int64(tensor.int64Data.count)]
    }
    return tensor
  }

  static func attribute(_ random: inout RandomNumbers) -> Onnx_AttributeProto {
    var attribute = Onnx_AttributeProto()
    switch random.index(below: 4) {
    case 0:
      (attribute.name, attribute.type) = (random.pick(integerKeys), .int)
      attribute.i = random.hostileInteger()
    case 1:
      (attribute.name, attribute.type) = (random.pick(listKeys), .ints)
      attribute.ints = (0..<random.index(below: 5)).map { _ in random.hostileInteger() }
      attribute.floats = attribute.ints.map { _ in random.hostileFloat() }
    case 2:
      (attribute.name, attribute.type) = (random.pick(numberKeys), .float)
      attribute.f = random.hostileFloat()
    default:
      (attribute.name, attribute.type) = (random.pick(wordKeys), .string)
      attribute.s = Data(random.pick(words).utf8)
      attribute.strings = [attribute.s]
    }
    return attribute
  }
}
