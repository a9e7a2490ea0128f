/// How well rules that conclude classes stand for a network, on data they were not learnt from.
///
/// Shares have Wilson's intervals, balanced fidelity, kappa and overlap bootstrap intervals over examples.
public struct RuleQuality: Sendable, Hashable, Codable {
  /// What holds for the examples that the network gives one class.
  public struct ClassQuality: Sendable, Hashable, Codable {
    /// The name of the class.
    public let name: String
    /// Of the examples to which the network gives the class, the share to which the rules give it.
    public let fidelity: Estimate
    /// Of the examples to which the rules give the class, the share to which the network gives it.
    public let precision: Estimate
  }

  /// The share of examples with the network's class.
  public let fidelity: Estimate
  /// The share that always answering the network's commonest class would reach.
  public let majorityFidelity: Double
  /// The mean over classes of the share of the network's examples of the class that keep it.
  public let balancedFidelity: Estimate
  /// Cohen's kappa of rules and network: 0 is agreement by chance, 1 is perfect.
  public let kappa: Estimate
  /// For each class that the network names, how the rules do.
  public let perClass: [ClassQuality]
  /// `confusion[network's class][rules' class]`, in examples.
  public let confusion: [[Int]]
  /// The share of examples with the true class; nil without truth.
  public let accuracy: Estimate?
  /// The network's own share of examples with the true class; nil without truth.
  public let networkAccuracy: Estimate?
  /// How the rules fire; nil of a tree, where exactly one leaf does.
  public let firing: FiringQuality?

  /// Judges rules.
  ///
  /// - Parameters:
  ///   - model: the rules.
  ///   - table: held-out examples.
  ///   - network: the network's class for each row.
  ///   - truth: the true class for each row, if known.
  ///   - resamples: of the bootstrap.
  ///   - seed: of the bootstrap.
  /// - Throws: `RuleError` when the table's features are not the rules', there is no row, sizes differ or a label is
  ///   none of the classes.
  public init(
    of model: some RuleModel, on table: RuleTable, network: [Int], truth: [Int]? = nil, resamples: Int = 1000,
    seed: UInt64 = 7
  ) throws(RuleError) {
    let answers = try model.labels(on: table)
    for (labels, what) in [(network, "network labels"), (truth ?? network, "true labels")] {
      guard labels.count == table.rowCount else {
        throw RuleError(.count(what: what, found: labels.count, expected: table.rowCount))
      }
      if let row = labels.firstIndex(where: { !model.classes.indices.contains($0) }) {
        throw RuleError(.unknownClass("\(labels[row])", row: row + 1, known: model.classes))
      }
    }
    guard table.rowCount > 0 else { throw RuleError(.tooFew(set: "the test table", found: 0, needed: 1)) }
    let (pairs, groups) = Agreement.pairs(answers, network)
    func agreement(_ sizes: [Double]) -> Agreement {
      Agreement(pairs, sizes, classCount: model.classes.count)
    }
    let intervals = Estimate.bootstrap(
      groups: groups, groupCount: pairs.count, resamples: resamples, seed: seed
    ) {
      let agreement = agreement($0)
      return [agreement.balanced, agreement.kappa]
    }
    (balancedFidelity, kappa) = (intervals[0], intervals[1])
    let whole = agreement(pairs.indices.map { pair in Double(groups.count { $0 == pair }) })
    fidelity = .share(Int(whole.diagonal), of: answers.count)
    majorityFidelity = (whole.rows.max() ?? 0) / Double(answers.count)
    confusion = whole.cells.map { $0.map { Int($0) } }
    perClass = model.classes.indices.filter { whole.rows[$0] > 0 }.map { label in
      let hits = Int(whole.cells[label][label])
      return ClassQuality(
        name: model.classes[label], fidelity: .share(hits, of: Int(whole.rows[label])),
        precision: .share(hits, of: Int(whole.columns[label])))
    }
    accuracy = truth.map { truth in .share(zip(answers, truth).count { $0 == $1 }, of: answers.count) }
    networkAccuracy = truth.map { truth in .share(zip(network, truth).count { $0 == $1 }, of: network.count) }
    firing = try FiringQuality(of: model, on: table, resamples: resamples, seed: seed)
  }
}

/// How rules fire on data: how many examples they reach, and how they meet.
public struct FiringQuality: Sendable, Hashable, Codable {
  /// The share of examples for which at least one rule fires; the default answers for the others.
  public let coverage: Estimate
  /// The mean number of rules that fire.
  public let overlap: Estimate
  /// The share of examples for which rules of different conclusions fire.
  public let conflictRate: Estimate

  /// Counts how the rules of a set or a list fire; nil of another model.
  ///
  /// In a list all rules that hold count, also those that come after the one that decides.
  public init?(
    of model: some RuleModel, on table: RuleTable, resamples: Int = 1000, seed: UInt64 = 7
  ) throws(RuleError) {
    guard let rules = model as? RuleSet ?? (model as? RuleList)?.ruleSet else { return nil }
    let firings = try rules.firings(on: table)
    coverage = .share(firings.count { !$0.isEmpty }, of: firings.count)
    conflictRate = .share(
      firings.count { firing in Set(firing.map { rules.rules[$0].conclusion }).count > 1 }, of: firings.count)
    let counts = firings.map(\.count)
    overlap =
      Estimate.bootstrap(
        groups: counts, groupCount: (counts.max() ?? 0) + 1, resamples: resamples, seed: seed
      ) { sizes in
        let total = sizes.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element }
        return [total / Double(max(1, counts.count))]
      }[0]
  }
}

/// How often two labellings agree.
struct Agreement {
  /// `cells[reference][answer]`.
  var cells: [[Double]]
  /// The examples of each reference class.
  var rows: [Double]
  /// The examples of each answer.
  var columns: [Double]

  /// The different pairs of reference and answer, and for each example the index of its pair.
  static func pairs(_ answers: [Int], _ reference: [Int]) -> (pairs: [[Int]], groups: [Int]) {
    var pairs: [[Int]] = []
    var places: [[Int]: Int] = [:]
    let groups = zip(reference, answers).map { reference, answer in
      let pair = [reference, answer]
      if let place = places[pair] { return place }
      places[pair] = pairs.count
      pairs.append(pair)
      return pairs.count - 1
    }
    return (pairs, groups)
  }

  /// - Parameter sizes: how many examples each pair of reference and answer has.
  init(_ pairs: [[Int]], _ sizes: [Double], classCount: Int) {
    cells = Array(repeating: Array(repeating: 0, count: classCount), count: classCount)
    rows = Array(repeating: 0, count: classCount)
    columns = rows
    for (pair, size) in zip(pairs, sizes) {
      cells[pair[0]][pair[1]] += size
      rows[pair[0]] += size
      columns[pair[1]] += size
    }
  }

  /// The examples on which both agree.
  var diagonal: Double { cells.indices.reduce(0) { $0 + cells[$1][$1] } }

  /// The mean share kept of the classes that the reference names.
  var balanced: Double {
    let shares = cells.indices.filter { rows[$0] > 0 }.map { cells[$0][$0] / rows[$0] }
    return shares.isEmpty ? .nan : shares.reduce(0, +) / Double(shares.count)
  }

  /// Cohen's kappa; 1 when both name one and the same class throughout.
  var kappa: Double {
    let total = rows.reduce(0, +)
    guard total > 0 else { return .nan }
    let chance = zip(rows, columns).reduce(0) { $0 + $1.0 * $1.1 } / (total * total)
    return chance < 1 ? (diagonal / total - chance) / (1 - chance) : 1
  }
}
