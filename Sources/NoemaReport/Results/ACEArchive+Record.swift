internal import NoemaConcepts
internal import NoemaData
internal import NoemaGraph

extension ACEArchive {
  /// The numbers of the study; names of pictures are added as these are written.
  func record() -> ACERecord {
    let base = found.patches.base
    return ACERecord(
      target: found.target, kind: subject.kind.rawValue,
      examples: .init(
        search: found.discoveryExamples.map { base.name(of: $0) },
        heldOut: found.heldOutExamples.map { base.name(of: $0) }),
      patchCounts: found.patchCounts, layers: found.layers.indices.map(layer),
      warnings: found.warnings, skipped: found.skipped + worth.skipped)
  }

  private func layer(_ index: Int) -> ACERecord.Layer {
    let concepts = found.layers[index], worth = self.worth.layers[index]
    let name = found.layers.count == 1 ? "" : String(place(index).dropLast()) + "."
    var dictionary = ACERecord.Dictionary(
      kind: concepts.dictionary.kind.rawValue, conceptCount: concepts.dictionary.conceptCount,
      featureCount: concepts.dictionary.featureCount, atoms: "dictionaries/\(name)atoms.npy",
      mean: "dictionaries/\(name)mean.npy", features: "dictionaries/\(name)features.npy")
    dictionary.fit = concepts.fit
    dictionary.stability = stability(worth.seedStability?.mean, worth.exampleStability?.mean)
    var layer = ACERecord.Layer(
      layer: concepts.layer, onnxValue: concepts.onnxValue, shape: concepts.shape, dictionary: dictionary,
      clusters: concepts.clusters,
      concepts: worth.placesByRank.map { concept($0, of: concepts, worth, at: index) },
      warnings: worth.warnings)
    layer.accuracy = worth.accuracy
    layer.completeness = worth.completeness?.completeness
    layer.curves = worth.curves.map { curves in
      let isOne = (try? subject.network.classCount(shapes: subject.shapes)) == 1
      return ACERecord.Curves(
        measure: isOne ? "output" : "accuracy",
        sufficient: curve(curves.sufficient, worth.randomConcepts?.sufficient),
        destroying: curve(curves.destroying, worth.randomConcepts?.destroying))
    }
    return layer
  }

  private func stability(_ seeds: Double?, _ examples: Double?) -> ACERecord.Stability? {
    seeds == nil && examples == nil ? nil : .init(seeds: seeds, examples: examples)
  }

  private func concept(
    _ place: Int, of layer: LayerConcepts, _ worth: LayerEvaluation, at index: Int
  ) -> ACERecord.Concept {
    let concept = layer.concepts[place], importance = worth.concepts[place]
    let patches = found.patches
    var entry = ACERecord.Concept(
      name: concept.name, atom: concept.atom, rank: importance.rank, size: concept.size,
      exampleCount: concept.exampleCount, folder: "concepts/\(self.place(index))\(concept.name)",
      exemplars: concept.exemplars.prefix(exemplarCount).map { row in
        let patch = patches.patches[row]
        return ACERecord.Exemplar(
          patch: row, example: patches.base.name(of: patch.example), segment: patch.number,
          resolution: patch.level, cost: layer.membership.costs[row])
      })
    if let test = importance.tcav {
      entry.score = test.score
      entry.scoreInterval = test.scoreInterval
      entry.meanDerivative = test.meanDerivative
      entry.pPermutation = test.pPermutation
      entry.pPermutationAdjusted = test.pPermutationAdjusted
      entry.auc = test.probe.auc
      entry.verdict = test.verdict.rawValue
    }
    entry.totalIndex = importance.totalIndex
    entry.totalIndexError = worth.totalIndices?.standardErrors[concept.atom]
    (entry.loss, entry.shapley) = (importance.loss, importance.shapley)
    entry.stability = stability(importance.seedStability, importance.exampleStability)
    return entry
  }

  private func curve(
    _ curve: ConceptCurves.Curve, _ random: RandomConceptCurves.Band?
  ) -> ACERecord.Curve {
    ACERecord.Curve(
      worths: curve.worths, covered: curve.covered, area: curve.area, areaByCover: curve.areaByCover,
      randomOrders: .init(
        mean: curve.randomMean, lower: curve.randomLower, upper: curve.randomUpper, p: curve.p),
      randomConcepts: random.map { ACERecord.Band(mean: $0.mean, lower: $0.lower, upper: $0.upper, p: $0.p) })
  }
}
