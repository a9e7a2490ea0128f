import Foundation
import NoemaGraph
import NoemaTensor
import NoemaTestSupport

@testable import NoemaRules

/// Networks of a few nodes that read tables.
enum SmallTableNetworks {
  /// `x · weights + bias`, and operators behind it.
  ///
  /// - Parameters:
  ///   - weights: a row for each column of the input.
  ///   - input: its shape; `[N, columns]` when nil.
  ///   - end: operators of one operand, the last of which gives the output `y`.
  static func linear(
    _ weights: [[Float]], _ bias: [Float], input: [Int?]? = nil, end: [String] = []
  ) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", input ?? [nil, weights.count])
    addLinear(&draft, weights, bias, of: "x", end)
    return try Network(bytes: draft.bytes())
  }

  /// The same over columns of one input each.
  static func joined(
    _ inputs: [(name: String, width: Int, element: ElementType)], _ weights: [[Float]], _ bias: [Float]
  ) throws -> Network {
    var draft = ModelDraft()
    var parts: [String] = []
    for input in inputs {
      draft.input(input.name, [nil, input.width], input.element)
      parts.append(input.name)
      if input.element != .float32 {
        draft.node("Cast", [input.name], ["\(input.name)_float"], ["to": .int(1)])
        parts[parts.count - 1] = "\(input.name)_float"
      }
    }
    draft.node("Concat", parts, ["all"], ["axis": .int(1)])
    addLinear(&draft, weights, bias, of: "all", [])
    return try Network(bytes: draft.bytes())
  }

  /// `x → relu(x · first) → relu(· second) → · third`, whose values a test computes by hand.
  static func deep(_ layers: [(weights: [[Float]], bias: [Float])], activation: String? = "Relu") throws
    -> Network
  {
    var draft = ModelDraft()
    draft.input("x", [nil, layers[0].weights.count])
    var value = "x"
    for (index, layer) in layers.enumerated() {
      let isLast = index == layers.count - 1
      draft.initialiser("w\(index)", tensor(layer.weights))
      draft.initialiser("b\(index)", Tensor(shape: [layer.bias.count], layer.bias))
      let sum = isLast ? "y" : "dense\(index)"
      draft.node("Gemm", [value, "w\(index)", "b\(index)"], [sum])
      value = sum
      if let activation, !isLast {
        draft.node(activation, [sum], ["hidden\(index)"])
        value = "hidden\(index)"
      }
    }
    draft.output("y")
    return try Network(bytes: draft.bytes())
  }

  static func tensor(_ rows: [[Float]]) -> Tensor {
    Tensor(shape: [rows.count, rows[0].count], rows.flatMap { $0 })
  }

  private static func addLinear(
    _ draft: inout ModelDraft, _ weights: [[Float]], _ bias: [Float], of input: String, _ end: [String]
  ) {
    draft.initialiser("w", tensor(weights))
    draft.initialiser("b", Tensor(shape: [bias.count], bias))
    draft.node("Gemm", [input, "w", "b"], [end.isEmpty ? "y" : "scores"])
    for (index, operation) in end.enumerated() {
      draft.node(
        operation, [index == 0 ? "scores" : "part\(index)"],
        [index == end.count - 1 ? "y" : "part\(index + 1)"])
    }
    draft.output("y")
  }
}

extension TableNetwork {
  /// The logit of the second of two classes, row by row: what a sum with one output came to.
  func logits(of table: RuleTable) throws -> [Double] {
    let all = try probabilities(of: table)
    return stride(from: 0, to: all.count, by: 2).map { log(all[$0 + 1] / all[$0]) }
  }
}
