internal import ArgumentParser
internal import Foundation
internal import Noema

struct SpRAYDemo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spray",
    abstract: "Find the images with a planted corner tag among the strategies of one of two twin networks.",
    discussion: """
      Both networks tell Fashion-MNIST classes apart. In the training data of one a
      small tag stood in the corner of most shirts, in that of the other on as many
      images of all classes. Both get the same images, of which some shirts carry the
      tag; nobody tells which. The demonstration writes the images, and runs
      `noema spray` on them for each network.

      EXAMPLE
        noema demo spray -o demo-spray
      """)

  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out = "demo-spray"
  @Option(help: "Images of each class.") var examples = 300
  @OptionGroup var options: DemoOptions

  /// Shirts, and the classes that they are mistaken for.
  private static let classes = [0, 2, 3, 4, 6]
  /// The class of which some images carry the tag, and how large a share of them.
  private static let taggedClass = 6, taggedShare = 0.3

  func validate() throws {
    if !(40...1000).contains(examples) {
      throw ValidationError("--examples must be from 40 to 1000, found \(examples).")
    }
  }

  func run() throws {
    let start = ContinuousClock().now
    let images = try FashionImages(folder: options.data)
    let folder = try DemoModels.folder(options.models)
    try ResultFolder.make(at: out) { target in
      let tagged = try write(images, to: target)
      for twin in DemoModels.twins {
        func arguments(_ place: String) -> [String] {
          [
            "--model", "\(folder)/fmnist-\(twin).onnx", "--data", "\(place)/images.npy", "--labels",
            "\(place)/labels.txt", "--seed", String(options.seed), "-o", "\(place)/\(twin)",
          ]
        }
        // What repeats the study speaks of the final place.
        StudyFile.override = ["spray"] + arguments(out)
        let command = try SprayCommand.parse(
          arguments(target.stagingPath) + (options.quiet ? ["--quiet"] : []))
        let found = try command.study(isPrinting: false, data: "\(out)/images.npy")
        if !options.quiet { print(text(found, twin, tagged)) }
      }
      guard !options.quiet else { return }
      print(String(format: "%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
      print("reports: \(out)/tagged/report.html, \(out)/clean/report.html")
    }
  }

  /// Writes images and labels, class after class.
  ///
  /// - Returns: the places of the images with the tag.
  private func write(_ source: FashionImages, to folder: ResultFolder) throws -> Set<Int> {
    var random = RandomNumbers(seed: options.seed)
    let order = random.sample(source.images.count, below: source.images.count)
    var pixels: [UInt8] = [], words: [String] = [], tagged: Set<Int> = []
    for label in Self.classes {
      let chosen = order.filter { source.labels[$0] == label }.prefix(examples)
      let tags = label == Self.taggedClass ? Int((Self.taggedShare * Double(examples)).rounded()) : 0
      for (number, index) in chosen.enumerated() {
        // Spread among the others.
        let isTagged = (number + 1) * tags / examples > number * tags / examples
        if isTagged { tagged.insert(words.count) }
        pixels += (isTagged ? source.images[index].withTag() : source.images[index]).pixels
        words.append(FashionImages.classNames[label])
      }
    }
    try NPYFile.write(
      Tensor(shape: [words.count, 28, 28], pixels), to: try folder.makePath(for: "images.npy"))
    try folder.write(words.joined(separator: "\n") + "\n", to: "labels.txt")
    return tagged
  }

  /// What was found for a twin, beside what was planted.
  private func text(_ result: SpRAYStudyResult, _ twin: String, _ tagged: Set<Int>) -> String {
    var lines = ["The \(twin) twin", StrategyTable(result: result).text]
    let name = FashionImages.classNames[Self.taggedClass]
    if let finding = result.findings.first(where: { $0.strategies.name == name }),
      let best = Self.isolation(of: tagged, in: finding.strategies)
    {
      func percent(_ value: Double) -> String { NumberText.fixed(100 * value, 0) + " %" }
      let planted = "Planted: \(tagged.count) images of \(name) with the tag. "
      lines.append(
        finding.strategies.clusters.count < 2
          ? planted + "Their maps do not part from the others."
          : planted
            + "Strategy \(best.label + 1) holds \(percent(best.recall)) of them, and \(percent(best.precision)) of its "
            + "images have it: \(finding.verdict(of: best.label).rawValue).")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The strategy that holds most of some examples, and how well it isolates them.
  private static func isolation(
    of examples: Set<Int>, in strategies: SpRAYClass
  ) -> (label: Int, precision: Double, recall: Double)? {
    func hits(_ cluster: SpRAYCluster) -> Int {
      cluster.members.count { examples.contains(strategies.members[$0].example.index) }
    }
    return strategies.clusters.max { hits($0) < hits($1) }.map { cluster in
      let found = Double(hits(cluster))
      return (cluster.label, found / Double(cluster.size), found / Double(examples.count))
    }
  }
}
