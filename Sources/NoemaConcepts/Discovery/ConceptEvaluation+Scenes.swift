internal import NoemaAttribution
internal import NoemaData
internal import NoemaTensor

extension ConceptEvaluation {
  /// Cuts held-out examples, and says which concepts their segments show; one set of scenes for each layer.
  func scenes(
    _ found: DiscoveredConcepts, _ subject: DiscoverySubject, _ skipped: inout [String], _ progress: Progress?
  ) throws -> [ConceptScenes]? {
    guard curves != nil, !found.heldOutExamples.isEmpty,
      found.layers.contains(where: { !$0.concepts.isEmpty })
    else { return nil }
    let cut = try found.cutting(
      subject.examples, Array(found.heldOutExamples.prefix(sceneCount)), phase: "held-out segments", progress)
    skipped += cut.skipped
    guard cut.patches.count > 0 else { return nil }
    let features = try PatchFeatures(subject)(cut.patches, phase: "held-out patches", progress)
    return try zip(found.layers, features).map { layer, rows in
      let places = layer.places
      let labels = try layer.dictionary.members(rows).labels.map { $0 < 0 ? nil : places[$0] }
      return ConceptScenes(
        cut.patches, examples: cut.read, labels: labels, conceptCount: layer.concepts.count)
    }
  }

  /// Shows and hides concepts: what the class loses without each, their ranks, and the curves in that order.
  func show(
    _ scenes: ConceptScenes, _ layer: LayerConcepts, in subject: DiscoverySubject,
    _ result: inout LayerEvaluation, _ progress: Progress?
  ) throws {
    guard let curves, scenes.conceptCount > 0 else { return }
    progress?("\(layer.layer): scenes", 0, 1)
    let network = try SceneRunner.runner(subject, rows: scenes.examples.count * (scenes.conceptCount + 1))
    let runner = SceneRunner(scenes, on: network, target: subject.target.index)
    let measure: ConceptScenes.Measure = network.classCount > 1 ? .accuracy : .output
    func loss(_ measure: ConceptScenes.Measure) throws -> [Double] {
      try ConceptAblation()(concepts: scenes.conceptCount) { try runner.worth(measure, $0) }
    }
    let (accuracy, output) = (try loss(.accuracy), try loss(.output))
    for place in result.concepts.indices {
      result.concepts[place].loss = .init(accuracy: accuracy[place], output: output[place])
    }
    result.rank(layer.concepts.map(\.size))
    let whole = ConceptDisplay([Bool](repeating: true, count: scenes.conceptCount), showsRest: true)
    result.accuracy = try runner.worth(.accuracy, [whole])[0]
    let order = result.order
    let outcome = try curves(order: order, shares: scenes.shares(adding: order)) {
      try runner.worth(measure, $0)
    }
    result.curves = outcome
    result.randomConcepts = try randomConcepts(
      scenes, order, outcome, curves.confidence, measure, network, subject
    ) {
      progress?("\(layer.layer): random concepts", $0, randomConceptSets)
    }
    progress?("\(layer.layer): scenes", 1, 1)
  }

  /// The same curves of concepts that were dealt to segments at random.
  private func randomConcepts(
    _ scenes: ConceptScenes, _ order: [Int], _ outcome: ConceptCurves.Outcome, _ confidence: Double,
    _ measure: ConceptScenes.Measure, _ network: SubjectRunner, _ subject: DiscoverySubject,
    _ progress: (Int) -> Void
  ) throws -> RandomConceptCurves? {
    guard randomConceptSets > 0 else { return nil }
    let numbers = RandomNumbers(seed: seed).split(3)
    var (sufficient, destroying) = ([[Double]](), [[Double]]())
    for set in 0..<randomConceptSets {
      progress(set)
      var random = numbers.split(set)
      let runner = SceneRunner(
        scenes.shuffled(using: &random), on: network, target: subject.target.index)
      for isAdding in [true, false] {
        let displays = (0...order.count).map { count in
          var shown = [Bool](repeating: !isAdding, count: order.count)
          for concept in order.prefix(count) { shown[concept] = isAdding }
          return ConceptDisplay(shown, showsRest: !isAdding)
        }
        let worths = try runner.worth(measure, displays)
        if isAdding { sufficient.append(worths) } else { destroying.append(worths) }
      }
    }
    return RandomConceptCurves(
      sufficient: .init(sufficient, beside: outcome.sufficient, confidence: confidence, isHigherBetter: true),
      destroying: .init(destroying, beside: outcome.destroying, confidence: confidence, isHigherBetter: false)
    )
  }
}

extension RandomConceptCurves.Band {
  fileprivate init(
    _ curves: [[Double]], beside curve: ConceptCurves.Curve, confidence: Double, isHigherBetter: Bool
  ) {
    let points = curve.worths.indices
    let columns = points.map { point in curves.map { $0[point] } }
    let bands = columns.map { Bootstrap.percentiles(of: $0, confidence: confidence) }
    mean = columns.map { Statistics.mean($0) }
    (lower, upper) = (bands.map { $0[0] }, bands.map { $0[1] })
    let areas = curves.map { heights -> Double in
      let steps = zip(heights, heights.dropFirst()).map { ($0 + $1) / 2 }
      return Statistics.mean(steps)
    }
    self.areas = areas
    // Equal areas in another order of sums may differ in rounding.
    let slack = 1e-12 * (abs(curve.area) + 1)
    let asGood = areas.count {
      isHigherBetter ? $0 >= curve.area - slack : $0 <= curve.area + slack
    }
    p = Double(1 + asGood) / Double(1 + areas.count)
  }
}
