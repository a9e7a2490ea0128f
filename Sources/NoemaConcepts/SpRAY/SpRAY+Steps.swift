internal import Foundation
internal import NoemaTensor
internal import Synchronization

extension SpRAY {
  /// Refuses too few examples.
  func checkSize(_ n: Int) throws(ConceptError) {
    guard n >= minimumExamples else {
      throw ConceptError(.tooFew(set: "the set of relevance maps", found: n, needed: minimumExamples))
    }
    if case .fixed(let count) = count, count >= n {
      throw ConceptError(
        .parameters(
          "\(count) strategies of \(n) examples say nothing; give fewer strategies or more examples"))
    }
  }

  /// The neighbours of an example among some.
  func neighborCount(for n: Int) throws(ConceptError) -> Int {
    guard let k = neighborCount else { return min(10, max(5, n / 10), n - 1) }
    guard k < n else {
      throw ConceptError(
        .parameters(
          "found \(k) neighbours, but each of \(n) examples has \(n - 1) others; give fewer neighbours or more examples"
        ))
    }
    return k
  }

  /// The number of strategies that was given; 0 when none was.
  var fixedCount: Int {
    if case .fixed(let count) = count { count } else { 0 }
  }

  /// The number of strategies that ascending eigenvalues suggest.
  func chosenCount(_ eigenvalues: [Double]) throws(ConceptError) -> Int {
    try count.choose(eigenvalues, maximum: maximumCount, leastRelativeGap: minimumRelativeGap)
  }

  /// The eigenvectors of a graph.
  func embed(_ graph: NeighborGraph, dimensions: Int) throws(ConceptError) -> SpectralCoordinates {
    var settings = embedding
    settings.dimensions = dimensions
    settings.seed = seed
    return try settings.embed(graph)
  }

  /// What is clustered: as many eigenvectors as strategies, in rows of length one.
  func clusteringRows(of coordinates: SpectralCoordinates, count: Int) throws(ConceptError) -> PointSet {
    let width = clustering.takesCount ? count : max(2, count)
    return try PointSet(coordinates.unitRows(of: width))
  }

  /// The strategy of each row, −1 for noise.
  func labels(_ rows: PointSet, count: Int, seed: UInt64? = nil) throws(ConceptError) -> [Int] {
    if clustering.takesCount, count == 1 { return [Int](repeating: 0, count: rows.count) }
    return try clustering.labels(rows, count: count, seed: seed ?? self.seed)
  }

  /// All steps from neighbours to strategies of a given number, for parts and for surrogates.
  func partition(
    _ neighbors: NearestNeighbors, count: Int, seed: UInt64
  ) throws(ConceptError) -> (labels: [Int], eigenvalues: [Double]) {
    let graph = try NeighborGraph(neighbors, weighting: weighting)
    let coordinates = try embed(graph, dimensions: max(maximumCount, count) + 1)
    let rows = try clusteringRows(of: coordinates, count: count)
    return (try labels(rows, count: count, seed: seed), coordinates.eigenvalues)
  }

  /// How strategies are tried on parts of so many examples; nil when that was not asked for.
  func trial(_ n: Int) -> ClusterStability? {
    guard var trial = stability else { return nil }
    trial.seed = seed
    if case .part(let share) = trial.draw { trial.draw = .part(min(share, Double(partLimit) / Double(n))) }
    return trial
  }

  /// The neighbours of all examples and of parts of them.
  func neighbors(_ maps: RelevanceMaps, by distance: MapDistance) throws(ConceptError) -> PartNeighbors {
    let n = maps.points.count, grid = maps.grid
    let k = try neighborCount(for: n), share = trial(n)?.share.flatMap { 0 < $0 && $0 < 1 ? $0 : nil }
    let size = share.map { Int(($0 * Double(n)).rounded()) }
    return try PartNeighbors(
      maps.points, k: k, partCount: size.map { neighborCount(k, in: $0, of: n) } ?? k, share: share
    ) { (points: PointSet, k: Int) throws(ConceptError) -> NearestNeighbors in
      try distance.nearestNeighbors(of: points, on: grid, k: k)
    }
  }

  /// Finds the strategies again in parts of the examples.
  func resample(
    _ neighbors: PartNeighbors, _ labels: [Int], _ whole: StrategySpectrum, by trial: ClusterStability
  ) throws(ConceptError) -> (stability: ClusterStability.Outcome, variation: EigengapVariation) {
    let record = SpectrumRecord()
    let (n, k) = (labels.count, neighbors.whole.k)
    let outcome = try trial.assess(labels, of: n) {
      (rows: [Int], seed: UInt64) throws(ConceptError) -> [Int] in
      let part = try neighbors.neighbors(
        in: rows, k: min(neighborCount(k, in: rows.count, of: n), rows.count - 1))
      let found = try partition(part, count: whole.count, seed: seed)
      record.keep(found.eigenvalues, of: seed)
      return found.labels
    }
    var parts: [(count: Int, gap: Double)] = []
    for values in record.all {
      parts.append((try chosenCount(values), StrategySpectrum.gap(values, after: whole.count)))
    }
    return (
      outcome,
      EigengapVariation(parts, clusterCount: whole.count, gap: whole.gap, share: trial.share)
    )
  }

  /// The neighbours of an example in a part: so many that they reach as far as those of the whole, but no fewer than
  /// the logarithm of the examples, which keeps graphs connected (von Luxburg 2007, section 8.2).
  private func neighborCount(_ k: Int, in part: Int, of whole: Int) -> Int {
    let share = (Double(k * part) / Double(whole)).rounded()
    return min(k, max(Int(share), Int(log(Double(max(1, part))).rounded(.up))))
  }

  /// The pictures of a class.
  func pictures(
    of coordinates: SpectralCoordinates, _ points: PointSet
  ) throws(ConceptError) -> [StrategyPicture] {
    guard !layouts.isEmpty else { return [] }
    let source = layoutSource == .maps ? points : try PointSet(coordinates.normalisedRows)
    var pictures: [StrategyPicture] = []
    for layout in layouts { pictures.append(try layout.place(source, seed: seed)) }
    return pictures
  }
}

extension ClusterStability {
  /// The share of the examples in a part; nil for draws with replacement.
  fileprivate var share: Double? { if case .part(let share) = draw { share } else { nil } }
}

extension [Int] {
  /// The same clusters numbered from 0 in descending size, of equals by their first points; noise stays −1.
  func rankedLabels() -> [Int] {
    var (sizes, firsts) = ([Int: Int](), [Int: Int]())
    for (point, label) in enumerated() where label >= 0 {
      sizes[label, default: 0] += 1
      if firsts[label] == nil { firsts[label] = point }
    }
    let order = sizes.keys.sorted {
      (sizes[$1] ?? 0, firsts[$0] ?? 0) < (sizes[$0] ?? 0, firsts[$1] ?? 0)
    }
    let names = [Int: Int](uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    return map { names[$0] ?? -1 }
  }
}

/// The eigenvalues of parts that several threads look at.
private final class SpectrumRecord: Sendable {
  private let spectra = Mutex<[UInt64: [Double]]>([:])

  func keep(_ eigenvalues: [Double], of seed: UInt64) { spectra.withLock { $0[seed] = eigenvalues } }

  /// In an order that does not depend on threads.
  var all: [[Double]] {
    spectra.withLock { spectra in spectra.sorted { $0.key < $1.key }.map { $0.value } }
  }
}
