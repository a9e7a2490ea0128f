import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// A grid of whole numbers and a category, small enough to try everything, and rules that tell every value apart.
struct CounterfactualScene {
  static let features = [
    Feature("a", kind: .integer), Feature("b", kind: .integer), Feature("c", kind: .integer),
    Feature("d", kind: .categorical(levels: ["u", "v", "w"])),
  ]
  static let sizes = [4, 4, 3, 3]
  let table: RuleTable
  /// Asks about every threshold; what it concludes means nothing.
  let guide: RuleSet

  init() throws {
    let count = Self.sizes.reduce(1, *)
    table = try RuleTable(
      features: Self.features,
      rows: (0..<count).map { row in
        var rest = row
        return Self.sizes.map { size in
          defer { rest /= size }
          return Double(rest % size)
        }
      })
    let terms = (0..<3).flatMap { feature in
      (0..<(Self.sizes[feature] - 1)).map { Term.atMost(feature, Double($0) + 0.5) }
    }
    guide = try RuleSet(
      features: Self.features, classes: ["no", "yes", "maybe"],
      rules: (terms + [.isIn(3, [0])]).map { Rule(Clause([$0]), .label(1)) }, defaultConclusion: .label(0))
  }

  static let answers: [@Sendable ([Double]) -> Int] = [
    { $0[0] >= 2 && $0[1] <= 1 ? 1 : 0 },
    { row in Int(row[0] + row[1]) % 2 == 0 && row[3] == 1 ? 1 : row[2] == 2 ? 2 : 0 },
    { row in row[0] * row[1] > 3 || (row[3] == 2 && row[2] == 0) ? 1 : 0 },
    { row in row == [3, 3, 2, 2] ? 1 : 0 },
  ]

  func oracle(_ answer: @escaping @Sendable ([Double]) -> Int) -> StatedOracle {
    StatedOracle(Self.features, classes: ["no", "yes", "maybe"], answer)
  }

  /// What to change to come from one row to another.
  static func changes(_ row: [Double], _ other: [Double]) -> [Int: Double] {
    Dictionary(uniqueKeysWithValues: (0..<4).filter { row[$0] != other[$0] }.map { ($0, other[$0]) })
  }

  /// All smallest sets of changes that give a wanted class, by trying every row.
  func smallest(_ row: [Double], _ answer: ([Double]) -> Int, isWanted: (Int) -> Bool) -> Set<[Int: Double]> {
    let working = (0..<table.rowCount).map { table.row($0) }.filter { isWanted(answer($0)) }
      .map { Self.changes(row, $0) }
    return Set(
      working.filter { changes in
        !working.contains { other in
          other.count < changes.count && other.allSatisfy { changes[$0.key] == $0.value }
        }
      })
  }
}

@Suite struct CounterfactualRulesTests {
  private func question() -> CounterfactualRules {
    var question = CounterfactualRules()
    question.maximumResults = 1000
    return question
  }

  private func changes(_ found: Counterfactuals) -> Set<[Int: Double]> {
    Set(found.found.map { Dictionary(uniqueKeysWithValues: $0.changes.map { ($0.feature, $0.to) }) })
  }

  @Test(arguments: CounterfactualScene.answers.indices)
  func theyAreThoseOfExhaustiveSearch(_ index: Int) throws {
    let (scene, answer) = (try CounterfactualScene(), CounterfactualScene.answers[index])
    let oracle = scene.oracle(answer)
    for place in stride(from: 0, to: scene.table.rowCount, by: 13) {
      let row = scene.table.row(place)
      for target in [String?.none, "no", "yes", "maybe"] {
        var question = question()
        question.target = target
        let found = try question.explain(row, of: oracle, examples: scene.table, guide: scene.guide)
        #expect(found.label == answer(row) && !found.isTruncated)
        let wanted = target.map { oracle.classes.firstIndex(of: $0)! }
        if wanted == found.label {
          #expect(found.found.isEmpty && found.questionCount == 0)
          continue
        }
        let expected = scene.smallest(row, answer) { wanted == nil ? $0 != found.label : $0 == wanted }
        #expect(changes(found) == expected, "\(row) to \(target ?? "another class")")
        #expect(found.found.count == expected.count && found.completeSize == 4)
      }
    }
  }

  @Test(arguments: CounterfactualScene.answers.indices)
  func changesFlipTheClassAndAreSorted(_ index: Int) throws {
    let (scene, answer) = (try CounterfactualScene(), CounterfactualScene.answers[index])
    for place in stride(from: 5, to: scene.table.rowCount, by: 17) {
      let row = scene.table.row(place)
      let found = try question().explain(
        row, of: scene.oracle(answer), examples: scene.table, guide: scene.guide)
      for item in found.found {
        var changed = row
        for change in item.changes {
          #expect(change.from == row[change.feature] && change.to != change.from)
          changed[change.feature] = change.to
          // Deviations of 0…3 are 1, of 0…2 too; a category is as far as any other.
          #expect(change.distance == (change.feature == 3 ? 1 : abs(change.to - change.from)))
        }
        #expect(answer(changed) == item.label && item.label != found.label)
        #expect(item.distance == item.changes.reduce(0) { $0 + $1.distance })
        #expect(item.clause.holds(changed) && !item.clause.holds(row))
        // Each part has one value, so that one answer settles it.
        #expect(item.verification == Estimate(value: 1, lower: 1, upper: 1, count: 1))
        for change in item.changes {
          var less = changed
          less[change.feature] = row[change.feature]
          #expect(answer(less) == found.label)
        }
      }
      for (a, b) in zip(found.found, found.found.dropFirst()) {
        #expect((a.changes.count, a.distance) <= (b.changes.count, b.distance))
      }
    }
  }

  @Test func featuresThatCannotChangeStay() throws {
    let (scene, answer) = (try CounterfactualScene(), CounterfactualScene.answers[1])
    for place in stride(from: 0, to: scene.table.rowCount, by: 11) {
      let row = scene.table.row(place)
      var question = question()
      (question.immutable, question.directions) = (["c"], ["a": .increasing, "b": .decreasing])
      let found = try question.explain(
        row, of: scene.oracle(answer), examples: scene.table, guide: scene.guide)
      let label = answer(row)
      let allowed = (0..<scene.table.rowCount).map { scene.table.row($0) }.filter { other in
        answer(other) != label && other[2] == row[2] && other[0] >= row[0] && other[1] <= row[1]
      }.map { CounterfactualScene.changes(row, $0) }
      let smallest = Set(
        allowed.filter { changes in
          !allowed.contains { other in
            other.count < changes.count && other.allSatisfy { changes[$0.key] == $0.value }
          }
        })
      #expect(changes(found) == smallest)
    }
  }

  @Test func whereNotAllCanBeTriedWhatRulesSuggestIs() throws {
    // Only the row of greatest numbers has the class, four changes away; no budget for all sets of two.
    let (scene, answer) = (try CounterfactualScene(), CounterfactualScene.answers[3])
    let oracle = scene.oracle(answer)
    let guide = scene.guide.with(
      [Rule(Clause([.above(0, 2.5), .above(1, 2.5), .above(2, 1.5), .isIn(3, [2])]), .label(1))]
        + scene.guide.rules)
    var question = question()
    question.questionLimit = 40
    let found = try question.explain([0, 0, 0, 0], of: oracle, examples: scene.table, guide: guide)
    #expect(found.isTruncated && found.completeSize == 1 && found.questionCount <= 40)
    #expect(changes(found) == [[0: 3, 1: 3, 2: 2, 3: 2]])
    #expect(found.remarks.count == 2)
    // What is suggested is cut down to the part that works.
    let simple = try question.explain(
      [0, 3, 0, 0], of: scene.oracle { $0[0] >= 2 && $0[2] >= 1 ? 1 : 0 }, examples: scene.table, guide: guide
    )
    #expect(
      simple.found.map { $0.changes.map(\.feature) } == [[0, 2]], "\(simple.found.map(\.changes))")
  }

  @Test func aTreeIsDistilledWhereNoRulesGuide() throws {
    // Income and debt, as numbers: thresholds of the distilled tree are near 60 and 0.45.
    var random = RandomNumbers(seed: 2)
    let features = [Feature("income"), Feature("debt"), Feature("noise")]
    let table = try RuleTable(
      features: features,
      rows: (0..<500).map { _ -> [Double] in [random.uniform() * 100, random.uniform(), random.normal()] })
    let oracle = StatedOracle(features) { $0[0] > 60 && $0[1] <= 0.45 ? 1 : 0 }
    var question = CounterfactualRules()
    question.target = "yes"
    let found = try question.explain([40, 0.3, 0], of: oracle, examples: table)
    let first = try #require(found.found.first)
    #expect(first.changes.map(\.feature) == [0] && first.changes[0].to > 60)
    let bound = try #require(first.clause.condition(on: 0))
    guard case .interval(let above, _) = bound.values else {
      Issue.record("\(bound) is no interval")
      return
    }
    #expect(above > 55 && first.verification.value > 0.9 && first.verification.count == 200)
    // Both must change; a median absolute deviation is the unit.
    let both = try question.explain([40, 0.9, 0], of: oracle, examples: table)
    let pair = try #require(both.found.first)
    #expect(pair.changes.map(\.feature) == [0, 1])
    for change in pair.changes {
      let sorted = table.column(change.feature).sorted()
      let median = (sorted[249] + sorted[250]) / 2
      let deviations = sorted.map { abs($0 - median) }.sorted()
      let unit = (deviations[249] + deviations[250]) / 2
      #expect(abs(change.distance - abs(change.to - change.from) / unit) < 1e-9)
    }
    #expect(try question.explain([40, 0.9, 0], of: oracle, examples: table) == both)
    // Every value is one of an example.
    for change in both.found.flatMap(\.changes) {
      #expect(table.column(change.feature).contains(change.to))
    }
  }

  @Test func missingValuesMayBeFilledIn() throws {
    let scene = try CounterfactualScene()
    let oracle = scene.oracle { $0[0] >= 2 ? 1 : 0 }
    var question = question()
    question.directions = ["a": .decreasing]
    let found = try question.explain([.nan, 0, 0, 0], of: oracle, examples: scene.table, guide: scene.guide)
    #expect(changes(found) == [[0: 2], [0: 3]])
    #expect(found.found.allSatisfy { $0.distance == 1 && $0.changes[0].from.isNaN })
  }

  @Test func whatIsFoundIsSaid() throws {
    let scene = try CounterfactualScene()
    let constant = scene.oracle { _ in 0 }
    let none = try question().explain([0, 0, 0, 0], of: constant, examples: scene.table, guide: scene.guide)
    #expect(none.found.isEmpty && none.completeSize == 4)
    #expect(
      none.remarks == [
        "Of up to 4 changes, all sets were tried among 10 values that the guiding rules' thresholds "
          + "tell from the row's.",
        "None of them changes the class 'no'; allow more changes, or other features.",
      ])
    let silent = try RuleSet(
      features: CounterfactualScene.features, classes: constant.classes, rules: [],
      defaultConclusion: .label(0))
    let nothing = try question().explain([0, 0, 0, 0], of: constant, examples: scene.table, guide: silent)
    #expect(
      nothing.remarks == [
        "No feature may change to a value that the guiding rules tell from the row's, so nothing was tried; the oracle "
          + "may give the class 'no' to all examples."
      ])
    var question = question()
    question.target = "no"
    let already = try question.explain([0, 0, 0, 0], of: constant, examples: scene.table, guide: scene.guide)
    #expect(already.remarks == ["The oracle gives the row the class 'no' already."])
  }

  @Test func resultsMayBeFew() throws {
    let (scene, answer) = (try CounterfactualScene(), CounterfactualScene.answers[2])
    let oracle = scene.oracle(answer)
    let all = try question().explain([0, 0, 1, 0], of: oracle, examples: scene.table, guide: scene.guide)
    var few = question()
    few.maximumResults = 2
    let some = try few.explain([0, 0, 1, 0], of: oracle, examples: scene.table, guide: scene.guide)
    #expect(all.found.count > 2 && some.isTruncated)
    #expect(some.found == Array(all.found.prefix(2)))
    few.maximumChanges = 1
    #expect(
      try few.explain([0, 0, 1, 0], of: oracle, examples: scene.table, guide: scene.guide).found.isEmpty)
    #expect(
      try JSONDecoder().decode(CounterfactualRules.self, from: JSONEncoder().encode(few)) == few)
  }

  @Test func settingsOutOfRangeAreRefused() throws {
    let scene = try CounterfactualScene()
    func message(_ change: (inout CounterfactualRules) -> Void) -> String {
      var question = question()
      change(&question)
      do {
        _ = try question.explain(
          [0, 0, 0, 0], of: scene.oracle { _ in 0 }, examples: scene.table, guide: scene.guide)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { $0.immutable = ["aa"] }.hasPrefix("no column named 'aa'"))
    #expect(
      message { $0.directions = ["d": .increasing] }
        == "'d' is a category, whose values neither rise nor fall; leave its direction out")
    #expect(
      message { $0.target = "perhaps" }
        == "the oracle has no class 'perhaps'; its classes are 'no', 'yes', 'maybe'")
    #expect(message { $0.maximumChanges = 0 } == "the changes must be 1 to 10, found 0")
    #expect(message { $0.maximumResults = 0 } == "the results must be 1 or more, found 0")
    #expect(message { $0.valuesPerCell = 101 } == "the values of a part must be 1 to 100, found 101")
    #expect(message { $0.questionLimit = 0 } == "the questions must be 1 or more, found 0")
    #expect(message { $0.verificationCount = 0 } == "the values drawn must be 1 or more, found 0")
  }
}
