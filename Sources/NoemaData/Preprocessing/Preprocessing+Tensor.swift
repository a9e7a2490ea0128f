extension Preprocessing {
  /// Writes one input made from an image.
  ///
  /// - Parameters:
  ///   - image: Any size, grey or RGB.
  ///   - target: ``elementCount`` numbers in the order of ``shape``.
  /// - Throws: ``DataError`` for wrong settings, a target of another length, or an image of the wrong size.
  public func apply(to image: Image, into target: UnsafeMutableBufferPointer<Float>) throws(DataError) {
    let image = try prepared(image)
    guard target.count == elementCount else {
      throw DataError(.shape(found: [target.count], expected: shape), at: "input buffer")
    }
    let channels = image.channelCount, pixelCount = height * width
    image.pixels.withUnsafeBufferPointer { bytes in
      for channel in 0..<channels {
        let values = table(channel: channel)
        let source = sourceChannel(channel)
        let (first, step) = layout == .nchw ? (channel * pixelCount, 1) : (channel, channels)
        values.withUnsafeBufferPointer { values in
          for pixel in 0..<pixelCount {
            target[first + pixel * step] = values[Int(bytes[pixel * channels + source])]
          }
        }
      }
    }
  }

  /// One input made from an image, ``elementCount`` numbers in the order of ``shape``.
  ///
  /// - Throws: As ``apply(to:into:)``.
  public func tensor(of image: Image) throws(DataError) -> [Float] {
    try validate()
    var result = [Float](repeating: 0, count: elementCount)
    // withUnsafe… rethrows untyped errors only, so the typed one is carried out by hand.
    let failure = result.withUnsafeMutableBufferPointer { target -> DataError? in
      do throws(DataError) {
        try apply(to: image, into: target)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
    return result
  }

  /// The picture that an input shows: the way back from numbers to bytes, rounded and clamped to 0…255.
  ///
  /// - Parameter tensor: ``elementCount`` numbers in the order of ``shape``.
  /// - Returns: Grey or RGB, whichever ``colorOrder`` the network has.
  /// - Throws: ``DataError`` for wrong settings, another number of elements, or a value that is not finite.
  public func inverse(of tensor: UnsafeBufferPointer<Float>) throws(DataError) -> Image {
    try validate()
    guard tensor.count == elementCount else {
      throw DataError(.shape(found: [tensor.count], expected: shape), at: "input tensor")
    }
    let channels = colorOrder.channelCount, pixelCount = height * width
    var pixels = [UInt8](repeating: 0, count: elementCount)
    for channel in 0..<channels {
      let (mean, std) = (value(self.mean, channel, default: 0), value(self.std, channel, default: 1))
      let (first, step) = layout == .nchw ? (channel * pixelCount, 1) : (channel, channels)
      let source = sourceChannel(channel)
      for pixel in 0..<pixelCount {
        let index = first + pixel * step
        guard tensor[index].isFinite else {
          throw DataError(.notFinite("element \(index) is \(tensor[index])"), at: "input tensor")
        }
        let byte = (Double(tensor[index]) * Double(std) + Double(mean)) / scale
        pixels[pixel * channels + source] = UInt8(min(max(byte.rounded(), 0), 255))
      }
    }
    return Image(width: width, height: height, channelCount: channels, pixels: pixels)
  }

  /// The picture that an input shows, as the version for buffers.
  ///
  /// - Throws: As that version.
  public func inverse(of tensor: [Float]) throws(DataError) -> Image {
    let result = tensor.withUnsafeBufferPointer { tensor in
      Result { () throws(DataError) in try inverse(of: tensor) }
    }
    return try result.get()
  }

  /// What each byte becomes in one of the network's channels.
  func table(channel: Int) -> [Float] {
    let mean = value(self.mean, channel, default: 0), std = value(self.std, channel, default: 1)
    // A product in Double, rounded once, equals a Float division by 255.
    return (0..<256).map { (Float(Double($0) * scale) - mean) / std }
  }

  private func value(_ values: [Float], _ channel: Int, default missing: Float) -> Float {
    values.isEmpty ? missing : values[values.count == 1 ? 0 : channel]
  }

  /// The image's channel that feeds one of the network's.
  private func sourceChannel(_ channel: Int) -> Int { colorOrder == .bgr ? 2 - channel : channel }
}
