import NoemaData
import NoemaReport
import NoemaTensor

/// A made-up analysis of two classes: horses with three strategies, of which one is a tag, and ships with one.
enum SampleSpRAY {
  static func image(_ index: Int, channels: Int = 3) -> Image {
    let count = 12 * 10 * channels
    return Image(
      width: 12, height: 10, channelCount: channels, pixels: (0..<count).map { UInt8(($0 + 7 * index) % 256) }
    )
  }

  static func map(_ index: Int) -> AttributionMap {
    AttributionMap((0..<120).map { Float($0 % 7) - Float(index) }, shape: [10, 12])!
  }

  static func cluster(
    _ size: Int, of count: Int, region: String? = nil, effect: SpRAYRecord.MaskingEffect? = nil
  ) -> SpRAYRecord.Cluster {
    var cluster = SpRAYRecord.Cluster(size: size, share: Double(size) / Double(count))
    cluster.stability = 0.9
    cluster.stabilityInterval = [0.8, 0.97]
    cluster.silhouette = 0.61
    cluster.region = region
    cluster.prototypes = [.init(example: 3, name: "horse-3.png")]
    cluster.labels = ["horse": size]
    cluster.predictions = ["horse": size - 1, "cow": 1]
    cluster.maskingEffect = effect
    return cluster
  }

  static var record: SpRAYRecord {
    let effect = SpRAYRecord.MaskingEffect(
      drop: 2.1, dropElsewhere: 0.03, differenceInterval: [1.8, 2.3], p: 0.001, maskedShare: 0.06,
      isConfirmed: true)
    var suspicion = SpRAYRecord.Suspicion(rank: 1, score: 4.2, cluster: 2)
    suspicion.fisher = 11.5
    let horse = SpRAYRecord.ClassResult(
      name: "horse", classIndex: 7, exampleCount: 50,
      clusters: [
        cluster(25, of: 50), cluster(15, of: 50, region: "the middle"),
        cluster(9, of: 50, region: "the lower left corner", effect: effect),
      ],
      eigenvalues: [0, 0.01, 0.02, 0.4, 0.45, 0.5],
      eigengap: .init(clusterCount: 3, gap: 0.38, clusterCountInterval: [3, 4]), suspicion: suspicion)
    let ship = SpRAYRecord.ClassResult(
      name: "ship", classIndex: 2, exampleCount: 12, clusters: [cluster(12, of: 12)],
      eigenvalues: [0, 0.5, 0.6],
      eigengap: nil, suspicion: .init(rank: 2, score: 0.1))
    var record = SpRAYRecord(
      method: "lrp-epsilon-plus-flat", layer: "input", clustering: "k-means", embedding: "t-SNE",
      classes: [ship, horse], skipped: ["ship-9.png: relevance is zero everywhere"])
    record.classes[1].unclusteredCount = 1
    record.classes[1].silhouette = 0.55
    record.classes[1].stability = 0.93
    return record
  }

  /// Members in rings of the plane, one ring a cluster.
  static func group(_ name: String, _ sizes: [Int], unclustered: Int = 0) throws -> SpRAYReport.Group {
    let clusters =
      sizes.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
      + Array(repeating: -1, count: unclustered)
    let members = clusters.enumerated().map { index, cluster in
      SpRAYReport.Member(
        example: 100 + index, name: "\(name)-\(index).png", label: name,
        prediction: index == 0 ? "cow" : name,
        cluster: cluster, distance: cluster < 0 ? .nan : 0.25, silhouette: cluster < 0 ? .nan : 0.5)
    }
    let places = members.indices.flatMap { index -> [Float] in
      [Float(index % 5) + 10 * Float(clusters[index]), Float(index / 5) - 2]
    }
    var thumbnails = SpRAYThumbnails(capacity: members.count, longestEdge: 12)
    for index in members.indices { try thumbnails.add(image(index)) }
    return SpRAYReport.Group(
      members: members, places: Tensor(shape: [members.count, 2], places),
      eigenvectors: Tensor(shape: [members.count, sizes.count], repeating: 0.5), thumbnails: thumbnails,
      galleries: sizes.indices.map { index in
        .init(
          mean: .init(map: map(index), caption: "mean"),
          prototypes: [.init(image: image(index), map: map(index), caption: "\(name)-\(index).png")])
      })
  }

  static func report() throws -> SpRAYReport {
    var report = SpRAYReport(
      title: "horses and ships", record: record,
      groups: [try group("ship", [12]), try group("horse", [25, 15, 9], unclustered: 1)])
    report.settings = [("seed", "0")]
    report.hashes = [("model", "abc")]
    report.commandLine = "noema spray --model net.onnx"
    return report
  }
}
