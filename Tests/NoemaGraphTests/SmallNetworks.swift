import NoemaGraph
import NoemaTensor
import NoemaTestSupport

/// Float64 evaluation before and after an exact rewrite: rounding alone.
let exactTolerance = 1e-12
/// Float32 kernels against each other, as a share of the largest magnitude.
let floatTolerance = 1e-4

/// A repeatable tensor of normal numbers.
func normalTensor(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
  var random = RandomNumbers(seed: seed)
  return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
}

/// A network as PyTorch's exporter writes it: a stem, a residual block, pooling and a classifier, 2 × 6 × 6 to 3.
func residualDraft(opset: Int = 17) -> ModelDraft {
  var draft = ModelDraft(opset: opset)
  draft.input("input", [nil, 2, 6, 6])
  func convolve(_ path: String, _ from: String, _ channels: Int, seed: UInt64) {
    draft.initialiser("\(path).weight", normalTensor([4, channels, 3, 3], seed: seed))
    draft.node(
      "Conv", [from, "\(path).weight"], ["\(path)/Conv_output_0"], name: "\(path)/Conv",
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
  }
  func normalise(_ path: String, _ from: String, seed: UInt64) {
    let positive = Tensor(
      shape: [4], normalTensor([4], seed: seed + 3).elements(as: Float.self).map { 0.5 + $0 * $0 })
    draft.initialiser("\(path).scale", normalTensor([4], seed: seed))
    draft.initialiser("\(path).shift", normalTensor([4], seed: seed + 1))
    draft.initialiser("\(path).mean", normalTensor([4], seed: seed + 2))
    draft.initialiser("\(path).variance", positive)
    draft.node(
      "BatchNormalization",
      [from, "\(path).scale", "\(path).shift", "\(path).mean", "\(path).variance"],
      ["\(path)/BatchNormalization_output_0"], name: "\(path)/BatchNormalization")
  }
  func rectify(_ path: String, _ from: String) {
    draft.node("Relu", [from], ["\(path)/Relu_output_0"], name: "\(path)/Relu")
  }
  convolve("/stem", "input", 2, seed: 1)
  normalise("/bn", "/stem/Conv_output_0", seed: 2)
  rectify("/relu", "/bn/BatchNormalization_output_0")
  convolve("/layer1/layer1.0/conv1", "/relu/Relu_output_0", 4, seed: 6)
  normalise("/layer1/layer1.0/bn1", "/layer1/layer1.0/conv1/Conv_output_0", seed: 7)
  rectify("/layer1/layer1.0/relu", "/layer1/layer1.0/bn1/BatchNormalization_output_0")
  draft.node(
    "Add", ["/layer1/layer1.0/relu/Relu_output_0", "/relu/Relu_output_0"],
    ["/layer1/layer1.0/Add_output_0"], name: "/layer1/layer1.0/Add")
  rectify("/layer1/layer1.0/relu_1", "/layer1/layer1.0/Add_output_0")
  draft.node(
    "GlobalAveragePool", ["/layer1/layer1.0/relu_1/Relu_output_0"],
    ["/avgpool/GlobalAveragePool_output_0"], name: "/avgpool/GlobalAveragePool")
  draft.node("Flatten", ["/avgpool/GlobalAveragePool_output_0"], ["/Flatten_output_0"], name: "/Flatten")
  draft.initialiser("fc.weight", normalTensor([3, 4], seed: 20))
  draft.initialiser("fc.bias", normalTensor([3], seed: 21))
  draft.node(
    "Gemm", ["/Flatten_output_0", "fc.weight", "fc.bias"], ["logits"], name: "/fc/Gemm", ["transB": .int(1)])
  draft.output("logits", [nil, 3])
  return draft
}

func residualNetwork() throws -> Network { try Network(bytes: residualDraft().bytes()) }

extension Graph {
  /// The operators of the nodes, in order.
  var operations: [String] { nodes.map(\.operation.name) }
}
