/// How well rules that conclude numbers stand for a network.
public struct RegressionQuality: Sendable, Hashable, Codable {
  /// The share of the variance of the network's answers that the rules explain, with a bootstrap interval; at most 1,
  /// 0 of the mean alone.
  public let determination: Estimate
  /// The mean square of rules minus network, with a bootstrap interval.
  public let meanSquare: Estimate
  /// The share of the variance of the true values that the rules explain; nil without truth.
  public let truthDetermination: Estimate?
  /// How the rules fire; nil of a tree.
  public let firing: FiringQuality?

  /// Judges rules.
  ///
  /// - Parameters:
  ///   - model: the rules.
  ///   - table: held-out examples.
  ///   - network: the network's answer for each row.
  ///   - truth: the true value for each row, if known.
  ///   - resamples: of the bootstrap.
  ///   - seed: of the bootstrap.
  /// - Throws: `RuleError` when the table's features are not the rules', there is no row, sizes differ or a value is
  ///   not finite.
  public init(
    of model: some RuleModel, on table: RuleTable, network: [Double], truth: [Double]? = nil,
    resamples: Int = 1000, seed: UInt64 = 7
  ) throws(RuleError) {
    let answers = try model.values(on: table)
    guard table.rowCount > 0 else { throw RuleError(.tooFew(set: "the test table", found: 0, needed: 1)) }
    for (values, what) in [(network, "network answers"), (truth ?? network, "true values")] {
      guard values.count == table.rowCount else {
        throw RuleError(.count(what: what, found: values.count, expected: table.rowCount))
      }
      if let row = values.firstIndex(where: { !$0.isFinite }) {
        throw RuleError(.notFinite("row \(row + 1) of the \(what) is \(values[row])"))
      }
    }
    func estimates(_ reference: [Double]) -> [Estimate] {
      Estimate.bootstrap(
        groups: Array(answers.indices), groupCount: answers.count, resamples: resamples, seed: seed
      ) { counts in
        [
          RegressionQuality.determination(answers, reference, counts: counts),
          RegressionQuality.squares(answers, reference, counts) / Double(answers.count),
        ]
      }
    }
    let figures = estimates(network)
    (determination, meanSquare) = (figures[0], figures[1])
    truthDetermination = truth.map { estimates($0)[0] }
    firing = try FiringQuality(of: model, on: table, resamples: resamples, seed: seed)
  }

  private static func squares(_ a: [Double], _ b: [Double], _ counts: [Double]) -> Double {
    a.indices.reduce(0) { $0 + counts[$1] * (a[$1] - b[$1]) * (a[$1] - b[$1]) }
  }

  /// `1 − Σ (answer − reference)² / Σ (reference − mean)²`; of a constant reference 1 or 0.
  static func determination(_ answers: [Double], _ reference: [Double], counts: [Double]) -> Double {
    let mean = zip(reference, counts).reduce(0) { $0 + $1.0 * $1.1 } / counts.reduce(0, +)
    let error = squares(answers, reference, counts)
    let spread = squares(reference, reference.map { _ in mean }, counts)
    return spread > 0 ? 1 - error / spread : (error > 0 ? 0 : 1)
  }
}
