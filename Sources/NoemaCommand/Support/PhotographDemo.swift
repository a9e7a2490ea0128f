internal import ArgumentParser
internal import Foundation
internal import Noema

/// The concepts of a class of photographs, in scenes of which it is known where the class is seen.
struct PhotographDemo {
  /// What `make photographs` filled: the network, `hogs`, `others`, and `masks` of the hogs.
  let folder: String
  let seed: UInt64
  let quiet: Bool

  /// The class of ImageNet, and a layer behind a rectifier that still tells 14 × 14 places apart.
  private static let name = "hog", index = 341, layer = "_blocks.11._swish"
  /// Less of what costs passes, for a demonstration.
  private static let flags = "--concepts 15 --scenes 10 --random-orders 19 --stability 5"

  func run(out: String) throws {
    let network = "\(folder)/network.onnx"
    guard FileManager.default.fileExists(atPath: network) else {
      throw DataError(.missingFile, at: "\(network) (make photographs fetches it)")
    }
    let arguments =
      [
        "--model", network, "--data", "\(folder)/hogs", "--random", "\(folder)/others", "--target",
        String(Self.index), "--layer", Self.layer, "--seed", String(seed), "-o", out,
      ] + Self.flags.split(separator: " ").map(String.init)
    StudyFile.override = ["ace"] + arguments
    let outcome = try ACECommand.parse(arguments + (quiet ? ["--quiet"] : [])).study()
    guard !quiet, let layer = outcome.record.layers.first else { return }
    print("\nPlanted: the \(Self.name) of each scene.")
    for concept in layer.concepts {
      guard let found = outcome.found.layers.first?.concepts.first(where: { $0.atom == concept.atom }) else {
        continue
      }
      let share = try self.share(of: found, in: outcome.found.patches)
      guard share > 0.5 else { continue }
      print(
        "Concept \(concept.rank) is made of it: \(NumberText.fixed(100 * share, 0)) % of its patches lie on the "
          + "\(Self.name). It is \(concept.verdict ?? "not tested").")
    }
  }

  /// The share of a concept's patches of which the greater part lies on the class.
  private func share(of concept: DiscoveredConcept, in patches: PatchExamples) throws -> Double {
    let inside = try concept.members.count { member in
      let patch = patches.patches[member.patch]
      let name = (patches.base.name(of: patch.example) as NSString).lastPathComponent
      let mask = try ImageFile.read(path: "\(folder)/masks/\(name)")
      let channels = mask.channelCount
      let region = PositionSet(
        mask: (0..<mask.width * mask.height).map { mask.pixels[$0 * channels] > 127 })
      return 2 * patch.positions.intersectionCount(region) > patch.positions.count
    }
    return Double(inside) / Double(max(1, concept.members.count))
  }
}
