internal import Foundation
internal import NoemaGraph
internal import NoemaTensor
internal import ONNXSchema

/// Changes to a model that leave it a well-formed message.
enum StructureMutation {
  static func apply(to model: inout Onnx_ModelProto, _ random: inout RandomNumbers) {
    switch random.index(below: 16) {
    case 0, 1, 2: change(&model.graph.node, &random) { attribute(of: &$0, &$1) }
    case 3: change(&model.graph.node, &random) { node, random in operation(of: &node, &random) }
    case 4, 5: wire(&model.graph, &random)
    case 6, 7: change(&model.graph.initializer, &random) { values(of: &$0, &$1) }
    case 8: change(&model.graph.initializer, &random) { shape(of: &$0, &$1) }
    case 9, 10: change(&model.graph.input, &random) { port(&$0, &$1) }
    case 11: bind(&model.graph, &random)
    case 12: arrange(&model.graph.node, &random)
    case 13:
      change(&model.opsetImport, &random) { opset, random in
        opset.version =
          random.index(below: 4) == 0 ? random.hostileInteger() : Int64(1 + random.index(below: 28))
      }
    case 14: arrange(&model.graph.initializer, &random)
    default:
      if random.index(below: 2) == 0 {
        arrange(&model.graph.input, &random)
      } else {
        arrange(&model.graph.output, &random)
      }
    }
  }

  private static func change<Element>(
    _ list: inout [Element], _ random: inout RandomNumbers,
    _ body: (inout Element, inout RandomNumbers) -> Void
  ) {
    if !list.isEmpty { body(&list[random.index(below: list.count)], &random) }
  }

  /// Removes, repeats or exchanges elements.
  private static func arrange<Element>(_ list: inout [Element], _ random: inout RandomNumbers) {
    guard !list.isEmpty else { return }
    let at = random.index(below: list.count), other = random.index(below: list.count)
    switch random.index(below: 3) {
    case 0: list.remove(at: at)
    case 1: list.insert(list[at], at: other)
    default: list.swapAt(at, other)
    }
  }

  // MARK: Nodes

  private static func attribute(of node: inout Onnx_NodeProto, _ random: inout RandomNumbers) {
    if node.attribute.isEmpty || random.index(below: 3) == 0 {
      node.attribute.append(InventedModel.attribute(&random))
      return
    }
    let at = random.index(below: node.attribute.count)
    if random.index(below: 6) == 0 {
      node.attribute.remove(at: at)
      return
    }
    var attribute = node.attribute[at]
    attribute.i = random.hostileInteger()
    attribute.f = random.hostileFloat()
    if random.index(below: 3) == 0 { arrange(&attribute.ints, &random) }
    change(&attribute.ints, &random) { $0 = $1.hostileInteger() }
    if random.index(below: 3) == 0 { arrange(&attribute.floats, &random) }
    change(&attribute.floats, &random) { $0 = $1.hostileFloat() }
    if attribute.hasS { attribute.s = Data(random.pick(InventedModel.words).utf8) }
    if attribute.hasT {
      if random.index(below: 2) == 0 {
        values(of: &attribute.t, &random)
      } else {
        shape(of: &attribute.t, &random)
      }
    }
    node.attribute[at] = attribute
  }

  private static func operation(of node: inout Onnx_NodeProto, _ random: inout RandomNumbers) {
    let (name, domain) = random.pick(OperatorTable.names)
    (node.opType, node.domain) = (name, domain)
  }

  /// Lets a node read or make another value.
  private static func wire(_ graph: inout Onnx_GraphProto, _ random: inout RandomNumbers) {
    guard !graph.node.isEmpty else { return }
    let names =
      graph.input.map(\.name) + graph.initializer.map(\.name) + graph.node.flatMap(\.output) + [
        "", "missing",
      ]
    let name = random.pick(names)
    change(&graph.node, &random) { node, random in
      switch random.index(below: 5) {
      case 0: change(&node.output, &random) { output, _ in output = name }
      case 1: node.input.append(name)
      case 2: if !node.input.isEmpty { node.input.removeLast() }
      default: change(&node.input, &random) { input, _ in input = name }
      }
    }
  }

  // MARK: Tensors

  private static func values(of tensor: inout Onnx_TensorProto, _ random: inout RandomNumbers) {
    change(&tensor.int64Data, &random) { $0 = $1.hostileInteger() }
    change(&tensor.int32Data, &random) { $0 = Int32(truncatingIfNeeded: $1.hostileInteger()) }
    change(&tensor.floatData, &random) { $0 = $1.hostileFloat() }
    change(&tensor.doubleData, &random) { $0 = Double($1.hostileFloat()) }
    guard tensor.hasRawData, !tensor.rawData.isEmpty else { return }
    var bytes = [UInt8](tensor.rawData)
    if tensor.dataType == Int32(Onnx_TensorProto.DataType.int64.rawValue), bytes.count >= 8 {
      let at = random.index(below: bytes.count / 8) * 8
      let number = withUnsafeBytes(of: random.hostileInteger().littleEndian) { [UInt8]($0) }
      bytes.replaceSubrange(at..<at + 8, with: number)
    } else if tensor.dataType == Int32(Onnx_TensorProto.DataType.float.rawValue), bytes.count >= 4 {
      let at = random.index(below: bytes.count / 4) * 4
      let number = withUnsafeBytes(of: random.hostileFloat().bitPattern.littleEndian) { [UInt8]($0) }
      bytes.replaceSubrange(at..<at + 4, with: number)
    } else {
      bytes[random.index(below: bytes.count)] = UInt8(random.index(below: 256))
    }
    tensor.rawData = Data(bytes)
  }

  private static func shape(of tensor: inout Onnx_TensorProto, _ random: inout RandomNumbers) {
    switch random.index(below: 5) {
    case 0: tensor.dataType = Int32(random.index(below: 24))
    case 1: change(&tensor.dims, &random) { $0 = $1.hostileInteger() }
    case 2: arrange(&tensor.dims, &random)
    // Axes of 1, or of 0, keep the data fitting.
    case 3: tensor.dims.insert(1, at: random.index(below: tensor.dims.count + 1))
    default:
      tensor.dims = [Int64(random.index(below: 3)), 0, random.hostileInteger()]
      tensor.rawData = Data()
    }
  }

  // MARK: Inputs

  private static func port(_ port: inout Onnx_ValueInfoProto, _ random: inout RandomNumbers) {
    if random.index(below: 6) == 0 { port.type.tensorType.elemType = Int32(random.index(below: 24)) }
    if random.index(below: 4) == 0 {
      arrange(&port.type.tensorType.shape.dim, &random)
      return
    }
    change(&port.type.tensorType.shape.dim, &random) { dimension, random in
      if random.index(below: 4) == 0 {
        dimension.dimParam = "n"
      } else {
        dimension.dimValue = random.hostileInteger()
      }
    }
  }

  /// Gives an input a constant value: small, or from the edge.
  private static func bind(_ graph: inout Onnx_GraphProto, _ random: inout RandomNumbers) {
    guard !graph.input.isEmpty else { return }
    let name = random.pick(graph.input).name
    graph.initializer.append(InventedModel.constant(name, &random))
  }
}
