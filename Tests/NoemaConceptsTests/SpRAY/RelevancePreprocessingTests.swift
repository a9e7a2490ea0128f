import NoemaTensor
import Testing

@testable import NoemaConcepts

@Suite struct RelevancePreprocessingTests {
  private func random(_ shape: [Int], seed: UInt64 = 1) -> [Float] {
    var random = RandomNumbers(seed: seed)
    return (0..<shape.reduce(1, *)).map { _ in Float(random.normal() + 0.3) }
  }

  /// The prepared maps of some examples.
  private func prepared(
    _ values: [Float], _ shape: [Int], _ change: (inout RelevancePreprocessing) -> Void = { _ in }
  ) throws -> RelevanceMaps {
    var preprocessing = RelevancePreprocessing()
    change(&preprocessing)
    var collector = try RelevanceCollector(preprocessing)
    try collector.append(
      Tensor(shape: shape, values), of: (0..<shape[0]).map { RelevanceExample(index: $0, name: "x\($0)") })
    return try collector.finish()
  }

  private func expectClose(_ maps: RelevanceMaps, _ expected: [Double], _ what: String) {
    let scale = expected.reduce(1) { max($0, abs($1)) }
    #expect(
      PlantedLayer.distance(maps.points.values.map { Double($0) }, expected) < 1e-6 * scale, "\(what)")
  }

  /// Channels, signs and size of `[channels, height, width]`, written out.
  private func expected(
    _ map: [Float], _ channels: Int, _ settings: RelevancePreprocessing
  ) -> [Double] {
    let positions = map.count / channels
    func value(_ c: Int, _ p: Int) -> Double { Double(map[c * positions + p]) }
    var values: [Double] = []
    switch settings.channels {
    case .sum: for p in 0..<positions { values.append((0..<channels).reduce(0) { $0 + value($1, p) }) }
    case .absoluteSum:
      for p in 0..<positions { values.append((0..<channels).reduce(0) { $0 + abs(value($1, p)) }) }
    case .positions: for c in 0..<channels { values.append((0..<positions).reduce(0) { $0 + value(c, $1) }) }
    case .none: values = map.map { Double($0) }
    }
    switch settings.sign {
    case .keep: break
    case .positive: values = values.map { $0 > 0 ? $0 : 0 }
    case .absolute: values = values.map { abs($0) }
    }
    let size: Double =
      switch settings.normalisation {
      case .absoluteSum: values.map { abs($0) }.reduce(0, +)
      case .signedSum: values.reduce(0, +)
      case .l2: values.map { $0 * $0 }.reduce(0, +).squareRoot()
      case .none: 1
      }
    return values.map { $0 / size }
  }

  @Test(arguments: RelevancePreprocessing.Channels.allCases, RelevancePreprocessing.Sign.allCases)
  func stepsFollowTheirDefinitions(
    _ channels: RelevancePreprocessing.Channels, _ sign: RelevancePreprocessing.Sign
  ) throws {
    let map = random([3, 5, 7])
    for normalisation in RelevancePreprocessing.Normalisation.allCases {
      var settings = RelevancePreprocessing()
      (settings.channels, settings.sign, settings.normalisation) = (channels, sign, normalisation)
      let maps = try prepared(map, [1, 3, 5, 7]) { $0 = settings }
      expectClose(maps, expected(map, 3, settings), "\(channels) \(sign) \(normalisation)")
      if channels == .positions {
        #expect(maps.grid == nil)
      } else {
        let grid = try MapGrid(channels: channels == .none ? 3 : 1, sourceHeight: 5, sourceWidth: 7)
        #expect(maps.grid == grid)
      }
    }
  }

  @Test(arguments: [(224, 160, 7, 32, 23), (28, 28, 1, 28, 28), (33, 20, 2, 17, 10), (5, 64, 2, 3, 32)])
  func sumsOverBlocksKeepTheTotal(_ extents: (Int, Int, Int, Int, Int)) throws {
    let (height, width, block, rows, columns) = extents
    let map = random([height, width], seed: 2)
    let maps = try prepared(map, [1, height, width]) { $0.normalisation = .none }
    let grid = try #require(maps.grid)
    #expect(grid.block == block && grid.height == rows && grid.width == columns && grid.channels == 1)
    var sums = [Double](repeating: 0, count: rows * columns)
    for y in 0..<height {
      for x in 0..<width { sums[y / block * columns + x / block] += Double(map[y * width + x]) }
    }
    let found = maps.points.values.map { Double($0) }
    #expect(PlantedLayer.distance(found, sums) < 1e-4)
    #expect(abs(found.reduce(0, +) - map.reduce(0.0) { $0 + Double($1) }) < 1e-3)
    #expect((0..<grid.cells).reduce(0.0) { $0 + grid.area(of: $1) } == Double(height * width))
  }

  @Test func channelsMayComeLast() throws {
    let map = random([3, 6, 4], seed: 3)
    var last = map
    for c in 0..<3 { for p in 0..<24 { last[p * 3 + c] = map[c * 24 + p] } }
    for channels in RelevancePreprocessing.Channels.allCases {
      let first = try prepared(map, [1, 3, 6, 4]) { $0.channels = channels }
      let other = try prepared(last, [1, 6, 4, 3]) {
        $0.channels = channels
        $0.hasChannelsLast = true
      }
      #expect(first == other)
    }
  }

  @Test func sequencesAndVectorsHaveFeaturesLast() throws {
    let tokens = random([5, 4], seed: 4)
    let summed = try prepared(tokens, [1, 5, 4]) {
      $0.channels = .positions
      $0.normalisation = .none
    }
    let sums = (0..<4).map { f in (0..<5).reduce(0.0) { $0 + Double(tokens[$1 * 4 + f]) } }
    expectClose(summed, sums, "tokens")
    let vector = try prepared(tokens, [1, 20]) { $0.longestSide = 2 }
    expectClose(vector, expected(tokens, 20, .full), "vector")
    #expect(vector.grid == nil)
  }

  @Test func scaleDoesNotMatterAfterNormalisation() throws {
    let map = random([2, 9, 9], seed: 5)
    for normalisation in [RelevancePreprocessing.Normalisation.absoluteSum, .signedSum, .l2] {
      let before = try prepared(map, [1, 2, 9, 9]) { $0.normalisation = normalisation }
      let after = try prepared(map.map { $0 * 1024 }, [1, 2, 9, 9]) { $0.normalisation = normalisation }
      #expect(before == after)
    }
  }

  @Test func histogramsCountValuesWhereverTheyLie() throws {
    let map = random([2, 8, 8], seed: 6)
    let maps = try prepared(map, [1, 2, 8, 8]) {
      $0 = .histogram
      $0.histogramBins = 5
      $0.normalisation = .none
    }
    #expect(maps.points.dimension == 10 && maps.grid == nil)
    for channel in 0..<2 {
      let values = map[(channel * 64)..<(channel * 64 + 64)].map { Double($0) }
      let (low, high) = (values.min()!, values.max()!)
      for bin in 0..<5 {
        let (from, to) = (low + (high - low) * Double(bin) / 5, low + (high - low) * Double(bin + 1) / 5)
        let count = values.count { $0 >= from && ($0 < to || bin == 4) }
        let density = Double(count) / 64 / ((high - low) / 5)
        #expect(abs(Double(maps.points.values[channel * 5 + bin]) - density) < 1e-5 * max(1, density))
      }
    }
    let turned = try prepared(Array(map.reversed()), [1, 2, 8, 8]) {
      $0 = .histogram
      $0.histogramBins = 5
      $0.normalisation = .none
    }
    #expect(turned.points.values.suffix(5) == maps.points.values.prefix(5))
  }

  @Test func mapsThatSayNothingAreNamed() throws {
    let good: [Float] = [1, 2, 3, -4]
    let rows: [[Float]] = [
      [0, 0, 0, 0], good, [2, 2, 2, 2], [1, .nan, 2, 3], [0, 0, 0, 0], [1, -1, 2, -2],
    ]
    let values = rows.flatMap { $0 }
    let refused = kind { _ = try prepared(values, [6, 2, 2]) }
    #expect(
      refused
        == .notFinite(
          "4 of 6 relevance maps say nothing: 1 not finite (x3), 2 zero (x0, x4), 1 constant (x2); check the method "
            + "and its target, or leave them out with --skip-bad"))
    let kept = try prepared(values, [6, 2, 2]) { $0.excludesFlawed = true }
    #expect(kept.examples.map(\.name) == ["x1", "x5"])
    #expect(kept.flawed.map(\.flaw) == [.zero, .constant, .notFinite, .zero])
    let signed = try prepared(values, [6, 2, 2]) {
      $0.normalisation = .signedSum
      $0.excludesFlawed = true
    }
    #expect(signed.examples.map(\.index) == [1] && signed.flawed.last?.flaw == .cancelling)
    // Nothing is left of negative relevance.
    let negative = kind { _ = try prepared([-1, -2, -3, -4], [1, 2, 2]) { $0.sign = .positive } }
    #expect(negative?.name == "algebra")
    #expect(
      kind { _ = try prepared([0, 0], [1, 1, 2]) { $0.excludesFlawed = true } }
        == .algebra(
          "none of the 1 relevance maps says anything: 1 zero (x0); the method yields nothing for this target: try "
            + "another method, layer or output scale"))
    #expect(
      kind { _ = try RelevanceCollector().finish() }
        == .tooFew(set: "the set of relevance maps", found: 0, needed: 1))
  }

  @Test func examplesWithoutAMapAreCounted() throws {
    var settings = RelevancePreprocessing()
    settings.excludesFlawed = true
    var collector = try RelevanceCollector(settings)
    collector.refuse(RelevanceExample(index: 4, name: "x4"), as: .notFinite)
    #expect(kind { _ = try collector.finish() }?.name == "notFinite")
    try collector.append(Tensor(shape: [1, 1, 2], [Float(1), 2]), of: [RelevanceExample(index: 5)])
    #expect(try collector.finish().flawed.map(\.example.name) == ["x4"])
  }

  @Test func badRequestsAreRefused() throws {
    var collector = try RelevanceCollector()
    try collector.append(Tensor(shape: [1, 2, 2], [Float(1), 2, 3, 4]), of: [RelevanceExample(index: 0)])
    #expect(
      kind {
        try collector.append(Tensor(shape: [1, 1, 2], [Float(1), 2]), of: [RelevanceExample(index: 8)])
      }
        == .mismatch(
          "the relevance of example 8 has shape [1, 2], that of earlier examples [2, 2]; bring all to one size"
        ))
    #expect(
      kind { try collector.append(Tensor(shape: [2, 2, 2], repeating: Float(1)), of: []) }?.name == "mismatch"
    )
    #expect(
      kind {
        try collector.append(
          Tensor(shape: [1, 1, 1, 2, 2], repeating: Float(1)), of: [RelevanceExample(index: 1)])
      }?.name == "mismatch")
    var settings = RelevancePreprocessing()
    settings.longestSide = 0
    #expect(kind { _ = try RelevanceCollector(settings) }?.name == "parameters")
    settings = .histogram
    settings.histogramBins = 1
    #expect(kind { _ = try RelevanceCollector(settings) }?.name == "parameters")
    let points = try PointSet([1, 2, 3, 4], count: 2, dimension: 2)
    #expect(kind { _ = try RelevanceMaps(points, examples: []) }?.name == "mismatch")
    let grid = try MapGrid(sourceHeight: 3, sourceWidth: 3)
    #expect(
      kind { _ = try RelevanceMaps(points, examples: PlantedMaps.examples(2), grid: grid) }?.name
        == "mismatch")
  }
}
