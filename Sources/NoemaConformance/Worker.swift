internal import Foundation

/// The side of a worker process: a case's path a line comes in, its report a line goes out.
enum Worker {
  static func run() throws {
    while let path = readLine() {
      let report = CaseRunner(folder: CaseFolder(path: path)).report()
      FileHandle.standardOutput.write(try JSONEncoder().encode(report) + Data("\n".utf8))
    }
  }
}
