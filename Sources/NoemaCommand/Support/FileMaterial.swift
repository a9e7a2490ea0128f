internal import Foundation
internal import Noema

extension AttributionFile {
  /// How many maps are read at a time.
  private static let batchSize = 256

  /// Prepares the maps of the file, class by class.
  ///
  /// - Parameters:
  ///   - options: labels and class names.
  ///   - network: the network that the maps are of, with its data; nil where it is not given.
  func material(
    _ request: RelevanceRequest, _ options: NetworkOptions, _ network: NetworkData?, _ progress: ProgressBar
  ) throws -> StrategyMaterial {
    var names = try network?.names ?? ClassNames(options.classNames.map { try Dataset.readLabels($0) } ?? [])
    try check(network)
    let count = min(count, options.examples.limit ?? count)
    let labels = try rowLabels(options, network, &names)
    let answers = self.answers
    let (targets, areLabels) = try targets(request.target, labels, answers)
    let chosen = try targets.map { targets in
      try request.classes.numbers(targets.prefix(count).map { $0 }) { text, known in
        try network?.model.classIndex(text, count: network?.classCount) ?? names.index(text, among: known)
      }
    }
    if targets == nil, !request.classes.isAll {
      throw DataError(.parameters("--classes needs labels; give them with --labels"), at: path)
    }
    var collectors: [Int: RelevanceCollector] = [:]
    for number in chosen ?? [0] { collectors[number] = try RelevanceCollector(request.preprocessing) }
    for start in stride(from: 0, to: count, by: Self.batchSize) {
      let rows = start..<min(start + Self.batchSize, count)
      let maps = try self.maps(rows)
      for (number, part) in Dictionary(grouping: rows, by: { targets?[$0] ?? 0 })
      where collectors[number] != nil {
        let examples = part.map { row in
          RelevanceExample(
            index: samples[row], name: network?.dataset.examples.name(of: samples[row]) ?? name(of: row),
            label: labels?[row], prediction: answers?[row])
        }
        let own = try Tensor.stacked(part.map { maps.rows($0 - start..<$0 - start + 1) })
        try collectors[number]?.append(own, of: examples)
      }
      progress("reading maps", rows.upperBound, count)
    }
    return StrategyMaterial(
      groups: try (chosen ?? [0]).map { number in
        try .init(
          name: chosen == nil ? "all examples" : names.name(number), target: chosen == nil ? nil : number,
          relevance: collectors[number] ?? RelevanceCollector(request.preprocessing))
      },
      method: "maps of \((path as NSString).lastPathComponent)", layer: "as given", usesLabels: areLabels,
      names: names, network: network, model: network?.record,
      data: ["maps": path, "mapsSHA256": try hash()].merging(
        network.map { ["path": $0.dataPath, "sha256": $0.dataHash] } ?? [:]
      ) { first, _ in first },
      relevance: relevance, outputs: outputs(network))
  }

  /// Refuses data that are not those of the maps.
  private func check(_ network: NetworkData?) throws {
    guard let count = network?.dataset.examples.count, let row = samples.firstIndex(where: { $0 >= count })
    else {
      return
    }
    throw DataError(
      .malformed(
        "map \(row) is of example \(samples[row]), but the data has \(count) examples; give those that were explained"
      ),
      at: path)
  }

  /// The class of each map by `--labels`, by the file, or by the data; nil where nobody says.
  private func rowLabels(
    _ options: NetworkOptions, _ network: NetworkData?, _ names: inout ClassNames
  ) throws -> [Int]? {
    if let network {
      guard network.dataset.labels != nil, options.examples.labels != nil || labels == nil else {
        return labels
      }
      let known = network.labels ?? []
      let found = samples.compactMap { known[$0] }
      guard found.count == samples.count || options.examples.labels != nil else { return nil }
      // Says which label is no class.
      return try samples.map { sample in
        try known[sample]
          ?? network.model.classIndex(
            network.dataset.labels?[sample] ?? "", count: network.classCount)
      }
    }
    guard let file = options.examples.labels else { return labels }
    let words = try Dataset.readLabels(file)
    guard words.count == count else {
      throw DataError(.malformed("\(words.count) labels for the \(count) maps of \(path)"), at: file)
    }
    return names.numbers(of: words)
  }

  /// The class that each map is for; nil for maps of which nothing is known, which are one class.
  private func targets(
    _ wanted: ExplainedClass?, _ labels: [Int]?, _ answers: [Int]?
  ) throws -> (classes: [Int]?, areLabels: Bool) {
    switch wanted {
    case .label:
      guard let labels else {
        throw DataError(.parameters("--target label needs labels; give them with --labels"), at: path)
      }
      return (labels, true)
    case .predicted:
      guard let answers else {
        throw DataError(
          .parameters("--target predicted needs the array 'prediction' of an HDF5 file"), at: path)
      }
      return (answers, false)
    case nil: return labels.map { ($0, true) } ?? (answers, false)
    }
  }

  /// The maps of some examples, by their numbers in the data set.
  private func relevance(_ examples: [Int]) throws -> Tensor {
    let rows = Dictionary(samples.enumerated().map { ($1, $0) }) { first, _ in first }
    return try Tensor.stacked(
      try examples.map { example in
        guard let row = rows[example] else {
          throw DataError(.malformed("there is no map of example \(example)"), at: path)
        }
        return try maps(row..<row + 1).converted(to: .float32)
      })
  }

  /// The outputs by the file, or by the network.
  private func outputs(_ network: NetworkData?) -> (([Int]) throws -> Tensor)? {
    guard let predictions else { return network?.outputs }
    let rows = Dictionary(samples.enumerated().map { ($1, $0) }) { first, _ in first }
    return { examples in
      try Tensor.stacked(
        examples.map { example in
          let row = rows[example] ?? 0
          return predictions.rows(row..<row + 1)
        })
    }
  }

  private func hash() throws -> String {
    let file = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    return file.withUnsafeBytes { SHA256.hexadecimal(of: $0) }
  }
}
