import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct MapAlignmentTests {
  /// A map with one spot.
  private func spot(_ row: Int, _ column: Int, height: Int, width: Int, value: Float = 1) -> [Float] {
    var map = [Float](repeating: 0, count: height * width)
    map[row * width + column] = value
    return map
  }

  @Test(arguments: [MapAlignment.centre, .peak], [(7, 9), (8, 6), (1, 5), (1, 1)])
  func aSpotComesToTheMiddle(_ alignment: MapAlignment, _ extents: (Int, Int)) throws {
    let (height, width) = extents
    let middle = ((height - 1) / 2, (width - 1) / 2)
    for row in 0..<height {
      for column in 0..<width {
        let map = spot(row, column, height: height, width: width, value: -2)
        let (moved, offset) = try alignment.align(map, height: height, width: width)
        let place = moved.firstIndex { $0 != 0 }!
        // Of an even number either of two is the middle.
        #expect(abs(place / width - middle.0) <= (height % 2 == 0 ? 1 : 0))
        #expect(abs(place % width - middle.1) <= (width % 2 == 0 ? 1 : 0))
        #expect(offset.position(place, height: height, width: width) == row * width + column)
      }
    }
  }

  @Test func movesKeepAllValuesAndCanBeUndone() throws {
    let map = (0..<2 * 5 * 7).map { Float($0 * $0 % 11) - 3 }
    for alignment in MapAlignment.allCases {
      let (moved, offset) = try alignment.align(map, channels: 2, height: 5, width: 7)
      #expect(moved.sorted() == map.sorted())
      for place in moved.indices {
        let before = place / 35 * 35 + offset.position(place % 35, height: 5, width: 7)
        #expect(moved[place] == map[before])
      }
      if alignment == .none { #expect(moved == map && offset == MapOffset(rows: 0, columns: 0)) }
    }
  }

  @Test func shiftedMapsAlignToTheSame() throws {
    // A blot far from the edges, in 12 × 12, and where it was moved.
    func blot(_ row: Int, _ column: Int) -> [Float] {
      var map = [Float](repeating: 0, count: 144)
      for (index, value) in [1, 3, 2, 5, 9, 4].enumerated() {
        map[(row + index / 3) * 12 + column + index % 3] = Float(value)
      }
      return map
    }
    for alignment in [MapAlignment.centre, .peak] {
      let first = try alignment.align(blot(2, 2), height: 12, width: 12).map
      for (row, column) in [(2, 7), (8, 3), (6, 6)] {
        #expect(try alignment.align(blot(row, column), height: 12, width: 12).map == first)
      }
    }
  }

  @Test func peaksAreTakenOverOneLargeValue() throws {
    // In 16 × 16 a square of 2 × 2 decides; the single large value is not the largest sum.
    var map = spot(1, 1, height: 16, width: 16, value: 3)
    for place in [(10, 10), (10, 11), (11, 10), (11, 11)] { map[place.0 * 16 + place.1] = -1 }
    let (moved, offset) = try MapAlignment.peak.align(map, height: 16, width: 16)
    #expect(offset == MapOffset(rows: -3, columns: -3))
    #expect(moved[7 * 16 + 7] == -1 && moved[8 * 16 + 8] == -1)
  }

  @Test func mapsThatSayNothingStay() throws {
    for map in [[Float](repeating: 0, count: 6), [0, .nan, 1, 2, 3, 4], [0, .infinity, 1, 2, 3, 4]] {
      for alignment in MapAlignment.allCases {
        let (moved, offset) = try alignment.align(map, height: 2, width: 3)
        #expect(offset == MapOffset(rows: 0, columns: 0) && moved.count == 6 && moved[0] == 0)
      }
    }
  }

  @Test func wrongExtentsAreNamed() {
    #expect(throws: ConceptError(.mismatch("6 values are not 1 channels of 2 × 2 positions"))) {
      try MapAlignment.centre.align([Float](repeating: 1, count: 6), height: 2, width: 2)
    }
    for (channels, height, width) in [(0, 2, 3), (4, 1, 1), (1, -2, -3), (1, Int.max, 2)] {
      #expect(
        kind {
          _ = try MapAlignment.none.align(
            [Float](repeating: 1, count: 6), channels: channels, height: height, width: width)
        }?.name == "mismatch")
    }
  }
}
