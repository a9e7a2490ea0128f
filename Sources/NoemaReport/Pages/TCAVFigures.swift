internal import NoemaConcepts

/// The figures of a concept study, by section of the page.
struct TCAVFigures {
  private(set) var scores: [NamedFigure] = []
  private(set) var sweeps: [NamedFigure] = []
  private(set) var probes: [NamedFigure] = []
  private(set) var nulls: [NamedFigure] = []
  private(set) var derivatives: [NamedFigure] = []
  private(set) var cosines: [NamedFigure] = []
  private let report: TCAVReport
  private var names: Set<String> = []

  var all: [NamedFigure] { scores + sweeps + probes + nulls + derivatives + cosines }

  init(_ report: TCAVReport) {
    self.report = report
    let layers = report.orderedLayers, targets = report.targets
    guard !report.results.isEmpty else { return }
    for layer in layers { scores.append(scoreChart(layer)) }
    if layers.count > 1 { for target in targets { sweeps.append(sweepChart(target, layers)) } }
    probes.append(probeChart(layers))
    for layer in layers {
      for target in targets {
        if let chart = nullChart(layer, target) { nulls.append(chart) }
        if let chart = derivativeChart(layer, target) { derivatives.append(chart) }
      }
      if let map = cosineMap(layer) { cosines.append(map) }
    }
  }

  private mutating func named(_ words: [String], _ figure: any Figure) -> NamedFigure {
    let base = words.map(Escape.fileName).joined(separator: "-")
    var name = base, number = 2
    // Files on some disks differ in more than case, or not at all.
    while !names.insert(name.lowercased()).inserted {
      name = "\(base)-\(number)"
      number += 1
    }
    return NamedFigure(name: name, figure: figure)
  }

  private mutating func scoreChart(_ layer: String) -> NamedFigure {
    let groups = report.concepts
    let series = report.targets.map { target in
      Series(
        name: target,
        values: groups.map { concept in
          report.result(layer: layer, target: target, concept: concept).map(report.measurement)
        })
    }
    let marks = Set(series.flatMap(\.values).compactMap { $0?.mark })
    let meanings = [
      ("n.s.", "not significant (n.s.)"), ("n.r.", "not represented (n.r.)"), ("n/a", "no statement (n/a)"),
    ]
    let chart = BarChart(
      title: "TCAV scores at \(layer)" + (report.targets.count == 1 ? " for \(report.targets[0])" : ""),
      description: TCAVGuide.scores, valueTitle: "TCAV score", groups: groups, series: series,
      reference: ReferenceLine(0.5, name: "0.5: no direction"),
      hatchMeaning: meanings.filter { marks.contains($0.0) }.map(\.1).joined(separator: ", "))
    return named(["scores", layer], chart)
  }

  private mutating func sweepChart(_ target: String, _ layers: [String]) -> NamedFigure {
    let series = report.concepts.map { concept in
      Series(
        name: concept,
        values: layers.map { layer in
          report.result(layer: layer, target: target, concept: concept).map(report.measurement)
        })
    }
    let chart = LineChart(
      title: "Scores over layers for \(target)", description: TCAVGuide.sweeps,
      categoryTitle: "layer, input to output",
      valueTitle: "TCAV score", categories: layers, series: series,
      reference: ReferenceLine(0.5, name: "0.5: no direction"))
    return named(["layers", target], chart)
  }

  private mutating func probeChart(_ layers: [String]) -> NamedFigure {
    let sections = layers.map { layer in
      DotChart.Section(
        name: layers.count > 1 ? layer : "",
        rows: report.concepts.compactMap { concept in
          report.results.first { $0.layer == layer && $0.concept == concept }.map {
            DotChart.Row(
              name: concept, values: [$0.probe.auc, $0.probe.balancedAccuracy], chance: $0.probe.chanceAUC)
          }
        })
    }
    let values = report.results.flatMap { [$0.probe.auc, $0.probe.balancedAccuracy, $0.probe.chance] }
    let lowest = values.filter(\.isFinite).min() ?? 0.5
    let chart = DotChart(
      title: "Probe quality", description: TCAVGuide.probes, valueTitle: "held-out value",
      range: (max(0, min(0.4, (lowest * 10).rounded(.down) / 10)))...1,
      measures: ["AUC", "balanced accuracy"],
      sections: sections, chanceName: "95 % of random concepts (AUC)")
    return named(["probe-quality"], chart)
  }

  private mutating func nullChart(_ layer: String, _ target: String) -> NamedFigure? {
    let rows = report.results.filter {
      $0.layer == layer && $0.target == target && !$0.diagnostics.nullScores.isEmpty
    }
    .map {
      NullChart.Row(
        name: $0.concept, observed: $0.score, null: $0.diagnostics.nullScores, p: $0.pPermutation,
        pAdjusted: $0.pPermutationAdjusted)
    }
    guard !rows.isEmpty else { return nil }
    let chart = NullChart(
      title: "Null distributions for \(target) at \(layer)", description: TCAVGuide.nulls,
      valueTitle: "TCAV score",
      rows: rows, significance: report.significance)
    return named(["null", layer, target], chart)
  }

  private mutating func derivativeChart(_ layer: String, _ target: String) -> NamedFigure? {
    let rows = report.results.filter {
      $0.layer == layer && $0.target == target && report.derivatives.indices.contains($0.derivativeIndex)
    }
    .map {
      StripChart.Row(
        name: $0.concept, values: report.derivatives[$0.derivativeIndex], isSignificant: $0.verdict == .used)
    }
    guard !rows.isEmpty else { return nil }
    let chart = StripChart(
      title: "Derivatives of \(target) at \(layer)", description: TCAVGuide.derivatives,
      valueTitle: "derivative along the unit CAV", tickName: "class input", rows: rows)
    return named(["derivatives", layer, target], chart)
  }

  private mutating func cosineMap(_ layer: String) -> NamedFigure? {
    let concepts = report.concepts
    guard concepts.count > 1 else { return nil }
    let values = concepts.map { row -> [Double?] in
      let result = report.results.first { $0.layer == layer && $0.concept == row }
      return concepts.map { column in
        if row == column { return result == nil ? nil : 1 }
        let mirrored = report.results.first { $0.layer == layer && $0.concept == column }?.diagnostics
          .entanglement[row]
        return result?.diagnostics.entanglement[column] ?? mirrored
      }
    }
    guard
      values.enumerated().contains(where: { row, line in
        line.enumerated().contains { $0.offset != row && $0.element != nil }
      })
    else { return nil }
    let map = HeatMap(
      title: "Cosines between CAVs at \(layer)", description: TCAVGuide.cosines, valueTitle: "cosine",
      rows: concepts,
      columns: concepts, values: values)
    return named(["cosines", layer], map)
  }
}
