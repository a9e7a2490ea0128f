public import NoemaTensor

/// What the units of a layer detect.
public struct DissectionResult: Sendable {
  /// One unit.
  public struct Unit: Sendable, Hashable, Codable {
    /// The unit's index.
    public let unit: Int
    /// What its activations exceed at the share of positions asked for.
    public let threshold: Double
    /// Whether its activations are all the same; it has no label then.
    public let isDead: Bool
    /// The concept with which its pixels share most, by index; nil when it shares with none.
    public let concept: Int?
    /// The intersection over union with that concept; 0 without one.
    public let iou: Double
    /// The concept that is chosen on one half of the images.
    public let heldOutConcept: Int?
    /// The intersection over union with that concept on the other half; NaN when it does not occur there.
    public let heldOutIoU: Double
    /// The greatest intersection over union with annotations of other images: what chance gives. NaN for one image.
    public let chanceIoU: Double
    /// Whether the unit detects its concept.
    public let isDetector: Bool
  }

  /// The concepts.
  public let concepts: [DissectedConcept]
  /// The units, in order.
  public let units: [Unit]
  /// The intersection over union of each unit with each concept, `units × concepts`; NaN for concepts that never occur.
  public let iou: Matrix
  /// The share of positions above the thresholds that was asked for.
  public let topShare: Double
  /// The positions of each unit, and how many of them the thresholds are from.
  public let positionCount, sampledCount: Int

  /// The concepts that at least one unit detects, ascending: the unique detectors of a layer are as many.
  public var detected: [Int] {
    Set(units.filter(\.isDetector).compactMap(\.concept)).sorted()
  }

  /// The units that detect a concept, the best first.
  public func detectors(of concept: Int) -> [Unit] {
    units.filter { $0.isDetector && $0.concept == concept }.sorted { ($1.iou, $0.unit) < ($0.iou, $1.unit) }
  }

  /// What a reader should know before believing the numbers.
  public var warnings: [String] {
    var warnings: [String] = []
    if Double(positionCount) < 1 / topShare {
      warnings.append(
        "\(positionCount) positions are fewer than the \(Int((1 / topShare).rounded(.up))) of which one lies above the "
          + "threshold; add images, or raise the share")
    }
    if sampledCount < positionCount {
      warnings.append(
        "thresholds are from \(sampledCount) of \(positionCount) positions, as memory did not suffice for all"
      )
    }
    let dead = units.count { $0.isDead }
    if dead > 0 { warnings.append("\(dead) of \(units.count) units never change") }
    return warnings
  }

  init(_ tally: DissectionTally, positions: Int, sampled: Int, topShare: Double, leastIoU: Double) {
    let (units, concepts) = (tally.gates.count, tally.concepts.count)
    var all = tally.halves[0]
    for i in all.shared.indices {
      all.shared[i] += tally.halves[1].shared[i]
      all.fired[i] += tally.halves[1].fired[i]
    }
    for i in all.areas.indices { all.areas[i] += tally.halves[1].areas[i] }
    let ratios = [all, tally.halves[0], tally.halves[1], tally.chance].map {
      Self.ratios($0, units, concepts)
    }
    func row(_ table: Int, _ unit: Int) -> ArraySlice<Double> {
      ratios[table][(unit * concepts)..<((unit + 1) * concepts)]
    }
    self.concepts = tally.concepts
    self.units = (0..<units).map { unit in
      let gate = tally.gates[unit]
      let best = gate.isDead ? nil : Self.best(row(0, unit))
      let chosen = gate.isDead ? nil : Self.best(row(1, unit))
      return Unit(
        unit: unit, threshold: gate.threshold, isDead: gate.isDead, concept: best?.concept,
        iou: best?.iou ?? 0,
        heldOutConcept: chosen?.concept,
        heldOutIoU: chosen.map { ratios[2][unit * concepts + $0.concept] } ?? .nan,
        chanceIoU: tally.chanceImages > 0 ? Self.best(row(3, unit))?.iou ?? 0 : .nan,
        isDetector: best.map { $0.iou > leastIoU } ?? false)
    }
    iou = Matrix(rowCount: units, columnCount: concepts, elements: ratios[0])
    (self.topShare, positionCount, sampledCount) = (topShare, positions, sampled)
  }

  private static func ratios(_ counts: DissectionTally.Counts, _ units: Int, _ concepts: Int) -> [Double] {
    (0..<units * concepts).map { i in
      let area = counts.areas[i % concepts]
      let union = counts.fired[i] + area - counts.shared[i]
      return area > 0 ? Double(counts.shared[i]) / Double(union) : .nan
    }
  }

  /// The first of the greatest ratios above 0.
  private static func best(_ ratios: ArraySlice<Double>) -> (concept: Int, iou: Double)? {
    var best: (concept: Int, iou: Double)?
    for (concept, ratio) in ratios.enumerated() where ratio > best?.iou ?? 0 { best = (concept, ratio) }
    return best
  }
}
