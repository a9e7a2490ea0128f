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

  /// All steps from maps to strategies of a given number, for parts and for surrogates.
  func partition(
    _ points: PointSet, k: Int, count: Int, seed: UInt64
  ) throws(ConceptError) -> (labels: [Int], eigenvalues: [Double]) {
    let neighbors = try NearestNeighbors.find(points, k: min(k, points.count - 1), metric: metric)
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

  /// Finds the strategies again in parts of the examples.
  func resample(
    _ points: PointSet, _ labels: [Int], _ whole: StrategySpectrum, k: Int, by trial: ClusterStability
  ) throws(ConceptError) -> (stability: ClusterStability.Outcome, spectra: StrategySpectrum.Resampling) {
    let record = SpectrumRecord()
    let outcome = try trial.assess(points, labels: labels) {
      (part: PointSet, seed: UInt64) throws(ConceptError) -> [Int] in
      let found = try partition(
        part, k: neighborCount(k, in: part.count, of: points.count), count: whole.count, seed: seed)
      record.keep(found.eigenvalues, of: seed)
      return found.labels
    }
    var share: Double?
    if case .part(let part) = trial.draw { share = part }
    var parts: [(count: Int, gap: Double)] = []
    for values in record.all {
      parts.append((try chosenCount(values), StrategySpectrum.gap(values, after: whole.count)))
    }
    return (outcome, StrategySpectrum.Resampling(parts, whole: whole, share: share))
  }

  /// The neighbours of an example in a part: so many that they reach as far as those of the whole, but no fewer than
  /// the logarithm of the examples, which keeps graphs connected (von Luxburg 2007, section 8.2).
  private func neighborCount(_ k: Int, in part: Int, of whole: Int) -> Int {
    let share = (Double(k * part) / Double(whole)).rounded()
    return min(k, max(Int(share), Int(log(Double(part)).rounded(.up))))
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

extension SpectralCoordinates {
  /// The leading coordinates in rows of length one; rows of zeros stay.
  func unitRows(of width: Int) -> Matrix {
    var rows = vectors.firstColumns(min(width, vectors.columnCount))
    for i in 0..<rows.rowCount {
      let length = rows.row(i).reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0 else { continue }
      for j in 0..<rows.columnCount { rows[i, j] /= length }
    }
    return rows
  }
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
