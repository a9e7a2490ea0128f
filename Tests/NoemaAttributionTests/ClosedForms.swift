import NoemaGraph
import NoemaTensor
import NoemaTestSupport

/// Networks whose values can be worked out by hand: those of Captum's own tests.
enum ClosedForm {
  /// `x(3)` → identity → ones(4, 3), bias [-10, 1, 1, 1] → ReLU → ones(2, 4), bias [-1, 1].
  static func dense() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    draft.initialiser("identity", Tensor(shape: [3, 3], [Float(1), 0, 0, 0, 1, 0, 0, 0, 1]))
    draft.initialiser("w1", Tensor(shape: [4, 3], repeating: Float(1)))
    draft.initialiser("b1", Tensor(shape: [4], [Float(-10), 1, 1, 1]))
    draft.initialiser("w2", Tensor(shape: [2, 4], repeating: Float(1)))
    draft.initialiser("b2", Tensor(shape: [2], [Float(-1), 1]))
    draft.node("MatMul", ["x", "identity"], ["linear0"])
    draft.node("Gemm", ["linear0", "w1", "b1"], ["linear1"], ["transB": .int(1)])
    draft.node("Relu", ["linear1"], ["relu"])
    draft.node("Gemm", ["relu", "w2", "b2"], ["out"], ["transB": .int(1)])
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }

  /// 1 × 4 × 4 → two 3 × 3 filters of ones, bias [-50, -75] → ReLU → rows [1, 1, 1, 1, 1, -1, -1, -1] → ReLU.
  static func convolutional() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 4, 4])
    draft.initialiser("w1", Tensor(shape: [2, 1, 3, 3], repeating: Float(1)))
    draft.initialiser("b1", Tensor(shape: [2], [Float(-50), -75]))
    let row: [Float] = [1, 1, 1, 1, 1, -1, -1, -1]
    draft.initialiser("w2", Tensor(shape: [4, 8], row + row + row + row))
    draft.node("Conv", ["x", "w1", "b1"], ["conv1"], ["kernel_shape": .ints([3, 3])])
    draft.node("Relu", ["conv1"], ["relu1"])
    draft.node("Flatten", ["relu1"], ["flat"])
    draft.node("Gemm", ["flat", "w2"], ["fc1"], ["transB": .int(1)])
    draft.node("Relu", ["fc1"], ["out"])
    draft.output("out", [nil, 4])
    return try Network(bytes: draft.bytes())
  }

  static let ramp = Tensor(shape: [1, 1, 4, 4], (0..<16).map { Float($0) })

  /// `f(x) = 1 / x` of one input: infinite at zero.
  static func reciprocal() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 1])
    draft.node("Reciprocal", ["x"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }
}
