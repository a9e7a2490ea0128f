internal import Noema

/// The numbers of a study of strategies, as `result.json` has them.
struct StrategyRecord {
  let result: SpRAYStudyResult
  let material: StrategyMaterial
  /// How strategies were found, and how the picture was made, in words.
  let clustering, plane: String
  /// The share of the image that counts as a strategy's region.
  let area: Double

  func record() throws -> SpRAYRecord {
    SpRAYRecord(
      method: material.method, layer: material.layer, clustering: clustering, embedding: plane,
      classes: try result.findings.enumerated().map { try classResult($1, place: $0) }, skipped: skipped)
  }

  /// Examples and classes that were left out, each with its reason.
  private var skipped: [String] {
    let flawed = material.groups.flatMap { $0.relevance.flawed }.map { map in
      "\(map.example.name): the relevance map is \(Self.words(map.flaw))"
    }
    return material.skipped + flawed + result.leftOut
  }

  private static func words(_ flaw: FlawedMap.Flaw) -> String {
    switch flaw {
    case .notFinite: "NaN or infinite somewhere"
    case .zero: "zero everywhere"
    case .constant: "the same everywhere"
    case .cancelling: "a sum that cancels, by which it cannot be divided"
    }
  }

  // MARK: Classes

  private func classResult(_ finding: SpRAYFinding, place: Int) throws -> SpRAYRecord.ClassResult {
    let strategies = finding.strategies, spectrum = strategies.spectrum
    var gap: SpRAYRecord.Eigengap?
    if spectrum.count > 1 {
      gap = .init(
        clusterCount: spectrum.count, gap: spectrum.gap, relativeGap: spectrum.relativeGap,
        clusterCountInterval: spectrum.variation?.clusterCountInterval,
        agreement: spectrum.variation?.agreement)
    }
    var record = SpRAYRecord.ClassResult(
      name: strategies.name, classIndex: strategies.target ?? place, exampleCount: strategies.members.count,
      clusters: try strategies.clusters.map { try cluster($0, finding) }, eigenvalues: spectrum.eigenvalues,
      eigengap: gap, suspicion: suspicion(finding))
    record.unclusteredCount = strategies.noiseCount
    record.componentCount = spectrum.componentSizes.count
    record.silhouette = strategies.silhouette.known
    record.stability = strategies.stability?.mean
    record.stabilityInterval = strategies.stability?.interval
    record.remarks = remarks(finding)
    return record
  }

  private func suspicion(_ finding: SpRAYFinding) -> SpRAYRecord.Suspicion {
    var record = SpRAYRecord.Suspicion(
      rank: finding.suspicion.rank, score: finding.suspicion.score, cluster: finding.leading?.label)
    record.fisher = finding.leading?.separability.known
    record.fisherZ = finding.leading?.z.known
    record.localisation = finding.leading?.regionShare
    record.sentence = finding.sentence
    return record
  }

  private func remarks(_ finding: SpRAYFinding) -> [String] {
    var remarks = finding.strategies.remarks + (finding.strategies.pictures.first?.remarks ?? [])
    if let reason = finding.untested, !finding.suspicion.clusters.isEmpty {
      remarks.append("not tested by masking: \(reason)")
    }
    for outcome in finding.masking where outcome.verdict == .tooFew {
      remarks.append("strategy \(outcome.label + 1) was not tested by masking: \(outcome.reason)")
    }
    return remarks
  }

  // MARK: Strategies

  private func cluster(_ cluster: SpRAYCluster, _ finding: SpRAYFinding) throws -> SpRAYRecord.Cluster {
    let members = finding.strategies.members
    var record = SpRAYRecord.Cluster(size: cluster.size, share: cluster.share)
    record.stability = cluster.stability.known
    record.stabilityInterval = cluster.stabilityInterval.isEmpty ? nil : cluster.stabilityInterval
    record.silhouette = cluster.silhouette.known
    let suspicion = finding.suspicion.clusters.first { $0.label == cluster.label }
    record.borderShare = suspicion?.frameShare.known
    record.region = Self.words(
      try suspicion?.region ?? MapRegion(of: cluster.mean, on: finding.strategies.grid, area: area))
    record.prototypes = cluster.prototypes.map {
      .init(example: members[$0].example.index, name: members[$0].example.name)
    }
    record.labels = named(cluster.labelCounts)
    record.predictions = named(cluster.predictionCounts)
    if let outcome = finding.outcome(of: cluster.label), outcome.verdict != .tooFew {
      record.maskingEffect = .init(
        drop: outcome.memberDrop, dropElsewhere: outcome.otherDrop,
        differenceInterval: outcome.differenceInterval, p: outcome.pAdjusted.known,
        maskedShare: outcome.region.area, isConfirmed: outcome.verdict == .confirmed)
    }
    return record
  }

  private func named(_ counts: [Int: Int]) -> [String: Int] {
    Dictionary(counts.map { (material.names.name($0), $1) }, uniquingKeysWith: +)
  }

  /// Where a region lies, in words that follow "in"; nil for nowhere.
  private static func words(_ region: MapRegion) -> String? {
    if let place = region.place { return place == .severalPlaces ? place.rawValue : "the \(place.rawValue)" }
    guard !region.cells.isEmpty else { return nil }
    return String(region.phrase.trimmingPrefix(region.grid == nil ? "on " : "in "))
  }
}

extension Double {
  /// The number; nil where there is none.
  fileprivate var known: Double? { isFinite ? self : nil }
}
