internal import ArgumentParser

/// How rules are chosen and judged, whatever they are about.
struct RuleStudyOptions: ParsableArguments {
  @Option(
    name: .customLong("max-rules"),
    help:
      "The most rules: a number, best (the fewest within a standard error of the best), knee, or none.")
  var maximum = RuleLimit.best
  @Option(help: "Sizes that are tried for the curve, with commas between; none for no curve.")
  var curve = "2,4,8,16,32,64"
  @Option(help: "How often the extraction is repeated, with other seeds and on resampled rows; 0 for not.")
  var repeats = 3
  @Flag(name: .customLong("exact-thresholds"), help: "Do not round thresholds between values of the data.")
  var isExact = false
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  func validate() throws {
    _ = try sizes()
    if repeats < 0 { throw ValidationError("--repeats must be 0 or more, found \(repeats).") }
  }

  /// The sizes of the curve.
  func sizes() throws -> [Int] { try RuleLimit.sizes(curve) }

  /// What results say of the options.
  var record: [(name: String, value: String)] {
    [
      (name: "max-rules", value: maximum.name), (name: "curve", value: curve),
      (name: "repeats", value: "\(repeats)"), (name: "thresholds", value: isExact ? "exact" : "rounded"),
      (name: "seed", value: "\(seed)"),
    ]
  }
}
