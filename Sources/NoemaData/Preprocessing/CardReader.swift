internal import NoemaTensor
internal import Yams

/// A YAML mapping whose keys are known beforehand; every complaint names the key.
package struct CardReader {
  /// The file and, in an inner mapping, the key.
  let place: String
  private var nodes: [String: Node] = [:]

  /// Parses a text whose top level is a mapping; an empty text is an empty mapping.
  ///
  /// - Throws: ``DataError`` for broken YAML and for keys other than the given ones.
  package init(yaml: String, place: String, keys: [String]) throws(DataError) {
    self.place = place
    let node: Node?
    do {
      node = try compose(yaml: yaml)
    } catch {
      // The parser's message quotes the text; its first line says enough.
      let reason = "\(error)".split(separator: "\n").first ?? ""
      throw DataError(.malformed("not valid YAML: \(reason.prefix(200))"), at: place)
    }
    guard let node, node.null == nil else { return }
    guard let mapping = node.mapping else {
      throw DataError(.malformed("found \(Self.kind(of: node)), expected keys and values"), at: place)
    }
    try add(mapping, keys: keys)
  }

  private init(_ mapping: Node.Mapping, place: String, keys: [String]) throws(DataError) {
    self.place = place
    try add(mapping, keys: keys)
  }

  private mutating func add(_ mapping: Node.Mapping, keys: [String]) throws(DataError) {
    for (key, value) in mapping {
      guard let name = key.scalar?.string else {
        throw DataError(.malformed("a key is \(Self.kind(of: key)), expected a word"), at: place)
      }
      guard keys.contains(name) else {
        // A suggestion costs the square of the length, and nobody mistypes this much.
        let suggestions = name.count > 64 ? [] : EditDistance.nearest(name, in: keys)
        let shown = String(name.prefix(64))
        throw DataError(.unknownName(shown, what: "key", suggestions: suggestions), at: place)
      }
      guard nodes.updateValue(value, forKey: name) == nil else {
        throw error(.malformed("the key stands twice"), at: name)
      }
    }
  }

  /// Whether a key is there with a value.
  package func has(_ key: String) -> Bool { node(key) != nil }

  /// An error at a key.
  package func error(_ kind: DataError.Kind, at key: String) -> DataError {
    DataError(kind, at: "\(place): \(key)")
  }

  /// A key's text.
  package func text(_ key: String) throws(DataError) -> String? {
    guard let node = node(key) else { return nil }
    guard let text = node.scalar?.string else { throw unexpected(node, key, "a text") }
    return text
  }

  /// A key's number: `0.5`, `1e-3` or a fraction such as `1/255`.
  package func number(_ key: String) throws(DataError) -> Double? {
    guard let node = node(key) else { return nil }
    guard let number = Self.number(node) else { throw unexpected(node, key, "a number") }
    return number
  }

  /// A key's numbers; a single number is a list of one.
  package func numbers(_ key: String) throws(DataError) -> [Double]? {
    guard let node = node(key) else { return nil }
    let nodes = node.sequence.map { Array($0) } ?? [node]
    let numbers = nodes.compactMap(Self.number)
    guard numbers.count == nodes.count, !numbers.isEmpty else {
      throw unexpected(node, key, "a number or a list of numbers")
    }
    return numbers
  }

  /// A key's whole number.
  package func integer(_ key: String) throws(DataError) -> Int? {
    guard let node = node(key) else { return nil }
    guard let number = node.scalar.flatMap({ Int($0.string) }) else {
      throw unexpected(node, key, "a whole number")
    }
    return number
  }

  /// A key's whole numbers; a single one is a list of one.
  package func integers(_ key: String) throws(DataError) -> [Int]? {
    guard let node = node(key) else { return nil }
    let nodes = node.sequence.map { Array($0) } ?? [node]
    let numbers = nodes.compactMap { $0.scalar.flatMap { Int($0.string) } }
    guard numbers.count == nodes.count, !numbers.isEmpty else {
      throw unexpected(node, key, "a whole number or a list of them")
    }
    return numbers
  }

  /// A key's value among the cases of a type.
  package func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, synonyms: [String: String] = [:]
  ) throws(DataError) -> Choice? where Choice.RawValue == String {
    guard let text = try text(key) else { return nil }
    let word = text.lowercased()
    if let choice = Choice(rawValue: synonyms[word] ?? word) { return choice }
    let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    throw error(.malformed("found '\(text.prefix(64))', expected one of \(known)"), at: key)
  }

  /// A key's list of mappings; a single mapping is a list of one.
  package func mappings(_ key: String, keys: [String]) throws(DataError) -> [CardReader] {
    guard let node = node(key) else { return [] }
    var readers: [CardReader] = []
    for (index, item) in (node.sequence.map { Array($0) } ?? [node]).enumerated() {
      guard let mapping = item.mapping else { throw unexpected(item, key, "a list of keys and values") }
      readers.append(try CardReader(mapping, place: "\(place): \(key) \(index + 1)", keys: keys))
    }
    return readers
  }

  /// A key's texts; a single one is a list of one.
  package func texts(_ key: String) throws(DataError) -> [String]? {
    guard let node = node(key) else { return nil }
    let nodes = node.sequence.map { Array($0) } ?? [node]
    let texts = nodes.compactMap { $0.scalar?.string }
    guard texts.count == nodes.count, !texts.isEmpty else {
      throw unexpected(node, key, "a text or a list of texts")
    }
    return texts
  }

  /// A key's mapping; nil if the value is no mapping.
  package func mapping(_ key: String, keys: [String]) throws(DataError) -> CardReader? {
    guard let mapping = node(key)?.mapping else { return nil }
    return try CardReader(mapping, place: "\(place): \(key)", keys: keys)
  }

  /// A key's names: a list, a mapping of the indices 0, 1 … to names, or a file of names in a folder.
  package func names(_ key: String, folder: String?) throws(DataError) -> [String]? {
    guard let node = node(key) else { return nil }
    let names: [String]
    if let file = node.scalar?.string {
      guard let folder else {
        throw error(.parameters("a file of names needs a card that is a file"), at: key)
      }
      do {
        names = try NameFile.read(file, in: folder)
      } catch let failure {
        throw failure.within("\(place): \(key)")
      }
    } else if let list = node.sequence {
      names = list.compactMap { $0.scalar?.string }
      guard names.count == list.count else {
        throw error(.malformed("a name in the list is no text"), at: key)
      }
    } else {
      let pairs = (node.mapping.map { Array($0) } ?? []).compactMap { pair -> (Int, String)? in
        guard let index = pair.key.scalar.flatMap({ Int($0.string) }), let name = pair.value.scalar?.string
        else { return nil }
        return (index, name)
      }.sorted { $0.0 < $1.0 }
      guard pairs.count == node.mapping?.count, pairs.indices.allSatisfy({ pairs[$0].0 == $0 }) else {
        throw error(.malformed("expected the indices 0, 1 … without gaps, each with a name"), at: key)
      }
      names = pairs.map(\.1)
    }
    if names.isEmpty { throw error(.empty("the list of names"), at: key) }
    if let index = names.firstIndex(where: \.isEmpty) {
      throw error(.malformed("the name of index \(index) is empty"), at: key)
    }
    return names
  }

  private func node(_ key: String) -> Node? { nodes[key].flatMap { $0.null == nil ? $0 : nil } }

  private func unexpected(_ node: Node, _ key: String, _ expected: String) -> DataError {
    error(.malformed("found \(Self.kind(of: node)), expected \(expected)"), at: key)
  }

  private static func number(_ node: Node) -> Double? {
    guard let text = node.scalar?.string else { return nil }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      Double(String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()))
    }
    guard numbers.count == parts.count, numbers.allSatisfy(\.isFinite) else { return nil }
    switch numbers.count {
    case 1: return numbers[0]
    case 2 where numbers[1] != 0: return numbers[0] / numbers[1]
    default: return nil
    }
  }

  private static func kind(of node: Node) -> String {
    if let scalar = node.scalar { return "'\(scalar.string.prefix(64))'" }
    return node.sequence != nil ? "a list" : "keys and values"
  }
}
