public import NoemaData
public import NoemaTensor

/// A recipe that draws any number of examples of one concept, at any size.
///
/// Example `i` depends on the concept's name, the seed and `i` alone: a larger set begins with the smaller one,
/// and the same example at another size shows the same picture.
public struct ConceptGenerator: Sendable {
  /// The concept's name, which is also its folder's.
  public let name: String
  /// What sort of concept it is.
  public let kind: ConceptKind
  /// What the examples show, in one line.
  public let description: String
  /// Draws one picture; what varies between examples is drawn from the random numbers.
  let scene: @Sendable (inout RandomNumbers) -> Shade

  /// Whether the concept is lost in grey images.
  public var needsColour: Bool { kind == .colour }

  init(
    _ name: String, _ kind: ConceptKind, _ description: String,
    scene: @escaping @Sendable (inout RandomNumbers) -> Shade
  ) {
    self.name = name
    self.kind = kind
    self.description = description
    self.scene = scene
  }

  /// Draws one example from a stream of random numbers.
  ///
  /// - Parameters:
  ///   - size: Width and height in pixels, at least 1.
  ///   - channelCount: 1 for grey, 3 for RGB.
  ///   - random: What varies between examples is drawn from here.
  public func image(size: Int, channelCount: Int = 3, random: inout RandomNumbers) -> Image {
    precondition(size >= 1 && (channelCount == 1 || channelCount == 3))
    return Raster.image(of: scene(&random), size: size, channelCount: channelCount)
  }

  /// Draws example `index` of the set that a seed stands for.
  public func image(at index: Int, seed: UInt64, size: Int, channelCount: Int = 3) -> Image {
    // FNV-1a: the concepts of one seed get streams of their own.
    let hash = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    var random = RandomNumbers(seed: seed).split(Int(truncatingIfNeeded: hash)).split(index)
    return image(size: size, channelCount: channelCount, random: &random)
  }
}
