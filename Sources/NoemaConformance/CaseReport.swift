/// What became of one case; workers write one a line, as JSON.
struct CaseReport: Codable, Sendable {
  enum Verdict: String, Codable { case passed, failed, skipped }

  /// The case's name.
  var name: String
  /// The operator of a network of one node; otherwise nil.
  var operation: String?
  /// How it ended.
  var verdict = Verdict.passed
  /// Why it did not pass, in words.
  var reason = ""
  /// What Noema lacks, without the names of nodes, so that cases can be counted by it.
  var lacking: [String] = []
  /// Whether first and second derivatives were compared with central differences.
  var isDifferentiated = false
  /// Inputs that had to be bound as constants.
  var bound: [String] = []
  /// Seconds that the case took.
  var seconds = 0.0
}
