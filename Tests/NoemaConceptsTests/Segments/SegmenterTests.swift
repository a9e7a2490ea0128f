import NoemaAttribution
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct PositionSetTests {
  /// Sets of runs drawn at random, and the same as Swift's sets.
  private func drawn(_ seed: UInt64) -> [(PositionSet, Set<Int>)] {
    var random = RandomNumbers(seed: seed)
    return (0..<12).map { _ in
      let runs = (0..<random.index(below: 6)).map { _ -> Range<Int> in
        let start = random.index(below: 60)
        return start..<start + random.index(below: 15)
      }
      return (PositionSet(runs: runs), Set(runs.joined()))
    }
  }

  @Test(arguments: [1 as UInt64, 2, 3])
  func setsAreSets(_ seed: UInt64) {
    let sets = drawn(seed)
    for (a, whole) in sets {
      #expect(a.count == whole.count && Set(a.runs.joined()) == whole)
      #expect(
        a.runs.allSatisfy { !$0.isEmpty }
          && zip(a.runs, a.runs.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
      #expect(a.mask(of: 80).indices.filter { a.mask(of: 80)[$0] } == whole.sorted())
      #expect(PositionSet(mask: a.mask(of: 80)) == a)
      #expect(Set(a.complement(of: 80).runs.joined()) == Set(0..<80).subtracting(whole))
      for (b, other) in sets {
        #expect(a.intersectionCount(b) == whole.intersection(other).count)
        #expect(Set(a.union(b).runs.joined()) == whole.union(other))
        let all = whole.union(other).count
        #expect(a.jaccard(b) == (all == 0 ? 0 : Double(whole.intersection(other).count) / Double(all)))
      }
      let width = 7
      let box = a.box(width: width)
      #expect(box.rows == (whole.isEmpty ? 0..<0 : whole.min()! / width..<whole.max()! / width + 1))
      let columns = whole.map { $0 % width }
      #expect(box.columns == (whole.isEmpty ? 0..<0 : columns.min()!..<columns.max()! + 1))
    }
  }

  @Test func labelsBecomeParts() {
    let parts = PositionSet.parts(of: [0, 0, 2, -1, 2, 0])
    #expect(parts.map { Array($0.runs.joined()) } == [[0, 1, 5], [], [2, 4]])
  }
}

@Suite struct SegmenterTests {
  private func example(_ kind: ExampleLayout.Kind, _ shape: [Int], seed: UInt64 = 1) throws
    -> SegmentedExample
  {
    let layout = try ExampleLayout(kind, shape: shape)
    var random = RandomNumbers(seed: seed)
    return try SegmentedExample(
      (0..<layout.valueCount).map { _ in Float(random.uniform()) }, layout: layout, index: 3)
  }

  @Test func layoutsKnowWhereValuesLie() throws {
    let image = try ExampleLayout(.image, shape: [3, 4, 5])
    #expect(image.extents == [4, 5] && image.channels == 3 && image.offset(channel: 2, position: 7) == 47)
    let last = try ExampleLayout(.image, shape: [8, 5, 3])
    #expect(last.extents == [8, 5] && last.channels == 3 && last.offset(channel: 2, position: 7) == 23)
    let text = try ExampleLayout(.text, shape: [6, 4])
    #expect(text.extents == [6] && text.channels == 4 && text.offset(channel: 1, position: 2) == 9)
    let signal = try ExampleLayout(.signal, shape: [2, 9])
    #expect(signal.extents == [9] && signal.channels == 2 && signal.offset(channel: 1, position: 2) == 11)
    for layout in [image, last, text, signal] {
      let values = (0..<layout.valueCount).map { Float($0) }
      let planes = layout.planes(values)
      #expect(layout.values(planes) == values)
      for channel in 0..<layout.channels {
        for position in 0..<layout.positionCount {
          #expect(
            planes[channel * layout.positionCount + position]
              == values[layout.offset(channel: channel, position: position)])
        }
      }
    }
    #expect(kind { _ = try ExampleLayout(.table, shape: [2, 3]) }?.name == "mismatch")
    #expect(kind { _ = try ExampleLayout(.image, shape: [7]) }?.name == "mismatch")
    #expect(
      kind { _ = try SegmentedExample([1, .nan], layout: try ExampleLayout(.table, shape: [2])) }?.name
        == "notFinite")
  }

  /// Naive: a mask at a time, from coarse to fine.
  @Test func segmentsOfSeveralResolutionsAreDistinct() throws {
    var random = RandomNumbers(seed: 5)
    let levels = (0..<3).map { level in
      (0..<8).map { _ -> PositionSet in
        let start = random.index(below: 80), length = 1 + random.index(below: 40 / (level + 1))
        return PositionSet(runs: [start..<start + length])
      }
    }
    var choice = SegmentChoice()
    choice.leastShare = 0.05
    choice.greatestOverlap = 0.4
    let kept = try choice(levels, positions: 120)
    var expected: [(Int, PositionSet)] = []
    for (level, sets) in levels.enumerated() {
      for set in sets where set.count > 6 {
        let isAgain = expected.contains { known in known.0 < level && known.1.jaccard(set) > 0.4 }
        if !isAgain { expected.append((level, set)) }
      }
    }
    #expect(kept.map(\.level) == expected.map(\.0) && kept.map(\.positions) == expected.map(\.1))
    #expect(kept.count < 24 && kept.count > 8)
    choice.greatestOverlap = 2
    #expect(kind { _ = try choice(levels, positions: 120) }?.name == "parameters")
  }

  @Test func superpixelsOfAllResolutionsCoverTheImage() throws {
    let layout = try ExampleLayout(.image, shape: [3, 40, 50])
    let image = try SegmentedExample(PlantedPicture.smooth(40, 50, seed: 2), layout: layout)
    let levels = try SuperpixelSegmenter(counts: [20, 5, 40]).levels(of: image)
    #expect(levels.count == 3 && zip(levels, levels.dropFirst()).allSatisfy { $0.count < $1.count })
    for level in levels {
      #expect(level.reduce(0) { $0 + $1.count } == 2000)
      #expect(level.reduce(PositionSet(runs: [])) { $0.union($1) }.count == 2000)
    }
    let one = try SuperpixelSegmenter(counts: [20]).levels(of: image)[0]
    #expect(one == levels[1])
    let segments = try SuperpixelSegmenter(counts: [5, 20, 40]).segments(of: image)
    for (i, a) in segments.enumerated() {
      for b in segments[..<i] where a.level != b.level { #expect(a.positions.jaccard(b.positions) <= 0.5) }
    }
    let tiny = try SegmentedExample([0, 1, 0.5, 0.2], layout: try ExampleLayout(.image, shape: [2, 2]))
    #expect(kind { _ = try SuperpixelSegmenter().levels(of: tiny) }?.name == "parameters")
    #expect(try QuickshiftSegmenter().levels(of: image)[0].reduce(0) { $0 + $1.count } == 2000)
  }

  @Test func cropsReachAllSides() throws {
    let crops = try GridSegmenter(sides: [4], step: 0.5).levels(of: try example(.image, [1, 9, 8]))[0]
    // Rows from 0, 2, 4 and 5; columns from 0, 2 and 4.
    #expect(crops.count == 12 && crops.allSatisfy { $0.count == 16 })
    #expect(crops[11].box(width: 8).rows == 5..<9 && crops[11].box(width: 8).columns == 4..<8)
    #expect(
      kind { _ = try GridSegmenter(sides: [10]).levels(of: example(.image, [1, 9, 8])) }?.name == "parameters"
    )
  }

  @Test func windowsReachBothEnds() throws {
    let levels = try WindowSegmenter(lengths: [3, 6]).levels(of: try example(.signal, [2, 10]))
    #expect(levels[0].map(\.runs) == [[0..<6], [3..<9], [4..<10]])
    #expect(levels[1].map { $0.runs[0].lowerBound } == [0, 2, 4, 6, 7])
    #expect(
      kind { _ = try WindowSegmenter(lengths: [11]).levels(of: example(.signal, [10])) }?.name == "parameters"
    )
    #expect(
      kind { _ = try WindowSegmenter(lengths: [2], step: 0).levels(of: example(.signal, [10])) }?.name
        == "parameters")
  }

  @Test func phrasesKeepWordsAndSentences() throws {
    let texts = ["[CLS]", "un", "believ", "able", "film", ".", "see", "it", "now", "!", "[SEP]", "[PAD]"]
    let starts = [true, true, false, false, true, true, true, true, true, true, true, true]
    let segmenter = PhraseSegmenter(lengths: [1, 2]) { example in
      example == 3 ? zip(texts, starts).map { Vocabulary.Piece($0, startsWord: $1) } : []
    }
    let levels = try segmenter.levels(of: try example(.text, [12]))
    // Words are unbelievable, film, the stop; see, it, now, the mark.
    #expect(levels[1].map { $0.runs[0] } == [1..<4, 4..<5, 5..<6, 6..<7, 7..<8, 8..<9, 9..<10])
    #expect(levels[0].map { $0.runs[0] } == [1..<5, 4..<6, 6..<8, 7..<9, 8..<10])
    #expect(kind { _ = try segmenter.levels(of: example(.text, [11])) }?.name == "mismatch")
  }

  @Test func columnsThatCorrelateAreGroups() throws {
    var random = RandomNumbers(seed: 8)
    // Columns 0, 2 and 4 follow one number, in either direction, 1 and 3 another; 5 is constant.
    let rows = (0..<60).flatMap { _ -> [Float] in
      let (a, b) = (random.normal(), random.normal())
      let noise = (0..<5).map { _ in 0.1 * random.normal() }
      return [
        a + noise[0], b + noise[1], -2 * a + noise[2], 5 * b + noise[3], a + noise[4], 7,
      ].map { Float($0) }
    }
    let table = try PointSet(rows, count: 60, dimension: 6)
    let groups = try ColumnGroups(correlatedIn: table, counts: [3, 6])
    #expect(Set(groups.groups[0].map { Set($0) }) == [[0, 2, 4], [1, 3], [5]])
    let levels = try groups.levels(of: try example(.table, [6]))
    #expect(levels[0].map(\.count).sorted() == [1, 2, 3] && levels[1].count == 6)
    #expect(kind { _ = try groups.levels(of: example(.table, [5])) }?.name == "parameters")
    #expect(try ColumnGroups([[1, 0], [2]]).levels(of: example(.table, [3]))[0][0].runs == [0..<2])
    #expect(kind { _ = try ColumnGroups(correlatedIn: table, counts: [9]) }?.name == "parameters")
  }
}
