import NoemaGraph
import Testing

@testable import NoemaRules

/// An extractor under a name.
struct LayeredWay: Sendable, CustomTestStringConvertible {
  let name: String
  let extractor: any LayeredRuleExtractor
  var testDescription: String { name }

  init(_ name: String, _ extractor: any LayeredRuleExtractor) {
    (self.name, self.extractor) = (name, extractor)
  }

  /// Extractors that leave nothing out: one case makes a leaf, and trees are not pruned.
  static let exact: [LayeredWay] = {
    var tree = C45(minimumCases: 1)
    tree.prunes = false
    let learners: [(name: String, learner: LayerLearner)] = [
      ("rules", .rules(C45())), ("C4.5", .c45(tree)), ("CART", .cart(CART())),
    ]
    var ways = learners.flatMap { name, learner -> [LayeredWay] in
      var eclaire = Eclaire(minimumCases: 1)
      (eclaire.layerLearner, eclaire.inputLearner) = (learner, learner)
      var remD = RemD(minimumCases: 1)
      remD.learner = learner
      return [LayeredWay("ECLAIRE with \(name)", eclaire), LayeredWay("REM-D with \(name)", remD)]
    }
    var deepRed = DeepRed()
    (deepRed.learner, deepRed.minimumShare, deepRed.dominance) = (tree, 0, 1)
    ways.append(LayeredWay("DeepRED", deepRed))
    return ways
  }()
}

/// What rules a network is are the rules that come back.
@Suite struct PlantedRecoveryTests {
  @Test(arguments: PlantedLayers.all)
  func theNetworkIsWhatWasPlanted(_ planted: PlantedLayers) throws {
    let (network, grid) = (try planted.network(), try planted.grid())
    #expect(network.layers == (planted.atLeast == nil ? ["steps", "boxes"] : ["steps"]))
    let labels = try network.labels(of: grid)
    #expect(try planted.rules().labels(on: grid) == labels)
    #expect(Set(labels).count == planted.classes.count)
  }

  @Test(arguments: PlantedLayers.all, LayeredWay.exact)
  func aNetworkThatIsRulesGivesThemBack(_ planted: PlantedLayers, _ way: LayeredWay) throws {
    let grid = try planted.grid()
    let extracted = try way.extractor.extract(from: planted.network(), examples: grid)
    let found = try #require(extracted.model as? RuleSet)
    #expect(!extracted.isTruncated)
    let same = try RuleEquivalence(found, planted.rules(), includingMissing: false)
    // The grid has a point in each cell, so that this is a proof.
    #expect(same.isExact && same.areEqual, "\(same.differingCount) of \(same.checkedCount): \(found.text)")
    // Thresholds are those that were planted, and the last feature means nothing.
    let planted = Set(try planted.rules().terms.map { [Double($0.feature), $0.threshold ?? 0] })
    #expect(planted.isSubset(of: Set(found.terms.map { [Double($0.feature), $0.threshold ?? 0] })))
    for rule in found.rules {
      #expect(rule.clause.canonical(in: found.features) == rule.clause)
      #expect(rule.clause.isSatisfiable(in: found.features))
      #expect(rule.support.cover == Double(rule.clause.coveredRows(of: grid).count))
    }
    #expect(
      Set(found.rules.map { RuleKey(clause: $0.clause, conclusion: $0.conclusion) }).count
        == found.rules.count)
  }

  @Test(arguments: PlantedLayers.all.filter { $0.atLeast == nil && $0.activation == .rectifier })
  func substitutionSpeaksOnlyOfWhatMatters(_ planted: PlantedLayers) throws {
    // By way of the boxes every class is their disjunction, and terms are learnt one by one: nothing else can get in.
    for way in LayeredWay.exact where !way.name.hasPrefix("ECLAIRE") {
      let found = try way.extractor.extract(from: planted.network(), examples: planted.grid()).model
      // A term and its negation share their threshold.
      let known = Set(try planted.rules().terms.map { [Double($0.feature), $0.threshold ?? 0] })
      let spoken = Set(found.terms.map { [Double($0.feature), $0.threshold ?? .nan] })
      #expect(spoken == known, "\(way.name)")
    }
  }

  @Test(arguments: PlantedLayers.all.filter { $0.atLeast == nil })
  func aChosenLayerIsEnough(_ planted: PlantedLayers) throws {
    var way = CRED(layer: "boxes")
    (way.settings.learner.prunes, way.settings.minimumShare, way.settings.dominance) = (false, 0, 1)
    let found = try way.extract(from: planted.network(), examples: planted.grid()).model
    #expect(
      try RuleEquivalence(#require(found as? RuleSet), planted.rules(), includingMissing: false).areEqual)
  }

  @Test func movedFeaturesMoveInTheRules() throws {
    let places = [2, 0, 3, 1]
    for planted in PlantedLayers.all where planted.activation == .rectifier && planted.name != "exclusive or"
    {
      for way in LayeredWay.exact {
        let first = try way.extractor.extract(from: planted.network(), examples: planted.grid()).model
        let moved = planted.moved(to: places)
        let second = try way.extractor.extract(from: moved.network(), examples: moved.grid()).model
        let expected = Set(
          try #require(first as? RuleSet).rules.map { rule in
            RuleKey(
              clause: Clause(rule.clause.terms.map { $0.moved(to: places) }), conclusion: rule.conclusion)
          })
        let found = Set(
          try #require(second as? RuleSet).rules.map { RuleKey(clause: $0.clause, conclusion: $0.conclusion) }
        )
        #expect(found == expected, "\(planted.name), \(way.name)")
      }
    }
  }

  @Test func theOrderOfExamplesDoesNotMatter() throws {
    let planted = PlantedLayers.all[1]
    let (network, grid) = (try planted.network(), try planted.grid())
    let turned = grid.subset(rows: Array((0..<grid.rowCount).reversed()))
    for way in LayeredWay.exact {
      let found = try [grid, turned].map { try way.extractor.extract(from: network, examples: $0).json }
      #expect(found[0] == found[1], "\(way.name)")
    }
  }

  @Test func twiceTheExamplesAndTwiceTheCasesGiveTheSameClauses() throws {
    let planted = PlantedLayers.all[1]
    let (network, grid) = (try planted.network(), try planted.grid())
    let clauses = try [1.0, 2.0].map { cases -> Set<Clause> in
      // C4.5 weighs thresholds against the number of cases, CART does not.
      var eclaire = Eclaire(minimumCases: 3 * cases)
      (eclaire.layerLearner, eclaire.inputLearner) = (.cart(CART()), .cart(CART()))
      let examples = cases == 1 ? grid : try grid.appending(grid)
      let found = try eclaire.extract(from: network, examples: examples).model
      return Set(try #require(found as? RuleSet).rules.map(\.clause))
    }
    #expect(clauses[0] == clauses[1] && !clauses[0].isEmpty)
  }
}

extension ExtractedRules {
  /// The rules as a file.
  var json: [UInt8] {
    switch model {
    case let set as RuleSet: RuleDocument.set(set).json
    case let list as RuleList: RuleDocument.list(list).json
    case let tree as DecisionTree: RuleDocument.tree(tree).json
    default: []
    }
  }
}
