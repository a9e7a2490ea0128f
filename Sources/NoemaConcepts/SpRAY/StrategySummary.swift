internal import NoemaTensor

/// What the steps of a study found, told cluster by cluster and example by example.
struct StrategySummary {
  let study: SpRAY
  let maps: RelevanceMaps
  let neighbors: NearestNeighbors
  let graph: NeighborGraph
  let spectrum: StrategySpectrum
  /// What was clustered.
  let rows: PointSet
  let labels: [Int]
  let silhouettes: ClusterQuality.Silhouettes?
  let stability: ClusterStability.Outcome?
  /// The examples of each cluster, ascending.
  private let groups: [[Int]]
  /// The distance of each row to the mean row of its cluster, NaN for noise.
  private let distances: [Double]

  init(
    study: SpRAY, maps: RelevanceMaps, neighbors: NearestNeighbors, graph: NeighborGraph,
    spectrum: StrategySpectrum,
    rows: PointSet, labels: [Int], silhouettes: ClusterQuality.Silhouettes?,
    stability: ClusterStability.Outcome?
  ) {
    (self.study, self.maps, self.neighbors, self.graph) = (study, maps, neighbors, graph)
    (self.spectrum, self.rows, self.labels) = (spectrum, rows, labels)
    (self.silhouettes, self.stability) = (silhouettes, stability)
    var groups = [[Int]](repeating: [], count: (labels.max() ?? -1) + 1)
    for (point, label) in labels.enumerated() where label >= 0 { groups[label].append(point) }
    var distances = [Double](repeating: .nan, count: labels.count)
    for group in groups {
      let mean = rows.mean(of: group)
      for point in group { distances[point] = rows.distance(point, to: mean) }
    }
    (self.groups, self.distances) = (groups, distances)
  }

  var clusters: [SpRAYCluster] {
    groups.enumerated().map { label, group in
      let mean = maps.points.mean(of: group)
      func counts(_ name: (RelevanceExample) -> Int?) -> [Int: Int] {
        group.reduce(into: [:]) { counts, point in
          if let name = name(maps.examples[point]) { counts[name, default: 0] += 1 }
        }
      }
      return SpRAYCluster(
        label: label, size: group.count, share: Double(group.count) / Double(labels.count),
        stability: stability?.jaccard[label] ?? .nan,
        stabilityInterval: stability?.jaccardIntervals[label] ?? [],
        silhouette: silhouettes?.clusterMeans[label] ?? .nan, mean: mean.map { Float($0) }, members: group,
        prototypes: prototypes(group, mean), labelCounts: counts { $0.label },
        predictionCounts: counts { $0.prediction })
    }
  }

  /// The rows of a component are often equal up to rounding; the maps decide then.
  private func prototypes(_ group: [Int], _ mean: [Double]) -> [Int] {
    let ranked = group.map { point in
      (
        point: point, apart: (distances[point] * 1e6).rounded(),
        distance: maps.points.distance(point, to: mean)
      )
    }
    return ranked.sorted { ($0.apart, $0.distance, $0.point) < ($1.apart, $1.distance, $1.point) }
      .prefix(study.prototypeCount).map { $0.point }
  }

  var members: [SpRAYMember] {
    labels.indices.map { point in
      var (same, all) = (0.0, 0.0)
      for place in graph.weights.entries(of: point) {
        let weight = graph.weights.values[place]
        all += weight
        if labels[Int(graph.weights.columns[place])] == labels[point] { same += weight }
      }
      return SpRAYMember(
        example: maps.examples[point], offset: maps.offset(of: point), label: labels[point],
        confidence: all > 0 ? same / all : 0,
        distance: distances[point], silhouette: silhouettes?.values[point] ?? .nan,
        neighborDistance: Statistics.mean(neighbors.distances(of: point)))
    }
  }
}

// MARK: What the reader should know
extension StrategySummary {
  var remarks: [String] {
    let n = labels.count
    var remarks: [String] = []
    if !maps.flawed.isEmpty { remarks.append("maps that say nothing were left out: \(maps.flawed.summary)") }
    if maps.grid?.isAligned == true {
      remarks.append(
        "maps were moved to a common middle before they were compared, so strategies that differ by their place alone "
          + "fall together, and regions move with the map")
    }
    let distinct = maps.points.distinctCount(upTo: n)
    if distinct == 1 {
      return remarks + [
        "all maps are identical, so there is one strategy at most; check the method and its target"
      ]
    }
    if distinct < n {
      remarks.append(
        "\(n - distinct) examples have the map of another, as copies do; copies look like a strategy")
    }
    if study.neighborCount == nil, neighbors.k < 10 {
      remarks.append(
        "\(n) examples are few, so that each was joined to \(neighbors.k) neighbours instead of 10")
    }
    if spectrum.componentSizes.count > 1 {
      let sizes = spectrum.componentSizes.prefix(5).map { "\($0)" }.joined(separator: ", ")
      remarks.append(
        "the graph of neighbours falls into \(spectrum.componentSizes.count) parts without a path between them, of "
          + sizes + (spectrum.componentSizes.count > 5 ? ", …" : "") + " examples")
    }
    if !spectrum.isolated.isEmpty {
      remarks.append("\(spectrum.isolated.count) examples have no neighbour and are parts of their own")
    }
    return remarks + strategyRemarks + stabilityRemarks
  }

  private var strategyRemarks: [String] {
    var remarks: [String] = []
    if study.clustering.takesCount, spectrum.count == 1, study.fixedCount != 1 {
      remarks.append("the eigenvalues show no distinct strategies")
    } else if study.clustering.takesCount, groups.count < spectrum.count {
      remarks.append("only \(groups.count) of \(spectrum.count) strategies differ")
    }
    let noise = labels.count { $0 < 0 }
    if groups.isEmpty {
      remarks.append("the clustering calls all examples noise; loosen its settings")
    } else if noise > 0 {
      remarks.append("\(noise) examples belong to no strategy")
    }
    return remarks
  }

  private var stabilityRemarks: [String] {
    var remarks: [String] = []
    if let variation = spectrum.variation, study.fixedCount == 0, variation.agreement < 0.5 {
      let range = variation.clusterCountInterval
      remarks.append(
        "the number of strategies is uncertain: parts of the examples suggest from \(range[0]) to \(range[1])"
      )
    }
    guard let stability else { return remarks }
    let weak = stability.jaccard.indices.filter { stability.jaccard[$0] < 0.6 }
    if stability.mean < 0.6 {
      remarks.append(
        "parts of the examples lead to other strategies (adjusted Rand index \(stability.mean.brief)); do not rely on "
          + "these")
    } else if !weak.isEmpty {
      // Words count from 1.
      let names = weak.map { "\($0 + 1)" }.joined(separator: ", ")
      remarks.append("parts of the examples do not lead to strategy \(names) again; do not rely on it")
    }
    return remarks
  }
}

extension PointSet {
  /// The mean of some points.
  func mean(of rows: [Int]) -> [Double] {
    var sums = [Double](repeating: 0, count: dimension)
    for index in rows {
      for (j, value) in row(index).enumerated() { sums[j] += Double(value) }
    }
    return sums.map { $0 / Double(Swift.max(1, rows.count)) }
  }

  /// The Euclidean distance of a point to a place.
  func distance(_ index: Int, to place: [Double]) -> Double {
    zip(row(index), place).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }.squareRoot()
  }
}

extension Double {
  /// The number as a sentence has it: two digits after the point, one from 1 on.
  var brief: String {
    guard isFinite else { return "\(self)" }
    let scale: Double = abs(self) < 0.995 ? 100 : 10
    let value = (self * scale).rounded() / scale
    // No negative zero.
    return "\(value == 0 ? 0 : value)"
  }

  /// A share in whole percent.
  var percent: String { "\(Int((self * 100).rounded())) %" }
}
