public import NoemaConcepts

/// What `result.json` says of what units detect (`noema.dissect/1`).
public struct DissectionRecord: Sendable, Encodable {
  /// A concept.
  public struct Concept: Sendable, Encodable {
    /// Its name and its category.
    public var name, category: String
    /// The examples that show it, and those that were looked at for it.
    public var shown, annotated: Int

    /// Makes an entry.
    public init(name: String, category: String, shown: Int, annotated: Int) {
      (self.name, self.category, self.shown, self.annotated) = (name, category, shown, annotated)
    }
  }

  /// A real input of a unit.
  public struct Example: Sendable, Encodable {
    /// Its name and its activation.
    public var name: String
    public var value: Double
    /// The position of the greatest activation; nil where there are none.
    public var position: [Int]?

    /// Makes an entry.
    public init(name: String, value: Double, position: [Int]?) {
      (self.name, self.value, self.position) = (name, value, position)
    }
  }

  /// One unit.
  public struct Unit: Sendable, Encodable {
    /// The unit's index.
    public var unit: Int
    /// The concept that it shares most with; nil for none.
    public var concept: String?
    /// Intersection over union with it.
    public var iou: Double
    /// Whether it is held to detect the concept.
    public var isDetector: Bool
    /// Whether its activations never change.
    public var isDead: Bool
    /// With masks: what it fires above; the concept chosen on one half of the images, and its ratio on the other; the
    /// greatest ratio with annotations of other images.
    public var threshold: Double?
    public var heldOutConcept: String?
    public var heldOutIoU, chanceIoU: Double?
    /// With labels: the chance that an example with the label activates it more than one without, and its p-value,
    /// corrected.
    public var auc, pAdjusted: Double?
    /// Over all positions: the share above 0, mean, greatest, `(E a)² / E a²`.
    public var firingRate, mean, maximum, sparsity: Double
    /// The inputs that activate it most.
    public var top: [Example]

    /// Makes an entry of a unit over the data, without a concept.
    public init(_ summary: TopExamples.Summary, top: [Example]) {
      unit = summary.unit
      (iou, isDetector, isDead) = (0, false, summary.isDead)
      (firingRate, mean, maximum) = (summary.firingRate, summary.mean, summary.maximum)
      (sparsity, self.top) = (summary.sparsity, top)
    }
  }

  /// One layer.
  public struct Layer: Sendable, Encodable {
    /// The layer's name, its ONNX value, and its shape for one example.
    public var layer, onnxValue: String
    public var shape: [Int]
    /// The units that detect a concept, the concepts that are detected, and the units that would by chance, with
    /// annotations of other images; nil where that is not known.
    public var detectorCount: Int
    public var detected: [String]
    public var chanceCount: Int?
    /// The file of all ratios, units × concepts.
    public var iouArray: String
    /// What a reader should know first.
    public var warnings: [String]
    /// The units.
    public var units: [Unit]

    /// Makes an entry; detectors are counted.
    public init(
      layer: String, onnxValue: String, shape: [Int], iouArray: String, warnings: [String], units: [Unit],
      concepts: [String], leastIoU: Double?
    ) {
      (self.layer, self.onnxValue, self.shape) = (layer, onnxValue, shape)
      (self.iouArray, self.warnings, self.units) = (iouArray, warnings, units)
      let detectors = units.filter(\.isDetector)
      detectorCount = detectors.count
      let names = Set(detectors.compactMap(\.concept))
      detected = concepts.filter(names.contains)
      let chances = units.compactMap(\.chanceIoU).filter { !$0.isNaN }
      if let leastIoU, !chances.isEmpty { chanceCount = chances.count { $0 > leastIoU } }
    }

    /// The detectors, the best first.
    public var detectors: [Unit] {
      units.filter(\.isDetector).sorted { ($1.rank, $0.unit) < ($0.rank, $1.unit) }
    }
  }

  /// The schema's name and version.
  public let schema = "noema.dissect/1"
  /// Whether concepts are `masks` or `labels`.
  public var kind: String
  /// The concepts.
  public var concepts: [Concept]
  /// The layers, in order.
  public var layers: [Layer]
  /// The number of examples.
  public var exampleCount: Int
  /// What was left out, a sentence each.
  public var skipped: [String]

  /// Makes a record.
  public init(kind: String, concepts: [Concept], layers: [Layer], exampleCount: Int, skipped: [String]) {
    (self.kind, self.concepts, self.layers) = (kind, concepts, layers)
    (self.exampleCount, self.skipped) = (exampleCount, skipped)
  }

  /// A table of all units, one a row.
  public var csv: String {
    var text =
      "layer,unit,concept,iou,detector,dead,threshold,held_out_concept,held_out_iou,chance_iou,auc,p_adjusted,"
      + "firing_rate,mean,maximum,sparsity\n"
    func field(_ value: Double?) -> String { value.map { $0.isNaN ? "" : "\($0)" } ?? "" }
    for layer in layers {
      for unit in layer.units {
        let fields = [
          Escape.csv(layer.layer), "\(unit.unit)", Escape.csv(unit.concept ?? ""), field(unit.iou),
          unit.isDetector ? "1" : "0", unit.isDead ? "1" : "0", field(unit.threshold),
          Escape.csv(unit.heldOutConcept ?? ""), field(unit.heldOutIoU), field(unit.chanceIoU),
          field(unit.auc),
          field(unit.pAdjusted), field(unit.firingRate), field(unit.mean), field(unit.maximum),
          field(unit.sparsity),
        ]
        text += fields.joined(separator: ",") + "\n"
      }
    }
    return text
  }
}

extension DissectionRecord.Unit {
  /// What units are sorted by.
  var rank: Double { auc ?? iou }
}
