internal import Foundation
internal import NoemaTensor

/// Fourier transforms as products with a constant matrix, whose derivatives are products with its transpose.
///
/// Complex numbers are pairs along the last axis.
///
/// - Source: ONNX DFT-17 and -20, STFT-17.
enum Fourier {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("DFT", opset: 17...ONNXBinding.newestOpset) { node in
      let rank = try node.rank(0)
      let given = node.opset < 20 ? node.int("axis", default: 1) : try number(node, 2) ?? -2
      let axis = try Shapes.axis(given, rank: rank)
      guard axis < rank - 1 else { throw node.error("axis \(given) holds the parts of complex numbers") }
      let transform = Transform(
        isInverse: node.int("inverse", default: 0) != 0, isOneSided: node.int("onesided", default: 0) != 0)
      return [try transform.emit(node, node.operand(0), axis: axis, length: number(node, 1))]
    },
    ONNXBinding("STFT", opset: 17...ONNXBinding.newestOpset) { node in
      let shape = try node.type(0).shape, step = try number(node, 1) ?? 0
      let window = try node.optionalOperand(2).map { _ in try node.type(2).shape }
      guard shape.count == 3, step > 0, window?.count ?? 1 == 1 else {
        throw node.error("a signal of \(shape), a step of \(step) or the window do not fit")
      }
      let length = try number(node, 3) ?? window?[0] ?? shape[1]
      guard (1...max(shape[1], 1)).contains(length), window.map({ $0 == [length] }) ?? true else {
        throw node.error("frames of \(length) do not fit a signal of \(shape) and the window")
      }
      let frames = (shape[1] - length) / step + 1
      guard frames.multipliedSaturating(by: length) <= 1 << 24 else {
        throw node.error("\(frames) frames of \(length) are absurdly many")
      }
      let places = (0..<frames).flatMap { frame in (0..<length).map { Int64(frame * step + $0) } }
      var x = try node.emit(
        Gather(axis: 1), node.operand(0), node.constant(Tensor(shape: [frames, length], places)))
      if let factors = node.optionalOperand(2) {
        x = try node.emit(Binary(.mul), x, node.emit(Reshape(shape: [length, 1]), factors))
      }
      let transform = Transform(isInverse: false, isOneSided: node.int("onesided", default: 1) != 0)
      return [try transform.emit(node, x, axis: 2, length: length)]
    },
  ]

  private static func number(_ node: NodeReader, _ index: Int) throws -> Int? {
    let numbers = try node.optionalConstant(index)?.integers()
    guard numbers.map({ $0.count == 1 }) ?? true else { throw node.error("operand \(index) is no scalar") }
    return numbers?[0]
  }

  /// The direction of a transform, and whether only the half of a spectrum is kept that the other mirrors.
  private struct Transform {
    let isInverse, isOneSided: Bool

    /// Moves the axis beside the parts, cuts or fills it, and multiplies both by the matrix.
    func emit(_ node: NodeReader, _ operand: Value, axis: Int, length: Int?) throws -> Value {
      let shape = node.graph.type(of: operand).shape, rank = shape.count, parts = shape[rank - 1]
      let count = length ?? (isInverse && isOneSided ? 2 * (shape[axis] - 1) : shape[axis])
      guard parts == 1 || parts == 2, !isOneSided || (parts == 2) == isInverse, count > 0 else {
        throw node.error("\(shape) does not hold the numbers that a transform of \(count) takes")
      }
      let half = count / 2 + 1
      let taken = isOneSided && isInverse ? half : count, made = isOneSided && !isInverse ? half : count
      let madeParts = isOneSided && isInverse ? 1 : 2
      guard (taken * parts).multipliedSaturating(by: made * madeParts) <= 1 << 24 else {
        throw node.unsupported("a transform of \(count) elements is too long for a product with its matrix")
      }
      var order = Array(0..<rank)
      order.swapAt(axis, rank - 2)
      var x = try node.emit(Transpose(permutation: order), operand)
      let lead = Array(node.graph.type(of: x).shape[..<(rank - 2)])
      let kept = min(shape[axis], taken)
      if kept < shape[axis] {
        x = try node.emit(
          Slice(axis: rank - 2, start: 0, count: kept, rank: rank, of: node.graph.type(of: x).shape), x)
      }
      if kept < taken {
        var after = [Int](repeating: 0, count: rank)
        after[rank - 2] = taken - kept
        x = try node.emit(Pad(before: after.map { _ in 0 }, after: after), x)
      }
      x = try node.emit(Reshape(shape: lead + [taken * parts]), x)
      let wide = Tensor(
        shape: [taken * parts, made * madeParts], matrix(count, taken, parts, made, madeParts))
      let weights = node.constant(wide.converted(to: node.graph.type(of: operand).element))
      let isVector = lead.isEmpty
      if isVector { x = try node.emit(Reshape(shape: [1, taken * parts]), x) }
      let y = try node.emit(
        Reshape(shape: lead + [made, madeParts]), node.emit(MatMul(), x, weights))
      return try node.emit(Transpose(permutation: order), y)
    }

    /// Rows are the parts of what is taken, columns those of what is made.
    private func matrix(_ count: Int, _ taken: Int, _ parts: Int, _ made: Int, _ madeParts: Int) -> [Double] {
      var result: [Double] = []
      result.reserveCapacity(taken * parts * made * madeParts)
      for n in 0..<taken {
        // A mirrored element stands for two.
        let isDouble = isInverse && isOneSided && n > 0 && 2 * n != count
        let scale = (isDouble ? 2.0 : 1) / (isInverse ? Double(count) : 1)
        for part in 0..<parts {
          for k in 0..<made {
            let angle = 2 * .pi * Double(n * k % count) / Double(count) * (isInverse ? 1 : -1)
            let (real, imaginary) = (scale * cos(angle), scale * sin(angle))
            result.append(part == 0 ? real : -imaginary)
            if madeParts == 2 { result.append(part == 0 ? imaginary : real) }
          }
        }
      }
      return result
    }
  }
}
