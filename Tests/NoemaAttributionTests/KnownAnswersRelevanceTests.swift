import Foundation
import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Relevance that can be worked out by hand where networks pool, add up and bend: networks of Captum's tests of LRP.
@Suite struct KnownAnswersRelevanceTests {
  private func expectClose(
    _ found: Tensor, _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (a, b) in zip(found.floats, expected) {
      #expect(abs(a - b) <= 1e-4, "\(found.floats)", sourceLocation: sourceLocation)
    }
  }

  /// A dense layer of twos over the last axis, `[1, 2]` to `[6, 6]` and `[5, 6]` to `[22, 22]`, and the largest of all,
  /// or of each row where there are rows only: all relevance goes to the row that wins.
  @Test(arguments: [
    (shape: [2, 2], kernel: [2], x: [Float(1), 2, 5, 6], target: 1),
    (shape: [1, 2, 2], kernel: [2, 2], x: [1, 2, 5, 6], target: 0),
    (shape: [1, 2, 2, 2], kernel: [2, 2, 2], x: [1, 2, 3, 4, 1, 2, 5, 6], target: 0),
  ])
  func poolingGivesToTheWinner(_ row: (shape: [Int], kernel: [Int], x: [Float], target: Int)) throws {
    var draft = ModelDraft()
    draft.input("x", [nil] + row.shape.map { $0 })
    draft.initialiser("w", Tensor(shape: [2, 2], repeating: Float(2)))
    draft.node("MatMul", ["x", "w"], ["z"])
    draft.node("MaxPool", ["z"], ["pool"], ["kernel_shape": .ints(row.kernel)])
    draft.node("Flatten", ["pool"], ["out"])
    draft.output("out", [nil, row.shape[0]])
    let found = try explain(
      LayerwiseRelevance(.epsilon(1e-9)), Network(bytes: draft.bytes()),
      Tensor(shape: [1] + row.shape, row.x), classes: [row.target])
    #expect(found.outputs == [22])
    expectClose(found.values[0], [Float](repeating: 0, count: row.x.count - 2) + [10, 12])
  }

  /// A dense layer of fives and a way around it: of class 1, `5 · 2 + 5 · 3 + 3`, the inputs have 10 and 18.
  @Test func residualSumsShare() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.initialiser("w", Tensor(shape: [2, 2], repeating: Float(5)))
    draft.node("Gemm", ["x", "w"], ["z"], ["transB": .int(1)])
    draft.node("Add", ["z", "x"], ["out"])
    draft.output("out", [nil, 2])
    let found = try explain(
      LayerwiseRelevance(.epsilon(1e-9)), Network(bytes: draft.bytes()),
      Tensor(shape: [1, 2], [Float(2), 3]), classes: [1])
    #expect(found.outputs == [28])
    expectClose(found.values[0], [10, 18])
  }

  /// A tangent hands relevance on as it is: each unit at 0.6 passes a tenth of `tanh 0.6`.
  @Test func activationsHandOn() throws {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("w1", Tensor(shape: [3, 3], repeating: Float(0.1)))
    draft.initialiser("w2", Tensor(shape: [3, 1], repeating: Float(0.1)))
    draft.node("MatMul", ["x", "w1"], ["z"])
    draft.node("Tanh", ["z"], ["a"])
    draft.node("MatMul", ["a", "w2"], ["out"])
    draft.output("out", [nil, 1])
    let found = try explain(
      LayerwiseRelevance(.epsilon(1e-9)), Network(bytes: draft.bytes()),
      Tensor(shape: [1, 3], [Float(1), 2, 3]))
    expectClose(found.values[0], [1, 2, 3].map { $0 * 0.05 * Float(tanh(0.6)) })
    expectClose(found.values[0], [0.0269, 0.0537, 0.0806])
  }
}
