public import NoemaTensor

/// Which concepts of two dictionaries are the same: pairs of the greatest sum of cosines.
public struct DictionaryMatching: Sendable, Hashable, Codable {
  /// For each concept of the first dictionary its partner in the second; nil when that has fewer.
  public let partners: [Int?]
  /// The cosine of each pair; 0 without a partner, and of a concept that is zero.
  public let cosines: [Double]

  /// Matches two dictionaries.
  ///
  /// A concept and its opposite count as the same where both dictionaries say so.
  ///
  /// - Throws: `ConceptError.mismatch` when their features differ in number.
  public init(_ first: some ConceptDictionary, _ second: some ConceptDictionary) throws(ConceptError) {
    try self.init(first.directions, second.directions, isSigned: first.isSigned && second.isSigned)
  }

  /// Matches directions, one a row.
  ///
  /// - Parameter isSigned: whether a direction and its opposite are the same.
  /// - Throws: `ConceptError.mismatch` when they differ in length.
  public init(_ first: Matrix, _ second: Matrix, isSigned: Bool = false) throws(ConceptError) {
    guard first.columnCount == second.columnCount else {
      throw ConceptError(
        .mismatch(
          "concepts of \(first.columnCount) and of \(second.columnCount) features cannot be the same; compare "
            + "dictionaries of one layer"))
    }
    var products = first.timesTransposed(second)
    let lengths = [first, second].map { matrix in
      (0..<matrix.rowCount).map { matrix.row($0).reduce(0) { $0 + $1 * $1 }.squareRoot() }
    }
    for i in 0..<products.rowCount {
      for j in 0..<products.columnCount {
        let length = lengths[0][i] * lengths[1][j]
        let cosine = length > 0 ? min(1, max(-1, products[i, j] / length)) : 0
        products[i, j] = isSigned ? abs(cosine) : cosine
      }
    }
    let cosines = products
    partners = Assignment.greatest(cosines)
    self.cosines = partners.enumerated().map { i, partner in partner.map { cosines[i, $0] } ?? 0 }
  }

  /// The mean cosine over the concepts of the first dictionary.
  public var meanCosine: Double { Statistics.mean(cosines) }
}

/// Whether a dictionary comes out again with another seed or other examples.
///
/// - Source: Fel et al., "A Holistic Approach to Unifying Automatic Concept Extraction and Concept Importance
///   Estimation", NeurIPS 2023, for cosines after matching.
public struct DictionaryStability: Sendable, Hashable, Codable {
  /// How rows are drawn; nil to take all, so that only the seed differs.
  public var draw: ClusterStability.Draw?
  /// How often it is learned anew.
  public var runs: Int
  /// The seed of draws and of learning.
  public var seed: UInt64

  /// Makes an assessment.
  public init(_ draw: ClusterStability.Draw? = .bootstrap, runs: Int = 10, seed: UInt64 = 0) {
    (self.draw, self.runs, self.seed) = (draw, runs, seed)
  }

  /// How stable a dictionary is.
  public struct Outcome: Sendable, Hashable, Codable {
    /// For each run, the cosine of each concept with its partner.
    public let cosines: [[Double]]
    /// The mean over runs of each concept's cosine.
    public let concepts: [Double]
    /// The mean over concepts.
    public let mean: Double
  }

  /// Learns anew and compares.
  ///
  /// - Parameters:
  ///   - dictionary: what was learned of all rows.
  ///   - learner: what learned it.
  ///   - rows: what it was learned of.
  ///   - groups: for each row what it belongs to, such as the image of a patch: groups are then drawn whole, for rows
  ///     of one group are alike. Nil to draw rows.
  /// - Throws: `ConceptError.parameters` for no runs or a part outside (0, 1), `.mismatch` for another number of groups
  ///   than rows, and what learning throws.
  public func assess<Learner: DictionaryLearner>(
    _ dictionary: Learner.Learned, by learner: Learner, of rows: PointSet, groups: [Int]? = nil
  ) throws(ConceptError) -> Outcome {
    guard runs >= 1 else { throw ConceptError(.parameters("stability needs 1 or more runs, found \(runs)")) }
    if case .part(let share) = draw, !(share > 0 && share < 1) {
      throw ConceptError(.parameters("found parts of \(share) of the rows; give a share inside (0, 1)"))
    }
    if let groups, groups.count != rows.count {
      throw ConceptError(.mismatch("found \(groups.count) groups of \(rows.count) rows; give one for each"))
    }
    let members = groups.map { groups in
      Dictionary(grouping: 0..<rows.count) { groups[$0] }.sorted { $0.key < $1.key }.map(\.value)
    }
    let random = RandomNumbers(seed: seed)
    var cosines: [[Double]] = []
    for run in 0..<runs {
      var numbers = random.split(run)
      var sample = rows
      if let draw {
        let drawn = self.drawn(members?.count ?? rows.count, draw, &numbers)
        sample = try rows.selecting(members.map { members in drawn.flatMap { members[$0] } } ?? drawn)
      }
      let other = try learner.seeded(numbers.next()).learn(sample)
      cosines.append(try DictionaryMatching(dictionary, other).cosines)
    }
    let means = (0..<dictionary.conceptCount).map { concept in Statistics.mean(cosines.map { $0[concept] }) }
    return Outcome(cosines: cosines, concepts: means, mean: Statistics.mean(means))
  }

  private func drawn(_ count: Int, _ draw: ClusterStability.Draw, _ numbers: inout RandomNumbers) -> [Int] {
    switch draw {
    case .bootstrap: return (0..<count).map { _ in numbers.index(below: count) }.sorted()
    case .part(let share):
      return numbers.sample(max(1, Int((share * Double(count)).rounded())), below: count).sorted()
    }
  }
}
