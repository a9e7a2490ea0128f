internal import Noema

/// The dissection of one layer after the other.
struct DissectionStudy {
  /// What was found at a layer.
  struct Found {
    let layer: Layer
    var record: DissectionRecord.Layer
    let summaries: [TopExamples.Summary]
    /// Units × concepts.
    let iou: Matrix
  }

  let model: LoadedModel
  let examples: any ExampleSource
  let known: KnownConcepts
  let settings: DissectionOptions
  /// Examples that are kept of each unit.
  let top: Int
  var memory = 1 << 30

  func dissect(_ layer: Layer, _ index: Int, _ progress: ProgressBar) throws -> Found {
    switch known {
    case .masks(let content): try dissect(layer, index, content.annotations, progress)
    case .labels(let table): try align(layer, index, table, progress)
    }
  }

  private func capture(_ layer: Layer, pooling: Pooling = .none) -> Capture {
    var capture = Capture(model.network, layers: [layer.onnxValue])
    (capture.shapes, capture.batchMemory, capture.pooling) = (model.shapes, memory / 4, pooling)
    return capture
  }

  private func arrayName(_ index: Int) -> String { "iou-\(index).npy" }

  // MARK: Masks

  private func dissect(
    _ layer: Layer, _ index: Int, _ annotations: MemoryAnnotations, _ progress: ProgressBar
  ) throws -> Found {
    let capture = capture(layer)
    let shape = try capture.shapesAfterPooling()[0]
    guard shape.count == 3 else {
      throw ConceptError(
        .parameters(
          "a layer of shape \(shape) has no maps to hold masks against; dissect one of [units, height, width], or "
            + "align units with labels (--concept-labels)"), at: layer.name)
    }
    var dissection = NetworkDissection()
    (dissection.topShare, dissection.leastIoU) = (settings.topShare, settings.leastIoU)
    (dissection.images, dissection.seed, dissection.memory) = (
      settings.unions.images, settings.seed, memory / 4
    )
    var tops = try TopExamples(units: shape[0], count: top)
    var pass = 0
    let result = try dissection(shape: shape, field: try field(layer), annotations: annotations) { body in
      pass += 1
      let phase = "\(layer.name), pass \(pass) of 2"
      try capture.stream(examples) { tensors, done in
        let first = done - tensors[0].shape[0]
        if pass == 1 { try tops.add(tensors[0], first: first) }
        try body(tensors[0], first)
        progress(phase, done, examples.count)
      }
    }
    let names = annotations.concepts.map(\.name), summaries = tops.summaries
    let units = zip(result.units, summaries).map { unit, summary in
      var entry = DissectionRecord.Unit(summary, top: list(summary, hasPositions: true))
      entry.concept = unit.concept.map { names[$0] }
      (entry.iou, entry.isDetector, entry.isDead) = (unit.iou, unit.isDetector, unit.isDead)
      (entry.threshold, entry.heldOutIoU, entry.chanceIoU) = (unit.threshold, unit.heldOutIoU, unit.chanceIoU)
      entry.heldOutConcept = unit.heldOutConcept.map { names[$0] }
      return entry
    }
    return Found(
      layer: layer,
      record: DissectionRecord.Layer(
        layer: layer.name, onnxValue: layer.onnxValue, shape: shape, iouArray: arrayName(index),
        warnings: result.warnings, units: units, concepts: names, leastIoU: settings.leastIoU),
      summaries: summaries, iou: result.iou)
  }

  private func field(_ layer: Layer) throws -> ReceptiveField {
    let graph = try model.network.graph(batch: model.network.fixedBatch ?? 1, shapes: model.shapes)
    let value = try graph.layers().matching(layer.onnxValue)[0].value
    return ReceptiveField(of: value, in: graph)
  }

  // MARK: Labels

  private func align(
    _ layer: Layer, _ index: Int, _ table: ConceptLabelTable, _ progress: ProgressBar
  ) throws -> Found {
    let shape = try capture(layer).shapesAfterPooling()[0]
    let hasMaps = shape.count == 3
    // Tokens have no units of their own before they are brought together.
    let capture = capture(layer, pooling: hasMaps ? .none : .max)
    let count = try capture.shapesAfterPooling()[0][0]
    var tops = try TopExamples(units: count, count: top)
    var greatest: [Float] = []
    try capture.stream(examples) { tensors, done in
      try tops.add(tensors[0], first: done - tensors[0].shape[0])
      let width = tensors[0].count / (tensors[0].shape[0] * count)
      tensors[0].withElements(as: Float.self) { values in
        for start in stride(from: 0, to: values.count, by: width) {
          greatest.append(values[start..<start + width].max() ?? 0)
        }
      }
      progress(layer.name, done, examples.count)
    }
    var alignment = UnitAlignment()
    alignment.correction = settings.correction
    let pairs = try alignment.align(
      PointSet(greatest, count: examples.count, dimension: count), labels: table.marks)
    let width = table.concepts.count, summaries = tops.summaries
    let units = summaries.map { summary -> DissectionRecord.Unit in
      var entry = DissectionRecord.Unit(summary, top: list(summary, hasPositions: hasMaps))
      let row = pairs[summary.unit * width..<(summary.unit + 1) * width]
      var best = row[row.startIndex]
      for pair in row where pair.auc > best.auc { best = pair }
      guard best.auc > 0.5 else { return entry }
      entry.concept = table.concepts[best.label]
      (entry.iou, entry.auc, entry.pAdjusted) = (best.iou, best.auc, best.pAdjusted)
      entry.isDetector = best.auc >= settings.leastAUC && best.pAdjusted <= settings.alpha
      return entry
    }
    let missing = zip(table.concepts, table.marks).filter { !$1.contains(true) || !$1.contains(false) }.map(
      \.0)
    return Found(
      layer: layer,
      record: DissectionRecord.Layer(
        layer: layer.name, onnxValue: layer.onnxValue, shape: shape, iouArray: arrayName(index),
        warnings: missing.map { "all examples have '\($0)', or none has; nothing tells it apart" },
        units: units,
        concepts: table.concepts, leastIoU: nil),
      summaries: summaries,
      iou: Matrix(rowCount: count, columnCount: width, elements: pairs.map(\.iou)))
  }

  private func list(_ summary: TopExamples.Summary, hasPositions: Bool) -> [DissectionRecord.Example] {
    summary.top.map { example in
      .init(
        name: examples.name(of: example.example), value: example.value,
        position: hasPositions ? [example.row, example.column] : nil)
    }
  }

  // MARK: Pictures

  /// The inputs of some units, what they respond to outlined.
  ///
  /// - Parameter count: how many units: detectors, or where there are none those nearest to one.
  func patches(
    _ found: Found, layer index: Int, count: Int, _ progress: ProgressBar
  ) throws -> [DissectionReport.Patches] {
    guard count > 0, let pictures = ExamplePictures(examples, model) else { return [] }
    var units = found.record.detectors.prefix(count).map(\.unit)
    if units.isEmpty {
      let near = found.record.units.filter { $0.concept != nil }.sorted {
        ($1.auc ?? $1.iou, $0.unit) < ($0.auc ?? $0.iou, $1.unit)
      }
      units = near.prefix(min(count, 5)).map(\.unit)
    }
    let needed = Set(units.flatMap { found.summaries[$0].top.map(\.example) }).sorted()
    guard !needed.isEmpty else { return [] }
    var made: [Int: [Int: Image]] = [:]
    let field = try field(found.layer)
    try capture(found.layer).stream(ExampleSubset(examples, needed)) { tensors, done in
      let first = done - tensors[0].shape[0]
      for row in 0..<tensors[0].shape[0] {
        let example = needed[first + row]
        guard let picture = try pictures.picture(example) else { continue }
        for unit in units {
          guard let top = found.summaries[unit].top.first(where: { $0.example == example }) else { continue }
          made[unit, default: [:]][example] = try outlined(
            picture, tensors[0], row, top, unit: found.record.units[unit], shape: found.record.shape, field)
        }
      }
      progress("\(found.layer.name), pictures", done, needed.count)
    }
    return units.map { unit in
      DissectionReport.Patches(
        layer: index, unit: unit, pictures: found.summaries[unit].top.compactMap { made[unit]?[$0.example] })
    }
  }

  /// The picture with where the unit fires; the whole picture for units without maps.
  private func outlined(
    _ picture: Image, _ activations: Tensor, _ row: Int, _ top: TopExamples.Example,
    unit: DissectionRecord.Unit, shape: [Int], _ field: ReceptiveField
  ) throws -> Image {
    guard shape.count == 3 else { return picture }
    let region = try UnitRegion(shape: shape, field: field, height: picture.height, width: picture.width)
    // Without a threshold, or where interpolation stays below it: what is above half of the greatest.
    let levels = [unit.threshold, top.value / 2].compactMap { $0 }
    for level in levels {
      let mask = region(activations, row: row, unit: unit.unit, above: level)
      if mask.contains(true) { return OutlinedRegion.image(picture, mask: mask) }
    }
    return picture
  }
}
