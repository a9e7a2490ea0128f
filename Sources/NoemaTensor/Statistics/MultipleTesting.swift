/// Corrections of p-values for the number of hypotheses tested together.
public enum MultipleTesting: String, Sendable, Hashable, Codable, CaseIterable {
  /// `min(1, M p)`: controls the chance of any false positive.
  case bonferroni
  /// Holm 1979: as strict as Bonferroni, more powerful.
  case holm
  /// Benjamini and Hochberg 1995: controls the share of false among the positives.
  case benjaminiHochberg = "bh"
  /// No correction.
  case none

  /// The adjusted p-values in the order given.
  ///
  /// NaN marks a hypothesis that was not tested: it stays NaN and does not count.
  public func adjusted(_ p: [Double]) -> [Double] {
    let order = p.indices.filter { !p[$0].isNaN }.sorted { p[$0] < p[$1] }
    let count = Double(order.count)
    var result = p
    switch self {
    case .none: break
    case .bonferroni: for index in order { result[index] = min(1, count * p[index]) }
    case .holm:
      var largest = 0.0
      for (rank, index) in order.enumerated() {
        largest = max(largest, min(1, (count - Double(rank)) * p[index]))
        result[index] = largest
      }
    case .benjaminiHochberg:
      var smallest = 1.0
      for (rank, index) in order.enumerated().reversed() {
        smallest = min(smallest, count * p[index] / Double(rank + 1))
        result[index] = smallest
      }
    }
    return result
  }
}
