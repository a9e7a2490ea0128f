internal import NoemaGraph

/// How the channels and positions of an image lie in one example.
struct ImageLayout: Sendable, Hashable {
  let channels, height, width: Int
  /// The distance between a position's channels, and between positions next to each other.
  let channelStride, positionStride: Int
  /// The shape of one example.
  let shape: [Int]

  /// Works out the layout of the one image that a method masks.
  ///
  /// - Parameters:
  ///   - isInput: whether the value is an input of the network, whose few channels may lie last.
  ///   - method: the method's name, for messages.
  /// - Throws: `GraphError` when there are several values, or the value is no image.
  init(_ shapes: [[Int]], names: [String], isInput: Bool, method: String) throws(GraphError) {
    guard shapes.count == 1 else {
      throw GraphError(
        .unsupported(
          "\(method) masks one image, but attributions are asked for at \(names.joined(separator: ", ")); "
            + "name one of them as the layer"))
    }
    let shape = shapes[0]
    guard shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw GraphError(
        .unsupported(
          "\(method) masks images, [channels, height, width] per example, and '\(names[0])' has shape "
            + "\(shape); take occlusion or feature ablation for other values"))
    }
    self.shape = shape
    if isInput, shape[0] > 4, shape[2] <= 4 {
      (height, width, channels) = (shape[0], shape[1], shape[2])
      (channelStride, positionStride) = (1, shape[2])
    } else {
      (channels, height, width) = (shape[0], shape[1], shape[2])
      (channelStride, positionStride) = (shape[1] * shape[2], 1)
    }
  }

  /// The number of positions.
  var positions: Int { height * width }
  /// The number of elements.
  var count: Int { channels * positions }

  /// A length that papers give for images whose shorter side has 224 pixels, for this image.
  func scaled(_ length: Double) -> Double { length * Double(min(height, width)) / 224 }

  /// The offset of a channel of a position.
  func offset(_ channel: Int, _ position: Int) -> Int {
    channel * channelStride + position * positionStride
  }

  /// A map repeated for every channel, in the order of an example's elements.
  func spread(_ map: [Double]) -> [Double] {
    var found = [Double](repeating: 0, count: count)
    for channel in 0..<channels { for u in 0..<positions { found[offset(channel, u)] = map[u] } }
    return found
  }

  /// Writes `m · x + (1 − m) · b` for a map `m` of weights.
  func blend(
    _ map: UnsafeBufferPointer<Float>, _ image: UnsafeBufferPointer<Float>,
    _ infill: UnsafeBufferPointer<Float>, into target: UnsafeMutableBufferPointer<Float>
  ) {
    for channel in 0..<channels {
      var i = channel * channelStride
      for u in 0..<positions {
        target[i] = infill[i] + map[u] * (image[i] - infill[i])
        i += positionStride
      }
    }
  }

  /// Adds `factor · Σ g · (x − b)` over the channels of each position: the derivative of a blend by its
  /// weights.
  func addBlendDerivative(
    _ gradient: UnsafeBufferPointer<Float>, _ image: UnsafeBufferPointer<Float>,
    _ infill: UnsafeBufferPointer<Float>, factor: Double,
    to sums: UnsafeMutableBufferPointer<Double>
  ) {
    for channel in 0..<channels {
      var i = channel * channelStride
      for u in 0..<positions {
        sums[u] += factor * Double(gradient[i]) * Double(image[i] - infill[i])
        i += positionStride
      }
    }
  }
}
