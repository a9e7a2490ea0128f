/// A predicate of PMML.
indirect enum PMMLPredicate {
  case simple(String, String, value: String?)
  case set(String, [String])
  case compound(String, [PMMLPredicate])
  case never

  func write(_ xml: inout XMLText) {
    switch self {
    case .never: xml.element("False")
    case .simple(let field, let test, let value):
      xml.element(
        "SimplePredicate", [("field", field), ("operator", test)] + (value.map { [("value", $0)] } ?? []))
    case .set(let field, let values):
      xml.begin("SimpleSetPredicate", [("field", field), ("booleanOperator", "isIn")])
      xml.element(
        "Array", [("type", "string"), ("n", "\(values.count)")],
        text: values.map { "\"\($0)\"" }.joined(separator: " "))
      xml.end()
    case .compound(let test, let parts):
      xml.begin("CompoundPredicate", [("booleanOperator", test)])
      for part in parts { part.write(&xml) }
      xml.end()
    }
  }
}

extension Condition {
  /// Predicates that must all hold.
  func predicates(_ feature: Feature, isDecided: Bool) -> [PMMLPredicate] {
    let isMissing = PMMLPredicate.simple(feature.name, "isMissing", value: nil)
    let isPresent = PMMLPredicate.simple(feature.name, "isNotMissing", value: nil)
    let tests: [PMMLPredicate]
    switch values {
    case .all: return admitsMissing ? [] : [isPresent]
    case .none: return [admitsMissing ? isMissing : .never]
    case .levels(let levels): tests = [Condition.membership(feature, levels)]
    case .interval(let lower, let upper):
      guard let levels = feature.levels else {
        tests =
          (lower > -.infinity ? [.simple(feature.name, "greaterThan", value: DecimalText.exact(lower))] : [])
          + (upper < .infinity ? [.simple(feature.name, "lessOrEqual", value: DecimalText.exact(upper))] : [])
        break
      }
      tests = [
        Condition.membership(
          feature, LevelSet(levels.indices.filter { Double($0) > lower && Double($0) <= upper }))
      ]
    }
    if admitsMissing {
      return [.compound("or", [isMissing] + (tests.count > 1 ? [.compound("and", tests)] : tests))]
    }
    return isDecided ? [isPresent] + tests : tests
  }

  private static func membership(_ feature: Feature, _ levels: LevelSet) -> PMMLPredicate {
    let names = levels.levels.compactMap { feature.levels?[$0] }
    let equals = names.map { PMMLPredicate.simple(feature.name, "equal", value: $0) }
    if equals.count <= 1 { return equals.first ?? .never }
    // Readers differ in what they take out of an array's quotes.
    let isPlain = names.allSatisfy { name in
      !name.isEmpty && name.allSatisfy { !$0.isWhitespace || $0 == " " } && !name.contains("\"")
        && !name.contains("\\")
    }
    return isPlain ? .set(feature.name, names) : .compound("or", equals)
  }
}
