internal import Noema

/// Brings what a study of strategies found before the reader: numbers, places, thumbnails and galleries.
struct StrategyReport {
  let result: SpRAYStudyResult
  let material: StrategyMaterial
  /// How many examples of a class have thumbnails; 0 for no pictures at all.
  let pictureCount: Int

  /// Classes with pictures, the most suspicious ones: pages of hundreds of classes would not open.
  private static let picturedClasses = 50
  /// The longest edge of a prototype's picture.
  private static let prototypeEdge = 128
  /// Grids of fewer blocks are too coarse for an image under them.
  private static let leastOverlay = 16

  /// The report around a record.
  func report(_ record: SpRAYRecord, title: String, _ progress: ProgressBar) throws -> SpRAYReport {
    let pictures = material.network.flatMap { ExamplePictures($0.dataset.examples, $0.model) }
    var report = SpRAYReport(
      title: title, record: record,
      groups: try result.findings.map { finding in
        let isPictured = pictureCount > 0 && finding.suspicion.rank <= Self.picturedClasses
        return try group(finding, isPictured ? pictures : nil, isPictured, progress)
      })
    report.warnings = warnings
    if !result.findings.contains(where: { !$0.masking.isEmpty }) { report.answers = [result.untested] }
    return report
  }

  private var warnings: [String] {
    var warnings = [result.testingNote]
    if result.findings.count > Self.picturedClasses, pictureCount > 0 {
      warnings.append("pictures are shown of the \(Self.picturedClasses) classes at the head of the ranking")
    }
    return warnings
  }

  // MARK: Classes

  private func group(
    _ finding: SpRAYFinding, _ pictures: ExamplePictures?, _ isPictured: Bool, _ progress: ProgressBar
  ) throws -> SpRAYReport.Group {
    let strategies = finding.strategies
    let members = strategies.members.map { member in
      SpRAYReport.Member(
        example: member.example.index, name: member.example.name,
        label: member.example.label.map(material.names.name) ?? "",
        prediction: member.example.prediction.map(material.names.name) ?? "", cluster: member.label,
        distance: member.distance, silhouette: member.silhouette)
    }
    var group = SpRAYReport.Group(
      members: members, places: places(strategies), eigenvectors: strategies.eigenvectors.tensor)
    let count = isPictured ? min(pictureCount, members.count) : 0
    let means = try pictures.map { try addThumbnails(of: finding, $0, count, to: &group, progress) } ?? [:]
    if count > 0, finding.maps.grid != nil {
      var sheet = SpRAYThumbnails(capacity: count, longestEdge: longestEdge(finding.maps.grid))
      for row in 0..<count {
        if let map = map(finding.maps.values(of: row), finding.maps.grid) {
          try sheet.add(map.image())
        }
      }
      group.mapThumbnails = sheet
    }
    group.galleries = try strategies.clusters.map { cluster in
      .init(
        mean: try mean(cluster, strategies.grid, means[cluster.label]),
        prototypes: isPictured ? try cluster.prototypes.map { try prototype($0, finding, pictures) } : [])
    }
    return group
  }

  /// The places in the first picture; all the same without one.
  private func places(_ strategies: SpRAYClass) -> Tensor {
    strategies.pictures.first?.coordinates.tensor
      ?? Tensor(shape: [strategies.members.count, 2], repeating: 0.0)
  }

  /// Adds a small image of each example.
  ///
  /// - Returns: the mean image of each strategy's pictured examples.
  private func addThumbnails(
    of finding: SpRAYFinding, _ pictures: ExamplePictures, _ count: Int, to group: inout SpRAYReport.Group,
    _ progress: ProgressBar
  ) throws -> [Int: Image] {
    var sheet: SpRAYThumbnails?
    var means: [Int: MeanImage] = [:]
    for (row, member) in finding.strategies.members.prefix(count).enumerated() {
      guard let image = try pictures.picture(member.example.index) else { return [:] }
      var thumbnails =
        sheet ?? SpRAYThumbnails(capacity: count, longestEdge: max(image.width, image.height))
      try thumbnails.add(image)
      sheet = thumbnails
      means[member.label, default: MeanImage()].add(image)
      progress("pictures of \(finding.strategies.name)", row + 1, count)
    }
    group.thumbnails = sheet
    return means.compactMapValues(\.image)
  }

  // MARK: Galleries

  private func longestEdge(_ grid: MapGrid?) -> Int { grid.map { max($0.height, $0.width) } ?? 1 }

  private func map(_ values: [Float], _ grid: MapGrid?) -> AttributionMap? {
    grid.flatMap { AttributionMap(values, shape: [$0.channels, $0.height, $0.width]) }
  }

  /// The mean map as it was clustered, with the mean image behind it, unless maps were moved.
  private func mean(_ cluster: SpRAYCluster, _ grid: MapGrid?, _ image: Image?) throws -> SpRAYReport.Picture
  {
    let map = map(cluster.mean, grid)
    var ground = grid?.isAligned == true ? nil : image
    if let map {
      ground =
        min(map.width, map.height) < Self.leastOverlay
        ? nil : try ground?.resized(height: map.height, width: map.width, filter: .box)
    }
    return .init(image: ground, map: map, caption: "mean of \(cluster.size)")
  }

  private func prototype(
    _ point: Int, _ finding: SpRAYFinding, _ pictures: ExamplePictures?
  ) throws -> SpRAYReport.Picture {
    let example = finding.strategies.members[point].example
    let image = try pictures?.picture(example.index).map { try reduced($0) }
    let map = map(finding.maps.values(of: point), finding.maps.grid)
    return .init(
      image: image, map: image.flatMap { map?.enlarged(width: $0.width, height: $0.height) } ?? map,
      caption: example.name)
  }

  private func reduced(_ image: Image) throws -> Image {
    let longest = max(image.width, image.height)
    guard longest > Self.prototypeEdge else { return image }
    return try image.resized(
      height: max(1, image.height * Self.prototypeEdge / longest),
      width: max(1, image.width * Self.prototypeEdge / longest), filter: .box)
  }
}

/// The mean of images of one size.
private struct MeanImage {
  private var sums: [Int] = []
  private var count = 0
  private var size: (width: Int, height: Int, channels: Int)?

  mutating func add(_ image: Image) {
    if size == nil {
      size = (image.width, image.height, image.channelCount)
      sums = [Int](repeating: 0, count: image.pixels.count)
    }
    guard sums.count == image.pixels.count else { return }
    for (place, pixel) in image.pixels.enumerated() { sums[place] += Int(pixel) }
    count += 1
  }

  var image: Image? {
    guard let size, count > 0 else { return nil }
    return Image(
      width: size.width, height: size.height, channelCount: size.channels,
      pixels: sums.map { UInt8(($0 + count / 2) / count) })
  }
}
