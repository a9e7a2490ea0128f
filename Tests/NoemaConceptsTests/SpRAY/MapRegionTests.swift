import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct MapRegionTests {
  private let grid = try? MapGrid(sourceHeight: 20, sourceWidth: 20)

  /// A map with relevance on some places.
  private func map(_ places: [(y: Int, x: Int)], side: Int = 20) -> [Float] {
    var map = [Float](repeating: 0, count: side * side)
    for (y, x) in places { map[y * side + x] = 1 }
    return map
  }

  private func block(_ rows: Range<Int>, _ columns: Range<Int>) -> [(y: Int, x: Int)] {
    rows.flatMap { y in columns.map { (y: y, x: $0) } }
  }

  private func place(_ places: [(y: Int, x: Int)]) throws -> ImagePlace? {
    try MapRegion(of: map(places), on: grid, area: 0.3).place
  }

  @Test func placesHaveNames() throws {
    #expect(try place(block(0..<3, 0..<3)) == .upperLeftCorner)
    #expect(try place(block(17..<20, 0..<3)) == .lowerLeftCorner)
    #expect(try place(block(1..<4, 16..<19)) == .upperRightCorner)
    #expect(try place(block(15..<20, 15..<20)) == .lowerRightCorner)
    #expect(try place(block(8..<12, 8..<12)) == .centre)
    #expect(try place(block(0..<3, 8..<12)) == .topEdge)
    #expect(try place(block(17..<20, 8..<12)) == .bottomEdge)
    #expect(try place(block(8..<12, 0..<3)) == .leftEdge)
    #expect(try place(block(8..<12, 17..<20)) == .rightEdge)
    #expect(try place(block(0..<3, 0..<20)) == .upperPart)
    #expect(try place(block(15..<18, 0..<20)) == .lowerPart)
    #expect(try place(block(0..<20, 1..<4)) == .leftPart)
    #expect(try place(block(0..<20, 15..<18)) == .rightPart)
    #expect(
      try place(block(0..<1, 0..<20) + block(19..<20, 0..<20) + block(0..<20, 0..<1) + block(0..<20, 19..<20))
        == .border)
    #expect(
      try place(block(0..<3, 0..<3) + block(17..<20, 17..<20) + block(8..<11, 8..<11)) == .severalPlaces)
    #expect(ImagePlace.lowerLeftCorner.phrase == "in the lower left corner")
    #expect(ImagePlace.topEdge.phrase == "at the top edge" && ImagePlace.border.phrase == "along the border")
  }

  @Test func theMostRelevantPositionsAreTaken() throws {
    var random = RandomNumbers(seed: 1)
    let grid = try MapGrid(channels: 2, sourceHeight: 10, sourceWidth: 10)
    let map = (0..<200).map { _ in Float(random.normal()) }
    let weights = (0..<100).map { abs(map[$0]) + abs(map[100 + $0]) }
    let region = try MapRegion(of: map, on: grid, area: 0.07)
    let order = (0..<100).sorted { weights[$0] > weights[$1] }
    #expect(region.cells == Array(order.prefix(7)) && abs(region.area - 0.07) < 1e-12)
    let inside = order.prefix(7).reduce(0.0) { $0 + Double(weights[$1]) }
    #expect(abs(region.share(of: map) - inside / weights.reduce(0.0) { $0 + Double($1) }) < 1e-6)
    #expect(region.share(of: [Float](repeating: 0, count: 200)) == 0)
    // One block at least, and none without relevance.
    #expect(try MapRegion(of: map, on: grid, area: 0.001).cells == [order[0]])
    #expect(try MapRegion(of: self.map([(3, 4)]), on: self.grid).cells == [64])
    let empty = try MapRegion(of: [Float](repeating: 0, count: 200), on: grid)
    #expect(empty.cells.isEmpty && empty.place == nil && empty.phrase == "nowhere")
  }

  @Test func smallBlocksAtTheEdgeCountByTheirArea() throws {
    // Blocks of 2 × 2, at the edge of 2 × 1, 1 × 2 and 1 × 1.
    let grid = try MapGrid(sourceHeight: 5, sourceWidth: 5, longestSide: 3)
    let region = try MapRegion(of: [4, 1, 1.5, 1, 1, 1, 1, 1, 2], on: grid, area: 0.28)
    // Densities 1 and 2 in the first and the last; 0.75 beside the edge. 1 + 4 + 2 of 25.
    #expect(region.cells == [8, 0, 2] && abs(region.area - 7.0 / 25) < 1e-12)
    let mask = region.mask(height: 5, width: 5)
    let inside = (0..<25).filter { mask[$0] }
    #expect(inside == [0, 1, 4, 5, 6, 9, 24])
    #expect(region.mask(height: 0, width: 5).isEmpty)
  }

  @Test func masksFollowTheResolution() throws {
    let grid = try MapGrid(sourceHeight: 4, sourceWidth: 4, longestSide: 2)
    let region = try MapRegion(of: [0, 3, 0, 0], on: grid, area: 0.25)
    for side in [2, 4, 8, 12] {
      let mask = region.mask(height: side, width: side)
      for y in 0..<side {
        for x in 0..<side { #expect(mask[y * side + x] == (y < side / 2 && x >= side / 2)) }
      }
    }
  }

  @Test func framesCountByArea() throws {
    let uniform = [Float](repeating: 1, count: 400)
    let grid = try #require(self.grid)
    // 2 of 20 on each side.
    #expect(abs(grid.frameShare(of: uniform, width: 0.1)! - (1 - 16.0 * 16 / 400)) < 1e-9)
    // Half of the outer pixels.
    #expect(abs(grid.frameShare(of: uniform, width: 0.025)! - (1 - 19.0 * 19 / 400)) < 1e-9)
    #expect(grid.frameShare(of: map([(0, 9)]), width: 0.1) == 1)
    #expect(abs(grid.frameShare(of: map([(10, 9)]), width: 0.1)!) < 1e-12)
    #expect(grid.frameShare(of: [Float](repeating: 0, count: 400), width: 0.1) == nil)
  }

  @Test func vectorsNameTheirFeatures() throws {
    let region = try MapRegion(of: [0, -3, 0, 1, 2, 0, 0, 0, 0, 0], on: nil, area: 0.2)
    #expect(region.cells == [1, 4] && region.phrase == "on features 1 and 4" && region.place == nil)
    #expect(try MapRegion(of: [0, 1], on: nil).phrase == "on feature 1")
    #expect(
      try MapRegion(of: [5, 4, 3, 2, 1, 0], on: nil, area: 0.9).phrase == "on features 0, 1, 2 and 2 more")
    #expect(region.mask(height: 2, width: 2) == [false, false, false, false])
    #expect(kind { _ = try MapRegion(of: [1], on: nil, area: 1) }?.name == "parameters")
    #expect(kind { _ = try MapRegion(of: [1], on: grid) }?.name == "mismatch")
    #expect(kind { _ = try MapGrid(sourceHeight: 0, sourceWidth: 3) }?.name == "parameters")
  }
}
