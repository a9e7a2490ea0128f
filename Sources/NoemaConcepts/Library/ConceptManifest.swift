internal import NoemaTensor
internal import Yams

/// What `concept.yaml` says about a concept's folder.
public struct ConceptManifest: Sendable, Hashable {
  /// The concept's name.
  public var name: String
  /// What the examples show, in one line.
  public var description: String
  /// What sort of concept it is.
  public var kind: ConceptKind
  /// Where the examples come from.
  public var source: String?
  /// The terms under which the examples may be used.
  public var licence: String?
  /// The generator that drew the examples, if one did.
  public var generator: String?
  /// The generator's seed.
  public var seed: UInt64?
  /// Width and height of the examples in pixels.
  public var size: Int?
  /// Channels of the examples: 1 for grey, 3 for RGB.
  public var channels: Int?
  /// How many examples the folder should hold.
  public var count: Int?

  /// The file's name within a concept's folder.
  public static let fileName = "concept.yaml"
  /// Longer files are refused: they describe no concept.
  static let byteLimit = 16_384
  static let keys = [
    "name", "description", "kind", "source", "licence", "generator", "seed", "size", "channels", "count",
  ]

  /// Makes a manifest.
  public init(
    name: String, description: String = "", kind: ConceptKind = .other, source: String? = nil,
    licence: String? = nil, generator: String? = nil, seed: UInt64? = nil, size: Int? = nil,
    channels: Int? = nil, count: Int? = nil
  ) {
    self.name = name
    self.description = description
    self.kind = kind
    self.source = source
    self.licence = licence
    self.generator = generator
    self.seed = seed
    self.size = size
    self.channels = channels
    self.count = count
  }

  /// Reads the text of a `concept.yaml`.
  ///
  /// - Parameters:
  ///   - yaml: The file's text; `name` is required, everything else may be left out.
  ///   - path: The file's path, for errors.
  /// - Throws: `LibraryError` for broken YAML, unknown or missing keys, and values that do not fit.
  public init(yaml: String, path: String) throws {
    guard yaml.utf8.count <= Self.byteLimit else {
      throw LibraryError(.yaml("\(yaml.utf8.count) bytes are too many for a concept; expected \(Self.byteLimit) at most"), at: path)
    }
    let entries = try Self.entries(of: yaml, path: path)
    func number<Value: FixedWidthInteger>(_ key: String, _ range: ClosedRange<Value>) throws -> Value? {
      guard let text = entries[key] else { return nil }
      guard let value = Value(text), range.contains(value) else {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        throw LibraryError(.value(key: key, found: text, expected: expected), at: path)
      }
      return value
    }
    guard let name = entries["name"] else { throw LibraryError(.missingKey("name"), at: path) }
    guard !name.isEmpty else {
      throw LibraryError(.value(key: "name", found: name, expected: "a name that is not empty"), at: path)
    }
    let kindName = entries["kind"] ?? ConceptKind.other.rawValue
    guard let kind = ConceptKind(rawValue: kindName) else {
      let names = ConceptKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw LibraryError(.value(key: "kind", found: kindName, expected: "one of \(names)"), at: path)
    }
    self.init(
      name: name, description: entries["description"] ?? "", kind: kind, source: entries["source"],
      licence: entries["licence"], generator: entries["generator"], seed: try number("seed", 0...UInt64.max),
      size: try number("size", 1...16_384), channels: try number("channels", 1...3),
      count: try number("count", 0...10_000_000))
  }

  /// The keys and their texts; the file is one flat mapping.
  private static func entries(of yaml: String, path: String) throws -> [String: String] {
    let node: Node?
    do {
      node = try Yams.compose(yaml: yaml)
    } catch {
      throw LibraryError(.yaml("not valid YAML (\(error))"), at: path)
    }
    guard case .mapping(let mapping)? = node else {
      throw LibraryError(.yaml("expected 'key: value' lines, found something else"), at: path)
    }
    var entries: [String: String] = [:]
    for (keyNode, valueNode) in mapping {
      guard case .scalar(let key) = keyNode else { throw LibraryError(.yaml("found a key that is no word"), at: path) }
      guard keys.contains(key.string) else {
        let suggestions = EditDistance.nearest(String(key.string.prefix(64)), in: keys)
        throw LibraryError(.unknownKey(key.string, suggestions: suggestions), at: path)
      }
      guard case .scalar(let value) = valueNode else {
        throw LibraryError(.value(key: key.string, found: "a list or mapping", expected: "a word, text or number"), at: path)
      }
      entries[key.string] = value.string
    }
    return entries
  }

  /// The text of a `concept.yaml`: keys in a fixed order, absent values left out.
  public func yaml() throws -> String {
    let values: [(String, String?)] = [
      ("name", name), ("description", description), ("kind", kind.rawValue), ("source", source),
      ("licence", licence), ("generator", generator), ("seed", seed.map { String($0) }),
      ("size", size.map { String($0) }), ("channels", channels.map { String($0) }),
      ("count", count.map { String($0) }),
    ]
    let numbers: Set = ["seed", "size", "channels", "count"]
    let pairs = values.compactMap { key, value in
      value.map { (Node(key), Node($0, Tag(numbers.contains(key) ? .int : .str))) }
    }
    return try Yams.serialize(node: Node(pairs), width: -1, allowUnicode: true)
  }
}
