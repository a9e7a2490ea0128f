public import NoemaAttribution
public import NoemaData
internal import NoemaGraph
public import NoemaTensor

/// Asks the network whether a strategy is what its relevance maps say: the region where they lie is masked, on the
/// strategy's examples and on others of the class, and the class output is compared.
///
/// That masking hurts examples whose relevance lies there is no news, and holds of natural strategies too. A strategy
/// is confirmed when the drop, beyond that of other examples, is certain and large against how much the class output
/// varies among the class's examples anyway: a tag that was learned carries most of the score, the shape of a part does
/// not.
///
/// Where maps were aligned, a region is moved back by the offset of each example's own map, on examples of other
/// strategies too: masked is the same place relative to the middle of their relevance.
///
/// - Source: the check of a suspicion by adding and removing what it is about, Anders et al., Information Fusion 2022.
public struct MaskingTest: Sendable, Hashable, Codable {
  /// The share of the area that is masked.
  public var area = 0.05
  /// What stands there instead.
  public var infill = RegionInfill.meanColour
  /// The most examples of a strategy, and the most others, that are tried; random ones of more.
  public var exampleLimit = 100
  /// Fewer examples on either side are too few.
  public var minimumExamples = 5
  /// Bootstrap samples of the intervals.
  public var resamples = 1000
  /// Permutations of the test; the least p is one over one more.
  public var permutations = 1999
  /// The correction over strategies.
  public var correction = MultipleTesting.holm
  /// The level up to which an adjusted p-value counts.
  public var significance = 0.05
  /// The least effect, in standard deviations of the class output.
  public var minimumEffect = 1.5
  /// The seed of all random choices.
  public var seed: UInt64 = 0

  /// Makes a test with the defaults above.
  public init() {}

  /// Gives the class output of each of some inputs: one tensor a network input, rows first, and a class a row.
  public typealias Output = (_ inputs: [Tensor], _ classes: [Int]) throws -> [Double]

  /// Names the first setting that is out of its range.
  ///
  /// - Throws: `ConceptError.parameters`.
  public func validate() throws(ConceptError) {
    func check(_ holds: Bool, _ text: String) throws(ConceptError) {
      if !holds { throw ConceptError(.parameters(text)) }
    }
    try infill.validate()
    try check(area > 0 && area < 1, "the masked area must lie in (0, 1), found \(area)")
    try check(
      exampleLimit >= minimumExamples && minimumExamples >= 2,
      "the least number of examples must be 2 or more and no more than the limit, found \(minimumExamples) and "
        + "\(exampleLimit)")
    try check(
      resamples >= 20 && permutations >= 19,
      "20 or more bootstrap samples and 19 or more permutations are needed, found \(resamples) and \(permutations)"
    )
    try check(
      significance > 0 && significance < 1, "the significance level must lie in (0, 1), found \(significance)"
    )
  }

  /// Tries strategies of one class; p-values are corrected over them. `settle` outcomes of several classes together.
  ///
  /// - Parameters:
  ///   - strategies: what was found, with maps of images.
  ///   - labels: the strategies that are tried; all when nil.
  ///   - target: the class's index among the outputs.
  ///   - inputs: the images, by the indices of the members' examples.
  ///   - batchSize: the most inputs at once.
  ///   - output: what gives the class outputs.
  /// - Throws: `ConceptError.parameters` for a setting out of its range, vectors, or a strategy or an example that does
  ///   not exist; `.mismatch` for inputs that are no images; `.notFinite` for an output; `DataError` for an unreadable
  ///   input; and what `output` throws.
  public func callAsFunction(
    _ strategies: SpRAYClass, labels: [Int]? = nil, target: Int, inputs: any ExampleSource,
    batchSize: Int = 32,
    progress: Progress? = nil, output: Output
  ) throws -> [MaskingOutcome] {
    try validate()
    var trials = try self.trials(of: strategies, labels, inputs)
    let needed = Set(trials.flatMap { $0.members + $0.others }).sorted()
    let indices = needed.map { strategies.members[$0].example.index }
    let reader = BatchReader(inputs, indices: indices, batchSize: max(1, batchSize / 2))
    var done = 0
    while let batch = try reader.read() {
      let rows = Array(needed[done..<(done + batch.indices.count)])
      func name(_ row: Int) -> String { inputs.name(of: batch.indices[row]) }
      let whole = try measure(batch.inputs, Array(rows.indices), target, batchSize, name, output)
      for trial in trials.indices {
        let wanted = rows.indices.filter { trials[trial].drops[rows[$0]] != nil }
        guard !wanted.isEmpty else { continue }
        let offsets = wanted.map { strategies.members[rows[$0]].offset }
        let masked = try measure(
          trials[trial].masked(batch.inputs, wanted, offsets), wanted, target, batchSize, name, output)
        for (place, row) in wanted.enumerated() {
          trials[trial].drops[rows[row]] = whole[row] - masked[place]
          trials[trial].outputs[rows[row]] = whole[row]
        }
      }
      done += rows.count
      progress?("masking", done, needed.count)
    }
    var outcomes = trials.map { outcome($0) }
    settle(&outcomes)
    return outcomes
  }

  /// Tries strategies on a network of one input.
  ///
  /// - Throws: as with a closure, `GraphError` for a network that does not take the inputs and values that are not
  ///   finite.
  public func callAsFunction(
    _ strategies: SpRAYClass, labels: [Int]? = nil, target: Int, inputs: any ExampleSource,
    in subject: Subject,
    progress: Progress? = nil
  ) throws -> [MaskingOutcome] {
    let runner = try SubjectRunner(subject, rows: 2 * exampleLimit)
    return try self(
      strategies, labels: labels, target: target, inputs: inputs, batchSize: runner.batchSize,
      progress: progress,
      output: Self.output(of: runner))
  }

  /// The class outputs of a network, as a closure.
  public static func output(of runner: SubjectRunner) -> Output {
    { inputs, classes in
      let types = runner.inputTypes
      guard types.count == inputs.count else {
        throw GraphError(
          .input("the network has \(types.count) inputs; regions are masked on networks of one"))
      }
      return try runner.outputs(zip(inputs, types).map { $0.converted(to: $1.element) }, classes: classes)
    }
  }
}

// MARK: What is tried
extension MaskingTest {
  /// One strategy under trial.
  private struct Trial {
    let label: Int
    let region: MapRegion
    let infill: RegionInfill
    let layout: PixelLayout
    /// The members of both groups that are tried.
    let members, others: [Int]
    /// The drop of each of them; NaN before it is known.
    var drops: [Int: Double]
    /// The unmasked output of each of them.
    var outputs: [Int: Double] = [:]

    /// Some rows of a batch with the region masked, moved back by the offset of each.
    func masked(_ batch: Tensor, _ rows: [Int], _ offsets: [MapOffset]) throws -> Tensor {
      let width = batch.shape.dropFirst().reduce(1, *)
      var maskers: [MapOffset: RegionMasker] = [:]
      for offset in offsets where maskers[offset] == nil {
        maskers[offset] = RegionMasker(region, infill, layout, movedBy: offset)
      }
      return try Tensor(shape: [rows.count] + batch.shape.dropFirst(), elementType: .float32) { bytes in
        let target = bytes.bindMemory(to: Float.self)
        batch.withElements(as: Float.self) { source in
          for (place, row) in rows.enumerated() {
            let image = UnsafeMutableBufferPointer(rebasing: target[(place * width)..<((place + 1) * width)])
            _ = image.update(fromContentsOf: source[(row * width)..<((row + 1) * width)])
            maskers[offsets[place]]?.apply(to: image)
          }
        }
      }
    }
  }

  private func trials(
    of strategies: SpRAYClass, _ labels: [Int]?, _ inputs: any ExampleSource
  ) throws(ConceptError) -> [Trial] {
    guard let grid = strategies.grid else {
      throw ConceptError(
        .parameters(
          "maps that are vectors have no place on the input; analyse maps of the input to mask regions"))
    }
    let layout = try PixelLayout(inputs.exampleShape)
    let random = RandomNumbers(seed: seed)
    let chosen = labels ?? strategies.clusters.map { $0.label }
    var trials: [Trial] = []
    for label in chosen {
      guard let cluster = strategies.clusters.first(where: { $0.label == label }) else {
        throw ConceptError(
          .parameters("there is no strategy \(label); the class has \(strategies.clusters.count), from 0"))
      }
      let region = try MapRegion(of: cluster.mean, on: grid, area: area)
      var numbers = random.split(label)
      let others = strategies.members.indices.filter { strategies.members[$0].label != label }
      let (members, rest) = (drawn(from: cluster.members, &numbers), drawn(from: others, &numbers))
      for point in members + rest {
        let index = strategies.members[point].example.index
        guard index >= 0, index < inputs.count else {
          throw ConceptError(
            .parameters(
              "\(strategies.members[point].example.name) is example \(index), but there are \(inputs.count) inputs; "
                + "give those that were explained"))
        }
      }
      trials.append(
        Trial(
          label: label, region: region, infill: infill, layout: layout, members: members, others: rest,
          drops: Dictionary(uniqueKeysWithValues: (members + rest).map { ($0, Double.nan) })))
    }
    return trials
  }

  private func drawn(from points: [Int], _ random: inout RandomNumbers) -> [Int] {
    guard points.count > exampleLimit else { return points }
    return random.sample(exampleLimit, below: points.count).map { points[$0] }.sorted()
  }

  /// The class output of each row, in batches.
  ///
  /// - Parameter examples: for each row its example in the batch that was read, for `name`.
  private func measure(
    _ inputs: Tensor, _ examples: [Int], _ target: Int, _ batchSize: Int, _ name: (Int) -> String,
    _ output: Output
  ) throws -> [Double] {
    var outputs: [Double] = []
    for start in stride(from: 0, to: examples.count, by: max(1, batchSize)) {
      let range = start..<min(start + max(1, batchSize), examples.count)
      let rows = range.count == examples.count ? inputs : inputs.rows(range)
      let found: [Double]
      do {
        found = try output([rows], [Int](repeating: target, count: range.count))
      } catch let error as GraphError {
        throw error.naming { name(examples[min(start + $0, examples.count - 1)]) }
      }
      guard found.count == range.count else {
        throw ConceptError(
          .mismatch("found \(found.count) outputs of \(range.count) inputs; give one for each"))
      }
      if let bad = found.firstIndex(where: { !$0.isFinite }) {
        throw ConceptError(.notFinite("the output is NaN or infinite"), at: name(examples[start + bad]))
      }
      outputs += found
    }
    return outputs
  }
}

// MARK: Statistics
extension MaskingTest {
  private func outcome(_ trial: Trial) -> MaskingOutcome {
    let members = trial.members.compactMap { trial.drops[$0] }
    let others = trial.others.compactMap { trial.drops[$0] }
    func mean(_ values: [Double]) -> Double { values.isEmpty ? .nan : Statistics.mean(values) }
    let (memberDrop, otherDrop) = (mean(members), mean(others))
    let random = RandomNumbers(seed: seed).split(-1 - trial.label)
    let intervals = self.intervals(members, others, random.split(0))
    let spread = self.spread(trial)
    let beyond = memberDrop - max(0, otherDrop)
    let isTested = min(members.count, others.count) >= minimumExamples && !trial.region.cells.isEmpty
    return MaskingOutcome(
      label: trial.label, region: trial.region, memberDrops: members, otherDrops: others,
      memberDrop: memberDrop,
      otherDrop: otherDrop, memberInterval: intervals.members, otherInterval: intervals.others,
      difference: memberDrop - otherDrop, differenceInterval: intervals.difference,
      effect: spread > 0 ? beyond / spread : (beyond > 0 ? .infinity : 0),
      p: isTested ? permutationP(members, others, random.split(1)) : .nan, pAdjusted: .nan, verdict: .tooFew,
      reason: "")
  }

  /// The standard deviation of the unmasked outputs inside both groups.
  private func spread(_ trial: Trial) -> Double {
    let groups = [trial.members, trial.others].map { $0.compactMap { trial.outputs[$0] } }
    let squares = groups.reduce(0) { $0 + Statistics.variance($1) * Double(max(0, $1.count - 1)) }
    let degrees = groups.reduce(0) { $0 + max(0, $1.count - 1) }
    return degrees > 0 ? (squares / Double(degrees)).squareRoot() : 0
  }

  private func intervals(
    _ members: [Double], _ others: [Double], _ random: RandomNumbers
  ) -> (members: [Double], others: [Double], difference: [Double]) {
    var random = random
    func means(_ values: [Double]) -> [Double] {
      guard !values.isEmpty else { return [] }
      return (0..<resamples).map { _ in
        var sum = 0.0
        for _ in values.indices { sum += values[random.index(below: values.count)] }
        return sum / Double(values.count)
      }
    }
    func interval(_ values: [Double]) -> [Double] { values.isEmpty ? [] : Bootstrap.percentiles(of: values) }
    let (a, b) = (means(members), means(others))
    return (interval(a), interval(b), interval(zip(a, b).map { $0 - $1 }))
  }

  /// How often a random division into groups of the same sizes differs as much, the division at hand counted.
  private func permutationP(_ members: [Double], _ others: [Double], _ random: RandomNumbers) -> Double {
    var random = random
    var values = members + others
    // The sum over the members decides; the total stays. Equal sums in another order may differ in rounding.
    let observed = members.reduce(0, +)
    let slack = 1e-12 * values.reduce(0) { $0 + abs($1) }
    var hits = 1
    for _ in 0..<permutations {
      var sum = 0.0
      for place in members.indices {
        values.swapAt(place, place + random.index(below: values.count - place))
        sum += values[place]
      }
      if sum >= observed - slack { hits += 1 }
    }
    return Double(hits) / Double(permutations + 1)
  }
}
