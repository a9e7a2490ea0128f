public import NoemaTensor

/// Sobol's indices of concepts: the shares of an output's variance to which each concept contributes when all
/// concepts are dimmed at random.
///
/// Masks in [0, 1) multiply the coefficients of an input's concepts. From two designs A and B, and C with one
/// column of B in A, follow the total index `Σ (Y_A − Y_C)² / 2 N V` (Jansen), in which all of a concept's
/// interactions count, and the first-order one `1 − Σ (Y_B − Y_C)² / 2 N V`, in which none do. V is the
/// variance over A and B. The designs are one scrambled Sobol sequence.
///
/// ```swift
/// let found = try TotalIndices()(concepts: 20, examples: 8) { example, masks in
///   try outputs(of: example, masks)   // h((U ∘ M) W), one a row of masks
/// }
/// ```
///
/// - Sources: Jansen, Computer Physics Communications 1999; Fel et al., "Look at the Variance!", NeurIPS 2021, and
///   "CRAFT", CVPR 2023.
public struct TotalIndices: Sendable, Hashable, Codable {
  /// The masks of a design, N, a power of 2; every example costs `N (concepts + 2)` outputs.
  public var designSize = 32
  /// The seed of the scrambling.
  public var seed: UInt64 = 0

  /// Makes a method with the defaults above.
  public init() {}

  /// The output of masks of one example: a number a row.
  public typealias Output = (_ example: Int, _ masks: Matrix) throws -> [Double]

  /// The indices of concepts.
  public struct Outcome: Sendable, Hashable, Codable {
    /// The mean total index of each concept over the examples whose output varies; zeros when none does.
    public let total: [Double]
    /// The mean first-order index likewise; below 0 by chance for concepts without effect.
    public let firstOrder: [Double]
    /// The standard error of the total indices over examples; NaN for fewer than two.
    public let standardErrors: [Double]
    /// The total indices of each example.
    public let examples: [[Double]]
    /// Examples whose output is the same under all masks.
    public let constantExamples: [Int]
  }

  /// Estimates indices.
  ///
  /// - Parameters:
  ///   - concepts: how many there are, from 1 to half of ``SobolSequence/dimensionLimit``.
  ///   - examples: how many inputs are asked about.
  ///   - output: asked about `designSize` masks at a time.
  /// - Throws: `ConceptError.parameters` for settings out of range, `.tooFew` without examples, `.mismatch` and
  ///   `.notFinite` for outputs that are not one finite number a mask, and what asking throws.
  public func callAsFunction(concepts: Int, examples: Int = 1, output: Output) throws -> Outcome {
    let limit = SobolSequence.dimensionLimit / 2
    guard designSize >= 2, designSize <= 1 << 20, designSize & (designSize - 1) == 0 else {
      throw ConceptError(
        .parameters("a design has a power of 2 of masks, from 2 to \(1 << 20), found \(designSize)"))
    }
    guard (1...limit).contains(concepts) else {
      throw ConceptError(.parameters("indices are of 1 to \(limit) concepts, found \(concepts)"))
    }
    guard examples >= 1 else {
      throw ConceptError(.tooFew(set: "the list of examples", found: examples, needed: 1))
    }
    let points = try SobolSequence(dimension: 2 * concepts, seed: seed).points(designSize)
    let rows = Array(0..<designSize)
    let a = points.selecting(rows: rows, columns: Array(0..<concepts))
    let b = points.selecting(rows: rows, columns: Array(concepts..<(2 * concepts)))
    var (total, first, constant) = ([[Double]](), [[Double]](), [Int]())
    for example in 0..<examples {
      let outputs = try [a, b].map { try checked(output, example, $0) }
      let mixed = try (0..<concepts).map { concept in
        var masks = a
        for row in rows { masks[row, concept] = b[row, concept] }
        return try checked(output, example, masks)
      }
      guard let indices = Self.indices(outputs[0], outputs[1], mixed) else {
        constant.append(example)
        total.append([Double](repeating: 0, count: concepts))
        continue
      }
      total.append(indices.total)
      first.append(indices.first)
    }
    let varying = (0..<examples).filter { !constant.contains($0) }.map { total[$0] }
    func column(_ table: [[Double]], _ concept: Int) -> [Double] { table.map { $0[concept] } }
    return Outcome(
      total: (0..<concepts).map { Statistics.mean(column(varying, $0)) },
      firstOrder: (0..<concepts).map { Statistics.mean(column(first, $0)) },
      standardErrors: (0..<concepts).map {
        guard varying.count > 1 else { return .nan }
        return Statistics.standardDeviation(column(varying, $0)) / Double(varying.count).squareRoot()
      }, examples: total, constantExamples: constant)
  }

  /// The indices of one example; nil when its output does not vary.
  private static func indices(
    _ a: [Double], _ b: [Double], _ mixed: [[Double]]
  ) -> (total: [Double], first: [Double])? {
    let all = a + b
    let mean = Statistics.mean(all)
    let variance = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
    // Outputs come in float32; a constant one varies by its rounding.
    let largest = all.reduce(0) { max($0, abs($1)) }
    guard variance > 1e-13 * largest * largest else { return nil }
    func halfSquare(_ x: [Double], _ y: [Double]) -> Double {
      zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / (2 * Double(x.count) * variance)
    }
    return (mixed.map { halfSquare(a, $0) }, mixed.map { 1 - halfSquare(b, $0) })
  }

  private func checked(_ output: Output, _ example: Int, _ masks: Matrix) throws -> [Double] {
    let found = try output(example, masks)
    guard found.count == masks.rowCount else {
      throw ConceptError(
        .mismatch("found \(found.count) outputs of \(masks.rowCount) masks; give one for each"),
        at: "example \(example)")
    }
    guard found.allSatisfy(\.isFinite) else {
      throw ConceptError(.notFinite("the output under a mask is NaN or infinite"), at: "example \(example)")
    }
    return found
  }
}
