internal import Foundation

/// A process of this program that runs cases, so that a crash or an endless loop costs one case only.
final class WorkerProcess {
  /// Why a worker gave no report.
  enum Loss: Error { case crash(String), timeout }

  private let process = Process()
  private let input = Pipe(), output = Pipe(), errors = Pipe()

  init() throws {
    process.executableURL = Bundle.main.executableURL
    process.arguments = ["--worker"]
    // A crash is reported in a line; a backtrace takes seconds.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
    try process.run()
  }

  /// Hands a case to the worker and waits for its report; after a loss the worker is of no more use.
  func run(_ folder: CaseFolder, limit: Double) throws -> CaseReport {
    try input.fileHandleForWriting.write(contentsOf: Data((folder.path + "\n").utf8))
    let descriptor = output.fileHandleForReading.fileDescriptor
    let end = Date().addingTimeInterval(limit)
    var line = Data()
    while line.last != UInt8(ascii: "\n") {
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let left = end.timeIntervalSinceNow
      guard left > 0, poll(&event, 1, Int32(left * 1000) + 1) >= 0 else {
        stop()
        throw Loss.timeout
      }
      if event.revents == 0 { continue }
      let part = output.fileHandleForReading.availableData
      if part.isEmpty { throw Loss.crash(lastWords()) }
      line += part
    }
    return try JSONDecoder().decode(CaseReport.self, from: line)
  }

  /// What a dead worker said last.
  private func lastWords() -> String {
    process.waitUntilExit()
    let text = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    let line = text.split(separator: "\n").first.map { ": \($0)" } ?? ""
    return "crashed with signal \(process.terminationStatus)\(line)"
  }

  /// Ends the worker.
  func stop() {
    try? input.fileHandleForWriting.close()
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}
