public import NoemaData

/// Inputs that were made for the targets of a layer.
public struct VisualizationResult: Sendable {
  /// One input.
  public struct Picture: Sendable, Hashable {
    /// The target's index, and which of its pictures this is.
    public let target, number: Int
    /// From 0 to 1 in red, green and blue, or grey, plane after plane; of an array its elements.
    public let values: [Float]
    /// The objective of the view at each step, before the step.
    public let trace: [Double]
    /// The objective of the whole picture before the first step and after the last.
    public let start, end: Double
    /// The steps that went through rectifiers that were shut, because the derivative was 0.
    public let openedSteps: Int
    /// Whether the derivative was 0 at every step even so.
    public let isSilent: Bool
  }

  /// The targets.
  public let targets: [VisualizationTarget]
  /// The shape of each picture: channels, height and width, or the array's.
  public let shape: [Int]
  /// Whether inputs are pictures.
  public let arePictures: Bool
  /// The pictures, target after target.
  public let pictures: [Picture]
  /// For each target how alike its pictures are to the layer, the mean cosine of Gram matrices; NaN for one picture.
  public let similarities: [Double]

  /// The picture in bytes; nil for arrays.
  public func image(_ picture: Picture) -> Image? {
    guard arePictures else { return nil }
    let (channels, area) = (shape[0], shape[1] * shape[2])
    var pixels = [UInt8](repeating: 0, count: channels * area)
    for channel in 0..<channels {
      for pixel in 0..<area {
        pixels[pixel * channels + channel] = UInt8((255 * picture.values[channel * area + pixel]).rounded())
      }
    }
    return Image(width: shape[2], height: shape[1], channelCount: channels, pixels: pixels)
  }

  /// What a reader should know before believing the pictures.
  public var warnings: [String] {
    pictures.compactMap { picture in
      let target = targets[picture.target]
      if picture.isSilent {
        return
          "\(target.name): the derivative is 0 everywhere it was looked at; take the layer before the activation, "
          + "another seed, or leave the unit for dead"
      }
      let hasGained = target.isMinimised ? picture.end < picture.start : picture.end > picture.start
      return hasGained ? nil : "\(target.name): the objective is no better than that of noise; add steps"
    }
  }
}
