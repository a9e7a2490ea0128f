import NoemaTensor
import Testing

@testable import NoemaRules

/// Coins, each with random numbers of its own, so that throws don't depend on their order.
private struct Coins {
  let chances: [Double]
  private var randoms: [RandomNumbers]

  init(_ chances: [Double], seed: UInt64) {
    self.chances = chances
    randoms = chances.indices.map { RandomNumbers(seed: seed).split($0) }
  }

  mutating func heads(_ arms: [Int], _ count: Int) -> [Int] {
    arms.map { arm in (0..<count).count { _ in randoms[arm].uniform() < chances[arm] } }
  }
}

@Suite struct BestArmsTests {
  /// KL-LUCB as the paper tells it.
  private func naive(
    _ best: BestArms, _ count: Int, _ coins: Coins
  ) -> (arms: [Int], arm: [BestArms.Arm]) {
    var coins = coins
    var arms = coins.chances.indices.map { arm in
      BestArms.Arm(hits: coins.heads([arm], best.firstDraws)[0], draws: best.firstDraws)
    }
    for round in 1... {
      let order = arms.indices.sorted { (arms[$1].mean, $0) < (arms[$0].mean, $1) }
      let rate = BernoulliBounds.exploration(arms: arms.count, round: round, errorRate: best.errorRate)
      let low = order.prefix(count).map { (bound: arms[$0].lower(rate), arm: $0) }
      let high = order.dropFirst(count).map { (bound: arms[$0].upper(rate), arm: $0) }
      let (champion, challenger) = (low.min { $0.bound < $1.bound }!, high.max { $0.bound < $1.bound }!)
      if challenger.bound - champion.bound < best.tolerance { return (Array(order.prefix(count)), arms) }
      for arm in [challenger.arm, champion.arm] {
        arms[arm].hits += coins.heads([arm], best.batchSize)[0]
        arms[arm].draws += best.batchSize
      }
    }
    return ([], arms)
  }

  @Test(arguments: 0..<12 as Range<UInt64>)
  func choicesAreThoseOfTheDefinition(_ seed: UInt64) throws {
    var random = RandomNumbers(seed: seed)
    let chances = (0..<6).map { _ in random.uniform() }
    var best = BestArms()
    (best.firstDraws, best.batchSize, best.maximumDraws) = (7, 20, 1 << 40)
    for count in 1..<6 {
      var coins = Coins(chances, seed: seed)
      var arms = chances.map { _ in BestArms.Arm() }
      let choice = try best(count, of: &arms) { coins.heads($0, $1) }
      let expected = naive(best, count, Coins(chances, seed: seed))
      #expect(choice.arms == expected.arms && choice.isCertain)
      #expect(arms == expected.arm && choice.draws == arms.reduce(0) { $0 + $1.draws })
    }
  }

  @Test func choicesAreRarelyWrongByMoreThanTheTolerance() throws {
    let chances = [0.35, 0.9, 0.6, 0.74, 0.5, 0.88, 0.3]
    var wrong = 0
    for seed in 0..<200 {
      var coins = Coins(chances, seed: UInt64(seed))
      var arms = chances.map { _ in BestArms.Arm() }
      let choice = try BestArms()(2, of: &arms) { coins.heads($0, $1) }
      #expect(choice.isCertain)
      if choice.arms.contains(where: { chances[$0] < 0.88 - 0.1 }) { wrong += 1 }
    }
    // At most one in twenty; the bounds are cautious, so that it is far fewer.
    #expect(wrong <= 2)
  }

  @Test func aLimitEndsTheSearch() throws {
    let chances = [0.5, 0.5, 0.5]
    var coins = Coins(chances, seed: 1)
    var best = BestArms()
    best.maximumDraws = 630
    var arms = chances.map { _ in BestArms.Arm() }
    let choice = try best(1, of: &arms) { coins.heads($0, $1) }
    #expect(!choice.isCertain && choice.draws == 630)
    // Too few even for a first look at each.
    best.maximumDraws = 8
    arms = chances.map { _ in BestArms.Arm() }
    #expect(try best(1, of: &arms) { coins.heads($0, $1) }.draws == 6)
    best.maximumDraws = 0
    arms = chances.map { _ in BestArms.Arm() }
    #expect(try best(1, of: &arms) { coins.heads($0, $1) } == .init(arms: [0], isCertain: false, draws: 0))
  }

  @Test func preferencesPartEqualShares() throws {
    var best = BestArms()
    best.tolerance = 0.5
    let draw: ([Int], Int) -> [Int] = { arms, count in arms.map { $0 == 1 ? 0 : count } }
    var arms = (0..<4).map { _ in BestArms.Arm() }
    #expect(try best(2, of: &arms, preferring: [1, 9, 3, 2], draw: draw).arms == [2, 3])
    arms = (0..<4).map { _ in BestArms.Arm() }
    #expect(try best(2, of: &arms, draw: draw).arms == [0, 2])
    #expect(try best(4, of: &arms, draw: draw).arms == [0, 2, 3, 1])
    #expect(try best(0, of: &arms, draw: draw).arms == [])
  }

  @Test func whatDoesNotFitIsRefused() throws {
    var arms = [BestArms.Arm(), BestArms.Arm()]
    #expect(throws: RuleError(.count(what: "counts of hits", found: 1, expected: 2))) {
      try BestArms()(1, of: &arms) { _, _ in [0] }
    }
    #expect(throws: RuleError(.count(what: "preferences", found: 1, expected: 2))) {
      try BestArms()(1, of: &arms, preferring: [1]) { arms, count in arms.map { _ in count } }
    }
    #expect(throws: RuleError(.parameters("the number of arms to choose must be 0 or more, found -1"))) {
      try BestArms()(-1, of: &arms) { arms, count in arms.map { _ in count } }
    }
    var best = BestArms()
    best.tolerance = 0
    #expect(throws: RuleError(.parameters("the tolerance of a choice must be above 0, found 0.0"))) {
      try best(1, of: &arms) { arms, count in arms.map { _ in count } }
    }
    (best.tolerance, best.errorRate) = (0.1, 1)
    #expect(throws: RuleError(.parameters("the error rate must lie between 0 and 1, found 1.0"))) {
      try best(1, of: &arms) { arms, count in arms.map { _ in count } }
    }
  }
}
