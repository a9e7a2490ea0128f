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
    let tags = Int((Self.taggedShare * Double(examples)).rounded())
    let images = TaggedImages(of: try FashionImages(folder: options.data), seed: options.seed) { label in
      Self.classes.contains(label) ? examples : 0
    } isTagged: { label, number in
      // Spread among the others.
      label == Self.taggedClass && (number + 1) * tags / examples > number * tags / examples
    }
    try options.studyTwins("spray", on: images, out: out) { arguments, data, twin in
      text(try SprayCommand.parse(arguments).study(isPrinting: false, data: data), twin, images.tagged)
    }
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
