internal import NoemaConcepts
internal import NoemaData
internal import NoemaTensor

/// What patches and maps of concepts look like to a reader.
struct ACEPictures {
  private let archive: ACEArchive
  private let patches: PatchExamples
  /// Concepts that are mapped over whole images.
  private static let mappedConcepts = 5
  /// Tokens around a phrase.
  private static let wordsAround = 12

  init(_ archive: ACEArchive) { (self.archive, patches) = (archive, archive.found.patches) }

  /// A patch in its example.
  ///
  /// - Throws: as reading does.
  func sight(of index: Int) throws -> ACEReport.Sight {
    let patch = patches.patches[index], layout = patches.layout
    let mask = patch.positions.mask(of: layout.positionCount)
    let values = try values(patches.base, patch.example)
    switch layout.kind {
    case .image:
      guard let whole = picture(values), let own = picture(try self.values(patches, index)) else {
        return .columns([])
      }
      return .picture(whole: OutlinedRegion.image(whole, mask: mask), patch: own)
    case .signal:
      let steps = (0..<layout.positionCount).map { values[layout.offset(channel: 0, position: $0)] }
      return .signal(steps, patch.positions.runs)
    case .text: return .words(words(patch, values, mask))
    case .table:
      let names = archive.columnNames
      return .columns(
        mask.indices.filter { mask[$0] }.map { column in
          let name = names.flatMap { $0.indices.contains(column) ? $0[column] : nil } ?? "column \(column)"
          return ACEReport.Cell(name: name, value: Double(values[column]))
        })
    }
  }

  /// The tokens of a phrase and those around it.
  private func words(_ patch: Patch, _ values: [Float], _ mask: [Bool]) -> [ACEReport.Word] {
    let layout = patches.layout
    let pieces =
      archive.pieces?(patch.example)
      ?? (0..<layout.positionCount).map { position in
        let name =
          layout.channels == 1 ? "\(Int(values[layout.offset(channel: 0, position: position)]))" : "·"
        return Vocabulary.Piece(name, startsWord: true)
      }
    guard let first = patch.positions.runs.first?.lowerBound, let last = patch.positions.runs.last?.upperBound
    else { return [] }
    let shown = max(0, first - Self.wordsAround)..<min(pieces.count, last + Self.wordsAround)
    return shown.map {
      ACEReport.Word(text: (pieces[$0].startsWord ? " " : "") + pieces[$0].text, isMarked: mask[$0])
    }
  }

  // MARK: Maps

  /// The most important concepts over whole images; none where they have no place.
  ///
  /// - Parameter order: the concepts' places among those kept, the most important first.
  func maps(of layer: LayerConcepts, order: [Int]) throws -> [ACEReport.Mapped] {
    let held = archive.found.heldOutExamples
    let examples = Array((held.isEmpty ? archive.found.discoveryExamples : held).prefix(archive.mapCount))
    guard archive.subject.kind == .image, !order.isEmpty, !examples.isEmpty else { return [] }
    let found: Tensor
    do {
      found = try layer.maps(of: ExampleSubset(patches.base, examples), in: archive.subject)
    } catch let error as ConceptError {
      guard case .mismatch = error.kind else { throw error }
      return []
    }
    // Layers of tokens have positions, but none that lie in the image.
    guard found.shape.count == 4 else { return [] }
    let values = found.elements(as: Float.self), size = found.shape[2] * found.shape[3]
    let shown = order.prefix(Self.mappedConcepts)
    func map(_ row: Int, _ concept: Int) -> AttributionMap? {
      let start = (row * found.shape[1] + concept) * size
      return AttributionMap(
        Array(values[start..<start + size]), shape: [found.shape[2], found.shape[3]])
    }
    // One scale a concept, so that images compare.
    let limits = shown.map { concept in
      examples.indices.compactMap { map($0, concept)?.limit }.max() ?? 0
    }
    return try examples.indices.compactMap { row -> ACEReport.Mapped? in
      guard let image = picture(try self.values(patches.base, examples[row])) else { return nil }
      let maps = zip(shown, limits).compactMap { map(row, $0)?.image(limit: $1, over: image) }
      return ACEReport.Mapped(name: patches.base.name(of: examples[row]), image: image, maps: maps)
    }
  }

  // MARK: Values

  private func values(_ source: any ExampleSource, _ index: Int) throws -> [Float] {
    try source.tensor(at: index).elements(as: Float.self)
  }

  /// The picture that an input shows; grey between its extremes where nothing says how it was made.
  private func picture(_ values: [Float]) -> Image? {
    if let image = try? patches.preprocessing?.inverse(of: values) { return image }
    guard let map = AttributionMap(values, shape: patches.layout.shape) else { return nil }
    let low = map.values.min() ?? 0, high = map.values.max() ?? 1
    return Image(
      width: map.width, height: map.height, channelCount: 1,
      pixels: map.values.map { UInt8(high > low ? (255 * ($0 - low) / (high - low)).rounded() : 0) })
  }
}
