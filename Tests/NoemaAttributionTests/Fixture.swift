import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import Testing

/// Outputs and hidden values: float32 rounding over some ten layers, as a share of the largest magnitude.
let valueTolerance = 1e-4
/// Gradients: errors of both passes multiply, as a share of the largest magnitude.
let gradientTolerance = 1e-3

/// A network and what PyTorch computes with it; scripts/golden/fixtures.py writes them.
struct Fixture: Sendable, CustomTestStringConvertible {
  let name: String
  var testDescription: String { name }

  static let tables = ["breast_cancer_mlp", "diabetes_mlp", "iris_mlp", "rules_mlp", "wine_mlp", "xor_mlp"]
    .map(Fixture.init)
  static let images = [
    "tiny_cnn", "tiny_cnn_dynamo", "tiny_resnet", "tiny_resnet_unfolded", "tiny_resnet_dynamo",
  ].map(Fixture.init)

  private func path(_ ending: String) -> String {
    Bundle.module.resourceURL!.appendingPathComponent("Fixtures/\(name).\(ending)").path
  }

  func network() throws -> Network { try Network(contentsOf: path("onnx")) }
  func values() throws -> Values { try Values(arrays: NPZFile(path: path("npz")).arrays()) }

  struct Values {
    let arrays: [String: Tensor]
    var input: Tensor { arrays["input"]! }
    var logits: Tensor { arrays["logits"]! }
    var gradient: Tensor { arrays["gradient"]! }
    var integratedGradients: Tensor { arrays["integrated_gradients"]! }
    var targets: [Int] { arrays["target"]!.elements(as: Int64.self).map { Int($0) } }
    /// ONNX values and what they hold.
    var hidden: [(name: String, tensor: Tensor)] {
      arrays.filter { $0.key.hasPrefix("act/") }.sorted { $0.key < $1.key }.map {
        (String($0.key.dropFirst(4)), $0.value)
      }
    }
  }
}

/// A repeatable batch of normal numbers.
func normalTensor(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
  var random = RandomNumbers(seed: seed)
  return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
}

extension Tensor {
  /// Float elements in row-major order.
  var floats: [Float] { elements(as: Float.self) }
}

extension FeatureMatrix {
  /// All elements, row after row.
  func floats() throws -> [Float] {
    var values = [Float](repeating: 0, count: rowCount * columnCount)
    try values.withUnsafeMutableBufferPointer {
      try copyBlock(rows: 0..<rowCount, columns: 0..<columnCount, to: $0)
    }
    return values
  }
}
