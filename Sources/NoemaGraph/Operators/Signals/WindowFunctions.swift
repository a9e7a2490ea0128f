internal import Foundation
internal import NoemaTensor

/// The cosine windows of signal processing: constants once their length is known.
///
/// - Source: ONNX HannWindow-17, HammingWindow-17, BlackmanWindow-17.
enum WindowFunctions {
  static let onnx: [ONNXBinding] = [
    binding("HannWindow", [0.5, -0.5]),
    binding("HammingWindow", [25.0 / 46, -21.0 / 46]),
    binding("BlackmanWindow", [0.42, -0.5, 0.08]),
  ]

  /// `Σ cₖ cos(2πkn / N)`, where N counts the last element only if the window is periodic.
  private static func binding(_ name: String, _ coefficients: [Double]) -> ONNXBinding {
    ONNXBinding(name) { node in
      guard let size = try node.constant(0).integers().first, (0...1 << 20).contains(size) else {
        throw node.error("the size is missing, negative or absurdly large")
      }
      let period = Double(max(1, node.int("periodic", default: 1) != 0 ? size : size - 1))
      let values = (0..<size).map { n in
        coefficients.enumerated().reduce(0) {
          $0 + $1.element * cos(2 * .pi * Double($1.offset * n) / period)
        }
      }
      let code = Int32(truncatingIfNeeded: node.int("output_datatype", default: 1))
      let type = try TensorReader.elementType(code, name).type
      return [node.constant(Tensor(shape: [size], values).converted(to: type))]
    }
  }
}
