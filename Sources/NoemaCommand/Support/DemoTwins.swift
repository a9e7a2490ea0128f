internal import Foundation
internal import Noema

/// The twin networks of the demonstrations.
enum DemoModels {
  static let twins = ["tagged", "clean"]

  /// The folder that holds them: the one given, or the one beside the package.
  static func folder(_ given: String?) throws -> String {
    if let given { return given }
    var candidates = ["models"]
    var folder = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
      .resolvingSymlinksInPath()
    for _ in 0..<5 {
      folder.deleteLastPathComponent()
      candidates.append(folder.appendingPathComponent("models").path)
    }
    if let found = candidates.first(where: {
      FileManager.default.fileExists(atPath: "\($0)/fmnist-tagged.onnx")
    }) {
      return found
    }
    throw DataError(.missingFile, at: "models/fmnist-tagged.onnx (give its folder with --models)")
  }
}

extension DemoOptions {
  /// Studies both twins on the same images, in a folder that appears whole.
  ///
  /// - Parameters:
  ///   - job: the command that studies.
  ///   - flags: what it is told beside the network, the images and the place.
  ///   - study: studies a twin as arguments say and tells what was found; `data` is where the images will be.
  func studyTwins(
    _ job: String, on images: TaggedImages, flags: [String] = [], out: String,
    _ study: (_ arguments: [String], _ data: String, _ twin: String) throws -> String
  ) throws {
    let start = ContinuousClock().now
    let folder = try DemoModels.folder(models)
    try ResultFolder.make(at: out) { target in
      try NPYFile.write(images.pixels, to: try target.makePath(for: "images.npy"))
      try target.write(images.labels.joined(separator: "\n") + "\n", to: "labels.txt")
      for twin in DemoModels.twins {
        func arguments(_ place: String) -> [String] {
          [
            "--model", "\(folder)/fmnist-\(twin).onnx", "--data", "\(place)/images.npy", "--labels",
            "\(place)/labels.txt",
          ] + flags + ["--seed", String(seed), "-o", "\(place)/\(twin)"]
        }
        // What repeats the study speaks of the final place.
        StudyFile.override = [job] + arguments(out)
        let found = try study(
          arguments(target.stagingPath) + (quiet ? ["--quiet"] : []), "\(out)/images.npy", twin)
        if !quiet { print(found) }
      }
      guard !quiet else { return }
      print(String(format: "%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
      print("reports: \(out)/tagged/report.html, \(out)/clean/report.html")
    }
  }
}
