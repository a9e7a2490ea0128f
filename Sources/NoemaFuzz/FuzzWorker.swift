internal import Foundation

/// The side of a worker process: the number of each case goes out before it is read.
enum FuzzWorker {
  /// Cases after which a worker makes room for a fresh one, so that no case pays for those before it.
  private static let mostCases = 2000
  /// Bytes of memory that a worker may ask for, touched or not.
  private static let memory: rlim_t = 2 << 30

  static func run(_ source: CaseSource, from first: Int, by stride: Int) {
    var limit = rlimit(rlim_cur: memory, rlim_max: memory)
    setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    var core = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
    for turn in 0..<mostCases {
      let number = first + turn * stride
      FileHandle.standardOutput.write(Data("\(number)\n".utf8))
      _ = Trial.outcome(of: source.bytes(of: number))
    }
  }
}
