public import NoemaTensor

extension TCAV {
  /// Tests all concepts at one layer for all targets.
  ///
  /// - Parameters:
  ///   - layer: the layer's name, for the results.
  ///   - products: the pool's Gram matrix and, per target, the gradients of its inputs against the pool.
  ///   - concepts: the rows of each concept.
  ///   - random: the random rows; unused by relative CAVs.
  ///   - targets: the classes, in the order of the first matrices of `products.cross`.
  ///   - hypotheses: how many the whole study tests; those of this layer when nil.
  /// - Throws: `ConceptError` naming the set that is too small or the solver that failed.
  public func evaluate(
    layer: String, products: PoolProducts, concepts: [ConceptRows], random: RandomRows, targets: [String],
    hypotheses: Int? = nil
  ) throws(ConceptError) -> TCAVLayerStudy {
    try validate()
    try check(concepts, random, targets, products)
    let pseudoConcepts = pseudoConceptCount(hypotheses: hypotheses ?? concepts.count * targets.count)
    var products = products
    _ = products.normaliseScale()
    let gram = products.gram
    let fitter = RunFitter(gram: gram)
    let trace = gram.trace

    var results: [[TCAVResult]] = targets.map { _ in [] }
    var derivatives: [[[Double]]] = targets.map { _ in [] }
    var meanCAVs = Matrix(rowCount: products.gram.rowCount, columnCount: concepts.count)
    let gradients = targets.indices.map { products.cross[$0].transposed }
    for (index, concept) in concepts.enumerated() {
      let runs = try draw(concept, at: index, concepts, random, pseudoConcepts)
      let fitted = try fit(runs, fitter)
      let quality = try judge(runs, fitter, index)
      let isDegenerate = fitted.concept.contains { !($0.norm > 0) } || !(trace > 0)
      let mean = fitted.concept.meanUnitCoefficients(count: products.gram.rowCount)
      for row in mean.indices { meanCAVs[row, index] = mean[row] }
      for target in targets.indices {
        let (along, norms) = (gradients[target], products.norms[target])
        let scores = RunScores(fitted.concept, gradients: along, norms: norms)
        let direction = DirectionScore(fitted.concept.prefix(nullRuns), gradients: along, gram: gram)
        let nulls = try parallelMap(fitted.pseudo.count) { pseudo throws(ConceptError) in
          let runs = fitted.pseudo[pseudo]
          return NullScores(
            runs: RunScores(runs, gradients: along, norms: norms),
            direction: DirectionScore(runs[...], gradients: along, gram: gram, tiedWith: direction))
        }
        var numbers = RandomNumbers(seed: seed).split(index).split(1_000_000 + target)
        var result = summarise(scores, direction, nulls, using: &numbers)
        result.layer = layer
        result.target = targets[target]
        result.concept = concept.name
        result.probe = quality
        result.diagnostics.conceptCount = concept.rows.count
        result.diagnostics.randomCount =
          isRelative
          ? concepts.reduce(-concept.rows.count) { $0 + $1.rows.count } : random.all.count
        result.diagnostics.stability = stability(fitted.concept, mean, products.gram)
        result.diagnostics.cosineToMeanDifference = cosineToMeanDifference(
          concept, isRelative ? concepts.filter { $0 != concept }.flatMap(\.rows) : random.all, mean,
          products.gram)
        let typical = Statistics.mean(products.norms[target])
        result.diagnostics.gradientAlignment = typical > 0 ? products.meanNorms[target] / typical : 0
        result.diagnostics.warnings = warnings(result, runs: runs)
        if isDegenerate {
          result.score = .nan
          (result.pPermutation, result.pRunTTest) = (.nan, .nan)
          result.diagnostics.warnings = ["all activations of the concept and its contrast are the same here"]
        }
        results[target].append(result)
        derivatives[target].append(scores.meanDerivatives)
      }
    }
    let cosines = products.gram.cosines(of: meanCAVs)
    for target in targets.indices {
      for index in concepts.indices {
        for other in concepts.indices where other != index {
          results[target][index].diagnostics.entanglement[concepts[other].name] = cosines[index, other]
        }
        let alike = results[target][index].diagnostics.indistinguishable
        if !alike.isEmpty {
          // Worded alike for all of them, so that a reader is told once.
          let group = (alike + [concepts[index].name]).sorted().map { "'\($0)'" }.joined(separator: ", ")
          results[target][index].diagnostics.warnings.append(
            "the directions of \(group) can hardly be told apart at \(layer): their scores belong to what they share"
          )
        }
      }
    }
    return TCAVLayerStudy(
      results: results.flatMap { $0 }, meanCAVs: meanCAVs, derivatives: derivatives.flatMap { $0 },
      cosines: cosines)
  }

  private func check(
    _ concepts: [ConceptRows], _ random: RandomRows, _ targets: [String], _ products: PoolProducts
  ) throws(ConceptError) {
    guard !concepts.isEmpty else {
      throw ConceptError(.tooFew(set: "the list of concepts", found: 0, needed: 1))
    }
    for concept in concepts where concept.rows.count < 2 {
      throw ConceptError(.tooFew(set: "concept '\(concept.name)'", found: concept.rows.count, needed: 2))
    }
    if isRelative {
      guard concepts.count > 1 else {
        throw ConceptError(.tooFew(set: "the list of concepts to contrast", found: 1, needed: 2))
      }
    } else if case .sets(let sets) = random {
      guard !sets.isEmpty else {
        throw ConceptError(.tooFew(set: "the list of random sets", found: 0, needed: 1))
      }
      for (index, set) in sets.enumerated() where set.count < 2 {
        throw ConceptError(.tooFew(set: "random set \(index)", found: set.count, needed: 2))
      }
    } else if random.all.count < 2 {
      throw ConceptError(.tooFew(set: "the random pool", found: random.all.count, needed: 2))
    }
    precondition(products.cross.count >= targets.count, "one gradient matrix per target")
    for (target, gradients) in zip(targets, products.cross) where gradients.rowCount == 0 {
      throw ConceptError(.tooFew(set: "the inputs of class '\(target)'", found: 0, needed: 1))
    }
  }

  /// All rows that one concept's probes are fitted to.
  private struct DrawnRuns {
    var concept: [ProbeRows]
    var pseudo: [[ProbeRows]]
    var permutesLabels: Bool
  }

  /// The same rows are drawn at every layer, so that layers can be compared.
  private func draw(
    _ concept: ConceptRows, at index: Int, _ concepts: [ConceptRows], _ random: RandomRows,
    _ pseudoConcepts: Int
  ) throws(ConceptError) -> DrawnRuns {
    let base = RandomNumbers(seed: seed).split(index)
    var numbers = base.split(0)
    if isRelative {
      let sampler = RelativeSampler(
        concept: concept.rows,
        others: concepts.enumerated().filter { $0.offset != index }.flatMap(\.element.rows))
      return DrawnRuns(
        concept: sampler.runs(runs, using: &numbers),
        pseudo: (0..<pseudoConcepts).map { pseudo in
          var numbers = base.split(1 + pseudo)
          return sampler.pseudoRuns(min(nullRuns, runs), using: &numbers)
        },
        permutesLabels: true)
    }
    let sampler = RunSampler(concept: concept.rows, random: random, randomCount: randomCount)
    let count = sampler.runCount(runs)
    return DrawnRuns(
      concept: sampler.runs(count, using: &numbers),
      pseudo: (0..<pseudoConcepts).map { pseudo in
        var numbers = base.split(1 + pseudo)
        return sampler.pseudoRuns(min(nullRuns, count), using: &numbers)
      },
      permutesLabels: !sampler.hasRoomForPseudoConcepts)
  }

  private func fit(
    _ runs: DrawnRuns, _ fitter: RunFitter
  ) throws(ConceptError) -> (concept: [FittedRun], pseudo: [[FittedRun]]) {
    let probe = probe.probe
    // The concept's runs share the penalty of the first, then go side by side like the pseudo-concepts.
    let tuned = try probe.tuned(on: try fitter.problem(runs.concept[0]))
    let concept = try parallelMap(runs.concept.count) { index throws(ConceptError) in
      try fitter.fit([runs.concept[index]], tuned)[0]
    }
    let pseudo = try parallelMap(runs.pseudo.count) { index throws(ConceptError) in
      try fitter.fit(runs.pseudo[index], probe)
    }
    return (concept, pseudo)
  }

  private func judge(
    _ runs: DrawnRuns, _ fitter: RunFitter, _ index: Int
  ) throws(ConceptError) -> TCAVResult.ProbeQuality {
    let kind = judge
    let probe = kind.probe
    let base = RandomNumbers(seed: seed).split(index).split(2_000_000)
    let tested = Array(runs.concept.prefix(10))
    let all = try parallelMap(1 + min(40, runs.pseudo.count)) { job throws(ConceptError) in
      var numbers = base.split(job)
      return try fitter.quality(
        job == 0 ? tested : Array(runs.pseudo[job - 1].prefix(5)), probe, using: &numbers)
    }
    let chance = all.dropFirst()
    return TCAVResult.ProbeQuality(
      kind: kind.rawValue, auc: all[0].auc, balancedAccuracy: all[0].balancedAccuracy,
      chance: chance.isEmpty ? 0.5 : Statistics.mean(chance.map(\.balancedAccuracy)),
      chanceAUC: chance.count < 19 ? 0.5 : Statistics.quantile(chance.map(\.auc), 0.95))
  }

  private func summarise(
    _ scores: RunScores, _ direction: DirectionScore, _ nulls: [NullScores],
    using numbers: inout RandomNumbers
  ) -> TCAVResult {
    let observed = scores.extremity(runs: min(nullRuns, scores.runCount))
    let pPermutation = share(nulls) { observed <= $0.runs.extremity(runs: $0.runs.runCount) }
    let pDirection = share(nulls) { direction.extremity <= $0.direction.extremity }
    let nullScores = nulls.map { Statistics.mean($0.runs.scores) }
    let firsts = nulls.compactMap(\.runs.scores.first)
    let test: TTest? =
      scores.runCount < 2
      ? nil : firsts.count > 1 ? .welch(scores.scores, firsts) : .oneSample(scores.scores, mean: 0.5)
    let intervals = scores.intervals(resamples: resamples, using: &numbers)
    return TCAVResult(
      layer: "", target: "", concept: "", score: Statistics.mean(scores.scores),
      scoreStd: Statistics.standardDeviation(scores.scores), scoreInterval: intervals.score,
      scores: scores.scores, meanDerivative: scores.meanDerivative,
      meanDerivativeInterval: intervals.meanDerivative, positiveMass: scores.positiveMass,
      positiveMassInterval: intervals.positiveMass,
      probe: .init(kind: "", auc: 0.5, balancedAccuracy: 0.5, chance: 0.5, chanceAUC: 0.5),
      pPermutation: pPermutation, pPermutationAdjusted: pPermutation, pRunTTest: test?.p ?? .nan,
      pRunTTestAdjusted: test?.p ?? .nan, verdict: .representedButNotUsed,
      diagnostics: .init(
        conceptCount: 0, inputCount: scores.inputCount, randomCount: 0, stability: 0, entanglement: [:],
        cosineToMeanDifference: 0, gradientAlignment: 0, pDirection: pDirection,
        nullMean: Statistics.mean(nullScores), nullStd: Statistics.standardDeviation(nullScores),
        nullScores: nullScores, zeroDerivatives: scores.zeroShare, meanCosine: scores.meanCosine, warnings: []
      ),
      cavIndex: 0, derivativeIndex: 0)
  }

  /// The p-value of a permutation test: the share of repetitions at least as extreme, the study's own counted in.
  private func share(_ nulls: [NullScores], isBeyond: (NullScores) -> Bool) -> Double {
    nulls.isEmpty ? .nan : Double(1 + nulls.count(where: isBeyond)) / Double(1 + nulls.count)
  }

  private func stability(_ runs: [FittedRun], _ mean: [Double], _ gram: Matrix) -> Double {
    let count = Double(runs.count)
    guard count > 1 else { return 1 }
    let square = zip(mean, gram.times(mean)).reduce(0) { $0 + $1.0 * $1.1 } * count * count
    return (square - count) / (count * (count - 1))
  }

  private func cosineToMeanDifference(
    _ concept: ConceptRows, _ others: [Int], _ mean: [Double], _ gram: Matrix
  ) -> Double {
    var pair = Matrix(rowCount: mean.count, columnCount: 2)
    for row in mean.indices { pair[row, 0] = mean[row] }
    for row in concept.rows { pair[row, 1] += 1 / Double(concept.rows.count) }
    for row in others { pair[row, 1] -= 1 / Double(others.count) }
    return gram.cosines(of: pair)[0, 1]
  }

  private func warnings(_ result: TCAVResult, runs: DrawnRuns) -> [String] {
    var warnings: [String] = []
    let facts = result.diagnostics
    if facts.conceptCount < minimumExamples {
      warnings.append(
        "only \(facts.conceptCount) concept examples; \(minimumExamples) are needed for a verdict, 50 are better"
      )
    }
    if facts.inputCount < 20 {
      warnings.append(
        "only \(facts.inputCount) class inputs: the score moves in steps of 1/\(facts.inputCount)")
    }
    if facts.gradientAlignment > 0.99 {
      warnings.append("the class gradients all point the same way here, so that any direction scores 0 or 1")
    }
    if facts.zeroDerivatives > 0.01 {
      warnings.append(
        "\(Int((facts.zeroDerivatives * 100).rounded())) % of the derivatives are exactly zero: not positive in "
          + "the score, half in the test"
      )
    }
    if !runs.pseudo.isEmpty, runs.permutesLabels, !isRelative {
      warnings.append(
        "the random pool holds fewer than twice the concept's examples; the null comes from permuted labels "
          + "instead of pseudo-concepts"
      )
    }
    if runs.pseudo.isEmpty {
      warnings.append(
        "no pseudo-concepts: the verdict rests on the t-test over runs, which is too optimistic")
    }
    if result.pRunTTest.isNaN { warnings.append("one run only: there is no t-test") }
    return warnings
  }
}
