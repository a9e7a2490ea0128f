public import NoemaTensor

/// Each element replaced by what a table holds for it.
///
/// - Shapes: `[…] → […]`; the result has the element type of the table's values.
/// - Source: ONNX ai.onnx.ml LabelEncoder-2 to -4, of numbers.
public struct LabelMap: Operator {
  private let table: Table

  /// A table that is compared by identity: it may be long, and operators are compared often.
  private final class Table: Sendable, Hashable {
    /// The positions of the values by their keys' bits.
    let positions: [Int64: Int]
    /// The values, and last what other elements become.
    let values: Tensor

    init(positions: [Int64: Int], values: Tensor) {
      self.positions = positions
      self.values = values
    }

    static func == (left: Table, right: Table) -> Bool { left === right }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
  }

  /// Makes a map of keys to values; of a key that stands twice the last value holds.
  ///
  /// - Precondition: `values` holds one element more than `keys`: what all other elements become.
  public init(keys: Tensor, values: Tensor) {
    precondition(values.count == keys.count + 1)
    var positions: [Int64: Int] = [:]
    for (position, key) in Self.bits(keys).enumerated() { positions[key] = position }
    table = Table(positions: positions, values: values.reshaped(to: [values.count]))
  }

  public var relevanceRole: RelevanceRole { .none }

  public static var onnx: [ONNXBinding] {
    [
      ONNXBinding("LabelEncoder", domain: "ai.onnx.ml") { node in
        let keys = try list(node, "keys"), values = try list(node, "values")
        guard keys.count == values.count else {
          throw node.error("\(keys.count) keys do not fit \(values.count) values")
        }
        let other = try fallback(node, values.elementType)
        let all = try Concatenation(axis: 0).evaluate([values, other])[0]
        let x = try node.operand(0)
        guard try node.type(0).element.isFloat == keys.elementType.isFloat else {
          throw node.error("keys of \(keys.elementType) do not fit elements of \(try node.type(0).element)")
        }
        return [try node.emit(LabelMap(keys: keys, values: all), x)]
      }
    ]
  }

  /// The keys or values, whichever attribute holds them.
  private static func list(_ node: NodeReader, _ kind: String) throws -> Tensor {
    if let tensor = try node.tensor(kind + "_tensor") { return tensor.reshaped(to: [tensor.count]) }
    if let numbers = node.exactInts(kind + "_int64s") {
      return Tensor(shape: [numbers.count], numbers.map(Int64.init))
    }
    if let numbers = node.floats(kind + "_floats") {
      return Tensor(shape: [numbers.count], numbers.map(Float.init))
    }
    throw node.unsupported("\(kind) that are text are not supported; encode with numbers")
  }

  private static func fallback(_ node: NodeReader, _ type: ElementType) throws -> Tensor {
    let given = try node.tensor("default_tensor")
    let number = type.isFloat ? node.float("default_float", default: -0.0) : 0
    let tensor =
      given ?? (type.isFloat ? Tensor(Float(number)) : Tensor(Int64(node.exactInt("default_int64") ?? -1)))
    guard tensor.count == 1 else { throw node.error("the default has \(tensor.count) elements") }
    return tensor.reshaped(to: [1]).converted(to: type)
  }

  /// Bits that are equal for equal elements: of all zeros and of all NaN.
  private static func bits(_ tensor: Tensor) -> [Int64] {
    guard tensor.elementType.isFloat else { return tensor.converted(to: .int64).elements(as: Int64.self) }
    return tensor.converted(to: .float64).elements(as: Double.self).map { number in
      Int64(bitPattern: number.isNaN ? Double.nan.bitPattern : (number + 0).bitPattern)
    }
  }

  public func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    guard operands.count == 1 else {
      throw GraphError(.operands("expected 1 operand, found \(operands.count)"))
    }
    return [TensorType(operands[0].shape, table.values.elementType)]
  }

  public func evaluate(_ operands: [Tensor]) throws -> [Tensor] {
    let last = table.values.count - 1
    let positions = Self.bits(operands[0]).map { Int64(table.positions[$0] ?? last) }
    return try Gather(axis: 0).evaluate([table.values, Tensor(shape: operands[0].shape, positions)])
  }

  public func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] { [nil] }
}
