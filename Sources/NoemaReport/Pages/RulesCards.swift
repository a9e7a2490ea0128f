internal import NoemaRules

/// Rule after rule.
extension RulesContent {
  /// Cards beyond these are in the files alone.
  private static let cardLimit = 200

  var cards: HTML {
    let pairs = Array(zip(shown.rules, record.rules))
    // The order of a set says nothing, so that those with most examples come first.
    var order = Array(pairs.indices)
    if case .set(let set) = report.document, !set.resolution.isOrdered {
      order =
        pairs.indices.dropLast().sorted {
          (pairs[$1].1.cover.value, $0) < (pairs[$0].1.cover.value, $1)
        } + [pairs.count - 1]
    }
    let list = order.prefix(Self.cardLimit).map { card($0, pairs[$0].0, pairs[$0].1) }
    let rest = order.count - list.count
    let more =
      rest > 0 ? [HTML.element("p", ["class": "lead"], text: "\(rest) more are in rules.txt.")] : []
    return HTML.section("The rules", lead, [.element("div", ["class": "cards"], list)] + more)
  }

  private var lead: String {
    switch report.document {
    case .set(let set):
      "Several rules may fire; \(Self.words(set.resolution)). Cover and precision are of the test examples for which a "
        + "rule fires, whatever the others say."
    case .list:
      "The first rule that holds decides. Cover and precision are of the test examples that a rule decides."
    case .tree: "Exactly one rule holds: the way to a leaf of the tree."
    }
  }

  private static func words(_ resolution: ConflictResolution) -> String {
    switch resolution {
    case .firstMatch: "the first decides"
    case .confidenceVote: "each votes with its confidence"
    case .classNormalisedVote: "each votes, a class's votes divided by the number of its rules"
    case .singleBest: "the one with the highest confidence decides"
    case .logOddsVote: "each votes with its log-odds times its cover"
    }
  }

  private func card(_ index: Int, _ rule: ShownRule, _ result: RulesRecord.RuleResult) -> HTML {
    let features = report.document.model.features
    var conditions = rule.conditions.map { HTML.element("li", text: $0.text(in: features)) }
    if conditions.isEmpty {
      conditions = [.element("li", text: rule.place == nil ? "no rule holds" : "always")]
    }
    let label = rule.conclusion.label ?? 0
    let count = result.cover.count
    var facts = [
      "cover \(RulesReport.percent(result.cover.value)): "
        + "\(Int((result.cover.value * Double(count)).rounded())) of \(count)",
      "precision \(result.precision.count > 0 ? RulesReport.percent(result.precision) : "unknown")",
    ]
    if let accuracy = result.accuracy, accuracy.count > 0 {
      facts.append("right about \(RulesReport.percent(accuracy.value))")
    }
    if let confidence = rule.confidence, confidence < 1 {
      facts.append("confidence \(NumberText.fixed(confidence, 2))")
    }
    if rule.support.cover > 0 {
      facts.append(
        "extracted from \(NumberText.compact(rule.support.cover)), "
          + "\(NumberText.compact(rule.support.correct)) of them of its class")
    }
    return .element(
      "div", ["class": "card", "id": "rule-\(index + 1)"],
      [
        .element(
          "h3", [:],
          [
            swatch(label), .text(shown.conclusion(of: rule)),
            .element("small", text: rule.place == nil ? "otherwise" : "rule \(index + 1)"),
          ]),
        .element("ul", [:], conditions),
        IntervalMark.html(
          MeasuredValue(
            result.precision.count > 0 ? result.precision.value : .nan, low: result.precision.lower,
            high: result.precision.upper)),
        .element("p", ["class": "facts"], text: facts.joined(separator: " · ")),
      ])
  }
}
