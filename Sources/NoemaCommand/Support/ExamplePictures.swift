internal import Noema

/// Examples as the network sees them, as pictures.
struct ExamplePictures {
  private let source: any ExampleSource
  private let preprocessing: Preprocessing?

  /// Whether there are pictures is a matter of the examples' shape.
  init?(_ source: any ExampleSource, _ model: LoadedModel) {
    let shape = source.exampleShape
    guard model.network.inputs.count == 1, shape.count == 2 || shape.count == 3,
      AttributionMap([Float](repeating: 0, count: source.exampleSize), shape: shape) != nil
    else { return nil }
    self.source = source
    preprocessing = model.preprocessing.flatMap { $0.shape == shape ? $0 : nil }
  }

  /// The input turned back into an image; grey between its extremes where nothing says how it was made.
  func picture(_ index: Int) throws -> Image? {
    let values = try source.tensor(at: index).elements(as: Float.self)
    if let preprocessing,
      let image = try? values.withUnsafeBufferPointer({ try preprocessing.inverse(of: $0) })
    {
      return image
    }
    guard let map = AttributionMap(values, shape: source.exampleShape) else { return nil }
    let low = map.values.min() ?? 0, high = map.values.max() ?? 1
    return Image(
      width: map.width, height: map.height, channelCount: 1,
      pixels: map.values.map { UInt8(high > low ? (255 * ($0 - low) / (high - low)).rounded() : 0) })
  }
}
