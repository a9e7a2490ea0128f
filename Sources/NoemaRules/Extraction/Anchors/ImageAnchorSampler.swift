public import NoemaTensor

/// An image to be explained by the segments that must stay: every other one is covered by a coin.
///
/// - Source: Ribeiro, Singh and Guestrin, AAAI 2018, and its implementation for images.
public struct ImageAnchorSampler: AnchorSampler {
  /// What covered segments show.
  public enum Cover: Sendable {
    /// Each segment's own mean, in each channel.
    case mean
    /// One number for all channels, or one for each.
    case fill([Float])
    /// The same place of one of these images, a random one for each drawn image.
    case images([Tensor])
  }

  /// What makes a drawn image.
  public struct Sample: Sendable, Hashable {
    /// For each segment whether it stays.
    let stays: [Bool]
    /// Which of the covering images shows elsewhere.
    let cover: Int
  }

  /// The numbers of the segments in the label map, ascending; a statement is that one of them stays.
  public let segments: [Int]
  /// The class that the network gives the image.
  public let label: Int
  /// The chance that a segment is covered.
  public let chance: Double
  private let shape: [Int]
  private let pixels: [Float]
  /// For each pixel the place of its segment.
  private let owners: [Int]
  private let covers: [[Float]]
  private let network: @Sendable (Tensor) throws -> [Int]

  /// The most images that the network is shown at once.
  static let batchSize = 64

  /// Takes an image.
  ///
  /// - Parameters:
  ///   - image: `[channels, height, width]`, as the network reads it.
  ///   - labelMap: the number of each pixel's segment, row after row, `height · width` of them.
  ///   - cover: what covered segments show.
  ///   - chance: that a segment is covered, between 0 and 1.
  ///   - labels: the network's class for each of the images `[n, channels, height, width]`, n at most 64.
  /// - Throws: `RuleError` when shapes do not fit, a pixel is NaN or infinite, or the chance is out of range, and what
  ///   asking throws.
  public init(
    _ image: Tensor, labelMap: [Int], cover: Cover = .mean, chance: Double = 0.5,
    labels: @escaping @Sendable (Tensor) throws -> [Int]
  ) throws {
    guard image.rank == 3 else {
      throw RuleError(.count(what: "axes of the image", found: image.rank, expected: 3))
    }
    let size = image.shape[1] * image.shape[2]
    guard labelMap.count == size, size > 0 else {
      throw RuleError(.count(what: "pixels with a segment", found: labelMap.count, expected: max(1, size)))
    }
    guard chance > 0, chance < 1 else {
      throw RuleError(
        .parameters("the chance that a segment is covered must lie between 0 and 1, found \(chance)"))
    }
    let pixels = try ImageAnchorSampler.pixels(image, "the image")
    let segments = Set(labelMap).sorted()
    let places = Dictionary(uniqueKeysWithValues: zip(segments, segments.indices))
    let owners = labelMap.map { places[$0] ?? 0 }
    covers = try ImageAnchorSampler.covers(cover, image.shape, pixels, owners, count: segments.count)
    let own = try labels(Tensor(shape: [1] + image.shape, pixels))
    guard own.count == 1 else {
      throw RuleError(.count(what: "labels of the image", found: own.count, expected: 1))
    }
    (self.segments, self.owners, self.pixels, shape) = (segments, owners, pixels, image.shape)
    (self.chance, label, network) = (chance, own[0], labels)
  }

  private static func pixels(_ image: Tensor, _ name: String) throws(RuleError) -> [Float] {
    let pixels = image.converted(to: .float32).elements(as: Float.self)
    if let bad = pixels.firstIndex(where: { !$0.isFinite }) {
      throw RuleError(.notFinite("value \(bad) of \(name) is \(pixels[bad]); a network needs numbers"))
    }
    return pixels
  }

  private static func covers(
    _ cover: Cover, _ shape: [Int], _ pixels: [Float], _ owners: [Int], count: Int
  ) throws(RuleError) -> [[Float]] {
    let size = owners.count
    switch cover {
    case .mean:
      var result = pixels
      for start in stride(from: 0, to: pixels.count, by: size) {
        var (sums, counts) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
        for (pixel, owner) in owners.enumerated() {
          sums[owner] += Double(pixels[start + pixel])
          counts[owner] += 1
        }
        for (pixel, owner) in owners.enumerated() {
          result[start + pixel] = Float(sums[owner] / counts[owner])
        }
      }
      return [result]
    case .fill(let numbers):
      guard numbers.count == 1 || numbers.count == shape[0], numbers.allSatisfy(\.isFinite) else {
        throw RuleError(
          .parameters(
            "covered segments need one finite number, or \(shape[0]) for the channels; found \(numbers)"))
      }
      return [pixels.indices.map { numbers[numbers.count == 1 ? 0 : $0 / size] }]
    case .images(let images):
      guard !images.isEmpty else {
        throw RuleError(.tooFew(set: "the set of covering images", found: 0, needed: 1))
      }
      var result: [[Float]] = []
      for (index, image) in images.enumerated() {
        guard image.shape == shape else {
          throw RuleError(
            .malformed("covering image \(index) has shape \(image.shape), not \(shape); resize it"))
        }
        result.append(try ImageAnchorSampler.pixels(image, "covering image \(index)"))
      }
      return result
    }
  }

  /// The number of statements: segments.
  public var predicateCount: Int { segments.count }

  /// A statement in words.
  public func text(_ predicate: Int) -> String { "segment \(segments[predicate])" }

  /// Draws images of which some statements hold, and the others as chance has it.
  public func draw(
    _ count: Int, fixing predicates: [Int], using random: inout RandomNumbers
  ) -> [Sample] {
    (0..<count).map { _ in
      var stays = segments.map { _ in random.uniform() >= chance }
      for predicate in predicates { stays[predicate] = true }
      return Sample(stays: stays, cover: covers.count > 1 ? random.index(below: covers.count) : 0)
    }
  }

  /// Whether a statement holds of a drawn image.
  public func holds(_ predicate: Int, of sample: Sample) -> Bool { sample.stays[predicate] }

  /// The class that the network gives each drawn image; throws what asking throws.
  public func labels(of samples: [Sample]) throws -> [Int] {
    var labels: [Int] = []
    for start in stride(from: 0, to: samples.count, by: ImageAnchorSampler.batchSize) {
      let part = samples[start..<min(samples.count, start + ImageAnchorSampler.batchSize)]
      let found = try network(Tensor(shape: [part.count] + shape, part.flatMap { image(of: $0) }))
      guard found.count == part.count else {
        throw RuleError(.count(what: "labels of images", found: found.count, expected: part.count))
      }
      labels += found
    }
    return labels
  }

  /// The values of a drawn image.
  func image(of sample: Sample) -> [Float] {
    var result = covers[sample.cover]
    let size = owners.count
    for start in stride(from: 0, to: pixels.count, by: size) {
      for (pixel, owner) in owners.enumerated() where sample.stays[owner] {
        result[start + pixel] = pixels[start + pixel]
      }
    }
    return result
  }
}
