internal import NoemaTensor

/// The similarity of every layer of one list with every layer of another.
public struct SimilarityMatrix: Sendable, Hashable {
  /// What was measured.
  public let measure: Similarity.Measure
  /// The layers of the rows.
  public let rows: [String]
  /// The layers of the columns.
  public let columns: [String]
  /// The number of examples that both networks saw.
  public let exampleCount: Int
  /// The share of variance kept of each layer; 1 where the measure takes all of it.
  public let keptVariance: Double
  /// Similarities, rows × columns; NaN where `notes` tells why. Unbiased alignment may be slightly negative.
  public internal(set) var values: [[Double]]
  /// The lower and upper end of 95 % intervals over examples, as asked for.
  public internal(set) var intervals: [[[Double]]]?
  /// The chance of the value or a higher one when examples are not matched, as asked for.
  public internal(set) var pValues: [[Double]]?
  /// What is special about the result, such as layers that do not vary.
  public internal(set) var notes: [String]

  /// For each row the column that is most similar; nil when nothing is defined.
  public var nearest: [Int?] {
    values.map { row in
      row.indices.filter { !row[$0].isNaN }.max { row[$0] < row[$1] }
    }
  }
}

extension SimilarityMatrix: Codable {
  private enum Key: String, CodingKey {
    case measure, rows, columns, exampleCount, keptVariance, values, intervals, pValues, notes
  }

  /// Reads a matrix; null stands for NaN.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    measure = try container.decode(Similarity.Measure.self, forKey: .measure)
    rows = try container.decode([String].self, forKey: .rows)
    columns = try container.decode([String].self, forKey: .columns)
    exampleCount = try container.decode(Int.self, forKey: .exampleCount)
    keptVariance = try container.decode(Double.self, forKey: .keptVariance)
    values = try container.decode([[Double?]].self, forKey: .values).map { $0.map { $0 ?? .nan } }
    intervals = try container.decodeIfPresent([[[Double?]]].self, forKey: .intervals)?
      .map { $0.map { $0.map { $0 ?? .nan } } }
    pValues = try container.decodeIfPresent([[Double?]].self, forKey: .pValues)?.map { $0.map { $0 ?? .nan } }
    notes = try container.decode([String].self, forKey: .notes)
    guard values.count == rows.count, values.allSatisfy({ $0.count == columns.count }) else {
      throw ConceptError(
        .malformed("a similarity matrix of \(rows.count)×\(columns.count) layers has other extents"))
    }
  }

  /// Writes a matrix; NaN, which JSON lacks, becomes null.
  public func encode(to encoder: any Encoder) throws {
    func optional(_ value: Double) -> Double? { value.isNaN ? nil : value }
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(measure, forKey: .measure)
    try container.encode(rows, forKey: .rows)
    try container.encode(columns, forKey: .columns)
    try container.encode(exampleCount, forKey: .exampleCount)
    try container.encode(keptVariance, forKey: .keptVariance)
    try container.encode(values.map { $0.map(optional) }, forKey: .values)
    try container.encodeIfPresent(intervals?.map { $0.map { $0.map(optional) } }, forKey: .intervals)
    try container.encodeIfPresent(pValues?.map { $0.map(optional) }, forKey: .pValues)
    try container.encode(notes, forKey: .notes)
  }
}
