internal import ArgumentParser
internal import Foundation

/// The command: finds cases, has workers run them, reports.
@main
struct ConformanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noema-conformance",
    abstract: "Run ONNX backend test cases through Noema.",
    discussion: """
      Each case runs through the engine and the reference interpreter, and both are
      held against the expected outputs. Cases that Noema refuses as unsupported are
      skipped. The exit code is 1 when a case failed.
      """)

  @Argument(help: "Folders with cases at any depth.") var folders: [String] = []
  @Flag(name: .shortAndLong, help: "Name every case before it runs, and say how it ended.") var verbose =
    false
  @Option(help: "Run only cases whose name contains this.") var filter: String?
  @Option(help: "Write the table per operator to a Markdown file.") var table: String?
  @Option(name: .customLong("time-limit"), help: "Seconds after which a case has failed.") var timeLimit =
    60.0
  @Flag(help: .hidden) var worker = false

  mutating func validate() throws {
    guard worker || !folders.isEmpty else { throw ValidationError("Name a folder with cases.") }
    guard timeLimit > 0, timeLimit < 1e6 else { throw ValidationError("--time-limit expects seconds.") }
  }

  func run() throws {
    if worker { return try Worker.run() }
    // A worker that died is found when it is read from.
    signal(SIGPIPE, SIG_IGN)
    let cases = folders.flatMap { CaseFolder.find(below: $0) }.filter { filter.map($0.name.contains) ?? true }
    guard !cases.isEmpty else {
      throw ValidationError(
        "No cases below \(folders.joined(separator: ", ")): expected folders with model.onnx.")
    }
    let summary = Summary(reports: try run(cases))
    print("\(summary.table)\n")
    for (what, count) in summary.lacking { print("\(count) skipped: \(what)") }
    if let table { try Data(summary.document.utf8).write(to: URL(fileURLWithPath: table)) }
    print(summary.line)
    if summary.reports.contains(where: { $0.verdict == .failed }) { throw ExitCode(1) }
  }

  private func run(_ cases: [CaseFolder]) throws -> [CaseReport] {
    var worker = try WorkerProcess()
    defer { worker.stop() }
    return try cases.map { folder in
      if verbose { print("\(folder.name) …") }
      var report = CaseReport(name: folder.name, verdict: .failed)
      do { report = try worker.run(folder, limit: timeLimit) } catch {
        report.reason =
          switch error {
          case WorkerProcess.Loss.crash(let words): words
          case WorkerProcess.Loss.timeout: "no result within \(timeLimit) s"
          default: "\(error)"
          }
        report.operation = CaseRunner(folder: folder).operation
        worker.stop()
        worker = try WorkerProcess()
      }
      show(report)
      return report
    }
  }

  /// Seconds from which on a case is slow.
  private static let slow = 5.0

  private func show(_ report: CaseReport) {
    if verbose || report.verdict == .failed {
      let bound = report.bound.isEmpty ? "" : " (constants: \(report.bound.joined(separator: ", ")))"
      let reason = report.reason.isEmpty ? "" : ": \(report.reason)"
      print("\(report.verdict.rawValue) \(report.name)\(bound)\(reason)")
    }
    if report.seconds > Self.slow { print("slow \(report.name): \(report.seconds.formatted()) s") }
    fflush(nil)
  }
}
