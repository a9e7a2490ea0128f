internal import ArgumentParser
internal import Foundation

/// The command: has workers read damaged and invented networks, and keeps those that they did not survive.
@main
struct FuzzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noema-fuzz",
    abstract: "Read damaged and invented ONNX files until the time is up.",
    discussion: """
      Every case is a file made from a seed: a file of the corpus or an invented network,
      changed in its structure, in its bytes, or in both. Workers read it, build the graph,
      apply the passes, plan and, when it is small, run it, with its derivative. A case
      that crashes, takes too long or needs too much memory is kept as a file.
      The exit code is 1 when there was one.
      """)

  @Argument(help: "Folders with ONNX files to start from.") var corpus: [String] = []
  @Option(help: "Minutes to go on for.") var minutes = 10.0
  @Option(help: "The seed of all cases.") var seed: UInt64 = 1
  @Option(help: "The number of the first case.") var first = 0
  @Option(help: "Cases at most.") var cases = Int.max
  @Option(help: "Processes that read at the same time.") var jobs = ProcessInfo.processInfo
    .activeProcessorCount
  @Option(name: .customLong("time-limit"), help: "Seconds after which a case has failed.") var timeLimit =
    10.0
  @Option(help: "The folder to keep findings in.") var findings = ".build/fuzz"
  @Option(name: .customLong("case"), help: "Read only this case, here, and say what becomes of it.")
  var onlyCase: Int?
  @Option(help: "Read only this file, here, and say what becomes of it.") var replay: String?
  @Flag(help: .hidden) var worker = false

  mutating func validate() throws {
    guard minutes > 0, minutes < 1e6, timeLimit > 0, timeLimit < 1e6 else {
      throw ValidationError("--minutes and --time-limit expect positive numbers.")
    }
    guard jobs > 0, jobs <= 1024, first >= 0 else {
      throw ValidationError("--jobs expects 1 or more, --first 0 or more.")
    }
  }

  func run() throws {
    if let replay {
      let data = try Data(contentsOf: URL(fileURLWithPath: replay))
      return print(Trial.outcome(of: [UInt8](data)))
    }
    let source = CaseSource(seed: seed, corpus: Corpus(folders: corpus))
    if let onlyCase {
      let bytes = source.bytes(of: onlyCase)
      try keep(bytes, as: onlyCase)
      return print(Trial.outcome(of: bytes))
    }
    if worker { return FuzzWorker.run(source, from: first, by: jobs) }
    // A worker that died is found when it is read from.
    signal(SIGPIPE, SIG_IGN)
    let summary = try search(source)
    print(summary.line)
    if !summary.findings.isEmpty { throw ExitCode(1) }
  }

  private func search(_ source: CaseSource) throws -> FuzzSummary {
    print("noema-fuzz: seed \(seed), \(source.corpus.files.count) files to start from, \(jobs) at a time")
    let end = Date().addingTimeInterval(60 * minutes)
    var summary = FuzzSummary(), shown = Date()
    var workers: [WorkerProcess] = []
    defer { for worker in workers { worker.stop() } }
    func start(_ first: Int) throws -> WorkerProcess {
      try WorkerProcess(
        arguments: corpus + ["--worker", "--seed", "\(seed)", "--jobs", "\(jobs)"], first: first)
    }
    for job in 0..<jobs { workers.append(try start(first + job)) }
    while Date() < end, summary.count < cases {
      WorkerProcess.wait(for: workers, seconds: 0.2)
      for (job, worker) in workers.enumerated() {
        summary.count += worker.read()
        guard let loss = worker.loss(limit: timeLimit) else { continue }
        worker.stop()
        if case .failure(let reason) = loss, let number = worker.current {
          let path = try keep(source.bytes(of: number), as: number)
          summary.findings.append(path)
          print("case \(number): \(reason); kept as \(path)")
        }
        workers[job] = try start((worker.current ?? first + job - jobs) + jobs)
      }
      if Date().timeIntervalSince(shown) > 30 {
        print("\(summary.line); \(Int(end.timeIntervalSinceNow)) s left")
        shown = Date()
      }
      fflush(nil)
    }
    return summary
  }

  @discardableResult
  private func keep(_ bytes: [UInt8], as number: Int) throws -> String {
    let folder = URL(fileURLWithPath: findings)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = "\(findings)/seed\(seed)-case\(number).onnx"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }
}

/// How far a search has come.
struct FuzzSummary {
  /// Cases that were read.
  var count = 0
  /// Files that were not survived.
  var findings: [String] = []

  /// The summary in a line.
  var line: String { "\(count) cases, \(findings.count) findings" }
}
