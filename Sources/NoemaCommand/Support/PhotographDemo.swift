internal import ArgumentParser
internal import Foundation
internal import Noema

/// The concepts of a class of photographs, in scenes of which it is known where the class is seen.
struct PhotographDemo {
  /// What `make photographs` filled: the network, `hogs`, `others`, and `masks/hog`.
  let folder: String
  let seed: UInt64
  let quiet: Bool

  /// The class of ImageNet, and the layer at which a concept of it is found used: see docs/ace.md.
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
    guard !quiet else { return }
    let regions = try regions(in: outcome.found.patches)
    print("\nPlanted: the \(Self.name) of each scene.")
    // The greater part of a patch lies on the class.
    let shares = outcome.shares { patch in
      2 * patch.positions.intersectionCount(regions[patch.example]) > patch.positions.count
    }
    for (concept, share) in shares where share > 0.5 {
      print(
        "Concept \(concept.rank) is made of it: \(NumberText.fixed(100 * share, 0)) % of its patches lie on the "
          + "\(Self.name). It is \(concept.verdict ?? "not tested").")
    }
  }

  /// Where the class is in each scene that was searched.
  private func regions(in patches: PatchExamples) throws -> [PositionSet] {
    let scenes = patches.base, shape = scenes.exampleShape
    let masks = try MaskFolder.read(
      "\(folder)/masks", of: scenes, indices: Array(0..<scenes.count), size: (shape[1], shape[2]),
      preprocessing: patches.preprocessing)
    return (0..<scenes.count).map { masks.annotations.annotation(of: $0).masks[0] ?? PositionSet(runs: []) }
  }
}
