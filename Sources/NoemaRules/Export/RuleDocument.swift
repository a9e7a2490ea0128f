internal import Foundation
public import NoemaData
internal import NoemaTensor

/// Rules of any form as a JSON file, `noema.rules/1`.
///
/// Features and classes are named; numbers read back as the same doubles. Keys are in alphabetical order, so that equal
/// rules give equal bytes. `docs/rules.md` lists the keys.
public enum RuleDocument: Sendable, Hashable {
  /// A rule set.
  case set(RuleSet)
  /// A rule list.
  case list(RuleList)
  /// A tree.
  case tree(DecisionTree)

  /// The name and version of the format.
  public static let schema = "noema.rules/1"

  /// The largest file that is read, in bytes.
  public static let maximumByteCount = 1 << 28

  /// Reads a file.
  ///
  /// - Throws: `DataError` when the file is missing or cannot be read, `RuleError` as ``init(json:at:)``.
  public init(path: String) throws {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let attributes else { throw DataError(.missingFile, at: path) }
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let resolved = (try? FileManager.default.attributesOfItem(atPath: target)) ?? attributes
    // A named pipe would wait for a writer.
    guard resolved[.type] as? FileAttributeType == .typeRegular else {
      throw DataError(.unreadable("this is not a regular file; name a file"), at: path)
    }
    let byteCount = (resolved[.size] as? NSNumber)?.intValue ?? 0
    guard byteCount <= RuleDocument.maximumByteCount else {
      throw DataError(
        .tooLarge("the file has \(byteCount) bytes, the limit is \(RuleDocument.maximumByteCount)"), at: path)
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw DataError(.unreadable("the file cannot be read"), at: path)
    }
    try self.init(json: [UInt8](data), at: path)
  }

  /// Reads a document.
  ///
  /// - Parameter place: what errors name as the place.
  /// - Throws: `RuleError.malformed` when the bytes are not such a document, or name features, levels or classes that
  ///   it does not list.
  public init(json: [UInt8], at place: String = "") throws(RuleError) {
    let record: RuleRecord
    do {
      record = try JSONDecoder().decode(RuleRecord.self, from: Data(json))
    } catch let error as RuleError {
      throw RuleError(error.kind, at: [place, error.place].filter { !$0.isEmpty }.joined(separator: ": "))
    } catch {
      throw RuleError(
        .malformed("this is no rule file (\(RuleDocument.schema)): \(RuleRecord.reason(error))"), at: place)
    }
    do {
      self = try record.document()
    } catch {
      throw RuleError(error.kind, at: [place, error.place].filter { !$0.isEmpty }.joined(separator: ": "))
    }
  }

  /// The document as JSON.
  public var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // All numbers are finite, by the checks of the initialisers.
    return [UInt8]((try? encoder.encode(RuleRecord(self))) ?? Data())
  }

  /// Writes the document to a file, which appears whole or not at all.
  ///
  /// - Throws: `DataError` when writing fails.
  public func write(to path: String) throws(DataError) { try WholeFile.write(json + [0x0A], to: path) }

  /// The rules for prediction.
  public var model: any RuleModel {
    switch self {
    case .set(let rules): rules
    case .list(let list): list
    case .tree(let tree): tree
    }
  }
}

extension RuleSet: Codable {
  /// Reads a `noema.rules/1` document of a rule set.
  public init(from decoder: any Decoder) throws {
    guard case .set(let rules) = try RuleRecord(from: decoder).document() else {
      throw RuleError(.malformed("the document holds a list or a tree, not a rule set"))
    }
    self = rules
  }

  /// Writes a `noema.rules/1` document.
  public func encode(to encoder: any Encoder) throws { try RuleRecord(.set(self)).encode(to: encoder) }
}

extension RuleList: Codable {
  /// Reads a `noema.rules/1` document of a rule list.
  public init(from decoder: any Decoder) throws {
    guard case .list(let list) = try RuleRecord(from: decoder).document() else {
      throw RuleError(.malformed("the document holds a set or a tree, not a rule list"))
    }
    self = list
  }

  /// Writes a `noema.rules/1` document.
  public func encode(to encoder: any Encoder) throws { try RuleRecord(.list(self)).encode(to: encoder) }
}

extension DecisionTree: Codable {
  /// Reads a `noema.rules/1` document of a tree.
  public init(from decoder: any Decoder) throws {
    guard case .tree(let tree) = try RuleRecord(from: decoder).document() else {
      throw RuleError(.malformed("the document holds rules, not a tree"))
    }
    self = tree
  }

  /// Writes a `noema.rules/1` document.
  public func encode(to encoder: any Encoder) throws { try RuleRecord(.tree(self)).encode(to: encoder) }
}
