import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct ConceptCurvesTests {
  /// Each concept adds its weight, hidden rest takes 0.1.
  private func additive(_ weights: [Double]) -> ConceptWorth {
    { displays in
      displays.map { display in
        zip(display.concepts, weights).reduce(display.showsRest ? 0.1 : 0) { $1.0 ? $0 + $1.1 : $0 }
      }
    }
  }

  @Test func curvesOfSumsAreKnown() throws {
    let weights = [0.1, 0.5, 0.2, 0.05], shares = [0.3, 0.1, 0.2, 0.1]
    let found = try ConceptCurves()(order: [1, 2, 0, 3], shares: shares, worth: additive(weights))
    #expect(PlantedLayer.distance(found.sufficient.worths, [0, 0.5, 0.7, 0.8, 0.85]) < 1e-12)
    #expect(PlantedLayer.distance(found.destroying.worths, [0.95, 0.45, 0.25, 0.15, 0.1]) < 1e-12)
    #expect(PlantedLayer.distance(found.sufficient.covered, [0, 0.1, 0.3, 0.6, 0.7]) < 1e-12)
    let area = (0.25 + 0.6 + 0.75 + 0.825) / 4
    #expect(abs(found.sufficient.area - area) < 1e-12)
    let byCover = (0.1 * 0.25 + 0.2 * 0.6 + 0.3 * 0.75 + 0.1 * 0.825) / 0.7
    #expect(abs(found.sufficient.areaByCover - byCover) < 1e-12)
    #expect(PlantedLayer.distance(found.sufficient.reversed, [0, 0.05, 0.15, 0.35, 0.85]) < 1e-12)
    // All orders begin and end alike; between, the order at hand is the best there is.
    for curve in [found.sufficient, found.destroying] {
      #expect(curve.randomLower[0] == curve.randomUpper[0] && curve.randomMean.count == 5)
      #expect(zip(curve.randomLower, curve.randomUpper).allSatisfy { $0 <= $1 })
    }
    #expect(found.sufficient.randomAreas.allSatisfy { $0 <= area + 1e-12 })
    #expect(zip(found.sufficient.worths, found.sufficient.randomUpper).allSatisfy { $0 >= $1 - 1e-12 })
    #expect(zip(found.destroying.worths, found.destroying.randomLower).allSatisfy { $0 <= $1 + 1e-12 })
  }

  @Test func anOrderThatKnowsIsTold() throws {
    let weights = (0..<10).map { 1 / Double(1 + $0 * $0) }
    let shares = [Double](repeating: 0.1, count: 10)
    let known = try ConceptCurves()(order: Array(0..<10), shares: shares, worth: additive(weights))
    #expect(known.sufficient.p == 0.025 && known.destroying.p == 0.025)
    let wrong = try ConceptCurves()(
      order: Array((0..<10).reversed()), shares: shares, worth: additive(weights))
    #expect(wrong.sufficient.p == 1 && wrong.destroying.p == 1)
    #expect(wrong.sufficient.reversedArea == known.sufficient.area)
  }

  /// Of orders that mean nothing, p is above 0.2 four times of five.
  @Test func chanceIsChance() throws {
    var random = RandomNumbers(seed: 3)
    var small = 0
    for trial in 0..<100 as Range<UInt64> {
      let weights = (0..<8).map { _ in random.uniform() }
      var curves = ConceptCurves()
      (curves.randomOrders, curves.seed) = (19, trial)
      let found = try curves(
        order: random.sample(8, below: 8), shares: [Double](repeating: 0.1, count: 8),
        worth: additive(weights))
      if found.sufficient.p <= 0.2 { small += 1 }
    }
    #expect((8...33).contains(small))
  }

  @Test func setsAreAskedForOnce() throws {
    var asked: [ConceptDisplay] = []
    let worth = additive([1, 2, 3])
    _ = try ConceptCurves()(order: [2, 0, 1], shares: [0.1, 0.1, 0.1]) { displays in
      asked += displays
      return try worth(displays)
    }
    // All subsets of three concepts, with and without the rest.
    #expect(Set(asked).count == asked.count && asked.count <= 16)
  }

  @Test func wrongInputIsNamed() {
    func name(_ order: [Int], _ shares: [Double], _ worth: @escaping ConceptWorth) -> String? {
      kind { _ = try ConceptCurves()(order: order, shares: shares, worth: worth) }?.name
    }
    let fine = additive([1, 1])
    #expect(name([0, 0], [0.1, 0.1], fine) == "parameters")
    #expect(name([], [], fine) == "parameters")
    #expect(name([0, 1], [0.1], fine) == "mismatch")
    #expect(name([0, 1], [0.1, 0.1]) { _ in [] } == "mismatch")
    #expect(name([0, 1], [0.1, 0.1]) { $0.map { _ in .infinity } } == "notFinite")
  }

  @Test func ablationIsTheLossWithoutOne() throws {
    let losses = try ConceptAblation()(concepts: 3, worth: additive([0.3, 0, 0.6]))
    #expect(PlantedLayer.distance(losses, [0.3, 0, 0.6]) < 1e-12)
    // Two concepts of which either suffices are worth nothing by themselves.
    let either = try ConceptAblation(showsRest: false)(concepts: 2) { displays in
      displays.map { $0.concepts.contains(true) && !$0.showsRest ? 1 : 0 }
    }
    #expect(either == [0, 0])
    #expect(kind { _ = try ConceptAblation()(concepts: 0, worth: additive([])) }?.name == "tooFew")
  }
}

@Suite struct ConceptShapleyTests {
  /// The mean contribution over all orders.
  private func naive(_ count: Int, _ worth: ([Bool]) -> Double) -> [Double] {
    var (sums, orders) = ([Double](repeating: 0, count: count), 0)
    func walk(_ order: [Int]) {
      guard order.count == count else {
        for next in 0..<count where !order.contains(next) { walk(order + [next]) }
        return
      }
      orders += 1
      var shown = [Bool](repeating: false, count: count)
      for concept in order {
        let before = worth(shown)
        shown[concept] = true
        sums[concept] += worth(shown) - before
      }
    }
    walk([])
    return sums.map { $0 / Double(orders) }
  }

  /// A game with interactions; concept 4 does nothing.
  private func game(_ shown: [Bool]) -> Double {
    0.1 + (shown[0] ? 0.2 : 0) + (shown[1] && shown[2] ? 0.3 : 0) + (shown[0] || shown[3] ? 0.15 : 0)
  }

  private var worth: ConceptWorth { { displays in displays.map { self.game($0.concepts) } } }

  @Test func allSetsGiveTheMeanOverOrders() throws {
    let found = try ConceptShapley()(concepts: 5, whole: 0.9, chance: 0.1, worth: worth)
    let expected = naive(5) { (game($0) - 0.1) / 0.8 }
    #expect(PlantedLayer.distance(found.values, expected) < 1e-12)
    #expect(found.values[4] == 0 && abs(found.values[1] - found.values[2]) < 1e-12)
    #expect(abs(found.completeness - 0.65 / 0.8) < 1e-12 && abs(found.emptiness) < 1e-12)
    #expect(abs(found.values.reduce(0, +) - found.completeness + found.emptiness) < 1e-12)
    #expect(found.evaluations == 32 && found.standardErrors == [0, 0, 0, 0, 0])
  }

  @Test func ordersComeNear() throws {
    var method = ConceptShapley()
    (method.exactLimit, method.orders) = (0, 400)
    let found = try method(concepts: 5, whole: 0.9, chance: 0.1, worth: worth)
    let expected = naive(5) { (game($0) - 0.1) / 0.8 }
    for k in 0..<5 { #expect(abs(found.values[k] - expected[k]) <= 5 * found.standardErrors[k] + 1e-12) }
    #expect(PlantedLayer.distance(found.values, expected) < 0.03)
    #expect(abs(found.values.reduce(0, +) - found.completeness + found.emptiness) < 1e-12)
    #expect(found.evaluations <= 32 && found.standardErrors[4] == 0)
    #expect(try method(concepts: 5, whole: 0.9, chance: 0.1, worth: worth) == found)
  }

  @Test func wrongInputIsNamed() {
    func name(_ concepts: Int, _ whole: Double, _ change: (inout ConceptShapley) -> Void = { _ in })
      -> String?
    {
      var method = ConceptShapley()
      change(&method)
      let tried = method
      return kind { _ = try tried(concepts: concepts, whole: whole, chance: 0.1, worth: worth) }?.name
    }
    #expect(name(0, 1) == "tooFew")
    #expect(name(5, 0.1) == "parameters")
    #expect(name(5, 1) { $0.orders = 3 } == "parameters")
    #expect(name(5, 1) { $0.exactLimit = 30 } == "parameters")
  }
}
