/// Searches the question *at least m of these n literals hold* that tells most about the class: the split search of
/// TREPAN.
///
/// Literals are, of an ordered feature, both sides of its best threshold; of a category, each level and its opposite.
/// The search begins with the literals of most information gain. Each test of the beam grows by a literal of another
/// feature, with the same m or one more; a larger test is taken up if it gains more and sends the classes another
/// way, by a χ² test. When the beam stands still, literals go whose loss does not lower the gain.
///
/// ```swift
/// if let found = try MOfNSearch().best(examples) { print(found.split, found.gain) }
/// ```
///
/// - Source: Craven and Shavlik, *Extracting tree-structured representations of trained networks*, 1996; Murphy and
///   Pazzani 1991 for the two ways of growing.
public struct MOfNSearch: Sendable, Hashable, Codable {
  /// How many tests are kept while the search goes on.
  public var beamWidth = 2
  /// The largest p-value at which a larger test differs from the one it grew from.
  public var significance = 0.05
  /// The most literals of a test.
  public var literalLimit = 16
  /// The fewest examples on either side.
  public var minimumLeaf = 1

  /// Makes a search.
  public init() {}

  /// A question and its information gain in bits.
  public struct Found: Sendable, Hashable {
    /// A term when one literal is as good as several.
    public let split: DecisionTree.Split
    /// The information gain.
    public let gain: Double
  }

  /// The best test for all examples of a table.
  ///
  /// - Returns: nil when no literal divides the examples.
  /// - Throws: `RuleError.parameters` when a setting lies outside its range or numbers are to be predicted.
  /// - Complexity: O(beam · literals · examples) for each literal of the result.
  public func best(_ examples: TrainingTable) throws(RuleError) -> Found? {
    guard beamWidth >= 1, (1...255).contains(literalLimit), minimumLeaf >= 1, significance > 0,
      significance <= 1
    else {
      throw RuleError(
        .parameters(
          "an M-of-N search needs a beam of 1 or more, 1 to 255 literals, leaves of 1 or more "
            + "and a significance above 0 and at most 1"
        ))
    }
    guard !examples.classes.isEmpty else {
      throw RuleError(.parameters("an M-of-N search needs classes, and these examples have numbers"))
    }
    let literals = try literals(examples)
    let judge = MOfNJudge(examples, literals, minimumLeaf: minimumLeaf)
    var beam = best(literals.indices.map { judge.test(1, [$0]) })
    guard beam.contains(where: { $0.gain > judge.tolerance }) else { return nil }
    while true {
      let grown = beam.flatMap { grow($0, judge) }
      let next = best(beam + grown)
      if next == beam { break }
      beam = next
    }
    let test = shrunk(beam[0], judge)
    let split: DecisionTree.Split =
      test.literals.count == 1
      ? .term(literals[test.literals[0]]) : .mOfN(MOfN(test.m, of: test.literals.map { literals[$0] }))
    return Found(split: split, gain: test.gain)
  }

  /// The tests of most gain, earlier ones before equals, without duplicates.
  private func best(_ tests: [MOfNTest]) -> [MOfNTest] {
    var unique: [MOfNTest] = []
    var seen: Set<MOfNTest.Key> = []
    for test in tests where seen.insert(test.key).inserted { unique.append(test) }
    let order = unique.indices.sorted { a, b in
      unique[a].gain != unique[b].gain ? unique[a].gain > unique[b].gain : a < b
    }
    return order.prefix(beamWidth).map { unique[$0] }
  }

  private func grow(_ test: MOfNTest, _ judge: MOfNJudge) -> [MOfNTest] {
    guard test.literals.count < literalLimit else { return [] }
    let used = Set(test.literals.map { judge.literals[$0].feature })
    var result: [MOfNTest] = []
    for literal in judge.literals.indices where !used.contains(judge.literals[literal].feature) {
      for m in [test.m, test.m + 1] {
        let grown = judge.test(m, test.literals + [literal])
        guard grown.gain > test.gain + judge.tolerance, judge.pValue(grown, test) <= significance else {
          continue
        }
        result.append(grown)
      }
    }
    return result
  }

  private func shrunk(_ test: MOfNTest, _ judge: MOfNJudge) -> MOfNTest {
    var test = test
    while test.literals.count > 1 {
      let smaller = test.literals.indices.flatMap { place in
        var literals = test.literals
        literals.remove(at: place)
        return [test.m, test.m - 1].filter { (1...literals.count).contains($0) }.map {
          judge.test($0, literals)
        }
      }
      guard let next = smaller.first(where: { $0.gain >= test.gain - judge.tolerance }) else { break }
      test = next
    }
    return test
  }
}

// MARK: Literals
extension MOfNSearch {
  private func literals(_ examples: TrainingTable) throws(RuleError) -> [Term] {
    let columns = try SortedColumns(examples.table, .double)
    let targets = TargetColumns(examples, .entropy)
    let limits = GrowthLimits(CART(criterion: .entropy, minimumLeaf: minimumLeaf), targets)
    let search = ExactSearch(columns, targets, limits, .one)
    let range = 0..<search.columns.count
    let node = OpenNode(
      range: range, depth: 0, statistics: targets.statistics(search.columns.rows(range)), lower: -.infinity,
      upper: .infinity)
    let scratch = SplitScratch(targets, rowCount: range.count, groupCount: search.groupCount)
    guard limits.allowsSplit(node) else { return [] }
    var result: [Term] = []
    for (index, feature) in examples.table.features.enumerated() {
      if feature.isOrdered {
        guard let split = search.best(index, of: node, scratch) else { continue }
        if case .atMost(_, let threshold, _) = search.question(split) {
          result += [.atMost(index, threshold), .above(index, threshold)]
        } else {
          result += [.isPresent(index), .isMissing(index)]
        }
      } else {
        let all = LevelSet(all: feature.levels?.count ?? 0)
        for level in columns.distinct[index] {
          let one = LevelSet([Int(level)])
          result += [.isIn(index, one), .isIn(index, all.subtracting(one))]
        }
      }
    }
    return result
  }
}

/// A test over literals by index.
struct MOfNTest: Equatable {
  struct Key: Hashable {
    let m: Int
    let literals: Set<Int>
  }

  let m: Int
  let literals: [Int]
  /// The weight of each class where it holds.
  let holding: [Double]
  let gain: Double

  var key: Key { Key(m: m, literals: Set(literals)) }
  static func == (a: MOfNTest, b: MOfNTest) -> Bool { a.key == b.key }
}

/// Judges tests on one set of examples.
struct MOfNJudge {
  let literals: [Term]
  private let weights: [Double]
  private let whole: [Double]
  private let total: Double
  private let minimumLeaf: Int
  private let rowCount: Int
  private let classCount: Int
  /// For each literal by row, 1 where it holds.
  private let holds: [[UInt8]]

  init(_ examples: TrainingTable, _ literals: [Term], minimumLeaf: Int) {
    let (rows, classes) = (examples.table.rowCount, examples.classes.count)
    var weights = [Double](repeating: 0, count: rows * classes)
    var whole = [Double](repeating: 0, count: classes)
    for row in 0..<rows {
      for k in 0..<classes {
        let share: Double =
          switch examples.target {
          case .labels(let labels): labels[row] == k ? 1 : 0
          case .probabilities(let all): all[row * classes + k]
          case .values: 0
          }
        weights[row * classes + k] = examples.weight(row) * share
        whole[k] += examples.weight(row) * share
      }
    }
    self.literals = literals
    (self.weights, self.whole, total) = (weights, whole, whole.reduce(0, +))
    (self.minimumLeaf, rowCount, classCount) = (minimumLeaf, rows, classes)
    holds = literals.map { literal in (0..<rows).map { literal.holds(row: $0, of: examples.table) ? 1 : 0 } }
  }

  /// Gains that differ by less count as equal.
  var tolerance: Double { 1e-12 * ClassImpurity.entropy(whole, total) }

  /// A test with its gain; −∞ when a side has too few examples.
  func test(_ m: Int, _ chosen: [Int]) -> MOfNTest {
    var counts = [UInt8](repeating: 0, count: rowCount)
    for literal in chosen {
      for row in 0..<rowCount { counts[row] += holds[literal][row] }
    }
    var holding = [Double](repeating: 0, count: classCount)
    var rows = 0
    for row in 0..<rowCount where Int(counts[row]) >= m {
      rows += 1
      for k in 0..<classCount { holding[k] += weights[row * classCount + k] }
    }
    var gain = -Double.infinity
    if rows >= minimumLeaf, rowCount - rows >= minimumLeaf { gain = self.gain(holding) }
    return MOfNTest(m: m, literals: chosen, holding: holding, gain: gain)
  }

  private func gain(_ holding: [Double]) -> Double {
    let rest = zip(whole, holding).map { max(0, $0 - $1) }
    let (inside, outside) = (holding.reduce(0, +), rest.reduce(0, +))
    guard inside > 0, outside > 0 else { return -.infinity }
    return ClassImpurity.entropy(whole, total) - inside / total * ClassImpurity.entropy(holding, inside)
      - outside / total * ClassImpurity.entropy(rest, outside)
  }

  /// The chance that a test sends so many examples of each class another way, were its shares those of the old test.
  func pValue(_ new: MOfNTest, _ old: MOfNTest) -> Double {
    var (statistic, degrees) = (0.0, 0.0)
    for k in 0..<classCount where whole[k] > 0 {
      // Half an example on either side keeps the variance of a pure side above 0.
      let share = (old.holding[k] + 0.5) / (whole[k] + 1)
      let difference = new.holding[k] - share * whole[k]
      statistic += difference * difference / (whole[k] * share * (1 - share))
      degrees += 1
    }
    return ChiSquared.tail(statistic, degrees: degrees)
  }
}
