internal import ArgumentParser
internal import Noema

/// How relevance maps are made comparable.
struct MapOptions: ParsableArguments {
  @Option(
    help: "What becomes of channels: sum, absolute-sum, none, or positions (sums over positions instead).")
  var channels = RelevancePreprocessing.Channels.sum
  @Option(help: "What becomes of negative relevance: keep, positive or absolute.")
  var sign = RelevancePreprocessing.Sign.keep
  @Option(help: "What a map is divided by: absolute-sum, signed-sum, l2 or none.")
  var normalisation = RelevancePreprocessing.Normalisation.absoluteSum
  @Option(
    name: .customLong("align"),
    help: "What of a map comes to the middle, wherever it lies: none, centre (of relevance) or peak.")
  var alignment = MapAlignment.none
  @Option(
    name: .customLong("map-side"),
    help: "Sum positions in blocks, at most so many along the longer side; 0 for none.") var mapSide = 32
  @Option(help: "Describe each channel by the density of its values in so many bins, wherever they lie.")
  var histogram: Int?
  @Flag(name: .customLong("channels-last"), help: "Maps are [height, width, channels].")
  var channelsLast = false

  /// The preprocessing that the flags describe.
  func preprocessing(excludesFlawed: Bool) throws -> RelevancePreprocessing {
    var result = RelevancePreprocessing()
    (result.channels, result.sign, result.normalisation) = (channels, sign, normalisation)
    result.alignment = alignment
    result.longestSide = mapSide == 0 ? nil : mapSide
    result.histogramBins = histogram
    (result.hasChannelsLast, result.excludesFlawed) = (channelsLast, excludesFlawed)
    try result.validate()
    return result
  }

  var record: [(name: String, value: String)] {
    [
      ("channels", channels.rawValue), ("sign", sign.rawValue), ("normalisation", normalisation.rawValue),
      ("align", alignment.rawValue), ("map-side", String(mapSide)),
    ] + (histogram.map { [("histogram", String($0))] } ?? [])
      + (channelsLast ? [("channels-last", "true")] : [])
  }
}

/// How strategies are found, and how the reader sees them.
struct StrategyOptions: ParsableArguments {
  enum Distance: String, CaseIterable, ExpressibleByArgument {
    case euclidean, cosine, correlation, ssim
  }
  enum Weighting: String, CaseIterable, ExpressibleByArgument {
    case mean, union, mutual
    case localScaling = "local-scaling"
    case gaussian
  }
  enum Clustering: String, CaseIterable, ExpressibleByArgument {
    case kMeans = "kmeans"
    case agglomerative
    case gaussianMixture = "gaussian-mixture"
    case dbscan, hdbscan
  }
  enum Plane: String, CaseIterable, ExpressibleByArgument { case tsne, umap }

  @Option(help: "Neighbours of an example; a tenth of the class by default, from 5 to 10.") var neighbors:
    Int?
  @Option(
    help: "What distance between maps means: euclidean, cosine, correlation or ssim (structural similarity).")
  var metric = Distance.euclidean
  @Option(name: .customLong("ssim-window"), help: "Of ssim: the side of a window, in blocks.")
  var window = 7
  @Option(
    help:
      "Weights: of one-sided neighbours mean, union or mutual; of all by distance local-scaling or gaussian."
  )
  var weighting = Weighting.mean
  @Option(
    name: .customLong("edge-width"),
    help: "Of gaussian: its standard deviation; the median distance to the last neighbour by default.")
  var width: Double?
  @Option(help: "symmetric or random-walk.") var laplacian = SpectralEmbedding.Laplacian.symmetric
  @Option(help: "How many eigenvectors are kept.") var eigenvectors = 32
  @Option(help: "kmeans, agglomerative, gaussian-mixture, dbscan or hdbscan.") var clustering = Clustering
    .kMeans
  @Option(help: "How many strategies: relative-gap or largest-gap of the eigenvalues, or a number.")
  var clusters = "relative-gap"
  @Option(name: .customLong("max-clusters"), help: "The most strategies that eigenvalues may suggest.")
  var maxClusters = 20
  @Option(name: .customLong("min-gap"), help: "The least relative gap that speaks for several strategies.")
  var minGap = 0.5
  @Option(help: "Fresh starts of k-means (10) and of mixtures (5).") var restarts: Int?
  @Option(help: "Of agglomerative: ward, average, complete or single.") var linkage = Agglomerative.Linkage
    .ward
  @Option(help: "Of mixtures: diagonal or full.") var covariance = GaussianMixture.Shape.diagonal
  @Option(help: "Of dbscan: how near neighbours are, on rows of length one.") var radius = 0.5
  @Option(name: .customLong("min-points"), help: "Of dbscan: the examples that make a place dense.")
  var minPoints = 5
  @Option(name: .customLong("min-cluster-size"), help: "Of hdbscan: the smallest strategy.")
  var minClusterSize = 5
  @Option(help: "The pictures, with commas between; the report shows the first: tsne, umap.") var plane =
    "tsne"
  @Option(name: .customLong("plane-of"), help: "What pictures are made of: embedding or maps.")
  var planeOf = SpRAY.LayoutSource.embedding
  @Option(help: "Of t-SNE: effective neighbours.") var perplexity = 30.0
  @Option(name: .customLong("umap-neighbors"), help: "Of UMAP: neighbours.") var umapNeighbors = 15
  @Option(name: .customLong("min-distance"), help: "Of UMAP: how near points may come.") var minDistance = 0.1
  @Option(help: "Parts of the examples on which strategies are tried again; 0 for none.") var bootstrap = 30
  @Option(help: "The share of the examples in a part.") var part = 0.8
  @Option(help: "Prototypes of a strategy.") var prototypes = 8
  @Option(name: .customLong("min-examples"), help: "Classes of fewer examples are not analysed.")
  var minExamples = 10
  @Option(help: "Surrogates without strategies that each class is held against.") var surrogates = 20

  func validate() throws {
    _ = try count()
    _ = try planes()
    if width != nil, weighting != .gaussian {
      throw ValidationError("--edge-width is of --weighting gaussian, found \(weighting.rawValue).")
    }
    if bootstrap < 0 || bootstrap == 1 {
      throw ValidationError("--bootstrap must be 0, or 2 or more, found \(bootstrap).")
    }
    if let restarts, restarts < 1 { throw ValidationError("--restarts must be positive, found \(restarts).") }
  }

  private func count() throws -> StrategyCount {
    switch clusters {
    case "relative-gap": return .relativeGap
    case "largest-gap": return .largestGap
    default:
      guard let number = Int(clusters) else {
        throw ValidationError(
          "--clusters expects relative-gap, largest-gap or a number, found '\(clusters)'.")
      }
      return .fixed(number)
    }
  }

  private func planes() throws -> [Plane] {
    let planes = plane.split(separator: ",").map { Plane(argument: String($0)) }
    let found = planes.compactMap { $0 }
    guard !found.isEmpty, found.count == planes.count, Set(found).count == found.count else {
      throw ValidationError("--plane expects tsne, umap or both with a comma between, found '\(plane)'.")
    }
    return found
  }

  private var strategyClustering: StrategyClustering {
    switch clustering {
    case .kMeans: .kMeans(restarts: restarts ?? 10)
    case .agglomerative: .agglomerative(linkage)
    case .gaussianMixture: .gaussianMixture(covariance, restarts: restarts ?? 5)
    case .dbscan: .dbscan(radius: radius, minimumPoints: minPoints)
    case .hdbscan: .hdbscan(minimumClusterSize: minClusterSize)
    }
  }

  private var distance: MapDistance {
    switch metric {
    case .euclidean: .vectors(.euclidean)
    case .cosine: .vectors(.cosine)
    case .correlation: .vectors(.correlation)
    case .ssim: .structural(window: window)
    }
  }

  /// Refuses a distance that the maps will not have.
  func check(_ maps: MapOptions) throws {
    guard metric == .ssim else { return }
    guard maps.channels != .positions, maps.histogram == nil else {
      throw ValidationError(
        "--metric ssim compares maps as images, and "
          + (maps.histogram == nil ? "--channels positions" : "--histogram")
          + " leaves vectors; take another metric.")
    }
    guard maps.mapSide == 0 || window <= maps.mapSide else {
      throw ValidationError(
        "--metric ssim with windows of \(window) blocks needs maps as large, found --map-side \(maps.mapSide); "
          + "take a smaller --ssim-window.")
    }
  }

  private func layout(_ plane: Plane) -> StrategyLayout {
    switch plane {
    case .tsne: return .tsne(TSNE(perplexity: perplexity))
    case .umap:
      var umap = UMAP(neighborCount: umapNeighbors)
      umap.minimumDistance = minDistance
      return .umap(umap)
    }
  }

  /// The analysis that the flags describe.
  func spray() throws -> SpRAY {
    var spray = SpRAY()
    (spray.neighborCount, spray.distance) = (neighbors, distance)
    switch weighting {
    case .mean: spray.weighting = .mean
    case .union: spray.weighting = .union
    case .mutual: spray.weighting = .mutual
    case .localScaling: spray.weighting = .localScaling()
    case .gaussian: spray.weighting = .gaussian(width: width)
    }
    spray.embedding = SpectralEmbedding(dimensions: eigenvectors, laplacian: laplacian)
    (spray.count, spray.maximumCount, spray.minimumRelativeGap) = (try count(), maxClusters, minGap)
    spray.clustering = strategyClustering
    spray.stability = bootstrap == 0 ? nil : ClusterStability(.part(part), draws: bootstrap)
    spray.layouts = try planes().map(layout)
    spray.layoutSource = planeOf
    (spray.prototypeCount, spray.minimumExamples) = (prototypes, minExamples)
    return spray
  }

  /// How strategies are found, in words.
  var clusteringWords: String {
    switch clustering {
    case .kMeans: "k-means"
    case .agglomerative: "agglomerative clustering (\(linkage.rawValue))"
    case .gaussianMixture: "a mixture of normals (\(covariance.rawValue))"
    case .dbscan: "DBSCAN"
    case .hdbscan: "HDBSCAN"
    }
  }

  /// What the shown picture is, in words.
  var planeWords: String {
    (plane.hasPrefix("umap") ? "UMAP" : "t-SNE")
      + (planeOf == .maps ? " of the maps" : " of the spectral embedding")
  }

  var record: [(name: String, value: String)] {
    var record = [
      ("neighbors", neighbors.map { String($0) } ?? "a tenth, 5 to 10"), ("metric", metric.rawValue),
    ]
    if metric == .ssim { record.append(("ssim-window", String(window))) }
    record.append(("weighting", weighting.rawValue))
    if weighting == .gaussian {
      record.append(("edge-width", width.map { String($0) } ?? "median of the last neighbours"))
    }
    record += [
      ("laplacian", laplacian.rawValue), ("eigenvectors", String(eigenvectors)),
      ("clustering", clustering.rawValue), ("clusters", clusters),
      ("max-clusters", String(maxClusters)), ("min-gap", String(minGap)),
    ]
    switch clustering {
    case .kMeans: record.append(("restarts", String(restarts ?? 10)))
    case .agglomerative: record.append(("linkage", linkage.rawValue))
    case .gaussianMixture:
      record += [("restarts", String(restarts ?? 5)), ("covariance", covariance.rawValue)]
    case .dbscan: record += [("radius", String(radius)), ("min-points", String(minPoints))]
    case .hdbscan: record.append(("min-cluster-size", String(minClusterSize)))
    }
    record += [("plane", plane), ("plane-of", planeOf.rawValue)]
    if plane.contains("tsne") { record.append(("perplexity", String(perplexity))) }
    if plane.contains("umap") {
      record += [("umap-neighbors", String(umapNeighbors)), ("min-distance", String(minDistance))]
    }
    return record + [
      ("bootstrap", String(bootstrap)), ("part", String(part)), ("min-examples", String(minExamples)),
      ("surrogates", String(surrogates)),
    ]
  }
}

/// How strategies are put to the network.
struct MaskingOptions: ParsableArguments {
  @Flag(
    name: .customLong("no-masking"), help: "Do not put strategies to the network; nothing is confirmed then.")
  var noMasking = false
  @Option(name: .customLong("mask-area"), help: "The share of the image that is masked.") var area = 0.05
  @Option(
    parsing: .unconditional,
    help: "What stands there: mean (the image's colour), blur (what lies around), or a number in input units."
  )
  var infill = "mean"
  @Option(
    name: .customLong("mask-examples"),
    help: "The most examples of a strategy, and of others, that are tried.")
  var examples = 100
  @Option(help: "Permutations of the test.") var permutations = 1999
  @Option(help: "The correction over strategies: holm, bonferroni, bh or none.")
  var correction = MultipleTesting.holm
  @Option(help: "The level up to which an adjusted p-value counts.") var alpha = 0.05
  @Option(
    name: .customLong("min-effect"),
    help: "The least drop beyond that of other examples, in standard deviations of the score.")
  var minEffect = 1.5

  func validate() throws { _ = try regionInfill() }

  private func regionInfill() throws -> RegionInfill {
    switch infill {
    case "mean": return .meanColour
    case "blur": return .blur()
    default:
      guard let value = Float(infill), value.isFinite else {
        throw ValidationError("--infill expects mean, blur or a number, found '\(infill)'.")
      }
      return .baseline(value)
    }
  }

  /// The study of some strategies.
  func study(_ strategies: StrategyOptions, seed: UInt64) throws -> SpRAYStudy {
    var study = SpRAYStudy()
    study.spray = try strategies.spray()
    study.ranking.surrogateCount = strategies.surrogates
    // The sentence speaks of the region that is masked.
    (study.ranking.area, study.ranking.correction, study.ranking.significance) = (area, correction, alpha)
    if noMasking {
      study.masking = nil
    } else {
      var test = MaskingTest()
      (test.area, test.infill, test.exampleLimit) = (area, try regionInfill(), examples)
      (test.permutations, test.correction, test.significance) = (permutations, correction, alpha)
      test.minimumEffect = minEffect
      study.masking = test
    }
    study.reseed(seed)
    return study
  }

  var record: [(name: String, value: String)] {
    guard !noMasking else { return [("masking", "none"), ("correction", correction.rawValue)] }
    return [
      ("mask-area", String(area)), ("infill", infill), ("mask-examples", String(examples)),
      ("permutations", String(permutations)), ("correction", correction.rawValue), ("alpha", String(alpha)),
      ("min-effect", String(minEffect)),
    ]
  }
}
