internal import Noema

/// What was made for targets, as record, files and report.
struct VisualizationDrawing {
  var record: VisualizationRecord
  private let found: VisualizationResult
  private let images: [[Image]]
  private var examples: [[Image]] = []

  init(_ found: VisualizationResult, _ chosen: ChosenTargets) {
    self.found = found
    let names = Self.fileNames(found)
    let groups = found.targets.indices.map { target in
      found.pictures.indices.filter { found.pictures[$0].target == target }
    }
    images = groups.map { rows in rows.compactMap { found.image(found.pictures[$0]) } }
    record = VisualizationRecord(
      layer: chosen.layer, onnxValue: chosen.onnxValue, shape: found.shape,
      targets: groups.enumerated().map { target, rows in
        let similarity = found.similarities[target]
        return VisualizationRecord.Target(
          name: found.targets[target].name, kind: chosen.kind, index: chosen.indices[target],
          pictures: rows.map { row in
            let picture = found.pictures[row]
            return VisualizationRecord.Picture(
              file: found.arePictures ? "pictures/\(names[row])" : nil, row: row, start: picture.start,
              end: picture.end, trace: picture.trace, openedSteps: picture.openedSteps,
              isSilent: picture.isSilent)
          }, similarity: similarity.isNaN ? nil : similarity)
      }, warnings: found.warnings)
    for (target, wanted) in found.targets.enumerated() {
      record.targets[target].isMinimised = wanted.isMinimised
    }
  }

  /// Harmless names, none twice.
  private static func fileNames(_ found: VisualizationResult) -> [String] {
    var taken: Set<String> = []
    return found.pictures.map { picture in
      let base = Escape.fileName(found.targets[picture.target].name)
      let stem = picture.number == 0 ? base : "\(base)-\(picture.number + 1)"
      var name = stem, number = 2
      while !taken.insert(name.lowercased()).inserted {
        name = "\(stem).\(number)"
        number += 1
      }
      return name + ".png"
    }
  }

  /// Adds the real inputs to which targets respond most.
  mutating func compare(
    _ responses: TargetResponses, count: Int, _ source: any ExampleSource, pictures: ExamplePictures?
  ) throws {
    var shown: [[Image]] = []
    for target in record.targets.indices {
      let isMinimised = found.targets[target].isMinimised
      let top = responses.top(target, count: count, isMinimised: isMinimised)
      record.targets[target].examples = top.map { .init(name: source.name(of: $0.index), value: $0.value) }
      record.targets[target].exceeds = responses.share(
        target, below: record.targets[target].best, isMinimised: isMinimised)
      if let pictures { shown.append(try top.compactMap { try pictures.picture($0.index) }) }
    }
    examples = found.arePictures ? shown : []
  }

  /// Writes `pictures.npy`, and a PNG file for each picture.
  func writePictures(into folder: ResultFolder) throws {
    let values = found.pictures.flatMap(\.values)
    try NPYFile.write(
      Tensor(shape: [found.pictures.count] + found.shape, values),
      to: try folder.makePath(for: "pictures.npy"))
    for (target, images) in zip(record.targets, images) {
      for (picture, image) in zip(target.pictures, images) {
        guard let file = picture.file else { continue }
        try folder.write(try PNGFile.encode(image), to: file)
      }
    }
  }

  func report(title: String, features: [String]) -> VisualizationReport {
    var report = VisualizationReport(title: title, record: record, pictures: images)
    if !found.arePictures {
      report.arrays = record.targets.map { found.pictures[$0.pictures[0].row].values }
      report.featureNames = features
    }
    report.examples = examples
    return report
  }
}
