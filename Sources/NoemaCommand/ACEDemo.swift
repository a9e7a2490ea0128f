internal import ArgumentParser
internal import Foundation
internal import Noema

struct ACEDemo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ace",
    abstract: "Look for a planted corner tag among the concepts of two twin networks, without naming it.",
    discussion: """
      Both networks tell Fashion-MNIST classes apart. In the training data of one a
      small tag stood in the corner of most shirts, in that of the other on as many
      images of all classes. Both get the same images, of which half the shirts carry
      the tag; nobody tells which. The demonstration writes the images, and runs
      `noema ace` on the shirts for each network.

      With --photographs EfficientNet-Lite0 is asked about its class 'hog' instead, on
      scenes of photographs of animals, fruit and vegetables of which one is a pig:
      which of the concepts is made of it? `make photographs` fetches both.

      EXAMPLES
        noema demo ace -o demo-ace
        noema demo ace --photographs photographs -o demo-photographs
      """)

  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out = "demo-ace"
  @Option(help: "Study photographs instead: the folder that `make photographs` fills.") var photographs:
    String?
  @OptionGroup var options: DemoOptions

  /// Shirts, half of them with the tag, and of each other class a share of the random images.
  private static let shirtCount = 200, otherCount = 30, taggedClass = 6

  func validate() throws {
    guard photographs == nil || options.models == nil && options.data == DemoOptions.fashion else {
      throw ValidationError(
        "--models and --data are of the twins; --photographs has a network and data of its own.")
    }
  }

  func run() throws {
    if let photographs {
      return try PhotographDemo(folder: photographs, seed: options.seed, quiet: options.quiet).run(out: out)
    }
    let images = TaggedImages(of: try FashionImages(folder: options.data), seed: options.seed) { label in
      label == Self.taggedClass ? Self.shirtCount : Self.otherCount
    } isTagged: { label, number in
      label == Self.taggedClass && number % 2 == 1
    }
    let flags = [
      "--target", "Shirt", "--layer", "pool2",
      // Clothes lie on black, and where a part lies has a meaning to these networks.
      "--segmenter", "grid", "--segments", "7", "--fill", "0", "--fit", "in-place",
      "--concepts", "25", "--search", "100", "--held-out", "100",
    ]
    try options.studyTwins("ace", on: images, flags: flags, out: out) { arguments, data, twin in
      text(try ACECommand.parse(arguments).study(isPrinting: false, data: data), twin, images.tagged)
    }
  }

  /// What was found for a twin, beside what was planted.
  private func text(_ outcome: ACECommand.Outcome, _ twin: String, _ tagged: Set<Int>) -> String {
    var lines = ["The \(twin) twin", DiscoveryTable(record: outcome.record).text, ""]
    guard let layer = outcome.record.layers.first,
      let (concept, share) = Self.tagConcept(outcome, tagged), share > 0.5
    else {
      return (lines + ["No concept of the \(twin) twin is made of the tag.\n"]).joined(separator: "\n")
    }
    lines.append(
      "Planted: the tag. Concept \(concept.rank) of \(layer.layer) is made of it: "
        + "\(NumberText.fixed(100 * share, 0)) % of its patches "
        + "show the tag's corner of tagged images. It is \(concept.verdict ?? "not tested"): score "
        + "\(NumberText.fixed(concept.score ?? .nan, 2)), adjusted "
        + NumberText.equation("p", concept.pPermutationAdjusted ?? .nan) + ".\n")
    return lines.joined(separator: "\n")
  }

  /// The concept of which the greatest share of patches shows the tag.
  private static func tagConcept(
    _ outcome: ACECommand.Outcome, _ tagged: Set<Int>
  ) -> (ACERecord.Concept, Double)? {
    guard let shirts = outcome.found.patches.base as? ExampleSubset else { return nil }
    let corner = PositionSet(runs: (21..<28).map { $0 * 28 + 21..<$0 * 28 + 28 })
    return outcome.shares { patch in
      tagged.contains(shirts.indices[patch.example])
        && patch.positions.intersectionCount(corner) == corner.count
    }.max { $0.share < $1.share }
  }
}

extension ACECommand.Outcome {
  /// The concepts of the first layer by rank, each with the share of its patches that show something.
  func shares(of isShown: (Patch) -> Bool) -> [(concept: ACERecord.Concept, share: Double)] {
    guard let layer = found.layers.first, let record = record.layers.first else { return [] }
    return record.concepts.compactMap { concept in
      guard let members = layer.concepts.first(where: { $0.atom == concept.atom })?.members else {
        return nil
      }
      let shown = members.count { isShown(found.patches.patches[$0.patch]) }
      return (concept, Double(shown) / Double(max(1, members.count)))
    }
  }
}
