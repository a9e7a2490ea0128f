import Foundation
import NoemaTensor

@testable import NoemaRules

/// Rules of every form and a table on their boundaries.
enum ExportCases {
  static func documents(seed: UInt64) throws -> [RuleDocument] {
    var source = RandomRuleSource(seed: seed)
    var documents: [RuleDocument] = []
    for resolution in ConflictResolution.allCases {
      for numbers in [false, true] {
        let rules = try source.ruleSet(12, resolution, numbers: numbers)
        documents.append(.set(rules))
        if let list = rules.list { documents.append(.list(list)) }
      }
    }
    for _ in 0..<6 {
      documents.append(.tree(try source.tree(depth: 5)))
      documents.append(.tree(try source.tree(depth: 4, numbers: true)))
    }
    documents.append(
      .set(
        try RuleSet(
          features: RandomRuleSource.features, classes: RandomRuleSource.classes, rules: [],
          defaultConclusion: .label(1))))
    return documents
  }

  static func table(seed: UInt64, _ count: Int) throws -> RuleTable {
    var source = RandomRuleSource(seed: seed)
    return try source.table(count)
  }

  /// The answers as text: names of classes, or numbers in 17 digits.
  static func answers(_ document: RuleDocument, _ table: RuleTable) throws -> [String] {
    try document.model.conclusions(on: table).map { text($0, document.model) }
  }

  static func text(_ conclusion: Conclusion, _ model: any RuleModel) -> String {
    switch conclusion {
    case .label(let label): model.classes[label]
    case .value(let value): number(value)
    }
  }

  static func number(_ value: Double) -> String { String(format: "%.17g", value + 0) }
}

/// A program of the system that a test may use when it is there.
enum Tool {
  static func exists(_ name: String) -> Bool { (try? run(name, ["--version"], input: ""))?.status == 0 }

  static func run(_ name: String, _ arguments: [String], input: String) throws -> (
    status: Int32, output: String
  ) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "noema-rules-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files rather than pipes: neither side waits for the other.
    let (source, result) = (folder.appendingPathComponent("in"), folder.appendingPathComponent("out"))
    try Data(input.utf8).write(to: source)
    try Data().write(to: result)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.standardInput = try FileHandle(forReadingFrom: source)
    process.standardOutput = try FileHandle(forWritingTo: result)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: try Data(contentsOf: result), as: UTF8.self))
  }
}
