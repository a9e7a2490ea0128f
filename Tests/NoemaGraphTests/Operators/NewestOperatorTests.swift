import Foundation
@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Operators of opset 26 and 27, held against loops written from their definitions.
@Suite struct NewestOperatorTests {
  private func graph(
    _ operation: String, _ operands: [Tensor?], constants: Set<Int> = [], results: [String],
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> Graph {
    var draft = ModelDraft(opset: 28)
    for (index, tensor) in operands.enumerated() {
      guard let tensor else { continue }
      if constants.contains(index) {
        draft.initialiser("x\(index)", tensor)
      } else {
        draft.input("x\(index)", tensor.shape.map { Optional($0) }, tensor.elementType)
      }
    }
    draft.node(operation, operands.indices.map { operands[$0] == nil ? "" : "x\($0)" }, results, attributes)
    for name in results { draft.output(name) }
    return try Network(bytes: draft.bytes()).graph()
  }

  private func run(
    _ operation: String, _ operands: [Tensor?], constants: Set<Int> = [], results: [String] = ["y"],
    _ attributes: [String: ModelDraft.Attribute] = [:]
  ) throws -> [Tensor] {
    let graph = try graph(operation, operands, constants: constants, results: results, attributes)
    return try graph.interpreted(operands.indices.compactMap { constants.contains($0) ? nil : operands[$0] })
  }

  private func floats(_ tensor: Tensor) -> [Float] { tensor.elements(as: Float.self) }
  private func isNear(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }
  }

  // MARK: CumProd

  @Test(arguments: [
    (false, false, [Float(2), 6, 0, 0, 0]), (true, false, [1, 2, 6, 0, 0]), (false, true, [0, 0, 0, -20, 5]),
    (true, true, [0, 0, -20, 5, 1]),
  ])
  func productsRun(_ isExclusive: Bool, _ isReversed: Bool, _ expected: [Float]) throws {
    let attributes: [String: ModelDraft.Attribute] = [
      "exclusive": .int(isExclusive ? 1 : 0), "reverse": .int(isReversed ? 1 : 0),
    ]
    let numbers: [Float] = [2, 3, 0, -4, 5]
    // Along a middle axis, beside other numbers.
    let x = Tensor(shape: [1, 5, 2], numbers.flatMap { [$0, 1] })
    let y = try run("CumProd", [x, Tensor(Int64(-2))], constants: [1], attributes)[0]
    #expect(floats(y) == expected.flatMap { [$0, 1] })
    let whole = Tensor(shape: [5], numbers.map { Int32($0) })
    let z = try run("CumProd", [whole, Tensor(Int64(0))], constants: [1], attributes)[0]
    #expect(z == Tensor(shape: [5], expected.map { Int32($0) }))
  }

  /// The derivative of products with a zero among their factors, which quotients would miss.
  @Test func productsHaveDerivatives() throws {
    let graph = try graph(
      "CumProd", [Tensor(shape: [3], [Float(2), 0, 5]), Tensor(Int64(0))], constants: [1], results: ["y"])
    var back = try graph.backward(from: graph.outputs[0], to: graph.inputs)
    back.graph.outputs = [back.cotangents[0]!]
    let g = try back.graph.interpreted([
      Tensor(shape: [3], [Float(2), 0, 5]), Tensor(shape: [3], [Float(0), 0, 1]),
    ])
    #expect(floats(g[0]) == [0, 10, 0])
  }

  // MARK: BitCast

  @Test func bitsAreKept() throws {
    func cast(_ x: Tensor, _ code: Int) throws -> Tensor { try run("BitCast", [x], ["to": .int(code)])[0] }
    let one = Tensor(shape: [2], [Float(1), -2])
    let bits = Tensor(shape: [2], [Int32(0x3F80_0000), Int32(bitPattern: 0xC000_0000)])
    #expect(try cast(one, 6) == bits)
    #expect(try cast(bits, 1) == one)
    let unsigned = Tensor(shape: [2], [Int64(0x3F80_0000), 0xC000_0000])
    #expect(try cast(one, 12) == unsigned)
    #expect(try cast(unsigned, 1) == one)
    #expect(try cast(unsigned, 6) == bits)
    #expect(try cast(Tensor(shape: [1], [Double(-0.0)]), 7) == Tensor(shape: [1], [Int64.min]))
    #expect(try cast(Tensor(shape: [2], [Int8(-1), 3]), 2) == Tensor(shape: [2], [UInt8(255), 3]))
    #expect(try cast(Tensor(shape: [2], [UInt8(0), 1]), 9) == Tensor(shape: [2], [false, true]))
    #expect(try cast(Tensor(shape: [2], [UInt16(0x3C00), 0xC000]), 10) == one)
    #expect(try cast(Tensor(shape: [2], [Int16(0x3F80), Int16(bitPattern: 0xC000)]), 16) == one)
    let error = #expect(throws: GraphError.self) { try cast(one, 5) }
    #expect(error?.category == .unsupported)
  }

  // MARK: CausalConvWithState

  @Test(arguments: [
    ("none", true, true), ("silu", false, true), ("swish", true, false), ("none", false, false),
  ])
  func convolutionsLookBack(_ activation: String, _ hasBias: Bool, _ hasPast: Bool) throws {
    let (batch, channels, length, kernel) = (2, 3, 5, 4)
    let x = normalTensor([batch, channels, length]), weight = normalTensor([channels, 1, kernel])
    let bias = hasBias ? normalTensor([channels]) : nil
    let past = hasPast ? normalTensor([batch, channels, kernel - 1]) : nil
    let results = try run(
      "CausalConvWithState", [x, weight, bias, past], results: ["y", "state"],
      ["activation": .string(activation)])
    var expected: [Float] = [], state: [Float] = []
    for row in 0..<batch * channels {
      let channel = row % channels
      let before = past.map { Array(floats($0)[row * (kernel - 1)..<(row + 1) * (kernel - 1)]) }
      let whole = (before ?? [0, 0, 0]) + floats(x)[row * length..<(row + 1) * length]
      for step in 0..<length {
        var sum = bias.map { floats($0)[channel] } ?? 0
        for tap in 0..<kernel { sum += whole[step + tap] * floats(weight)[channel * kernel + tap] }
        expected.append(activation == "none" ? sum : sum / (1 + Float(exp(-Double(sum)))))
      }
      state += whole.suffix(kernel - 1)
    }
    #expect(isNear(floats(results[0]), expected))
    #expect(floats(results[1]) == state)
  }

  // MARK: LinearAttention

  @Test(arguments: [
    ("linear", 2, 2, false), ("gated", 4, 2, false), ("gated", 2, 2, true), ("delta", 2, 1, false),
    ("gated_delta", 4, 2, true),
  ])
  func attentionRecurs(_ rule: String, _ queryHeads: Int, _ heads: Int, _ isWide: Bool) throws {
    let (batch, steps, width, depth) = (2, 3, 3, 2)
    let q = normalTensor([batch, steps, queryHeads * width], seed: 1)
    let k = normalTensor([batch, steps, heads * width], seed: 2)
    let v = normalTensor([batch, steps, heads * depth], seed: 3)
    let past = normalTensor([batch, heads, width, depth], seed: 4)
    let isGated = rule.hasPrefix("gated"), isDelta = rule.hasSuffix("delta")
    let columns = isWide ? heads * width : heads
    let decay = isGated ? normalTensor([batch, steps, columns], seed: 5) : nil
    let beta = isDelta ? normalTensor([batch, steps, isWide ? 1 : heads], seed: 6) : nil
    let results = try run(
      "LinearAttention", [q, k, v, past, decay, beta], results: ["y", "state"],
      [
        "update_rule": .string(rule), "q_num_heads": .int(queryHeads), "kv_num_heads": .int(heads),
        "scale": .float(0.5),
      ])
    var output = [Float](repeating: 0, count: batch * steps * queryHeads * depth)
    var final: [Float] = []
    for b in 0..<batch {
      for h in 0..<heads {
        var s = (0..<width).map { i in
          (0..<depth).map { j in floats(past)[((b * heads + h) * width + i) * depth + j] }
        }
        for t in 0..<steps {
          let row = b * steps + t
          let key = (0..<width).map { floats(k)[row * heads * width + h * width + $0] }
          for i in 0..<width where isGated {
            let g = floats(decay!)[row * columns + (isWide ? h * width + i : h)]
            for j in 0..<depth { s[i][j] *= Float(exp(Double(g))) }
          }
          for j in 0..<depth {
            var value = floats(v)[row * heads * depth + h * depth + j]
            if isDelta {
              let rate = floats(beta!)[isWide ? row : row * heads + h]
              value = rate * (value - (0..<width).reduce(0) { $0 + s[$1][j] * key[$1] })
            }
            for i in 0..<width { s[i][j] += key[i] * value }
          }
          let group = queryHeads / heads
          for head in h * group..<(h + 1) * group {
            for j in 0..<depth {
              output[(row * queryHeads + head) * depth + j] = (0..<width).reduce(0) {
                $0 + 0.5 * floats(q)[row * queryHeads * width + head * width + $1] * s[$1][j]
              }
            }
          }
        }
        final += s.flatMap { $0 }
      }
    }
    #expect(isNear(floats(results[0]), output), "\(rule)")
    #expect(isNear(floats(results[1]), final), "\(rule)")
  }
}
