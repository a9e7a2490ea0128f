internal import ArgumentParser
internal import Foundation
internal import Noema

/// What a result of `noema spray` keeps for `noema assign`, beside the maps.
struct StrategyFile: Codable {
  var schema = Self.schemaName
  /// The command line, which says how maps are made.
  var arguments: [String]
  /// The hash of the network; nothing where there was none.
  var model: String?
  /// Whether maps are for the classes of labels.
  var usesLabels: Bool
  var strategies: SavedStrategies

  static let schemaName = "noema.spray.strategies/1"
  static let name = "strategies.json"
  static let mapsName = "maps.npy"

  /// Reads what a result keeps.
  init(folder: String) throws {
    let path = "\(folder)/\(Self.name)"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw DataError(.missingFile, at: path)
    }
    do { self = try JSONDecoder().decode(Self.self, from: data) } catch {
      throw DataError(.malformed("these are no strategies of noema spray"), at: path)
    }
    guard schema == Self.schemaName else {
      throw DataError(.unsupported("schema \(schema); expected \(Self.schemaName)"), at: path)
    }
  }

  init(_ strategies: SavedStrategies, model: String?, usesLabels: Bool) {
    arguments = StudyFile.currentArguments
    (self.strategies, self.model, self.usesLabels) = (strategies, model, usesLabels)
  }

  /// The run that found the strategies, with all its settings.
  func earlier(at folder: String) throws -> SprayCommand {
    do { return try SprayCommand.parse(Array(arguments.dropFirst())) } catch {
      throw DataError(
        .malformed("its command line is none of this version's noema spray; run noema spray again"),
        at: "\(folder)/\(Self.name)")
    }
  }

  /// Writes strategies and maps.
  func write(_ result: SpRAYStudyResult, into folder: ResultFolder) throws {
    try folder.write(try jsonText(self), to: Self.name)
    let points = result.findings.map(\.maps.points)
    guard let width = points.first?.dimension else { return }
    var writer = try NPYWriter(
      path: try folder.makePath(for: Self.mapsName),
      shape: [points.reduce(0) { $0 + $1.count }, width], elementType: .float32)
    for part in points { try writer.append(Tensor(shape: [part.count, width], part.values)) }
    try writer.finish()
  }
}

/// What a result of strategies says about how it was made; the model is missing where there was none.
struct StrategyRun: Encodable {
  var model: RunRecord.ModelRecord?
  var data: [String: String]
  var settings: [String: String]
  var command: String
  var seed: UInt64
  var versions: [String: String]
  var timings: [String: Double]
  var peakMemoryBytes: Int

  init(
    _ material: StrategyMaterial, settings: [(name: String, value: String)], seed: UInt64,
    timings: [String: Double]
  ) {
    (model, data) = (material.model, material.data)
    self.settings = Dictionary(settings.map { ($0.name, $0.value) }) { first, _ in first }
    command = StudyFile.commandLine(StudyFile.currentArguments)
    self.seed = seed
    versions = ["noema": noemaVersion]
    self.timings = timings
    peakMemoryBytes = peakMemory()
  }
}
