internal import Foundation
internal import NoemaData
internal import NoemaTensor

/// Writing discovered concepts as concept folders, which concept studies read like any other.
///
/// Patches of images become PNG files, in the order of the concept's members; those of other examples one array
/// `patches.npy`. Pictures have the size of the network's input: where inputs are cropped from larger pictures, the
/// border of patches is lost when they are read again, so that activations differ a little.
public struct DiscoveredConceptWriter: Sendable {
  /// The library's directory; a concept goes to `NAME/` in it.
  public let directory: String
  /// Whether a concept that is there already is replaced.
  public let replaces: Bool

  /// Makes a writer.
  public init(directory: String, replaces: Bool = false) {
    (self.directory, self.replaces) = (directory, replaces)
  }

  /// Where a concept goes.
  public func folder(of concept: DiscoveredConcept) -> String {
    directory.hasSuffix("/") ? directory + concept.name : "\(directory)/\(concept.name)"
  }

  /// Writes one concept; the folder appears whole or not at all.
  ///
  /// - Parameters:
  ///   - found: the study.
  ///   - layer: the layer at which the concept was found.
  /// - Returns: The folder's path.
  /// - Throws: `LibraryError` if the folder exists already or cannot be written, `DataError` for examples that cannot
  ///   be read any more.
  @discardableResult
  public func write(
    _ concept: DiscoveredConcept, of found: DiscoveredConcepts, at layer: LayerConcepts
  ) throws -> String {
    let target = folder(of: concept)
    guard replaces || !FileManager.default.fileExists(atPath: target) else {
      throw LibraryError(.exists, at: target)
    }
    try ConceptFolder.write(target) { folder in try fill(folder, concept, found, layer) }
    return target
  }

  private func fill(
    _ folder: String, _ concept: DiscoveredConcept, _ found: DiscoveredConcepts, _ layer: LayerConcepts
  ) throws {
    let patches = found.patches, members = concept.members.map(\.patch)
    var manifest = ConceptManifest(
      name: concept.name,
      description: "found in class '\(found.target.name)' at \(layer.layer), in \(concept.exampleCount) of "
        + "\(found.discoveryExamples.count) examples",
      source: "discovered by Noema", seed: found.discovery.seed)
    if let preprocessing = patches.preprocessing {
      let digits = max(3, String(members.count - 1).count)
      for (index, patch) in members.enumerated() {
        guard let image = try patches.image(at: patch) else { continue }
        let number = String(index)
        let name = String(repeating: "0", count: digits - number.count) + number + ".png"
        try Data(try PNGFile.encode(image)).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      }
      manifest.channels = preprocessing.colorOrder.channelCount
      if preprocessing.width == preprocessing.height { manifest.size = preprocessing.width }
      manifest.count = members.count
    } else {
      let values = try members.flatMap { try patches.values(at: $0) }
      try NPYFile.write(
        Tensor(shape: [members.count] + patches.exampleShape, values), to: "\(folder)/patches.npy")
    }
    let file = URL(fileURLWithPath: "\(folder)/\(ConceptManifest.fileName)")
    try Data(try manifest.yaml().utf8).write(to: file)
  }
}
