/// How many clusters a Laplacian's spectrum suggests: as many as there are eigenvalues before its largest gap.
///
/// Without structure there is no clear gap, and still a largest one; look at the spectrum and at how stable the number
/// is (`EigengapResampling`) before calling it the number of anything.
///
/// - Source: von Luxburg, "A tutorial on spectral clustering", 2007, section 8.3.
public struct Eigengap: Sendable, Hashable, Codable {
  /// The k of 1 ≤ k ≤ maximum with the largest `λ_{k+1} − λ_k`, the smallest such k; 1 says that there is one cluster.
  public let clusterCount: Int
  /// `λ_{k+1} − λ_k`.
  public let gap: Double
  /// The gap as a share of `λ_{k+1}`, in [0, 1]: 1 for components without a path between them; 0 without a gap.
  public let relativeGap: Double
  /// The largest k that was looked at.
  public let maximum: Int

  /// Finds the largest gap.
  ///
  /// - Parameters:
  ///   - eigenvalues: ascending, at least two.
  ///   - maximum: the largest number of clusters; one less than there are eigenvalues when those are fewer.
  /// - Throws: `ConceptError.tooFew`, `.parameters` unless they ascend and the maximum is 1 or more, `.notFinite`.
  public init(_ eigenvalues: [Double], maximum: Int = 20) throws(ConceptError) {
    guard eigenvalues.count >= 2 else {
      throw ConceptError(.tooFew(set: "the spectrum", found: eigenvalues.count, needed: 2))
    }
    guard maximum >= 1 else {
      throw ConceptError(.parameters("found at most \(maximum) clusters; give 1 or more"))
    }
    if let index = eigenvalues.firstIndex(where: { !$0.isFinite }) {
      throw ConceptError(.notFinite("eigenvalue \(index) is NaN or infinite"))
    }
    let gaps = zip(eigenvalues, eigenvalues.dropFirst()).map { $1 - $0 }
    if let index = gaps.firstIndex(where: { $0 < 0 }) {
      throw ConceptError(
        .parameters("eigenvalue \(index + 1) is less than the one before it; give them in ascending order"))
    }
    self.maximum = min(maximum, gaps.count)
    var best = 0
    for k in 1..<self.maximum where gaps[k] > gaps[best] { best = k }
    clusterCount = best + 1
    gap = gaps[best]
    relativeGap = gap > 0 ? gap / eigenvalues[best + 1] : 0
  }
}
