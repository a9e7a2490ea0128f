public import NoemaAttribution
public import NoemaData
internal import NoemaGraph
public import NoemaTensor

/// Explains the examples of a data set, each for one class, and keeps what is clustered: prepared maps, class
/// by class.
///
/// Maps are prepared batch after batch, so that memory holds prepared ones only.
///
/// ```swift
/// let capture = RelevanceCapture(Subject(network), by: LayerwiseRelevance(.epsilonPlusFlat))
/// let collectors = try capture(examples, requests)
/// ```
public struct RelevanceCapture {
  /// An example, and the class that it is explained for.
  public struct Request: Sendable, Hashable {
    /// The example; its index is that in the data set.
    public var example: RelevanceExample
    /// The class among the outputs.
    public var target: Int

    /// Asks for an example.
    public init(_ example: RelevanceExample, target: Int) {
      self.example = example
      self.target = target
    }
  }

  /// The network, and the values that receive relevance.
  public var subject: Subject
  /// What makes relevance.
  public var method: any AttributionMethod
  /// How maps are prepared; says too whether examples without a finite map or output are left out.
  public var preprocessing = RelevancePreprocessing()

  /// Joins a network and a method.
  public init(_ subject: Subject, by method: any AttributionMethod) {
    self.subject = subject
    self.method = method
  }

  /// The network's own answer for some examples; nil where an output is not finite and such examples are left out.
  ///
  /// - Throws: `ConceptError.notFinite` that counts and names examples whose outputs are not finite, unless they are
  ///   left out; `DataError` for an unreadable example, `GraphError` for a network that does not take them.
  public func answers(
    _ examples: any ExampleSource, indices: [Int], progress: Progress? = nil
  ) throws -> [Int?] {
    guard !indices.isEmpty else { return [] }
    let runner = try SubjectRunner(subject, rows: indices.count)
    var answers: [Int?] = []
    try forEachBatch(examples, indices, runner.batchSize) { inputs, count in
      let (rows, output) = try surviving(inputs, count) { part, _ in try runner(part).output }
      var found = [Int?](repeating: nil, count: count)
      if let output { for (row, answer) in zip(rows, output.largestIndices()) { found[row] = answer } }
      answers += found
      progress?("predictions", answers.count, indices.count)
    }
    let flawed = answers.indices.filter { answers[$0] == nil }
    guard flawed.isEmpty || preprocessing.excludesFlawed else {
      let names = flawed.prefix(3).map { examples.name(of: indices[$0]) }.joined(separator: ", ")
      throw ConceptError(
        .notFinite(
          "the outputs for \(flawed.count) of \(indices.count) examples are NaN or infinite (\(names)"
            + "\(flawed.count > 3 ? " …" : "")); clean the data, or leave them out with --skip-bad"))
    }
    return answers
  }

  /// Explains examples.
  ///
  /// - Parameters:
  ///   - requests: which examples, and what for; none twice for the same class.
  ///   - observing: is given the relevance of each batch as the method made it, and the places of its requests;
  ///     examples without finite values are not among them.
  /// - Returns: the prepared maps of each class that was asked for.
  /// - Throws: `ConceptError.parameters` for a method that attributes to several values, `.mismatch` for
  ///   relevance that is no map; `DataError` for an unreadable example; `GraphError` for a method that does not
  ///   apply to the network.
  public func callAsFunction(
    _ examples: any ExampleSource, _ requests: [Request], progress: Progress? = nil,
    observing: ((_ relevance: Tensor, _ places: [Int]) throws -> Void)? = nil
  ) throws -> [Int: RelevanceCollector] {
    guard !requests.isEmpty else { return [:] }
    var subject = subject
    subject.examples = requests.count
    let attributor = try method.attributor(for: subject)
    var collectors: [Int: RelevanceCollector] = [:]
    for request in requests where collectors[request.target] == nil {
      collectors[request.target] = try RelevanceCollector(preprocessing)
    }
    var first = 0
    try forEachBatch(examples, requests.map(\.example.index), attributor.batchSize) { inputs, count in
      let batch = requests[first..<first + count]
      let (rows, attribution) = try surviving(inputs, count) { part, rows in
        try attributor.attribute(part, classes: rows.map { requests[first + $0].target }, first: first)
      }
      for place in Set(batch.indices).subtracting(rows.map { first + $0 }).sorted() {
        collectors[batch[place].target]?.refuse(batch[place].example, as: .notFinite)
      }
      if let attribution {
        let relevance = try Self.only(attribution.values)
        let places = rows.map { first + $0 }
        try observing?(relevance, places)
        for (target, rows) in Dictionary(grouping: places.indices, by: { requests[places[$0]].target }) {
          try collectors[target]?.append(
            try relevance.gathering(rows), of: rows.map { requests[places[$0]].example })
        }
      }
      first += count
      progress?("relevance", first, requests.count)
    }
    return collectors
  }

  /// The one value of a batch's attributions.
  private static func only(_ values: [Tensor]) throws(ConceptError) -> Tensor {
    guard values.count == 1, let value = values.first else {
      throw ConceptError(
        .parameters("the method attributes to \(values.count) values; choose one of them with --layer"))
    }
    return value
  }

  /// Calls `body` with batch after batch: a tensor for each input, and how many examples they hold.
  private func forEachBatch(
    _ examples: any ExampleSource, _ indices: [Int], _ size: Int,
    _ body: (_ inputs: [Tensor], _ count: Int) throws -> Void
  ) throws {
    if let arrays = examples as? InputArrays {
      for start in stride(from: 0, to: indices.count, by: size) {
        let part = Array(indices[start..<min(start + size, indices.count)])
        try body(try arrays.arrays.map { try $0.gathering(part) }, part.count)
      }
      return
    }
    let reader = BatchReader(examples, indices: indices, batchSize: size)
    while let batch = try reader.read() { try body([batch.inputs], batch.indices.count) }
  }

  /// Runs a batch, and again without each example for which a value turns out not to be finite.
  ///
  /// - Returns: the rows that are left, with what came of them; nil when none is.
  private func surviving<Result>(
    _ inputs: [Tensor], _ count: Int, _ body: (_ part: [Tensor], _ rows: [Int]) throws -> Result
  ) throws -> (rows: [Int], result: Result?) {
    var rows = Array(0..<count)
    while !rows.isEmpty {
      do {
        let part = rows.count == count ? inputs : try inputs.map { try $0.gathering(rows) }
        return (rows, try body(part, rows))
      } catch let error as GraphError {
        guard case .notFinite(_, let place) = error.kind, rows.indices.contains(place) else { throw error }
        rows.remove(at: place)
      }
    }
    return (rows, nil)
  }
}

extension Tensor {
  /// Some rows, in the order of their indices.
  fileprivate func gathering(_ rows: [Int]) throws -> Tensor {
    rows == Array(0..<shape[0]) ? self : try Tensor.stacked(rows.map { self.rows($0..<$0 + 1) })
  }
}
