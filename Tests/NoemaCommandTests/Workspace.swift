import Foundation
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// What a run of the command left behind.
struct Outcome {
  let code: Int32
  let output: String
  let errors: String
}

/// A folder in which the built command runs, as a user runs it; removed at the end.
final class Workspace {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path + "/noema-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The command lies beside the bundle of tests.
  static let command = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("noema").path

  /// The models of the repository.
  static let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("models").path

  // MARK: Running

  /// Starts the command in this folder.
  func start(_ arguments: [String], largestFile blocks: Int? = nil) throws -> Running {
    let process = Process()
    process.currentDirectoryURL = URL(fileURLWithPath: path)
    if let blocks {
      // A limit on files stands in for a full disk: writes fail, where the signal is ignored. Without a folder for
      // temporary files the thread sanitizer does without the one that it would write.
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      let script = "export TMPDIR=/dev/null; ulimit -f \(blocks); trap '' XFSZ; exec \"$0\" \"$@\""
      process.arguments = ["-c", script, Self.command] + arguments
    } else {
      process.executableURL = URL(fileURLWithPath: Self.command)
      process.arguments = arguments
    }
    return try Running(process)
  }

  /// Runs the command to its end.
  func run(_ arguments: String..., largestFile blocks: Int? = nil) throws -> Outcome {
    try start(arguments, largestFile: blocks).wait()
  }

  // MARK: Files

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// What lies in a folder, hidden files included.
  func entries(_ folder: String = "") throws -> [String] {
    // Every result has the list of its own files beside what is looked at here.
    try FileManager.default.contentsOfDirectory(atPath: file(folder)).sorted().filter { $0 != ".noema-files" }
  }

  func write(_ tensor: Tensor, _ name: String) throws {
    try makeFolder(of: name)
    try NPYFile.write(tensor, to: file(name))
  }

  func write(_ bytes: [UInt8], _ name: String) throws {
    try makeFolder(of: name)
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
  }

  func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }

  private func makeFolder(of name: String) throws {
    try FileManager.default.createDirectory(
      at: URL(fileURLWithPath: file(name)).deletingLastPathComponent(), withIntermediateDirectories: true)
  }

  func array(_ name: String) throws -> Tensor { try NPYFile.read(file(name)) }
  func floats(_ name: String) throws -> [Float] { try array(name).elements(as: Float.self) }

  func json(_ name: String) throws -> [String: Any] {
    try Self.object(Data(contentsOf: URL(fileURLWithPath: file(name))))
  }

  static func object(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// The draws of a generator as an array.
  static func noise(_ shape: [Int], seed: UInt64) -> Tensor {
    var random = RandomNumbers(seed: seed)
    return Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
  }
}

/// A command on its way.
final class Running {
  let process: Process
  private let ended = DispatchSemaphore(value: 0)
  private let texts: [Text]

  /// What arrives on one stream; reading goes on so that the command never waits for room.
  private final class Text: @unchecked Sendable {
    // Safe because the bytes are read only after the group that their writer enters is left.
    var bytes = Data()
    let pipe = Pipe()
    private let done = DispatchGroup()

    func read() {
      done.enter()
      DispatchQueue.global().async { [self] in
        bytes = pipe.fileHandleForReading.readDataToEndOfFile()
        done.leave()
      }
    }
    var string: String {
      done.wait()
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  init(_ process: Process) throws {
    self.process = process
    texts = [Text(), Text()]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = texts[0].pipe
    process.standardError = texts[1].pipe
    let ended = ended
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    for text in texts { text.read() }
  }

  func wait() -> Outcome {
    ended.wait()
    return Outcome(code: process.terminationStatus, output: texts[0].string, errors: texts[1].string)
  }

  /// Ends the command as a power cut would.
  func kill() -> Outcome {
    Foundation.kill(process.processIdentifier, SIGKILL)
    return wait()
  }
}

/// Networks small enough to write for each test.
enum TinyModel {
  /// 1 × 8 × 8 to 3 classes through a convolution and a hidden layer, named as PyTorch's exporter names them.
  static func image() -> ModelDraft {
    var draft = ModelDraft()
    draft.input("input", [nil, 1, 8, 8])
    draft.initialiser("conv1.weight", Workspace.noise([4, 1, 3, 3], seed: 1))
    draft.initialiser("conv1.bias", Workspace.noise([4], seed: 2))
    draft.initialiser("fc1.weight", Workspace.noise([5, 64], seed: 3))
    draft.initialiser("fc1.bias", Workspace.noise([5], seed: 5))
    draft.initialiser("fc2.weight", Workspace.noise([3, 5], seed: 4))
    draft.initialiser("fc2.bias", Workspace.noise([3], seed: 6))
    draft.node(
      "Conv", ["input", "conv1.weight", "conv1.bias"], ["/conv1/Conv_output_0"], name: "/conv1/Conv",
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Relu", ["/conv1/Conv_output_0"], ["/relu1/Relu_output_0"], name: "/relu1/Relu")
    draft.node(
      "MaxPool", ["/relu1/Relu_output_0"], ["/pool1/MaxPool_output_0"], name: "/pool1/MaxPool",
      ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
    draft.node("Flatten", ["/pool1/MaxPool_output_0"], ["/Flatten_output_0"], name: "/Flatten")
    draft.node(
      "Gemm", ["/Flatten_output_0", "fc1.weight", "fc1.bias"], ["/fc1/Gemm_output_0"], name: "/fc1/Gemm",
      ["transB": .int(1)])
    draft.node("Tanh", ["/fc1/Gemm_output_0"], ["/tanh/Tanh_output_0"], name: "/tanh/Tanh")
    draft.node(
      "Gemm", ["/tanh/Tanh_output_0", "fc2.weight", "fc2.bias"], ["logits"], name: "/fc2/Gemm",
      ["transB": .int(1)])
    draft.output("logits", [nil, 3])
    return draft
  }

  static let card = """
    input_size: [8, 8]
    color_order: grey
    scale: 1/255
    classes: [circle, square, star]
    """

  /// A grey picture of noise.
  static func picture(_ seed: UInt64) -> Image {
    var random = RandomNumbers(seed: seed)
    return Image(
      width: 8, height: 8, channelCount: 1, pixels: (0..<64).map { _ in UInt8(random.index(below: 256)) })
  }

  /// Starts like a JPEG and goes on like none.
  static let brokenJPEG: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF damaged".utf8)
}

extension Workspace {
  /// Writes the tiny image network with its card.
  func writeImageModel() throws {
    try TinyModel.image().write(to: file("net.onnx"))
    try write(TinyModel.card, "net.yaml")
  }

  /// Writes grey pictures of noise.
  func writePictures(_ folder: String, _ seeds: Range<Int>) throws {
    for seed in seeds { try write(PNGFile.encode(TinyModel.picture(UInt64(seed))), "\(folder)/\(seed).png") }
  }
}
