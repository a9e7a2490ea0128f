/// Every operator that ONNX files can hold, one line each: the list that import, `noema check` and the
/// conformance table read.
package enum OperatorTable {
  static let operators: [[ONNXBinding]] = [
    ArgExtremum.onnx,
    Attention.onnx,
    AveragePool.onnx,
    BatchNormalization.onnx,
    Binary.onnx,
    BitCast.onnx,
    Bitwise.onnx,
    Broadcast.onnx,
    Cast.onnx,
    CausalConvolution.onnx,
    Comparison.onnx,
    Concatenation.onnx,
    Convolution.onnx,
    ConvolutionInputGradient.onnx,
    CumulativeProduct.onnx,
    CumulativeSum.onnx,
    DataDependent.onnx,
    Determinant.onnx,
    Einsum.onnx,
    FeatureTransforms.onnx,
    Fourier.onnx,
    Fused.onnx,
    Gather.onnx,
    Hardmax.onnx,
    Indexing.onnx,
    LabelMap.onnx,
    LinearAttention.onnx,
    LinearModels.onnx,
    Losses.onnx,
    MatMul.onnx,
    MaxPool.onnx,
    MelWeights.onnx,
    NonMaxSuppression.onnx,
    Normalizations.onnx,
    Pad.onnx,
    Pools.onnx,
    Quantization.onnx,
    Recurrent.onnx,
    Reduction.onnx,
    RegionAlign.onnx,
    RegionMaximum.onnx,
    Reshape.onnx,
    Resize.onnx,
    RuntimeAttention.onnx,
    Sampling.onnx,
    Select.onnx,
    ShapeArithmetic.onnx,
    Slice.onnx,
    Softmax.onnx,
    SupportVectors.onnx,
    TopKIndices.onnx,
    Transpose.onnx,
    TreeModels.onnx,
    Unary.onnx,
    WindowFunctions.onnx,
  ]

  /// Name and domain of every operator, some more than once.
  package static var names: [(name: String, domain: String)] {
    operators.joined().map { ($0.name, $0.domain) }
  }

  private static let bindings: [String: [ONNXBinding]] = Dictionary(
    grouping: operators.joined(), by: { $0.domain + "." + $0.name })

  /// The binding for an operator of a domain at an opset version, or nil.
  static func binding(_ name: String, domain: String, opset: Int) -> ONNXBinding? {
    bindings[domain + "." + name]?.first { $0.opset.contains(opset) }
  }
}
