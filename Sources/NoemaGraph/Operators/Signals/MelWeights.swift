internal import Foundation
internal import NoemaTensor

/// Triangular filters that are evenly spaced on the mel scale: a constant once its extents are known.
///
/// - Source: ONNX MelWeightMatrix-17; the scale is 2595 · log₁₀(1 + f / 700).
enum MelWeights {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("MelWeightMatrix", opset: 17...ONNXBinding.newestOpset) { node in
      let numbers = try (0..<5).map { index -> Double in
        let tensor = try node.constant(index).converted(to: .float64)
        guard tensor.count == 1 else { throw node.error("operand \(index) is no scalar") }
        return tensor.elements(as: Double.self)[0]
      }
      let (bands, length, rate) = (numbers[0], numbers[1], numbers[2])
      guard (1...0x1p20).contains(bands), (1...0x1p20).contains(length), rate > 0,
        bands * (length / 2 + 1) <= 0x1p24, numbers[3...].allSatisfy({ $0 >= 0 && $0.isFinite })
      else { throw node.error("bands, length, rate and edges \(numbers) are not positive or absurdly large") }
      let bins = Int(length) / 2 + 1
      let (low, high) = (mel(numbers[3]), mel(numbers[4]))
      // The bin of each edge between the bands; what lies beyond the spectrum meets no bin.
      let edges = (0..<Int(bands) + 2).map { index -> Int in
        let hertz = 700 * expm1((low + Double(index) * (high - low) / (bands + 2)) / 2595 * log(10))
        return Int(min(((length + 1) * hertz / rate).rounded(.down), Double(bins)))
      }
      var weights = [Double](repeating: 0, count: bins * Int(bands))
      for band in 0..<Int(bands) {
        let (left, centre, right) = (edges[band], edges[band + 1], edges[band + 2])
        for bin in min(left, centre)..<max(right, centre + 1) where (0..<bins).contains(bin) {
          weights[bin * Int(bands) + band] =
            bin == centre
            ? 1
            : bin < centre
              ? Double(bin - left) / Double(centre - left) : Double(right - bin) / Double(right - centre)
        }
      }
      let code = Int32(truncatingIfNeeded: node.int("output_datatype", default: 1))
      let type = try TensorReader.elementType(code, "MelWeightMatrix").type
      return [node.constant(Tensor(shape: [bins, Int(bands)], weights).converted(to: type))]
    }
  ]

  private static func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
}
