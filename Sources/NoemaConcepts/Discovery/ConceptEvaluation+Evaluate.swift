public import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

extension ConceptEvaluation {
  /// Evaluates the concepts of a study.
  ///
  /// P-values are corrected over all concepts of all layers. What cannot be had at a layer, such as total indices where
  /// the network does not divide, is missing from its result and a warning says why.
  ///
  /// - Parameters:
  ///   - random: what concepts are held against; without it there is no test.
  /// - Throws: `ConceptError.parameters` for settings out of range, `.tooFew` for random material of fewer than two
  ///   patches; `DataError` and `GraphError` for examples that cannot be read or run.
  public func evaluate(
    _ found: DiscoveredConcepts, in subject: DiscoverySubject, random: RandomMaterial? = nil,
    progress: Progress? = nil
  ) throws -> EvaluatedConcepts {
    try validate()
    var skipped: [String] = []
    let pool: (any ExampleSource)? =
      try test == nil ? nil : random.map { try self.pool($0, found, subject, &skipped, progress) }
    let scenes = try self.scenes(found, subject, &skipped, progress)
    var layers: [LayerEvaluation] = []
    let hypotheses = found.layers.reduce(0) { $0 + $1.concepts.count }
    for (index, layer) in found.layers.enumerated() {
      var notes: [String] = []
      let study = try pool.flatMap {
        try tested(layer, found, subject.layers[index], subject, $0, hypotheses, &notes, progress)
      }
      let inside = try self.inside(layer, found, subject, &notes, progress)
      let stability = try self.stability(layer, found, progress)
      var result = LayerEvaluation(
        layer: layer.layer,
        concepts: layer.concepts.map { ConceptImportance(name: $0.name, atom: $0.atom, rank: 0) },
        study: study, totalIndices: inside.indices, completeness: inside.completeness,
        seedStability: stability?.seeds, exampleStability: stability?.examples, warnings: notes)
      result.takeShares()
      layers.append(result)
    }
    settle(&layers)
    for index in layers.indices {
      guard let scenes = scenes?[index] else {
        layers[index].rank(found.layers[index].concepts.map(\.size))
        continue
      }
      try show(scenes, found.layers[index], in: subject, &layers[index], progress)
    }
    return EvaluatedConcepts(evaluation: self, layers: layers, skipped: skipped)
  }

  // MARK: The test

  /// Random patches, or whole examples.
  private func pool(
    _ random: RandomMaterial, _ found: DiscoveredConcepts, _ subject: DiscoverySubject,
    _ skipped: inout [String], _ progress: Progress?
  ) throws -> any ExampleSource {
    var numbers = RandomNumbers(seed: seed).split(1)
    func drawn(_ count: Int, of total: Int) -> [Int] {
      numbers.sample(min(count, total), below: total).sorted()
    }
    let total = random.examples.count
    guard random.isCut else {
      return ExampleSubset(random.examples, drawn(randomPatchCount, of: total))
    }
    let before = found.cutting
    let cutting = SegmentCutting(
      layout: before.layout, segmenter: random.segmenter ?? before.segmenter, choice: before.choice,
      cutter: before.cutter, memory: before.memory, preprocessing: before.preprocessing,
      skipsBad: before.skipsBad)
    let cut = try cutting(
      random.examples, drawn(randomExampleCount, of: total), phase: "random segments", progress)
    skipped += cut.skipped
    let chosen = drawn(randomPatchCount, of: cut.patches.count).map { cut.patches.patches[$0] }
    return try cutting.examples(random.examples, chosen)
  }

  private func tested(
    _ concepts: LayerConcepts, _ found: DiscoveredConcepts, _ layer: Layer, _ subject: DiscoverySubject,
    _ pool: any ExampleSource, _ hypotheses: Int, _ notes: inout [String], _ progress: Progress?
  ) throws -> TCAVStudyResult? {
    guard !concepts.concepts.isEmpty, var test else { return nil }
    guard !found.heldOutExamples.isEmpty else {
      notes.append("no example was held out, so concepts were not tested; add examples of the class")
      return nil
    }
    test.pseudoConcepts = test.pseudoConceptCount(hypotheses: hypotheses)
    var study = TCAVStudy(network: subject.network, layers: [layer])
    study.concepts = concepts.concepts.map { concept in
      .init(name: concept.name, examples: ExampleSubset(found.patches, concept.members.map(\.patch)))
    }
    study.random = .pool(pool)
    study.targets = [
      .init(
        name: found.target.name, index: found.target.index,
        examples: ExampleSubset(subject.examples, found.heldOutExamples))
    ]
    study.test = test
    (study.memory, study.scratchFolder) = (subject.memory, subject.scratchFolder)
    (study.shapes, study.skipsBad) = (subject.shapes, subject.skipsBad)
    return try study { phase, done, total in progress?("\(concepts.layer): \(phase)", done, total) }
  }

  /// Corrects p-values over the concepts of all layers.
  private func settle(_ layers: inout [LayerEvaluation]) {
    guard let test else { return }
    var results = layers.flatMap { $0.study?.results ?? [] }
    test.settle(&results)
    var next = 0
    for index in layers.indices {
      guard let count = layers[index].study?.results.count else { continue }
      layers[index].study?.results = Array(results[next..<next + count])
      for place in 0..<count { layers[index].concepts[place].tcav = results[next + place] }
      next += count
    }
  }

  // MARK: Behind the layer

  private func inside(
    _ concepts: LayerConcepts, _ found: DiscoveredConcepts, _ subject: DiscoverySubject,
    _ notes: inout [String],
    _ progress: Progress?
  ) throws -> (indices: TotalIndices.Outcome?, completeness: ConceptShapley.Outcome?) {
    guard totalIndices != nil || completeness != nil, !concepts.concepts.isEmpty else { return (nil, nil) }
    guard !found.heldOutExamples.isEmpty else {
      notes.append("no example was held out, so concepts were not dimmed; add examples of the class")
      return (nil, nil)
    }
    let count = concepts.dictionary.conceptCount
    do {
      var (indices, complete) = (TotalIndices.Outcome?.none, ConceptShapley.Outcome?.none)
      if let totalIndices {
        let examples = Array(found.heldOutExamples.prefix(indexExampleCount))
        let head = try ConceptHead(
          concepts, in: subject, examples: examples, rows: totalIndices.designSize)
        indices = try totalIndices(concepts: count, examples: examples.count) { example, masks in
          progress?("\(concepts.layer): indices", example, examples.count)
          return try head.classOutputs(example, masks, showsRest: showsRest)
        }
      }
      if let completeness {
        let head = try ConceptHead(
          concepts, in: subject, examples: Array(found.heldOutExamples.prefix(sceneCount)), rows: 64)
        let atoms = concepts.concepts.map(\.atom)
        progress?("\(concepts.layer): completeness", 0, 1)
        complete = try completeness(
          concepts: atoms.count, whole: try head.wholeAccuracy(),
          chance: head.classCount > 1 ? 1 / Double(head.classCount) : 0.5
        ) { try head.accuracy($0, atoms: atoms) }
      }
      return (indices, complete)
    } catch let error as GraphError {
      notes.append("concepts were not dimmed: \(error)")
    } catch let error as ConceptError {
      notes.append("concepts were not dimmed: \(error)")
    }
    return (nil, nil)
  }

  private func stability(
    _ concepts: LayerConcepts, _ found: DiscoveredConcepts, _ progress: Progress?
  ) throws -> (seeds: DictionaryStability.Outcome, examples: DictionaryStability.Outcome)? {
    guard stabilityRuns > 0 else { return nil }
    progress?("\(concepts.layer): stability", 0, 1)
    var recipe = found.discovery.recipe
    recipe.restarts = 3
    let groups = found.patches.patches.map(\.example)
    let seeds = try DictionaryStability(nil, runs: stabilityRuns, seed: seed).assess(
      concepts.dictionary, by: recipe, of: concepts.features)
    let examples = try DictionaryStability(.bootstrap, runs: stabilityRuns, seed: seed &+ 1).assess(
      concepts.dictionary, by: recipe, of: concepts.features, groups: groups)
    return (seeds, examples)
  }
}

extension LayerEvaluation {
  /// Gives each concept what the whole dictionary's figures say about it.
  fileprivate mutating func takeShares() {
    for place in concepts.indices {
      let atom = concepts[place].atom
      if let totalIndices { concepts[place].totalIndex = totalIndices.total[atom] }
      if let completeness { concepts[place].shapley = completeness.values[place] }
      if let seedStability { concepts[place].seedStability = seedStability.concepts[atom] }
      if let exampleStability { concepts[place].exampleStability = exampleStability.concepts[atom] }
    }
  }

  /// Puts concepts in order.
  mutating func rank(_ sizes: [Int]) {
    func key(_ place: Int) -> [Double] {
      let concept = concepts[place]
      // The mean derivative decides between the scores of a head whose gradients are all alike.
      let tested: [Double] =
        concept.tcav.map { [$0.verdict == .used ? 1 : 0, $0.score, $0.meanDerivative] } ?? []
      return (tested + [concept.totalIndex ?? 0, concept.loss?.output ?? 0, Double(sizes[place])]).map {
        $0.isNaN ? -.infinity : $0
      }
    }
    let keys = concepts.indices.map(key)
    let order = concepts.indices.sorted { a, b in
      keys[a] == keys[b] ? a < b : keys[b].lexicographicallyPrecedes(keys[a])
    }
    for (rank, place) in order.enumerated() { concepts[place].rank = rank + 1 }
  }

  /// The concepts' places by rank.
  var order: [Int] { concepts.indices.sorted { concepts[$0].rank < concepts[$1].rank } }
}
