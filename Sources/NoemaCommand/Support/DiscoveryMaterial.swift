internal import ArgumentParser
internal import Noema

/// Where concepts are sought, and what they are held against.
struct DiscoveryMaterial {
  let model: LoadedModel
  let dataset: Dataset
  /// The network, its layers, and the examples of the class.
  var subject: DiscoverySubject
  /// Examples of anything else; nil without a test.
  let random: RandomMaterial?
  /// What surrounds patches; nil for the kind's own.
  let fill: PatchFill?
  /// The tokens of an example of the class, where there is a vocabulary.
  let pieces: (@Sendable (Int) -> [Vocabulary.Piece])?
  /// What the reader should know.
  let notes: [String]

  init(_ command: ACECommand) throws {
    var model = try command.model.load()
    guard model.network.inputs.count == 1 else {
      throw ConceptError(
        .parameters(
          "concepts are sought in networks of one input, this one has \(model.network.inputs.count)"),
        at: command.model.model)
    }
    let layers = try model.layers(matching: command.layer)
    let index = try model.classIndex(
      command.target, count: try model.network.classCount(shapes: model.shapes))
    let feed = try command.data.feed(&model)
    let dataset = feed.dataset
    model.noteGuess(dataset.examples, command.options.quiet)
    let name = model.className(index)
    let chosen = try dataset.rows(of: name, index: index, text: command.target)
    let rows = chosen ?? Array(0..<dataset.examples.count)
    let text = try command.tokens.text(model, feed)
    let kind = command.segments.kind ?? Self.kind(model, dataset, isText: text != nil)
    var subject = DiscoverySubject(
      network: model.network, layers: layers, examples: ExampleSubset(dataset.examples, rows),
      target: .init(name: name, index: index))
    subject.kind = kind
    subject.shapes = model.shapes
    subject.memory = try command.options.memoryBudget()
    subject.skipsBad = command.options.skipBad
    if kind == .image {
      subject.preprocessing = model.preprocessing.flatMap {
        $0.shape == dataset.examples.exampleShape ? $0 : nil
      }
    }
    let pieces = text.map { text -> (@Sendable (Int) -> [Vocabulary.Piece]) in
      { text.pieces(of: rows[$0]) }
    }
    let examples = subject.examples
    let table = { try Self.table(examples) }
    let layout = try subject.layout()
    subject.segmenter = try command.segments.makeSegmenter(layout, pieces: pieces, table: table)
    fill = try command.segments.patchFill(kind, subject.preprocessing)
    var notes: [String] = []
    random =
      try command.worth.runs == 0
      ? nil : Self.random(command, &model, feed, rows, subject, hasLabels: chosen != nil, table, &notes)
    (self.model, self.dataset, self.subject, self.pieces, self.notes) = (
      model, dataset, subject, pieces, notes
    )
  }

  /// Images by their preprocessing or few channels, texts by whole numbers, tables by their columns' names.
  private static func kind(_ model: LoadedModel, _ dataset: Dataset, isText: Bool) -> ExampleLayout.Kind {
    let shape = dataset.examples.exampleShape
    if isText || !model.network.inputs[0].element.isFloat { return .text }
    if dataset.featureNames != nil { return .table }
    if dataset.examples.areImages || shape.count == 3 || shape == model.preprocessing?.shape { return .image }
    return shape.count == 2 ? .signal : .table
  }

  /// The rows of a table.
  private static func table(_ examples: any ExampleSource) throws -> PointSet {
    let values = try (0..<examples.count).flatMap {
      try examples.tensor(at: $0).elements(as: Float.self)
    }
    return try PointSet(values, count: examples.count, dimension: examples.exampleSize)
  }

  // MARK: Random examples

  private static func random(
    _ command: ACECommand, _ model: inout LoadedModel, _ feed: ExampleFeed, _ rows: [Int],
    _ subject: DiscoverySubject, hasLabels: Bool, _ table: () throws -> PointSet, _ notes: inout [String]
  ) throws -> RandomMaterial {
    guard let path = command.random else {
      let examples = feed.dataset.examples, others = examples.indices(beside: Set(rows))
      guard hasLabels, !others.isEmpty else {
        throw ValidationError(
          "Give --random with examples of other things to hold concepts against, or --runs 0 for no test.")
      }
      return RandomMaterial(
        examples: ExampleSubset(examples, others),
        segmenter: try segmenter(command, model, feed, others, subject, table),
        isCut: !command.worth.wholeRandom)
    }
    let opened = try open(path, command, &model)
    let examples = opened.dataset.examples
    // The class among random examples would make its own concepts look like chance.
    let own = Set(subject.examples.contentHashes().compactMap { $0 })
    let hashes = examples.contentHashes()
    let kept = hashes.indices.filter { row in hashes[row].map { !own.contains($0) } ?? true }
    if kept.count < examples.count {
      notes.append(
        "\(examples.count - kept.count) of the random examples are examples of the class, and were left out")
    }
    guard !kept.isEmpty else {
      throw ConceptError(.tooFew(set: "the set of random examples", found: 0, needed: 2), at: path)
    }
    return RandomMaterial(
      examples: ExampleSubset(examples, kept),
      segmenter: try segmenter(command, model, opened, kept, subject, table),
      isCut: !command.worth.wholeRandom)
  }

  private static func open(
    _ path: String, _ command: ACECommand, _ model: inout LoadedModel
  ) throws -> ExampleFeed {
    guard model.network.inputs[0].element.isFloat else {
      var options = command.data.examples
      options.labels = nil
      options.array = nil
      options.limit = nil
      return try options.feed(path, &model)
    }
    return ExampleFeed(try Dataset(path: path, options: command.data.options(model).inputs))
  }

  /// What divides random examples; nil for what divides those of the class.
  private static func segmenter(
    _ command: ACECommand, _ model: LoadedModel, _ feed: ExampleFeed, _ rows: [Int],
    _ subject: DiscoverySubject, _ table: () throws -> PointSet
  ) throws -> (any Segmenter)? {
    // Only phrases know their examples.
    guard subject.segmenter is PhraseSegmenter, let text = try command.tokens.text(model, feed) else {
      return nil
    }
    return try command.segments.makeSegmenter(
      try subject.layout(), pieces: { text.pieces(of: rows[$0]) }, table: table)
  }
}

extension ExampleSource {
  /// All indices but some.
  fileprivate func indices(beside some: Set<Int>) -> [Int] { (0..<count).filter { !some.contains($0) } }
}
