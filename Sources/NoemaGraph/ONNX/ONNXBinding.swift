/// How nodes of one ONNX operator become nodes of a graph.
public struct ONNXBinding: Sendable {
  /// The ONNX operator's name.
  public let name: String
  /// The operator's domain; empty for the default one.
  public let domain: String
  /// The opset versions that this binding reads.
  public let opset: ClosedRange<Int>
  let make: @Sendable (NodeReader) throws -> [Value]

  /// The newest opset of the default domain that is read.
  public static let newestOpset = 28

  init(
    _ name: String, domain: String = "", opset: ClosedRange<Int> = 1...ONNXBinding.newestOpset,
    make: @escaping @Sendable (NodeReader) throws -> [Value]
  ) {
    self.name = name
    self.domain = domain
    self.opset = opset
    self.make = make
  }

  /// A binding for an operator without attributes: all operands are passed on.
  init(_ name: String, opset: ClosedRange<Int> = 1...ONNXBinding.newestOpset, _ operation: any Operator) {
    self.init(name, opset: opset) { node in try node.emit(operation, node.operands()) }
  }
}
