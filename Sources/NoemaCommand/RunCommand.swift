internal import ArgumentParser
internal import Foundation
internal import Noema
internal import Yams

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a job from a study file.",
    discussion: """
      The keys are the names of the flags; `job` is the command. Every job writes
      the study.yaml that repeats it.

      EXAMPLES
        noema run out/study.yaml
        noema run study.yaml --out elsewhere/
      """)

  @Argument(help: "The study file.") var study: String
  @Option(name: [.customShort("o"), .customLong("out")], help: "Write here instead of where the file says.")
  var out: String?

  func run() throws {
    guard let text = try? String(contentsOfFile: study, encoding: .utf8) else {
      throw DataError(.missingFile, at: study)
    }
    let loaded: Any?
    do { loaded = try Yams.load(yaml: text) } catch {
      throw DataError(.malformed("not YAML: \(error)"), at: study)
    }
    guard let keys = loaded as? [String: Any], let job = keys["job"] as? String else {
      throw DataError(.malformed("expected keys with `job: tcav` (or another command) among them"), at: study)
    }
    var arguments = job.split(separator: " ").map(String.init)
    guard arguments.first != "run" else {
      throw DataError(.malformed("a study cannot run itself"), at: study)
    }
    for (key, value) in keys.sorted(by: { $0.key < $1.key }) where key != "job" {
      if key == "out", out != nil { continue }
      for value in (value as? [Any]) ?? [value] {
        if let flag = value as? Bool {
          if flag { arguments.append("--\(key)") }
        } else {
          arguments += ["--\(key)", "\(value)"]
        }
      }
    }
    if let out { arguments += ["--out", out] }
    StudyFile.override = arguments
    var command = try NoemaCommand.parseAsRoot(RulesCommand.routed(arguments))
    try command.run()
  }
}
