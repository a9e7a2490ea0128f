internal import Foundation

/// A process of this program that reads cases one after the other and says which one it begins.
final class WorkerProcess {
  /// Why a worker does not go on.
  enum Loss {
    /// It has read as many cases as one worker should.
    case finished
    /// The case that it was reading ended it, or would not end.
    case failure(String)
  }

  /// The case that it reads.
  private(set) var current: Int?
  private let process = Process()
  private let output = Pipe(), errors = Pipe()
  private var began = Date()
  private var rest = Data()
  private var hasEnded = false

  init(arguments: [String], first: Int) throws {
    process.executableURL = Bundle.main.executableURL
    process.arguments = arguments + ["--first", "\(first)"]
    // A crash is reported in a line; a backtrace takes seconds.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    (process.standardOutput, process.standardError) = (output, errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  /// Waits until one of the workers has something to say, or some seconds.
  static func wait(for workers: [WorkerProcess], seconds: Double) {
    var events = workers.map {
      pollfd(fd: $0.output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
    }
    poll(&events, nfds_t(events.count), Int32(seconds * 1000))
  }

  /// Takes in what the worker has said; the number of cases that it has begun since.
  func read() -> Int {
    let file = output.fileHandleForReading
    var event = pollfd(fd: file.fileDescriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&event, 1, 0) > 0 else { return 0 }
    let part = file.availableData
    if part.isEmpty { hasEnded = true }
    rest += part
    guard let last = rest.lastIndex(of: UInt8(ascii: "\n")) else { return 0 }
    let numbers = String(decoding: rest[..<last], as: UTF8.self).split(separator: "\n").compactMap { Int($0) }
    rest = Data(rest[(last + 1)...])
    (current, began) = (numbers.last ?? current, Date())
    return numbers.count
  }

  /// Why the worker does not go on, or nil while it does.
  func loss(limit: Double) -> Loss? {
    if hasEnded {
      process.waitUntilExit()
      let isExit = process.terminationReason == .exit
      if isExit && process.terminationStatus == 0 { return .finished }
      return .failure("\(isExit ? "exit code" : "signal") \(process.terminationStatus)\(lastWords())")
    }
    // The first case waits for the corpus to be read.
    let limit = current == nil ? limit + 60 : limit
    return Date().timeIntervalSince(began) > limit ? .failure("no end within \(limit) s") : nil
  }

  private func lastWords() -> String {
    let text = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    return text.split(separator: "\n").first.map { ": \($0)" } ?? ""
  }

  /// Ends the worker.
  func stop() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}
