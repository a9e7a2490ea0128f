/// A record as `result.json` holds it: its own keys, and `run`.
struct RecordWithRun<Record: Encodable, Run: Encodable>: Encodable {
  /// What was found; encodes itself as an object.
  var record: Record
  /// What is said about how it was found.
  var run: Run

  private enum CodingKeys: String, CodingKey { case run }

  func encode(to encoder: any Encoder) throws {
    try record.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(run, forKey: .run)
  }
}
