internal import NoemaTensor

/// The counts of pixels from which a dissection follows.
struct DissectionTally: Sendable {
  /// Sums over one part of the images.
  struct Counts: Sendable {
    /// `Σ |M ∩ L|`, units × concepts.
    var shared: [Int]
    /// `Σ |M|` over the images that count for a concept, units × concepts.
    var fired: [Int]
    /// `Σ |L|`, by concept.
    var areas: [Int]

    init(units: Int, concepts: Int) {
      shared = [Int](repeating: 0, count: units * concepts)
      fired = shared
      areas = [Int](repeating: 0, count: concepts)
    }
  }

  let concepts: [DissectedConcept]
  let gates: [UnitGate]
  /// Over both halves: the images on which labels are chosen, and those on which they are measured.
  private(set) var halves: [Counts]
  /// Against the annotations of other images.
  private(set) var chance: Counts
  /// Images that had another one's annotation of their size.
  private(set) var chanceImages = 0
  private let shape: [Int]
  private let field: ReceptiveField
  private let images: NetworkDissection.Images
  /// How maps lie on images of the last size.
  private var threshold: MapThreshold?
  private var size = [0, 0]

  init(
    concepts: [DissectedConcept], gates: [UnitGate], shape: [Int], field: ReceptiveField,
    images: NetworkDissection.Images
  ) {
    (self.concepts, self.gates, self.shape, self.field, self.images) = (concepts, gates, shape, field, images)
    chance = Counts(units: gates.count, concepts: concepts.count)
    halves = [chance, chance]
  }

  /// Adds one image.
  ///
  /// - Parameters:
  ///   - activations: of a batch.
  ///   - row: the image in the batch.
  ///   - annotation: what is known of it.
  ///   - other: another image, and what is known of it.
  ///   - isHeldOut: whether it belongs to the half on which labels are measured.
  mutating func add(
    _ activations: Tensor, row: Int, annotation: ExampleAnnotation,
    other: (example: Int, annotation: ExampleAnnotation)?, isHeldOut: Bool, example: Int
  ) throws(ConceptError) {
    try check(annotation, example)
    if let other { try check(other.annotation, other.example) }
    let upsampling = upsampling(annotation)
    let bits = try fired(activations, row, upsampling)
    Self.count(bits, annotation, concepts, images, upsampling.pixelCount, &halves[isHeldOut ? 1 : 0])
    if let other = other?.annotation, [other.height, other.width] == size {
      Self.count(bits, other, concepts, images, upsampling.pixelCount, &chance)
      chanceImages += 1
    }
  }

  private func check(_ annotation: ExampleAnnotation, _ example: Int) throws(ConceptError) {
    let place = "annotation of example \(example)"
    guard annotation.height >= 1, annotation.width >= 1 else {
      throw ConceptError(
        .mismatch("masks of \(annotation.height) × \(annotation.width) pixels; both must be 1 or more"),
        at: place)
    }
    if let bad = annotation.masks.keys.first(where: { !concepts.indices.contains($0) }) {
      throw ConceptError(.mismatch("a mask of concept \(bad), but there are \(concepts.count)"), at: place)
    }
    let pixels = annotation.height * annotation.width
    if annotation.masks.values.contains(where: { $0.runs.last?.upperBound ?? 0 > pixels }) {
      throw ConceptError(
        .mismatch(
          "a mask has pixels outside \(annotation.height) × \(annotation.width); give masks of the size of the input"
        ),
        at: place)
    }
  }

  private mutating func upsampling(_ annotation: ExampleAnnotation) -> MapThreshold {
    if let threshold, size == [annotation.height, annotation.width] { return threshold }
    let made = MapThreshold(
      rows: MapAxis(positions: shape[1], pixels: annotation.height, field: field.axes?[0]),
      columns: MapAxis(positions: shape[2], pixels: annotation.width, field: field.axes?[1]), width: shape[2])
    (threshold, size) = (made, [annotation.height, annotation.width])
    return made
  }

  /// The pixels at which each unit fires; nil for units that nowhere do.
  private func fired(
    _ activations: Tensor, _ row: Int, _ upsampling: MapThreshold
  ) throws(ConceptError) -> [PixelBits?] {
    let (gates, positions) = (gates, shape[1] * shape[2])
    return try parallelMap(gates.count) { unit in
      let gate = gates[unit]
      guard !gate.isDead else { return nil }
      return activations.withElements(as: Float.self) { values in
        let start = (row * gates.count + unit) * positions
        let greatest = values[start..<(start + positions)].max() ?? -.infinity
        // Interpolation cannot exceed the greatest value.
        guard gate.isStrict ? Double(greatest) > gate.threshold : Double(greatest) >= gate.threshold else {
          return nil
        }
        return upsampling.bits(values.baseAddress! + start, above: gate.threshold, isStrict: gate.isStrict)
      }
    }
  }

  private static func count(
    _ fired: [PixelBits?], _ annotation: ExampleAnnotation, _ concepts: [DissectedConcept],
    _ images: NetworkDissection.Images, _ pixels: Int, _ counts: inout Counts
  ) {
    let masks = annotation.masks.mapValues { PixelBits($0, count: pixels) }
    for (concept, mask) in masks { counts.areas[concept] += mask.count }
    let counting = concepts.indices.filter { concept in
      switch images {
      case .annotatedForCategory: annotation.categories?.contains(concepts[concept].category) ?? true
      case .showingConcept: !(annotation.masks[concept]?.isEmpty ?? true)
      }
    }
    for (unit, bits) in fired.enumerated() {
      guard let bits else { continue }
      let area = bits.count
      for concept in counting { counts.fired[unit * concepts.count + concept] += area }
      for (concept, mask) in masks {
        counts.shared[unit * concepts.count + concept] += bits.intersectionCount(mask)
      }
    }
  }
}
