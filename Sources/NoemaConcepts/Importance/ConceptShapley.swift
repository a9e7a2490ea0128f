internal import Foundation
internal import NoemaTensor

/// ConceptSHAP: how complete concepts are as an account of the network, and the share of each in it.
///
/// The completeness of a set of concepts is `(v(S) − chance) / (v − chance)`: the accuracy when the network
/// sees only what the set holds of its activations, on a scale from guessing to the network itself. Shapley
/// values divide the completeness of all concepts among them.
///
/// - Source: Yeh et al., "On Completeness-aware Concept-Based Explanations in Deep Neural Networks", NeurIPS 2020,
///   definitions 3.1 and 4.1.
public struct ConceptShapley: Sendable, Hashable, Codable {
  /// Up to as many concepts all sets are asked for; beyond, random orders.
  public var exactLimit = 10
  /// Random orders, in pairs of an order and its reverse.
  public var orders = 64
  /// The seed of the orders.
  public var seed: UInt64 = 0

  /// Makes an attribution with the defaults above.
  public init() {}

  /// How complete concepts are.
  public struct Outcome: Sendable, Hashable, Codable {
    /// The completeness of all concepts together; 1 when the network does as well with them as it does.
    public let completeness: Double
    /// The completeness of no concept, about 0 when nothing shines through.
    public let emptiness: Double
    /// Each concept's Shapley value; they sum to `completeness − emptiness`.
    public let values: [Double]
    /// The standard errors of the values; zeros when all sets were asked for.
    public let standardErrors: [Double]
    /// The number of different sets that the network was asked for.
    public let evaluations: Int
  }

  /// Divides the completeness among concepts.
  ///
  /// - Parameters:
  ///   - concepts: how many there are, 1 or more.
  ///   - whole: the network's own worth, such as its accuracy.
  ///   - chance: the worth of guessing.
  ///   - worth: what the network makes of sets of concepts; displays never show the rest.
  /// - Throws: `ConceptError.tooFew` without concepts; `.parameters` for settings out of range, and a network
  ///   that is no better than chance; what asking for worths throws.
  public func callAsFunction(
    concepts: Int, whole: Double, chance: Double, worth: @escaping ConceptWorth
  ) throws -> Outcome {
    guard concepts >= 1 else { throw ConceptError(.tooFew(set: "the list of concepts", found: 0, needed: 1)) }
    guard (0...20).contains(exactLimit), orders >= 2, orders % 2 == 0 else {
      throw ConceptError(
        .parameters(
          "all sets can be had of up to 20 concepts, and orders are an even number of 2 or more; "
            + "found \(exactLimit) and \(orders)"))
    }
    guard whole > chance, whole.isFinite, chance.isFinite else {
      throw ConceptError(
        .parameters(
          "the network's worth of \(whole) is not above chance, \(chance), so there is nothing to account for; choose "
            + "classes that it knows"))
    }
    var (worths, evaluations) = (KnownWorths(worth), Set<ConceptDisplay>())
    func completeness(_ sets: [[Bool]]) throws -> [Double] {
      let displays = sets.map { ConceptDisplay($0, showsRest: false) }
      evaluations.formUnion(displays)
      return try worths(displays).map { ($0 - chance) / (whole - chance) }
    }
    let (values, errors) =
      concepts <= exactLimit
      ? try exact(concepts, completeness) : try sampled(concepts, completeness)
    let ends = try completeness([
      [Bool](repeating: true, count: concepts), [Bool](repeating: false, count: concepts),
    ])
    return Outcome(
      completeness: ends[0], emptiness: ends[1], values: values, standardErrors: errors,
      evaluations: evaluations.count)
  }

  private func exact(
    _ count: Int, _ completeness: ([[Bool]]) throws -> [Double]
  ) throws -> ([Double], [Double]) {
    let worths = try completeness((0..<(1 << count)).map { bits in (0..<count).map { bits >> $0 & 1 == 1 } })
    // |S|! (n − |S| − 1)! / n!.
    let weights = (0..<count).map { size in
      exp(lgamma(Double(size + 1)) + lgamma(Double(count - size)) - lgamma(Double(count + 1)))
    }
    let values = (0..<count).map { concept in
      worths.indices.reduce(0.0) { sum, bits in
        guard bits >> concept & 1 == 0 else { return sum }
        return sum + weights[bits.nonzeroBitCount] * (worths[bits | 1 << concept] - worths[bits])
      }
    }
    return (values, [Double](repeating: 0, count: count))
  }

  private func sampled(
    _ count: Int, _ completeness: ([[Bool]]) throws -> [Double]
  ) throws -> ([Double], [Double]) {
    var random = RandomNumbers(seed: seed)
    let walks = (0..<orders / 2).flatMap { _ in
      let order = random.sample(count, below: count)
      return [order, order.reversed()]
    }
    let worths = try completeness(
      walks.flatMap { order in
        var shown = [Bool](repeating: false, count: count)
        return [shown]
          + order.map { concept in
            shown[concept] = true
            return shown
          }
      })
    // Pairs are independent of each other, an order and its reverse are not.
    var pairs = [[Double]](repeating: [Double](repeating: 0, count: count), count: orders / 2)
    for (walk, order) in walks.enumerated() {
      for (place, concept) in order.enumerated() {
        let start = walk * (count + 1) + place
        pairs[walk / 2][concept] += (worths[start + 1] - worths[start]) / 2
      }
    }
    let columns = (0..<count).map { concept in pairs.map { $0[concept] } }
    let root = Double(pairs.count).squareRoot()
    return (
      columns.map { Statistics.mean($0) },
      columns.map { pairs.count > 1 ? Statistics.standardDeviation($0) / root : .nan }
    )
  }
}
