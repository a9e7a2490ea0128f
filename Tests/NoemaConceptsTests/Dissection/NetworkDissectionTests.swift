import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Scenes with coloured squares, and units that look for one colour, for nothing, or never change.
struct PlantedScenes {
  static let height = 16, width = 20
  let annotations: MemoryAnnotations
  /// `[examples, units, 8, 10]`: red, green, noise, constant.
  let activations: Tensor

  init(_ count: Int, seed: UInt64) throws {
    var random = RandomNumbers(seed: seed)
    var (examples, values) = ([ExampleAnnotation](), [Float]())
    for _ in 0..<count {
      // A square of each colour on an even place of the map, red and green perhaps over each other.
      let places = (0..<2).map { _ in (2 * random.index(below: 6), 2 * random.index(below: 8)) }
      let masks = places.map { top, left in
        PositionSet(runs: (top..<top + 4).map { $0 * Self.width + left..<$0 * Self.width + left + 4 })
      }
      examples.append(
        ExampleAnnotation(
          height: Self.height, width: Self.width, masks: [0: masks[0], 1: masks[1]], categories: ["colour"]))
      let maps = places.map { top, left in
        (0..<80).map { cell -> Float in
          let isInside =
            (top / 2..<top / 2 + 2).contains(cell / 10) && (left / 2..<left / 2 + 2).contains(cell % 10)
          return Float(0.02 * random.normal()) + (isInside ? 1 : 0)
        }
      }
      values +=
        maps[0] + maps[1] + (0..<80).map { _ in Float(random.normal()) } + [Float](repeating: 2, count: 80)
    }
    annotations = MemoryAnnotations(
      [
        DissectedConcept("red", category: "colour"), DissectedConcept("green", category: "colour"),
        DissectedConcept("blue", category: "colour"), DissectedConcept("wood", category: "material"),
      ], examples)
    activations = Tensor(shape: [count, 4, 8, 10], values)
  }

  /// In batches of unequal sizes.
  func pass(_ body: (Tensor, Int) throws -> Void) throws {
    var start = 0
    for size in [1, 7, activations.shape[0]] where start < activations.shape[0] {
      let end = min(start + size, activations.shape[0])
      try body(activations.rows(start..<end), start)
      start = end
    }
  }
}

@Suite struct NetworkDissectionTests {
  /// Positions 2 pixels apart, each over the middle of 2 × 2 pixels.
  private let field = ReceptiveField(
    axes: [.init(start: 0, step: 2, size: 2), .init(start: 0, step: 2, size: 2)])

  private func dissect(
    _ scenes: PlantedScenes, _ change: (inout NetworkDissection) -> Void = { _ in }
  ) throws -> DissectionResult {
    var dissection = NetworkDissection()
    // Squares cover 4 of 80 positions.
    dissection.topShare = 0.05
    change(&dissection)
    return try dissection(
      shape: [4, 8, 10], field: field, annotations: scenes.annotations, pass: scenes.pass)
  }

  @Test func plantedDetectorsAreFound() throws {
    let found = try dissect(try PlantedScenes(60, seed: 1))
    #expect(found.units.map(\.isDetector) == [true, true, false, false])
    #expect(found.units[0].concept == 0 && found.units[1].concept == 1)
    #expect(found.units[0].iou > 0.5 && found.units[1].iou > 0.5)
    #expect(found.units[0].heldOutConcept == 0 && found.units[0].heldOutIoU > 0.5)
    #expect(found.units[0].chanceIoU < 0.2 && found.units[2].iou < 0.04 && found.units[2].chanceIoU < 0.06)
    #expect(found.detected == [0, 1] && found.detectors(of: 1).map(\.unit) == [1])
    // A unit that never changes has no label, and a concept that never occurs no ratio.
    #expect(found.units[3].isDead && found.units[3].concept == nil && found.units[3].iou == 0)
    #expect(found.iou[0, 2].isNaN && found.iou[0, 3].isNaN)
    #expect(found.warnings == ["1 of 4 units never change"])
  }

  /// Everything from the definition, in float64.
  private func naive(_ scenes: PlantedScenes, share: Double, unit: Int, concept: Int) -> Double {
    let values = scenes.activations.elements(as: Float.self).map { Double($0) }
    let count = scenes.activations.shape[0]
    func map(_ example: Int) -> [Double] {
      Array(values[((example * 4 + unit) * 80)..<((example * 4 + unit + 1) * 80)])
    }
    let sorted = (0..<count).flatMap(map).sorted()
    let threshold = Statistics.quantile(sorted: sorted, 1 - share)
    var (shared, union) = (0, 0)
    for example in 0..<count {
      let map = map(example), mask = scenes.annotations.examples[example].masks[concept]!.mask(of: 320)
      for y in 0..<16 {
        for x in 0..<20 {
          // Position i lies on pixel 2 i + ½.
          let v = min(max((Double(y) - 0.5) / 2, 0), 7), u = min(max((Double(x) - 0.5) / 2, 0), 9)
          let (row, column) = (min(Int(v), 6), min(Int(u), 8))
          let (a, b) = (v - Double(row), u - Double(column))
          func cell(_ r: Int, _ c: Int) -> Double { map[(row + r) * 10 + column + c] }
          let upper = cell(0, 0) * (1 - b) + cell(0, 1) * b, lower = cell(1, 0) * (1 - b) + cell(1, 1) * b
          let fires = upper * (1 - a) + lower * a >= threshold
          if fires && mask[y * 20 + x] { shared += 1 }
          if fires || mask[y * 20 + x] { union += 1 }
        }
      }
    }
    return Double(shared) / Double(union)
  }

  @Test(arguments: [0.05, 0.005, 0.3])
  func ratiosAreThoseOfTheDefinition(_ share: Double) throws {
    let scenes = try PlantedScenes(25, seed: 2)
    let found = try dissect(scenes) { $0.topShare = share }
    for unit in 0..<3 {
      for concept in 0..<2 {
        #expect(
          abs(found.iou[unit, concept] - naive(scenes, share: share, unit: unit, concept: concept)) < 1e-6)
      }
    }
  }

  @Test func imagesThatWereNotLookedAtDoNotCount() throws {
    let scenes = try PlantedScenes(30, seed: 3)
    // Every other image is annotated for materials alone: there red is unknown, not absent.
    let halved = scenes.annotations.examples.enumerated().map { index, example in
      index % 2 == 0
        ? example
        : ExampleAnnotation(
          height: example.height, width: example.width,
          masks: [3: PositionSet(runs: [0..<320])], categories: ["material"])
    }
    var dissection = NetworkDissection()
    dissection.topShare = 0.05
    let annotations = MemoryAnnotations(scenes.annotations.concepts, halved)
    let found = try dissection(shape: [4, 8, 10], field: field, annotations: annotations, pass: scenes.pass)
    #expect(found.units[0].concept == 0 && found.units[0].iou > 0.5)
    // Were they absent, the unit's pixels there would count against it.
    let absent = halved.map {
      ExampleAnnotation(height: $0.height, width: $0.width, masks: $0.masks, categories: nil)
    }
    let all = try dissection(
      shape: [4, 8, 10], field: field, annotations: MemoryAnnotations(scenes.annotations.concepts, absent),
      pass: scenes.pass)
    #expect(all.iou[0, 0] < found.iou[0, 0] - 0.15)
    // Images that show the concept, and no others.
    dissection.images = .showingConcept
    let showing = try dissection(
      shape: [4, 8, 10], field: field, annotations: MemoryAnnotations(scenes.annotations.concepts, absent),
      pass: scenes.pass)
    #expect(abs(showing.iou[0, 0] - found.iou[0, 0]) < 1e-12)
  }

  /// A rectified unit that fires on fewer positions than the share asked for: its threshold is 0, and 0 is silence.
  @Test func silenceIsNotFiring() throws {
    var values = [Float](repeating: 0, count: 10 * 80)
    values[33] = 4
    let activations = Tensor(shape: [10, 1, 8, 10], values)
    let whole = PositionSet(runs: [0..<320])
    let annotations = MemoryAnnotations(
      [DissectedConcept("all")],
      (0..<10).map { _ in ExampleAnnotation(height: 16, width: 20, masks: [0: whole]) })
    var dissection = NetworkDissection()
    dissection.topShare = 0.05
    let found = try dissection(shape: [1, 8, 10], field: field, annotations: annotations) {
      try $0(activations, 0)
    }
    #expect(found.units[0].threshold == 0 && !found.units[0].isDead)
    // What lies between the one position and its neighbours, of all pixels.
    #expect(found.units[0].iou > 0 && found.units[0].iou < 0.02)
  }

  @Test func labelsOfImagesAreMasksOfEverything() throws {
    let annotation = ExampleAnnotation.labels([1, 1, 0], height: 2, width: 3)
    #expect(annotation.masks == [0: PositionSet(runs: [0..<6]), 1: PositionSet(runs: [0..<6])])
    #expect(annotation.categories == nil)
  }

  @Test func mapsLieOverTheirFields() {
    // Fields of one pixel are the pixels themselves.
    let exact = MapAxis(positions: 5, pixels: 5, field: .init(start: 0, step: 1, size: 1))
    #expect(zip(exact.before, exact.shares).map { Double($0) + $1 } == [0, 1, 2, 3, 4])
    // Position i on pixel 3 i + 1; beyond the outer ones nothing changes.
    let wide = MapAxis(positions: 3, pixels: 9, field: .init(start: 0, step: 3, size: 3))
    let places = zip(wide.before, wide.shares).map { Double($0) + $1 }
    let expected = [0, 0, 1.0 / 3, 2.0 / 3, 1, 4.0 / 3, 5.0 / 3, 2, 2]
    #expect(PlantedLayer.distance(places, expected) < 1e-12)
    let even = MapAxis(positions: 3, pixels: 9, field: nil)
    #expect(even == wide)
    let one = MapAxis(positions: 1, pixels: 4, field: nil)
    #expect(one.before == [0, 0, 0, 0] && one.shares == [0, 0, 0, 0])
  }

  @Test func wrongInputIsNamed() throws {
    let scenes = try PlantedScenes(4, seed: 5)
    #expect(kind { _ = try dissect(scenes) { $0.topShare = 0 } }?.name == "parameters")
    #expect(kind { _ = try dissect(scenes) { $0.leastIoU = 1 } }?.name == "parameters")
    let dissection = NetworkDissection()
    func name(_ shape: [Int], _ annotations: MemoryAnnotations) -> String? {
      kind { _ = try dissection(shape: shape, field: field, annotations: annotations, pass: scenes.pass) }?
        .name
    }
    #expect(name([4], scenes.annotations) == "parameters")
    #expect(name([4, 8, 10], MemoryAnnotations([], scenes.annotations.examples)) == "tooFew")
    #expect(name([5, 8, 10], scenes.annotations) == "mismatch")
    var examples = scenes.annotations.examples
    examples[2].masks[0] = PositionSet(runs: [310..<321])
    #expect(name([4, 8, 10], MemoryAnnotations(scenes.annotations.concepts, examples)) == "mismatch")
    examples[2].masks = [7: PositionSet(runs: [0..<3])]
    #expect(name([4, 8, 10], MemoryAnnotations(scenes.annotations.concepts, examples)) == "mismatch")
  }
}

@Suite struct UnitAlignmentTests {
  private func naiveAUC(_ values: [Double], _ marks: [Bool]) -> Double {
    var (wins, pairs) = (0.0, 0.0)
    for i in values.indices where marks[i] {
      for j in values.indices where !marks[j] {
        pairs += 1
        wins += values[i] > values[j] ? 1 : values[i] == values[j] ? 0.5 : 0
      }
    }
    return wins / pairs
  }

  @Test func pairsAreThoseOfTheDefinition() throws {
    var random = RandomNumbers(seed: 4)
    let n = 80
    let marks = (0..<2).map { _ in (0..<n).map { _ in random.uniform() < 0.3 } }
    // Unit 0 follows label 0, unit 1 is noise in whole numbers, unit 2 is constant.
    let rows = (0..<n).flatMap { i in
      [Float(random.normal()) + (marks[0][i] ? 2 : 0), Float(random.index(below: 6)), 1]
    }
    let points = try PointSet(rows, count: n, dimension: 3)
    let pairs = try UnitAlignment().align(points, labels: marks)
    #expect(pairs.map { [$0.unit, $0.label] } == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]])
    for pair in pairs {
      let values = (0..<n).map { Double(rows[$0 * 3 + pair.unit]) }, marks = marks[pair.label]
      #expect(abs(pair.auc - naiveAUC(values, marks)) < 1e-12)
      let count = marks.count { $0 }
      let threshold = values.sorted(by: >)[count - 1]
      let fires = values.map { threshold == values.min() ? $0 > threshold : $0 >= threshold }
      let both = zip(fires, marks).count { $0 && $1 }, either = zip(fires, marks).count { $0 || $1 }
      #expect(pair.iou == Double(both) / Double(either))
    }
    #expect(pairs[0].pAdjusted < 1e-4 && pairs[0].auc > 0.8 && pairs[2].pAdjusted > 0.05)
    #expect(pairs[4].p.isNaN && pairs[4].auc == 0.5 && pairs[4].iou == 0)
  }

  /// p-values of noise are uniform.
  @Test func noiseIsNoise() throws {
    let points = try PlantedPoints.noise(60, 300, seed: 7)
    let marks = (0..<60).map { $0 < 20 }
    let p = try UnitAlignment().align(points, labels: [marks]).map(\.p).sorted()
    let gap = p.enumerated().reduce(0.0) { max($0, abs($1.element - Double($1.offset + 1) / 300)) }
    #expect(Distributions.kolmogorovTail(gap, count: 300) > 0.001)
  }

  @Test func wrongInputIsNamed() throws {
    let points = try PlantedPoints.line([1, 2, 3])
    #expect(kind { _ = try UnitAlignment().align(points, labels: [[true]]) }?.name == "mismatch")
    var alignment = UnitAlignment()
    alignment.topShare = 1
    #expect(kind { _ = try alignment.align(points, labels: []) }?.name == "parameters")
    let none = try UnitAlignment().align(points, labels: [[false, false, false]])
    #expect(none[0].auc == 0.5 && none[0].iou.isNaN && none[0].p.isNaN && none[0].pAdjusted.isNaN)
  }
}
