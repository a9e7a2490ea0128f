internal import Glibc

/// How near the class shares of rules come to a network's probabilities.
public struct SoftFidelity: Sendable, Hashable, Codable {
  /// The mean Kullback-Leibler divergence of the rules' shares from the network's probabilities, in bits, with a
  /// bootstrap interval.
  public let divergence: Estimate
  /// The divergence of the network's mean probabilities, for comparison.
  public let baselineDivergence: Double

  /// Compares shares, each row adding to 1.
  ///
  /// Shares of 0 are taken as `floor`: a rule that was never wrong has no shares else, and one surprise would make the
  /// divergence infinite.
  ///
  /// - Throws: `RuleError` when there is no row, sizes differ, or a probability is negative or not finite.
  public init(
    shares: [[Double]], network: [[Double]], floor: Double = 1e-3, resamples: Int = 1000, seed: UInt64 = 7
  ) throws(RuleError) {
    guard let width = network.first?.count, width > 0 else {
      throw RuleError(.tooFew(set: "the test table", found: 0, needed: 1))
    }
    guard shares.count == network.count else {
      throw RuleError(.count(what: "rows of shares", found: shares.count, expected: network.count))
    }
    for (row, pair) in zip(shares, network).enumerated() {
      guard pair.0.count == width, pair.1.count == width else {
        throw RuleError(
          .count(what: "classes", found: min(pair.0.count, pair.1.count), expected: width),
          at: "row \(row + 1)")
      }
      guard (pair.0 + pair.1).allSatisfy({ $0 >= 0 && $0.isFinite }) else {
        throw RuleError(.notFinite("a probability is negative or not finite"), at: "row \(row + 1)")
      }
    }
    guard floor > 0, floor < 1 else {
      throw RuleError(.parameters("the floor is \(floor); give a share between 0 and 1"))
    }
    let each = zip(shares, network).map { SoftFidelity.divergence($1, from: $0, floor) }
    let total = Double(network.count)
    let mean = (0..<width).map { label in network.reduce(0) { $0 + $1[label] } / total }
    divergence =
      Estimate.bootstrap(
        groups: Array(each.indices), groupCount: each.count, resamples: resamples, seed: seed
      ) { counts in [zip(each, counts).reduce(0) { $0 + $1.0 * $1.1 } / total] }[0]
    baselineDivergence = network.reduce(0) { $0 + SoftFidelity.divergence($1, from: mean, floor) } / total
  }

  private static func divergence(_ p: [Double], from q: [Double], _ floor: Double) -> Double {
    let raised = q.map { max($0, floor) }
    let sum = raised.reduce(0, +)
    return zip(p, raised).reduce(0) { $0 + ($1.0 > 0 ? $1.0 * log2($1.0 * sum / $1.1) : 0) }
  }
}

extension RuleSet {
  /// The share of the positive votes that each class gets; when the default answers, all of it.
  ///
  /// - Parameter firing: the rules that fire, ascending.
  public func shares(firing: [Int]) -> [Double] {
    let scores = scores(firing: firing)
    let sum = scores.reduce(0, +)
    if sum > 0 { return scores.map { $0 / sum } }
    return classes.indices.map { defaultConclusion == .label($0) ? 1 : 0 }
  }
}
