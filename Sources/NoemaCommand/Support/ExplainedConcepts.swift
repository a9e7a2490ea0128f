internal import ArgumentParser
internal import Foundation
internal import Noema

/// The concepts that relevance is to pass.
struct ConceptOptions: ParsableArguments {
  @Option(
    name: .customLong("concept"),
    help: """
      What concept-relevance passes at a layer, as LAYER=3,17 for channels, LAYER=direction.npy, or LAYER=striped for \
      a concept of --cavs. Repeatable: all must be met.
      """)
  var concepts: [String] = []
  @Option(help: "The result folder of noema tcav that concepts are taken from.") var cavs: String?
  @Flag(
    name: .customLong("with-parallel"),
    help: "Add the relevance that leads around the layers of concepts.")
  var withParallel = false

  /// What `--concept` says of a layer.
  private struct Request {
    let layer: String
    let concept: String

    init(_ text: String) throws {
      guard let sign = text.firstIndex(of: "="), sign > text.startIndex,
        case let rest = text[text.index(after: sign)...], !rest.isEmpty
      else {
        throw ValidationError(
          "--concept expects LAYER=CONCEPT, as layer4=3,17 or layer4=striped, found '\(text)'.")
      }
      (layer, concept) = (String(text[..<sign]), String(rest))
    }

    /// The numbers of channels; nil where it is something else.
    var channels: Set<Int>? {
      let numbers = concept.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
      let known = numbers.compactMap { $0 }
      return known.count == numbers.count ? Set(known) : nil
    }

    var isFile: Bool { channels == nil && concept.lowercased().hasSuffix(".npy") }
  }

  /// The conditions as the method takes them.
  func conditions(_ model: LoadedModel) throws -> [ConceptRelevance.Condition] {
    let requests = try concepts.map { try Request($0) }
    if let cavs, requests.allSatisfy({ $0.channels != nil || $0.isFile }) {
      throw ValidationError(
        "--cavs \(cavs) is a study, but no concept of it is named: add --concept LAYER=NAME.")
    }
    let saved = try cavs.map { try SavedCAV.read(folder: $0) }
    return try requests.map { request in
      let layer = try model.layer(matching: request.layer).onnxValue
      if let channels = request.channels { return .init(layer, .channels(channels)) }
      if request.isFile {
        let array = try NPYFile.read(request.concept).converted(to: .float64)
        return .init(layer, .direction(array.elements(as: Double.self)))
      }
      guard let saved else {
        throw ValidationError(
          "'\(request.concept)' is neither channels nor a .npy file; give the study of the concept with --cavs."
        )
      }
      let cav = try cav(request.concept, at: layer, among: saved, model)
      return .init(layer, .direction(cav.direction.map { Double($0) }))
    }
  }

  /// A study's CAV of a concept at a layer.
  private func cav(
    _ concept: String, at layer: String, among saved: [SavedCAV], _ model: LoadedModel
  ) throws -> SavedCAV {
    let there = saved.filter { $0.onnxValue == layer }
    let named = there.filter { $0.concept == concept }
    // A study of several networks has a concept's CAV for each.
    guard let cav = named.first(where: { $0.modelHash == model.network.hash }) ?? named.first else {
      let known = Array(Set(there.map(\.concept))).sorted()
      throw ConceptError(
        .unknownName(
          concept, what: "concept at '\(layer)' in that study",
          suggestions: EditDistance.nearest(concept, in: known)), at: cavs ?? "")
    }
    try cav.check(
      model: model.network, onnxValue: layer, pooling: cav.pooling, featureCount: cav.direction.count)
    return cav
  }

  /// What a result records, where anything was given.
  var record: [(String, String?)] {
    [
      ("concept", concepts.isEmpty ? nil : concepts.joined(separator: " ")), ("cavs", cavs),
      ("with-parallel", withParallel ? "true" : nil),
    ]
  }

  /// The files that conditions are read from.
  func files() throws -> [String] {
    let requests = try concepts.map { try Request($0) }
    return requests.filter(\.isFile).map(\.concept)
      + (cavs.map { ["\($0)/result.json", "\($0)/cavs.npy"] } ?? [])
  }
}
