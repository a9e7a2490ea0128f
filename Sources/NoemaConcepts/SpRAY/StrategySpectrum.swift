/// The eigenvalues of a class's graph of neighbours, and the number of strategies that they suggest.
public struct StrategySpectrum: Sendable, Hashable, Codable {
  /// The smallest eigenvalues of the normalised Laplacian, ascending.
  public let eigenvalues: [Double]
  /// The number of strategies that is used.
  public let count: Int
  /// `λ_{k+1} − λ_k` after that number.
  public let gap: Double
  /// That gap as a share of `λ_{k+1}`, in [0, 1]; 0 for one strategy, which no gap sets apart.
  public let relativeGap: Double
  /// The largest gap of all, which need not be the one that decided.
  public let largestGap: Eigengap
  /// The sizes of the connected components, in descending order; an eigenvalue 0 for each.
  public let componentSizes: [Int]
  /// The examples without a neighbour.
  public let isolated: [Int]
  /// How the number, and the gap after it, vary over parts; nil when there were none.
  public internal(set) var variation: EigengapVariation?
}

extension StrategyCount {
  /// The number that ascending eigenvalues suggest.
  ///
  /// - Parameters:
  ///   - maximum: the largest number that is suggested.
  ///   - least: the least relative gap between several strategies.
  func choose(_ eigenvalues: [Double], maximum: Int, leastRelativeGap least: Double) throws(ConceptError)
    -> Int
  {
    switch self {
    case .fixed(let count): return count
    case .largestGap: return try Eigengap(eigenvalues, maximum: maximum).clusterCount
    case .relativeGap:
      let last = min(maximum, eigenvalues.count - 1)
      // More components than clusters are looked for.
      if last >= 2, eigenvalues[last] <= 1e-9 { return last }
      var (best, largest) = (1, least)
      for k in stride(from: 2, through: last, by: 1) where eigenvalues[k] > 1e-9 {
        let share = (eigenvalues[k] - eigenvalues[k - 1]) / eigenvalues[k]
        // The first of equals.
        if share > largest || (best == 1 && share == largest) { (best, largest) = (k, share) }
      }
      return best
    }
  }
}

extension StrategySpectrum {
  /// Reads the spectrum of a whole class.
  init(_ coordinates: SpectralCoordinates, count: Int, maximum: Int) throws(ConceptError) {
    let values = coordinates.eigenvalues
    eigenvalues = values
    self.count = count
    let rise = Self.gap(values, after: count)
    gap = rise
    relativeGap = count > 1 && rise > 0 ? rise / values[count] : 0
    largestGap = try Eigengap(values, maximum: maximum)
    componentSizes = coordinates.components.sizes.sorted(by: >)
    isolated = coordinates.isolated
    variation = nil
  }

  /// The rise of eigenvalues after the k-th; 0 beyond the last.
  static func gap(_ eigenvalues: [Double], after k: Int) -> Double {
    k < eigenvalues.count ? eigenvalues[k] - eigenvalues[k - 1] : 0
  }
}
