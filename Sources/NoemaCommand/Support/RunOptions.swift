internal import ArgumentParser
internal import Foundation
internal import Noema

/// The data that a job reads.
struct DataOptions: ParsableArguments {
  @Option(help: "A folder of images (sub-folders are labels), .npy, .npz, .csv, or IDX.") var data: String
  @OptionGroup var examples: ExampleOptions

  /// Opens the data as the network takes them.
  ///
  /// - Throws: also when their shapes are not the network's.
  func feed(_ model: inout LoadedModel) throws -> ExampleFeed { try examples.feed(data, &model) }

  /// Opens the data of a network with one input.
  func open(_ model: LoadedModel) throws -> Dataset { try examples.open(data, model) }

  /// How the network's inputs are made of files.
  func options(_ model: LoadedModel) -> DatasetOptions { examples.options(model) }
}

/// What is read of the data.
struct ExampleOptions: ParsableArguments {
  @Option(help: "A file of labels: .npy, IDX, or text with one a line.") var labels: String?
  @Option(name: .customLong("label-column"), help: "The table's column of labels.") var labelColumn: String?
  @Option(help: "The table's input columns, with commas between.") var columns: String?
  @Option(help: "The archive's array of inputs.") var array: String?
  @Option(help: "Use the first N examples only.") var limit: Int?

  func options(_ model: LoadedModel) -> DatasetOptions {
    var options = DatasetOptions(preprocessing: model.preprocessing)
    options.labels = labels
    options.labelColumn = labelColumn
    options.columns = columns?.split(separator: ",").map(String.init)
    options.array = array
    return options
  }

  func open(_ data: String, _ model: LoadedModel) throws -> Dataset {
    let dataset = try Dataset(path: data, options: options(model))
    if let flag = model.imageFlags.first, !dataset.examples.areImages {
      throw ValidationError("\(flag) says how images become inputs, but \(data) holds ready inputs.")
    }
    guard let limit else { return dataset }
    guard limit > 0 else { throw ValidationError("--limit must be positive, found \(limit).") }
    return try dataset.subset(Array(0..<min(limit, dataset.examples.count)))
  }
}

/// What all long jobs have in common.
struct RunOptions: ParsableArguments {
  @Option(help: "Stay within this much memory, as 2GB; half of what is free by default.") var memory: String?
  @Flag(name: .customLong("skip-bad"), help: "Leave out examples that cannot be read, and report them.")
  var skipBad = false
  @Flag(help: "Print the result as JSON.") var json = false
  @Flag(help: "Print nothing but errors.") var quiet = false

  func validate() throws { _ = try memoryBudget() }

  /// The memory budget in bytes.
  func memoryBudget() throws -> Int {
    guard let memory else { return max(1 << 29, availableMemory() / 2) }
    guard let bytes = parseByteCount(memory), bytes >= 256_000_000 else {
      throw ValidationError("--memory expects a size of at least 256MB, as 2GB or 800MiB, found '\(memory)'.")
    }
    return bytes
  }

  /// Progress on stderr when it is a terminal.
  func progress() -> ProgressBar { ProgressBar(isShown: !quiet && isatty(2) == 1) }
}

/// Reads `2GB`, `800MiB` or a number of bytes.
func parseByteCount(_ text: String) -> Int? {
  let units: [(String, Double)] = [
    ("kib", 1024), ("mib", 1_048_576), ("gib", 1_073_741_824), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9),
    ("k", 1e3),
    ("m", 1e6), ("g", 1e9), ("b", 1), ("", 1),
  ]
  let lower = text.lowercased().trimmingCharacters(in: .whitespaces)
  guard let unit = units.first(where: { lower.hasSuffix($0.0) }),
    let number = Double(lower.dropLast(unit.0.count).trimmingCharacters(in: .whitespaces)), number > 0,
    number * unit.1 < 1e17
  else { return nil }
  return Int(number * unit.1)
}

/// Bytes that are free or can be freed at once.
func availableMemory() -> Int {
  let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
  for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
    if let kilobytes = line.split(separator: " ").compactMap({ Int($0) }).first { return kilobytes * 1024 }
  }
  return 4 << 30
}

/// The largest amount of memory that the process has held, in bytes.
func peakMemory() -> Int {
  var usage = rusage()
  // 0 is RUSAGE_SELF, whose C type Swift does not match with the parameter's.
  getrusage(0, &usage)
  return usage.ru_maxrss * 1024
}

/// One line on stderr that tells how far a long job is and how long it will take.
final class ProgressBar {
  private let isShown: Bool
  private let clock = ContinuousClock()
  private var phase = ""
  private var began: ContinuousClock.Instant
  private var last: ContinuousClock.Instant

  init(isShown: Bool) {
    self.isShown = isShown
    began = ContinuousClock().now
    last = began
  }

  /// Shows a state; the line is redrawn ten times a second at most.
  func callAsFunction(_ phase: String, _ done: Int, _ total: Int) {
    guard isShown else { return }
    let now = clock.now
    if phase != self.phase {
      self.phase = phase
      began = now
    } else if now - last < .milliseconds(100), done < total {
      return
    }
    last = now
    let seconds =
      Double((now - began).components.seconds) + Double((now - began).components.attoseconds) * 1e-18
    var line = "\(phase): \(done)/\(total)"
    if done > 0, seconds > 0.5, done < total {
      let rate = Double(done) / seconds
      line += String(format: ", %.1f/s, %@ left", rate, duration(Double(total - done) / rate))
    }
    Console.error("\r\u{1B}[K\(line)")
    if done >= total { Console.error("\r\u{1B}[K") }
  }

  private func duration(_ seconds: Double) -> String {
    seconds < 90 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded(.up))) min"
  }
}

/// The study file: the same names as the flags.
enum StudyFile {
  /// The YAML that repeats a command line.
  static func yaml(_ arguments: [String]) -> String {
    guard let job = arguments.first else { return "" }
    var keys: [String] = []
    var values: [String: [String]] = [:]
    var index = 1
    var positional: [String] = []
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      guard argument.hasPrefix("-"), Double(argument) == nil else {
        positional.append(argument)
        continue
      }
      var name = argument == "-o" ? "out" : String(argument.drop { $0 == "-" })
      var found: [String] = []
      if let equals = name.firstIndex(of: "=") {
        found = [String(name[name.index(after: equals)...])]
        name = String(name[..<equals])
      }
      while found.isEmpty || name != "out", index < arguments.count,
        !arguments[index].hasPrefix("-") || Double(arguments[index]) != nil
      {
        found.append(arguments[index])
        index += 1
      }
      if values[name] == nil { keys.append(name) }
      values[name, default: []] += found.isEmpty ? ["true"] : found
    }
    func quoted(_ text: String) -> String {
      text == "true" || Double(text) != nil
        ? text
        : "\""
          + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
          + "\""
    }
    var lines = [
      "# Repeat with: noema run study.yaml", "job: \(quoted((([job] + positional).joined(separator: " "))))",
    ]
    for key in keys {
      let list = values[key]!
      lines.append(
        list.count == 1
          ? "\(key): \(quoted(list[0]))" : "\(key): [\(list.map(quoted).joined(separator: ", "))]")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The arguments of this process.
  static var currentArguments: [String] { override ?? Array(CommandLine.arguments.dropFirst()) }
  /// The arguments of a job that runs from a file.
  nonisolated(unsafe) static var override: [String]?

  /// A command line as it would be typed.
  static func commandLine(_ arguments: [String]) -> String {
    (["noema"] + arguments).map { argument in
      let safe =
        argument.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,+".contains($0) } && !argument.isEmpty
      return safe ? argument : "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }
}

/// What every result file says about how it was made.
struct RunRecord: Encodable {
  var model: ModelRecord
  var data: [String: String]
  var settings: [String: String]
  var command: String
  var seed: UInt64?
  var versions: [String: String]
  var timings: [String: Double]
  var peakMemoryBytes: Int

  struct ModelRecord: Encodable {
    var file, sha256: String
    var opset: [String: Int]
  }

  init(
    _ model: LoadedModel, data: [String: String], settings: [String: String], seed: UInt64? = nil,
    timings: [String: Double]
  ) {
    self.model = ModelRecord(
      file: (model.network.path as NSString).lastPathComponent, sha256: model.network.hash,
      opset: model.network.opsets)
    self.data = data
    self.settings = settings
    command = StudyFile.commandLine(StudyFile.currentArguments)
    self.seed = seed
    versions = ["noema": noemaVersion]
    self.timings = timings
    peakMemoryBytes = peakMemory()
  }
}

/// A value as JSON text with sorted keys; numbers that are not finite become the words NaN and Infinity.
func jsonText(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
}

/// Seconds since an instant.
func seconds(since start: ContinuousClock.Instant) -> Double {
  let duration = ContinuousClock().now - start
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
