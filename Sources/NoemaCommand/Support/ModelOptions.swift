internal import ArgumentParser
internal import Foundation
internal import Noema

/// The model, how its inputs are made, and what its outputs mean.
struct ModelOptions: ParsableArguments {
  @Option(help: "The ONNX file.") var model: String
  @OptionGroup var inputs: InputOptions
  @Option(help: "A file of class names, one a line, in the order of the outputs.") var classes: String?

  /// Opens the network and works out how its inputs are made.
  func load() throws -> LoadedModel { try inputs.load(model, classes: classes) }
}

/// A network ready for data.
struct LoadedModel {
  var network: Network
  var preprocessing: Preprocessing?
  var classNames: [String]
  var shapes: [String: [Int]]
  /// Whether the preprocessing was worked out from the input's shape.
  var isGuess: Bool
  /// The flags that were given of those that describe how images become inputs.
  var imageFlags: [String] = []
  /// What the whole numbers of an input stand for, where the card says so.
  var vocabulary: Vocabulary?

  /// The graph at a batch size, for its layers.
  func layers(matching queries: [String]) throws -> [Layer] {
    let all = try network.graph(batch: network.fixedBatch ?? 1, shapes: shapes).layers()
    guard !queries.isEmpty else {
      throw ValidationError("Give at least one --layer; `noema inspect` lists them.")
    }
    var chosen: [Layer] = []
    for query in queries {
      for layer in try all.matching(query) where !chosen.contains(layer) { chosen.append(layer) }
    }
    return all.filter(chosen.contains)
  }

  /// The one layer that a name stands for.
  func layer(matching query: String) throws -> Layer {
    let found = try layers(matching: [query])
    guard found.count == 1 else { throw GraphError(.ambiguousName(query, candidates: found.map(\.name))) }
    return found[0]
  }

  /// The index of a class by name or number.
  func classIndex(_ text: String, count: Int? = nil) throws -> Int {
    let named = classNames.indices.filter { classNames[$0] == text }
    if named.count > 1 {
      throw ConceptError(
        .parameters(
          "several classes are called '\(text)' (\(named.map(String.init).joined(separator: ", "))); use the index"
        ))
    }
    if let index = named.first { return index }
    if let index = Int(text) {
      guard index >= 0, index < count ?? (classNames.isEmpty ? Int.max : classNames.count) else {
        throw ConceptError(
          .unknownName(text, what: "class (the network has \(count ?? classNames.count))", suggestions: []))
      }
      return index
    }
    let folded = classNames.indices.filter { classNames[$0].lowercased() == text.lowercased() }
    if folded.count == 1 { return folded[0] }
    if classNames.isEmpty {
      throw ConceptError(
        .parameters(
          "class '\(text)' is no number, and the model card lists no class names; use the index or --classes")
      )
    }
    throw ConceptError(
      .unknownName(text, what: "class", suggestions: EditDistance.nearest(text, in: classNames)))
  }

  /// The name of a class, or its number.
  func className(_ index: Int) -> String {
    classNames.indices.contains(index) ? classNames[index] : String(index)
  }

  /// Says on stderr that inputs are made of images by a guess.
  func noteGuess(_ examples: any ExampleSource, _ isQuiet: Bool) {
    guard isGuess, let preprocessing, examples.areImages, !isQuiet else { return }
    note(
      "no model card says how inputs are made: images become \(preprocessing.width)×\(preprocessing.height), bytes × "
        + String(format: "%.4g", preprocessing.scale)
        + ", no mean or std; give --mean, --std … or a card if that is wrong"
    )
  }
}
