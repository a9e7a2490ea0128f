public import NoemaAttribution
public import NoemaData

/// A study of strategies: classes are analysed, ranked against each other, and every strategy is put to the network.
///
/// Ranks come from maps alone, which part in natural strategies too. Whether the network rests on what a strategy shows
/// is decided by masking; p-values are corrected over all strategies of all classes.
///
/// ```swift
/// let groups = try capture(examples, requests).sorted { $0.key < $1.key }.map { target, relevance in
///   SpRAYStudy.Group(name: names[target], target: target, relevance: relevance)
/// }
/// let result = try SpRAYStudy()(groups, on: SpRAYStudy.Stage(subject, inputs: examples))
/// for finding in result.ranked { print(finding.sentence) }
/// ```
///
/// - Sources: Lapuschkin et al., Nature Communications 2019; Anders et al., Information Fusion 2022.
public struct SpRAYStudy: Sendable, Hashable, Codable {
  /// How strategies are found.
  public var spray = SpRAY()
  /// How classes are ranked.
  public var ranking = SuspicionRanking()
  /// How suspicions are put to the network; nil for not at all.
  public var masking: MaskingTest? = MaskingTest()
  /// Whether classes of too few examples are left out and named, and are no error.
  public var leavesOutSmallClasses = false

  /// Makes a study with the defaults above.
  public init() {}

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    try spray.validate()
    try masking?.validate()
    try ranking.validate()
  }

  /// Gives all steps one seed.
  public mutating func reseed(_ seed: UInt64) {
    spray.seed = seed
    ranking.seed = seed
    masking?.seed = seed
  }

  /// A class, and the relevance of its examples.
  public struct Group: Sendable {
    /// The class's name.
    public var name: String
    /// The class's index among the outputs; nil when not known.
    public var target: Int?
    /// The prepared maps.
    public var relevance: RelevanceCollector

    /// Names relevance.
    public init(name: String, target: Int?, relevance: RelevanceCollector) {
      self.name = name
      self.target = target
      self.relevance = relevance
    }
  }

  /// Where suspicions are put to the test: a network, and the images that it is given.
  public struct Stage {
    /// The images, by the indices of examples.
    public var inputs: any ExampleSource
    /// The most inputs at once.
    public var batchSize: Int
    /// How many inputs the network has; regions are masked on networks of one.
    public var inputCount: Int
    /// Gives the class outputs.
    public var output: MaskingTest.Output

    /// Compiles a network.
    ///
    /// - Throws: as `SubjectRunner`.
    public init(_ subject: Subject, inputs: any ExampleSource, rows: Int = 200) throws {
      let runner = try SubjectRunner(subject, rows: rows)
      self.inputs = inputs
      batchSize = runner.batchSize
      inputCount = runner.inputNames.count
      output = MaskingTest.output(of: runner)
    }
  }

  /// Runs the study.
  ///
  /// - Parameters:
  ///   - groups: the classes; the result has them in this order.
  ///   - stage: where strategies are tested; nil for ranks alone.
  /// - Throws: `ConceptError.tooFew` without a class, and for a class of too few examples unless those are left out;
  ///   `.notFinite` or `.algebra` that counts and names maps that say nothing, unless those are left out; `.parameters`
  ///   for a setting out of its range; and as the steps.
  public func callAsFunction(
    _ groups: [Group], on stage: Stage? = nil, progress: Progress? = nil
  ) throws -> SpRAYStudyResult {
    try validate()
    guard let first = groups.first else {
      throw ConceptError(.tooFew(set: "the list of classes", found: 0, needed: 1))
    }
    try refuseFlawed(groups)
    var findings: [SpRAYFinding] = []
    var leftOut: [String] = []
    for (place, group) in groups.enumerated() {
      if leavesOutSmallClasses, let obstacle = obstacle(group) {
        leftOut.append("class '\(group.name)': \(obstacle)")
      } else {
        findings.append(try finding(group, place, of: groups.count, progress))
      }
    }
    // Nothing is left: the first class says why.
    if findings.isEmpty { findings = [try finding(first, 0, of: 1, progress)] }
    rank(&findings)
    try test(&findings, on: stage, progress)
    return SpRAYStudyResult(
      findings: findings, leftOut: leftOut, testingNote: ranking.testingNote(findings.map(\.suspicion)))
  }

  // MARK: Analysis

  /// Counts and names what says nothing, before any class takes its time.
  private func refuseFlawed(_ groups: [Group]) throws(ConceptError) {
    let refused = groups.filter { !$0.relevance.preprocessing.excludesFlawed }
    for group in leavesOutSmallClasses ? refused : groups {
      let flawed = group.relevance.flawed
      guard !flawed.isEmpty, group.relevance.examples.isEmpty else { continue }
      throw ConceptError(flawed.refusal(among: flawed.count).kind, at: "class '\(group.name)'")
    }
    let flawed = refused.flatMap { $0.relevance.flawed }
    guard !flawed.isEmpty else { return }
    throw flawed.refusal(among: flawed.count + refused.reduce(0) { $0 + $1.relevance.examples.count })
  }

  /// Why a class cannot be analysed, as far as that is a matter of its examples.
  private func obstacle(_ group: Group) -> String? {
    let found = group.relevance.examples.count, flawed = group.relevance.flawed
    if found == 0, !flawed.isEmpty {
      return "the method yields nothing for it, its maps are all flawed: \(flawed.summary)"
    }
    let needed = max(spray.minimumExamples, (spray.neighborCount ?? 0) + 1, spray.fixedCount + 1)
    return found < needed ? "\(found) examples are too few, \(needed) are needed" : nil
  }

  private func finding(
    _ group: Group, _ place: Int, of count: Int, _ progress: Progress?
  ) throws(ConceptError) -> SpRAYFinding {
    let prefix = count > 1 ? "class \(place + 1) of \(count), \(group.name)" : group.name
    let maps: RelevanceMaps
    do throws(ConceptError) { maps = try group.relevance.finish() } catch {
      throw ConceptError(error.kind, at: "class '\(group.name)'")
    }
    let strategies = try spray.analyse(maps, name: group.name, target: group.target) { phase, done, total in
      progress?("\(prefix): \(phase)", done, total)
    }
    progress?("\(prefix): surrogates", 0, 1)
    let suspicion = try ranking.assess(strategies, maps, by: spray)
    progress?("\(prefix): surrogates", 1, 1)
    return SpRAYFinding(strategies: strategies, maps: maps, suspicion: suspicion)
  }

  private func rank(_ findings: inout [SpRAYFinding]) {
    let suspicions = findings.map(\.suspicion)
    for (place, ranked) in zip(ranking.order(suspicions), ranking.rank(suspicions)) {
      findings[place].suspicion = ranked
    }
  }

  // MARK: Masking

  private func test(
    _ findings: inout [SpRAYFinding], on stage: Stage?, _ progress: Progress?
  ) throws {
    guard let masking else {
      for index in findings.indices { findings[index].untested = "it was not asked for" }
      return
    }
    for index in findings.indices {
      findings[index].untested = reason(against: findings[index].strategies, stage)
      guard findings[index].untested == nil, let stage, let target = findings[index].strategies.target else {
        continue
      }
      let name = findings[index].strategies.name
      findings[index].masking = try masking(
        findings[index].strategies, target: target, inputs: stage.inputs, batchSize: stage.batchSize,
        progress: { phase, done, total in progress?("\(phase) \(name)", done, total) }, output: stage.output)
    }
    settle(&findings, masking)
    promote(&findings)
  }

  /// Why the strategies of a class cannot be tested.
  private func reason(against strategies: SpRAYClass, _ stage: Stage?) -> String? {
    if Set(strategies.labels).count < 2 { return "there is one strategy, and nothing to compare it with" }
    guard let stage else { return "there is no network to ask" }
    if strategies.target == nil { return "the class is no output of the network" }
    if strategies.grid == nil { return "the maps have no place on the input" }
    if stage.inputCount != 1 { return "the network has \(stage.inputCount) inputs" }
    if (try? PixelLayout(stage.inputs.exampleShape)) == nil {
      return "inputs of shape \(stage.inputs.exampleShape) are no images"
    }
    return nil
  }

  /// Corrects p-values over all classes.
  private func settle(_ findings: inout [SpRAYFinding], _ masking: MaskingTest) {
    var outcomes = findings.flatMap(\.masking)
    masking.settle(&outcomes)
    var next = 0
    for index in findings.indices {
      let count = findings[index].masking.count
      findings[index].masking = Array(outcomes[next..<next + count])
      next += count
    }
  }

  /// Puts classes with a confirmed strategy first.
  private func promote(_ findings: inout [SpRAYFinding]) {
    let order = findings.indices.sorted { a, b in
      func key(_ index: Int) -> (Int, Int) {
        (findings[index].verdict == .confirmed ? 0 : 1, findings[index].suspicion.rank)
      }
      return key(a) < key(b)
    }
    for (rank, index) in order.enumerated() { findings[index].suspicion.rank = rank + 1 }
  }
}

/// What a study of strategies found.
public struct SpRAYStudyResult: Sendable {
  /// What was found for each class, in the order of the groups.
  public let findings: [SpRAYFinding]
  /// Classes that were left out, and why.
  public let leftOut: [String]
  /// How many strategies were compared, and what that does to p-values.
  public let testingNote: String

  /// The most suspicious class first.
  public var ranked: [SpRAYFinding] { findings.sorted { $0.suspicion.rank < $1.suspicion.rank } }
}
