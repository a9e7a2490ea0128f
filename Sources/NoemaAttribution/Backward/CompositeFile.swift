internal import Foundation
public import NoemaData
public import NoemaGraph

extension Composite {
  /// Reads a composite from YAML.
  ///
  /// ```yaml
  /// name: mine
  /// base: epsilon-plus-flat          # one of the named composites; epsilon otherwise
  /// dense: {rule: gamma, gamma: 0.1}
  /// first: {rule: box, low: [-2, -2, -2], high: [2, 2, 2]}
  /// attention: halves                # or constant
  /// activation: pass                 # or gradient
  /// assign:                          # the first that matches counts
  ///   - {operators: Sigmoid, rule: gradient}
  ///   - {names: "/layer4*", rule: epsilon, epsilon: 0.1}
  ///   - {depths: [1, 3], rule: flat}
  /// ```
  ///
  /// - Throws: `DataError` that names file and key.
  public init(path: String) throws(DataError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw DataError(.missingFile, at: path)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw DataError(.malformed("a composite is UTF-8 text"), at: path)
    }
    try self.init(yaml: text, place: path)
  }

  /// Reads a composite from YAML; `place` names the text in messages.
  ///
  /// - Throws: `DataError` that names the key.
  public init(yaml: String, place: String) throws(DataError) {
    let reader = try CardReader(
      yaml: yaml, place: place,
      keys: [
        "name", "base", "convolution", "dense", "first", "attention", "activation", "epsilon", "magnitudes",
        "gradients", "assign",
      ])
    self =
      try reader.text("base").map { name throws(DataError) in
        guard let found = Self.named(name) else {
          throw reader.error(
            .malformed("found '\(name.prefix(64))', expected one of \(Self.names.joined(separator: ", "))"),
            at: "base")
        }
        return found
      } ?? .epsilon()
    name = try reader.text("name") ?? "custom"
    if let rule = try reader.rule("convolution") { convolution = rule }
    if let rule = try reader.rule("dense") { dense = rule }
    if let rule = try reader.rule("first") { first = rule }
    if let choice: Attention = try reader.choice("attention") { attention = choice }
    if let rule = try reader.rule("activation") {
      guard [.pass, .gradient].contains(rule) else {
        throw reader.error(.malformed("activations take the rules pass and gradient"), at: "activation")
      }
      activation = rule
    }
    if let number = try reader.number("epsilon") { epsilon = number }
    sharesByMagnitude = try reader.text("magnitudes").map { $0 == "true" } ?? sharesByMagnitude
    fallsBackToGradient = try reader.text("gradients").map { $0 == "true" } ?? fallsBackToGradient
    let keys = ["operators", "names", "depths"] + CardReader.ruleKeys
    for entry in try reader.mappings("assign", keys: keys) {
      guard let rule = try entry.ownRule() else {
        throw entry.error(.malformed("there is no rule"), at: "rule")
      }
      var assignment = Assignment(
        rule, operators: try entry.texts("operators").map { Set($0) }, names: try entry.text("names"))
      if let depths = try entry.integers("depths") {
        guard let low = depths.first, let high = depths.last, depths.count <= 2, low >= 1, low <= high else {
          throw entry.error(
            .malformed("found \(depths), expected a depth or the first and last one"), at: "depths")
        }
        assignment.depths = low...high
      }
      assignments.append(assignment)
    }
  }

  /// Names that `base` knows.
  static let names = named.map(\.name)

  private static let named: [Composite] = [
    .epsilon(), .zPlus, .gamma(), .epsilonPlus, .epsilonPlusFlat, .epsilonAlpha2Beta1,
    .epsilonAlpha2Beta1Flat,
    .excitationBackprop(), .contributionPropagation, .conserving, .attention,
  ]

  static func named(_ name: String) -> Composite? { named.first { $0.name == name } }
}

extension CardReader {
  fileprivate static let ruleKeys = [
    "rule", "epsilon", "alpha", "beta", "gamma", "low", "high", "bias",
  ]

  /// The rule at a key: a name, or a mapping with its parameters.
  fileprivate func rule(_ key: String) throws(DataError) -> RelevanceRule? {
    guard has(key) else { return nil }
    if let inner = try mapping(key, keys: Self.ruleKeys) { return try inner.ownRule() }
    guard let name = try text(key) else { return nil }
    return try rule(named: name, at: key)
  }

  /// The rule that this mapping is.
  fileprivate func ownRule() throws(DataError) -> RelevanceRule? {
    guard let name = try text("rule") else { return nil }
    return try rule(named: name, at: "rule")
  }

  private func rule(named name: String, at key: String) throws(DataError) -> RelevanceRule {
    func number(_ name: String, _ value: Double) throws(DataError) -> Double {
      has(name) ? try self.number(name) ?? value : value
    }
    let bias: BiasShare = try choice("bias") ?? .kept
    let ignoresBias = bias == .ignored
    if bias == .spread, !["epsilon", "zero"].contains(name) {
      throw error(.malformed("only the epsilon rule spreads biases"), at: "bias")
    }
    switch name {
    case "epsilon": return .epsilon(try number("epsilon", 1e-6), bias: bias)
    case "zero": return .epsilon(0, bias: bias)
    case "z-plus": return .alphaBeta(alpha: 1, beta: 0, ignoresBias: ignoresBias)
    case "alpha-beta":
      return .alphaBeta(alpha: try number("alpha", 2), beta: try number("beta", 1), ignoresBias: ignoresBias)
    case "gamma": return .gamma(try number("gamma", 0.25))
    case "box":
      guard let low = try numbers("low"), let high = try numbers("high") else {
        throw error(.malformed("the box rule needs low and high"), at: key)
      }
      return .box(low: low, high: high)
    case "squared-weights": return .squaredWeights
    case "flat": return .flat
    case "pass": return .pass
    case "gradient": return .gradient
    case "block": return .block
    default:
      throw error(
        .malformed(
          "found '\(name.prefix(64))', expected epsilon, zero, z-plus, alpha-beta, gamma, box, squared-weights, flat, "
            + "pass, gradient or block"), at: key)
    }
  }
}
