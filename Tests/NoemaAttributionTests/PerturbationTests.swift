import Foundation
@testable import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Networks whose answers to perturbations can be worked out by hand.
private enum Planted {
  /// `[examples, …]` → flat → `W x + b`, a row of W for each class.
  static func linear(_ shape: [Int], _ rows: [[Float]], bias: [Float]? = nil) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil] + shape.map { $0 })
    draft.initialiser("w", Tensor(shape: [rows.count, rows[0].count], rows.flatMap { $0 }))
    draft.initialiser("b", Tensor(shape: [rows.count], bias ?? rows.map { _ in 0 }))
    draft.node("Flatten", ["x"], ["flat"])
    draft.node("Gemm", ["flat", "w", "b"], ["out"], ["transB": .int(1)])
    draft.output("out", [nil, rows.count])
    return try Network(bytes: draft.bytes())
  }

  /// `2 a₁ + 3 a₂ + 5 b₁ + 7 b₂` of two inputs.
  static func twoInputs() throws -> Network {
    var draft = ModelDraft()
    for (name, weights) in [("a", [Float(2), 3]), ("b", [5, 7])] {
      draft.input(name, [nil, 2])
      draft.initialiser("w" + name, Tensor(shape: [2, 1], weights))
      draft.node("MatMul", [name, "w" + name], [name + "out"])
    }
    draft.node("Add", ["aout", "bout"], ["out"])
    draft.output("out", [nil, 1])
    return try Network(bytes: draft.bytes())
  }

  static let side = 16

  /// Positions of a 5 × 5 square off the middle of a 16 × 16 image.
  static func isInside(_ position: Int) -> Bool {
    (3..<8).contains(position / side) && (8..<13).contains(position % side)
  }

  /// Two classes: the first one's logit less the other's is `strength` times the mean of a square, less what
  /// a strip at the bottom holds.
  static func square(strength: Float, classes: Int = 2, against: Float = 0) throws -> Network {
    let row = (0..<side * side).map { position in
      isInside(position) ? strength / 25 : position / side == side - 1 ? -against : 0
    }
    return try linear([1, side, side], [row] + Array(repeating: row.map { _ in 0 }, count: classes - 1))
  }

  static let ones = Tensor(shape: [1, 1, side, side], repeating: Float(1))
}

private func explained(
  _ method: some AttributionMethod, _ network: Network, _ inputs: Tensor..., classes: [Int]? = nil,
  layers: [String] = [], maximumBatch: Int = 32, first: Int = 0
) throws -> Attribution {
  let rows = inputs[0].shape[0]
  var subject = Subject(network, layers: layers)
  (subject.examples, subject.maximumBatch) = (rows, maximumBatch)
  return try method.attributor(for: subject).attribute(
    inputs, classes: classes ?? Array(repeating: 0, count: rows), first: first)
}

/// The class output of each row.
private func outputs(_ network: Network, _ rows: Tensor, _ target: Int) throws -> [Double] {
  let output = try HookedNetwork(network, layers: [], examples: rows.shape[0]).read([rows]).output
  let width = output.shape[1]
  return (0..<rows.shape[0]).map { Double(output.floats[$0 * width + target]) }
}

private func isNear(_ found: [Float], _ expected: [Float], _ tolerance: Float = 1e-4) -> Bool {
  found.count == expected.count
    && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
}

private let ramp4 = Tensor(shape: [1, 4], [Float(1), 2, 3, 4])

@Suite struct OcclusionTests {
  @Test func windowsOfAnArray() throws {
    let sum = try Planted.linear([4], [[1, 1, 1, 1]])
    func find(_ method: Occlusion) throws -> [Float] { try explained(method, sum, ramp4).values[0].floats }
    #expect(try find(Occlusion(window: [2], stride: [1])) == [3, 4, 6, 7])
    // The last window is cut at the border.
    #expect(try find(Occlusion(window: [3], stride: [3])) == [6, 6, 6, 4])
    #expect(try find(Occlusion(window: [2], stride: [1], painting: .sum)) == [3, 8, 12, 7])
    #expect(try find(Occlusion(window: [2], stride: [1], painting: .centre)) == [3, 5, 7, 0])
    #expect(try find(Occlusion(window: [4], painting: .centre)) == [10, 10, 10, 10])
    #expect(try find(Occlusion()) == [1, 2, 3, 4])
    #expect(try find(Occlusion(baseline: .constant(2))) == [-1, 0, 1, 2])
  }

  @Test func denseClosedForm() throws {
    let x = Tensor(shape: [1, 3], [Float(20), 50, 30])
    let found = try explained(Occlusion(), ClosedForm.dense(), x)
    #expect(found.values[0].floats == [80, 200, 120])
    #expect(found.outputs == [392])
    // A hidden layer that holds the same values has the same attributions.
    let hidden = try explained(Occlusion(), ClosedForm.dense(), x, layers: ["linear0"])
    #expect(hidden.values[0].floats == [80, 200, 120])
  }

  /// The definition a second time: every window in turn, means over what covers an element.
  @Test(arguments: [1, 2, 32])
  func imagesAgainstLoops(_ maximumBatch: Int) throws {
    let network = try Fixture(name: "tiny_cnn").network(), x = normalTensor([2, 2, 10, 10], seed: 3)
    let found = try explained(
      Occlusion(window: [4, 3], stride: [3, 2]), network, x, classes: [1, 3], maximumBatch: maximumBatch)
    for (example, target) in [1, 3].enumerated() {
      let image = x.rows(example..<example + 1)
      let before = try outputs(network, image, target)[0]
      var sums = [Double](repeating: 0, count: 200), counts = sums
      for top in stride(from: 0, to: 7, by: 3) {
        for left in stride(from: 0, through: 8, by: 2) {
          let inside = (0..<200).filter { i in
            (top..<top + 4).contains(i / 10 % 10) && (left..<left + 3).contains(i % 10)
          }
          var changed = image.floats
          for i in inside { changed[i] = 0 }
          let drop = try before - outputs(network, Tensor(shape: [1, 2, 10, 10], changed), target)[0]
          for i in inside { (sums[i], counts[i]) = (sums[i] + drop, counts[i] + 1) }
        }
      }
      let expected = zip(sums, counts).map { Float($0 / $1) }
      #expect(abs(found.outputs[example] - before) < 1e-5)
      #expect(isNear(Array(found.values[0].floats[example * 200..<(example + 1) * 200]), expected))
    }
  }

  /// Disjoint windows of a linear network take the output apart.
  @Test func disjointWindowsAreComplete() throws {
    let weights = normalTensor([48], seed: 5).floats, x = normalTensor([2, 3, 4, 4], seed: 6)
    let network = try Planted.linear([3, 4, 4], [weights])
    let baseline = normalTensor([1, 3, 4, 4], seed: 7)
    let found = try explained(
      Occlusion(window: [2, 2], stride: [2, 2], baseline: .tensors([baseline])), network, x)
    let start = try outputs(network, baseline, 0)[0]
    for example in 0..<2 {
      // Every element of a window holds its drop: of three channels and four positions.
      #expect(abs(found.sums[example] / 12 - (found.outputs[example] - start)) < 1e-4)
    }
  }

  @Test func unusedElementsReceiveNothing() throws {
    let network = try Planted.square(strength: 3)
    let found = try explained(Occlusion(window: [1, 1]), network, Planted.ones).values[0].floats
    for (position, value) in found.enumerated() {
      #expect(Planted.isInside(position) ? abs(value - 0.12) < 1e-5 : abs(value) < 1e-6, "\(position)")
    }
  }

  @Test func severalInputs() throws {
    let network = try Planted.twoInputs()
    let a = Tensor(shape: [1, 2], [Float(1), 1]), b = Tensor(shape: [1, 2], [Float(1), 2])
    let found = try explained(Occlusion(windows: [[1], [2]], strides: [[1], [1]]), network, a, b)
    #expect(found.values.map(\.floats) == [[2, 3], [19, 19]])
    #expect(found.outputs == [24])
  }

  @Test func wrongWindowsAreExplained() throws {
    let network = try Planted.linear([4], [[1, 1, 1, 1]])
    for (method, message) in [
      (
        Occlusion(window: [5]),
        "a window of [5] does not fit 'x', which has shape [4] per example; extents must be between 1 and "
          + "the axis's own"
      ),
      (
        Occlusion(window: [0]),
        "a window of [0] does not fit 'x', which has shape [4] per example; extents must be between 1 and "
          + "the axis's own"
      ),
      (
        Occlusion(window: [2], stride: [3]),
        "a stride of [3] with a window of [2] leaves out elements of 'x'; strides must be between 1 and the "
          + "window's extents"
      ),
      (
        Occlusion(window: [2], stride: [0]),
        "a stride of [0] with a window of [2] leaves out elements of 'x'; strides must be between 1 and the "
          + "window's extents"
      ),
      (
        Occlusion(window: [2, 2]),
        "'x' has shape [4] per example; a window of [2, 2] and a stride of [] do not fit"
      ),
      (Occlusion(windows: [[2], [2]]), "expected one window, or 1 for x; found 2"),
      (Occlusion(baseline: .constant(.nan)), "the baseline must be finite, found nan"),
    ] {
      let error = #expect(throws: GraphError.self) { try explained(method, network, ramp4) }
      #expect(error?.description == message)
    }
  }

  @Test func wrongCallsAreExplained() throws {
    let attributor = try Occlusion().attributor(for: Subject(try ClosedForm.dense()))
    for (inputs, classes, message) in [
      ([normalTensor([1, 3])], [2], "class 2 does not exist; the network has classes 0 to 1"),
      ([normalTensor([1, 4])], [0], "'x' has shape [1, 4]; expected [1, 3]"),
      ([normalTensor([2, 3])], [0], "'x' has shape [2, 3]; expected [1, 3]"),
      ([], [0], "expected 1 inputs, found 0"),
      ([normalTensor([1, 3])], [], "there are no examples to explain"),
    ] as [([Tensor], [Int], String)] {
      let error = #expect(throws: GraphError.self) { try attributor.attribute(inputs, classes: classes) }
      #expect(error?.description == message)
    }
  }

  /// Infinite where the input is hidden: the example is named, not the row.
  @Test func overflowNamesTheExample() throws {
    let error = #expect(throws: GraphError.self) {
      try explained(Occlusion(), ClosedForm.reciprocal(), Tensor(shape: [2, 1], [Float(1), 2]))
    }
    #expect(error?.kind == .notFinite(value: "output", example: 0))
  }
}

@Suite struct FeatureAblationTests {
  @Test func denseClosedForm() throws {
    let x = Tensor(shape: [1, 3], [Float(20), 50, 30])
    #expect(try explained(FeatureAblation(), ClosedForm.dense(), x).values[0].floats == [80, 200, 120])
    let mask = Tensor(shape: [1, 3], [Int32(7), 7, -1])
    let grouped = try explained(FeatureAblation(groups: .masks([mask])), ClosedForm.dense(), x)
    // Without 20 and 50 one unit is at 20 and three at 31: 392 − 112.
    #expect(grouped.values[0].floats == [280, 280, 120])
  }

  @Test func cellsOfAnImage() throws {
    let weights = normalTensor([2 * 3 * 5], seed: 1).floats, x = normalTensor([1, 2, 3, 5], seed: 2)
    let found = try explained(
      FeatureAblation(groups: .cells([2, 2])), Planted.linear([2, 3, 5], [weights]), x
    ).values[0].floats
    let terms = zip(weights, x.floats).map { $0 * $1 }
    func cell(_ i: Int) -> [Int] { [i / 5 % 3 / 2, i % 5 / 2] }
    let expected = terms.indices.map { i in
      terms.indices.reduce(Float(0)) { cell($1) == cell(i) ? $0 + terms[$1] : $0 }
    }
    #expect(isNear(found, expected))
    #expect(Set(terms.indices.map(cell)).count == 6)
  }

  /// Elements of one number are absent together, also of different inputs.
  @Test func groupsAcrossInputs() throws {
    let masks = [Tensor(shape: [2], [Int64(0), 1]), Tensor(shape: [2], [Int64(1), 2])]
    let one = Tensor(shape: [1, 2], repeating: Float(1))
    let found = try explained(FeatureAblation(groups: .masks(masks)), Planted.twoInputs(), one, one)
    #expect(found.values.map(\.floats) == [[2, 8], [8, 7]])
  }

  @Test(arguments: [1, 3, 32])
  func batchesDoNotMatter(_ maximumBatch: Int) throws {
    let fixture = Fixture(name: "wine_mlp"), values = try fixture.values(), network = try fixture.network()
    let found = try explained(
      FeatureAblation(baseline: .constant(0.5)), network, values.input, classes: values.targets,
      maximumBatch: maximumBatch
    ).values[0].floats
    let width = values.input.shape[1]
    for (row, target) in values.targets.enumerated() {
      let x = values.input.rows(row..<row + 1), before = try outputs(network, x, target)[0]
      for column in 0..<width {
        var changed = x.floats
        changed[column] = 0.5
        let drop = try before - outputs(network, Tensor(shape: [1, width], changed), target)[0]
        #expect(abs(Double(found[row * width + column]) - drop) < 1e-4 * max(1, abs(drop)))
      }
    }
  }

  @Test func wrongGroupsAreExplained() throws {
    let network = try Planted.linear([4], [[1, 1, 1, 1]])
    for (groups, message) in [
      (.masks([]), "expected 1 masks of feature groups, for x; found 0"),
      (
        .masks([Tensor(shape: [3], [Int64(0), 1, 2])]),
        "the mask of 'x' has shape [3]; expected [4] or [1, 4]"
      ),
      (
        .masks([Tensor(shape: [4], repeating: Float(0))]),
        "the mask of 'x' holds float32; groups are numbered by integers"
      ),
      (.cells([0]), "cells of [0] do not fit 'x', which has shape [4] per example"),
      (.cells([1, 1]), "cells of [1, 1] do not fit 'x', which has shape [4] per example"),
    ] as [(FeatureAblation.Groups, String)] {
      let error = #expect(throws: GraphError.self) {
        try explained(FeatureAblation(groups: groups), network, ramp4)
      }
      #expect(error?.description == message)
    }
  }
}

@Suite struct FeaturePermutationTests {
  private let weights: [Float] = [2, -1, 0.5]

  /// With as many draws as other examples the mean over them is exact: `w (x − mean of the others)`.
  @Test(arguments: [4, 100], [1, 32])
  func linearClosedForm(_ samples: Int, _ maximumBatch: Int) throws {
    let x = normalTensor([5, 3], seed: 9), network = try Planted.linear([3], [weights])
    let found = try explained(
      FeaturePermutation(samples: samples), network, x, maximumBatch: maximumBatch)
    let expected = (0..<15).map { i in
      let others = (0..<5).filter { $0 != i / 3 }.map { x.floats[$0 * 3 + i % 3] }
      return weights[i % 3] * (x.floats[i] - others.reduce(0, +) / 4)
    }
    #expect(isNear(found.values[0].floats, expected))
    #expect(found.standardErrors![0].floats.allSatisfy { $0 < 1e-6 })
  }

  @Test func groupsMoveTogether() throws {
    // x₁ · x₂ tells moving both from moving each.
    var draft = ModelDraft()
    draft.input("x", [nil, 2])
    draft.node("ReduceProd", ["x"], ["out"], ["axes": .ints([1]), "keepdims": .int(1)])
    draft.output("out", [nil, 1])
    let x = Tensor(shape: [2, 2], [Float(2), 3, 5, 7])
    let network = try Network(bytes: draft.bytes())
    let together = FeatureAblation.Groups.masks([Tensor(shape: [2], [Int64(0), 0])])
    #expect(
      try explained(FeaturePermutation(groups: together), network, x).values[0].floats == [-29, -29, 29, 29])
    #expect(try explained(FeaturePermutation(), network, x).values[0].floats == [-9, -8, 21, 20])
  }

  /// Means over fewer draws lie about the exact ones as their standard errors say.
  @Test func samplesScatterAsTheirErrorsSay() throws {
    let x = normalTensor([12, 3], seed: 4), network = try Planted.linear([3], [weights])
    let exact = try explained(FeaturePermutation(samples: 11), network, x).values[0].floats
    var ratio = 0.0
    for seed in 0..<20 {
      let found = try explained(FeaturePermutation(samples: 8, seed: UInt64(seed)), network, x)
      let errors = found.standardErrors![0].floats
      for i in exact.indices {
        let distance = Double(found.values[0].floats[i] - exact[i])
        ratio += distance * distance / Double(errors[i] * errors[i]) / Double(20 * exact.count)
      }
    }
    // Squares of t-distributed numbers of seven degrees have mean 1.4.
    #expect((0.8...2.5).contains(ratio), "\(ratio)")
  }

  @Test func repeatsUnderASeed() throws {
    let x = normalTensor([6, 3], seed: 4), network = try Planted.linear([3], [weights])
    func find(_ seed: UInt64) throws -> Tensor {
      try explained(FeaturePermutation(samples: 2, seed: seed), network, x).values[0]
    }
    #expect(try find(1) == find(1))
    #expect(try find(1) != find(2))
  }

  @Test func wrongCallsAreExplained() throws {
    let network = try Planted.linear([3], [weights])
    let alone = #expect(throws: GraphError.self) {
      try explained(FeaturePermutation(), network, normalTensor([1, 3]))
    }
    #expect(
      alone?.description == "feature permutation takes values from other examples; give 2 examples or more")
    let none = #expect(throws: GraphError.self) {
      try explained(FeaturePermutation(samples: 0), network, normalTensor([2, 3]))
    }
    #expect(none?.description == "feature permutation needs 1 to 1000000 samples, found 0")
    var subject = Subject(network)
    subject.examples = 3
    let attributor = try FeaturePermutation().attributor(for: subject)
    let last = #expect(throws: GraphError.self) {
      try attributor.attribute([normalTensor([1, 3])], classes: [0])
    }
    #expect(
      last?.description
        == "feature permutation takes values from other examples of a batch, and this batch has 1")
  }
}

@Suite struct RISETests {
  private func masks(_ count: Int, seed: UInt64 = 0) -> [[Float]] {
    let maker = RISEMasks(height: 8, width: 6, cells: 3, probability: 0.5, seed: seed)
    return (0..<count).map { index in
      var mask = [Float](repeating: -1, count: 48)
      mask.withUnsafeMutableBufferPointer { maker.write(index, to: $0) }
      return mask
    }
  }

  /// Every mask is the bilinear image of some grid of zeros and ones, found by trying all grids and shifts.
  @Test func masksAreEnlargedGrids() throws {
    func enlarged(_ grid: Int, _ down: Int, _ right: Int) -> [Float] {
      // 3 cells of 3 × 2 positions; the enlarged grid has (3 + 1) times as many.
      func taps(_ place: Double) -> [(Int, Double)] {
        let lower = place.rounded(.down)
        return [(Int(lower), 1 - place + lower), (Int(lower) + 1, place - lower)].map { index, share in
          (index == -1 ? 1 : index == 3 ? 1 : index, share)
        }
      }
      return (0..<48).map { u in
        let rows = taps((Double(u / 6 + down) + 0.5) * 3 / 12 - 0.5)
        let columns = taps((Double(u % 6 + right) + 0.5) * 3 / 8 - 0.5)
        return Float(
          rows.reduce(0) { sum, row in
            columns.reduce(sum) { $0 + row.1 * $1.1 * Double(grid >> (row.0 * 3 + $1.0) & 1) }
          })
      }
    }
    let all = (0..<512).flatMap { grid in
      (0..<3).flatMap { down in (0..<2).map { enlarged(grid, down, $0) } }
    }
    for mask in masks(5) { #expect(all.contains { isNear(mask, $0, 1e-6) }) }
  }

  @Test func masksShowPositionsWithTheirProbability() {
    let drawn = masks(4_000)
    for u in 0..<48 {
      let mean = drawn.reduce(0) { $0 + Double($1[u]) } / 4_000
      // Half of the cells, with a deviation of at most 0.5 / √4000.
      #expect(abs(mean - 0.5) < 0.04, "\(u)")
    }
    #expect(drawn.joined().allSatisfy { (0...1).contains($0) })
    #expect(masks(3) == Array(drawn[..<3]))
    #expect(masks(3, seed: 1) != Array(drawn[..<3]))
  }

  @Test(arguments: RISE.Normalisation.allCases)
  func definitionAgainstLoops(_ normalisation: RISE.Normalisation) throws {
    let weights = normalTensor([96], seed: 2).floats, x = normalTensor([1, 2, 8, 6], seed: 3)
    let network = try Planted.linear([2, 8, 6], [weights], bias: [0.7])
    let baseline = normalTensor([2, 8, 6], seed: 4), count = 130
    let found = try explained(
      RISE(
        samples: count, cells: 3, normalisation: normalisation, baseline: .tensors([baseline]), seed: 11),
      network, x)
    let drawn = masks(count, seed: 11)
    let scores = drawn.map { mask in
      weights.indices.reduce(0.7) { sum, i in
        let m = Double(mask[i % 48])
        return sum + Double(weights[i]) * (m * Double(x.floats[i]) + (1 - m) * Double(baseline.floats[i]))
      }
    }
    let n = Double(count), mean = scores.reduce(0, +) / n
    for u in 0..<48 {
      let m = drawn.map { Double($0[u]) }, shown = m.reduce(0, +) / n
      let terms: [Double] =
        switch normalisation {
        case .probability: zip(scores, m).map { $0 * $1 / 0.5 }
        case .perPosition: zip(scores, m).map { $0 * $1 / shown }
        case .covariance: zip(scores, m).map { ($0 - mean) * ($1 - shown) / 0.5 }
        }
      let value = terms.reduce(0, +) / n
      let deviations: [Double] =
        switch normalisation {
        case .probability, .covariance: terms.map { $0 - value }
        case .perPosition: zip(scores, m).map { ($0 - value) * $1 / shown }
        }
      let error = (deviations.reduce(0) { $0 + $1 * $1 } / n / (n - 1)).squareRoot()
      for channel in 0..<2 {
        #expect(abs(Double(found.values[0].floats[channel * 48 + u]) - value) < 1e-4 * max(1, abs(value)))
        #expect(abs(Double(found.standardErrors![0].floats[channel * 48 + u]) - error) < 1e-3 * error)
      }
    }
  }

  @Test func constantNetwork() throws {
    let network = try Planted.linear([1, 8, 8], [[Float](repeating: 0, count: 64)], bias: [3])
    let x = normalTensor([1, 1, 8, 8])
    func find(_ normalisation: RISE.Normalisation) throws -> [Float] {
      try explained(RISE(samples: 300, cells: 4, normalisation: normalisation), network, x).values[0].floats
    }
    #expect(isNear(try find(.perPosition), Array(repeating: 3, count: 64), 1e-6))
    #expect(try find(.covariance).allSatisfy { abs($0) < 1e-6 })
    #expect(isNear(try find(.probability), Array(repeating: 3, count: 64), 0.25))
  }

  @Test(arguments: RISE.Normalisation.allCases)
  func whatCountsStandsOut(_ normalisation: RISE.Normalisation) throws {
    let found = try explained(
      RISE(samples: 1_000, normalisation: normalisation), Planted.square(strength: 3), Planted.ones
    ).values[0].floats
    let best = found.indices.max { found[$0] < found[$1] }!
    #expect(Planted.isInside(best))
  }

  @Test(arguments: [1, 3])
  func batchesDoNotMatter(_ maximumBatch: Int) throws {
    let network = try Fixture(name: "tiny_cnn").network(), x = normalTensor([3, 2, 10, 10])
    func find(_ maximumBatch: Int) throws -> Attribution {
      try explained(RISE(samples: 70, cells: 3), network, x, classes: [0, 1, 2], maximumBatch: maximumBatch)
    }
    let (whole, part) = (try find(32), try find(maximumBatch))
    #expect(scaledDifference(part.values[0], whole.values[0])! < valueTolerance)
    #expect(scaledDifference(part.standardErrors![0], whole.standardErrors![0])! < valueTolerance)
    // Masks are those of their number, whoever else is explained.
    let alone = try explained(RISE(samples: 70, cells: 3), network, x.rows(2..<3), classes: [2], first: 2)
    #expect(scaledDifference(alone.values[0], whole.values[0].rows(2..<3))! < valueTolerance)
  }

  @Test func stopsOnceItIsPrecise() throws {
    let network = try Planted.square(strength: 3)
    func isLike(_ found: Attribution, _ samples: Int) throws -> Bool {
      let whole = try explained(RISE(samples: samples), network, Planted.ones).values[0]
      return scaledDifference(found.values[0], whole)! < valueTolerance
    }
    let stopped = try explained(RISE(samples: 500, precision: 100), network, Planted.ones)
    #expect(try isLike(stopped, 100))
    #expect(try !isLike(stopped, 500))
    #expect(stopped.remarks == [0: "100 of 500 masks gave the precision asked for"])
    let never = try explained(RISE(samples: 200, precision: 1e-6), network, Planted.ones)
    #expect(try isLike(never, 200))
    #expect(never.remarks.isEmpty)
  }

  @Test func wrongParametersAreExplained() throws {
    let network = try Planted.square(strength: 1)
    for (method, message) in [
      (RISE(samples: 0), "RISE needs 1 to 10000000 masks, found 0"),
      (RISE(probability: 1), "the probability that RISE shows a cell must lie between 0 and 1, found 1.0"),
      (RISE(probability: .nan), "the probability that RISE shows a cell must lie between 0 and 1, found nan"),
      (
        RISE(cells: 1),
        "RISE needs 2 cells or more along a side and no more than there are positions, 16 × 16; found 1"
      ),
      (
        RISE(cells: 17),
        "RISE needs 2 cells or more along a side and no more than there are positions, 16 × 16; found 17"
      ),
      (RISE(precision: 0), "the precision of RISE must be positive, found 0.0"),
    ] {
      let error = #expect(throws: GraphError.self) { try explained(method, network, Planted.ones) }
      #expect(error?.description == message)
    }
    let table = #expect(throws: GraphError.self) {
      try explained(RISE(), ClosedForm.dense(), normalTensor([1, 3]))
    }
    #expect(
      table?.kind
        == .unsupported(
          "RISE masks images, [channels, height, width] per example, and 'x' has shape [3]; take "
            + "occlusion or feature ablation for other values"))
  }
}

@Suite struct MaskPartsTests {
  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  private func normals(_ count: Int, _ seed: UInt64) -> [Double] {
    normalTensor([count], seed: seed).floats.map { Double($0) }
  }

  @Test func enlargingAndItsTranspose() {
    let map = SeparableMap.enlarging((3, 4), to: (7, 9), sigma: 1.3)
    let (grid, image) = (normals(12, 1), normals(63, 2))
    #expect(abs(dot(map(grid), image) - dot(grid, map.pullback(image))) < 1e-10)
    #expect(map([Double](repeating: 2, count: 12)).allSatisfy { abs($0 - 2) < 1e-12 })
    let plain = SeparableMap.enlarging((1, 2), to: (1, 4))
    #expect(plain([0, 1]) == [0, 0.25, 0.75, 1])
    let same = SeparableMap.enlarging((3, 3), to: (3, 3))
    #expect(same(Array(0..<9).map(Double.init)) == (0..<9).map(Double.init))
  }

  @Test func blursFadeOutWhereAsked() {
    let ones = [Double](repeating: 1, count: 81)
    let faded = SeparableMap.blurring((9, 9), sigma: 1, fadesOut: true)(ones)
    #expect(faded[40] > 0.99 && faded[0] < 0.5)
    #expect(SeparableMap.blurring((9, 9), sigma: 1)(ones).allSatisfy { abs($0 - 1) < 1e-12 })
  }

  /// The smooth maximum written out for every place of the canvas.
  @Test(arguments: [(1, 1.5), (3, 4.0), (5, 2.0)])
  func smoothMaskAgainstLoops(_ step: Int, _ sigma: Double) {
    let smooth = SmoothMask(height: 11, width: 8, step: step, sigma: sigma)
    let margin = Int(sigma.rounded()), reach = 1 + Int((sigma / Double(step)).rounded(.up))
    #expect(smooth.gridHeight == (10 / step) + 1 && smooth.gridWidth == (7 / step) + 1)
    // A margin before the first grid point and after the last one, and all of the image.
    #expect(smooth.canvasHeight == margin + max(11, 10 / step * step + 1 + margin))
    #expect(smooth.canvasWidth == margin + max(8, 7 / step * step + 1 + margin))
    var random = RandomNumbers(seed: 1)
    let grid = (0..<smooth.gridCount).map { _ in max(0, random.uniform() - 0.3) }
    let canvas = smooth(grid)
    func floor(_ a: Int) -> Int { (a + 100 * step) / step - 100 }
    for u in canvas.indices {
      let (y, x) = (u / smooth.canvasWidth - margin, u % smooth.canvasWidth - margin)
      var (weighted, total) = (0.0, 0.0)
      for i in floor(y) - reach...floor(y) + reach {
        for j in floor(x) - reach...floor(x) + reach {
          let isThere = (0..<smooth.gridHeight).contains(i) && (0..<smooth.gridWidth).contains(j)
          let (a, b) = (Double(y - step * i), Double(x - step * j))
          let excess = max(0, (a * a + b * b).squareRoot() / sigma - 0.5)
          let value = isThere ? exp(-2 * excess * excess) * grid[i * smooth.gridWidth + j] : 0
          total += exp(20 * value)
          weighted += value * exp(20 * value)
        }
      }
      #expect(abs(canvas[u] - weighted / total) < 1e-5)
    }
    // Against central differences.
    let direction = normals(grid.count, 3), slope = normals(canvas.count, 4)
    func moved(_ t: Double) -> Double { dot(smooth(zip(grid, direction).map { $0 + t * $1 }), slope) }
    // Values at 0 are cut where they would fall below.
    let found = dot(smooth.pullback(slope, grid: grid, canvas: canvas), direction)
    let expected = (moved(5e-3) - moved(-5e-3)) / 1e-2
    #expect(abs(found - expected) < 0.02 * max(1, abs(expected)))
    #expect(smooth.cropped(canvas) == (0..<88).map { canvas[smooth.onCanvas($0)] })
    #expect(smooth.onCanvas(0) == margin * smooth.canvasWidth + margin)
  }

  @Test(arguments: [false, true])
  func pyramids(_ mirrored: Bool) throws {
    let layout = try ImageLayout([[2, 3, 4]], names: ["x"], isInput: true, method: "it")
    let image = normalTensor([24], seed: 1).floats
    func write(_ pyramid: PerturbationPyramid, _ mask: [Float], _ mirrored: Bool) -> [Float] {
      var target = [Float](repeating: 0, count: 24)
      target.withUnsafeMutableBufferPointer { pyramid.write(mask, mirrored: mirrored, to: $0) }
      return target
    }
    let fade = PerturbationPyramid(image, .fade, layout)
    let ones = [Float](repeating: 1, count: 12)
    #expect(write(fade, ones, false) == image)
    #expect(write(fade, ones.map { _ in 0 }, false) == image.map { _ in 0 })
    // Fading is linear between the levels too.
    #expect(isNear(write(fade, ones.map { _ in 0.3 }, false), image.map { 0.3 * $0 }, 1e-5))
    if mirrored {
      let row = write(fade, ones, true)
      #expect(Array(row[..<4]) == image[..<4].reversed())
    }
    let blur = PerturbationPyramid(image, .blur(sigma: 60), layout)
    let mask = (0..<12).map { Float($0) / 13 + 0.02 }, slope = normalTensor([24], seed: 2).floats
    var found = [Double](repeating: 0, count: 12)
    slope.withUnsafeBufferPointer {
      blur.pullback($0, mask, mirrored: mirrored, factor: 2) { found[$0] += $1 }
    }
    for u in 0..<12 {
      func moved(_ t: Float) -> Double {
        var mask = mask
        mask[u] += t
        return zip(write(blur, mask, mirrored), slope).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      #expect(abs(found[u] - 2 * (moved(1e-3) - moved(-1e-3)) / 2e-3) < 1e-2)
    }
  }

  @Test func infills() throws {
    let layout = try ImageLayout([[2, 20, 20]], names: ["x"], isInput: true, method: "it")
    let image = normalTensor([800], seed: 1).floats, random = RandomNumbers(seed: 1)
    let mask = (0..<400).map { Float($0 % 3 == 0 ? 0.9 : 0.1) }
    func fill(_ infill: ImageInfill) throws -> [Float] {
      try infill.check(layout)
      return try Infills(infill, of: [image], layout)(0, mask: mask, random)
    }
    #expect(try fill(.constant(2)).allSatisfy { $0 == 2 })
    // Half of 45 · 20 / 224 positions on each side: 2.
    let means = try fill(.localMean(window: 45))
    for u in [0, 21, 399, 210] {
      for channel in 0..<2 {
        let near = (0..<400).filter {
          abs($0 / 20 - u / 20) <= 2 && abs($0 % 20 - u % 20) <= 2 && $0 % 3 == 0
        }
        let expected = near.reduce(Float(0)) { $0 + image[channel * 400 + $1] } / Float(near.count)
        #expect(abs(means[channel * 400 + u] - expected) < 1e-5)
      }
    }
    let colour = try fill(.randomColour(low: [-1, 5], high: [1], noise: 0))
    #expect(Set(colour[..<400]).count == 1 && (-1...1).contains(colour[0]))
    #expect(Set(colour[400...]).count == 1 && (1...5).contains(colour[400]))
    let noisy = try fill(.randomColour(low: [-1], high: [1]))
    #expect(noisy.allSatisfy { (-1...1).contains($0) } && Set(noisy).count > 100)
    let custom = try fill(
      .custom { image, mask in
        Tensor(shape: image.shape, repeating: mask.floats.reduce(0, +))
      })
    // Masks come rounded: 134 of 400 are kept.
    #expect(custom.allSatisfy { $0 == 134 })
    let error = #expect(throws: GraphError.self) { try fill(.custom { _, mask in mask }) }
    #expect(
      error?.description
        == "the infill has shape [20, 20], or values that are not finite; expected finite values of shape "
        + "[2, 20, 20]")
    let colours = #expect(throws: GraphError.self) { try fill(.randomColour(low: [], high: [1])) }
    #expect(
      colours?.description
        == "random colours need finite lowest and highest values, one or 2 each, and noise of 0 or more")
  }

  /// Derivatives of scores against central differences, by the elements of an image.
  @Test(arguments: [MaskScore.output, .logOdds, .contrast])
  func scoresAndTheirDerivatives(_ score: MaskScore) throws {
    var subject = Subject(try Fixture(name: "tiny_resnet").network())
    subject.examples = 1
    let values = try Fixture(name: "tiny_resnet").values()
    let x = values.input.rows(0..<1), target = values.targets[0]
    let runner = try MaskRunner(subject, rowsPerExample: 9, score: score, scale: .logit, method: "it")
    let batch = MaskBatch(
      values: try runner.runner.values(of: [x], classes: [target]), inputs: [x], classes: [target], first: 0,
      count: x.count)
    let direction = normalTensor([x.count], seed: 8).floats
    let steps: [Float] = [0, 1e-3, -1e-3]
    var slope = 0.0
    let scores = try runner.scores(rows: 3, of: batch, example: { _ in 0 }) { row, place in
      for i in place.indices { place[i] = batch.images[0][i] + steps[row] * direction[i] }
    } take: { row, factor, gradient in
      guard row == 0 else { return }
      slope += factor * zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let logits = values.logits.floats[..<runner.runner.classCount].map { Double($0) }
    let others = logits.indices.filter { $0 != target }.map { logits[$0] }
    let expected: Double =
      switch score {
      case .output: logits[target]
      case .contrast: logits[target] - others.max()!
      case .logOdds: logits[target] - log(others.reduce(0) { $0 + exp($1) })
      }
    #expect(abs(scores[0] - expected) < 1e-3 * max(1, abs(expected)))
    let difference = (scores[1] - scores[2]) / 2e-3
    #expect(abs(slope - difference) < 0.05 * max(0.1, abs(difference)), "\(slope) \(difference)")
  }

  @Test func imagesWithChannelsLast() throws {
    let layout = try ImageLayout([[6, 5, 3]], names: ["x"], isInput: true, method: "it")
    #expect(layout.channels == 3 && layout.height == 6 && layout.width == 5)
    #expect(layout.offset(2, 7) == 23 && layout.shape == [6, 5, 3])
    // Hidden layers have their channels first, however few positions they have.
    let hidden = try ImageLayout([[6, 5, 3]], names: ["x"], isInput: false, method: "it")
    #expect(hidden.channels == 6 && hidden.offset(2, 7) == 37)
    let spread = layout.spread((0..<30).map(Double.init))
    #expect(spread[23] == 7 && spread[21] == 7)
  }
}

/// Masks on an image of ones, of which a square decides; what is removed becomes 0.
@Suite struct MaskMethodsTests {
  private func means(_ values: [Float]) -> (inside: Float, outside: Float) {
    let inside = values.indices.filter(Planted.isInside),
      outside = values.indices.filter { !Planted.isInside($0) }
    func mean(_ places: [Int]) -> Float { places.reduce(0) { $0 + values[$1] } / Float(places.count) }
    return (mean(inside), mean(outside))
  }

  private func optimised(_ optimiser: MaskOptimiser) throws -> [OptimisedMask] {
    try optimiser.masks([Planted.ones], classes: [0])[0]
  }

  @Test(arguments: MeaningfulPerturbation.Game.allCases, MeaningfulPerturbation.Start.allCases)
  func meaningfulPerturbation(
    _ game: MeaningfulPerturbation.Game, _ start: MeaningfulPerturbation.Start
  ) throws {
    let network = try Planted.square(strength: 6)
    let method = MeaningfulPerturbation(game: game, iterations: 150, infill: .constant(0), start: start)
    let found = try explained(method, network, Planted.ones)
    let (inside, outside) = means(found.values[0].floats)
    #expect(inside > outside + 0.3, "\(inside) \(outside)")
    #expect(abs(found.outputs[0] - 6) < 1e-4)
    let mask = try optimised(method.optimiser(for: Subject(network)))[0]
    #expect(abs(mask.scoreBefore - 0.9975) < 1e-3)
    #expect(game == .deletion ? mask.scoreAfter < 0.7 : mask.scoreAfter > 0.8, "\(mask.scoreAfter)")
    #expect(mask.history.count == 150)
    #expect(mask.mask.floats.allSatisfy { (0...1).contains($0) })
    if start == .whole { #expect(mask.history.last! < mask.history[0]) }
  }

  @Test func sufficientAndDestroyingRegions() throws {
    // Each position of the square is worth 0.4 of log-odds, the strip takes as much, and a position costs
    // 0.196.
    let network = try Planted.square(strength: 10, against: 0.4)
    for region in FIDO.Region.allCases {
      let method = FIDO(region: region, infill: .constant(0))
      let found = try explained(method, network, Planted.ones).values[0].floats
      #expect(found.allSatisfy { $0 > 0 && $0 < 1 })
      for (position, value) in found.enumerated() {
        #expect((value > 0.5) == Planted.isInside(position), "\(region) \(position): \(value)")
      }
    }
  }

  /// The one logit of a binary classifier is its log-odds.
  @Test func oneOutputIsLogOdds() throws {
    let method = FIDO(iterations: 20, infill: .constant(0))
    let one = try optimised(method.optimiser(for: Subject(try Planted.square(strength: 8, classes: 1))))[0]
    let two = try optimised(method.optimiser(for: Subject(try Planted.square(strength: 8))))[0]
    #expect(abs(one.scoreBefore - 8) < 1e-4)
    #expect(abs(two.scoreBefore - 8) < 1e-2)
    #expect(isNear(one.mask.floats, two.mask.floats, 0.02))
  }

  @Test func anyPriceEmptiesTheRegion() throws {
    let network = try Planted.square(strength: 10)
    let found = try explained(FIDO(penalty: 1, infill: .constant(0)), network, Planted.ones)
    #expect(found.values[0].floats.allSatisfy { $0 < 0.1 })
    #expect(found.remarks[0]!.hasSuffix("with 0.0 % of the image kept"))
  }

  @Test(arguments: ExtremalPerturbation.Game.allCases)
  func extremalPerturbation(_ game: ExtremalPerturbation.Game) throws {
    let network = try Planted.square(strength: 20)
    // The network looks at one side of the image only; mirrored, it would look at the other.
    let method = ExtremalPerturbation(areas: [0.1], game: game, perturbation: .fade, mirrors: false)
    let mask = try optimised(method.optimiser(for: Subject(network)))[0]
    // The canvas has a margin of 2 positions on each side.
    let area = mask.mask.floats.reduce(0, +) / 400
    #expect(abs(area - 0.1) < 0.02, "\(area)")
    let (inside, outside) = means(mask.mask.floats)
    #expect(inside > 0.9 && outside < 0.15, "\(inside) \(outside)")
    #expect(abs(mask.scoreBefore - 20) < 1e-3)
    #expect(game == .deletion ? mask.scoreAfter < 4 : mask.scoreAfter > 18)
    #expect(mask.history.count == 800)
  }

  /// Several areas run side by side and find what each finds alone; a threshold picks the smallest that
  /// suffices.
  @Test func areasAndThresholds() throws {
    let network = try Planted.square(strength: 20)
    var method = ExtremalPerturbation(
      areas: [0.2, 0.02, 0.1], perturbation: .fade, iterations: 150, mirrors: false)
    let masks = try optimised(method.optimiser(for: Subject(network)))
    #expect(masks.count == 3)
    #expect(masks[1].area < masks[2].area && masks[2].area < masks[0].area)
    let sum = try explained(method, network, Planted.ones).values[0].floats
    let expected = sum.indices.map { u in masks.reduce(Float(0)) { $0 + $1.mask.floats[u] } }
    #expect(isNear(sum, expected, 1e-4))
    method.threshold = 0.8
    let smallest = try explained(method, network, Planted.ones)
    #expect(isNear(smallest.values[0].floats, masks[2].mask.floats, 1e-3))
    method.threshold = 1.5
    let none = try explained(method, network, Planted.ones)
    #expect(isNear(none.values[0].floats, masks[0].mask.floats, 1e-3))
    #expect(none.remarks[0]!.hasSuffix("; no area met the threshold, and this is the largest"))
  }

  /// The first step and every other one after it show the mirror image, and what they find counts at the
  /// image's own positions.
  @Test func stepsMirrorTheImage() throws {
    let side = Planted.side
    let left = Tensor(shape: [1, 1, side, side], (0..<side * side).map { Float($0 % side < 8 ? 1 : 0) })
    var method = ExtremalPerturbation(
      perturbation: .fade, iterations: 4, learningRate: 0.1, areaWeight: 0)
    func mask() throws -> OptimisedMask {
      // The square lies in the right half and wants nothing shown.
      try method.optimiser(for: Subject(Planted.square(strength: -20))).masks([left], classes: [0])[0][0]
    }
    let mirrored = try mask()
    #expect(mirrored.history[0] < -19 && mirrored.history[2] < -15)
    #expect(abs(mirrored.history[1]) < 1e-4 && abs(mirrored.history[3]) < 1e-4)
    let values = mirrored.mask.floats
    // The middle of the square's mirror image, and of the square.
    #expect(values[5 * side + 5] < values[5 * side + 10] - 0.1)
    method.mirrors = false
    let plain = try mask()
    #expect(plain.history.allSatisfy { abs($0) < 1e-4 })
    #expect(abs(plain.mask.floats[5 * side + 5] - plain.mask.floats[5 * side + 10]) < 0.01)
  }

  /// An example's masks do not depend on what else is in its batch, random numbers included.
  @Test func examplesAreIndependent() throws {
    let network = try Planted.square(strength: 6)
    let x = Tensor(
      shape: [2, 1, 16, 16], normalTensor([2 * 256], seed: 3).floats.map { 1 + 0.2 * $0 })
    for method in [
      FIDO(iterations: 15, samples: 3),
      MeaningfulPerturbation(iterations: 15, jitter: 30),
      ExtremalPerturbation(areas: [0.1, 0.3], iterations: 15),
    ] as [any AttributionMethod] {
      let together = try explained(method, network, x).values[0].rows(1..<2)
      let alone = try explained(method, network, x.rows(1..<2), first: 1).values[0]
      #expect(scaledDifference(alone, together)! < 1e-2, "\(type(of: method))")
    }
  }

  @Test func hiddenLayersAreMasked() throws {
    let fixture = Fixture(name: "tiny_cnn"), x = normalTensor([1, 2, 10, 10])
    let layer = "/pool1/MaxPool_output_0"
    for method in [
      RISE(samples: 20, cells: 2), FIDO(iterations: 3), MeaningfulPerturbation(iterations: 3),
      ExtremalPerturbation(iterations: 3),
    ] as [any AttributionMethod] {
      let found = try explained(method, fixture.network(), x, layers: [layer]).values[0]
      let shape = try HookedNetwork(fixture.network(), layers: [layer], examples: 1).layerShapes[0]
      #expect(found.shape == [1] + shape)
      #expect(found.firstNonFinite() == nil)
    }
  }

  @Test func wrongParametersAreExplained() throws {
    let network = try Planted.square(strength: 1)
    for (method, message) in [
      (
        MeaningfulPerturbation(iterations: 0),
        "meaningful perturbation needs cells and 1 to 1000000 steps, found 28 and 0"
      ),
      (
        MeaningfulPerturbation(areaWeight: -1),
        "weights and lengths of meaningful perturbation must be 0 or more, found -1.0"
      ),
      (
        MeaningfulPerturbation(infill: .blur(sigma: -1)),
        "the blur of the infill must be 0 or more, found -1.0"
      ),
      (
        FIDO(samples: 0),
        "FIDO needs cells, 1 to 1000000 steps and 1 to 10000 masks a step, found 56, 300 and 0"
      ),
      (
        FIDO(temperature: 0), "FIDO needs a positive learning rate and temperature, found 0.05 and 0.0"
      ),
      (FIDO(penalty: .nan), "weights of FIDO must be 0 or more, found nan"),
      (
        ExtremalPerturbation(areas: []), "extremal perturbation needs areas between 0 and 1, found []"
      ),
      (
        ExtremalPerturbation(areas: [0.1, 1]),
        "extremal perturbation needs areas between 0 and 1, found [0.1, 1.0]"
      ),
      (
        ExtremalPerturbation(smoothing: -0.1),
        "weights, blurs and the threshold of extremal perturbation must be 0 or more, found -0.1"
      ),
    ] as [(any AttributionMethod, String)] {
      let error = #expect(throws: GraphError.self) { try explained(method, network, Planted.ones) }
      #expect(error?.description == message)
    }
    let alone = try Planted.square(strength: 1, classes: 1)
    for (method, name) in [
      (ExtremalPerturbation(reward: .contrast), "extremal perturbation"),
      (MeaningfulPerturbation(), "meaningful perturbation"),
    ] as [(any AttributionMethod, String)] {
      let error = #expect(throws: GraphError.self) { try explained(method, alone, Planted.ones) }
      #expect(
        error?.kind
          == .unsupported(
            "\(name) compares classes on this scale, and the network has one output; explain its logit"))
    }
    let two = #expect(throws: GraphError.self) {
      let pair = Tensor(shape: [1, 2], repeating: Float(1))
      return try explained(FIDO(), Planted.twoInputs(), pair, pair)
    }
    #expect(
      two?.kind
        == .unsupported(
          "FIDO masks one image, but attributions are asked for at a, b; name one of them as the layer"))
  }
}

@Suite struct PerceptualBallTests {
  /// Without layers the change is along the difference of the classes' weights, as far as
  /// `(m − v) / (|Δw|² + s / n)`.
  @Test func linearClosedForm() throws {
    let rows: [[Float]] = [[1, 2, 0, -1], [0, 1, 0, 1]]
    let network = try Planted.linear([4], rows)
    let x = Tensor(shape: [2, 4], [Float(3), 1, 2, 1, 0.5, 2, -1, -2])
    let found = try explained(PerceptualBall(layerWeight: 0, imageWeight: 8), network, x)
    let difference = zip(rows[0], rows[1]).map { Double($0 - $1) }
    let square = difference.reduce(0) { $0 + $1 * $1 }
    for example in 0..<2 {
      let margin = (0..<4).reduce(0) { $0 + difference[$1] * Double(x.floats[example * 4 + $1]) }
      let length = (margin + 2) / (square + 8 / 4)
      let expected = difference.map { Float(abs(length * $0)) }
      #expect(isNear(Array(found.values[0].floats[example * 4..<example * 4 + 4]), expected, 1e-3))
    }
    // An element without a weight stays where it is.
    #expect(found.values[0].floats[2] == 0)
  }

  @Test func decisionsAreOverturned() throws {
    let fixture = Fixture(name: "iris_mlp"), values = try fixture.values()
    let count = values.targets.count
    let found = try explained(
      PerceptualBall(layerWeight: 0.01, imageWeight: 0.01), fixture.network(), values.input,
      classes: values.targets)
    #expect(found.values[0].shape == values.input.shape)
    for example in 0..<count { #expect(found.remarks[example]!.hasPrefix("margin -"), "\(example)") }
    let alone = try explained(
      PerceptualBall(layerWeight: 0.01, imageWeight: 0.01), fixture.network(), values.input.rows(1..<2),
      classes: [values.targets[1]])
    #expect(scaledDifference(alone.values[0], found.values[0].rows(1..<2))! < 0.05)
  }

  /// Holding hidden layers more tightly moves them less.
  @Test func layersAreHeld() throws {
    let fixture = Fixture(name: "tiny_resnet"), values = try fixture.values()
    func moved(_ weight: Double) throws -> Double {
      let found = try explained(
        PerceptualBall(layerWeight: weight, iterations: 40), fixture.network(), values.input,
        classes: values.targets)
      #expect(found.values[0].firstNonFinite() == nil)
      return found.values[0].floats.reduce(0) { $0 + Double($1) }
    }
    let (loose, tight) = (try moved(1e-3), try moved(1e3))
    #expect(tight < loose && tight > 0)
  }

  @Test func searchesNeverIncrease() {
    // Rosenbrock's valley.
    func valley(_ p: [Float]) -> (Double, [Float]) {
      let (x, y) = (Double(p[0]), Double(p[1]))
      return (
        (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x),
        [Float(-2 * (1 - x) - 400 * x * (y - x * x)), Float(200 * (y - x * x))]
      )
    }
    func search(_ range: ClosedRange<Float>?) -> LBFGS {
      var search = LBFGS(from: [-1.2, 1], memory: 10, steps: 200, range: range)
      for _ in 0..<400 where !search.isDone {
        let (value, slope) = valley(search.trial)
        slope.withUnsafeBufferPointer { search.take(value, $0) }
      }
      return search
    }
    let free = search(nil)
    #expect(free.value < 1e-6 && isNear(free.point, [1, 1], 1e-2))
    #expect(zip(free.history, free.history.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(free.history.count > 10)
    let bound = search(-2...0.5)
    #expect(bound.point.allSatisfy { $0 <= 0.5 } && bound.value < 24)
  }

  @Test func wrongParametersAreExplained() throws {
    let linear = try Planted.linear([4], [[1, 1, 1, 1], [0, 0, 0, 0]])
    for (method, message) in [
      (
        PerceptualBall(iterations: 0),
        "the perceptual ball needs 1 to 1000000 steps and a memory of 1 to 10000, found 0 and 100"
      ),
      (PerceptualBall(margin: .infinity), "the margin of the perceptual ball must be finite, found inf"),
      (PerceptualBall(imageWeight: -1), "weights of the perceptual ball must be 0 or more, found -1.0"),
    ] {
      let error = #expect(throws: GraphError.self) { try explained(method, linear, ramp4) }
      #expect(error?.description == message)
    }
    let hidden = #expect(throws: GraphError.self) {
      try explained(
        PerceptualBall(), ClosedForm.dense(), Tensor(shape: [1, 3], [Float(1), 2, 3]), layers: ["relu"])
    }
    #expect(
      hidden?.kind
        == .unsupported(
          "the perceptual ball moves one input of the network, but attributions are asked for at relu"))
    let unknown = #expect(throws: GraphError.self) {
      try explained(PerceptualBall(layers: ["rely"]), ClosedForm.dense(), normalTensor([1, 3]))
    }
    #expect(unknown?.description == "no value named 'rely'; did you mean 'relu'?")
  }
}
