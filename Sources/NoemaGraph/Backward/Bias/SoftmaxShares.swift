internal import CVector
internal import Foundation
internal import NoemaTensor

/// What units hold, shared among their inputs by a softmax of contributions: `A_p = Σ_q B_q softmax_p(s_pq)` with
/// `s` made of `w_qp x_p`, over the inputs `p` that the unit `q` reads.
///
/// The softmax belongs to the pair, so that no product of matrices does it: one patch of inputs is held against all
/// its units at a time, some of these together.
///
/// - Shapes: `x [N, groups · I, …]`, `w [groups, O, I, K]` with K elements of the kernel, `B [N, groups · O, …] →` like
///   x; without sliding units `x [N, I]`, `w [1, O, I, 1]`, `B [N, O]`.
struct SoftmaxShares: FloatOperator {
  /// What the softmax is of.
  enum Score: Sendable, Hashable {
    /// `|w x|`, its negative, or `w x` with the sign of what the unit holds.
    case magnitude, negativeMagnitude, alongMass

    func callAsFunction<Element: FloatElement>(_ contribution: Element, _ mass: Element) -> Element {
      switch self {
      case .magnitude: contribution.magnitude
      case .negativeMagnitude: -contribution.magnitude
      case .alongMass: mass < 0 ? -contribution : contribution
      }
    }
  }

  /// The score and what it is divided by.
  struct Setting: Sendable, Hashable {
    var kind: Score
    var temperature: Double
  }

  var setting: Setting
  /// The positions that units read; nil for all of one row.
  var units: SlidingUnits?

  var relevanceRole: RelevanceRole { .none }
}

// MARK: Result types
extension SoftmaxShares {
  func resultTypes(of operands: [TensorType]) throws(GraphError) -> [TensorType] {
    let rank = (units?.window.rank ?? 0) + 2
    guard operands.count == 3, operands.allSatisfy({ $0.element == operands[0].element }),
      case let (x, w, mass) = (operands[0].shape, operands[1].shape, operands[2].shape), x.count == rank,
      mass.count == rank, w.count == 4, x[0] == mass[0], x[1] == w[0] * w[2], mass[1] == w[0] * w[1],
      w[0] == units?.groups ?? 1, w[3] == units?.window.kernel.reduce(1, *) ?? 1,
      Array(x[2...]) == units?.extents ?? [], Array(mass[2...]) == units?.results ?? []
    else { throw GraphError(.operands("inputs, weights and what units hold do not fit: \(operands)")) }
    return [operands[0]]
  }

  func multiplyAdds(_ operands: [TensorType], _ results: [TensorType]) -> Int {
    Shapes.work(operands[2].count, operands[1].shape[2...].reduce(1, *))
  }
}

/// What one position of the result reads of one group of one example.
private struct Patch {
  /// Offsets in the group's input.
  var inputs: [Int] = []
  /// Offsets in the weights of a unit.
  var weights: [Int] = []
}

/// The extents, and all patches.
private struct Patches: Sendable {
  let blocks, units, inputs, kernel, area: Int
  /// For each position of the result the elements of the kernel and the positions of the input that meet there.
  let meetings: [[(element: Int, position: Int)]]

  init(_ x: [Int], _ w: [Int], _ sliding: SlidingUnits?) {
    blocks = x[0] * w[0]
    (units, inputs, kernel) = (w[1], w[2], w[3])
    area = x[2...].reduce(1, *)
    guard let sliding else {
      meetings = [[(0, 0)]]
      return
    }
    var found = [[(element: Int, position: Int)]](repeating: [], count: sliding.results.reduce(1, *))
    sliding.forEachMeeting { found[$0].append(($1, $2)) }
    meetings = found
  }

  func patch(_ place: Int) -> Patch {
    var patch = Patch()
    for input in 0..<inputs {
      for (element, position) in meetings[place] {
        patch.inputs.append(input * area + position)
        patch.weights.append(input * kernel + element)
      }
    }
    return patch
  }
}

// MARK: Kernels
extension SoftmaxShares {
  func evaluate<Element: FloatElement>(_ operands: [Tensor], as type: Element.Type) throws -> [Tensor] {
    let x = operands[0].elements(as: Element.self), w = operands[1].elements(as: Element.self)
    let mass = operands[2].elements(as: Element.self)
    let patches = Patches(operands[0].shape, operands[1].shape, units)
    let groups = operands[1].shape[0], places = patches.meetings.count
    let size = patches.inputs * patches.area, unitSize = patches.inputs * patches.kernel
    var shares = [Element](repeating: 0, count: x.count)
    for block in 0..<patches.blocks {
      for place in 0..<places {
        let patch = patches.patch(place)
        if patch.inputs.isEmpty { continue }
        for unit in 0..<patches.units {
          let held = mass[(block * patches.units + unit) * places + place]
          let row = (block % groups * patches.units + unit) * unitSize
          let scores = patch.inputs.indices.map { i in
            let contribution = w[row + patch.weights[i]] * x[block * size + patch.inputs[i]]
            return Double(setting.kind(contribution, held)) / setting.temperature
          }
          let top = scores.max()!
          let parts = scores.map { Foundation.exp($0 - top) }
          let total = parts.reduce(0, +)
          for (input, part) in zip(patch.inputs, parts) {
            shares[block * size + input] += Element(Double(held) * part / total)
          }
        }
      }
    }
    return [Tensor(shape: operands[0].shape, shares)]
  }

  /// Scores of one chunk of units stay in cache; units that hold nothing are left out.
  func kernel(for operands: [StoredOperand], results: [TensorType]) throws(GraphError) -> (any Kernel)? {
    guard results[0].element == .float32, results[0].count > 0, operands[2].type.count > 0 else { return nil }
    let patches = Patches(operands[0].type.shape, operands[1].type.shape, units)
    let groups = operands[1].type.shape[0], count = results[0].count
    return ClosureKernel(operands: [.plain, .plain, .plain], results: [.plain]) { memory in
      nonisolated(unsafe) let x = memory.operands[0].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let w = memory.operands[1].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let mass = memory.operands[2].assumingMemoryBound(to: Float.self)
      nonisolated(unsafe) let shares = memory.results[0].assumingMemoryBound(to: Float.self)
      shares.update(repeating: 0, count: count)
      let size = patches.inputs * patches.area, held = patches.units * patches.meetings.count
      let weights = patches.units * patches.inputs * patches.kernel
      Parallel.ranges(patches.blocks, grain: 1) { blocks in
        var rows: [Float] = []
        for block in blocks {
          add(
            x + block * size, w + block % groups * weights, mass + block * held, shares + block * size,
            patches, &rows)
        }
      }
    }
  }

  /// Floats of scores that are worked on together.
  private static let chunk = 1 << 15

  /// One group of one example.
  private func add(
    _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ mass: UnsafePointer<Float>,
    _ shares: UnsafeMutablePointer<Float>, _ patches: Patches, _ rows: inout [Float]
  ) {
    let places = patches.meetings.count, unitSize = patches.inputs * patches.kernel
    let scale = Float(1 / setting.temperature)
    for place in 0..<places {
      let patch = patches.patch(place), n = patch.inputs.count
      if n == 0 { continue }
      let inputs = patch.inputs.map { x[$0] }
      var found = [Float](repeating: 0, count: n)
      let most = max(1, Self.chunk / n)
      for first in stride(from: 0, to: patches.units, by: most) {
        let chosen = (first..<min(first + most, patches.units)).filter { mass[$0 * places + place] != 0 }
        if chosen.isEmpty { continue }
        if rows.count < chosen.count * n { rows = [Float](repeating: 0, count: chosen.count * n) }
        rows.withUnsafeMutableBufferPointer { rows in
          let base = rows.baseAddress!
          for (index, unit) in chosen.enumerated() {
            let row = base + index * n, own = w + unit * unitSize, held = mass[unit * places + place]
            for i in 0..<n { row[i] = setting.kind(own[patch.weights[i]] * inputs[i], held) }
          }
          cv_softmax(base, base, Int64(chosen.count), Int64(n), 1, scale, 0)
          for (index, unit) in chosen.enumerated() {
            let row = base + index * n, held = mass[unit * places + place]
            for i in 0..<n { found[i] += held * row[i] }
          }
        }
      }
      for i in 0..<n { shares[patch.inputs[i]] += found[i] }
    }
  }
}

// MARK: Derivative
extension SoftmaxShares {
  func pullback(
    of cotangents: [Value?], through node: Node, in graph: inout Graph
  ) throws(GraphError) -> [Value?] {
    throw GraphError(.notDifferentiable("shares of biases have no derivative"))
  }
}
