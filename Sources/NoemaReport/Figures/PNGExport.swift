internal import Dispatch
internal import Foundation
internal import Synchronization

/// Turns SVG into PNG with the program `rsvg-convert`.
public enum PNGExport {
  private static let tool = "rsvg-convert"
  private static let package = "librsvg2-bin"

  /// Whether the program is installed.
  public static var isAvailable: Bool { executable != nil }

  /// The drawing as the bytes of a PNG file.
  ///
  /// - Parameter zoom: pixels per SVG unit; 2 suits a page, 4 suits print.
  /// - Throws: `ReportError` of kind `toolMissing` when `rsvg-convert` is not on PATH (a caller may go on
  ///   without PNGs), `toolFailed` or `system` when it does not deliver.
  public static func png(of svg: String, zoom: Double = 2) throws -> [UInt8] {
    guard let executable else { throw ReportError(.toolMissing(tool: tool, package: package)) }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("noema-\(UUID().uuidString)")
    let input = folder.appendingPathComponent("figure.svg"),
      output = folder.appendingPathComponent("figure.png")
    defer { try? FileManager.default.removeItem(at: folder) }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data(svg.utf8).write(to: input)
    } catch {
      throw ReportError(.system(call: "write", code: 0, reason: error.localizedDescription), at: input.path)
    }
    let factor = zoom.isFinite ? min(max(zoom, 0.1), 10) : 2
    try run(executable, ["--zoom=\(factor)", "--format=png", "--output=\(output.path)", input.path])
    guard let data = try? Data(contentsOf: output), data.starts(with: [0x89, 0x50, 0x4E, 0x47]) else {
      throw ReportError(.toolFailed(tool: tool, status: 0, message: "it wrote no PNG"))
    }
    return [UInt8](data)
  }

  /// Drawings that are turned into PNG files, side by side, while the caller goes on.
  public final class Batch: Sendable {
    private let slots: Mutex<[Result<[UInt8], any Error>?]>
    private let group = DispatchGroup()

    /// Starts the work.
    public init(_ svgs: [String]) {
      slots = Mutex(Array(repeating: nil, count: svgs.count))
      for (index, svg) in svgs.enumerated() {
        DispatchQueue.global().async(group: group) { [self] in
          let result = Result { try png(of: svg) }
          slots.withLock { $0[index] = result }
        }
      }
    }

    /// The files, once all are there.
    ///
    /// - Throws: as ``PNGExport/png(of:zoom:)``, for the first drawing that fails.
    public func wait() throws -> [[UInt8]] {
      group.wait()
      return try slots.withLock { try $0.compactMap { try $0?.get() } }
    }
  }

  private static func run(_ executable: String, _ arguments: [String]) throws {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw ReportError(.toolFailed(tool: tool, status: -1, message: error.localizedDescription))
    }
    // Read before waiting, or a long complaint would fill the pipe and block both sides.
    let complaint = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let message = String(decoding: complaint.prefix(500), as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      throw ReportError(.toolFailed(tool: tool, status: process.terminationStatus, message: message))
    }
  }

  private static var executable: String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(tool)" }
      .first { $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0) }
  }
}
