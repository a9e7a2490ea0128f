@testable import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Masks run in batches and are summed in blocks; neither shows in what is found.
@Suite struct RISEBatchTests {
  private let weights = normalTensor([64, 1], seed: 31)
  private let bias: Float = 0.75

  /// `w · x + b` of images of 8 × 8.
  private func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 8, 8])
    draft.initialiser("w", weights)
    draft.initialiser("b", Tensor(shape: [1], [bias]))
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("Gemm", ["flat", "w", "b"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  private func find(_ method: RISE, _ images: Tensor, maximumBatch: Int = 32) throws -> Attribution {
    try explain(method, network(), images, maximumBatch: maximumBatch)
  }

  /// Nothing stands out of an image that equals the baseline, which is done after two blocks; the one between such
  /// images goes on, as if it were alone.
  @Test(arguments: [1, 32])
  func examplesStopByThemselves(_ maximumBatch: Int) throws {
    let image = normalTensor([1, 1, 8, 8], seed: 32).floats, blank = [Float](repeating: 0, count: 64)
    let method = RISE(samples: 170, cells: 3, normalisation: .covariance, precision: 1e-6, seed: 5)
    let found = try find(
      method, Tensor(shape: [3, 1, 8, 8], blank + image + blank), maximumBatch: maximumBatch)
    let done = "100 of 170 masks gave the precision asked for"
    #expect(found.remarks == [0: done, 2: done])
    #expect(found.values[0].rows(0..<1).floats.allSatisfy { $0 == 0 })
    let alone = try find(method, Tensor(shape: [1, 1, 8, 8], image))
    #expect(alone.remarks.isEmpty)
    #expect(scaledDifference(found.values[0].rows(1..<2), alone.values[0])! < 1e-5)
    #expect(scaledDifference(found.standardErrors![0].rows(1..<2), alone.standardErrors![0])! < 1e-4)
    // All masks count, whether the precision is looked at or not.
    let plain = try find(
      RISE(samples: 170, cells: 3, normalisation: .covariance, seed: 5), Tensor(shape: [1, 1, 8, 8], image))
    #expect(scaledDifference(alone.values[0], plain.values[0])! < 1e-6)
  }

  /// Fewer and more masks than a block, than a batch, and than either several times.
  @Test(arguments: [1, 49, 50, 51, 130, 300], [1, 32])
  func everyMaskCountsOnce(_ samples: Int, _ maximumBatch: Int) throws {
    let images = normalTensor([2, 1, 8, 8], seed: 33)
    let found = try find(RISE(samples: samples, cells: 4, seed: 6), images, maximumBatch: maximumBatch)
    let maker = RISEMasks(height: 8, width: 8, cells: 4, probability: 0.5, seed: 6)
    var sums = [Double](repeating: 0, count: 128)
    for index in 0..<samples {
      var mask = [Float](repeating: 0, count: 64)
      mask.withUnsafeMutableBufferPointer { maker.write(index, to: $0) }
      for example in 0..<2 {
        var output = Double(bias)
        for u in 0..<64 {
          output += Double(weights.floats[u]) * Double(images.floats[example * 64 + u]) * Double(mask[u])
        }
        for u in 0..<64 { sums[example * 64 + u] += output * Double(mask[u]) / 0.5 }
      }
    }
    let expected = Tensor(shape: [2, 1, 8, 8], sums.map { Float($0 / Double(samples)) })
    #expect(scaledDifference(found.values[0], expected)! < 1e-4)
  }
}
