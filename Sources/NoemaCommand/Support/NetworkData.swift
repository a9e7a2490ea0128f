internal import ArgumentParser
internal import Foundation
internal import Noema

/// A network and the examples that it is asked about.
struct NetworkData {
  let model: LoadedModel
  let dataset: Dataset
  /// The number of classes; nil when the output has no axis of them.
  let classCount: Int?
  let subject: Subject
  /// The names of what receives relevance.
  let layer: String
  /// The axes of one example there.
  let rank: Int
  /// The file and the hash of the data.
  let dataPath, dataHash: String

  /// Opens both; nil where they are not given.
  init?(_ options: NetworkOptions, layer: String?, scale: OutputScale, _ run: RunOptions) throws {
    guard let file = options.model, let data = options.data else { return nil }
    var model = try options.inputs.load(file, classes: options.classNames)
    let feed = try options.examples.feed(data, &model)
    model.noteGuess(feed.dataset.examples, run.quiet)
    var subject = Subject(
      model.network, layers: try layer.map { [try model.layer(matching: $0).onnxValue] } ?? [])
    (subject.scale, subject.shapes, subject.examples) = (scale, model.shapes, feed.count)
    subject.memory = try run.memoryBudget() / 2
    (self.model, self.subject, dataset) = (model, subject, feed.dataset)
    classCount = try model.network.classCount(shapes: model.shapes)
    self.layer = subject.layers.isEmpty ? "input" : subject.layers.joined(separator: ", ")
    rank = try ExplainedPlace(layer, nil, model).rank
    (dataPath, dataHash) = (data, feed.dataset.hash())
  }

  var names: ClassNames { ClassNames(model.classNames) }

  /// Whether relevance of the inputs has its channels last, as the inputs have.
  var hasChannelsLast: Bool {
    let shape = dataset.examples.exampleShape
    return subject.layers.isEmpty && shape.count == 3 && shape[0] > 4 && shape[2] <= 4
  }

  var record: RunRecord.ModelRecord {
    RunRecord.ModelRecord(
      file: (model.network.path as NSString).lastPathComponent, sha256: model.network.hash,
      opset: model.network.opsets)
  }

  /// Where strategies are put to the network.
  func stage() throws -> SpRAYStudy.Stage { try SpRAYStudy.Stage(subject, inputs: dataset.examples) }

  /// The outputs for some examples.
  func outputs(_ examples: [Int]) throws -> Tensor {
    let runner = try SubjectRunner(subject, rows: examples.count)
    let reader = BatchReader(dataset.examples, indices: examples, batchSize: runner.batchSize)
    var parts: [Tensor] = []
    while let batch = try reader.read() { parts.append(try runner([batch.inputs]).output) }
    return try Tensor.stacked(parts)
  }

  /// The numbers of the classes that labels name; nil for labels that name none.
  var labels: [Int?]? {
    dataset.labels.map { words in
      let numbers = Dictionary(
        uniqueKeysWithValues: Set(words).map { ($0, try? model.classIndex($0, count: classCount)) })
      return words.map { numbers[$0] ?? nil }
    }
  }

  /// The class that each example is explained for, and whether that is its label.
  ///
  /// - Parameters:
  ///   - wanted: nil for labels where all of them are classes.
  ///   - answers: the network's.
  func targets(
    _ wanted: ExplainedClass?, answers: [Int?], note: (String) -> Void
  ) throws -> (classes: [Int?], areLabels: Bool) {
    guard wanted != .predicted, let words = dataset.labels else {
      guard wanted != .label else {
        throw DataError(.parameters("--target label needs labels: sub-folders, a label column, or --labels"))
      }
      return (answers, false)
    }
    let labels = self.labels ?? []
    guard let stray = labels.firstIndex(where: { $0 == nil }) else { return (labels, true) }
    if wanted == .label { _ = try model.classIndex(words[stray], count: classCount) }
    note("label '\(words[stray])' is no class of the network; its own answers are explained instead")
    return (answers, false)
  }
}

/// What makes relevance of a network's examples.
struct RelevanceRequest {
  var method: String
  var settings: MethodOptions
  var preprocessing: RelevancePreprocessing
  var target: ExplainedClass?
  var classes: ChosenClasses

  /// In the place of a method: what a hidden layer holds.
  static let activations = "activations"

  /// The method by its name.
  func description() throws -> MethodDescription? {
    method == Self.activations ? nil : try MethodDescription.named(method)
  }

  private func attributionMethod(_ network: NetworkData) throws -> any AttributionMethod {
    guard let description = try description() else { return LayerActivations() }
    let values = try network.subject.attributedNames()
    let settings = try settings.settings(values, network.model)
    // Examples are taken class by class, so that those of another would get them.
    if settings.groups?.contains(where: { $0.rank > network.rank && $0.shape[0] > 1 }) == true {
      throw DataError(
        .parameters("groups for each example do not go with strategies; give one group an element"),
        at: self.settings.groups ?? "")
    }
    return try description.method(settings)
  }

  /// Explains the examples of a network.
  ///
  /// - Parameter scratch: keeps relevance as the method makes it; nil where nobody will ask for it.
  func material(
    of network: NetworkData, _ run: RunOptions, scratch: RelevanceScratch?, _ progress: ProgressBar
  ) throws -> StrategyMaterial {
    var capture = RelevanceCapture(network.subject, by: try attributionMethod(network))
    capture.preprocessing = preprocessing
    // Activation maps lie as their layer does.
    if network.hasChannelsLast, try description()?.family != .maps {
      capture.preprocessing.hasChannelsLast = true
    }
    let examples = network.dataset.examples
    let (indices, unreadable) =
      run.skipBad ? try ExampleFeed(network.dataset).readable(progress) : (Array(0..<examples.count), [])
    var answers = [Int?](repeating: nil, count: examples.count)
    let found = try capture.answers(examples, indices: indices) { progress($0, $1, $2) }
    for (index, answer) in zip(indices, found) { answers[index] = answer }
    let unanswered = zip(indices, found).filter { $1 == nil }.map { index, _ in
      "\(examples.name(of: index)): the output is NaN or infinite"
    }
    let (targets, areLabels) = try network.targets(target, answers: answers) { if !run.quiet { note($0) } }
    let chosen = try classes.numbers(indices.map { targets[$0] }) { text, _ in
      try network.model.classIndex(text, count: network.classCount)
    }
    let labels = network.labels
    let requests = indices.compactMap { index -> RelevanceCapture.Request? in
      // Without an output there is nothing to explain.
      guard answers[index] != nil, let target = targets[index], chosen.contains(target) else { return nil }
      let example = RelevanceExample(
        index: index, name: examples.name(of: index), label: labels?[index], prediction: answers[index])
      return RelevanceCapture.Request(example, target: target)
    }
    let collectors = try capture(
      examples, requests, progress: { progress($0, $1, $2) },
      observing: scratch.map { scratch in
        { relevance, places in
          try scratch.append(relevance, of: places.map { requests[$0].example.index })
        }
      })
    return StrategyMaterial(
      groups: try chosen.map { number in
        try .init(
          name: network.model.className(number), target: number,
          relevance: collectors[number] ?? RelevanceCollector(preprocessing))
      },
      method: method, layer: network.layer, usesLabels: areLabels, names: network.names,
      skipped: unreadable + unanswered, network: network, model: network.record,
      data: ["path": network.dataPath, "sha256": network.dataHash],
      relevance: scratch.map { scratch in { try scratch($0) } }, outputs: network.outputs)
  }
}
