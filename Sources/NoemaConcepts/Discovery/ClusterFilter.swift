/// Which clusters of patches are concepts: those that are not small, and not of a few examples only.
///
/// With `s` patches of `u` of the `D` examples, the paper keeps clusters of many examples (`u > D/2`), of several and
/// not small (`u > D/4` and `s > D`), or very large (`s > 2 D`). Its implementation keeps `s > 20` with `u > s/2`, with
/// `u > D/4` and `u > s/4`, or with `u > D/2` and `u > s/10`.
///
/// - Source: Ghorbani et al., "Towards Automatic Concept-based Explanations", NeurIPS 2019, and its implementation.
public struct ClusterFilter: Sendable, Hashable, Codable {
  /// The rule about examples.
  public enum Policy: String, Sendable, Codable, CaseIterable {
    /// The implementation's.
    case reference
    /// The paper's.
    case paper
    /// None: every cluster of the least size.
    case none
  }

  /// What becomes of a cluster.
  public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
    /// It is a concept.
    case kept
    /// It has too few patches.
    case tooSmall = "too small"
    /// Its patches come from too few examples.
    case tooFewExamples = "from too few examples"
  }

  /// The rule about examples.
  public var policy: Policy
  /// A concept has more patches than this, and two in any case.
  public var minimumSize: Int

  /// Makes a filter.
  public init(_ policy: Policy, minimumSize: Int = 0) {
    (self.policy, self.minimumSize) = (policy, minimumSize)
  }

  /// The implementation's rules, with its class's least size and not that of its script, which drops most clusters.
  public static let reference = ClusterFilter(.reference, minimumSize: 20)
  /// The paper's rules.
  public static let paper = ClusterFilter(.paper)

  /// Judges a cluster.
  ///
  /// - Parameters:
  ///   - size: its patches, `s`.
  ///   - examples: how many examples they come from, `u`.
  ///   - total: the number of all examples, `D`.
  public func callAsFunction(size: Int, examples: Int, of total: Int) -> Verdict {
    if size < 2 || size <= minimumSize { return .tooSmall }
    let isWide: Bool
    switch policy {
    case .none: isWide = true
    case .paper:
      isWide = 2 * examples > total || 4 * examples > total && size > total || size > 2 * total
    case .reference:
      isWide =
        2 * examples > size || 4 * examples > total && 4 * examples > size
        || 2 * examples > total && 10 * examples > size
    }
    return isWide ? .kept : .tooFewExamples
  }
}
