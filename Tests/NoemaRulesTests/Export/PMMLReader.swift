import Foundation
import FoundationXML

/// An XML element as read.
final class XMLNode {
  let name: String
  let attributes: [String: String]
  var children: [XMLNode] = []
  var text = ""

  init(_ name: String, _ attributes: [String: String]) {
    self.name = name
    self.attributes = attributes
  }

  func first(_ name: String) -> XMLNode? { children.first { $0.name == name } }
  func all(_ name: String) -> [XMLNode] { children.filter { $0.name == name } }
}

private final class XMLReader: NSObject, XMLParserDelegate {
  var stack = [XMLNode("", [:])]

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    let node = XMLNode(name, attributes)
    stack[stack.count - 1].children.append(node)
    stack.append(node)
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?)
  {
    stack.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { stack[stack.count - 1].text += string }
}

/// A scoring engine for the parts of PMML 4.4 that rules use, written from the standard.
struct PMMLReader {
  private let model: XMLNode
  private let classes: [String]

  struct Malformed: Error {}

  init(_ text: String) throws {
    let reader = XMLReader()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = reader
    guard parser.parse(), let root = reader.stack[0].first("PMML"), root.attributes["version"] == "4.4",
      let dictionary = root.first("DataDictionary"), let model = root.children.last,
      root.children.map(\.name) == ["Header", "DataDictionary", model.name],
      let schema = model.first("MiningSchema"), model.children[0].name == "MiningSchema",
      let target = schema.all("MiningField").first(where: { $0.attributes["usageType"] == "target" }),
      let field = dictionary.all("DataField").first(where: {
        $0.attributes["name"] == target.attributes["name"]
      }),
      Set(dictionary.all("DataField").compactMap { $0.attributes["name"] })
        == Set(schema.all("MiningField").compactMap { $0.attributes["name"] })
    else { throw Malformed() }
    self.model = model
    classes = field.all("Value").compactMap { $0.attributes["value"] }
  }

  /// The answer for an example, fields by name, missing ones left out.
  func answer(_ fields: [String: String]) throws -> String {
    if let rules = model.first("RuleSet") { return try answer(rules, fields) }
    guard let root = model.first("Node") else { throw Malformed() }
    let result = try score(root, fields)
    if model.attributes["missingValueStrategy"] == "weightedConfidence" {
      guard let best = result.confidences.map(\.value).max() else { throw Malformed() }
      return classes.first { result.confidences[$0] == best } ?? ""
    }
    return result.score
  }

  // MARK: RuleSetModel

  private func answer(_ rules: XMLNode, _ fields: [String: String]) throws -> String {
    let firing = try rules.all("SimpleRule").filter { try predicate($0.children[0], fields) == true }
    let otherwise = rules.attributes["defaultScore"] ?? ""
    func weight(_ rule: XMLNode) -> Double { Double(rule.attributes["weight"] ?? "1") ?? .nan }
    guard !firing.isEmpty else { return otherwise }
    switch rules.first("RuleSelectionMethod")?.attributes["criterion"] {
    case "firstHit": return firing[0].attributes["score"] ?? ""
    case "weightedMax":
      var best = firing[0]
      for rule in firing where weight(rule) > weight(best) { best = rule }
      return best.attributes["score"] ?? ""
    case "weightedSum":
      var totals: [String: Double] = [:]
      for rule in firing { totals[rule.attributes["score"] ?? "", default: 0] += weight(rule) }
      let largest = totals.values.max()
      return classes.first { totals[$0] == largest } ?? ""
    default: throw Malformed()
    }
  }

  // MARK: TreeModel

  private func score(
    _ node: XMLNode, _ fields: [String: String]
  ) throws -> (score: String, confidences: [String: Double]) {
    let children = node.all("Node")
    let strategy = model.attributes["missingValueStrategy"]
    let confidences = Dictionary(
      uniqueKeysWithValues: node.all("ScoreDistribution").map {
        ($0.attributes["value"] ?? "", Double($0.attributes["confidence"] ?? "") ?? .nan)
      })
    let own = (node.attributes["score"] ?? "", confidences)
    guard !children.isEmpty else { return own }
    var outcomes: [Bool?] = []
    for child in children {
      outcomes.append(try predicate(child.children[0], fields))
      if outcomes.last == true { return try score(child, fields) }
      guard outcomes.last == Bool?.none else { continue }
      switch strategy {
      case "none": continue
      case "defaultChild":
        guard let chosen = children.first(where: { $0.attributes["id"] == node.attributes["defaultChild"] })
        else {
          throw Malformed()
        }
        return try score(chosen, fields)
      case "weightedConfidence":
        // This child and all its siblings that are not false.
        let open = try children.filter { try predicate($0.children[0], fields) != false }
        func count(_ node: XMLNode) -> Double { Double(node.attributes["recordCount"] ?? "") ?? .nan }
        let total = open.reduce(0) { $0 + count($1) }
        var sums: [String: Double] = [:]
        for child in open where count(child) > 0 {
          for (name, share) in try score(child, fields).confidences {
            sums[name, default: 0] += share * count(child) / total
          }
        }
        return (own.0, total > 0 ? sums : confidences)
      default: throw Malformed()
      }
    }
    guard model.attributes["noTrueChildStrategy"] == "returnLastPrediction" else { throw Malformed() }
    return own
  }

  // MARK: Predicates, true, false or unknown

  private func predicate(_ node: XMLNode, _ fields: [String: String]) throws -> Bool? {
    switch node.name {
    case "True": return true
    case "False": return false
    case "SimplePredicate": return try simple(node, fields)
    case "SimpleSetPredicate":
      guard let value = fields[node.attributes["field"] ?? ""] else { return nil }
      guard let array = node.first("Array"), node.attributes["booleanOperator"] == "isIn" else {
        throw Malformed()
      }
      let words = array.text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
      guard words.count == Int(array.attributes["n"] ?? "") else { throw Malformed() }
      return words.contains(value)
    case "CompoundPredicate":
      guard node.children.count >= 2 else { throw Malformed() }
      let parts = try node.children.map { try predicate($0, fields) }
      if node.attributes["booleanOperator"] == "and" {
        return parts.contains(false) ? false : parts.contains(Bool?.none) ? nil : true
      }
      guard node.attributes["booleanOperator"] == "or" else { throw Malformed() }
      return parts.contains(true) ? true : parts.contains(Bool?.none) ? nil : false
    default: throw Malformed()
    }
  }

  private func simple(_ node: XMLNode, _ fields: [String: String]) throws -> Bool? {
    let found = fields[node.attributes["field"] ?? ""]
    let test = node.attributes["operator"]
    if test == "isMissing" { return found == nil }
    if test == "isNotMissing" { return found != nil }
    guard let value = node.attributes["value"] else { throw Malformed() }
    guard let found else { return nil }
    if test == "equal" { return found == value }
    guard let a = Double(found), let b = Double(value) else { throw Malformed() }
    switch test {
    case "lessOrEqual": return a <= b
    case "greaterThan": return a > b
    default: throw Malformed()
    }
  }
}
