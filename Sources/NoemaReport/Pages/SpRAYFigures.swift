internal import NoemaTensor

/// The figures of a spectral relevance analysis: eigenvalues, plane and mean maps of each class.
struct SpRAYFigures {
  private(set) var spectra: [NamedFigure] = []
  private(set) var scatters: [NamedFigure] = []
  /// Of those classes that have pictures.
  private(set) var maps: [NamedFigure] = []

  var all: [NamedFigure] { spectra + scatters + maps }

  init(_ report: SpRAYReport) {
    for (index, result) in report.record.classes.enumerated() {
      let group = report.groups[index]
      // Names of classes may differ in what file names do not keep.
      let name = "\(index + 1)-\(Escape.fileName(result.name))"
      let spectrum = SpRAYSpectrum(
        title: "Eigenvalues of \(result.name)", eigenvalues: result.eigenvalues,
        clusterCount: result.eigengap?.clusterCount ?? 0)
      let scatter = SpRAYScatter(
        title: "Strategies of \(result.name)",
        places: group.places.converted(to: .float64).elements(as: Double.self),
        clusters: group.members.map(\.cluster), names: result.clusters.indices.map { "strategy \($0 + 1)" })
      spectra.append(NamedFigure(name: "eigenvalues-\(name)", figure: spectrum))
      scatters.append(NamedFigure(name: "strategies-\(name)", figure: scatter))
      if let sheet = Self.sheet(result, group) {
        maps.append(NamedFigure(name: "mean-maps-\(name)", figure: sheet))
      }
    }
  }

  private static func sheet(
    _ result: SpRAYRecord.ClassResult, _ group: SpRAYReport.Group
  ) -> ExplanationSheet? {
    let rows = zip(result.clusters, group.galleries).enumerated().compactMap { index, pair in
      pair.1.mean.map.map { map in
        ExplanationSheet.Row(
          name: "strategy \(index + 1)", target: "\(pair.0.size) examples", input: pair.1.mean.image,
          maps: [map])
      }
    }
    guard !rows.isEmpty else { return nil }
    return ExplanationSheet(title: "Mean maps of \(result.name)", methods: ["mean relevance"], rows: rows)
  }
}
