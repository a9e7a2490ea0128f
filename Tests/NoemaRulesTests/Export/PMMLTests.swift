import Testing

@testable import NoemaRules

@Suite struct PMMLTests {
  private func fields(_ table: RuleTable, _ row: Int) -> [String: String] {
    var result: [String: String] = [:]
    for (index, feature) in table.features.enumerated() where !table[row, index].isNaN {
      result[feature.name] = feature.levels?[Int(table[row, index])] ?? ExportCases.number(table[row, index])
    }
    return result
  }

  private func check(_ document: RuleDocument, _ table: RuleTable) throws {
    let reader = try PMMLReader(PMML().text(document))
    let expected = try ExportCases.answers(document, table)
    let isNumber = document.model.classes.isEmpty
    for row in 0..<table.rowCount {
      var found = try reader.answer(fields(table, row))
      if isNumber { found = ExportCases.number(Double(found) ?? .nan) }
      #expect(found == expected[row], "row \(table.row(row)) of \(PMML.words(document))")
    }
  }

  @Test func aReaderOfTheStandardAnswersAlike() throws {
    let table = try ExportCases.table(seed: 1, 150)
    for document in try ExportCases.documents(seed: 2) {
      // Votes between numbers are cut into parts; means of other orders have other last digits nowhere.
      if case .set(let rules) = document, rules.classes.isEmpty, !rules.resolution.isOrdered {
        try check(.set(rules.with(Array(rules.rules.prefix(5)))), table)
      } else {
        try check(document, table)
      }
    }
  }

  @Test func missingValuesGoToAllChildren() throws {
    var source = RandomRuleSource(seed: 3)
    let table = try source.table(150, missing: 0.3)
    var count = 0
    while count < 5 {
      let document = RuleDocument.tree(try source.tree(depth: 4, policy: .allChildren))
      // A level in no group is refused.
      guard (try? PMML().text(document)) != nil else { continue }
      count += 1
      guard case .tree(let tree) = document else { return }
      let reader = try PMMLReader(PMML().text(document))
      for row in 0..<150 {
        let shares = tree.distribution(row: row, of: table).sorted(by: >)
        // Sums in another order may break a tie by their last digit.
        guard shares[0] - shares[1] > 1e-12 else { continue }
        #expect(
          try reader.answer(fields(table, row)) == ExportCases.text(tree.conclusion(table.row(row)), tree))
      }
    }
    let numbers = try source.tree(depth: 3, numbers: true, policy: .allChildren)
    #expect(throws: RuleError.self) { try PMML().text(.tree(numbers)) }
  }

  @Test func whatXMLCannotHoldIsRefused() throws {
    let make = { (name: String, level: String) in
      RuleDocument.set(
        try RuleSet(
          features: [Feature(name), Feature("c", kind: .categorical(levels: [level]))], classes: ["a"],
          rules: [],
          defaultConclusion: .label(0)))
    }
    _ = try PMML().text(make("tab\tand <line>\n", "\"&'"))
    #expect(
      throws: RuleError(.unsupported("XML cannot hold the name 'bell\\u{7}'; rename it, or write JSON"))
    ) {
      try PMML().text(make("x", "bell\u{7}"))
    }
    #expect(
      throws: RuleError(
        .parameters("a feature is named 'prediction' like the target; give the target another name"))
    ) { try PMML().text(make("prediction", "l")) }
    let many = DecisionTree.Split.mOfN(MOfN(15, of: (0..<30).map { .atMost($0, 0) }))
    let tree = try DecisionTree(
      features: (0..<30).map { Feature("x\($0)") }, classes: ["a"],
      nodes: [
        .init(split: many, children: [1, 2], distribution: [1], weight: 1),
        .init(distribution: [1], weight: 1),
        .init(distribution: [1], weight: 1),
      ])
    #expect(throws: RuleError.self) { try PMML().text(.tree(tree)) }
  }

  @Test func aTermIsNotWrappedAndNoTermIsTrue() throws {
    let rules = try RuleSet(
      features: [Feature("x")], classes: ["a", "b"],
      rules: [
        Rule(Clause([.atMost(0, 0.1)]), .label(1), support: Support(cover: 4, correct: 3)),
        Rule(.always, .label(0)),
      ],
      resolution: .firstMatch, defaultConclusion: .label(0))
    let text = try PMML().text(.set(rules))
    #expect(text.contains("<SimplePredicate field=\"x\" operator=\"lessOrEqual\" value=\"0.1\"/>"))
    #expect(text.contains("<True/>") && !text.contains("CompoundPredicate"))
    #expect(text.contains("criterion=\"firstHit\"") && text.contains("recordCount=\"4\" nbCorrect=\"3\""))
  }
}

extension PMML {
  fileprivate static func words(_ document: RuleDocument) -> String {
    switch document {
    case .set(let rules): rules.text
    case .list(let list): list.text
    case .tree(let tree): tree.text
    }
  }
}
