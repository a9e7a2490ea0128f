/// How a network's input is made from an image.
///
/// The image is converted to RGB or grey, resized, cropped, and each byte `v` of channel `c` becomes
/// `(v · scale − mean[c]) / std[c]`.
///
/// ```swift
/// var recipe = Preprocessing(height: 224, width: 224)
/// recipe.resize = .shorterSide(256)
/// recipe.cropsCentre = true
/// recipe.mean = [0.485, 0.456, 0.406]
/// recipe.std = [0.229, 0.224, 0.225]
/// let input = try recipe.tensor(of: ImageFile.read(path: "zebra.jpg"))
/// ```
public struct Preprocessing: Sendable, Hashable {
  /// Rows of the input.
  public var height: Int
  /// Columns of the input.
  public var width: Int
  /// How images come to the input's size.
  public var resize = ResizeMode.exact
  /// The filter of the resize.
  public var filter = ResizeFilter.bilinear
  /// Whether the middle is cut out, or small images padded with black, after the resize.
  public var cropsCentre = false
  /// Where the crop goes when the margin is odd.
  public var cropRounding = CropRounding.halfToEven
  /// The input's channels.
  public var colorOrder = ColorOrder.rgb
  /// What bytes are multiplied by, before the mean is taken off.
  public var scale = 1.0 / 255
  /// The mean of each channel in the network's order, in scaled units; empty for 0, one value for all.
  public var mean: [Float] = []
  /// The deviation of each channel, likewise; empty for 1.
  public var std: [Float] = []
  /// The order of the axes.
  public var layout = TensorLayout.nchw

  /// Makes the recipe that stretches RGB images to a size and divides them by 255.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The shape of one input, without the batch axis.
  public var shape: [Int] {
    let channels = colorOrder.channelCount
    return layout == .nchw ? [channels, height, width] : [height, width, channels]
  }

  /// Numbers in one input.
  public var elementCount: Int { height * width * colorOrder.channelCount }

  /// Checks that the settings are in range and fit each other.
  ///
  /// - Throws: ``DataError`` of kind `parameters`, naming the setting.
  public func validate() throws(DataError) {
    func check(_ isRight: Bool, _ place: String, _ text: String) throws(DataError) {
      if !isRight { throw DataError(.parameters(text), at: place) }
    }
    let sides = 1...1 << 15
    try check(
      sides.contains(height) && sides.contains(width) && height * width <= ImageFile.pixelLimit, "input_size",
      "found \(height) × \(width), expected height and width from 1 to \(sides.upperBound)")
    switch resize {
    case .none, .exact: break
    case .shorterSide(let length):
      try check(
        sides.contains(length), "resize", "found \(length), expected a side from 1 to \(sides.upperBound)")
    case .centreSquare(let fraction):
      try check(
        fraction > 0 && fraction <= 1, "resize", "found \(fraction), expected a fraction above 0, at most 1")
    }
    try check(scale.isFinite && scale != 0, "scale", "found \(scale), expected a number other than 0")
    let channels = colorOrder.channelCount
    for (name, values) in [("mean", mean), ("std", std)] {
      try check(
        [0, 1, channels].contains(values.count), name,
        "found \(values.count) values, expected 1 or \(channels) for color_order \(colorOrder.rawValue)")
      try check(values.allSatisfy(\.isFinite), name, "found \(values), expected finite numbers")
    }
    try check(std.allSatisfy { $0 > 0 }, "std", "found \(std), expected numbers above 0")
    // Values are linear in the byte, so the ends tell for all.
    let extremes = (0..<channels).flatMap { [table(channel: $0)[0], table(channel: $0)[255]] }
    try check(
      extremes.allSatisfy(\.isFinite), "scale", "scale, mean and std make values that a Float cannot hold")
  }

  /// The image as the network sees it, still in bytes: converted, resized and cropped.
  ///
  /// - Throws: ``DataError`` for wrong settings, or an image whose size stays another than the input's.
  public func prepared(_ image: Image) throws(DataError) -> Image {
    try validate()
    var image = colorOrder == .grey ? image.convertedToGrey() : image.convertedToRGB()
    switch resize {
    case .none: break
    case .exact: image = try image.resized(height: height, width: width, filter: filter)
    case .shorterSide(let length): image = try image.resized(shorterSide: length, filter: filter)
    case .centreSquare(let fraction):
      let side = max(1, Int(fraction * Double(min(image.width, image.height))))
      image = try image.centreCropped(height: side, width: side, rounding: cropRounding)
      image = try image.resized(height: height, width: width, filter: filter)
    }
    if cropsCentre { image = try image.centreCropped(height: height, width: width, rounding: cropRounding) }
    guard image.height == height, image.width == width else {
      throw DataError(
        .shape(found: [image.height, image.width], expected: [height, width]),
        at: "image after resizing (set resize: exact or crop: centre)")
    }
    return image
  }
}
