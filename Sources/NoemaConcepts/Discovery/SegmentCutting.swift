internal import NoemaAttribution
internal import NoemaData
internal import NoemaTensor

/// Divides examples into patches, on all cores.
struct SegmentCutting: Sendable {
  let layout: ExampleLayout
  let segmenter: any Segmenter
  let choice: SegmentChoice
  let cutter: PatchCutter
  /// Bytes of whole examples that are kept.
  let memory: Int
  let preprocessing: Preprocessing?
  let skipsBad: Bool

  /// What became of some examples.
  struct Outcome: Sendable {
    var patches: PatchExamples
    /// The examples that were read.
    var read: [Int]
    /// Those left out, and why.
    var skipped: [String]
  }

  /// The patches of some examples, in their order.
  ///
  /// Examples are read in groups of a few, and none is kept.
  ///
  /// - Throws: as reading and dividing do; unreadable examples are skipped where that is asked for.
  func callAsFunction(
    _ source: any ExampleSource, _ indices: [Int], phase: String, _ progress: Progress?
  ) throws -> Outcome {
    var (patches, read, skipped) = ([Patch](), [Int](), [String]())
    for start in stride(from: 0, to: indices.count, by: Self.group) {
      let group = Array(indices[start..<min(start + Self.group, indices.count)])
      let results = Parallel.map(group.count) { segments(source, group[$0]) }
      for (index, result) in zip(group, results) {
        switch result {
        case .success(let segments):
          read.append(index)
          for (number, segment) in segments.enumerated() {
            patches.append(
              Patch(example: index, number: number, level: segment.level, positions: segment.positions))
          }
        case .failure(let error):
          let isBad = error is DataError || (error as? ConceptError)?.isAboutValues == true
          guard skipsBad, isBad else { throw error }
          skipped.append("\(source.name(of: index)): \(error)")
        }
      }
      progress?(phase, start + group.count, indices.count)
    }
    return Outcome(patches: try examples(source, patches), read: read, skipped: skipped)
  }

  /// Examples that cannot be read, and why.
  func unreadable(_ source: any ExampleSource, _ indices: [Int]) -> [Int: String] {
    let reasons = Parallel.map(indices.count) { place -> String? in
      let index = indices[place]
      do {
        _ = try SegmentedExample(try source.values(at: index), layout: layout, index: index)
        return nil
      } catch {
        return "\(source.name(of: index)): \(error)"
      }
    }
    var found: [Int: String] = [:]
    for (index, reason) in zip(indices, reasons) { found[index] = reason }
    return found
  }

  /// Patches as examples.
  func examples(_ source: any ExampleSource, _ patches: [Patch]) throws(ConceptError) -> PatchExamples {
    try PatchExamples(
      source, patches: patches, cutter: cutter, layout: layout, preprocessing: preprocessing, memory: memory)
  }

  /// So many examples are read before progress is told.
  private static let group = 16

  private func segments(_ source: any ExampleSource, _ index: Int) -> Result<[Segment], any Error> {
    Result {
      let example = try SegmentedExample(try source.values(at: index), layout: layout, index: index)
      do throws(ConceptError) {
        return try segmenter.segments(of: example, choice: choice)
      } catch {
        throw ConceptError(error.kind, at: error.place.isEmpty ? source.name(of: index) : error.place)
      }
    }
  }
}

extension ConceptError {
  /// Whether an example is at fault, and not a setting.
  fileprivate var isAboutValues: Bool {
    if case .notFinite = kind { return true }
    return false
  }
}
