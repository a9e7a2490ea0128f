/// What a rule file holds, by names instead of indices.
struct RuleRecord: Codable {
  enum Kind: String, Codable { case set, list, tree }

  var schema: String
  var kind: Kind
  var features: [Feature]
  var classes: [String]
  /// Of a set.
  var conflict: ConflictResolution?
  var `default`: ConclusionRecord?
  /// Of a list.
  var otherwise: RuleEntry?
  var counting: RuleList.Counting?
  /// Of a set or a list.
  var rules: [RuleEntry]?
  /// Of a tree.
  var nodes: [NodeEntry]?
  var missing: DecisionTree.MissingPolicy?

  /// The name of a class, or a number.
  enum ConclusionRecord: Codable {
    case name(String)
    case value(Double)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let name = try? container.decode(String.self) {
        self = .name(name)
      } else {
        self = .value(try container.decode(Double.self))
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .name(let name): try container.encode(name)
      case .value(let value): try container.encode(value)
      }
    }
  }

  enum Operator: String, Codable {
    case atMost = "<="
    case above = ">"
    case isIn = "in"
    case missing, present
  }

  struct TermEntry: Codable {
    var feature: String
    var op: Operator
    /// Of a comparison with a number.
    var value: Double?
    /// Of a comparison with an ordinal level.
    var level: String?
    /// Of a membership.
    var values: [String]?
    var orMissing: Bool?
  }

  struct RuleEntry: Codable {
    var id: Int?
    var terms: [TermEntry]
    var conclusion: ConclusionRecord
    var confidence: Double
    var cover: Double
    var correct: Double
    var weight: Double
  }

  struct NodeEntry: Codable {
    var id: Int?
    /// A question with yes and no.
    var term: TermEntry?
    /// At least so many of these.
    var atLeast: Int?
    var of: [TermEntry]?
    /// A question with a child for each group of levels.
    var feature: String?
    var groups: [[String]]?
    var children: [Int]?
    var defaultChild: Int?
    var distribution: [Double]
    var weight: Double
    var impurity: Double
  }
}

// MARK: Writing
extension RuleRecord {
  init(_ document: RuleDocument) {
    let model = document.model
    schema = RuleDocument.schema
    features = model.features
    classes = model.classes
    let names = RuleNames(features: features, classes: classes)
    switch document {
    case .set(let set):
      kind = .set
      conflict = set.resolution
      `default` = names.record(set.defaultConclusion)
      rules = set.rules.enumerated().map { names.record($1, id: $0 + 1) }
    case .list(let list):
      kind = .list
      counting = list.counting
      otherwise = names.record(list.otherwise, id: nil)
      rules = list.rules.enumerated().map { names.record($1, id: $0 + 1) }
    case .tree(let tree):
      kind = .tree
      missing = tree.missingPolicy
      nodes = tree.nodes.enumerated().map { names.record($1, id: $0) }
    }
  }
}

// MARK: Reading
extension RuleRecord {
  func document() throws(RuleError) -> RuleDocument {
    guard schema == RuleDocument.schema else {
      throw RuleError(.unsupported("the schema is '\(schema.prefix(40))', expected \(RuleDocument.schema)"))
    }
    // Before names are looked up: they must be unique.
    try Feature.check(features)
    try RuleSet.check(classes)
    let names = RuleNames(features: features, classes: classes)
    func needed<Value>(_ value: Value?, _ key: String) throws(RuleError) -> Value {
      guard let value else { throw RuleError(.malformed("a \(kind.rawValue) needs the key '\(key)'")) }
      return value
    }
    func entries() throws(RuleError) -> [Rule] {
      var result: [Rule] = []
      for (index, entry) in try needed(rules, "rules").enumerated() {
        result.append(try names.rule(entry, place: "rule \(index + 1)"))
      }
      return result
    }
    switch kind {
    case .set:
      return .set(
        try RuleSet(
          features: features, classes: classes, rules: try entries(),
          resolution: try needed(conflict, "conflict"),
          defaultConclusion: try names.conclusion(try needed(`default`, "default"), place: "the default")))
    case .list:
      return .list(
        try RuleList(
          features: features, classes: classes, rules: try entries(),
          otherwise: try names.rule(try needed(otherwise, "otherwise"), place: "the last rule"),
          counting: counting ?? .marginal))
    case .tree:
      var result: [DecisionTree.Node] = []
      for (index, entry) in try needed(nodes, "nodes").enumerated() {
        result.append(try names.node(entry, place: "node \(index)"))
      }
      return .tree(
        try DecisionTree(
          features: features, classes: classes, nodes: result, missingPolicy: missing ?? .defaultChild))
    }
  }

  /// What a decoder found wrong, and where.
  static func reason(_ error: any Error) -> String {
    func path(_ context: DecodingError.Context) -> String {
      let keys = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return keys.isEmpty ? "" : " at \(keys.joined(separator: "."))"
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): return "the key '\(key.stringValue)' is missing\(path(context))"
    case .typeMismatch(_, let context): return "a value has the wrong type\(path(context))"
    case .valueNotFound(_, let context): return "a value is null\(path(context))"
    case .dataCorrupted(let context): return "the text is not valid\(path(context))"
    default: return "it cannot be read"
    }
  }
}
