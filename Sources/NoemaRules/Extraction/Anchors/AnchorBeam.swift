internal import Glibc
internal import NoemaTensor

/// A beam search for an anchor under way.
struct AnchorBeam<Sampler: AnchorSampler> {
  /// A conjunction of statements.
  private struct Candidate {
    /// Ascending.
    let predicates: [Int]
    /// How many of the covered examples satisfy them.
    let cover: Int
    /// What it was before its last statements, from the empty one on.
    let path: [Anchor.Step]
    var arm = BestArms.Arm()
  }

  private let search: AnchorSearch
  private let sampler: Sampler
  private let covers: PredicateCovers
  private var random: RandomNumbers
  private var fresh: RandomNumbers
  private var spent = 0
  private var isLimited = false

  init(_ search: AnchorSearch, _ sampler: Sampler, _ random: RandomNumbers) {
    (self.search, self.sampler) = (search, sampler)
    var covering = random.split(0)
    covers = PredicateCovers(search.coverageSamples, of: sampler, using: &covering)
    (self.random, fresh) = (random.split(1), random.split(2))
  }

  /// The rate at which candidates are judged: all of a beam at once.
  private var rate: Double {
    log((1 + Double(search.beamWidth - 1) * Double(sampler.predicateCount)) / search.errorRate)
  }

  mutating func run() throws -> Anchor {
    var root = Candidate(predicates: [], cover: covers.count, path: [])
    let rootRate = log(1 / search.errorRate)
    if try reachesPrecision(&root, rate: rootRate) {
      return try finish(root, rate: rootRate, isCertain: true)
    }
    var seen: Set<[Int]> = [[]]
    var (kept, best, nearest) = ([root], Candidate?.none, root)
    for _ in 0..<(search.maximumLength ?? sampler.predicateCount) {
      let candidates = extensions(of: kept, above: best?.cover ?? -1, &seen)
      guard !candidates.isEmpty else { break }
      guard spent + search.batchSize <= search.maximumSamples else {
        isLimited = true
        break
      }
      kept = try mostPrecise(candidates)
      for index in kept.indices where kept[index].cover > (best?.cover ?? -1) {
        if try reachesPrecision(&kept[index], rate: rate) { best = kept[index] }
      }
      for candidate in kept where candidate.arm.lower(rate) > nearest.arm.lower(rate) { nearest = candidate }
    }
    return try finish(best ?? nearest, rate: rate, isCertain: best != nil)
  }

  /// The kept candidates with one more statement, without what it makes superfluous; each conjunction once.
  private func extensions(
    of kept: [Candidate], above cover: Int, _ seen: inout Set<[Int]>
  ) -> [Candidate] {
    var result: [Candidate] = []
    for parent in kept {
      let known = Set(parent.predicates + parent.predicates.flatMap { sampler.consequences(of: $0) })
      let path = parent.path + [step(parent)]
      for predicate in 0..<sampler.predicateCount where !known.contains(predicate) {
        let implied = sampler.consequences(of: predicate)
        let predicates = (parent.predicates.filter { !implied.contains($0) } + [predicate]).sorted()
        guard seen.insert(predicates).inserted else { continue }
        let candidate = Candidate(predicates: predicates, cover: covers.count(predicates), path: path)
        if candidate.cover > cover { result.append(candidate) }
      }
    }
    return result
  }

  /// The candidates of highest precision, best first.
  private mutating func mostPrecise(_ candidates: [Candidate]) throws -> [Candidate] {
    var choosing = BestArms()
    choosing.tolerance = search.tolerance
    choosing.errorRate = search.errorRate
    choosing.firstDraws = min(choosing.firstDraws, search.batchSize)
    choosing.batchSize = search.batchSize
    choosing.maximumDraws = (search.maximumSamples - spent) / 4
    var arms = candidates.map(\.arm)
    let choice = try choosing(
      search.beamWidth, of: &arms, preferring: candidates.map { Double($0.cover) }
    ) { chosen, count in try hits(chosen.map { candidates[$0].predicates }, each: count) }
    if !choice.isCertain { isLimited = true }
    return choice.arms.map { index in
      var candidate = candidates[index]
      candidate.arm = arms[index]
      return candidate
    }
  }

  /// Draws examples until the bounds of a candidate's precision decide.
  private mutating func reachesPrecision(_ candidate: inout Candidate, rate: Double) throws -> Bool {
    while true {
      if candidate.arm.draws > 0 {
        let isHigh = candidate.arm.mean >= search.precision
        let isOpen =
          isHigh
          ? candidate.arm.lower(rate) < search.precision - search.stopTolerance
          : candidate.arm.upper(rate) >= search.precision + search.stopTolerance
        if !isOpen { return isHigh }
      }
      guard spent + search.batchSize <= search.maximumSamples else {
        isLimited = true
        return false
      }
      candidate.arm.hits += try hits([candidate.predicates], each: search.batchSize)[0]
      candidate.arm.draws += search.batchSize
    }
  }

  /// How many drawn examples keep the class, for each of some conjunctions.
  private mutating func hits(_ conjunctions: [[Int]], each count: Int) throws -> [Int] {
    spent += conjunctions.count * count
    var random = random
    defer { self.random = random }
    return try hits(conjunctions, each: count, using: &random)
  }

  private func hits(
    _ conjunctions: [[Int]], each count: Int, using random: inout RandomNumbers
  ) throws -> [Int] {
    var samples: [Sampler.Sample] = []
    samples.reserveCapacity(conjunctions.count * count)
    for predicates in conjunctions { samples += sampler.draw(count, fixing: predicates, using: &random) }
    let labels = try sampler.labels(of: samples)
    guard samples.count == conjunctions.count * count, labels.count == samples.count else {
      throw RuleError(
        .count(what: "labels of drawn examples", found: labels.count, expected: conjunctions.count * count))
    }
    return conjunctions.indices.map { index in
      labels[(index * count)..<((index + 1) * count)].count { $0 == sampler.label }
    }
  }

  private func step(_ candidate: Candidate) -> Anchor.Step {
    Anchor.Step(
      predicates: candidate.predicates, precision: candidate.arm.mean,
      coverage: Double(candidate.cover) / Double(covers.count))
  }

  private mutating func finish(_ candidate: Candidate, rate: Double, isCertain: Bool) throws -> Anchor {
    let count = search.freshSamples
    var random = fresh
    let hits = count > 0 ? try hits([candidate.predicates], each: count, using: &random)[0] : 0
    return Anchor(
      label: sampler.label, predicates: candidate.predicates,
      texts: candidate.predicates.map { sampler.text($0) },
      precision: Estimate(
        value: candidate.arm.mean, lower: candidate.arm.lower(rate), upper: candidate.arm.upper(rate),
        count: candidate.arm.draws),
      freshPrecision: .share(hits, of: count), coverage: .share(candidate.cover, of: covers.count),
      sampleCount: spent + count, isCertain: isCertain, isLimited: isLimited,
      path: candidate.path + [step(candidate)])
  }
}
