internal import Noema

/// What channels and concepts contribute, and what inputs were compared with, as a report shows them.
extension ExplanationDrawing {
  /// Inputs that get maps of their channels, and maps of each; pictures of references.
  private static let mappedInputs = 6, mapsOfEach = 3, mostReferences = 12
  /// Channels whose examples are shown.
  private static let shownChannels = 6

  // MARK: Channels

  /// The channels of a layer with their means over all examples, and maps of each example's strongest.
  ///
  /// - Parameter limit: how many channels are listed.
  func shares(
    of found: ExplainedChannels, limit: Int, layer: String, _ subject: Subject, _ settings: MethodSettings
  ) -> ExplanationShares {
    let errors = found.standardErrors
    var table = ExplanationShares(
      title: "Relevance of the channels of \(layer)",
      guide: "Means over \(names.count == 1 ? "the input" : "all \(names.count) inputs")"
        + (errors == nil ? "" : ", with the standard error of the mean")
        + ". Shares are of the sum of the magnitudes of all \(found.means.count) channels; those below 0 speak "
        + "against the output.",
      noun: "channel", whole: "all channels",
      parts: found.means.enumerated().map { channel, mean in
        .init(String(channel), relevance: mean, standardError: errors?[channel])
      })
    table.limit = limit
    do {
      table.examples = try channelExamples(found, layer: layer, subject, settings)
      table.maps = try channelMaps(subject, settings)
    } catch {
      // The channels themselves were found: a page without their maps is better than none.
      table.guide += " Maps of them could not be made: \(error)."
    }
    return table
  }

  /// The method whose channels are told apart; nil where its inputs are no images.
  private func channelMethod(_ settings: MethodSettings) throws -> ChannelRelevance? {
    let shape = feed.dataset.examples.exampleShape
    guard model.network.inputs.count == 1, model.network.inputs[0].element.isFloat,
      AttributionMap([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape) != nil
    else { return nil }
    return try MethodDescription.named(ExplainedChannels.method).method(settings) as? ChannelRelevance
  }

  /// For each of the channels with the largest mean the inputs in which it has most relevance, and over each where the
  /// channel finds it.
  private func channelExamples(
    _ found: ExplainedChannels, layer: String, _ subject: Subject, _ settings: MethodSettings
  ) throws -> [ExplanationThumbnails] {
    guard let method = try channelMethod(settings) else { return [] }
    let shape = feed.dataset.examples.exampleShape
    var below = subject
    (below.layers, below.examples, below.maximumBatch) = ([], 1, 1)
    return try found.channels.prefix(Self.shownChannels).filter { !$0.examples.isEmpty }.map { channel in
      let attributor = try ConceptRelevance(
        [.init(layer, .channels([channel.channel]))], composite: method.composite, start: method.start,
        excludesParallel: method.excludesParallel, layout: method.layout
      ).attributor(for: below)
      return ExplanationThumbnails(
        title: "Channel \(channel.channel) has most relevance in",
        note: "on average \(NumberText.compact(channel.meanRelevance))",
        pictures: try channel.examples.compactMap { example in
          let part = try attributor.attribute(
            try feed.example(example.row), classes: [classes[example.row]], first: example.row)
          guard let input = try picture(example.row),
            let map = AttributionMap(part.values[0].elements(as: Float.self), shape: shape)
          else { return nil }
          return .init(
            map.image(over: input), name: example.name, note: NumberText.compact(example.relevance))
        })
    }
  }

  /// For each of the first images the input and the maps of the channels that pass most of its relevance.
  private func channelMaps(_ subject: Subject, _ settings: MethodSettings) throws -> [ExplanationThumbnails] {
    let shape = feed.dataset.examples.exampleShape
    guard let outcome = outcomes.first(where: { $0.name == ExplainedChannels.method }),
      var method = try channelMethod(settings)
    else { return [] }
    var below = subject
    method.layer = subject.layers.first
    (below.layers, below.examples, below.maximumBatch) = ([], 1, 1)
    let maps = min(Self.mapsOfEach, outcome.shapes[0].reduce(1, *))
    let reader = try method.reader(for: below, maps: maps)
    return try (0..<min(count, Self.mappedInputs)).map { row in
      let readings = try reader(feed.example(row), classes: [classes[row]], first: row)
      let relevance = readings.relevance.sums.elements(as: Float.self)
      let input = try picture(row).map { ExplanationThumbnails.Picture($0, name: "input") }
      let parts = zip(readings.mapChannels[0], readings.maps).compactMap { channel, tensors in
        AttributionMap(tensors[0].elements(as: Float.self), shape: shape).map { map in
          ExplanationThumbnails.Picture(
            map.image(), name: "channel \(channel)", note: NumberText.compact(Double(relevance[channel])))
        }
      }
      return ExplanationThumbnails(
        title: "\(names[row]): by way of its strongest channels", note: targets[row],
        pictures: (input.map { [$0] } ?? []) + parts)
    }
  }

  // MARK: Concepts

  /// What of each input's output passes the concept; none where ways around it are counted, too.
  func shares(ofConcept concept: String) -> [ExplanationShares] {
    guard let outcome = outcomes.first(where: { $0.name == "concept-relevance" }),
      let relevance = outcome.expected
    else { return [] }
    let mean = relevance.reduce(0, +) / Double(relevance.count)
    let output = outcome.outputs.reduce(0, +) / Double(relevance.count)
    var guide =
      "The relevance that passes the concept at its layer, and the share that it is of the input's output. The mean "
      + "is \(NumberText.compact(mean)) of \(NumberText.compact(output))"
    if relevance.count > 1 {
      let squares = relevance.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let error = (squares / Double(relevance.count - 1) / Double(relevance.count)).squareRoot()
      guide += ", with a standard error of \(NumberText.compact(error)) over the inputs"
    }
    let table = ExplanationShares(
      title: "Relevance of the concept \(concept)", guide: guide + ".", noun: "input", whole: "the output",
      parts: relevance.indices.map { row in
        .init(
          names[row], relevance: relevance[row],
          share: outcome.outputs[row] == 0 ? .nan : relevance[row] / outcome.outputs[row])
      })
    return [table]
  }

  // MARK: References

  /// The first references, where some method reads them and they are images like the inputs.
  func pictures(
    of references: [Tensor], from file: String
  ) -> (guide: String, pictures: ExplanationThumbnails)? {
    let readers = outcomes.map(\.name).filter { name in
      MethodDescription.all.contains { $0.name == name && $0.readsReferences }
    }
    let shape = feed.dataset.examples.exampleShape
    guard !readers.isEmpty, references.count == 1, let all = references.first, let rows = all.shape.first,
      rows > 0, Array(all.shape.dropFirst()) == shape
    else { return nil }
    let shown = min(rows, Self.mostReferences)
    let values = all.rows(0..<shown).converted(to: .float32).elements(as: Float.self)
    let size = values.count / shown
    let pictures = (0..<shown).compactMap { row in
      picture(of: Array(values[row * size..<(row + 1) * size])).map {
        ExplanationThumbnails.Picture($0, name: String(row))
      }
    }
    guard !pictures.isEmpty else { return nil }
    let extent = shown < rows ? "the first \(shown) of \(rows)" : rows == 1 ? "the only one" : "all \(rows)"
    return (
      guide:
        "The reference inputs of \(readers.joined(separator: ", ")), \(extent), by their rows in the "
        + "file, counted from 0. What an input shares with all of them gets no attribution.",
      pictures: ExplanationThumbnails(title: "References", note: file, pictures: pictures)
    )
  }
}
